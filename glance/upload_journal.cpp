#include "glance/upload_journal.h"

#include <fmt/format.h>

#include <chrono>
#include <optional>
#include <utility>

#include "base/crypto/digest.h"
#include "base/io/root_directory.h"

namespace streamsync {
namespace {

std::string name_for(const std::string& url) {
  return digest_of(DigestAlgorithm::Sha256, url).hex();
}

// What differs between our clock and that of Glance.
constexpr std::chrono::minutes kClockSkew{5};

// "TIME URL SCOPE": when it was begun, where, and whose it is.
struct Entry {
  Time begun{};
  std::string url, scope;
};

std::string to_text(const Entry& entry) {
  return fmt::format("{} {} {}", to_rfc3339(entry.begun), entry.url, entry.scope);
}

std::optional<Entry> parse_entry(const std::optional<std::string>& text) {
  if (!text) return std::nullopt;
  const auto first = text->find(' ');
  const auto second = first == std::string::npos ? first : text->find(' ', first + 1);
  const auto begun = parse_date(text->substr(0, first));
  if (second == std::string::npos || !begun) return std::nullopt;
  return Entry{*begun, text->substr(first + 1, second - first - 1), text->substr(second + 1)};
}

}  // namespace

UploadJournal::UploadJournal(std::filesystem::path directory) : directory_(std::move(directory)) {}

UploadJournal::Running::Running(UploadJournal& journal, std::string url, std::string_view scope)
    : journal_(journal), url_(std::move(url)) {
  const std::lock_guard lock(journal_.mutex_);
  RootDirectory(journal_.directory_, 0700)
      .write(name_for(url_), to_text({now(), url_, std::string(scope)}));
  journal_.running_.insert(url_);
}

UploadJournal::Running::~Running() {
  const std::lock_guard lock(journal_.mutex_);
  journal_.running_.erase(journal_.running_.find(url_));
}

bool UploadJournal::is_left_over(const std::string& url, Time changed) const {
  if (!exists()) return false;
  const auto entry = parse_entry(RootDirectory(directory_).read(name_for(url)));
  if (!entry || changed > entry->begun + kClockSkew) return false;
  // After the file: who has written it meanwhile counts as running.
  const std::lock_guard lock(mutex_);
  return !running_.contains(url);
}

void UploadJournal::forget(const std::string& url) {
  if (exists()) RootDirectory(directory_).remove(name_for(url));
}

void UploadJournal::forget_others(std::string_view scope, const std::set<std::string>& urls) {
  if (!exists()) return;
  const RootDirectory root(directory_);
  for (const auto& name : root.names_in("")) {
    const auto entry = parse_entry(root.read(name));
    if (entry && entry->scope == scope && !urls.contains(entry->url)) root.remove(name);
  }
}

}  // namespace streamsync
