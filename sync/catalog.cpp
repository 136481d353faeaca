#include "sync/catalog.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <span>
#include <utility>

#include "base/text.h"
#include "streams/index.h"

namespace streamsync {
namespace {

constexpr std::string_view kIndexFormat = "index:1.0";
constexpr std::string_view kProductsFormat = "products:1.0";

// An index may name other indexes; a loop must end (`upstream-gss.md` §1.2).
constexpr std::size_t kMaxDocuments = 4096;

// What another base may do better (`cli.md` §3, `mirrors`).
bool is_of_the_source(const Error& error) { return error.origin() == Origin::Source; }

/// A document is older than what was accepted of its stream.
class WentBack : public Error {
 public:
  using Error::Error;
};

bool is_refusal(const Error& error) {
  return error.kind() == ErrorKind::Untrusted || error.kind() == ErrorKind::Malformed;
}

AcceptedDocument acceptance_of(const CatalogDocument& document) {
  AcceptedDocument accepted;
  accepted.updated = document.head.updated;
  accepted.sha256 = document.text.digest().hex();
  if (const auto& signers = document.text.signers()) {
    accepted.signed_at = signers->signed_at;
    accepted.signed_by = signers->fingerprints;
  }
  return accepted;
}

// Signing it again is no change. Damage is one, and is told by the next reading.
bool is_another(Spool now, const CatalogDocument& document) {
  try {
    return accept_unverified(std::move(now), "").digest() != document.text.digest();
  } catch (const Error&) {
    return true;
  }
}

std::string beginning_of(const Spool& bytes) {
  std::string text(std::min<std::uint64_t>(bytes.size(), 1024), '\0');
  const auto reader = bytes.reader();
  text.resize(reader->read(std::as_writable_bytes(std::span(text))));
  return std::string(trimmed(text));
}

bool is_json(std::string_view beginning) { return beginning.starts_with('{'); }

// "<!DOCTYPE" or "<html". No more of a foreign text: it may quote what was asked for, secrets
// included (threats-and-faults.md T17).
std::string_view markup_at(std::string_view beginning) {
  if (!beginning.starts_with('<')) return {};
  const auto end =
      beginning.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!?", 1);
  return beginning.substr(0, std::min<std::size_t>(end, 16));
}

std::string stream_of(const CatalogDocument& document) {
  return document.holds_products() ? document.head.content_id : stream_of_index(document.path);
}

// What an index says of a document that it names.
struct Reference {
  RelativePath path;
  std::string format;      ///< empty: the entry document, which may be either
  std::string content_id;  ///< of products
  std::optional<Time> updated;
  std::string index;  ///< for messages
  bool is_index_signed = false;

  /// What the trust state calls the document; none when that is not known before it is read.
  std::optional<std::string> stream() const {
    if (format == kProductsFormat) return content_id;
    return format == kIndexFormat ? std::optional(stream_of_index(path)) : std::nullopt;
  }
};

constexpr std::size_t kLongestContentId = 1024;

// Reads one base.
class CatalogWalk {
 public:
  CatalogWalk(const CatalogReader& reader, DocumentSource& source)
      : reader_(reader), trust_(reader.trust), source_(source) {}

  /// Ends early where documents do not fit together; `contradiction` says so.
  Catalog walk(const RelativePath& entry) {
    pending_.push_back({entry, {}, {}, {}, {}});
    seen_.insert(entry.str());
    while (!pending_.empty() && !contradiction_) {
      const Reference reference = std::move(pending_.front());
      pending_.pop_front();
      visit(reference);
    }
    const bool came_apart = catalog_.documents.size() > 1 && is_news_;
    if (!contradiction_ && came_apart) look_again_at(catalog_.documents.front());
    if (!contradiction_ && trust_.verification == Verification::Required) {
      catalog_.freshness =
          judge_age(catalog_.accepted, trust_.now, trust_.max_age, source_.describe(entry));
    }
    return std::move(catalog_);
  }

  const std::optional<std::string>& contradiction() const { return contradiction_; }

