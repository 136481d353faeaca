#pragma once

#include <optional>
#include <string>

#include "base/io/bytes.h"
#include "base/relative_path.h"
#include "streams/document.h"

namespace streamsync {

/// Where a stream comes from: a mirror reached by HTTP or file, later a bundle. Thread-safe.
class Source {
 public:
  virtual ~Source() = default;

  /// The document as it stands there; none when the server says that it still is what `known`
  /// describes. Throws `Error{NotFound, Source}` and the others of the transport.
  virtual std::optional<FetchedDocument> fetch(const RelativePath& path,
                                               const Validator& known) = 0;

  /// Pushes the item's bytes into `sink`, which is finished by the caller. Tried once.
  virtual void stream(const RelativePath& path, ByteSink& sink) = 0;

  /// The URL of `path` for people.
  virtual std::string describe(const RelativePath& path) const = 0;
};

}  // namespace streamsync
