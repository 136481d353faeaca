#pragma once

#include <cstddef>
#include <random>
#include <string>
#include <string_view>

#include "base/crypto/digest.h"
#include "streams/target.h"

namespace streamsync::testing {

/// Different for each `seed`, and no file compresses them.
inline std::string some_bytes(std::size_t size, unsigned seed = 1) {
  std::mt19937 random(seed);
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

enum class Signed { Md5AndSha256, Sha256, Sha512 };

/// `bytes` as an item of Ubuntu's, the only one of its version.
inline BlobSpec ubuntu_blob(std::string_view bytes, Signed digests = Signed::Md5AndSha256,
                            const std::string& version = "20210720") {
  BlobSpec blob{{}, {0, digest_of(DigestAlgorithm::Md5, ""), std::nullopt}};
  Item& item = blob.item;
  item.key = {"com.ubuntu.cloud:released:download", "com.ubuntu.cloud:server:18.04:amd64", version,
              "disk1.img"};
  item.path = RelativePath::parse("server/bionic/" + version + "/ubuntu-18.04-amd64-disk1.img");
  item.tags = {{"arch", "amd64"},
               {"ftype", "disk1.img"},
               {"item_name", item.key.item},
               {"os", "ubuntu"},
               {"path", item.path->str()},
               {"product_name", item.key.product},
               {"pubname", "ubuntu-bionic-18.04-amd64-server-" + version},
               {"release_title", "18.04 LTS \u20ac \"x\""},
               {"size", std::to_string(bytes.size())},
               {"version", "18.04"},
               {"version_name", item.key.version}};
  const auto sign = [&](DigestAlgorithm algorithm) {
    item.tags.set(to_string(algorithm), digest_of(algorithm, bytes).hex());
  };
  if (digests == Signed::Md5AndSha256) sign(DigestAlgorithm::Md5);
  sign(digests == Signed::Sha512 ? DigestAlgorithm::Sha512 : DigestAlgorithm::Sha256);
  blob.content = content_of(item);
  return blob;
}

}  // namespace streamsync::testing