 private:
  void visit(const Reference& reference) {
    const bool is_entry = catalog_.documents.empty();
    const auto where = source_.describe(reference.path);
    std::optional<CatalogDocument> document;
    try {
      document = fetch(reference, where);
    } catch (const Error& error) {
      if (contradiction_) return;
      if (is_entry || error.kind() != ErrorKind::NotFound) {
        throw;
      }
      catalog_.missing.push_back(where);
      const auto stream = reference.stream();
      const bool was_there =
          trust_.verification == Verification::Required && stream && trust_.known.contains(*stream);
      if (was_there && trust_.rollback == Rollback::Refused) catalog_.vanished.push_back(where);
      return;
    }
    document->head = read_head(document->text, where);
    require_format(reference, document->head, where);
    require_same_stream(reference, document->head, where);
    if (trust_.verification == Verification::Required) accept(reference, *document, where);
    if (!document->holds_products()) {
      follow(read_index(document->text, where), where, document->text.signers().has_value());
    }
    if (is_entry) require_known_source(*document, where);
    catalog_.documents.push_back(std::move(*document));
  }

  // A cached copy that does not pass is fetched anew before anybody is accused.
  CatalogDocument fetch(const Reference& reference, const std::string& where) {
    const auto& path = reference.path;
    if (auto known = reader_.cache.find(where)) {
      if (auto changed = fetch_changed(path, where, known->validator)) {
        return news(reference, std::move(*changed), where, reader_.cache);
      }
      try {
        return as_known(reference, std::move(*known), where);
      } catch (const Error& error) {
        if (!is_refusal(error)) {
          throw;
        }
        contradiction_.reset();
      }
    }
    NoCache nothing;
    return news(reference, std::move(*fetch(path, Validator{})), where, nothing);
  }

  CatalogDocument as_known(const Reference& reference, CachedDocument known,
                           const std::string& where) {
    const std::string examination = std::move(known.examination);
    auto document = vouched(reference, std::move(known), where, reader_.cache, examination);
    document.is_cached = document.text.examination_record() == examination;
    return document;
  }

  CatalogDocument news(const Reference& reference, FetchedDocument fetched,
                       const std::string& where, DocumentCache& cache) {
    is_news_ = true;
    return vouched(reference, std::move(fetched), where, cache, {});
  }

  // None: it is as known.
  std::optional<FetchedDocument> fetch_changed(const RelativePath& path, const std::string& where,
                                               const Validator& known) {
    // Behind an index that is new its documents may be, too.
    if (!is_news_ && reader_.unchanged.contains(where)) return std::nullopt;
    auto changed = fetch(path, known);
    if (!changed) reader_.unchanged.insert(where);
    return changed;
  }

  std::optional<FetchedDocument> fetch(const RelativePath& path, const Validator& known) {
    std::optional<FetchedDocument> result;
    retrying(reader_.retries, reader_.stop, reader_.on_retry,
             [&] { result = source_.fetch(path, known); });
    return result;
  }

  CatalogDocument vouched(const Reference& reference, FetchedDocument fetched,
                          const std::string& where, DocumentCache& cache,
                          const std::string& examination) {
    const auto& path = reference.path;
    auto& bytes = fetched.bytes;
    const auto document_of = [&](TrustedText text) -> CatalogDocument {
      return {path, fetched.validator, std::move(text), {}, {}};
    };
    const auto unsigned_document = [&] {
      return document_of(accept_unverified(std::move(bytes), where));
    };
    if (trust_.verification == Verification::Off) return unsigned_document();
    if (is_clearsigned(bytes)) {
      const auto& keyring = require_keyring(where);
      return document_of(
          keyring.verify_clearsigned(std::move(bytes), trust_.signatures, where, examination));
    }
    if (may_be_unsigned(reference)) return unsigned_document();
    const auto beginning = beginning_of(bytes);
    // A .sjson bears its signature or none (`upstream-gss.md` §1.1).
    if (path.str().ends_with(".sjson")) throw not_signed(reference, beginning, where);
    auto signature = detached_signature(reference, beginning, where, cache);
    const auto& keyring = require_keyring(where);
    try {
      auto text = keyring.verify_detached(std::move(bytes), signature.fetched.bytes,
                                          trust_.signatures, where, examination);
      return {path, fetched.validator, std::move(text), std::move(signature), {}};
    } catch (const BadSignature& error) {
      // A mirror replaces the two files one after the other.
      contradiction_ = error.what();
      throw;
    } catch (const Error&) {
      if (!is_json(beginning)) throw not_signed(reference, beginning, where);
      throw;
    }
  }

