#pragma once

#include <memory>
#include <set>
#include <string>

#include "objects/object_tree.h"
#include "tests/conformance/item_target_under_test.h"

namespace streamsync {

/// One tree in a container or bucket, and room for another. Parts are small, so that most items of
/// the suite have several.
class ObjectTreeUnderTest : public ItemTargetUnderTest {
 public:
  std::unique_ptr<ItemTarget> open() override { return open_at(kTree); }
  std::unique_ptr<ItemTarget> open_other_scope() override { return open_at("other"); }

  std::string bytes_of(const Held& held) override { return read(name_of(held.placement)); }

  std::set<std::string> visible() override {
    std::set<std::string> paths;
    for (const auto& name : names()) {
      const std::string tree = std::string(kTree) + "/";
      if (name.starts_with(tree) && is_item(name.substr(tree.size()))) {
        paths.insert(name.substr(tree.size()));
      }
    }
    return paths;
  }

  HeldState state_when_staged() const override { return HeldState::Present; }

  void add_foreign() override {
    for (const char* path : kForeign) put(name_of(path), "[]");
  }
  bool has_all_foreign() override {
    const auto all = names();
    for (const char* path : kForeign) {
      if (!all.contains(name_of(path))) return false;
    }
    return true;
  }
  void add_foreign_at(const std::string& path, const std::string& bytes) override {
    put(name_of(path), bytes);
  }

 protected:
  /// With a session of its own.
  virtual std::shared_ptr<ObjectStore> open_store() = 0;
  virtual std::set<std::string> names() = 0;
  /// As a consumer reads.
  virtual std::string read(const std::string& name) = 0;
  virtual void put(const std::string& name, const std::string& text) = 0;

 private:
  static constexpr const char* kTree = "tree";
  static constexpr std::uint64_t kPartSize = 300'000;
  static constexpr const char* kForeign[] = {
      "README",
      "server/bionic/20210720/SHA256SUMS",
      "server/bionic/20210719/ubuntu-18.04-amd64-disk1.img",
      ".data/references.json",
      ".data/com.example:not-a-record",
  };

  std::unique_ptr<ItemTarget> open_at(const std::string& prefix) {
    ObjectTreeLimits limits;
    limits.part_size = kPartSize;
    return std::make_unique<ObjectTree>(open_store(), prefix, limits);
  }

  static std::string name_of(const std::string& path) { return std::string(kTree) + "/" + path; }

  static bool is_item(const std::string& path) {
    for (const char* foreign : kForeign) {
      if (path == foreign) return false;
    }
    return !path.starts_with(".data/");
  }
};

}  // namespace streamsync
