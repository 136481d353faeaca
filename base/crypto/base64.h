#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace streamsync {

/// What `text` stands for in base64 (RFC 4648 §4), blanks and line ends aside; none when it is
/// something else. By libsodium.
std::optional<std::string> decode_base64(std::string_view text);

}  // namespace streamsync
