#include "base/crypto/hmac.h"

#include <catch2/catch.hpp>
#include <string>

#include "base/text.h"

using namespace streamsync;

namespace {

std::string hex_of(std::string_view key, std::string_view text) {
  start_crypto();
  return to_hex(hmac_sha256(Secret(key), text).reveal());
}

}  // namespace

TEST_CASE("codes are those of RFC 4231") {
  CHECK(hex_of(std::string(20, '\x0b'), "Hi There") ==
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  CHECK(hex_of("Jefe", "what do ya want for nothing?") ==
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  CHECK(
      hex_of(std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First") ==
      "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST_CASE("a code needs neither key nor text") {
  CHECK(hex_of("", "") == "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}
