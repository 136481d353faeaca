#pragma once

#include <cstddef>
#include <string>

#include "base/io/bytes.h"

namespace streamsync {

/// The first `limit` bytes of an answer's body, in memory.
class AnswerText final : public ByteSink {
 public:
  explicit AnswerText(std::size_t limit) : limit_(limit) {}

  void write(Bytes bytes) override {
    const std::size_t room = limit_ - text_.size();
    is_cut_ = is_cut_ || bytes.size() > room;
    text_.append(as_text(bytes).substr(0, room));
  }
  void finish() override {}

  /// More than `limit` bytes came.
  bool is_cut() const noexcept { return is_cut_; }
  std::string release() { return std::move(text_); }

 private:
  std::size_t limit_;
  std::string text_;
  bool is_cut_ = false;
};

}  // namespace streamsync
