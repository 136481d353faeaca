#include "glance/glance_target.h"

#include <fmt/format.h>

#include <chrono>
#include <exception>
#include <map>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/http/retry.h"
#include "glance/derived_image.h"
#include "glance/image_json.h"
#include "glance/image_usage.h"
#include "glance/latest_images.h"
#include "glance/stored_image.h"
#include "glance/upload_journal.h"

namespace streamsync {
namespace {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

/// Glance keeps the ids of deleted images for ever, so each of them costs a generation.
constexpr unsigned kGenerations = 1000;

/// After a cut upload Glance falls back to queued within half a second
/// (threats-and-faults.md §2.3); a service that was stopped for a while needs some more.
constexpr auto kPollInterval = 500ms;
constexpr auto kPollLimit = 15s;
/// For an upload that was given up earlier.
constexpr auto kLeftOverLimit = 3s;

/// Another's upload that is older is taken for one whose Glance process died: it stays "saving" for
/// ever. Glance does not tell how far it has come, so it is longer than any upload should take.
constexpr auto kAbandonedAfter = 24h;

/// Passes bytes on and computes their digest, when one is asked for.
class DigestingSource final : public ByteSource {
 public:
  DigestingSource(ByteSource& next, std::optional<DigestAlgorithm> algorithm) : next_(next) {
    if (algorithm) hasher_.emplace(*algorithm);
  }

  std::size_t read(MutableBytes buffer) override {
    const std::size_t count = next_.read(buffer);
    given_ += count;
    if (!hasher_) return count;
    if (count > 0) {
      hasher_->update(buffer.first(count));
    } else {
      digest_ = hasher_->finish();
      hasher_.reset();
    }
    return count;
  }

  /// None as long as `next` has not given its end.
  const std::optional<Digest>& digest() const noexcept { return digest_; }
  std::uint64_t given() const noexcept { return given_; }

 private:
  ByteSource& next_;
  std::uint64_t given_ = 0;
  std::optional<Hasher> hasher_;
  std::optional<Digest> digest_;
};

class DigestSink final : public ByteSink {
 public:
  explicit DigestSink(DigestAlgorithm algorithm) : hasher_(algorithm) {}
  void write(Bytes bytes) override { hasher_.update(bytes); }
  void finish() override { digest_ = hasher_.finish(); }
  const std::optional<Digest>& digest() const noexcept { return digest_; }

 private:
  Hasher hasher_;
  std::optional<Digest> digest_;
};

bool is_abandoned(const Image& image) {
  return image.updated_at && now() - *image.updated_at > kAbandonedAfter;
}

/// Whether trying again with this image is hopeless, so that keeping it is only litter.
bool is_refusal(const Error& error) {
  return error.kind() == ErrorKind::NoRoom || error.kind() == ErrorKind::Denied;
}

/// Of a refusal to make an image: whether another one may be made all the same, as it has other
/// properties (400; 413 of their number), or because there is room for it (F19).
bool concerns_one_item(const Error& error) {
  return error.kind() == ErrorKind::Protocol || error.kind() == ErrorKind::NoRoom;
}

/// `listed` is one of ours, so it tells its item.
Item wanted_of(const Image& listed, const Item* told) { return told ? *told : *item_of(listed); }

bool is_unanswered(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const Error& error) {
    return error.is_unanswered();
  }
}

Error visibility_refused(std::string_view visibility, const Error& refusal) {
  return {ErrorKind::Denied, Origin::Target,
          fmt::format("images can't be made {} here, so nothing was uploaded: give the user the "
                      "role that Glance's policy asks for or set another visibility ({})",
                      visibility, refusal.what())};
}

Error upload_in_progress(const std::string& id) {
  return {ErrorKind::Conflict, Origin::Target,
          fmt::format("another upload into image {} is in progress and may end by itself", id)};
}

Error may_be_stored(const std::string& id, const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const Error& error) {
    return {ErrorKind::Conflict, Origin::Target,
            fmt::format("{}; all was sent, and Glance may still store image {}", error.what(), id)};
  }
}

}  // namespace

