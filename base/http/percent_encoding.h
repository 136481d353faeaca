#pragma once

#include <string>
#include <string_view>

/// Percent-encoding (RFC 3986 §2.1). Letters and digits are never encoded; `marks` are the other
/// characters that stay.
namespace streamsync {

std::string percent_encoded(std::string_view text, std::string_view marks);

/// The same, but what is encoded already stays as it is.
std::string percent_completed(std::string_view text, std::string_view marks);

/// A '%' that begins no escape stays.
std::string percent_decoded(std::string_view text);

}  // namespace streamsync
