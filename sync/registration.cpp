#include "sync/registration.h"

#include <fmt/format.h>

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

/// Parts of the cloud may be led nowhere, but not elsewhere: Juju takes public URLs only.
bool Registration::leads_there() const {
  const auto is_right = [this](const TreeAddress& address) {
    const auto urls = registry_->urls_of(address.interface);
    const bool may_be_absent = &address != &addresses_.front();
    return (may_be_absent || !urls.empty()) &&
           std::all_of(urls.begin(), urls.end(),
                       [&address](const std::string& url) { return url == address.url; });
  };
  return std::all_of(addresses_.begin(), addresses_.end(), is_right);
}

void Registration::require_readers(const PublishedTexts& published, DocumentCache& cache) {
  const auto& root = addresses_.front().url;
  const std::string key = "as anyone " + root;
  const Validator state{digest_of(published), ""};
  const auto checked = cache.find(key);
  if (leads_there() && checked && checked->validator.etag == state.etag) return;
  read_all(root, published);
  cache.store(key, state, Spool(), {});
}

RegistrationResult Registration::bring_up_to_date(const PublishedTexts& published) {
  RegistrationResult result;
  const bool changes = !leads_there();
  const auto addresses = changes ? answering(published, result.notes) : addresses_;
  if (changes) {
    for (auto& note : registry_->lead_to(addresses)) result.notes.push_back(std::move(note));
  }
  for (const auto& address : addresses) {
    const bool is_left_out = !changes && registry_->urls_of(address.interface).empty();
    if (!is_left_out) result.addresses.push_back({address, changes});
  }
  return result;
}

std::vector<TreeAddress> Registration::answering(const PublishedTexts& published,
                                                 std::vector<std::string>& notes) const {
  std::vector<TreeAddress> answering{addresses_.front()};
  for (std::size_t index = 1; index < addresses_.size(); ++index) {
    const auto& address = addresses_[index];
    try {
      if (address.url != addresses_.front().url) read_all(address.url, published);
      answering.push_back(address);
    } catch (const Error& error) {
      notes.push_back(fmt::format("{}: its {} endpoint stays as it is: {}", registry_->describe(),
                                  address.interface, error.what()));
    }
  }
  return answering;
}

void Registration::read_all(const std::string& root, const PublishedTexts& published) const {
  for (const auto& path : names_tried_by_juju()) {
    if (!published.contains(path)) require_absence(url_of(root, path));
  }
  for (const auto& [path, text] : published) require_document(url_of(root, path), text);
}

/// A server that answers everything with a page, or another one's index: Juju reads it first.
void Registration::require_absence(const std::string& url) const {
  if (!std::holds_alternative<Absent>(registry_->read_as_anyone(url))) {
    refuse(url, "finds something that was not published by us, and reads it; remove it");
  }
}

void Registration::require_document(const std::string& url, const std::string& text) const {
  const auto state = registry_->read_as_anyone(url);
  const auto* found = std::get_if<FetchedDocument>(&state);
  if (found == nullptr) refuse(url, "finds nothing");
  if (!same_bytes(found->bytes, spool_of(text))) refuse(url, "finds something else");
}

}  // namespace streamsync
