#pragma once

#include <memory>
#include <optional>
#include <string>

#include "streams/target.h"

namespace streamsync {

/// A store without documents, gone with the object, and what the suite must know of it besides
/// what its `MetadataTarget` says.
class MetadataTargetUnderTest {
 public:
  virtual ~MetadataTargetUnderTest() = default;

  /// A target over the store, as each process makes it for itself. Also called in a process that
  /// was forked: nothing of a connection may be shared.
  virtual std::unique_ptr<MetadataTarget> open() = 0;
  /// A target for another place in the same store.
  virtual std::unique_ptr<MetadataTarget> open_other_place() = 0;

  enum class Validators { None, Given };
  /// Whether a document comes with something that tells the same one again.
  virtual Validators validators() const = 0;

  /// What a consumer reads at that moment; none when there is no such document. From any thread.
  virtual std::optional<std::string> consumed(const std::string& path) const = 0;
};

/// Each implementation is linked to the suite in a program of its own.
std::unique_ptr<MetadataTargetUnderTest> metadata_target_under_test();

}  // namespace streamsync
