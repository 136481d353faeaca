#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/crypto/openpgp.h"
#include "base/time.h"

namespace streamsync {

/// What a document says of itself at its top level (`upstream-gss.md` §1.2, §1.3); empty where it
/// does not.
struct DocumentHead {
  std::string format;
  std::string content_id;
  std::optional<Time> updated;  ///< none, too, when it is no date
};

/// Reads the head and passes over all else without judging it. Throws `Error{Malformed, Source}`
/// when the document is no JSON object.
DocumentHead read_head(const TrustedText& text, std::string_view where);

}  // namespace streamsync
