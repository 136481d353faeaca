// Our own state files, after others may have written over them: what is taken reads back as itself.

#include <string>

#include "sync/trust_state.h"
#include "tests/fuzz/property.h"

namespace streamsync {
namespace {

void check(std::string_view input) {
  taken(ErrorKind::Config, Origin::Local, [&] {
    const std::string text = TrustState::parse(input, "trust.json").str();
    require(TrustState::parse(text, "trust.json").str() == text, "a state reads back as itself");
  });
}

}  // namespace
}  // namespace streamsync

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  streamsync::check(streamsync::input(data, size));
  return 0;
}
