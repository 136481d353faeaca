#include "glance/stored_image.h"

#include <algorithm>
#include <utility>

#include "glance/image_properties.h"
#include "streams/tags.h"

namespace streamsync {
namespace {

Stored verdict(bool same) { return same ? Stored::Right : Stored::Wrong; }

}  // namespace

bool is_complete(const Image& image) {
  return image.status == "active" || image.status == "deactivated";
}

bool is_being_filled(const Image& image) {
  return image.status == "saving" || image.status == "importing" || image.status == "uploading";
}

bool is_unseen(const Image& image) { return image.visibility == "private" && image.os_hidden; }

bool is_unrevealed(const Image& image) {
  return image.os_hidden && tag(image.properties, kUnrevealedProperty) == "true";
}

bool is_hidden_by_us(const Image& image) {
  return image.os_hidden && tag(image.properties, kSupersededProperty) == "true";
}

std::set<std::string> marks_of(const Image& image) {
  std::set<std::string> marks;
  for (const char* mark : {kUnrevealedProperty, kSupersededProperty}) {
    if (image.properties.contains(mark)) marks.insert(mark);
  }
  return marks;
}

std::optional<HeldState> held_state(const Image& image) {
  if (image.status == "deactivated") return HeldState::Deactivated;
  if (image.status == "active") {
    if (is_hidden_by_us(image)) return HeldState::Hidden;
    if (is_unrevealed(image)) return HeldState::Unrevealed;
    return image.os_hidden ? HeldState::Withdrawn : HeldState::Present;
  }
  if (image.status == "queued" || is_being_filled(image)) return HeldState::Incomplete;
  return std::nullopt;
}

Stored compare_stored(const Image& image, const ItemContent& promised,
                      const std::optional<Digest>& sent) {
  if (image.size != promised.size) return Stored::Wrong;

  const auto algorithm = parse_digest_algorithm(image.os_hash_algo);
  const auto stored =
      algorithm ? Digest::parse(*algorithm, image.os_hash_value) : std::optional<Digest>();
  if (stored && stored->algorithm() == promised.strongest.algorithm()) {
    return verdict(*stored == promised.strongest);
  }
  if (promised.md5 && !image.checksum.empty()) {
    const bool same = image.checksum == promised.md5->hex();
    return same ? Stored::Right : Stored::Unknown;
  }
  if (stored && sent && stored->algorithm() == sent->algorithm()) return verdict(*stored == *sent);
  return Stored::Unknown;
}

std::vector<Digest> stored_digests(const Image& image, const Item& item) {
  if (image.disk_format != format_of_ftype(tag(item.tags, "ftype")).disk_format) return {};
  std::vector<Digest> digests;
  const auto add = [&digests](std::string_view algorithm, std::string_view hex) {
    const auto known = parse_digest_algorithm(algorithm);
    if (auto digest = known ? Digest::parse(*known, hex) : std::nullopt) {
      digests.push_back(std::move(*digest));
    }
  };
  add("md5", image.checksum);
  add(image.os_hash_algo, image.os_hash_value);
  const auto read_back = tag(image.properties, kReadBackProperty);
  const auto colon = std::min(read_back.find(':'), read_back.size());
  add(read_back.substr(0, colon), read_back.substr(std::min(colon + 1, read_back.size())));
  return digests;
}

std::optional<DigestAlgorithm> digest_to_compute(const ItemContent& promised) {
  if (promised.md5 || promised.strongest.algorithm() == DigestAlgorithm::Sha512) {
    return std::nullopt;
  }
  return DigestAlgorithm::Sha512;
}

}  // namespace streamsync