struct GlanceTarget::Impl {
  KeystoneSession& session;
  ImageClient images;
  ImagePolicy policy;
  ImageUsage usage;
  UploadJournal journal;
  // By the last inventory:
  std::map<std::string, Image> listed{};  ///< those that are complete
  std::set<std::string> hidden{};         ///< in whatever state, by whomever
  std::set<std::string> guarded{};        ///< protected, in whatever state
  std::set<std::string> being_filled{};   ///< their URLs
  std::set<ItemKey> unrevealed{};         ///< addresses that have an image of that state

  /// Of our project and stream.
  std::vector<Image> ask_for_all();
  /// The item that an image of ours was made from.
  std::optional<Item> item_if_ours(const Image& image) const;
  bool is_made_from(const Image& image, const BlobSpec& blob) const;
  ImageClient::Created create(const std::string& id, const BlobSpec& blob,
                              const std::string& visibility);
  /// Whether an image that was made otherwise than it was asked for was made by that request.
  bool is_stray(const Image& image, const std::string& asked, const BlobSpec& blob) const;
  /// False where no image of this blob can be made: `stage` tells why.
  bool try_visibility(const BlobSpec& blob);
  /// Whether the empty image may have the wanted visibility, by giving it that for a moment. As
  /// long as that takes another unit may fill it and show it.
  void try_with_new(const std::string& id);
  void discard_if_empty(const std::string& id);
  /// The same with an id that is taken. Glance asks its policies before it looks for the id, so
  /// this makes nothing, and spends no further id where runs are refused again and again.
  void try_with_taken(const std::string& id, const BlobSpec& blob);
  /// The image once nobody fills it, or as it is when that takes too long.
  std::optional<Image> settled(std::optional<Image> image, std::chrono::seconds limit);
  Held fill(const std::string& id, const BlobSpec& blob, ByteSource& bytes);
  std::exception_ptr upload(const std::string& id, ByteSource& bytes, std::uint64_t size);
  Held accept(const std::optional<Image>& image, const BlobSpec& blob,
              const std::optional<Digest>& sent);
  Held corrected(const Image& image, const BlobSpec& blob);
  Held held(const Image& image, Item item, HeldState state) const;
  bool holds(const Image& image, const ItemContent& promised, const std::optional<Digest>& sent);
  /// Before it is shown.
  void require_content(const Image& image, const Item& item);
  Digest read_back(const std::string& id, DigestAlgorithm algorithm);
  void clear_latest(const std::string& id);
  std::string url_of(const std::string& id) const { return images.url_prefix() + id; }
  /// Whose images these are: of this service, project and stream.
  std::string scope() const {
    return fmt::format("{} {} {}", images.url_prefix(), session.project_id(), policy.content_id);
  }
  bool is_left_over(const Image& image) const {
    return journal.is_left_over(url_of(image.id), image.updated_at.value_or(Time::max()));
  }
  /// Whether no byte of it comes any more, as far as can be known.
  bool is_dead(const Image& image) const;
  /// Of an image that was not shown when it was listed: somebody is filling it, as far as can be
  /// known, or has shown it since. Empty: it may go.
  std::string reason_to_stay(const std::string& id);
  void remove_dead(const std::string& id);
  void note(const Image& image, HeldState state);
  /// What to do with an image that can't be removed.
  Removal withdrawn(const std::string& id, std::string reason) const;
};

std::vector<Image> GlanceTarget::Impl::ask_for_all() {
  std::vector<Image> all;
  std::map<std::string, std::size_t> places;
  // In this order what another unit reveals in between is in both lists, and not in none.
  for (const char* os_hidden : {"true", "false"}) {
    auto some = images.list({{"owner", session.project_id()},
                             {"content_id", policy.content_id},
                             {"os_hidden", os_hidden}});
    for (Image& image : some) {
      const auto [place, is_new] = places.try_emplace(image.id, all.size());
      if (is_new) all.emplace_back();
      all[place->second] = std::move(image);
    }
  }
  return all;
}

