#include "directory/directory_target.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <deque>
#include <future>
#include <iterator>
#include <map>
#include <system_error>
#include <utility>

#include "base/crypto/digest.h"
#include "base/error.h"
#include "base/http/exact_source.h"
#include "streams/mirror_record.h"

namespace streamsync {
namespace {

constexpr std::string_view kRecords = ".data";
/// A larger file is worth a flush of its own, by the thread that has written it.
constexpr std::uint64_t kSmall = 1024 * 1024;

// What lies at an item's path, and beside it under its temporary name.
struct Found {
  std::optional<std::uint64_t> expected;  // none: the item can't be held
  std::optional<std::uint64_t> file{}, part{};
  bool anything() const { return file || part; }
};

HeldState state_of(const Found& found) {
  if (found.file == found.expected) return HeldState::Present;
  return found.part == found.expected ? HeldState::Unrevealed : HeldState::Incomplete;
}

// None for an item that can't be held.
std::optional<std::uint64_t> expected_size(const Item& item) {
  if (!item.path) return std::nullopt;
  try {
    return content_of(item).size;
  } catch (const Error&) {
    return std::nullopt;
  }
}

Found find(const Item& item, FileSizes& sizes) {
  Found found{expected_size(item)};
  if (!found.expected) return found;
  found.file = sizes.of(item.path->str());
  if (found.file != found.expected) {
    found.part = sizes.of(RootDirectory::part_of(item.path->str()));
  }
  return found;
}

Held held_at_its_path(Item item, HeldState state, std::uint64_t size) {
  const SharedText path = item.path->shared();
  return {std::move(item), path, path, state, size};
}

// Looks for items while others are still being read. Several at once: each look waits for the
// kernel, and on a network for the file server.
class Search {
 public:
  explicit Search(const RootDirectory& root) : root_(root) {}

  void add(std::vector<Item> items) {
    std::move(items.begin(), items.end(), std::back_inserter(next_));
    if (next_.size() >= kShare) begin();
  }
  // Calls `each` for all, in their order.
  template <typename Each>
  void finish(const Each& each) {
    begin();
    for (auto& share : shares_) {
      const auto found = share.found.get();
      for (std::size_t at = 0; at < found.size(); ++at) each(std::move(share.items[at]), found[at]);
    }
  }

 private:
  static constexpr std::size_t kAtOnce = 4, kShare = 500;
  struct Share {
    std::vector<Item> items;
    std::future<std::vector<Found>> found{};  // waits for its end before the items go
  };

  void begin() {
    if (shares_.size() >= kAtOnce) shares_[shares_.size() - kAtOnce].found.wait();
    auto& share = shares_.emplace_back(Share{std::exchange(next_, {})});
    // Without a policy this thread does it where there can be no other.
    share.found = std::async([this, &items = share.items] { return find_all(items); });
  }

  std::vector<Found> find_all(const std::vector<Item>& items) const {
    FileSizes sizes(root_);
    std::vector<Found> found;
    found.reserve(items.size());
    for (const auto& item : items) found.push_back(find(item, sizes));
    return found;
  }

  const RootDirectory& root_;
  std::vector<Item> next_;
  std::deque<Share> shares_;
};

// A large file takes longer to read than a stop may.
class UntilStopped final : public ByteSource {
 public:
  UntilStopped(ByteSource& bytes, const std::stop_token& stop) : bytes_(bytes), stop_(stop) {}

  std::size_t read(MutableBytes buffer) override {
    if (stop_.stop_requested()) throw Cancelled();
    return bytes_.read(buffer);
  }
  Bytes next(MutableBytes buffer) override {
    if (stop_.stop_requested()) throw Cancelled();
    return bytes_.next(buffer);
  }

