#pragma once

#include <optional>
#include <string>
#include <vector>

#include "objects/object_store.h"
#include "s3/s3_client.h"

namespace streamsync {

/// One PUT, with the ETag that the server answers: the MD5 of what it has got, where nothing of its
/// own encrypts or cuts it.
StoredPart put_bytes(S3Client& client, const Request& request, ByteSource& bytes,
                     std::uint64_t size);

/// Multipart upload. Its id, which the server makes, is kept in an object at the place for parts:
/// so the next run finds it by name. Parts that nobody completes are not visible anywhere.
class MultipartUpload final : public LargeObject {
 public:
  /// `store` keeps the id; `url` is the object's.
  MultipartUpload(S3Client& client, ObjectStore& store, Url url, LargeObjectPlace place);

  std::optional<StoredPart> part(unsigned number) override;
  StoredPart put_part(unsigned number, ByteSource& bytes, std::uint64_t size) override;
  void complete(const std::vector<StoredPart>& parts) override;
  void sweep() override;

 private:
  const std::optional<std::string>& find_id();
  const std::string& begun_id();
  Request request(const std::string& method, const std::string& id) const;

  S3Client& client_;
  ObjectStore& store_;
  Url url_;
  LargeObjectPlace place_;
  bool is_looked_for_ = false;
  std::optional<std::string> id_;
  std::optional<bool> is_replacing_;  ///< another object of the same size
};

}  // namespace streamsync
