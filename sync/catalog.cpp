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

bool is_unavailable(const Error& error) {
  switch (error.kind()) {
    case ErrorKind::Transient:
    case ErrorKind::RateLimited:
    case ErrorKind::NotFound:
    case ErrorKind::Denied:
    case ErrorKind::Protocol:
      return error.origin() == Origin::Source;
    case ErrorKind::Conflict:
    case ErrorKind::Corrupt:
    case ErrorKind::Untrusted:
    case ErrorKind::Malformed:
    case ErrorKind::NoRoom:
    case ErrorKind::Guard:
    case ErrorKind::Busy:
    case ErrorKind::Config:
      return false;
  }
  return false;
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
    for (const auto& document : catalog_.documents) {
      reader_.cache.store(source_.describe(document.path), document.fetched);
    }
    return std::move(catalog_);
  }

 private:
  void visit(const RelativePath& path) {
    const bool is_entry = catalog_.documents.empty();
    std::optional<FetchedDocument> fetched;
    try {
      fetched = fetch(path);
    } catch (const Error& error) {
      if (is_entry || error.kind() != ErrorKind::NotFound) {
        throw;
      }
      catalog_.missing.push_back(source_.describe(path));
      return;
    }
    const auto where = source_.describe(path);
    TrustedText text = trust(fetched->bytes, where);
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
    catalog_.documents.push_back({path, std::move(*fetched), std::move(text), holds_products});
  }

  FetchedDocument fetch(const RelativePath& path) {
    auto known = reader_.cache.find(source_.describe(path));
    std::optional<FetchedDocument> result;
    retrying(reader_.retries, reader_.stop, nullptr,
             [&] { result = source_.fetch(path, known ? known->validator : Validator{}); });
    if (result) {
      return std::move(*result);
    }
    return std::move(*known);
  }

  TrustedText trust(const Spool& document, const std::string& where) {
    const auto& policy = reader_.trust;
    if (!policy.keyring) {
      return accept_unverified(document, where);
    }
    if (is_clearsigned(document)) {
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
  for (std::size_t base = 0;; ++base) {
    try {
      Catalog catalog = CatalogWalk(*this, *bases.at(base)).walk(entry);
      catalog.base = base;
      return catalog;
    } catch (const Error& error) {
      if (!is_unavailable(error) || base + 1 == bases.size()) {
        throw;
      }
    }
  }
}

}  // namespace streamsync
