#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace streamsync {

/// Scalar tags of an object of a stream, as text by Python's rules ("True", "1.5", "100"), which is
/// what filters, Glance properties and upstream's metadata see (`upstream-gss.md` §1.5). Null,
/// lists and objects are not tags.
using Tags = std::map<std::string, std::string, std::less<>>;

/// The same in the same order, each key once, while their texts lie elsewhere.
using FlatTags = std::vector<std::pair<std::string_view, std::string_view>>;

/// The value of `key`, empty when there is none: what filters do with a missing tag.
std::string_view tag(const Tags& tags, std::string_view key) noexcept;

}  // namespace streamsync
