#pragma once

#include <functional>
#include <string>
#include <utility>

#include "base/io/bytes.h"

namespace streamsync {

/// Keeps what is written into it, and does something at each write.
class KeptBytes final : public ByteSink {
 public:
  void on_write(std::function<void()> action) { action_ = std::move(action); }

  void write(Bytes bytes) override {
    text_ += as_text(bytes);
    if (action_) action_();
  }
  void finish() override { is_finished_ = true; }

  const std::string& text() const noexcept { return text_; }
  bool is_finished() const noexcept { return is_finished_; }

 private:
  std::function<void()> action_;
  std::string text_;
  bool is_finished_ = false;
};

/// `text` in pieces of at most `piece` bytes, with something done before its end is told, or before
/// each piece.
class PieceSource final : public ByteSource {
 public:
  PieceSource(std::string_view text, std::size_t piece, std::function<void()> at_end = {})
      : text_(text), piece_(piece), at_end_(std::move(at_end)) {}

  void before_each(std::function<void()> action) { before_each_ = std::move(action); }

  std::size_t read(MutableBytes buffer) override {
    if (before_each_) before_each_();
    const std::size_t count = text_.read(buffer.first(std::min(buffer.size(), piece_)));
    if (count == 0 && at_end_) at_end_();
    return count;
  }

 private:
  TextSource text_;
  std::size_t piece_;
  std::function<void()> at_end_;
  std::function<void()> before_each_;
};

}  // namespace streamsync
