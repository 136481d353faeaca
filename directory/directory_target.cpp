#include "directory/directory_target.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <tuple>
#include <utility>

#include "base/crypto/digest.h"
#include "base/error.h"
#include "base/http/exact_source.h"
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

using VersionKey = std::tuple<std::string, std::string, std::string>;

VersionKey version_of(const ItemKey& key) { return {key.content_id, key.product, key.version}; }

// Versions of which at least a part of a file is there.
std::set<VersionKey> begun_versions(const RootDirectory& root, const std::vector<Item>& items) {
  std::set<VersionKey> versions;
  for (const auto& item : items) {
    const auto path = item.path ? item.path->str() : "";
    if (item.path && (root.size_of(path) || root.size_of(RootDirectory::part_of(path)))) {
      versions.insert(version_of(item.key));
    }
  }
  return versions;
}

bool has_content_of(const Item& item, const BlobSpec& blob) {
  try {
    return item.path == blob.item.path && content_of(item).strongest == blob.content.strongest;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace

// The right to write one path.
class DirectoryTarget::Claim {
 public:
  Claim(DirectoryTarget& target, std::string path) : target_(target), path_(std::move(path)) {
    std::unique_lock lock(target_.mutex_);
    target_.ended_.wait(lock, [this] { return !target_.under_way_.contains(path_); });
    target_.under_way_.insert(path_);
  }
  ~Claim() {
    {
      const std::lock_guard lock(target_.mutex_);
      target_.under_way_.erase(path_);
    }
    target_.ended_.notify_all();
  }
  Claim(const Claim&) = delete;
  Claim& operator=(const Claim&) = delete;

 private:
  DirectoryTarget& target_;
  std::string path_;
};

bool DirectoryTarget::was_put(const std::string& path) {
  const std::lock_guard lock(mutex_);
  return put_here_.contains(path);
}

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
  auto items = recorded();
  const auto begun = begun_versions(*root_, items);
  for (auto& item : items) {
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
    if (!size && !begun.contains(version_of(item.key))) {
      continue;  // announced, but nothing of its version ever came
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
  std::map<ItemKey, const BlobSpec*> renewed;
  for (const auto& blob : coming) {
    renewed.emplace(blob.item.key, &blob);
    records[blob.item.key.content_id].push_back(blob.item);
  }
  for (auto& held : inventory()) {
    const auto blob = renewed.find(held.item.key);
    if (blob == renewed.end()) {
      records[held.item.key.content_id].push_back(std::move(held.item));
    } else if (!has_content_of(held.item, *blob->second)) {
      // The record can't tell the old file from the new one, and the format forbids two contents
      // of one path (`upstream-gss.md` §1.3).
      writable().remove(held.placement);
    }
  }
  for (const auto& [content_id, items] : records) {
    writable().write(record_name(content_id), render_record(content_id, items));
  }
}

std::optional<BegunItem> DirectoryTarget::begun(const BlobSpec& blob) {
  const auto& path = blob.item.path->str();
  const auto part = RootDirectory::part_of(path);
  if (!root_ || !root_->size_of(part)) return std::nullopt;
  // From here on: nobody else may write what is hashed.
  auto claim = std::make_shared<Claim>(*this, path);
  const auto size = root_->size_of(part);
  if (!size || *size == 0 || *size > blob.content.size || was_put(path)) return std::nullopt;
  return BegunItem{*size, root_->open(part), std::move(claim)};
}

Held DirectoryTarget::stage(const BlobSpec& blob, ByteSource& bytes) {
  const auto& path = blob.item.path->str();
  std::optional<Claim> claim;
  if (blob.begun == 0) claim.emplace(*this, path);
  if (!was_put(path)) put(blob, bytes);
  return {blob.item, path, path, HeldState::Present, blob.content.size};
}

void DirectoryTarget::put(const BlobSpec& blob, ByteSource& bytes) {
  const auto& path = blob.item.path->str();
  const auto file = writable().resume(path, blob.begun);
  try {
    ExactSource promised(bytes, blob.content.size - blob.begun);
    copy(promised, *file);
    file->finish();
  } catch (const Error& error) {
    // Worth its room only where nothing speaks against its bytes.
    if (error.origin() != Origin::Source || error.kind() == ErrorKind::Corrupt) {
      writable().remove_part(path);
    }
    throw;
  }
  const std::lock_guard lock(mutex_);
  put_here_.insert(path);
}

bool DirectoryTarget::verify_unrevealed(const Held& held, const BlobSpec& blob) {
  if (!writable().size_of(held.placement)) {
    return false;
  }
  const auto file = writable().open(held.placement);
  Hasher hasher(blob.content.strongest.algorithm());
  std::vector<std::byte> buffer(kBufferSize);
  while (const auto count = file->read(buffer)) {
    hasher.update(Bytes(buffer).first(count));
  }
  const bool is_right = hasher.finish() == blob.content.strongest;
  if (!is_right) {
    discard(held.placement);
  }
  return is_right;
}

// A file shows only when it is complete, and nothing names it before the documents do.
void DirectoryTarget::reveal(const Held&) {}

void DirectoryTarget::remove(const Held& held) {
  discard(held.placement);
  forget(held.item);
}

void DirectoryTarget::discard(const std::string& path) {
  {
    const std::lock_guard lock(mutex_);
    put_here_.erase(path);
  }
  writable().remove(path);
}

// Without its file it would make the rest of its version look unfinished.
void DirectoryTarget::forget(const Item& gone) {
  const auto& content_id = gone.key.content_id;
  std::vector<Item> left;
  for (auto& item : recorded()) {
    const bool is_gone = item.key == gone.key && item.path == gone.path;
    if (item.key.content_id == content_id && !is_gone) {
      left.push_back(std::move(item));
    }
  }
  writable().write(record_name(content_id), render_record(content_id, left));
}

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
