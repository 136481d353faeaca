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

using Pair = FlatTags::value_type;

Sizes read_sizes(const char* at) {
  Sizes sizes{};
  std::memcpy(&sizes, at, sizeof sizes);
  return sizes;
}

Pair first_of(std::string_view packed) {
  const Sizes sizes = read_sizes(packed.data());
  const char* const key = packed.data() + sizeof sizes;
  return {{key, sizes.key}, {key + sizes.key, sizes.value}};
}

std::string_view behind_first(std::string_view packed) {
  const Pair first = first_of(packed);
  return packed.substr(sizeof(Sizes) + first.first.size() + first.second.size());
}

std::optional<std::string_view> find_in(std::string_view packed, std::string_view key) {
  const char* at = packed.data();
  const char* const end = at + packed.size();
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

/// Each tag: size of key, size of value, key, value.
struct PackedTags::Block {
  std::string own;
  std::shared_ptr<const Block> inherited;  ///< which has only its own
};

PackedTags::PackedTags(const Tags& tags)
    : block_(std::make_shared<const Block>(Block{packed(tags), nullptr})) {}

PackedTags::PackedTags(const FlatTags& own, const PackedTags& inherited)
    : block_(std::make_shared<const Block>(Block{packed(own), inherited.block_})) {}

std::string_view PackedTags::own() const {
  return block_ ? std::string_view(block_->own) : std::string_view();
}

std::string_view PackedTags::inherited() const {
  return block_ && block_->inherited ? std::string_view(block_->inherited->own)
                                     : std::string_view();
}

std::optional<std::string_view> PackedTags::find(std::string_view key) const {
  const auto value = find_in(own(), key);
  return value ? value : find_in(inherited(), key);
}

PackedTags::Iterator PackedTags::begin() const { return {own(), inherited()}; }

PackedTags::Iterator PackedTags::end() const {
  return {own().substr(own().size()), inherited().substr(inherited().size())};
}

bool operator==(const PackedTags& one, const PackedTags& other) {
  return std::equal(one.begin(), one.end(), other.begin(), other.end());
}

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

PackedTags::Iterator::Iterator(std::string_view own, std::string_view inherited)
    : own_(own), inherited_(inherited) {}

// Which of the two comes next; both where they have the same key.
std::weak_ordering PackedTags::Iterator::order() const {
  if (inherited_.empty()) return std::weak_ordering::less;
  if (own_.empty()) return std::weak_ordering::greater;
  return first_of(own_).first <=> first_of(inherited_).first;
}

PackedTags::Iterator::value_type PackedTags::Iterator::operator*() const {
  return first_of(order() > 0 ? inherited_ : own_);
}

PackedTags::Iterator& PackedTags::Iterator::operator++() {
  const auto next = order();
  if (next <= 0) own_ = behind_first(own_);
  if (next >= 0) inherited_ = behind_first(inherited_);
  return *this;
}

std::string_view tag(const PackedTags& tags, std::string_view key) noexcept {
  return tags.find(key).value_or(std::string_view());
}

}  // namespace streamsync
