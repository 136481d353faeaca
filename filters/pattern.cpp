#include "filters/pattern.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/error.h"

namespace streamsync {
namespace {

// Python's str.isalnum, str.isdecimal and str.isspace by Unicode category.
constexpr std::string_view kWord = "_\\pL\\pN";
constexpr std::string_view kDecimal = "\\p{Nd}";
constexpr std::string_view kNotDecimal = "\\P{Nd}";
constexpr std::string_view kSpace = "\\s\\x{0b}\\x{1c}-\\x{1f}\\x{85}\\pZ";

[[noreturn]] void refuse(std::string_view feature) {
  throw Error(
      ErrorKind::Config, Origin::Config,
      fmt::format("{} is not supported: filters match in linear time, with RE2's syntax", feature));
}

class Translator {
 public:
  explicit Translator(std::string_view pattern) : rest_(pattern) {}

  std::string translate() && {
    while (!rest_.empty()) token();
    return std::move(out_);
  }

 private:
  void token() {
    switch (rest_.front()) {
      case '\\':
        return escape();
      case '[':
        return set();
      case '(':
        return group();
      case '*':
      case '+':
      case '?':
        copy(1);
        return after_quantifier();
      case '{':
        return braces();
      default:
        return copy(1);
    }
  }

  void escape() {
    const char c = escaped();
    if (c >= '1' && c <= '9') refuse(fmt::format("the back-reference \\{}", c));
    switch (c) {
      case 'd':
        return replace(2, kDecimal);
      case 'D':
        return replace(2, kNotDecimal);
      case 'w':
        return replace(2, fmt::format("[{}]", kWord));
      case 'W':
        return replace(2, fmt::format("[^{}]", kWord));
      case 's':
        return replace(2, fmt::format("[{}]", kSpace));
      case 'S':
        return replace(2, fmt::format("[^{}]", kSpace));
      case 'Z':
        return replace(2, "\\z");
      default:
        return copy(2);
    }
  }

  void set() {
    copy(1);
    if (rest_.starts_with('^')) copy(1);
    if (rest_.starts_with(']')) replace(1, "\\]");
    while (!rest_.empty() && !rest_.starts_with(']')) set_member();
    copy(1);
  }

  void set_member() {
    // Python knows no [:alpha:].
    if (rest_.front() == '[') return replace(1, "\\[");
    if (rest_.front() != '\\') return copy(1);
    switch (escaped()) {
      case 'd':
        return replace(2, kDecimal);
      case 'D':
        return replace(2, kNotDecimal);
      case 'w':
        return replace(2, kWord);
      case 's':
        return replace(2, kSpace);
      default:
        return copy(2);
    }
  }

  void group() {
    static constexpr std::array<std::pair<std::string_view, std::string_view>, 8> kRefused = {{
        {"(?=", "look-ahead (?=…)"},
        {"(?!", "look-ahead (?!…)"},
        {"(?<=", "look-behind (?<=…)"},
        {"(?<!", "look-behind (?<!…)"},
        {"(?P=", "the back-reference (?P=…)"},
        {"(?(", "the condition (?(…)…)"},
        {"(?>", "the atomic group (?>…)"},
        {"(?#", "the comment (?#…)"},
    }};
    for (const auto& [start, feature] : kRefused) {
      if (rest_.starts_with(start)) refuse(feature);
    }
    copy(rest_.starts_with("(?") ? 2 : 1);
  }

  void braces() {
    static const RE2 kQuantifier(R"(\{(\d*)((?:,\d*)?\}))");
    re2::StringPiece after(rest_.data(), rest_.size());
    std::string least;
    std::string most;
    const bool quantifier = RE2::Consume(&after, kQuantifier, &least, &most);
    if (!quantifier || least + most == "}") return copy(1);
    replace(rest_.size() - after.size(), fmt::format("{{{}{}", least.empty() ? "0" : least, most));
    after_quantifier();
  }

  void after_quantifier() {
    if (rest_.starts_with('+')) refuse("a possessive quantifier (a++)");
    if (rest_.starts_with('?')) copy(1);
  }

  char escaped() const { return rest_.size() > 1 ? rest_[1] : '\0'; }

  void copy(std::size_t count) { replace(count, rest_.substr(0, count)); }
  void replace(std::size_t count, std::string_view text) {
    out_ += text;
    rest_.remove_prefix(std::min(count, rest_.size()));
  }

  std::string_view rest_;
  std::string out_;
};

}  // namespace

std::string re2_pattern(std::string_view python) { return Translator(python).translate(); }

}  // namespace streamsync