 private:
  ByteSource& bytes_;
  const std::stop_token& stop_;
};

constexpr std::string_view kPart = ".part";

bool is_part(std::string_view name) { return name.ends_with(kPart); }

std::string_view without_part(std::string_view name) {
  return name.substr(0, name.size() - kPart.size());
}

}  // namespace

bool DirectoryTarget::was_put(const std::string& path) {
  const std::lock_guard lock(mutex_);
  return put_here_.contains(path);
}

DirectoryTarget::DirectoryTarget(const std::filesystem::path& root, std::stop_token stop)
    : path_(root), stop_(std::move(stop)) {
  std::error_code unknown;  // what can't be looked at is told when it is opened
  if (std::filesystem::exists(root, unknown) || unknown) root_.emplace(root);
}

RootDirectory& DirectoryTarget::writable() {
  if (!root_) {
    root_.emplace(path_);
  }
  return *root_;
}

std::optional<std::uint64_t> DirectoryTarget::room() const {
  std::error_code failure;
  auto place = std::filesystem::absolute(path_, failure);
  while (!std::filesystem::exists(place, failure) && place.has_relative_path()) {
    place = place.parent_path();
  }
  const auto space = std::filesystem::space(place, failure);
  if (failure || space.capacity == 0) return std::nullopt;
  // A share of the file system is kept for root alone.
  return ::geteuid() == 0 ? space.free : space.available;
}

std::vector<Error> DirectoryTarget::read_records(
    const std::function<void(std::vector<Item>)>& each_version) const {
  std::vector<Error> damaged;
  for (const auto& name : root_->names_in(kRecords)) {
    const auto path = fmt::format("{}/{}", kRecords, name);
    // Upstream's other file has another format, and a part is what a killed run left.
    if (name == "references.json" || is_part(name)) continue;
    auto record = root_->document(path);
    if (!record) continue;
    auto damage = read_record(std::move(*record), path, each_version);
    if (damage) damaged.push_back(*std::move(damage));
  }
  return damaged;
}

std::vector<Item> DirectoryTarget::recorded() const {
  std::vector<Item> items;
  read_records([&items](std::vector<Item> of_version) {
    std::move(of_version.begin(), of_version.end(), std::back_inserter(items));
  });
  return items;
}

std::vector<Item> DirectoryTarget::recorded_of(const std::string& content_id) const {
  auto items = recorded();
  std::erase_if(items, [&](const Item& item) { return item.key.content_id != content_id; });
  return items;
}

// Who went on with what another run is still writing would cut it short under its hands.
void DirectoryTarget::claim() {
  if (root_) root_->claim();
}

std::vector<Held> DirectoryTarget::inventory() {
  std::vector<Held> inventory;
  if (!root_) {
    return inventory;
  }
  findings_ = {};
  stale_records_.clear();
  Search search(*root_);
  findings_.damaged =
      read_records([&search](std::vector<Item> of_version) { search.add(std::move(of_version)); });
  // A record has the items of a version together.
  std::vector<Item> items;
  std::vector<Found> found;
  const auto end_version = [&] {
    const bool was_begun =
        std::any_of(found.begin(), found.end(), [](const Found& one) { return one.anything(); });
    for (std::size_t index = 0; index < items.size(); ++index) {
      auto& item = items[index];
      const auto& [expected, file, part] = found[index];
      // Of a version of which nothing ever came nothing was begun: it was only announced.
      if (!expected || !was_begun) {
        stale_records_.insert(item.key.content_id.str());
        if (expected) {
          findings_.absent.push_back(held_at_its_path(std::move(item), HeldState::Incomplete, 0));
        }
        continue;
      }
      const auto state = state_of(found[index]);
      const auto size = state == HeldState::Incomplete ? file.value_or(0) : *expected;
      inventory.push_back(held_at_its_path(std::move(item), state, size));
    }
    items.clear();
    found.clear();
  };
  search.finish([&](Item item, const Found& one) {
    if (!items.empty() && !are_of_one_version(items.front().key, item.key)) end_version();
    items.push_back(std::move(item));
    found.push_back(one);
  });
  end_version();
  return inventory;
}

std::optional<Held> DirectoryTarget::look_at(const Item& item) const {
  const auto size = root_ && item.path ? root_->size_of(item.path->str()) : std::nullopt;
  if (!size) return std::nullopt;
  return held_at_its_path(item, HeldState::Present, *size);
}

std::string DirectoryTarget::name_of(const Item& item) const {
  return item.path ? item.path->str() : item.key.str();
}

void DirectoryTarget::announce(const std::vector<BlobSpec>& coming) {
  if (!root_ && !coming.empty()) writable().claim();
  remove_parts_of_records();
  if (coming.empty() && stale_records_.empty()) return;
  auto records =
      records_of(inventory(), coming, [this](const std::string& path) { return is_taken(path); });
  for (const auto& held : records.useless) writable().remove_part(held.placement);
  for (const auto& content_id : stale_records_) records.items[content_id];
  for (const auto& [content_id, items] : records.items) record(content_id, items);
  for (const auto& [path, items] : records.renewals) put_here_.erase(path);
  renewals_.expect(std::move(records.renewals));
}

// A link is not followed: `stage` tells of it, for that item alone.
bool DirectoryTarget::is_taken(const std::string& path) const {
  try {
    return root_ && root_->size_of(path);
  } catch (const Error&) {
    return true;
  }
}

void DirectoryTarget::remove_parts_of_records() {
  if (!root_) return;
  for (const auto& name : root_->names_in(kRecords)) {
    if (is_part(name)) root_->remove_part(fmt::format("{}/{}", kRecords, without_part(name)));
  }
}

std::optional<BegunItem> DirectoryTarget::begun(const BlobSpec& blob) {
  const auto& path = blob.item.path->str();
  const auto part = RootDirectory::part_of(path);
  if (!root_ || !root_->size_of(part)) return std::nullopt;
  // From here on: nobody else may write what is hashed.
  auto claim = std::make_shared<NameClaims::Claim>(claims_, path);
  const auto size = root_->size_of(part);
  if (!size || *size == 0 || *size > blob.content.size || was_put(path)) return std::nullopt;
  return BegunItem{*size, root_->open(part), std::move(claim)};
}

Held DirectoryTarget::stage(const BlobSpec& blob, ByteSource& bytes) {
  const auto& path = blob.item.path->str();
  std::optional<NameClaims::Claim> claim;
  if (blob.begun == 0) claim.emplace(claims_, path);
  if (!was_put(path)) put(blob, bytes);
  return staged(blob);
}

Held DirectoryTarget::staged(const BlobSpec& blob) {
  const auto& path = blob.item.path->str();
  return {blob.item, path, path, HeldState::Unrevealed, blob.content.size};
}

void DirectoryTarget::put(const BlobSpec& blob, ByteSource& bytes) {
  const auto& path = blob.item.path->str();
  const auto part = writable().resume(path, blob.begun);
  try {
    ExactSource promised(bytes, blob.content.size - blob.begun);
    part->write_all(promised);
    if (blob.content.size > kSmall) part->sync();
    part->finish();
  } catch (const Error& error) {
    // Worth its room only where nothing speaks against its bytes.
    if (error.origin() != Origin::Source || error.kind() == ErrorKind::Corrupt) {
      writable().remove_part(path);
    }
    throw;
  }
  note_put(path, blob.content.size > kSmall ? Durability::Synced : Durability::Unknown);
}

void DirectoryTarget::note_put(const std::string& path, Durability durability) {
  const std::lock_guard lock(mutex_);
  put_here_.insert(path);
  if (durability == Durability::Unknown) unsynced_.insert(path);
}

std::optional<Held> DirectoryTarget::take_over(const BlobSpec& blob) {
  const auto& path = blob.item.path->str();
  if (!root_ || root_->size_of(path) != blob.content.size) return std::nullopt;
  const NameClaims::Claim claim(claims_, path);
  if (was_put(path)) return staged(blob);
  if (!can_be_shown(path, blob.content)) return std::nullopt;
  root_->remove_part(path);
  // It would be shown in its place.
  if (root_->size_of(RootDirectory::part_of(path))) return std::nullopt;
  note_put(path, Durability::Unknown);
  return staged(blob);
}

// A second name of the file: nothing of ours ever writes into a file that has its name.
std::optional<Held> DirectoryTarget::link(const Held& held, const BlobSpec& blob) {
  const auto& path = blob.item.path->str();
  const NameClaims::Claim claim(claims_, path);
  if (was_put(path)) return staged(blob);
  // Another item of that path may be published.
  if (!can_be_shown(path, blob.content)) {
    // What is there is needed until the new file is shown.
    if (renewals_.expects(path)) return std::nullopt;
    if (held.placement == path || !can_be_shown(held.placement, blob.content)) return std::nullopt;
    writable().remove(path);
    writable().link(held.placement, path);
  }
  note_put(path, Durability::Synced);
  return staged(blob);
}

// Whoever made it.
bool DirectoryTarget::can_be_shown(const std::string& file, const ItemContent& promised) {
  return root_->size_of(file) == promised.size && root_->is_as_readable_as_ours(file) &&
         has_bytes(file, promised);
}

bool DirectoryTarget::has_bytes(const std::string& file, const ItemContent& promised) {
  if (root_->size_of(file) != promised.size) return false;
  const auto opened = root_->open(file);
  UntilStopped bytes(*opened, stop_);
  return digest_of(promised.strongest.algorithm(), bytes) == promised.strongest;
}

void DirectoryTarget::copy_out(const Held& held, ByteSink& to) {
  copy(*(held.state == HeldState::Unrevealed ? open_unrevealed(held.placement)
                                             : writable().open(held.placement.str())),
       to);
}

// What is at the path itself may be what the item is to replace, as long as there is a part. That
// may be shown at any moment, so nothing asks whether it is there before it is opened.
std::unique_ptr<ByteSource> DirectoryTarget::open_unrevealed(const std::string& path) {
  try {
    return writable().open(RootDirectory::part_of(path));
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::NotFound) throw;
  }
  return writable().open(path);
}

