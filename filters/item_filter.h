#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace streamsync {

/// Gives the value of a tag, empty when it is missing.
using TagLookup = std::function<std::string_view(std::string_view key)>;

/// One expression `KEY OP VALUE` (`upstream-gss.md` §2.1). Immutable, thread-safe.
class Filter {
 public:
  /// Throws `Error{Config, Config}` naming expression and reason. Regular expressions are RE2's:
  /// linear time; look-around and back-references are refused by name.
  static Filter parse(std::string_view expression);

  bool matches(const TagLookup& tags) const { return accepts(tags(key())); }
  /// The tag that is looked at, and what is decided by its value alone.
  const std::string& key() const noexcept;
  bool accepts(std::string_view value) const;
  const std::string& expression() const noexcept { return expression_; }

 private:
  struct Condition;
  Filter(std::string expression, std::shared_ptr<const Condition> condition);
  std::string expression_;
  std::shared_ptr<const Condition> condition_;
};

/// Filters that must all match.
class FilterSet {
 public:
  FilterSet() = default;
  static FilterSet parse(const std::vector<std::string>& expressions);

  bool matches(const TagLookup& tags) const;
  const std::vector<Filter>& all() const noexcept { return filters_; }

 private:
  std::vector<Filter> filters_;
};

}  // namespace streamsync