  // Not what was signed once, nor what a signed document leads to (threats-and-faults.md T4).
  bool may_be_unsigned(const Reference& reference) const {
    return trust_.allow_unsigned && !reference.is_index_signed &&
           (!was_signed_before(reference) || trust_.downgrade == Downgrade::Accepted);
  }

  bool was_signed_before(const Reference& reference) const {
    const auto last =
        trust_.known.find(reference.stream().value_or(stream_of_index(reference.path)));
    if (last != trust_.known.end()) return !last->second.signed_by.empty();
    // An entry document that is not known as an index may be products.
    return !reference.stream() && was_signed(trust_.known);
  }

  const Keyring& require_keyring(const std::string& where) const {
    if (trust_.keyring) return *trust_.keyring;
    throw Error(
        ErrorKind::Config, Origin::Config,
        fmt::format("{}: is signed, but there is no keyring to check it with; see keyring_path",
                    where));
  }

  DetachedSignature detached_signature(const Reference& reference, const std::string& beginning,
                                       const std::string& where, DocumentCache& cache) {
    const auto& document = reference.path;
    const auto path = document.with_file_name(std::string(document.file_name()) + ".gpg");
    const auto signature = source_.describe(path);
    try {
      if (auto known = cache.find(signature)) {
        auto changed = fetch_changed(path, signature, known->validator);
        return {path, std::move(changed ? *changed : *known)};
      }
      return {path, std::move(*fetch(path, Validator{}))};
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::NotFound) throw;
      throw not_signed(reference, beginning, where);
    }
  }

  Error not_signed(const Reference& reference, const std::string& beginning,
                   const std::string& where) const {
    if (!is_json(beginning)) return no_document(beginning, where);
    return Error(ErrorKind::Untrusted, Origin::Source,
                 fmt::format("{}: is not signed; {}", where, what_to_do_unsigned(reference)));
  }

  // Such as the page of a captive portal: nobody is to allow that unsigned.
  static Error no_document(const std::string& beginning, const std::string& where) {
    const auto mark = markup_at(beginning);
    return Error(
        ErrorKind::Untrusted, Origin::Source,
        fmt::format("{}: is not signed, nor is it JSON{}; it is damaged, or something else "
                    "answers in its place",
                    where, mark.empty() ? "" : fmt::format(", it begins with {}", mark)));
  }

  std::string_view what_to_do_unsigned(const Reference& reference) const {
    if (!trust_.allow_unsigned) {
      return "if that is meant, set allow_unsigned for this mirror, or use --no-verify";
    }
    if (reference.is_index_signed) return "the document that names it is";
    return "it was before; if that is meant to end, run once with --accept-unsigned REASON";
  }

  static void require_format(const Reference& reference, const DocumentHead& head,
                             const std::string& where) {
    if (head.format != kProductsFormat && head.format != kIndexFormat) {
      throw Error(ErrorKind::Malformed, Origin::Source,
                  fmt::format("{}: format is '{}', neither index:1.0 nor products:1.0", where,
                              printable(head.format)));
    }
    // One document in place of another, all of them well signed (T8, T11).
    if (!reference.format.empty() && reference.format != head.format) {
      throw Error(ErrorKind::Untrusted, Origin::Source,
                  fmt::format("{}: is of the format {}, but {} names it as {}", where, head.format,
                              reference.index, reference.format));
    }
    if (head.content_id.size() > kLongestContentId) {
      throw Error(
          ErrorKind::Malformed, Origin::Source,
          fmt::format("{}: its content_id is longer than {} bytes", where, kLongestContentId));
    }
  }

