#include "sync/publication.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <variant>

#include "base/crypto/digest.h"
#include "base/relative_path.h"
#include "base/text.h"
#include "streams/index.h"
#include "streams/products.h"
#include "sync/exit_status.h"
#include "sync/root_family.h"

namespace streamsync {
namespace {

const std::string kSignature = ".gpg";  ///< a detached one, beside its document

// Its Swift API has one namespace for all accounts, unless it is told.
constexpr std::string_view kGatewayAdvice =
    "if this is RADOS Gateway, set rgw_swift_account_in_url and end the catalog's endpoint with "
    "/AUTH_%(project_id)s, else ";

bool is_safe(const std::string& path) {
  try {
    RelativePath::check(path);
    return true;
  } catch (const Error&) {
    return false;
  }
}

// A store of one region under its key: other regions and clouds may have one of the same name.
class CachedStore {
 public:
  CachedStore(MetadataTarget& store, DocumentCache& cache, std::string scope)
      : store_(store), cache_(cache), scope_(std::move(scope)) {}

  std::string describe() const { return store_.describe(); }

  // The document as published, by a conditional request (`cli.md` §4.9).
  std::optional<std::string> current(const std::string& path) {
    const auto known = found(path);
    auto state = store_.read(path, known ? known->validator : Validator{});
    if (std::holds_alternative<Absent>(state)) {
      return std::nullopt;
    }
    if (std::holds_alternative<Unchanged>(state)) {
      return text_of(path, known->bytes);
    }
    const auto& document = std::get<FetchedDocument>(state);
    seen_[path] = document.validator;
    return text_of(path, document.bytes);
  }

  // As this unit left it when it was last right, whatever has become of it since.
  std::optional<std::string> last_known(const std::string& path) {
    const auto known = found(path);
    if (!known) return std::nullopt;
    return text_of(path, known->bytes);
  }

  // Whether readers of an index that names it find something. That it can't be asked is an error.
  bool has(const std::string& path) {
    return is_safe(path) && !std::holds_alternative<Absent>(store_.read(path, Validator{}));
  }

  // What was read of it is right.
  void keep(const std::string& path, const std::string& text) {
    if (const auto seen = seen_.find(path); seen != seen_.end()) {
      remember(path, seen->second, spool_of(text));
    }
  }

  // Writes and reads back: what readers get is what was meant (threats-and-faults.md F26).
  void replace(const std::string& path, const std::string& text) {
    const Spool document = spool_of(text);
    store_.write(path, document);
    auto state = store_.read(path, Validator{});
    const auto* published = std::get_if<FetchedDocument>(&state);
    if (published == nullptr || !same_bytes(published->bytes, document)) {
      throw Error(ErrorKind::Corrupt, Origin::Target,
                  fmt::format("{}/{}: what was published does not read back as it was written; "
                              "the next run writes it again",
                              describe(), path));
    }
    remember(path, published->validator, published->bytes);
  }

  // Whether this unit published it and nobody has replaced it. Without a request where there is
  // nothing of that kind.
  bool is_as_left(const std::string& path) {
    const auto known = last_known(path);
    return known && current(path) == known;
  }

  void withdraw(const std::string& path) {
    store_.withdraw(path);
    remember(path, {}, Spool());
  }

  // Takes it away if it is as this unit left it.
  void retire(const std::string& path) {
    if (is_as_left(path)) return withdraw(path);
    if (last_known(path)) remember(path, {}, Spool());
  }

  void require_no_conflict(const std::string& path, const std::string& index,
                           const ComingStreams& coming) const {
    auto conflict = family_conflict(store_, path, spool_of(index), coming);
    if (conflict) throw Error(std::move(*conflict));
  }

