#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace streamsync {

/// A password or token: in libsodium's guarded memory (not swapped, not in core files, wiped),
/// never printed. There is no operator<< and no conversion; `reveal` at the last moment, into a
/// request. Immutable; copies share.
///
/// Outside of it a secret is only where a library has to have it: in the nodes of yaml-cpp while
/// credentials are read, in libcurl's copies of request, answer and URL (user and password of a
/// source's URL are part of the configuration), and in the kernel's. None of these can be wiped by
/// us, which is why no core file is ever written (sync/cli/process.h).
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string_view text);
  /// Wipes `text`, which was the only copy.
  static Secret taken_from(std::string& text);

  bool empty() const noexcept { return memory_ == nullptr; }
  std::string_view reveal() const noexcept;

 private:
  std::shared_ptr<const char> memory_;
  std::size_t size_ = 0;
};

/// Puts a secret together from pieces, in guarded memory from the first byte on.
class SecretBuilder {
 public:
  void append(std::string_view piece);
  Secret finish() const { return Secret({memory_.get(), size_}); }

 private:
  std::shared_ptr<char> memory_;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

/// Overwrites memory that held a secret, in a way that no compiler leaves out.
void wipe(std::span<char> memory) noexcept;
/// All that `text` has room for; it is empty then.
void wipe(std::string& text) noexcept;

/// Initialises libsodium; throws when it can't. Once per process, before the first `Secret`.
void start_crypto();

}  // namespace streamsync