std::optional<Item> GlanceTarget::Impl::item_if_ours(const Image& image) const {
  if (image.owner != session.project_id() ||
      tag(image.properties, "content_id") != policy.content_id) {
    return std::nullopt;
  }
  auto item = item_of(image);
  return item && !is_derived(image, *item) ? std::move(item) : std::nullopt;
}

bool GlanceTarget::Impl::is_made_from(const Image& image, const BlobSpec& blob) const {
  const auto item = item_if_ours(image);
  if (!item || item->key != blob.item.key) return false;
  const DigestAlgorithm algorithm = blob.content.strongest.algorithm();
  return Digest::parse(algorithm, tag(item->tags, to_string(algorithm))) == blob.content.strongest;
}

ImageClient::Created GlanceTarget::Impl::create(const std::string& id, const BlobSpec& blob,
                                                const std::string& visibility) {
  const std::map<std::string, std::string> members{
      {"id", id},
      {"name", image_name(blob.item, policy)},
      {"visibility", visibility},
      {"os_hidden", "true"},
      {"container_format", "bare"},
      {"disk_format", format_of_ftype(tag(blob.item.tags, "ftype")).disk_format},
  };
  Tags properties = image_properties(blob.item, policy);
  properties.emplace(kUnrevealedProperty, "true");
  const auto creation = images.create(members, properties);
  if (creation.created != ImageClient::Created::InDoubt) return creation.created;
  auto asked = members;
  asked.insert(properties.begin(), properties.end());
  const auto made = images.find(id);
  if (made && has_values(*made, asked)) return ImageClient::Created::Yes;
  for (const std::string& stray : std::set<std::string>{id, creation.named}) {
    const auto image = stray.empty() ? std::nullopt : images.find(stray);
    if (image && is_stray(*image, id, blob)) images.discard(stray);
  }
  throw Error(*creation.doubt);
}

/// The answer may be what was damaged, and name somebody else's image: it is no evidence.
bool GlanceTarget::Impl::is_stray(const Image& image, const std::string& asked,
                                  const BlobSpec& blob) const {
  const bool is_new = image.status == "queued" && is_unseen(image);
  if (!is_new || image.owner != session.project_id()) return false;
  if (image.id == asked) return true;
  const auto item = item_if_ours(image);
  return item && item->key == blob.item.key;
}

bool GlanceTarget::Impl::try_visibility(const BlobSpec& blob) {
  const std::string id = image_id(policy, blob, 0);
  ImageClient::Created created = ImageClient::Created::IdTaken;
  try {
    created = create(id, blob, "private");
  } catch (const Error& error) {
    if (!concerns_one_item(error)) throw;
    return false;
  }
  try {
    created == ImageClient::Created::Yes ? try_with_new(id) : try_with_taken(id, blob);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::Denied) throw visibility_refused(policy.visibility, error);
    throw;
  }
  return true;
}

void GlanceTarget::Impl::try_with_new(const std::string& id) {
  try {
    images.change(id, {{"visibility", policy.visibility}});
    const auto image = images.find(id);
    if (image && is_unrevealed(*image)) images.change(id, {{"visibility", "private"}});
  } catch (const Error&) {
    discard_if_empty(id);
    throw;
  }
}

void GlanceTarget::Impl::discard_if_empty(const std::string& id) {
  try {
    const auto image = images.find(id);
    if (image && image->status == "queued" && is_unrevealed(*image)) images.discard(id);
  } catch (const Error&) {
    // The next run finds it.
  }
}

void GlanceTarget::Impl::try_with_taken(const std::string& id, const BlobSpec& blob) {
  // It may be free again, by a purge of Glance's database.
  if (create(id, blob, policy.visibility) == ImageClient::Created::Yes) {
    images.change(id, {{"visibility", "private"}});
  }
}

