#include "sync/catalog.h"

#include <fmt/format.h>

#include <deque>
#include <utility>

#include "streams/index.h"

namespace streamsync {
namespace {

constexpr std::string_view kIndexFormat = "index:1.0";
constexpr std::string_view kProductsFormat = "products:1.0";

// An index may name other indexes; a loop must end (`upstream-gss.md` §1.2).
constexpr std::size_t kMaxDocuments = 4096;

// What another base may do better (`cli.md` §3, `mirrors`).
bool is_of_the_source(const Error& error) { return error.origin() == Origin::Source; }

bool is_refusal(const Error& error) {
  return error.kind() == ErrorKind::Untrusted || error.kind() == ErrorKind::Malformed;
}

// Reads one base.
class CatalogWalk {
 public:
  CatalogWalk(const CatalogReader& reader, Source& source) : reader_(reader), source_(source) {}

  Catalog walk(const RelativePath& entry) {
    pending_.push_back(entry);
    seen_.insert(entry.str());
    while (!pending_.empty()) {
      const RelativePath path = std::move(pending_.front());
      pending_.pop_front();
      visit(path);
    }
    // What nobody vouched for must not come back as if somebody had.
    if (reader_.trust.verification == Verification::Required) {
      for (const auto& document : catalog_.documents) {
        reader_.cache.store(source_.describe(document.path), document.fetched);
      }
    }
    return std::move(catalog_);
  }

 private:
  void visit(const RelativePath& path) {
    const bool is_entry = catalog_.documents.empty();
    const auto where = source_.describe(path);
    std::optional<Read> read;
    try {
      read = fetch(path, where);
    } catch (const Error& error) {
      if (is_entry || error.kind() != ErrorKind::NotFound) {
        throw;
      }
      catalog_.missing.push_back(where);
      return;
    }
    auto& [fetched, text] = *read;
    const auto format = format_of(text, where);
    const bool holds_products = format == kProductsFormat;
    if (!holds_products && format != kIndexFormat) {
      throw Error(ErrorKind::Malformed, Origin::Source,
                  fmt::format("{}: format is '{}', neither index:1.0 nor products:1.0", where,
                              format.value_or("")));
    }
    if (!holds_products) {
      follow(read_index(text, where), where);
    }
    catalog_.signed_by.insert(text.signed_by().begin(), text.signed_by().end());
    catalog_.documents.push_back({path, std::move(fetched), std::move(text), holds_products});
  }

  struct Read {
    FetchedDocument fetched;
    TrustedText text;
  };

  // A cached copy that does not pass is fetched anew before anybody is accused.
  Read fetch(const RelativePath& path, const std::string& where) {
    if (auto known = reader_.cache.find(where)) {
      auto changed = fetch(path, known->validator);
      if (changed) {
        return read(std::move(*changed), where);
      }
      try {
        return read(std::move(*known), where);
      } catch (const Error& error) {
        if (error.kind() != ErrorKind::Untrusted) {
          throw;
        }
      }
    }
    return read(std::move(*fetch(path, Validator{})), where);
  }

  std::optional<FetchedDocument> fetch(const RelativePath& path, const Validator& known) {
    std::optional<FetchedDocument> result;
    retrying(reader_.retries, reader_.stop, nullptr, [&] { result = source_.fetch(path, known); });
    return result;
  }

  Read read(FetchedDocument fetched, const std::string& where) {
    TrustedText text = trust(fetched.bytes, where);
    return {std::move(fetched), std::move(text)};
  }

  TrustedText trust(const Spool& document, const std::string& where) {
    const auto& policy = reader_.trust;
    if (policy.verification == Verification::Off) {
      return accept_unverified(document, where);
    }
    if (is_clearsigned(document)) {
      if (!policy.keyring) {
        throw Error(ErrorKind::Config, Origin::Config,
                    fmt::format("{}: is signed, but there is no keyring to check it with; see "
                                "keyring_path",
                                where));
      }
      return policy.keyring->verify_clearsigned(document, policy.signatures, where);
    }
    // A signed document never leads to unsigned ones (threats-and-faults.md T4).
    if (policy.allow_unsigned && catalog_.signed_by.empty()) {
      return accept_unverified(document, where);
    }
    throw Error(
        ErrorKind::Untrusted, Origin::Source,
        fmt::format("{}: is not signed; {}", where,
                    policy.allow_unsigned ? "the document that names it is"
                                          : "set allow_unsigned for this mirror if that is meant"));
  }

  void follow(const Index& index, const std::string& where) {
    for (const auto& entry : index.entries) {
      if (!in_scope(entry) || !seen_.insert(entry.path.str()).second) {
        continue;
      }
      if (seen_.size() > kMaxDocuments) {
        throw Error(ErrorKind::Guard, Origin::Source,
                    fmt::format("{}: leads to more than {} documents", where, kMaxDocuments));
      }
      pending_.push_back(entry.path);
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
  Source& source_;
  Catalog catalog_;
  std::deque<RelativePath> pending_;
  std::set<std::string> seen_;
};

}  // namespace

Catalog CatalogReader::read(const std::vector<std::unique_ptr<Source>>& bases,
                            const RelativePath& entry) const {
  std::optional<Catalog> incomplete;
  std::optional<Error> failure;
  for (std::size_t base = 0; base < bases.size(); ++base) {
    try {
      Catalog catalog = CatalogWalk(*this, *bases[base]).walk(entry);
      catalog.base = base;
      if (catalog.missing.empty()) {
        return catalog;
      }
      if (!incomplete) {
        incomplete = std::move(catalog);
      }
    } catch (const Error& error) {
      if (!is_of_the_source(error)) {
        throw;
      }
      // A refusal is what the operator has to hear of, whatever else failed.
      if (!failure || (is_refusal(error) && !is_refusal(*failure))) {
        failure = error;
      }
    }
  }
  if (incomplete) {
    return std::move(*incomplete);
  }
  throw Error(*failure);
}

}  // namespace streamsync
