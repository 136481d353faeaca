#include "objects/object_tree.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <mutex>
#include <utility>

#include "base/error.h"
#include "base/http/exact_source.h"
#include "base/in_shares.h"
#include "base/text.h"
#include "objects/listed_sizes.h"
#include "objects/object_name.h"
#include "objects/part_source.h"
#include "streams/mirror_record.h"

namespace streamsync {
namespace {

constexpr const char* kRecords = ".data/";
// No record has this name (record_file_name).
constexpr const char* kNamesOfRecords = ".data/.records";
constexpr const char* kParts = ".data/parts";

/// Requests for sizes at once, and how many each thread has at least.
constexpr std::size_t kAtOnce = 8, kShare = 8;

/// What Swift takes in one manifest, unless its operator says more; S3 takes ten times as many.
constexpr std::uint64_t kMostParts = 1000;

/// None where the item's own tags are no use; it is recorded, so they were once.
std::optional<ItemContent> known_content(const Item& item) {
  try {
    return content_of(item);
  } catch (const Error&) {
    return std::nullopt;
  }
}

std::uint64_t divided_up(std::uint64_t size, std::uint64_t by) { return (size + by - 1) / by; }

class DigestSink final : public ByteSink {
 public:
  explicit DigestSink(DigestAlgorithm algorithm) : hasher_(algorithm) {}
  void write(Bytes bytes) override { hasher_.update(bytes); }
  void finish() override {}
  Digest digest() { return hasher_.finish(); }

 private:
  Hasher hasher_;
};

void require_same(const StoredPart& stored, std::uint64_t size, const Digest& md5,
                  const std::string& what) {
  if (stored.size == size && stored.md5 == md5) return;
  throw Error(ErrorKind::Transient, Origin::Target,
              fmt::format("{}: damaged on its way: {} bytes with {} were sent, {} with {} came",
                          what, size, md5.str(), stored.size, stored.md5.str()));
}

/// Parts are kept for the next attempt, unless their bytes are wrong or want room that is not
/// there.
bool speaks_against_parts(const Error& error) {
  return error.kind() == ErrorKind::Corrupt || error.kind() == ErrorKind::NoRoom;
}

/// Puts the parts of one item, and leaves out those that an earlier attempt has put.
class PartsUpload {
 public:
  PartsUpload(ObjectStore& store, LargeObject& object, ByteSource& bytes, std::string what)
      : store_(store), object_(object), bytes_(bytes), what_(std::move(what)) {}

  void put_all_anew() { may_be_there_ = false; }

  StoredPart next(unsigned number, std::uint64_t size) {
    // They are put in order: where one is missing, none comes behind it.
    const auto left = may_be_there_ ? find(number) : std::nullopt;
    may_be_there_ = left.has_value();
    if (left && left->size == size) return compared(*left, number, size);
    return put(bytes_, number, size);
  }

 private:
  std::optional<StoredPart> find(unsigned number) {
    std::optional<StoredPart> part;
    store_.with_retries([&] { part = object_.part(number); });
    return part;
  }

  /// Only here is a part in memory: what it is can't be known before its last byte.
  StoredPart compared(const StoredPart& left, unsigned number, std::uint64_t size) {
    PartSource part(bytes_, size);
    std::vector<std::byte> buffer(static_cast<std::size_t>(size));
    for (MutableBytes room = buffer; !room.empty();) room = room.subspan(part.read(room));
    if (part.md5() == left.md5) return left;
    TextSource again(as_text(buffer));
    return put(again, number, size);
  }

  StoredPart put(ByteSource& bytes, unsigned number, std::uint64_t size) {
    PartSource part(bytes, size);
    const StoredPart stored = object_.put_part(number, part, size);
    require_same(stored, size, part.md5(), fmt::format("{}, part {}", what_, number));
    return stored;
  }

