#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace streamsync {

/// The text of the first element of that name in one of S3's answers, which are flat: a prefix of
/// its name and attributes are dropped, references resolved. None when there is no such element,
/// when it has elements inside, or is not closed. Looks at the first 64 KiB and no further.
std::optional<std::string> element_text(std::string_view xml, std::string_view name);

/// What is inside each element of that name, in their order: text and elements as they stand there.
/// None for one that is not closed. Of those in one another the outer ones end where the first
/// inner one does.
std::vector<std::string_view> elements(std::string_view xml, std::string_view name);

}  // namespace streamsync
