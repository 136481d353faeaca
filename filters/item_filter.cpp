#include "filters/item_filter.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <cstddef>
#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "filters/pattern.h"

namespace streamsync {
namespace {

// Longer ones are no filters that somebody wrote (threats-and-faults.md T21).
constexpr std::size_t kMaxPattern = 1000;

[[noreturn]] void refuse(std::string_view why) {
  throw Error(ErrorKind::Config, Origin::Config, std::string(why));
}

std::unique_ptr<const RE2> compile(std::string_view pattern) {
  if (pattern.size() > kMaxPattern) {
    refuse(fmt::format("the regular expression is longer than {} bytes", kMaxPattern));
  }
  auto compiled = std::make_unique<const RE2>(re2_pattern(pattern), RE2::Quiet);
  if (!compiled->ok()) {
    refuse(fmt::format("not a regular expression: {}", printable(compiled->error())));
  }
  return compiled;
}

}  // namespace

struct Filter::Condition {
  std::string key;
  bool negated;
  std::string value;
  std::unique_ptr<const RE2> pattern;  // of ~ and !~

  bool holds(std::string_view text) const {
    const bool found = pattern
                           ? RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *pattern)
                           : text == value;
    return found != negated;
  }

  static Condition parse(std::string_view expression) {
    static const RE2 kKeyAndOperator("([-|_\\pL\\pN]+) *(!?)([=~]) *");
    re2::StringPiece rest(expression.data(), expression.size());
    Condition condition;
    std::string negation;
    std::string op;
    if (!RE2::Consume(&rest, kKeyAndOperator, &condition.key, &negation, &op)) {
      refuse("it does not read KEY=VALUE, KEY!=VALUE, KEY~REGEX or KEY!~REGEX");
    }
    const std::string_view value(rest.data(), rest.size());
    condition.value = value.substr(0, value.find('\n'));
    condition.negated = !negation.empty();
    if (op == "~") condition.pattern = compile(condition.value);
    return condition;
  }
};

Filter::Filter(std::string expression, std::shared_ptr<const Condition> condition)
    : expression_(std::move(expression)), condition_(std::move(condition)) {}

Filter Filter::parse(std::string_view expression) {
  return with_context(fmt::format("filter \"{}\"", printable(expression)), [&] {
    return Filter(std::string(expression),
                  std::make_shared<const Condition>(Condition::parse(expression)));
  });
}

const std::string& Filter::key() const noexcept { return condition_->key; }

bool Filter::accepts(std::string_view value) const { return condition_->holds(value); }

FilterSet FilterSet::parse(const std::vector<std::string>& expressions) {
  FilterSet set;
  for (const auto& expression : expressions) set.filters_.push_back(Filter::parse(expression));
  return set;
}

bool FilterSet::matches(const TagLookup& tags) const {
  return std::all_of(filters_.begin(), filters_.end(),
                     [&](const Filter& filter) { return filter.matches(tags); });
}

}  // namespace streamsync
