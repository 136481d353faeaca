#include "sync/publication.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <utility>
#include <variant>

#include "base/crypto/digest.h"

namespace streamsync {
namespace {

constexpr std::uint64_t kMaxPublished = std::uint64_t{64} << 20;

// Whatever is published (`consumers.md` §1.1, §2.6): 403 or 5xx to one of them ends its lookup.
const std::vector<std::string> kTriedByJuju{"streams/v1/index2.sjson", "streams/v1/index.sjson",
                                            "streams/v1/index2.json",  "streams/v1/index.json",
                                            "streams/v1/mirrors.json", "streams/v1/mirrors.sjson"};

std::string digest_of_all(const std::map<std::string, std::string>& documents) {
  Hasher hasher(DigestAlgorithm::Sha256);
  for (const auto& [path, text] : documents) {
    hasher.update(as_bytes(fmt::format("{} {}\n", path, text.size())));
    hasher.update(as_bytes(text));
  }
  return hasher.finish().hex();
}

// A store of one region under its key: other regions and clouds may have one of the same name.
class CachedStore {
 public:
  CachedStore(MetadataTarget& store, DocumentCache& cache, std::string scope)
      : store_(store), cache_(cache), scope_(std::move(scope)) {}

  std::string describe() const { return store_.describe(); }

  // The document as published, by a conditional request (`cli.md` §4.9).
  std::optional<std::string> current(const std::string& path) {
    const auto known = cache_.find(key(path));
    auto state = store_.read(path, known ? known->validator : Validator{});
    if (std::holds_alternative<Absent>(state)) {
      return std::nullopt;
    }
    if (std::holds_alternative<Unchanged>(state)) {
      return read_all(*known->bytes.reader(), kMaxPublished);
    }
    const auto& document = std::get<FetchedDocument>(state);
    cache_.store(key(path), document.validator, document.bytes, {});
    return read_all(*document.bytes.reader(), kMaxPublished);
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
    cache_.store(key(path), published->validator, published->bytes, {});
  }

  // Asks for all that Juju tries, as it does; once for each state of the store, as an idle run has
  // its requests counted (`cli.md` §4.9, threats-and-faults.md F28).
  void require_readers(const std::map<std::string, std::string>& published) {
    const Validator state{digest_of_all(published), ""};
    const auto checked = cache_.find(key("as anyone"));
    if (checked && checked->validator.etag == state.etag) {
      return;
    }
    for (const auto& path : kTriedByJuju) {
      if (!published.contains(path)) {
        store_.read_as_anyone(path);
      }
    }
    for (const auto& [path, text] : published) {
      require_reader(path, text);
    }
    cache_.store(key("as anyone"), state, Spool(), {});
  }

 private:
  void require_reader(const std::string& path, const std::string& text) {
    const auto state = store_.read_as_anyone(path);
    const auto* found = std::get_if<FetchedDocument>(&state);
    if (found != nullptr && same_bytes(found->bytes, spool_of(text))) {
      return;
    }
    throw Error(
        ErrorKind::Denied, Origin::Target,
        fmt::format("{}/{}: who reads it without a token finds {}; if this is RADOS Gateway, "
                    "set rgw_swift_account_in_url and end the catalog's endpoint with "
                    "/AUTH_%(project_id)s, else see what stands before the object store",
                    describe(), path, found == nullptr ? "nothing" : "something else"));
  }

  std::string key(const std::string& path) const {
    return fmt::format("{} {}/{}", scope_, describe(), path);
  }

  MetadataTarget& store_;
  DocumentCache& cache_;
  std::string scope_;
};

// Consumers may hold the newest date they saw against us (`consumers.md` §4, line 4), and clocks of
// two units differ.
Time not_before(const std::optional<std::string>& published, Time updated) {
  const auto before = published ? updated_of(*published) : std::nullopt;
  return before ? std::max(*before, updated) : updated;
}

// What only the engine knows of an image; the rest are the item's own tags (`upstream-gss.md`
// §4.7).
PublishedImage published_image(const Held& held, const ImageIdsStream& stream) {
  PublishedImage image{held.item.key.product, held.item.key.version, held.item.key.item,
                       held.item.tags.unpacked()};
  for (const char* address : {"path", "product_name", "version_name", "item_name"}) {
    image.tags.erase(address);
  }
  image.tags["id"] = held.placement;
  image.tags["name"] = held.name;
  image.tags["size"] = std::to_string(held.size);
  image.tags["region"] = stream.region;
  image.tags["endpoint"] = stream.endpoint;
  return image;
}

// What is to be read below a path.
struct Document {
  std::string path, text;
  bool changed = false;  ///< that is not what is published
};

bool says(const std::optional<std::string>& published, const std::string& wanted) {
  return published && same_but_for_updated(*published, wanted);
}

// Brings one store up to date. Signatures differ each time that one signs, so what was signed
// decides whether it is signed again.
class StreamWriter {
 public:
  StreamWriter(const ImageIdsStream& stream, const std::vector<PublishedImage>& images,
               CachedStore& store, Signer* signer, std::vector<PublishedDocument>& result)
      : stream_(stream), images_(images), store_(store), signer_(signer), result_(result) {}

