#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "objects/object_store.h"
#include "streams/target.h"

namespace streamsync {

/// Metadata documents as objects below a prefix (`upstream-gss.md` §4.7-4.8). A document is written
/// only while it is what was last read of it, where the store can tell, and read back.
class ObjectDocuments final : public MetadataTarget {
 public:
  /// Past `most_bytes` what stands in the place of a document is refused.
  ObjectDocuments(std::shared_ptr<ObjectStore> store, std::string prefix,
                  std::uint64_t most_bytes = kMaxPublished);

  std::string describe() const override;
  DocumentState read(const std::string& path, const Validator& known) override;
  DocumentState read_as_anyone(const std::string& path) override;
  bool may_be_private() const override { return store_->may_be_private(); }
  void write(const std::string& path, const Spool& content) override;
  void withdraw(const std::string& path) override;

 private:
  using Get = std::function<Found(ByteSink&)>;
  DocumentState fetch(const std::string& name, const Validator& known);
  DocumentState fetch_by(const Get& get, const std::string& name);
  void put(const std::string& name, const Spool& content);
  void check_published(const std::string& name, const Spool& content);
  bool holds(const std::string& name, const Spool& content);

  std::shared_ptr<ObjectStore> store_;
  std::string prefix_;
  std::uint64_t most_bytes_;
  std::map<std::string, WriteCondition> seen_;
};

}  // namespace streamsync
