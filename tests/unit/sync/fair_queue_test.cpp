#include "sync/fair_queue.h"

#include <catch2/catch.hpp>

#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

namespace streamsync {
namespace {

Server server(const std::string& host) { return {"http://" + host, ""}; }

// What so many jobs take that begin one after the other and do not end before the last has begun.
std::vector<std::size_t> taken_at_once(FairQueue& queue, std::size_t jobs) {
  std::vector<std::size_t> items;
  const std::function<void(std::size_t)> work = [&](std::size_t item) {
    items.push_back(item);
    if (items.size() < jobs) queue.work_on_next(work);
  };
  queue.work_on_next(work);
  return items;
}

std::vector<std::size_t> taken_in_turn(FairQueue& queue, std::size_t count) {
  std::vector<std::size_t> items;
  for (std::size_t turn = 0; turn < count; ++turn) {
    queue.work_on_next([&](std::size_t item) { items.push_back(item); });
  }
  return items;
}

using Items = std::vector<std::size_t>;

}  // namespace

TEST_CASE("of one server the largest is taken first") {
  FairQueue queue;
  queue.add(server("a"), 7, 30);
  queue.add(server("a"), 9, 20);
  queue.add(server("a"), 8, 10);
  CHECK(taken_at_once(queue, 3) == Items{7, 9, 8});
}

TEST_CASE("the server with the least under way is next, whatever the size of its items") {
  FairQueue queue;
  queue.add(server("a"), 1, 900);
  queue.add(server("a"), 2, 800);
  queue.add(server("a"), 3, 700);
  queue.add(server("b"), 4, 2);
  queue.add(server("b"), 5, 1);
  SECTION("while all last: by turns, then what is left") {
    CHECK(taken_at_once(queue, 5) == Items{1, 4, 2, 5, 3});
  }
  SECTION("one that has ended is not under way any more") {
    Items items;
    queue.work_on_next([&](std::size_t item) {
      items = {item};
      for (const auto each : taken_in_turn(queue, 2)) items.push_back(each);
    });
    CHECK(items == Items{1, 4, 5});
    CHECK(taken_in_turn(queue, 2) == Items{2, 3});
  }
  SECTION("one that has thrown neither") {
    const auto fail = [](std::size_t) { throw std::runtime_error("broken"); };
    CHECK_THROWS(queue.work_on_next(fail));
    CHECK(taken_at_once(queue, 2) == Items{4, 2});
  }
}

TEST_CASE("of servers that had no turn yet the largest item decides") {
  FairQueue queue;
  queue.add(server("a"), 1, 5);
  queue.add(server("a"), 2, 1);
  queue.add(server("b"), 3, 6);
  queue.add(server("b"), 4, 2);
  CHECK(taken_in_turn(queue, 4) == Items{3, 1, 4, 2});
}

TEST_CASE("of servers with as much under way the one that has waited longest is next") {
  FairQueue queue;
  queue.add(server("a"), 1, 90);
  queue.add(server("a"), 2, 80);
  queue.add(server("b"), 3, 9);
  queue.add(server("b"), 4, 8);
  queue.add(server("c"), 5, 1);
  CHECK(taken_in_turn(queue, 5) == Items{1, 3, 5, 2, 4});
}

TEST_CASE("one host by another port or another proxy is another server") {
  FairQueue queue;
  queue.add({"http://a", ""}, 1, 9);
  queue.add({"http://a", ""}, 2, 8);
  queue.add({"http://a:81", ""}, 3, 2);
  queue.add({"http://a", "http://proxy"}, 4, 1);
  CHECK(taken_at_once(queue, 4) == Items{1, 3, 4, 2});
}

}  // namespace streamsync