std::optional<Image> GlanceTarget::Impl::settled(std::optional<Image> image,
                                                 std::chrono::seconds limit) {
  for (auto waited = 0ms; image && is_being_filled(*image) && waited < limit;
       waited += kPollInterval) {
    // Nobody asks this wait to end; the request after it ends with the session's.
    wait_for(kPollInterval, {});
    image = images.find(image->id);
  }
  return image;
}

Held GlanceTarget::Impl::fill(const std::string& id, const BlobSpec& blob, ByteSource& bytes) {
  DigestingSource source(bytes, digest_to_compute(blob.content));
  const std::exception_ptr doubt = upload(id, source, blob.content.size);
  const auto image = settled(images.find(id), kPollLimit);
  const bool has_all = source.given() == blob.content.size;
  const bool has_hung_up = doubt && !is_unanswered(doubt);
  if (!image || !is_being_filled(*image) || (has_all && !has_hung_up)) {
    journal.forget(url_of(id));
  } else if (has_all) {
    // It may be that a proxy has hung up and Glance still stores what came: who is slow is not
    // dead. The next run knows whether it ever ended.
    throw may_be_stored(id, doubt);
  } else if (is_dead(*image)) {
    remove_dead(id);
  }
  if (doubt && (!image || !is_complete(*image))) std::rethrow_exception(doubt);
  return accept(image, blob, source.digest());
}

/// Returns why the image may not be filled, or may be all the same: an answer that was lost after
/// success, or another upload that was quicker. What leaves no such doubt is thrown.
std::exception_ptr GlanceTarget::Impl::upload(const std::string& id, ByteSource& bytes,
                                              std::uint64_t size) {
  try {
    const UploadJournal::Running running(journal, url_of(id), scope());
    if (images.upload(id, bytes, size) == ImageClient::Uploaded::Yes) return nullptr;
    journal.forget(url_of(id));
    throw upload_in_progress(id);
  } catch (const Error& error) {
    if (error.origin() != Origin::Target) {
      journal.forget(url_of(id));
      throw;
    }
    if (is_refusal(error)) {
      images.discard(id);
      throw;
    }
    return std::current_exception();
  }
}

/// The image holds what was promised and is ours, or this throws.
Held GlanceTarget::Impl::accept(const std::optional<Image>& image, const BlobSpec& blob,
                                const std::optional<Digest>& sent) {
  if (!image) {
    throw Error(
        ErrorKind::Transient, Origin::Target,
        fmt::format("the image of {} was deleted while it was filled", blob.item.key.str()));
  }
  if (!is_complete(*image)) {
    throw Error(
        ErrorKind::Protocol, Origin::Target,
        fmt::format("image {} is {} after all its bytes were taken", image->id, image->status));
  }
  if (!is_made_from(*image, blob)) {
    throw Error(ErrorKind::Protocol, Origin::Target,
                fmt::format("image {} does not have the properties that it was created with; look "
                            "at Glance's property protection",
                            image->id));
  }
  if (!holds(*image, blob.content, sent)) {
    images.discard(image->id);
    throw Error(ErrorKind::Corrupt, Origin::Target,
                fmt::format("what Glance stored as image {} has not size {} and {}; it was deleted "
                            "before anybody could see it",
                            image->id, blob.content.size, blob.content.strongest.str()));
  }
  return corrected(*image, blob);
}

/// A run with another configuration may have left it, or what was read of it was damaged: what is
/// published is what it says.
Held GlanceTarget::Impl::corrected(const Image& image, const BlobSpec& blob) {
  auto changes = image_changes(image, blob.item, policy);
  for (const char* revealing : {"visibility", "os_hidden"}) changes.erase(revealing);
  const auto name = image_name(blob.item, policy);
  if (image.name != name) changes.emplace("name", name);
  // Its bytes were read back then. Else the next run would take it for one with others.
  const auto& md5 = blob.content.md5;
  if (md5 && !image.checksum.empty() && image.checksum != md5->hex()) {
    changes.emplace(kReadBackProperty, blob.content.strongest.str());
  }
  const Image now_right = changes.empty() ? image : images.change(image.id, changes);
  auto item = item_of(now_right);
  if (!item) {
    throw Error(ErrorKind::Protocol, Origin::Target,
                fmt::format("image {} is told without its properties after a change", image.id));
  }
  return held(now_right, std::move(*item), HeldState::Unrevealed);
}

