#include <filesystem>
#include <optional>
#include <system_error>

#include "directory/directory_target.h"
#include "tests/conformance/item_target_under_test.h"
#include "tests/conformance/metadata_target_under_test.h"
#include "tests/unit/base/temporary_directory.h"

namespace streamsync {
namespace {

namespace fs = std::filesystem;

/// A web server's directory with one tree in it, and room for another.
class DirectoryItems final : public ItemTargetUnderTest {
 public:
  std::unique_ptr<ItemTarget> open() override { return std::make_unique<DirectoryTarget>(tree_); }
  std::unique_ptr<ItemTarget> open_other_scope() override {
    return std::make_unique<DirectoryTarget>(served_ / "other");
  }

  std::string bytes_of(const Held& held) override {
    const fs::path file = tree_ / held.placement.str();
    return read_file(fs::exists(file) ? file.string() : file.string() + ".part");
  }

  std::set<std::string> visible() override {
    std::set<std::string> paths;
    if (!fs::exists(tree_)) return paths;
    for (const auto& entry : fs::recursive_directory_iterator(tree_)) {
      const std::string path = entry.path().lexically_relative(tree_).string();
      if (!entry.is_directory() && is_item(path)) paths.insert(path);
    }
    return paths;
  }

  HeldState state_when_staged() const override { return HeldState::Unrevealed; }

  void add_foreign() override {
    for (const char* path : kForeign) add_foreign_at(path, "[]");
  }
  bool has_all_foreign() override {
    for (const char* path : kForeign) {
      if (!fs::exists(tree_ / path)) return false;
    }
    return true;
  }
  void add_foreign_at(const std::string& path, const std::string& bytes) override {
    fs::create_directories((tree_ / path).parent_path());
    write_file(tree_ / path, bytes);
  }

 private:
  static constexpr const char* kForeign[] = {
      "README",
      "server/bionic/20210720/SHA256SUMS",
      "server/bionic/20210719/ubuntu-18.04-amd64-disk1.img",
      ".data/references.json",
      ".data/com.example:not-a-record",
  };

  // No stream names records, and partial files (base/relative_path.h).
  static bool is_item(const std::string& path) {
    for (const char* foreign : kForeign) {
      if (path == foreign) return false;
    }
    return !path.starts_with(".data/") && !path.ends_with(".part");
  }

  TemporaryDirectory served_;
  fs::path tree_ = served_ / "tree";
};

class DirectoryDocuments final : public MetadataTargetUnderTest {
 public:
  std::unique_ptr<MetadataTarget> open() override {
    return std::make_unique<DirectoryTarget>(tree_);
  }
  std::unique_ptr<MetadataTarget> open_other_place() override {
    return std::make_unique<DirectoryTarget>(served_ / "other");
  }

  Validators validators() const override { return Validators::None; }

  std::optional<std::string> consumed(const std::string& path) const override {
    if (!fs::exists(tree_ / path)) return std::nullopt;
    return read_file(tree_ / path);
  }

 private:
  TemporaryDirectory served_;
  fs::path tree_ = served_ / "tree";
};

}  // namespace

std::unique_ptr<ItemTargetUnderTest> item_target_under_test() {
  return std::make_unique<DirectoryItems>();
}

std::unique_ptr<MetadataTargetUnderTest> metadata_target_under_test() {
  return std::make_unique<DirectoryDocuments>();
}

}  // namespace streamsync
