#include "base/crypto/base64.h"

#include <catch2/catch.hpp>

namespace streamsync {

TEST_CASE("base64 is decoded, line ends and blanks aside") {
  CHECK(decode_base64("") == "");
  CHECK(decode_base64("QUJD") == "ABC");
  CHECK(decode_base64(" QUJD\n RA==\r\n") == "ABCD");
}

TEST_CASE("what is no base64 is nothing") {
  for (const char* text : {"QUJ", "QUJD=", "Q-_D", "-----BEGIN CERTIFICATE-----"}) {
    CAPTURE(text);
    CHECK_FALSE(decode_base64(text));
  }
}

}  // namespace streamsync
