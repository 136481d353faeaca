#pragma once

#include <string>
#include <vector>

#include "keystone/keystone_session.h"
#include "objects/object_store.h"

namespace streamsync {

/// A manifest that names its segments, with size and ETag of each, which the server compares (Swift
/// API, "Static large objects"). Segments have their numbers for names. They lie in the container
/// of the manifest, because who may read it must be able to read them.
class StaticLargeObject final : public LargeObject {
 public:
  StaticLargeObject(KeystoneSession& session, ObjectStore& store, std::string container,
                    Url container_url, LargeObjectPlace place);

  std::optional<StoredPart> part(unsigned number) override;
  StoredPart put_part(unsigned number, ByteSource& bytes, std::uint64_t size) override;
  void complete(const std::vector<StoredPart>& parts) override;
  void sweep() override;

 private:
  std::string segment(unsigned number) const;
  std::string manifest_of(const std::vector<StoredPart>& parts) const;

  KeystoneSession& session_;
  ObjectStore& store_;
  std::string container_;
  Url container_url_;
  LargeObjectPlace place_;
};

/// Throws what a refused write means, beside what `require_ok` says: Swift answers 422 when the
/// bytes that came are not those of the ETag, 409 when another write has just won, 498 when it
/// limits the rate (F26, F29).
void require_stored(const Request& request, const Response& response);

/// The MD5 of what is stored. Throws where there is none: of a large object.
Digest md5_in(const Request& request, const Response& response);

}  // namespace streamsync