  void publish() {
    const auto products = store_.current(products_path(stream_, DocumentForm::Plain));
    index_ = store_.current(index_path(DocumentForm::Plain));
    if (images_.empty() && !products && !index_) {
      return;
    }
    read_signed_index();
    const Time updated = not_before(signed_index_, not_before(index_, not_before(products, now())));
    const auto wanted = products_after(products, updated);

    // An index never names a products file that is not there, or that is empty.
    if (!images_.empty()) {
      put_products(wanted);
    }
    put_indexes(wanted, updated);
    if (images_.empty() && products) {
      put_products(wanted);
    }
    store_.require_readers(published_);
  }

 private:
  // Entries that somebody else signed, or nobody, are not for us to sign.
  void read_signed_index() {
    if (signer_ == nullptr) {
      return;
    }
    index_message_ = store_.current(index_path(DocumentForm::Clearsigned));
    signed_index_ = index_message_ ? signer_->text_of(*index_message_) : std::nullopt;
  }

  // Where the published one says the same it stays, with its date.
  Document products_after(const std::optional<std::string>& published, Time updated) const {
    auto rendered = render_products(stream_, images_, updated);
    const bool changed = !says(published, rendered);
    return {products_path(stream_, DocumentForm::Plain), changed ? std::move(rendered) : *published,
            changed};
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
      documents.push_back(clearsigned(products));
      documents.push_back(signature_of(products));
    }
    put_all(documents);
  }

  // Both forms of an index say the same, dates included (`consumers.md` §4, line 6).
  void put_indexes(const Document& products, Time updated) {
    const EditionDates dates{updated, updated_of(products.text).value_or(updated)};
    auto plain = render(index_, dates, DocumentForm::Plain);
    const auto named = render(signed_index_, dates, DocumentForm::Clearsigned);
    const bool changed = products.changed || !says(index_, plain) ||
                         (signer_ != nullptr && !says(signed_index_, named));
    std::vector<Document> documents{
        {index_path(DocumentForm::Plain), changed ? std::move(plain) : *index_, changed}};
    if (signer_ != nullptr) {
      documents.push_back(signature_of(documents.front()));
      documents.push_back({index_path(DocumentForm::Clearsigned),
                           changed ? signer_->clearsign(named) : *index_message_, changed});
    }
    put_all(documents);
  }

  Document clearsigned(const Document& products) {
    const auto path = products_path(stream_, DocumentForm::Clearsigned);
    const auto message = store_.current(path);
    const bool is_there = message && signer_->has_clearsigned(products.text, *message);
    return {path, is_there ? *message : signer_->clearsign(products.text), !is_there};
  }

  Document signature_of(const Document& document) {
    const auto path = document.path + ".gpg";
    const auto signature = store_.current(path);
    const bool is_there = signature && signer_->has_signed_apart(document.text, *signature);
    return {path, is_there ? *signature : signer_->sign_apart(document.text), !is_there};
  }

  void put_all(const std::vector<Document>& documents) {
    for (const auto& document : documents) put(document);
  }

  void put(const Document& document) {
    if (document.changed) {
      store_.replace(document.path, document.text);
    }
    published_.emplace(document.path, document.text);
    result_.push_back({store_.describe(), document.path, document.changed});
  }

  const ImageIdsStream& stream_;
  const std::vector<PublishedImage>& images_;
  CachedStore& store_;
  Signer* signer_;
  std::vector<PublishedDocument>& result_;
  std::optional<std::string> index_, signed_index_;  ///< texts, as published before
  std::optional<std::string> index_message_;         ///< the one that is signed, as it stands there
  std::map<std::string, std::string> published_;     ///< by path, as they are now
};

}  // namespace

ImageIdsPublication::ImageIdsPublication(ImageIdsStream stream,
                                         std::vector<std::unique_ptr<MetadataTarget>> stores,
                                         DocumentCache& cache, std::string cloud, Signer* signer)
    : stream_(std::move(stream)),
      stores_(std::move(stores)),
      cache_(cache),
      cloud_(std::move(cloud)),
      signer_(signer) {}

PublicationResult ImageIdsPublication::publish(const PublicationInput& input) {
  std::vector<PublishedImage> images;
  images.reserve(input.shown.size());
  for (const auto& held : input.shown) {
    images.push_back(published_image(held, stream_));
  }
  images = one_per_kind(std::move(images));
  PublicationResult result;
  for (const auto& target : stores_) {
    try {
      CachedStore store(*target, cache_,
                        fmt::format("{} {} {}", cloud_, stream_.region, stream_.endpoint));
      StreamWriter(stream_, images, store, signer_, result.documents).publish();
    } catch (const Error& error) {
      result.error = error;
    }
  }
  return result;
}

PublicationResult OriginalDocuments::publish(const PublicationInput& input) {
  PublicationResult result;
  if (!input.every_item_is_there) {
    result.waits_for_items = true;
    return result;
  }
  const auto publish_file = [&](const std::string& path, const Spool& bytes) {
    const auto state = tree_.read(path, Validator{});
    const auto* published = std::get_if<FetchedDocument>(&state);
    const bool changed = published == nullptr || !same_bytes(published->bytes, bytes);
    if (changed) {
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
