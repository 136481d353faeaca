#include "objects/listed_sizes.h"

#include <algorithm>
#include <vector>

#include "base/error.h"

namespace streamsync {
namespace {

/// A page of up to 10000 objects that passes by fewer names costs more than to ask for these.
constexpr std::size_t kWorthAPage = 10;

/// All of `name` but its last character: hardly a name lies between the two.
std::string place_before(std::string name) {
  const auto continues_character = [](char c) { return (static_cast<unsigned char>(c) >> 6) == 2; };
  while (name.size() > 1 && continues_character(name.back())) name.pop_back();
  name.pop_back();
  return name;
}

using Sizes = std::map<std::string, std::uint64_t>;

void read_pages(ObjectStore& store, const std::string& prefix, const std::set<std::string>& names,
                Sizes& sizes) {
  std::string after;
  for (auto unknown = names.begin(); unknown != names.end();) {
    // What lies before the next name is of no interest: segments, for one.
    after = std::max(after, place_before(*unknown));
    // Tried once: what it does not tell is asked for all the same.
    const auto page = store.list(prefix, after);
    if (page.empty()) return;
    for (const auto& object : page) {
      if (names.contains(object.name)) sizes[object.name] = object.size;
    }
    after = page.back().name;
    std::size_t told = 0;
    for (; unknown != names.end() && *unknown <= after; ++unknown) ++told;
    if (told < kWorthAPage) return;  // nor is one that does not go on where it was asked to
  }
}

}  // namespace

Sizes listed_sizes(ObjectStore& store, const std::string& prefix,
                   const std::set<std::string>& names) {
  Sizes sizes;
  try {
    read_pages(store, prefix, names, sizes);
  } catch (const Error&) {
    // Who may read may still not be allowed to list; what else is wrong shows in what is asked now.
  }
  return sizes;
}

}  // namespace streamsync
