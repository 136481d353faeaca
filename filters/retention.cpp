#include "filters/retention.h"

#include <algorithm>
#include <iterator>
#include <limits>

namespace streamsync {
namespace {

using Names = std::set<std::string, std::less<>>;

Names united(const Names& one, const Names& other) {
  Names all = one;
  all.insert(other.begin(), other.end());
  return all;
}

Names newest(const Names& versions, std::size_t max) {
  const std::size_t count = std::min(max, versions.size());
  return {std::prev(versions.end(), static_cast<std::ptrdiff_t>(count)), versions.end()};
}

Names wanted(const Names& source, const Names& target, const RetentionPolicy& policy) {
  if (!policy.max) return source;
  return newest(policy.keep ? united(source, target) : source, *policy.max);
}

}  // namespace

Retention retain(const Names& source, const Names& target, const RetentionPolicy& policy) {
  Retention retention;
  retention.wanted = wanted(source, target, policy);
  const Names& keep = retention.wanted;
  std::set_difference(keep.begin(), keep.end(), target.begin(), target.end(),
                      std::back_inserter(retention.add));
  std::reverse(retention.add.begin(), retention.add.end());
  std::set_difference(target.begin(), target.end(), keep.begin(), keep.end(),
                      std::back_inserter(retention.remove));
  return retention;
}

}  // namespace streamsync
