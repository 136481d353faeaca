#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/io/bytes.h"

namespace streamsync {

inline constexpr std::string_view kClearsignHeader = "-----BEGIN PGP SIGNED MESSAGE-----";

/// Reads a clear-signed message (RFC 4880 §7) by a grammar in which every byte has its one place
/// (threats-and-faults.md T1), and writes its text, dash escapes removed, to `text`. Returns where
/// and how the message leaves the grammar, as a phrase; none when it is exact. Says nothing about
/// the signature.
std::optional<std::string> unwrap_clearsigned(ByteSource& message, ByteSink& text);

}  // namespace streamsync