/// What consumers are told of an image beside its item's tags (`upstream-gss.md` §4.7).
Held GlanceTarget::Impl::held(const Image& image, Item item, HeldState state) const {
  item.tags.set("owner_id", image.owner);
  const auto virt = format_of_ftype(tag(item.tags, "ftype")).virt;
  if (policy.hypervisor_mapping && !virt.empty()) item.tags.set("virt", virt);
  auto stored = stored_digests(image, item);
  return {std::move(item), image.id,         image.name,       state,
          image.size,      image.created_at, std::move(stored)};
}

bool GlanceTarget::Impl::holds(const Image& image, const ItemContent& promised,
                               const std::optional<Digest>& sent) {
  switch (compare_stored(image, promised, sent)) {
    case Stored::Right:
      return true;
    case Stored::Wrong:
      return false;
    case Stored::Unknown:
      break;
  }
  return read_back(image.id, promised.strongest.algorithm()) == promised.strongest;
}

void GlanceTarget::Impl::require_content(const Image& image, const Item& item) {
  const ItemContent promised = content_of(item);
  if (holds(image, promised, std::nullopt)) return;
  throw Error(
      ErrorKind::Corrupt, Origin::Target,
      fmt::format("hidden image {} has not size {} and {}, so it is not shown again; delete "
                  "it, and the next run makes it anew",
                  image.id, promised.size, promised.strongest.str()));
}

Digest GlanceTarget::Impl::read_back(const std::string& id, DigestAlgorithm algorithm) {
  std::optional<Digest> digest;
  session.with_retries([&] {
    DigestSink sink(algorithm);
    images.download(id, sink);
    sink.finish();
    digest = sink.digest();
  });
  return *digest;
}

void GlanceTarget::Impl::clear_latest(const std::string& id) {
  try {
    images.change(id, {}, {kLatestProperty});
  } catch (const Error& error) {
    // It went while this run went on.
    if (error.kind() != ErrorKind::NotFound) throw;
  }
}

/// If Glance still were at it, its answer would be 410, and what it has stored would go.
bool GlanceTarget::Impl::is_dead(const Image& image) const {
  return is_abandoned(image) || is_left_over(image);
}

std::string GlanceTarget::Impl::reason_to_stay(const std::string& id) {
  const auto image = images.find(id);
  if (!image) return {};
  if (is_being_filled(*image) && !is_dead(*image)) return "another upload into it is in progress";
  return held_state(*image) == HeldState::Present ? "another unit shows it by now" : "";
}

void GlanceTarget::Impl::remove_dead(const std::string& id) {
  if (images.remove(id) == ImageClient::Removed::InUse) throw upload_in_progress(id);
  journal.forget(url_of(id));
}

void GlanceTarget::Impl::note(const Image& image, HeldState state) {
  if (state != HeldState::Incomplete) listed.insert_or_assign(image.id, image);
  if (image.os_hidden) hidden.insert(image.id);
  if (image.is_protected) guarded.insert(image.id);
}

Removal GlanceTarget::Impl::withdrawn(const std::string& id, std::string reason) const {
  const bool is_hidden = hidden.contains(id);
  return {is_hidden ? Removal::Outcome::Kept : Removal::Outcome::Hidden, std::move(reason)};
}

GlanceTarget::GlanceTarget(KeystoneSession& session, const Url& endpoint, std::string region,
                           ImagePolicy policy, std::filesystem::path journal)
    : impl_(new Impl{session, ImageClient(session, endpoint), std::move(policy),
                     ImageUsage(session, endpoint, std::move(region)),
                     UploadJournal(std::move(journal))}) {}

GlanceTarget::~GlanceTarget() = default;

