#include "streams/packed_tags.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace streamsync {
namespace {

// No document is as large as 4 GiB.
using Size = std::uint32_t;

constexpr std::size_t kSizes = 2 * sizeof(Size);

void append_size(std::string& block, std::string_view text) {
  const auto size = static_cast<Size>(text.size());
  char bytes[sizeof size];
  std::memcpy(bytes, &size, sizeof size);
  block.append(bytes, sizeof size);
}

Size read_size(const char* at) {
  Size size = 0;
  std::memcpy(&size, at, sizeof size);
  return size;
}

std::string packed(const Tags& tags) {
  std::size_t size = 0;
  for (const auto& [key, value] : tags) size += kSizes + key.size() + value.size();
  std::string block;
  block.reserve(size);
  for (const auto& [key, value] : tags) {
    append_size(block, key);
    append_size(block, value);
    block.append(key).append(value);
  }
  return block;
}

}  // namespace

PackedTags::PackedTags(const Tags& tags)
    : block_(std::make_shared<const std::string>(packed(tags))) {}

std::optional<std::string_view> PackedTags::find(std::string_view key) const {
  const auto found =
      std::find_if(begin(), end(), [key](const auto& tag) { return tag.first == key; });
  if (found == end()) return std::nullopt;
  return (*found).second;
}

PackedTags::Iterator PackedTags::begin() const { return Iterator(text().data()); }

PackedTags::Iterator PackedTags::end() const { return Iterator(text().data() + text().size()); }

Tags PackedTags::unpacked() const {
  Tags tags;
  for (const auto& [key, value] : *this) tags.emplace_hint(tags.end(), key, value);
  return tags;
}

void PackedTags::set(std::string_view key, std::string_view value) {
  Tags tags = unpacked();
  tags.insert_or_assign(std::string(key), std::string(value));
  *this = tags;
}

void PackedTags::erase(std::string_view key) {
  Tags tags = unpacked();
  tags.erase(std::string(key));
  *this = tags;
}

PackedTags::Iterator::value_type PackedTags::Iterator::operator*() const {
  const char* key = at_ + kSizes;
  const char* value = key + read_size(at_);
  return {{key, read_size(at_)}, {value, read_size(at_ + sizeof(Size))}};
}

PackedTags::Iterator& PackedTags::Iterator::operator++() {
  at_ += kSizes + read_size(at_) + read_size(at_ + sizeof(Size));
  return *this;
}

std::string_view tag(const PackedTags& tags, std::string_view key) noexcept {
  return tags.find(key).value_or(std::string_view());
}

}  // namespace streamsync
