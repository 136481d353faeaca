#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "base/io/bytes.h"
#include "base/relative_path.h"
#include "streams/document.h"

namespace streamsync {

/// How far an item has come from a source. Good for one source at a time.
struct ItemProgress {
  std::uint64_t offset = 0;    ///< so many bytes were given: the next is wanted
  std::string validator;       ///< strong tag or date of the file that gave them; empty: unknown
  std::uint64_t repeated = 0;  ///< so many bytes came that were known, and were dropped
  bool takes_parts = true;     ///< false once the source did not give the part it was asked for
};

/// Where the documents of a stream are read. Thread-safe, unless it says otherwise.
class DocumentSource {
 public:
  virtual ~DocumentSource() = default;

  /// The document as it stands there; none when the server says that it still is what `known`
  /// describes. Throws `Error{NotFound}` and the others of the transport.
  virtual std::optional<FetchedDocument> fetch(const RelativePath& path,
                                               const Validator& known) = 0;

  /// The URL of `path` for people.
  virtual std::string describe(const RelativePath& path) const = 0;
};

/// Whom a source asks. Sources with the same one have its bandwidth in common.
struct Server {
  std::string origin{};  ///< scheme, host and port; empty: this machine
  std::string proxy{};   ///< that is on the way there by the configuration
  auto operator<=>(const Server&) const = default;
};

/// Where a stream comes from: a mirror reached by HTTP or file, later a bundle. Failures are
/// `Error` with origin Source.
class Source : public DocumentSource {
 public:
  Source() = default;
  explicit Source(Server server) : server_(std::move(server)) {}

  const Server& server() const noexcept { return server_; }

  /// Pushes the item's bytes from `progress.offset` on into `sink`, which is finished by the
  /// caller, and moves the offset with each. Tried once; asked again, it goes on from there.
  /// Nothing but size and digest tells whether the parts are of one file (threats-and-faults.md
  /// F5).
  virtual void stream(const RelativePath& path, ItemProgress& progress, ByteSink& sink) = 0;

 private:
  Server server_;
};

}  // namespace streamsync
