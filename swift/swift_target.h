#pragma once

#include <optional>
#include <string>

#include "keystone/keystone_session.h"
#include "streams/target.h"

namespace streamsync {

/// Metadata documents in one world-readable container of Swift or RADOS Gateway, below a prefix
/// (`upstream-gss.md` §4.7-4.8). The container is made, or made readable, on the first write that
/// needs it. Documents are written with ETag (RFC 1321 of the content, which the server checks) and
/// read back.
class SwiftTarget final : public MetadataTarget {
 public:
  /// `endpoint` as the catalog has it, with the account.
  SwiftTarget(KeystoneSession& session, Url endpoint, std::string container, std::string prefix);

  std::string describe() const override;
  DocumentState read(const std::string& path, const Validator& known) override;
  void write(const std::string& path, const Spool& content) override;

 private:
  std::string object_of(const std::string& path) const;
  Url url_of(const std::string& path) const;
  std::string describe_object(const std::string& path) const;
  void prepare_container();
  void make_container();
  void make_readable(const std::string& read_acl);
  void put(const std::string& path, const Spool& content);
  void check_published(const std::string& path, const Spool& content);

  KeystoneSession& session_;
  Url container_url_;
  std::string container_, prefix_;
  bool container_prepared_ = false;
};

}  // namespace streamsync
