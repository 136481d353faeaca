#include "glance/upload_journal.h"

#include <utility>

#include "base/crypto/digest.h"
#include "base/io/root_directory.h"

namespace streamsync {
namespace {

std::string name_for(const std::string& url) {
  return digest_of(DigestAlgorithm::Sha256, url).hex();
}

}  // namespace

UploadJournal::UploadJournal(std::filesystem::path directory) : directory_(std::move(directory)) {}

UploadJournal::Running::Running(UploadJournal& journal, std::string url)
    : journal_(journal), url_(std::move(url)) {
  RootDirectory(journal_.directory_, 0700).write(name_for(url_), url_);
  const std::lock_guard lock(journal_.mutex_);
  journal_.running_.insert(url_);
}

UploadJournal::Running::~Running() {
  const std::lock_guard lock(journal_.mutex_);
  journal_.running_.erase(url_);
}

bool UploadJournal::is_left_over(const std::string& url) const {
  {
    const std::lock_guard lock(mutex_);
    if (running_.contains(url)) return false;
  }
  return exists() && RootDirectory(directory_).size_of(name_for(url)).has_value();
}

void UploadJournal::forget(const std::string& url) {
  if (exists()) RootDirectory(directory_).remove(name_for(url));
}

void UploadJournal::forget_others(const std::string& prefix, const std::set<std::string>& urls) {
  if (!exists()) return;
  const RootDirectory root(directory_);
  for (const auto& name : root.names_in("")) {
    const auto url = root.read(name);
    if (url && url->starts_with(prefix) && !urls.contains(*url)) root.remove(name);
  }
}

}  // namespace streamsync
