#include "directory/directory_target.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "base/crypto/digest.h"
#include "base/error.h"
#include "streams/mirror_record.h"
#include "streams/products.h"

namespace streamsync {
namespace {

constexpr std::string_view kRecords = ".data";
constexpr std::size_t kBufferSize = 64 * 1024;

// A content_id is a foreign name: only plain characters go into a file name.
std::string record_name(std::string_view content_id) {
  std::string name{kRecords};
  name += '/';
  for (const char c : content_id) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       c == ':' || c == '-' || c == '_' || (c == '.' && name.back() != '/');
    if (plain) {
      name += c;
    } else {
      name += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return name;
}

}  // namespace

// The right to write one path, or the news that it is there already.
class DirectoryTarget::Claim {
 public:
  Claim(DirectoryTarget& target, std::string path) : target_(target), path_(std::move(path)) {
    std::unique_lock lock(target_.mutex_);
    target_.ended_.wait(lock, [this] { return !target_.under_way_.contains(path_); });
    is_there_ = target_.put_here_.contains(path_);
    target_.under_way_.insert(path_);
  }
  ~Claim() {
    {
      const std::lock_guard lock(target_.mutex_);
      target_.under_way_.erase(path_);
      if (is_there_) {
        target_.put_here_.insert(path_);
      }
    }
    target_.ended_.notify_all();
  }
  Claim(const Claim&) = delete;
  Claim& operator=(const Claim&) = delete;

  bool is_there() const noexcept { return is_there_; }
  void put() noexcept { is_there_ = true; }

 private:
  DirectoryTarget& target_;
  std::string path_;
  bool is_there_ = false;
};

DirectoryTarget::DirectoryTarget(const std::filesystem::path& root) : path_(root) {
  if (std::filesystem::exists(root)) {
    root_.emplace(root);
  }
}

RootDirectory& DirectoryTarget::writable() {
  if (!root_) {
    root_.emplace(path_);
  }
  return *root_;
}

std::vector<Item> DirectoryTarget::recorded() const {
  std::vector<Item> items;
  for (const auto& name : root_->names_in(kRecords)) {
    const auto path = fmt::format("{}/{}", kRecords, name);
    const auto text = root_->read(path);
    if (!text || name == "references.json") {  // upstream's other file, of another format
      continue;
    }
    // Our own file, so nobody has signed it.
    const auto record = accept_unverified(spool_of(*text), path);
    try {
      read_products(record, path, [&items](const ProductsHead&, const Version& version) {
        items.insert(items.end(), version.items.begin(), version.items.end());
      });
    } catch (const Error&) {
      // A damaged record means that its items are copied again, no more.
    }
  }
  return items;
}

std::vector<Held> DirectoryTarget::inventory() {
  std::vector<Held> inventory;
  if (!root_) {
    return inventory;
  }
  for (auto& item : recorded()) {
    if (!item.path) {
      continue;
    }
    const auto path = item.path->str();
    const auto size = root_->size_of(path);
    std::uint64_t expected = 0;
    try {
      expected = content_of(item).size;
    } catch (const Error&) {
      continue;
    }
    if (!size && !root_->size_of(path + ".part")) {
      continue;  // announced, but it never came
    }
    const auto state = size == expected ? HeldState::Present : HeldState::Incomplete;
    inventory.push_back({std::move(item), path, path, state, size.value_or(0)});
  }
  return inventory;
}

std::string DirectoryTarget::name_of(const Item& item) const {
  return item.path ? item.path->str() : item.key.str();
}

void DirectoryTarget::announce(const std::vector<BlobSpec>& coming) {
  std::map<std::string, std::vector<Item>> records;
  for (auto& held : inventory()) {
    records[held.item.key.content_id].push_back(std::move(held.item));
  }
  for (const auto& blob : coming) {
    records[blob.item.key.content_id].push_back(blob.item);
  }
  for (const auto& [content_id, items] : records) {
    writable().write(record_name(content_id), render_record(content_id, items));
  }
}

Held DirectoryTarget::stage(const BlobSpec& blob, ByteSource& bytes) {
  const auto& path = blob.item.path->str();
  Claim claim(*this, path);
  if (!claim.is_there()) {
    const auto file = writable().create(path);
    copy(bytes, *file);
    file->finish();
    claim.put();
  }
  return {blob.item, path, path, HeldState::Present, blob.content.size};
}

bool DirectoryTarget::verify_unrevealed(const Held& held, const BlobSpec& blob) {
  const auto file = writable().open(held.placement);
  Hasher hasher(blob.content.strongest.algorithm());
  std::vector<std::byte> buffer(kBufferSize);
  while (const auto count = file->read(buffer)) {
    hasher.update(Bytes(buffer).first(count));
  }
  return hasher.finish() == blob.content.strongest;
}

// A file shows only when it is complete, and nothing names it before the documents do.
void DirectoryTarget::reveal(const Held&) {}

void DirectoryTarget::remove(const Held& held) { writable().remove(held.placement); }

std::string DirectoryTarget::describe() const { return path_.string(); }

DocumentState DirectoryTarget::read(const std::string& path, const Validator&) {
  if (!root_ || !root_->size_of(path)) {
    return Absent{};
  }
  FetchedDocument document;
  copy(*root_->open(path), document.bytes);
  return document;
}

void DirectoryTarget::write(const std::string& path, const Spool& content) {
  const auto file = writable().create(path);
  copy(*content.reader(), *file);
  file->finish();
}

}  // namespace streamsync