std::vector<Held> GlanceTarget::inventory() {
  impl_->listed.clear();
  impl_->hidden.clear();
  impl_->guarded.clear();
  impl_->being_filled.clear();
  impl_->unrevealed.clear();
  std::vector<Held> held;
  for (const Image& image : impl_->ask_for_all()) {
    auto item = impl_->item_if_ours(image);
    const auto state = held_state(image);
    if (!item || !state) continue;
    if (*state == HeldState::Unrevealed) impl_->unrevealed.insert(item->key);
    held.push_back(impl_->held(image, std::move(*item), *state));
    if (is_being_filled(image)) impl_->being_filled.insert(impl_->url_of(image.id));
    impl_->note(image, *state);
  }
  return held;
}

std::string GlanceTarget::name_of(const Item& item) const {
  return image_name(item, impl_->policy);
}

std::optional<Drift> GlanceTarget::drift(const Held& held, const Item* told) const {
  // What the operator took out of use stays as it is.
  if (held.state != HeldState::Present && held.state != HeldState::Hidden) return std::nullopt;
  const auto image = impl_->listed.find(held.placement);
  if (image == impl_->listed.end()) return std::nullopt;
  std::vector<std::string> names;
  const Item wanted = wanted_of(image->second, told);
  for (const auto& [name, value] : image_changes(image->second, wanted, impl_->policy)) {
    names.push_back(name);
  }
  for (const auto& mark : marks_of(image->second)) names.push_back(mark);
  if (names.empty()) return std::nullopt;
  return Drift{fmt::format("{}", fmt::join(names, ", ")),
               image->second.is_protected ? "protected" : ""};
}

Held GlanceTarget::update(const Held& held, const Item* told) {
  const auto& listed = impl_->listed.at(held.placement);
  const Item wanted = wanted_of(listed, told);
  if (listed.os_hidden) impl_->require_content(listed, wanted);
  impl_->images.change(listed.id, image_changes(listed, wanted, impl_->policy), marks_of(listed));
  const auto image = impl_->images.find(listed.id);
  auto now_from = image ? item_of(*image) : std::nullopt;
  if (!now_from || !image_changes(*image, wanted, impl_->policy).empty()) {
    throw Error(ErrorKind::Protocol, Origin::Target,
                fmt::format("image {} does not have the properties that it was given; look at "
                            "Glance's property protection",
                            listed.id));
  }
  return impl_->held(*image, std::move(*now_from), HeldState::Present);
}

/// A policy may forbid the wanted visibility. The first new image is asked with, while it is empty
/// and hidden; those that are there may be in another run's hands, and are not changed.
void GlanceTarget::announce(const std::vector<BlobSpec>& coming) {
  impl_->journal.forget_others(impl_->scope(), impl_->being_filled);
  if (impl_->policy.visibility == "private") return;
  for (const BlobSpec& blob : coming) {
    if (!has_address_that_fits(blob.item.key)) continue;
    // That one is shown. Another one, even if its id is free, would be nobody's.
    if (impl_->unrevealed.contains(blob.item.key)) continue;
    if (impl_->try_visibility(blob)) return;
  }
}

Held GlanceTarget::stage(const BlobSpec& blob, ByteSource& bytes) {
  require_address_that_fits(blob.item.key);
  for (unsigned generation = 0; generation < kGenerations; ++generation) {
    const std::string id = image_id(impl_->policy, blob, generation);
    if (impl_->create(id, blob, "private") == ImageClient::Created::Yes) {
      return impl_->fill(id, blob, bytes);
    }
    // None: the id of a deleted image.
    auto image = impl_->images.find(id);
    if (!image || !impl_->is_made_from(*image, blob)) continue;
    // That one has not its bytes, or it would not be made anew; it goes as what is superseded.
    if (impl_->listed.contains(id)) continue;

    const bool is_left_over = impl_->is_left_over(*image);
    image = impl_->settled(std::move(image), is_left_over ? kLeftOverLimit : kPollLimit);
    if (!image) continue;
    // Bytes must not become visible as they come (T25).
    if (image->status == "queued" && image->os_hidden) {
      // A run was killed while it tried the visibility.
      if (!is_unseen(*image) || !is_unrevealed(*image)) {
        impl_->images.change(id, {{"visibility", "private"}, {kUnrevealedProperty, "true"}});
      }
      return impl_->fill(id, blob, bytes);
    }
    if (is_complete(*image)) return impl_->accept(image, blob, std::nullopt);
    if (!is_being_filled(*image)) continue;
    if (!impl_->is_dead(*image)) throw upload_in_progress(id);
    impl_->remove_dead(id);
  }
  throw Error(
      ErrorKind::Conflict, Origin::Target,
      fmt::format("no image id is free for {}: {} were tried", blob.item.key.str(), kGenerations));
}