  // Asks for all that Juju tries, as it does; once for each state of the store, as an idle run has
  // its requests counted (`cli.md` §4.9, threats-and-faults.md F28).
  void require_readers(const PublishedTexts& published, std::vector<std::string>& notes) {
    const Validator state{digest_of(published), ""};
    const auto checked = cache_.find(key("as anyone"));
    if (checked && checked->validator.etag == state.etag) {
      return;
    }
    try {
      read_as_juju(published, notes);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::Denied || !store_.may_be_private()) throw;
      notes.push_back(fmt::format("{}; nothing is wrong if that is on purpose", error.what()));
    }
    cache_.store(key("as anyone"), state, Spool(), {});
  }

 private:
  std::string text_of(const std::string& path, const Spool& document) const {
    if (document.size() > kMaxPublished) {
      throw Error(ErrorKind::Guard, Origin::Target,
                  fmt::format("{}/{}: larger than {}, so none of ours: remove it", describe(), path,
                              human_size(kMaxPublished)));
    }
    return read_all(*document.reader(), kMaxPublished);
  }

  void read_as_juju(const PublishedTexts& published, std::vector<std::string>& notes) {
    for (const auto& path : names_tried_by_juju()) {
      if (!published.contains(path) &&
          !std::holds_alternative<Absent>(store_.read_as_anyone(path))) {
        notes.push_back(
            fmt::format("{}/{}: we did not publish it, but consumers read it: remove it "
                        "unless somebody else keeps it up to date",
                        describe(), path));
      }
    }
    for (const auto& [path, text] : published) {
      require_reader(path, text);
    }
  }

  void require_reader(const std::string& path, const std::string& text) {
    const auto state = store_.read_as_anyone(path);
    const auto* found = std::get_if<FetchedDocument>(&state);
    if (found != nullptr && same_bytes(found->bytes, spool_of(text))) {
      return;
    }
    // A private place may answer that there is nothing; other bytes are never meant so.
    throw Error(
        found == nullptr ? ErrorKind::Denied : ErrorKind::Protocol, Origin::Target,
        fmt::format("{}/{}: who reads it without credentials finds {}; {}see what stands before "
                    "the object store",
                    describe(), path, found == nullptr ? "nothing" : "something else",
                    store_.may_be_private() ? "" : kGatewayAdvice));
  }

  // What is empty is what was retired.
  std::optional<CachedDocument> found(const std::string& path) {
    auto known = cache_.find(key(path));
    if (known && known->bytes.size() == 0) known.reset();
    return known;
  }

  // A store may have no validators, a directory for one; the cache wants one all the same.
  void remember(const std::string& path, const Validator& validator, const Spool& bytes) {
    const Validator by_content{digest_of(DigestAlgorithm::Sha256, *bytes.reader()).hex(), ""};
    cache_.store(key(path), validator.empty() ? by_content : validator, bytes, {});
  }

  std::string key(const std::string& path) const {
    return fmt::format("{} {}/{}", scope_, describe(), path);
  }

