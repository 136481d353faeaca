#include "sync/published_texts.h"

#include <fmt/format.h>

#include "base/crypto/digest.h"

namespace streamsync {

std::string digest_of(const PublishedTexts& published) {
  Hasher hasher(DigestAlgorithm::Sha256);
  for (const auto& [path, text] : published) {
    hasher.update(as_bytes(fmt::format("{} {}\n", path, text.size())));
    hasher.update(as_bytes(text));
  }
  return hasher.finish().hex();
}

const std::vector<std::string>& names_tried_by_juju() {
  static const std::vector<std::string> names{
      "streams/v1/index2.sjson", "streams/v1/index.sjson",  "streams/v1/index2.json",
      "streams/v1/index.json",   "streams/v1/mirrors.json", "streams/v1/mirrors.sjson"};
  return names;
}

}  // namespace streamsync
