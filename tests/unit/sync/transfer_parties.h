#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/crypto/digest.h"
#include "base/error.h"
#include "streams/source.h"
#include "streams/target.h"

namespace streamsync {

/// Gives its content in pieces, each ended by the failure of the link; the last one is whole.
class BreakingSource final : public Source {
 public:
  BreakingSource(std::string content, std::deque<std::uint64_t> pieces)
      : content_(std::move(content)), pieces_(std::move(pieces)) {}

  std::optional<FetchedDocument> fetch(const RelativePath&, const Validator&) override {
    throw Error(ErrorKind::NotFound, Origin::Source, "no documents here");
  }
  void stream(const RelativePath&, ItemProgress& progress, ByteSink& sink) override {
    asked_from.push_back(progress.offset);
    knew.push_back(std::exchange(progress.validator, "a validator"));
    auto rest = std::string_view(content_).substr(progress.offset);
    const bool breaks = !pieces_.empty();
    if (breaks) {
      rest = rest.substr(0, pieces_.front());
      pieces_.pop_front();
    }
    sink.write(as_bytes(rest));
    progress.offset += rest.size();
    if (breaks) throw Error(ErrorKind::Transient, Origin::Source, "the link broke");
  }
  std::string describe(const RelativePath& path) const override { return path.str(); }

  std::vector<std::uint64_t> asked_from;
  std::vector<std::string> knew;  ///< the validator of each of those

 private:
  std::string content_;
  std::deque<std::uint64_t> pieces_;
};

/// Takes an item in parts, which it keeps, and fails in some of them: `failures` says in which one
/// (the first is 0) of each call.
class PartedTarget final : public ItemTarget {
 public:
  PartedTarget(std::map<std::size_t, std::size_t> failures, std::size_t size)
      : failures_(std::move(failures)), size_(size) {}

  std::vector<Held> inventory() override { return {}; }
  std::string name_of(const Item&) const override { return "item"; }
  void announce(const std::vector<BlobSpec>&) override {}
  std::uint64_t part_size(const BlobSpec&) const override { return size_; }
  std::optional<BegunItem> begun(const BlobSpec&) override {
    if (confirmed.empty()) return std::nullopt;
    return BegunItem{confirmed.size(), nullptr, nullptr};
  }
  Held stage(const BlobSpec& blob, ByteSource& bytes) override {
    begun_at.push_back(blob.begun);
    confirmed.resize(blob.begun);
    while (confirmed.size() < blob.content.size) take_part(bytes);
    return {blob.item, "item", "item", HeldState::Unrevealed, blob.content.size};
  }
  void copy_out(const Held&, ByteSink& to) override { to.write(as_bytes(confirmed)); }
  std::optional<Held> verify_unrevealed(const Held&, const BlobSpec&) override { return {}; }
  void reveal(const Held&) override {}
  Removal remove(const Held&) override { return {}; }

  std::string confirmed;
  std::vector<std::uint64_t> begun_at;  ///< of each call

 private:
  void take_part(ByteSource& bytes) {
    std::string part;
    std::vector<std::byte> buffer(size_);
    while (const auto count = bytes.read(MutableBytes(buffer).first(size_ - part.size()))) {
      part += as_text(Bytes(buffer).first(count));
    }
    const auto failure = failures_.find(begun_at.size());
    if (failure != failures_.end() && failure->second == confirmed.size() / size_) {
      throw Error(ErrorKind::Transient, Origin::Target, "the part was refused");
    }
    confirmed += part;
  }

  std::map<std::size_t, std::size_t> failures_;
  std::size_t size_;
};

inline BlobSpec blob_of(const std::string& content) {
  return {{{}, {}, RelativePath::parse("item")},
          {content.size(), digest_of(DigestAlgorithm::Sha256, content), {}}};
}

}  // namespace streamsync
