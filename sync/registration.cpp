#include "sync/registration.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>
#include <variant>

#include "base/error.h"
#include "base/http/url.h"

namespace streamsync {
namespace {

std::string url_of(const std::string& root, const std::string& path) {
  return root + "/" + percent_encode_path(path);
}

[[noreturn]] void refuse(const std::string& url, std::string_view why) {
  throw Error(
      ErrorKind::Denied, Origin::Target,
      fmt::format("{}: who reads it without a token {}; consumers are not led there", url, why));
}

}  // namespace

Registration::Registration(std::unique_ptr<StreamRegistry> registry,
                           std::vector<TreeAddress> addresses)
    : registry_(std::move(registry)), addresses_(std::move(addresses)) {}

bool Registration::is_right(const TreeAddress& address) const {
  const auto urls = registry_->urls_of(address.interface);
  return !urls.empty() && std::all_of(urls.begin(), urls.end(), [&address](const std::string& url) {
    return url == address.url;
  });
}

/// Juju takes public URLs only: once there is one, parts of the cloud may be led nowhere, but not
/// elsewhere.
std::vector<TreeAddress> Registration::wrong() const {
  const bool may_be_absent = is_right(addresses_.front());
  std::vector<TreeAddress> wrong;
  for (const auto& address : addresses_) {
    const bool is_absent = registry_->urls_of(address.interface).empty();
    if (!is_right(address) && !(is_absent && may_be_absent)) wrong.push_back(address);
  }
  return wrong;
}

void Registration::require_readers(const PublishedTexts& published, DocumentCache& cache,
                                   const std::string& scope) {
  const auto& root = addresses_.front().url;
  const auto key = fmt::format("{} as anyone {}", scope, root);
  const Validator state{digest_of(published), ""};
  const auto checked = cache.find(key);
  const auto coming = wrong();
  const bool comes = std::any_of(coming.begin(), coming.end(), [&root](const TreeAddress& address) {
    return address.url == root;
  });
  if (!comes && checked && checked->validator.etag == state.etag) return;
  read_all(root, published, Attempts::AsConfigured);
  cache.store(key, state, Spool(), {});
}

RegistrationResult Registration::bring_up_to_date(const PublishedTexts& published,
                                                  DocumentCache& cache, const std::string& scope) {
  RegistrationResult result;
  std::set<std::string> leading;
  for (const auto& address : addresses_) {
    if (is_right(address)) leading.insert(address.interface);
  }
  std::vector<TreeAddress> coming;
  for (const auto& address : wrong()) {
    const auto silence = silence_of(address, published);
    if (!silence) coming.push_back(address);
    if (is_news(address, silence, cache, scope)) {
      result.notes.push_back(fmt::format("{}: its {} endpoint stays as it is: {}",
                                         registry_->describe(), address.interface,
                                         silence->what()));
    }
  }
  StreamRegistry::Change change;
  if (!coming.empty()) change = registry_->lead_to(coming);
  for (const auto& address : coming) leading.insert(address.interface);
  for (auto& note : change.notes) result.notes.push_back(std::move(note));
  for (const auto& address : addresses_) {
    if (!leading.contains(address.interface)) continue;
    result.addresses.push_back({address, change.written.contains(address.interface)});
  }
  return result;
}

/// Why nobody can be led to an address now. Parts of the cloud may be out of our reach for good,
/// and what can't be reached costs its whole timeout: it is tried once.
std::optional<Error> Registration::silence_of(const TreeAddress& address,
                                              const PublishedTexts& published) const {
  if (address.url == addresses_.front().url) return std::nullopt;
  try {
    read_all(address.url, published, Attempts::One);
    return std::nullopt;
  } catch (const Error& error) {
    return error;
  }
}

/// Once for each URL that others are led to meanwhile.
bool Registration::is_news(const TreeAddress& address, const std::optional<Error>& silence,
                           DocumentCache& cache, const std::string& scope) const {
  const auto key = fmt::format("{} silence of {} {}", scope, address.interface, address.url);
  const auto urls = registry_->urls_of(address.interface);
  const Validator told{silence ? fmt::format("leads to {}", fmt::join(urls, " ")) : "answers", ""};
  const auto known = cache.find(key);
  if (!silence && !known) return false;
  cache.store(key, told, Spool(), {});
  return silence && !(known && known->validator.etag == told.etag);
}

void Registration::read_all(const std::string& root, const PublishedTexts& published,
                            Attempts attempts) const {
  for (const auto& path : names_tried_by_juju()) {
    if (!published.contains(path)) require_absence(url_of(root, path), attempts);
  }
  for (const auto& [path, text] : published) {
    require_document(url_of(root, path), text, attempts);
  }
}

/// A server that answers everything with a page, or another one's index: Juju reads it first.
void Registration::require_absence(const std::string& url, Attempts attempts) const {
  if (!std::holds_alternative<Absent>(registry_->read_as_anyone(url, attempts))) {
    refuse(url, "finds something that was not published by us, and reads it; remove it");
  }
}

void Registration::require_document(const std::string& url, const std::string& text,
                                    Attempts attempts) const {
  const auto state = registry_->read_as_anyone(url, attempts);
  const auto* found = std::get_if<FetchedDocument>(&state);
  if (found == nullptr) refuse(url, "finds nothing");
  if (!same_bytes(found->bytes, spool_of(text))) refuse(url, "finds something else");
}

}  // namespace streamsync