  ObjectStore& store_;
  LargeObject& object_;
  ByteSource& bytes_;
  std::string what_;
  bool may_be_there_ = true;
};

}  // namespace

ObjectTree::ObjectTree(std::shared_ptr<ObjectStore> store, const std::string& prefix,
                       const ObjectTreeLimits& limits)
    : store_(store),
      prefix_(object_name(prefix, "")),
      limits_(limits),
      documents_(std::move(store), prefix_, limits.max_document) {}

std::string ObjectTree::object_of(const std::string& path) const {
  return object_name(prefix_, path);
}

/// None for what fits into one request.
std::optional<LargeObjectPlace> ObjectTree::large_place(const Item& item) const {
  const auto content = known_content(item);
  if (!content || !item.path || content->size <= limits_.part_size) return std::nullopt;
  const auto& path = item.path->str();
  const auto parts = fmt::format("{}/{}/{}", kParts, path, content->strongest.hex());
  const auto part_size = std::max(limits_.part_size, divided_up(content->size, kMostParts));
  return LargeObjectPlace{object_of(path), object_of(parts),
                          static_cast<unsigned>(divided_up(content->size, part_size)),
                          content->size, part_size};
}

// --- records -------------------------------------------------------------------------------------

std::set<std::string> ObjectTree::record_names() {
  std::set<std::string> names;
  const auto state = documents_.read(kNamesOfRecords, {});
  if (const auto* document = std::get_if<FetchedDocument>(&state)) {
    const std::string text = read_all(*document->bytes.reader(), limits_.max_document);
    for (const auto name : split(text, '\n')) {
      if (!name.empty()) names.emplace(name);
    }
  }
  return names;
}

Record ObjectTree::read(const std::string& record) {
  const std::string path = kRecords + record;
  auto state = documents_.read(path, {});
  auto* document = std::get_if<FetchedDocument>(&state);
  if (document == nullptr) {
    return {{},
            Error(ErrorKind::Corrupt, Origin::Target,
                  fmt::format("{}: the record is gone", store_->describe(object_of(path))))};
  }
  return read_record(std::move(document->bytes), path);
}

std::vector<Record> ObjectTree::records() {
  std::vector<Record> records;
  for (const auto& name : record_names()) records.push_back(read(name));
  return records;
}

std::vector<Item> ObjectTree::all_recorded() {
  std::vector<Item> items;
  for (auto& record : records()) {
    std::move(record.items.begin(), record.items.end(), std::back_inserter(items));
  }
  return items;
}

void ObjectTree::record(const std::string& content_id, const std::vector<Item>& items) {
  departures_.records_changed();
  Spool document;
  write_record(content_id, items, document);
  documents_.write(kRecords + record_file_name(content_id), document);
}

/// Before the records, so that none is without a name.
void ObjectTree::name_records(const std::set<std::string>& names) {
  auto all = record_names();
  const auto known = all.size();
  all.insert(names.begin(), names.end());
  if (all.size() == known) return;
  std::string text;
  for (const auto& name : all) text += name + '\n';
  documents_.write(kNamesOfRecords, spool_of(text));
}

// --- what is there -------------------------------------------------------------------------------

std::optional<std::uint64_t> ObjectTree::size_of_object(const std::string& name) {
  std::optional<std::uint64_t> size;
  store_->with_retries([&] { size = store_->size_of(name); });
  return size;
}

bool ObjectTree::is_begun(const Item& item) {
  const auto place = large_place(item);
  bool is_begun = false;
  if (place) {
    store_->with_retries([&] { is_begun = store_->large_object(*place)->part(1).has_value(); });
  }
  return is_begun;
}

std::map<std::string, std::uint64_t> ObjectTree::listed_sizes_of(
    const std::vector<Held>& inventory) {
  std::set<std::string> names;
  for (const auto& held : inventory) names.insert(object_of(held.placement));
  return listed_sizes(*store_, prefix_.empty() ? "" : prefix_ + '/', names);
}

/// Whether there is anything of it.
bool ObjectTree::look_for(Held& held) {
  const auto size = size_of_object(object_of(held.placement));
  if (size == known_content(held.item)->size) held.state = HeldState::Present;
  held.size = size.value_or(0);
  return size || is_begun(held.item);
}

std::vector<Held> ObjectTree::inventory() {
  std::vector<Held> inventory;
  findings_ = {};
  for (auto& record : records()) {
    if (record.damage) findings_.damaged.push_back(*std::move(record.damage));
    for (auto& item : record.items) {
      if (!item.path || !known_content(item)) continue;
      const SharedText path = item.path->shared();
      inventory.push_back({std::move(item), path, path, HeldState::Incomplete, 0});
    }
  }
  const auto listed = listed_sizes_of(inventory);
  std::vector<Held*> unlisted;
  std::set<VersionKey> begun;
  for (auto& held : inventory) {
    const auto promised = known_content(held.item)->size;
    const auto shown = listed.find(object_of(held.placement));
    if (shown == listed.end() || shown->second != promised) {
      unlisted.push_back(&held);
      continue;
    }
    held.state = HeldState::Present;
    held.size = promised;
    begun.insert(version_of(held.item.key));
  }
  std::mutex begun_mutex;
  const auto look = [&](std::size_t first, std::size_t last) {
    for (auto at = first; at < last; ++at) {
      if (!look_for(*unlisted[at])) continue;
      const std::lock_guard lock(begun_mutex);
      begun.insert(version_of(unlisted[at]->item.key));
    }
  };
  in_shares(unlisted.size(), std::max(kShare, unlisted.size() / kAtOnce + 1), look);
  // What was announced, but nothing of its version ever came, is not held; nor is a version of
  // which a killed run has removed the last.
  stale_records_.clear();
  std::erase_if(inventory, [&](const Held& held) {
    const bool is_stale = held.size == 0 && held.state == HeldState::Incomplete &&
                          !begun.contains(version_of(held.item.key));
    if (is_stale) {
      stale_records_.insert(held.item.key.content_id.str());
      findings_.absent.push_back(held);
    }
    return is_stale;
  });
  return inventory;
}

std::string ObjectTree::name_of(const Item& item) const {
  return item.path ? item.path->str() : item.key.str();
}

void ObjectTree::announce(const std::vector<BlobSpec>& coming) {
  if (coming.empty() && stale_records_.empty()) return;
  std::set<std::string> names;
  for (const auto& blob : coming) names.insert(record_file_name(blob.item.key.content_id));
  const auto is_taken = [this](const std::string& path) {
    return size_of_object(object_of(path)).has_value();
  };
  auto records = records_of(inventory(), coming, is_taken);
  for (const auto& held : records.useless) sweep(held.item);
  name_records(names);
  for (const auto& content_id : stale_records_) records.items[content_id];
  for (const auto& [content_id, items] : records.items) record(content_id, items);
  for (const auto& [path, items] : records.renewals) put_here_.erase(path);
  renewals_.expect(std::move(records.renewals));
}

// --- items ---------------------------------------------------------------------------------------

bool ObjectTree::was_put(const std::string& path) {
  const std::lock_guard lock(mutex_);
  return put_here_.contains(path);
}

Held ObjectTree::stage(const BlobSpec& blob, ByteSource& bytes) {
  const auto& path = blob.item.path->str();
  const NameClaims::Claim claim(claims_, path);
  // Two items may share a path; the second to come finds the first one's object.
  if (!was_put(path)) put(blob, bytes);
  {
    const std::lock_guard lock(mutex_);
    put_here_.insert(path);
  }
  {
    const std::lock_guard lock(records_mutex_);
    renewals_.came(path);
    if (renewals_.should_be_recorded()) record_renewals();
  }
  return {blob.item, path, path, HeldState::Present, blob.content.size};
}

/// A killed run that did not come to it has them put again, and sweeps then.
void ObjectTree::record_renewals() {
  for (const auto& content_id : renewals_.content_ids()) {
    const auto renewed = renewals_.renewed(content_id, recorded(record_file_name(content_id)));
    for (const auto& gone : renewed.gone) sweep(gone);
    record(content_id, renewed.items);
  }
  renewals_.recorded();
}

std::uint64_t ObjectTree::part_size(const BlobSpec& blob) const {
  const auto place = large_place(blob.item);
  return place ? place->part_size : 0;
}

std::optional<BegunItem> ObjectTree::begun(const BlobSpec& blob) {
  const auto place = large_place(blob.item);
  if (!place) return std::nullopt;
  const std::lock_guard lock(mutex_);
  const auto found = begun_.find({place->parts, place->size});
  if (found == begun_.end()) return std::nullopt;
  const auto count = found->second.parts.size();
  return BegunItem{std::min(count * place->part_size, place->size), nullptr, nullptr};
}

ObjectTree::BegunParts ObjectTree::take_begun(const LargeObjectPlace& place) {
  const std::lock_guard lock(mutex_);
  auto taken = begun_.extract({place.parts, place.size});
  return taken ? std::move(taken.mapped()) : BegunParts{};
}

void ObjectTree::keep(const LargeObjectPlace& place, BegunParts begun) {
  const std::lock_guard lock(mutex_);
  begun_.insert_or_assign({place.parts, place.size}, std::move(begun));
}

/// Not when they are gone meanwhile, as those of an upload that the store has tidied up.
ObjectTree::BegunParts ObjectTree::go_on_with(const BlobSpec& blob, const LargeObjectPlace& place) {
  auto begun = take_begun(place);
  if (blob.begun == 0) return {store_->large_object(place), {}};
  const auto count = static_cast<unsigned>(blob.begun / place.part_size);
  std::optional<StoredPart> last;
  if (count * place.part_size == blob.begun && count <= begun.parts.size()) {
    begun.parts.erase(begun.parts.begin() + count, begun.parts.end());
    store_->with_retries([&] { last = begun.object->part(count); });
  }
  if (!last || *last != begun.parts.back()) {
    throw Error(ErrorKind::Transient, Origin::Target,
                fmt::format("{}: its first parts are gone", store_->describe(place.name)));
  }
  return begun;
}

void ObjectTree::put(const BlobSpec& blob, ByteSource& bytes) {
  const auto place = large_place(blob.item);
  if (!place) return put_whole(blob, bytes);
  auto begun = go_on_with(blob, *place);
  try {
    put_parts(blob, begun, *place, bytes);
  } catch (const Error& error) {
    if (!speaks_against_parts(error)) {
      keep(*place, std::move(begun));
    } else if (!blob.is_mending) {  // else they are those of what is still shown
      store_->with_retries([&] { begun.object->sweep(); });
    }
    throw;
  }
}

void ObjectTree::put_whole(const BlobSpec& blob, ByteSource& bytes) {
  const auto name = object_of(blob.item.path->str());
  PartSource whole(bytes, blob.content.size + 1);  // so that one too many is seen
  const auto stored = store_->put(name, whole, blob.content.size);
  try {
    require_same(stored, blob.content.size, whole.md5(), store_->describe(name));
  } catch (const Error&) {
    discard(blob.item);
    throw;
  }
}

void ObjectTree::put_parts(const BlobSpec& blob, BegunParts& begun, const LargeObjectPlace& place,
                           ByteSource& bytes) {
  ExactSource promised(bytes, place.size - blob.begun);
  PartsUpload upload(*store_, *begun.object, promised, store_->describe(place.name));
  // A store tells of a part what it was when it came, not what it is.
  if (blob.is_mending) upload.put_all_anew();
  auto& parts = begun.parts;
  std::uint64_t left = place.size - blob.begun;
  while (parts.size() < place.count) {
    const auto number = static_cast<unsigned>(parts.size()) + 1;
    parts.push_back(upload.next(number, std::min(place.part_size, left)));
    left -= parts.back().size;
  }
  store_->with_retries([&] { begun.object->complete(parts); });
  if (size_of_object(place.name) != place.size) {
    throw Error(ErrorKind::Corrupt, Origin::Target,
                fmt::format("{}: is not of the size of its parts: see whether the object store is "
                            "healthy",
                            store_->describe(place.name)));
  }
}

void ObjectTree::copy_out(const Held& held, ByteSink& to) {
  const auto name = object_of(held.placement);
  if (store_->get(name, {}, to).state == Found::State::Given) return;
  throw Error(ErrorKind::NotFound, Origin::Target,
              fmt::format("{}: is not there any more", store_->describe(name)));
}

std::optional<Held> ObjectTree::verify_unrevealed(const Held& held, const BlobSpec& blob) {
  const auto name = object_of(held.placement);
  std::optional<Digest> digest;
  store_->with_retries([&] {
    DigestSink sink(blob.content.strongest.algorithm());
    digest.reset();
    if (store_->get(name, {}, sink).state == Found::State::Given) digest = sink.digest();
  });
  const bool is_right = digest == blob.content.strongest;
  if (digest && !is_right) discard(held.item);
  return is_right ? std::optional(held) : std::nullopt;
}

/// An object shows only when it is complete, and nothing names it before the documents do.
void ObjectTree::reveal(const Held&) {}

void ObjectTree::all_revealed() {
  const std::lock_guard lock(records_mutex_);
  record_renewals();
}

Removal ObjectTree::remove(const Held& held) {
  if (!departures_.knows_records()) departures_.know(all_recorded());
  const auto others = shown_at_path_of(held.item);
  if (others.empty()) {
    discard(held.item);
  } else if (std::all_of(others.begin(), others.end(),
                         [&held](const Item* other) { return replaces(*other, held.item); })) {
    sweep(held.item);
  }
  departures_.gone(held.item);
  return {};
}

/// Without its object an item would make the rest of its version look unfinished.
void ObjectTree::all_removed() {
  for (const auto& content_id : departures_.content_ids()) {
    record(content_id, departures_.left_of(recorded(record_file_name(content_id))));
  }
  departures_.recorded();
}

/// Several items may have one path, and published documents name it for the others.
std::vector<const Item*> ObjectTree::shown_at_path_of(const Item& item) {
  auto others = departures_.others_at_path_of(item);
  if (others.empty()) return others;
  const auto size = size_of_object(object_of(item.path->str()));
  std::erase_if(others, [&size](const Item* other) {
    const auto content = known_content(*other);
    return !content || content->size != size;
  });
  return others;
}

void ObjectTree::discard(const Item& item) {
  const auto& path = item.path->str();
  {
    const std::lock_guard lock(mutex_);
    put_here_.erase(path);
  }
  store_->with_retries([&] { store_->remove(object_of(path)); });
  sweep(item);
}

void ObjectTree::sweep(const Item& item) {
  if (const auto place = large_place(item)) {
    store_->with_retries([&] { store_->large_object(*place)->sweep(); });
  }
}

}  // namespace streamsync
