#pragma once

#include <memory>
#include <optional>
#include <string>

#include "keystone/keystone_session.h"
#include "objects/object_store.h"

namespace streamsync {

/// One container of Swift or RADOS Gateway, world-readable (`upstream-gss.md` §4.7). It is made, or
/// made readable, on the first write of a document. Documents are written with an ETag (RFC 1321 of
/// the content, which the server checks).
class SwiftStore final : public ObjectStore {
 public:
  /// `endpoint` as the catalog has it, with the account.
  SwiftStore(KeystoneSession& session, const Url& endpoint, std::string container);

  std::string describe(const std::string& name) const override;
  void with_retries(const std::function<void()>& action) override;
  Found get(const std::string& name, const Validator& known, ByteSink& bytes) override;
  Found get_as_anyone(const std::string& name, ByteSink& bytes) override;
  bool may_be_private() const override { return false; }
  std::optional<std::uint64_t> size_of(const std::string& name) override;
  void put(const std::string& name, const DocumentPut& document) override;
  StoredPart put(const std::string& name, ByteSource& bytes, std::uint64_t size) override;
  void remove(const std::string& name) override;
  std::unique_ptr<LargeObject> large_object(const LargeObjectPlace& place) override;

 private:
  Url url_of(const std::string& name) const;
  Error not_for_anyone(const Request& request, const Response& response) const;
  void prepare_container();
  void make_container();
  void make_readable(const std::string& read_acl);

  KeystoneSession& session_;
  std::string container_;
  Url container_url_;
  bool container_prepared_ = false;
};

}  // namespace streamsync
