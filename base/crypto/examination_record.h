#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/crypto/digest.h"
#include "base/crypto/signature_judgement.h"
#include "base/time.h"

namespace streamsync {

/// One line that says what GnuPG found in a document, to be kept with the document, so that GnuPG
/// need not read the same again (`cli.md` §4.9). `seal` stands for all that GnuPG was given:
/// document, signature and keyring. Only good signatures by keys that are in the keyring are in it;
/// what they are worth is judged anew each time. A line is as trustworthy as where it was kept.
std::string record_examination(const Digest& seal, const Examination& examination);

/// None when the line is of anything but `seal`, or when a signature or key in it has expired: then
/// GnuPG has to look.
std::optional<Examination> recorded_examination(std::string_view line, const Digest& seal,
                                                Time now);

}  // namespace streamsync