  // The index or the products of a neighbour, signed by the same key.
  void require_known_source(const CatalogDocument& entry, const std::string& where) {
    const auto known = content_ids_of(trust_.known);
    if (trust_.verification == Verification::Off || known.empty()) return;
    const auto is_known = [&](const std::string& id) { return known.contains(id); };
    if (entry.holds_products()
            ? is_known(entry.head.content_id)
            : std::any_of(catalog_.named.begin(), catalog_.named.end(), is_known)) {
      return;
    }
    take_rollback(stream_of(entry), "has none of the streams that this source had before", where);
  }

  void take_rollback(const std::string& stream, std::string_view why, const std::string& where) {
    if (trust_.rollback == Rollback::Refused) {
      throw Error(ErrorKind::Untrusted, Origin::Source, text_of_rollback(why, where));
    }
    catalog_.rolled_back.insert(stream);
  }

  static std::string text_of_rollback(std::string_view why, const std::string& where) {
    return fmt::format("{}: {}; if the source means it, run once with --accept-rollback REASON",
                       where, why);
  }

  void accept(const Reference& reference, const CatalogDocument& document,
              const std::string& where) {
    const auto stream = stream_of(document);
    auto accepted = acceptance_of(document);
    refuse_future(accepted, trust_.now, where);
    if (const auto last = trust_.known.find(stream); last != trust_.known.end()) {
      if (const auto why = rollback_of(accepted, last->second)) {
        if (trust_.rollback == Rollback::Refused && is_older(accepted, last->second)) {
          throw WentBack(ErrorKind::Untrusted, Origin::Source, text_of_rollback(*why, where));
        }
        take_rollback(stream, *why, where);
      }
    }
    if (accepted.signed_by.empty() && was_signed_before(reference)) {
      catalog_.downgraded.insert(stream);
    }
    const auto [place, is_first] = catalog_.accepted.try_emplace(stream, accepted);
    if (!is_first && place->second.sha256 != accepted.sha256) {
      throw Error(ErrorKind::Malformed, Origin::Source,
                  fmt::format("{}: is a second, other document of the stream '{}'", where,
                              printable(stream)));
    }
  }

  // One products document in place of another, or an old one behind a new index (T8, T11).
  void require_same_stream(const Reference& reference, const DocumentHead& head,
                           const std::string& where) {
    if (reference.format == kProductsFormat && reference.content_id != head.content_id) {
      throw Error(ErrorKind::Untrusted, Origin::Source,
                  fmt::format("{}: is the stream '{}', but {} names it as '{}'", where,
                              printable(head.content_id), reference.index,
                              printable(reference.content_id)));
    }
    if (reference.updated && head.updated && *head.updated < *reference.updated) {
      contradiction_ =
          fmt::format("{}: is of {}, but {} knows it of {}; is the mirror being updated?", where,
                      to_rfc3339(*head.updated), reference.index, to_rfc3339(*reference.updated));
    }
  }

  // What was read after the index may be newer than it.
  void look_again_at(const CatalogDocument& entry) {
    auto now = fetch(entry.path, entry.validator);
    if (now && is_another(std::move(now->bytes), entry)) {
      contradiction_ =
          fmt::format("{}: changed while its documents were read", source_.describe(entry.path));
    }
  }

  void follow(const Index& index, const std::string& where, bool is_signed) {
    for (const auto& entry : index.entries) {
      catalog_.named.insert(entry.content_id);
      if (!in_scope(entry) || !seen_.insert(entry.path.str()).second) {
        continue;
      }
      if (seen_.size() > kMaxDocuments) {
        throw Error(ErrorKind::Guard, Origin::Source,
                    fmt::format("{}: leads to more than {} documents", where, kMaxDocuments));
      }
      pending_.push_back({entry.path, entry.format, entry.content_id,
                          parse_date(tag(entry.tags, "updated")), where, is_signed});
    }
  }

  bool in_scope(const IndexEntry& entry) const {
    const bool followed = entry.format == kProductsFormat || entry.format == kIndexFormat;
    if (!followed || (reader_.index_filter && !reader_.index_filter(entry.tags))) {
      return false;
    }
    // Only products documents say what they hold.
    return reader_.scope == CatalogScope::Everything || entry.format == kIndexFormat ||
           tag(entry.tags, "datatype") == "image-downloads";
  }

