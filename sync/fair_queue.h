#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <vector>

#include "streams/source.h"

namespace streamsync {

/// What is to be fetched, in the order in which jobs take it (docs/adr/0028): of the servers that
/// have something left the one with the least under way, and of that its largest; of those that
/// have as little, the one whose last turn is the longest ago, and the largest of the first ones.
/// Thread-safe.
class FairQueue {
 public:
  /// Of one server the largest is added first. Not while jobs take.
  void add(const Server& server, std::size_t item, std::uint64_t size);

  /// Takes the next one, which there must be; it is under way as long as `work` lasts.
  void work_on_next(const std::function<void(std::size_t item)>& work);

 private:
  struct Waiting {
    std::size_t item;
    std::uint64_t size;
  };
  struct Line {
    std::vector<Waiting> items{};
    std::size_t next = 0;
    std::size_t under_way = 0;
    std::size_t last_turn = 0;  ///< 0: it had none

    bool is_over() const noexcept { return next == items.size(); }
  };
  class Turn;

  Line& whose_turn();
  static bool goes_before(const Line& one, const Line& other) noexcept;

  std::mutex mutex_;
  std::size_t turns_ = 0;
  std::map<Server, std::size_t> numbers_;
  std::vector<Line> lines_;  ///< in the order of their coming
};

}  // namespace streamsync