std::optional<Held> DirectoryTarget::verify_unrevealed(const Held& held, const BlobSpec& blob) {
  const std::string& path = held.placement;
  const NameClaims::Claim claim(claims_, path);
  for (const auto& file : {path, RootDirectory::part_of(path)}) {
    if (writable().size_of(file) && has_bytes(file, blob.content)) {
      note_put(path, Durability::Unknown);
      return held;
    }
  }
  discard(path);
  return std::nullopt;
}

// Many small files are on the disk sooner together than one by one (threats-and-faults.md F10).
void DirectoryTarget::settle(std::span<const Held> held) {
  // Jobs go on meanwhile: what they stage from now on is for the next time.
  const auto unsynced = [this] {
    const std::lock_guard lock(mutex_);
    return unsynced_;
  }();
  const bool has_unsynced = std::any_of(held.begin(), held.end(), [&](const Held& each) {
    return unsynced.contains(each.placement);
  });
  if (!has_unsynced && !sync_failure_) return;
  try {
    sync();
  } catch (const Error&) {
    const std::lock_guard lock(mutex_);
    for (const auto& path : std::exchange(unsynced_, {})) {
      writable().remove_part(path);
      put_here_.erase(path);
    }
    throw;
  }
  const std::lock_guard lock(mutex_);
  for (const auto& path : unsynced) unsynced_.erase(path);
}

