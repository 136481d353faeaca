#pragma once

#include <string_view>

#include "base/error.h"
#include "base/io/bytes.h"

namespace streamsync {

/// Where results go. What it does not take is told (`Error{Local}`), at the latest by `finish`:
/// results that nobody got are no success.
class StandardOutput final : public ByteSink {
 public:
  void write(Bytes bytes) override;
  void finish() override;

  /// Of what it did not take, by errno.
  static Error lost(int code);
};

/// Adds to it.
void print_text(std::string_view text);

}  // namespace streamsync
