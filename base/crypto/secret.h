#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace streamsync {

/// A password or token: in libsodium's guarded memory (not swapped, not in core files, wiped),
/// never printed. There is no operator<< and no conversion; `reveal` at the last moment, into a
/// request. Immutable; copies share.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string_view text);

  bool empty() const noexcept { return memory_ == nullptr; }
  std::string_view reveal() const noexcept;

 private:
  std::shared_ptr<const char> memory_;
  std::size_t size_ = 0;
};

/// Initialises libsodium; throws when it can't. Once per process, before the first `Secret`.
void start_crypto();

}  // namespace streamsync
