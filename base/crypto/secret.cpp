#include "base/crypto/secret.h"

#include <sodium.h>

#include <cstring>
#include <new>

#include "base/error.h"

namespace streamsync {

Secret::Secret(std::string_view text) : size_(text.size()) {
  if (text.empty()) return;
  // sodium_malloc asks for locked memory, and goes on where the process may lock no more.
  const std::shared_ptr<char> memory(static_cast<char*>(sodium_malloc(text.size())), sodium_free);
  if (!memory) throw std::bad_alloc();
  std::memcpy(memory.get(), text.data(), text.size());
  sodium_mprotect_readonly(memory.get());
  memory_ = memory;
}

std::string_view Secret::reveal() const noexcept {
  // A secret that was moved away has a size still.
  if (memory_ == nullptr) return {};
  return {memory_.get(), size_};
}

void start_crypto() {
  if (sodium_init() < 0) {
    throw Error(ErrorKind::Config, Origin::Local,
                "libsodium can't start: no source of random numbers");
  }
}

}  // namespace streamsync
