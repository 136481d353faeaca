#pragma once

#include <fmt/format.h>

#include <chrono>
#include <condition_variable>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "objects/object_store.h"

namespace streamsync::testing {

/// A container in memory that tells what was asked of it.
class MemoryStore final : public ObjectStore {
 public:
  std::string describe(const std::string& name) const override { return "memory:" + name; }
  void with_retries(const std::function<void()>& action) override { action(); }

  Found get(const std::string& name, const Validator&, ByteSink& bytes) override {
    const auto found = objects.find(name);
    if (found == objects.end()) return {};
    bytes.write(as_bytes(found->second));
    return {Found::State::Given, {}};
  }

  Found get_as_anyone(const std::string& name, ByteSink& bytes) override {
    return get(name, {}, bytes);
  }
  bool may_be_private() const override { return false; }

  std::optional<std::uint64_t> size_of(const std::string& name) override {
    std::unique_lock lock(mutex_);
    asked.push_back("size of " + name);
    another_is_asked_.notify_all();
    meets_in_vain |= !another_is_asked_.wait_for(lock, std::chrono::seconds(20),
                                                 [this] { return asked.size() >= sizes_at_once; });
    const auto found = objects.find(name);
    if (found == objects.end()) return std::nullopt;
    return found->second.size();
  }

  std::vector<ListedObject> list(const std::string& prefix, const std::string& after) override {
    asked.push_back("list " + after);
    if (pages == most_pages) throw Error(ErrorKind::Denied, Origin::Target, "may not list");
    ++pages;
    std::vector<ListedObject> page;
    for (const auto& [name, size] : listing.value_or(true_listing())) {
      if (page.size() == page_size) break;
      if (name.starts_with(prefix) && (ignores_place || name > after)) page.push_back({name, size});
    }
    return page;
  }

  void put(const std::string& name, const DocumentPut& document) override {
    if (fails_once.erase(name) != 0) throw Error(ErrorKind::Transient, Origin::Target, "broken");
    ++documents_put[name];
    objects[name] = read_all(*document.content.reader(), document.content.size());
  }

  StoredPart put(const std::string& name, ByteSource& bytes, std::uint64_t size) override {
    const std::string text = taken_from(bytes, size) + damage;
    log.push_back(fmt::format("put {}", name));
    objects[name] = text;
    return {text.size(), digest_of(DigestAlgorithm::Md5, text)};
  }

  void remove(const std::string& name) override { objects.erase(name); }

  std::unique_ptr<LargeObject> large_object(const LargeObjectPlace& place) override {
    return std::make_unique<Parted>(*this, place);
  }

  std::size_t sizes_at_once = 0;  ///< none is told before so many are asked for
  bool meets_in_vain = false;
  std::map<std::string, std::string> objects;
  std::map<std::string, std::map<unsigned, std::string>> parts;  ///< by their place
  std::vector<std::string> log;                                  ///< of what brings bytes
  std::vector<std::string> asked;                                ///< of what is there
  std::map<std::string, unsigned> documents_put;                 ///< how often each
  std::set<std::string> fails_once;                              ///< when it is put
  std::string damage;                                            ///< is added to what comes

  using Sizes = std::map<std::string, std::uint64_t>;
  std::optional<Sizes> listing;  ///< what listings show in place of the truth
  std::size_t page_size = 1000;
  unsigned pages = 0;  ///< so many were given
  unsigned most_pages = std::numeric_limits<unsigned>::max();
  bool ignores_place = false;  ///< each page is the first

 private:
  std::mutex mutex_;
  std::condition_variable another_is_asked_;

  class Parted final : public LargeObject {
   public:
    Parted(MemoryStore& store, LargeObjectPlace place) : store_(store), place_(std::move(place)) {}

    std::optional<StoredPart> part(unsigned number) override {
      const auto found = store_.parts[place_.parts].find(number);
      if (found == store_.parts[place_.parts].end()) return std::nullopt;
      return StoredPart{found->second.size(), digest_of(DigestAlgorithm::Md5, found->second)};
    }

    StoredPart put_part(unsigned number, ByteSource& bytes, std::uint64_t size) override {
      const std::string text = taken_from(bytes, size) + store_.damage;
      store_.log.push_back(fmt::format("part {}", number));
      store_.parts[place_.parts][number] = text;
      return {text.size(), digest_of(DigestAlgorithm::Md5, text)};
    }

    void complete(const std::vector<StoredPart>& stored) override {
      std::string whole;
      for (unsigned number = 1; number <= stored.size(); ++number) {
        whole += store_.parts[place_.parts].at(number);
      }
      store_.log.push_back("complete");
      store_.objects[place_.name] = whole;
    }

    void sweep() override { store_.parts.erase(place_.parts); }

   private:
    MemoryStore& store_;
    LargeObjectPlace place_;
  };

  Sizes true_listing() const {
    Sizes sizes;
    for (const auto& [name, text] : objects) sizes[name] = text.size();
    return sizes;
  }

  static std::string taken_from(ByteSource& bytes, std::uint64_t size) {
    std::string text = read_all(bytes, size + 1);
    if (text.size() != size) throw Error(ErrorKind::Corrupt, Origin::Source, "another length");
    return text;
  }
};

}  // namespace streamsync::testing
