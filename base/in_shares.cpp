#include "base/in_shares.h"

#include <algorithm>
#include <future>
#include <vector>

namespace streamsync {

void in_shares(std::size_t count, std::size_t share,
               const std::function<void(std::size_t first, std::size_t last)>& work) {
  std::vector<std::future<void>> others;
  for (auto first = share; first < count; first += share) {
    // Without a policy this thread does it where there can be no other.
    others.push_back(std::async(work, first, std::min(first + share, count)));
  }
  work(0, std::min(share, count));
  for (auto& other : others) other.get();
}

}  // namespace streamsync
