#pragma once

#include <catch2/catch.hpp>
#include <string>
#include <string_view>

#include "base/crypto/openpgp.h"
#include "base/error.h"
#include "streams/document.h"

namespace streamsync {

inline TrustedText trusted(std::string_view text) {
  return accept_unverified(spool_of(text), "the test");
}

/// Matches the refusal of a document whose message has `part` in it.
inline auto refusal(std::string part) {
  return Catch::Predicate<Error>(
      [part](const Error& error) {
        return error.kind() == ErrorKind::Malformed && error.origin() == Origin::Source &&
               std::string_view(error.what()).find(part) != std::string_view::npos;
      },
      "is a refusal that says \"" + part + "\"");
}

}  // namespace streamsync
