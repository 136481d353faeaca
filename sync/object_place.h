#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace streamsync {

enum class ObjectService { Swift, S3 };

/// A TARGET in an object store: "swift:CONTAINER[/PREFIX]" or "s3:BUCKET[/PREFIX]" (`cli.md` §1).
struct ObjectPlace {
  ObjectService service;
  std::string container;
  std::string prefix;  ///< without '/' at its end

  /// None for a TARGET that is a directory. Throws `Error{Config, Config}` where no container is
  /// named, or a part of the place would lead out of it.
  static std::optional<ObjectPlace> parse(std::string_view target);
  std::string str() const;
};

}  // namespace streamsync
