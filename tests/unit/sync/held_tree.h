#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/crypto/digest.h"
#include "streams/target.h"
#include "sync/observer.h"

namespace streamsync {

/// Counts what it hears.
class CountingObserver final : public Observer {
 public:
  void warn(std::string_view) override {}
  void starting(std::uint64_t bytes) override { expected = bytes; }
  void progress(std::span<const Action* const> actions, const Arrival& arrival) override {
    for (const auto* action : actions) come[action->name] = arrival.bytes;
  }
  void put_off(const Action&) override {}
  void ended(const Action&) override { ++ends; }
  void retrying(std::string_view name, const Error&, std::chrono::milliseconds) override {
    retried.emplace_back(name);
  }
  void finished(const Action&, const ActionResult&) override {}

  std::uint64_t expected = 0;
  std::map<std::string, std::uint64_t> come;
  std::size_t ends = 0;
  std::vector<std::string> retried;
};

/// A tree in memory, to be read.
class HeldTree final : public ItemTarget {
 public:
  std::vector<Held> inventory() override { return held; }
  RecordFindings record_findings() const override { return {gone, {}}; }
  std::optional<Held> look_at(const Item& item) const override {
    const auto found = contents.find(item.path->str());
    if (found == contents.end()) return std::nullopt;
    return Held{item, item.path->shared(), item.path->shared(), HeldState::Present,
                found->second.size()};
  }
  std::string name_of(const Item& item) const override { return item.key.str(); }
  void announce(const std::vector<BlobSpec>&) override {}
  Held stage(const BlobSpec&, ByteSource&) override { return {}; }
  void copy_out(const Held& item, ByteSink& to) override {
    const std::lock_guard lock(mutex_);
    if (failures[item.placement] > 0) {
      --failures[item.placement];
      Error failure(ErrorKind::Transient, Origin::Target, "503");
      throw is_silent ? std::move(failure).that_is_unreached() : std::move(failure);
    }
    if (refused.contains(item.placement)) {
      throw Error(ErrorKind::Denied, Origin::Target, "Input/output error");
    }
    ++asked;
    ++times[item.placement];
    if (!contents.contains(item.placement)) {
      throw Error(ErrorKind::NotFound, Origin::Target, "404");
    }
    to.write(as_bytes(contents.at(item.placement)));
  }
  std::optional<Held> verify_unrevealed(const Held&, const BlobSpec&) override { return {}; }
  void reveal(const Held&) override {}
  Removal remove(const Held&) override { return {}; }

  std::vector<Held> held, gone;
  std::map<std::string, std::string> contents;
  std::map<std::string, int> failures;
  std::set<std::string> refused;
  bool is_silent = false;
  int asked = 0;
  std::map<std::string, int> times;  ///< that each was asked for

 private:
  std::mutex mutex_;
};

/// Held as of version `version`, whatever its bytes are.
inline Held recorded(const std::string& version, const std::string& promised) {
  const auto path = version + "/disk.img";
  const Item item{{"source", "p", version, "disk.img"},
                  {{"size", std::to_string(promised.size())},
                   {"sha256", digest_of(DigestAlgorithm::Sha256, promised).hex()},
                   {"path", path}},
                  RelativePath::parse(path)};
  return {item, path, path, HeldState::Present, promised.size()};
}

}  // namespace streamsync
