#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/crypto/digest.h"
#include "base/relative_path.h"
#include "base/shared_text.h"
#include "streams/packed_tags.h"

namespace streamsync {

/// The address of an item (`upstream-gss.md` §1.3). `content_id` is that of the source document.
struct ItemKey {
  SharedText content_id;
  SharedText product;
  SharedText version;
  SharedText item;
  auto operator<=>(const ItemKey&) const = default;
  /// "content_id product version item" for messages.
  std::string str() const;
};

/// The version that an item belongs to: the unit of what is shown (`cli.md` §4.2).
struct VersionKey {
  SharedText content_id;
  SharedText product;
  SharedText version;
  auto operator<=>(const VersionKey&) const = default;
};

inline bool are_of_one_version(const ItemKey& one, const ItemKey& other) {
  return one.version == other.version && one.product == other.product &&
         one.content_id == other.content_id;
}

inline VersionKey version_of(const ItemKey& key) {
  return {key.content_id, key.product, key.version};
}

/// One item, flattened: product, version and item tags with product_name, version_name and
/// item_name, without the top level (`upstream-gss.md` §1.5). Aliases are expanded.
struct Item {
  ItemKey key;
  PackedTags tags;
  std::optional<RelativePath> path;  ///< image-ids items have none
};

/// What is promised about an item's bytes.
struct ItemContent {
  std::uint64_t size = 0;
  Digest strongest;           ///< decides about the bytes (`cli.md` §4.4)
  std::optional<Digest> md5;  ///< for comparing with what Glance says it stored
};

/// Reads `size`, `md5`, `sha256`, `sha512`. Throws `Error{Malformed, Source}` naming the item when
/// there is no size or no digest, or one of them is unusable: such an item fails alone.
ItemContent content_of(const Item& item);

/// Whether its digest of that algorithm is this one, so that a source that drops a stronger one has
/// no other content, and one that adds it has what is there hashed anew. Nothing is refused.
bool has_digest(const Item& item, const Digest& digest);

/// Its digests that nobody can find other bytes for, the strongest first: sources add and drop
/// some. Nothing is refused.
std::vector<Digest> sha2_digests_of(const Item& item);

}  // namespace streamsync
