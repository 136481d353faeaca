// Filter expressions: the first line is the expression, the rest the value of every tag.

#include <algorithm>
#include <string>

#include "filters/item_filter.h"
#include "tests/fuzz/property.h"

namespace streamsync {
namespace {

/// The same expression with its operator negated.
std::string negated(std::string expression) {
  const auto op = expression.find_first_of("!=~");
  if (expression[op] == '!') return expression.erase(op, 1);
  return expression.insert(op, 1, '!');
}

/// Whether KEY = VALUE holds, by the letter of `upstream-gss.md` §2.1.
bool is_equal(std::string_view expression, std::string_view value) {
  expression.remove_prefix(expression.find('=') + 1);
  expression.remove_prefix(std::min(expression.find_first_not_of(' '), expression.size()));
  return expression == value;
}

void check(const std::string& expression, std::string_view value) {
  const TagLookup tags = [value](std::string_view) { return value; };
  taken(ErrorKind::Config, Origin::Config, [&] {
    const Filter filter = Filter::parse(expression);
    const Filter opposite = Filter::parse(negated(expression));
    const bool matches = filter.matches(tags);
    require(matches == filter.matches(tags), "a filter has no memory");
    require(matches != opposite.matches(tags), "a negated filter matches the others");
    const auto op = expression.find_first_of("!=~");
    if (expression[op] == '=') {
      require(matches == is_equal(expression, value), "= compares the whole value");
    }
  });
}

}  // namespace
}  // namespace streamsync

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = streamsync::input(data, size);
  const auto line_end = std::min(text.find('\n'), text.size());
  const auto value_at = std::min(line_end + 1, text.size());
  streamsync::check(std::string(text.substr(0, line_end)), text.substr(value_at));
  return 0;
}