  MetadataTarget& store_;
  DocumentCache& cache_;
  std::string scope_;
  std::map<std::string, Validator> seen_;  ///< of what this run read
};

ComingStreams coming_as(const ImageIdsStream& stream) {
  return {StreamFamily::OpenStack, {stream.content_id}};
}

std::optional<Error> conflict_in(MetadataTarget& root, const ComingStreams& coming) {
  try {
    return family_conflict(root, coming);
  } catch (const Error&) {
    return std::nullopt;
  }
}

// Consumers may hold the newest date they saw against us (`consumers.md` §4, line 4), also when it
// comes with another text, and clocks of two units differ. A date that readers refuse is damage
// (threats-and-faults.md T9).
Time after(const std::optional<std::string>& published, Time updated) {
  constexpr std::chrono::hours kDay{24};
  const auto before = published ? updated_of(*published) : std::nullopt;
  const bool counts = before && *before <= updated + kDay;
  return counts ? std::max(*before + std::chrono::seconds(1), updated) : updated;
}

// What only the engine knows of an image; the rest are the item's own tags (`upstream-gss.md`
// §4.7).
PublishedImage published_image(const Held& held, const ImageIdsStream& stream) {
  PublishedImage image{held.item.key.product, held.item.key.version, held.item.key.item,
                       held.item.tags.unpacked()};
  for (const char* address : {"path", "product_name", "version_name", "item_name"}) {
    image.tags.erase(address);
  }
  if (parse_decimal(tag(image.tags, "size")) != held.size) {
    // Of what the source signed, not of what this holds: a cloud may convert at import.
    for (const char* digest : {"md5", "sha256", "sha512"}) image.tags.erase(digest);
  }
  image.tags["id"] = held.placement;
  image.tags["name"] = held.name;
  image.tags["size"] = std::to_string(held.size);
  image.tags["region"] = stream.region;
  image.tags["endpoint"] = stream.endpoint;
  return image;
}

using ProductVersion = std::pair<std::string, std::string>;

void add_versions_of(const std::optional<std::string>& products, const std::string& path,
                     std::set<ProductVersion>& versions) {
  if (!products) return;
  try {
    read_products(accept_unverified(spool_of(*products), path), path,
                  [&versions](const ProductsHead&, const Version& version) {
                    if (!version.items.empty()) versions.emplace(version.product, version.version);
                  });
  } catch (const Error&) {
    // Of a damaged one those before the damage.
  }
}

// What it names now, or named when this unit was last there. Of images of one kind one is named
// for all (`cli.md` §4.5).
std::set<ProductVersion> versions_named(CachedStore& store, const std::string& products) {
  std::set<ProductVersion> versions;
  add_versions_of(store.current(products), products, versions);
  add_versions_of(store.last_known(products), products, versions);
  return versions;
}

std::vector<PublishedImage> images_of(const PublicationInput& input, const ImageIdsStream& stream,
                                      CachedStore& store) {
  const auto products = products_path(stream, DocumentForm::Plain);
  const auto named =
      input.only_where_named.empty() ? std::set<ProductVersion>() : versions_named(store, products);
  std::vector<PublishedImage> images;
  images.reserve(input.shown.size());
  for (const auto& held : input.shown) {
    const auto& key = held.item.key;
    const bool may_be_named = !input.only_where_named.contains(held.placement) ||
                              named.contains({key.product, key.version});
    if (may_be_named) images.push_back(published_image(held, stream));
  }
  return one_per_kind(std::move(images));
}

// What is to be read below a path.
struct Document {
  std::string path, text;
  bool changed = false;  ///< that is not what is published
};

// Signatures do not matter: all that can follow is that it is withdrawn.
bool leads_to(const std::string& index, const std::string& path) {
  try {
    const auto read = read_index(accept_unverified(spool_of(index), path), path);
    return std::any_of(read.entries.begin(), read.entries.end(),
                       [&path](const IndexEntry& entry) { return entry.path.str() == path; });
  } catch (const Error&) {
    return false;
  }
}

// Whether it was published after `before`, and not by a damaged date.
bool is_newer(const std::optional<std::string>& published, const std::string& before) {
  constexpr std::chrono::minutes kClocksDiffer{10};
  const auto updated = published ? updated_of(*published) : std::nullopt;
  return updated && *updated <= now() + kClocksDiffer && *updated > updated_of(before);
}

// Brings one store up to date. Signatures differ each time that one signs, so what was signed
// decides whether it is signed again.
class StreamWriter {
 public:
  StreamWriter(const ImageIdsStream& stream, const std::vector<PublishedImage>& images,
               CachedStore& store, Signer* signer, PublicationResult& result)
      : stream_(stream), images_(images), store_(store), signer_(signer), result_(result) {}

