#include "base/crypto/secret.h"

#include <sodium.h>

#include <algorithm>
#include <cstring>
#include <new>

#include "base/error.h"

namespace streamsync {
namespace {

// sodium_malloc asks for locked memory, and goes on where the process may lock no more.
std::shared_ptr<char> guarded_memory(std::size_t size) {
  std::shared_ptr<char> memory(static_cast<char*>(sodium_malloc(size)), sodium_free);
  if (!memory) throw std::bad_alloc();
  return memory;
}

}  // namespace

Secret::Secret(std::string_view text) : size_(text.size()) {
  if (text.empty()) return;
  const auto memory = guarded_memory(text.size());
  std::memcpy(memory.get(), text.data(), text.size());
  sodium_mprotect_readonly(memory.get());
  memory_ = memory;
}

Secret Secret::taken_from(std::string& text) {
  Secret secret(text);
  wipe(text);
  return secret;
}

std::string_view Secret::reveal() const noexcept {
  // A secret that was moved away has a size still.
  if (memory_ == nullptr) return {};
  return {memory_.get(), size_};
}

void SecretBuilder::append(std::string_view piece) {
  if (piece.empty()) return;
  if (size_ + piece.size() > capacity_) {
    constexpr std::size_t kSmallest = 1024;
    const std::size_t capacity = std::max({kSmallest, 2 * capacity_, size_ + piece.size()});
    const auto larger = guarded_memory(capacity);
    std::copy_n(memory_.get(), size_, larger.get());
    memory_ = larger;
    capacity_ = capacity;
  }
  std::memcpy(memory_.get() + size_, piece.data(), piece.size());
  size_ += piece.size();
}

void wipe(std::span<char> memory) noexcept { sodium_memzero(memory.data(), memory.size()); }

void wipe(std::string& text) noexcept {
  text.resize(text.capacity());
  wipe(std::span<char>(text));
  text.clear();
}

void start_crypto() {
  if (sodium_init() < 0) {
    throw Error(ErrorKind::Config, Origin::Local,
                "libsodium can't start: no source of random numbers");
  }
}

}  // namespace streamsync
