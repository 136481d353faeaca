#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "objects/object_store.h"
#include "s3/s3_client.h"

namespace streamsync {

/// One bucket, addressed by path (RADOS Gateway has no names for buckets in DNS unless it is told).
/// A bucket that is missing is made, and a policy lets everybody read and list it: without the
/// latter a missing object is 403 and not 404 (`threats-and-faults.md` F28). One that is there is
/// used as it is.
class S3Store final : public ObjectStore {
 public:
  S3Store(S3Client& client, std::string bucket);

  std::string describe(const std::string& name) const override;
  void with_retries(const std::function<void()>& action) override;
  Found get(const std::string& name, const Validator& known, ByteSink& bytes) override;
  Found get_as_anyone(const std::string& name, ByteSink& bytes) override;
  bool may_be_private() const override { return true; }
  std::optional<std::uint64_t> size_of(const std::string& name) override;
  std::vector<ListedObject> list(const std::string& prefix, const std::string& after) override;
  void put(const std::string& name, const DocumentPut& document) override;
  StoredPart put(const std::string& name, ByteSource& bytes, std::uint64_t size) override;
  void remove(const std::string& name) override;
  std::unique_ptr<LargeObject> large_object(const LargeObjectPlace& place) override;

 private:
  Request request(const std::string& method, const std::string& name, Headers headers = {}) const;
  Response put_once(const std::string& name, const DocumentPut& document);
  bool is_still(const std::string& name, const std::string& etag);
  void make_bucket();
  void let_everybody_read();

  S3Client& client_;
  std::string bucket_;
  Url bucket_url_;
  /// How the server wants conditions; learned from its answers.
  enum class Conditions { Standard, WithoutQuotes, None };
  std::atomic<Conditions> conditions_ = Conditions::Standard;
};

}  // namespace streamsync