// A file system that has failed once is trusted no more in this run: asked again the kernel may say
// that all is well (F11), and what it has lost may be of any file that was written by then.
void DirectoryTarget::sync() {
  if (sync_failure_) throw Error(*sync_failure_);
  try {
    writable().sync();
  } catch (const Error& error) {
    sync_failure_ = error;
    throw;
  }
}

void DirectoryTarget::sync_names() {
  if (names_are_synced_) return;
  sync();
  names_are_synced_ = true;
}

void DirectoryTarget::reveal(const Held& held) {
  names_are_synced_ = false;
  if (!writable().show_part(held.placement) && root_->size_of(held.placement) != held.size) {
    throw Error(ErrorKind::NotFound, Origin::Target,
                fmt::format("{}: is gone before it could be shown", held.placement));
  }
  renewals_.came(held.placement);
  if (renewals_.should_be_recorded()) record_renewals();
}

// Not before the names are on the disk: after a power failure the record would vouch for what was
// there before.
void DirectoryTarget::record_renewals() {
  const auto content_ids = renewals_.content_ids();
  if (content_ids.empty()) return;
  sync_names();
  for (const auto& content_id : content_ids) {
    record(content_id, renewals_.renewed(content_id, recorded_of(content_id)).items);
  }
  renewals_.recorded();
}

Removal DirectoryTarget::remove(const Held& held) {
  // What replaces it must not be lost with it.
  if (held.state == HeldState::Present) sync_names();
  if (!departures_.knows_records()) departures_.know(recorded());
  if (is_shown_for_another(held.item)) {
    writable().remove_part(held.placement);
  } else {
    discard(held.placement);
  }
  departures_.gone(held.item);
  return {};
}

// Without its file an item would make the rest of its version look unfinished.
void DirectoryTarget::all_removed() {
  for (const auto& content_id : departures_.content_ids()) {
    record(content_id, departures_.left_of(recorded_of(content_id)));
  }
  departures_.recorded();
}

// Several items may have one path, and published documents name it for the others.
bool DirectoryTarget::is_shown_for_another(const Item& item) const {
  const auto others = departures_.others_at_path_of(item);
  FileSizes sizes(*root_);
  return std::any_of(others.begin(), others.end(), [&sizes](const Item* other) {
    const auto found = find(*other, sizes);
    return found.expected && state_of(found) == HeldState::Present;
  });
}

void DirectoryTarget::discard(const std::string& path) {
  {
    const std::lock_guard lock(mutex_);
    put_here_.erase(path);
  }
  writable().remove(path);
}

void DirectoryTarget::record(const std::string& content_id, const std::vector<Item>& items) {
  departures_.records_changed();
  const auto file = writable().create(fmt::format("{}/{}", kRecords, record_file_name(content_id)));
  write_record(content_id, items, *file);
  file->finish();
}

std::string DirectoryTarget::describe() const { return path_.string(); }

DocumentState DirectoryTarget::read(const std::string& path, const Validator&) {
  auto document = root_ && root_->size_of(path) ? root_->document(path) : std::nullopt;
  if (!document) return Absent{};
  return FetchedDocument{std::move(*document), {}};
}

void DirectoryTarget::write(const std::string& path, const Spool& content) {
  sync_names();
  const auto file = writable().create(path);
  copy(*content.reader(), *file);
  file->finish();
}

void DirectoryTarget::withdraw(const std::string& path) {
  if (!root_) return;
  root_->remove(path);
  // A power failure must not bring it back beside what is written next.
  names_are_synced_ = false;
}

}  // namespace streamsync