  const CatalogReader& reader_;
  const TrustPolicy& trust_;
  DocumentSource& source_;
  Catalog catalog_;
  std::deque<Reference> pending_;
  std::set<std::string> seen_;
  bool is_news_ = false;  // something was not as the cache knows it
  std::optional<std::string> contradiction_;
};

Catalog read_base(const CatalogReader& reader, DocumentSource& source, const RelativePath& entry) {
  std::optional<Catalog> catalog;
  std::optional<std::string> contradiction;
  try {
    retrying(reader.retries, reader.stop, reader.on_retry, [&] {
      CatalogWalk walk(reader, source);
      contradiction.reset();
      catalog = walk.walk(entry);
      contradiction = walk.contradiction();
      if (!contradiction) return;
      reader.unchanged.clear();
      throw Error(ErrorKind::Transient, Origin::Source, *contradiction);
    });
  } catch (const Error&) {
    if (!contradiction) throw;
    throw Error(ErrorKind::Untrusted, Origin::Source, *contradiction);
  }
  return std::move(*catalog);
}

}  // namespace

void CatalogReader::keep(const Catalog& catalog, const DocumentSource& base) const {
  // What nobody vouched for must not come back as if somebody had.
  if (trust.verification == Verification::Off) return;
  for (const auto& document : catalog.documents) {
    if (!document.is_cached) {
      cache.store(base.describe(document.path), document.validator, document.text.document(),
                  document.text.examination_record());
    }
    if (const auto& signature = document.signature) {
      cache.store(base.describe(signature->path), signature->fetched.validator,
                  signature->fetched.bytes, {});
    }
  }
}

std::set<std::string> Catalog::signed_by() const {
  std::set<std::string> keys;
  for (const auto& document : documents) {
    if (const auto& signers = document.text.signers()) {
      keys.insert(signers->fingerprints.begin(), signers->fingerprints.end());
    }
  }
  return keys;
}

Catalog CatalogReader::read(DocumentSource& source, const RelativePath& entry) const {
  return read_base(*this, source, entry);
}

Catalog CatalogReader::read(const std::vector<std::unique_ptr<Source>>& bases,
                            const RelativePath& entry) const {
  std::optional<Catalog> incomplete;
  std::optional<Error> failure;
  std::vector<std::string> passed_by;
  std::string lagging;
  for (std::size_t base = 0; base < bases.size(); ++base) {
    try {
      Catalog catalog = read(*bases[base], entry);
      catalog.base = base;
      if (catalog.missing.empty()) {
        catalog.passed_by = std::move(passed_by);
        return catalog;
      }
      if (!incomplete || catalog.vanished.size() < incomplete->vanished.size()) {
        incomplete = std::move(catalog);
      }
    } catch (const Error& error) {
      if (!is_of_the_source(error)) {
        throw;
      }
      passed_by.emplace_back(error.what());
      // "A fallback base that lags behind is skipped" (`cli.md` §4.8): it says nothing of the
      // first.
      if (base > 0 && dynamic_cast<const WentBack*>(&error) != nullptr) {
        lagging += fmt::format("; {} lags behind what was accepted", bases[base]->describe(entry));
        continue;
      }
      // A refusal is what the operator has to hear of, whatever else failed.
      if (!failure || (is_refusal(error) && !is_refusal(*failure))) {
        failure = error;
      }
    }
  }
  if (incomplete) {
    incomplete->passed_by = std::move(passed_by);
    return std::move(*incomplete);
  }
  throw Error(failure->kind(), failure->origin(), failure->what() + lagging);
}

bool has_changed(const Catalog& catalog, DocumentSource& base) {
  const auto is_replaced = [&](const CatalogDocument& document) {
    auto now = base.fetch(document.path, document.validator);
    return now && is_another(std::move(now->bytes), document);
  };
  try {
    return std::any_of(catalog.documents.begin(), catalog.documents.end(), is_replaced);
  } catch (const Error&) {
    return false;
  }
}

}  // namespace streamsync