  // What is published then; nothing where there never was anything.
  PublishedTexts publish() {
    if (signer_ == nullptr) retire_signed();
    const auto products = store_.current(products_path(stream_, DocumentForm::Plain));
    index_ = store_.current(index_path(DocumentForm::Plain));
    if (images_.empty() && !products && !index_) {
      return {};
    }
    read_signed_index();
    const Time updated = after(signed_index_, after(index_, after(products, now())));
    const auto wanted = products_after(products, updated);

    // An index never names a products file that is not there, or that is empty.
    if (!images_.empty()) {
      put_products(wanted);
    }
    put_indexes(wanted, updated);
    if (images_.empty() && products) {
      put_products(wanted);
    }
    store_.require_readers(published_, result_.notes);
    return std::move(published_);
  }

 private:
  // Once nobody signs any more, what was signed says what was so then. The index first: nobody is
  // led on by it while the others go and unsigned documents change.
  void retire_signed() {
    const auto products = products_path(stream_, DocumentForm::Plain);
    if (signed_index_leads_here()) store_.withdraw(index_path(DocumentForm::Clearsigned));
    store_.retire(index_path(DocumentForm::Clearsigned));
    store_.retire(index_path(DocumentForm::Plain) + kSignature);
    store_.retire(products + kSignature);
    store_.retire(products_path(stream_, DocumentForm::Clearsigned));
  }

  // Whoever has written it since: an entry can't be taken out without the key (docs/adr/0019).
  bool signed_index_leads_here() {
    const auto products = products_path(stream_, DocumentForm::Clearsigned);
    if (!store_.is_as_left(products)) return false;
    const auto index = store_.current(index_path(DocumentForm::Clearsigned));
    return index && leads_to(*index, products);
  }

  // Entries that somebody else signed, or nobody, are not for us to sign.
  void read_signed_index() {
    if (signer_ == nullptr) {
      return;
    }
    index_message_ = store_.current(index_path(DocumentForm::Clearsigned));
    signed_index_ = index_message_ ? signer_->text_of(*index_message_) : std::nullopt;
  }

  // Where the published one is right it stays, with its date. A damaged one comes back as this unit
  // left it, date and all, if it said the same.
  template <typename IsRight>
  Document document_after(const std::string& path, const std::optional<std::string>& published,
                          std::string rendered, IsRight&& is_right) {
    const auto before = store_.last_known(path);
    if (before && is_right(*before) && !is_newer(published, *before)) {
      return {path, *before, published != before};
    }
    if (published && is_right(*published)) return {path, *published, false};
    return {path, std::move(rendered), true};
  }

  Document products_after(const std::optional<std::string>& published, Time updated) {
    auto rendered = render_products(stream_, images_, updated);
    const auto is_right = [&](const std::string& text) {
      return updated_of(text) && same_but_for_updated(text, rendered);
    };
    return document_after(products_path(stream_, DocumentForm::Plain), published, rendered,
                          is_right);
  }

  Document index_after(const EditionDates& dates) {
    const auto path = index_path(DocumentForm::Plain);
    auto rendered = render(whole_or_known(index_, path), dates, DocumentForm::Plain);
    const auto entry = entry_updated_of(rendered, stream_.content_id);
    const auto is_right = [&](const std::string& text) {
      return updated_of(text) && entry_updated_of(text, stream_.content_id) == entry &&
             same_but_for_updated(text, rendered);
    };
    if (says_otherwise(signed_index_, dates)) return {path, std::move(rendered), true};
    return document_after(path, index_, rendered, is_right);
  }

  // Entries of others, of which a damaged index has lost some; those that it has left may be newer.
  std::optional<std::string> whole_or_known(const std::optional<std::string>& published,
                                            const std::string& path) {
    if (published && is_index(*published)) return published;
    const auto known = store_.last_known(path);
    if (!known || !is_index(*known)) return published;
    return still_led_to(with_whole_entries(*known, published.value_or("")));
  }

  // Whoever took their documents away wants no entries back.
  std::string still_led_to(const std::string& known) {
    return without_lost_entries(known, stream_,
                                [this](const std::string& path) { return store_.has(path); });
  }

