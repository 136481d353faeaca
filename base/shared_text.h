#pragma once

#include <compare>
#include <concepts>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace streamsync {

class SharedText;

template <typename Type>
concept Text =
    std::convertible_to<const Type&, std::string_view> && !std::same_as<Type, SharedText>;

/// A text that its copies share and nobody changes: for names that are held many times over, and in
/// any thread. Where a text is wanted it is one.
class SharedText {
 public:
  SharedText() = default;
  SharedText(std::string text)
      : text_(text.empty() ? nullptr : std::make_shared<const std::string>(std::move(text))) {}
  SharedText(std::string_view text) : SharedText(std::string(text)) {}
  SharedText(const char* text) : SharedText(std::string(text)) {}

  const std::string& str() const noexcept {
    static const std::string kEmpty;
    return text_ ? *text_ : kEmpty;
  }
  operator const std::string&() const noexcept { return str(); }
  operator std::string_view() const noexcept { return str(); }
  bool empty() const noexcept { return text_ == nullptr; }

  friend bool operator==(const SharedText& one, const SharedText& other) noexcept {
    return one.text_ == other.text_ || one.str() == other.str();
  }
  friend std::strong_ordering operator<=>(const SharedText& one, const SharedText& other) noexcept {
    if (one.text_ == other.text_) return std::strong_ordering::equal;
    return one.str() <=> other.str();
  }
  template <Text Other>
  friend bool operator==(const SharedText& one, const Other& other) noexcept {
    return std::string_view(one) == std::string_view(other);
  }
  template <Text Other>
  friend std::strong_ordering operator<=>(const SharedText& one, const Other& other) noexcept {
    return std::string_view(one) <=> std::string_view(other);
  }

 private:
  std::shared_ptr<const std::string> text_;  // none: empty
};

}  // namespace streamsync
