#pragma once

#include <string>
#include <string_view>

namespace streamsync {

/// `path` below `prefix`, without empty segments, which RADOS Gateway refuses.
std::string object_name(std::string_view prefix, std::string_view path);

/// What an object is served as. Signed documents are text around JSON.
std::string content_type_of(std::string_view name);

}  // namespace streamsync