  // Then both indexes get a new date.
  bool says_otherwise(const std::optional<std::string>& signed_index, const EditionDates& dates) {
    return signed_index && !same_but_for_updated(*signed_index, render(signed_index, dates,
                                                                       DocumentForm::Clearsigned));
  }

  std::string render(const std::optional<std::string>& published, const EditionDates& dates,
                     DocumentForm form) const {
    return render_index(stream_, images_,
                        published ? std::optional<std::string_view>(*published) : std::nullopt,
                        dates, form);
  }

  // A signer that fails must not leave a document beside another one's signature.
  void put_products(const Document& products) {
    std::vector<Document> documents{products};
    if (signer_ != nullptr) {
      const auto path = products_path(stream_, DocumentForm::Clearsigned);
      documents.push_back(signature_of(products));
      documents.push_back(clearsigned(products.text, path, store_.current(path)));
    }
    put_all(documents);
  }

  // Both forms of an index say the same, dates included (`consumers.md` §4, line 6).
  void put_indexes(const Document& products, Time updated) {
    EditionDates dates{updated, updated_of(products.text).value_or(updated)};
    std::vector<Document> documents{index_after(dates)};
    if (signer_ != nullptr) {
      dates.index = updated_of(documents.front().text).value_or(updated);
      documents.push_back(signature_of(documents.front()));
      documents.push_back(signed_index_after(dates));
    }
    put_all(documents);
  }

  Document signed_index_after(const EditionDates& dates) {
    const auto path = index_path(DocumentForm::Clearsigned);
    const auto text = render(signed_or_known(path), dates, DocumentForm::Clearsigned);
    // What was just verified is not verified again.
    if (signed_index_ && *signed_index_ + "\n" == text) return {path, *index_message_, false};
    return clearsigned(text, path, index_message_);
  }

  std::optional<std::string> signed_or_known(const std::string& path) {
    const auto message = signed_index_ ? std::nullopt : store_.last_known(path);
    const auto known = message ? signer_->text_of(*message) : std::nullopt;
    return known ? still_led_to(*known) : signed_index_;
  }

  Document clearsigned(const std::string& text, const std::string& path,
                       const std::optional<std::string>& published) {
    return signed_after(
        path, published,
        [&](const std::string& message) { return signer_->has_clearsigned(text, message); },
        [&] { return signer_->clearsign(text); });
  }

  Document signature_of(const Document& document) {
    const auto path = document.path + kSignature;
    return signed_after(
        path, store_.current(path),
        [&](const std::string& message) {
          return signer_->has_signed_apart(document.text, message);
        },
        [&] { return signer_->sign_apart(document.text); });
  }

  template <typename IsRight, typename Sign>
  Document signed_after(const std::string& path, const std::optional<std::string>& published,
                        IsRight&& is_right, Sign&& sign) {
    if (published && is_right(*published)) return {path, *published, false};
    const auto before = store_.last_known(path);
    if (before && is_right(*before)) return {path, *before, true};
    return {path, sign(), true};
  }

  void put_all(const std::vector<Document>& documents) {
    for (const auto& document : documents) put(document);
  }

  void put(const Document& document) {
    if (document.changed) {
      require_own_family();
      store_.replace(document.path, document.text);
    } else {
      store_.keep(document.path, document.text);
    }
    published_.emplace(document.path, document.text);
    result_.documents.push_back({store_.describe(), document.path, document.changed});
  }

  // Once, and of what was read already: a newer index would hide that somebody has written it
  // meanwhile (threats-and-faults.md F23). A signed one that is not ours stays, so it counts too.
  void require_own_family() {
    if (std::exchange(family_is_ours_, true)) return;
    const auto clear = index_path(DocumentForm::Clearsigned);
    const auto message = signer_ == nullptr ? store_.current(clear) : index_message_;
    const auto coming = coming_as(stream_);
    if (index_) store_.require_no_conflict(index_path(DocumentForm::Plain), *index_, coming);
    if (message) store_.require_no_conflict(clear, *message, coming);
  }

