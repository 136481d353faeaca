#include "streams/packed_tags.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace streamsync {
namespace {

// No document is as large as 4 GiB.
struct Sizes {
  std::uint32_t key;
  std::uint32_t value;
};

Sizes read_sizes(const char* at) {
  Sizes sizes{};
  std::memcpy(&sizes, at, sizeof sizes);
  return sizes;
}

char* append(char* at, std::string_view text) { return std::copy(text.begin(), text.end(), at); }

char* append(char* at, std::string_view key, std::string_view value) {
  const Sizes sizes{static_cast<std::uint32_t>(key.size()),
                    static_cast<std::uint32_t>(value.size())};
  std::memcpy(at, &sizes, sizeof sizes);
  return append(append(at + sizeof sizes, key), value);
}

template <typename AnyTags>
std::string packed(const AnyTags& tags) {
  std::size_t size = 0;
  for (const auto& [key, value] : tags) size += sizeof(Sizes) + key.size() + value.size();
  std::string block(size, '\0');
  char* at = block.data();
  for (const auto& [key, value] : tags) at = append(at, key, value);
  return block;
}

}  // namespace

PackedTags::PackedTags(const Tags& tags)
    : block_(std::make_shared<const std::string>(packed(tags))) {}

PackedTags::PackedTags(const FlatTags& tags)
    : block_(std::make_shared<const std::string>(packed(tags))) {}

std::optional<std::string_view> PackedTags::find(std::string_view key) const {
  const char* at = text().data();
  const char* const end = at + text().size();
  while (at != end) {
    const Sizes sizes = read_sizes(at);
    at += sizeof sizes;
    if (std::string_view(at, sizes.key) == key) {
      return std::string_view(at + sizes.key, sizes.value);
    }
    at += sizes.key + sizes.value;
  }
  return std::nullopt;
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
  const Sizes sizes = read_sizes(at_);
  const char* key = at_ + sizeof sizes;
  return {{key, sizes.key}, {key + sizes.key, sizes.value}};
}

PackedTags::Iterator& PackedTags::Iterator::operator++() {
  const Sizes sizes = read_sizes(at_);
  at_ += sizeof sizes + sizes.key + sizes.value;
  return *this;
}

std::string_view tag(const PackedTags& tags, std::string_view key) noexcept {
  return tags.find(key).value_or(std::string_view());
}

}  // namespace streamsync
