#pragma once

#include "streams/source.h"
#include "streams/target.h"

namespace streamsync {

/// What is published at a target, to be read back. The target must outlive this. One thread.
class PublishedDocuments final : public DocumentSource {
 public:
  explicit PublishedDocuments(MetadataTarget& target) : target_(target) {}

  /// `Error{NotFound, Target}`: there is no such document.
  std::optional<FetchedDocument> fetch(const RelativePath& path, const Validator& known) override;
  std::string describe(const RelativePath& path) const override;
  bool has(const RelativePath& path);

 private:
  MetadataTarget& target_;
};

}  // namespace streamsync