  const ImageIdsStream& stream_;
  const std::vector<PublishedImage>& images_;
  CachedStore& store_;
  Signer* signer_;
  PublicationResult& result_;
  std::optional<std::string> index_, signed_index_;  ///< texts, as published before
  std::optional<std::string> index_message_;         ///< the one that is signed, as it stands there
  bool family_is_ours_ = false;
  PublishedTexts published_;  ///< as they are now
};

}  // namespace

ImageIdsPublication::ImageIdsPublication(ImageIdsStream stream,
                                         std::vector<std::unique_ptr<MetadataTarget>> stores,
                                         DocumentCache& cache, std::string account, Signer* signer,
                                         std::unique_ptr<Registration> registration)
    : stream_(std::move(stream)),
      stores_(std::move(stores)),
      cache_(cache),
      account_(std::move(account)),
      signer_(signer),
      registration_(std::move(registration)) {}

std::optional<Error> ImageIdsPublication::refusal(const std::vector<const Catalog*>&) {
  for (const auto& store : stores_) {
    if (auto conflict = conflict_in(*store, coming_as(stream_))) return conflict;
  }
  return std::nullopt;
}

PublicationResult ImageIdsPublication::publish(const PublicationInput& input) {
  PublicationResult result;
  for (const auto& target : stores_) {
    try {
      CachedStore store(*target, cache_, scope());
      const auto images = images_of(input, stream_, store);
      const auto published = StreamWriter(stream_, images, store, signer_, result).publish();
      if (target == stores_.front()) lead_to(published, result);
    } catch (const Error& error) {
      if (const auto other = keep_gravest(result.error, error))
        result.notes.push_back(other->what());
    }
  }
  return result;
}

std::string ImageIdsPublication::scope() const {
  return fmt::format("{} {} {}", account_, stream_.region, stream_.endpoint);
}

// Without the rights to lead consumers there, all else goes on.
void ImageIdsPublication::lead_to(const PublishedTexts& published, PublicationResult& result) {
  if (!registration_ || published.empty()) return;
  registration_->require_readers(published, cache_, scope());
  try {
    auto registered = registration_->bring_up_to_date(published, cache_, scope());
    result.registered = std::move(registered.addresses);
    for (auto& note : registered.notes) result.notes.push_back(std::move(note));
  } catch (const Error& error) {
    result.unregistered = error;
  }
}

namespace {

void require_family(MetadataTarget& tree, const std::vector<const Catalog*>& coming) {
  auto conflict = family_conflict(tree, coming_from(coming));
  if (conflict) throw Error(std::move(*conflict));
}

}  // namespace

std::optional<Error> OriginalDocuments::refusal(const std::vector<const Catalog*>& catalogs) {
  return conflict_in(tree_, coming_from(catalogs));
}

PublicationResult OriginalDocuments::publish(const PublicationInput& input) {
  PublicationResult result;
  if (!input.every_item_is_there) {
    result.waits_for_items = true;
    return result;
  }
  bool was_asked = false;
  const auto publish_file = [&](const std::string& path, const Spool& bytes) {
    const auto state = tree_.read(path, Validator{});
    const auto* published = std::get_if<FetchedDocument>(&state);
    const bool changed = published == nullptr || !same_bytes(published->bytes, bytes);
    if (changed) {
      if (!std::exchange(was_asked, true)) require_family(tree_, input.catalogs);
      tree_.write(path, bytes);
    }
    result.documents.push_back({tree_.describe(), path, changed});
  };
  const auto publish = [&](const CatalogDocument& document) {
    publish_file(document.path.str(), document.text.document());
    if (const auto& signature = document.signature) {
      publish_file(signature->path.str(), signature->fetched.bytes);
    }
  };
  for (const auto* catalog : input.catalogs) {
    std::for_each(catalog->documents.rbegin(), catalog->documents.rend(), publish);
  }
  return result;
}

}  // namespace streamsync
