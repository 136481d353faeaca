#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "base/io/spool.h"

namespace streamsync {

/// What a server said about a document, to be asked again with (RFC 9110 §13.1).
struct Validator {
  std::string etag;
  std::string last_modified;
  bool empty() const noexcept { return etag.empty() && last_modified.empty(); }
};

struct FetchedDocument {
  Spool bytes;
  Validator validator;
};

/// Answer to a conditional request for a document.
struct Absent {};
struct Unchanged {};
using DocumentState = std::variant<Absent, Unchanged, FetchedDocument>;

/// A document of ours, from text.
Spool spool_of(std::string_view text);
bool same_bytes(const Spool& one, const Spool& other);

}  // namespace streamsync