void GlanceTarget::copy_out(const Held& held, ByteSink& to) {
  impl_->images.download(held.placement, to);
}

std::optional<Held> GlanceTarget::verify_unrevealed(const Held& held, const BlobSpec& blob) {
  const auto image = impl_->images.find(held.placement);
  if (!image) return std::nullopt;
  if (is_complete(*image) && impl_->holds(*image, blob.content, std::nullopt)) {
    return impl_->corrected(*image, blob);
  }
  impl_->images.remove(image->id);
  return std::nullopt;
}

void GlanceTarget::reveal(const Held& held) {
  impl_->images.change(held.placement,
                       {{"visibility", impl_->policy.visibility}, {"os_hidden", "false"}},
                       {kUnrevealedProperty});
}

void GlanceTarget::mark_latest(std::span<const Held> shown) {
  if (!impl_->policy.set_latest_property) return;
  const auto changes = latest_changes(shown, impl_->listed);
  for (const auto& id : changes.set) impl_->images.change(id, {{kLatestProperty, "true"}});
  for (const auto& id : changes.clear) impl_->clear_latest(id);
}

ItemTarget::RemovalJudgement GlanceTarget::judge_removals(std::span<const Held> held) {
  RemovalJudgement judgement;
  std::set<std::string> asked;
  for (const Held& each : held) {
    const auto& id = each.placement;
    // Without data nobody has made anything of it.
    if (each.state != HeldState::Incomplete && !impl_->guarded.contains(id)) asked.insert(id);
  }
  const ImageUse use = asked.empty() ? ImageUse() : impl_->usage.ask(asked);
  for (const Held& each : held) {
    const auto& id = each.placement;
    const auto user = use.users.find(id);
    if (impl_->guarded.contains(id)) {
      judgement.of_each.push_back({Removal::Outcome::Kept, "protected"});
    } else if (user != use.users.end()) {
      judgement.of_each.push_back(impl_->withdrawn(id, "in use by " + user->second));
    } else if (asked.contains(id) && !use.doubt.empty()) {
      judgement.of_each.push_back(
          impl_->withdrawn(id, "nobody says whether servers or volumes use it"));
    } else {
      judgement.of_each.emplace_back();
    }
  }
  if (!use.doubt.empty()) {
    judgement.warning = fmt::format(
        "superseded images are hidden, not removed, because it could not be found out whether "
        "servers or volumes use them: {}",
        use.doubt);
  }
  return judgement;
}

Removal GlanceTarget::remove(const Held& held) {
  const auto listed = impl_->listed.find(held.placement);
  const bool was_unrevealed =
      listed != impl_->listed.end() && held_state(listed->second) == HeldState::Unrevealed;
  if (held.state == HeldState::Incomplete || was_unrevealed) {
    if (auto reason = impl_->reason_to_stay(held.placement); !reason.empty()) {
      return {Removal::Outcome::Kept, std::move(reason)};
    }
  }
  if (impl_->images.remove(held.placement) == ImageClient::Removed::Yes) return {};
  auto removal = impl_->withdrawn(held.placement, "in use, as Glance's store says");
  if (removal.outcome == Removal::Outcome::Hidden) hide(held);
  return removal;
}

void GlanceTarget::hide(const Held& held) {
  impl_->images.change(held.placement, {{"os_hidden", "true"}, {kSupersededProperty, "true"}});
}

}  // namespace streamsync
