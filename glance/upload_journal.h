#pragma once

#include <filesystem>
#include <mutex>
#include <set>
#include <string>
#include <string_view>

#include "base/time.h"

namespace streamsync {

/// Uploads of ours whose end nobody saw. An image whose Glance died stays "saving" for ever, and
/// looks like one that somebody else is filling (threats-and-faults.md F17): only who began the
/// upload knows better. A file for each, so that the next run knows it, too. Thread-safe.
class UploadJournal {
 public:
  /// Nothing is made before the first upload.
  explicit UploadJournal(std::filesystem::path directory);

  /// The upload into the image at `url` runs as long as this lives. `scope` tells whose it is:
  /// others keep theirs in the same directory.
  class Running {
   public:
    Running(UploadJournal& journal, std::string url, std::string_view scope);
    ~Running();
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;

   private:
    UploadJournal& journal_;
    std::string url_;
  };

  /// Begun here, not running any more, and not seen to end. `changed`, when the image was last
  /// changed, tells an upload that another unit has begun since: ids are the same for all.
  bool is_left_over(const std::string& url, Time changed) const;
  /// It was seen to end, or another's upload was there first.
  void forget(const std::string& url);
  /// Those of `scope` that are not into images at `urls`.
  void forget_others(std::string_view scope, const std::set<std::string>& urls);

 private:
  bool exists() const { return std::filesystem::is_directory(directory_); }

  const std::filesystem::path directory_;
  mutable std::mutex mutex_;
  std::multiset<std::string> running_;  // guarded by mutex_, as is the writing of files
};

}  // namespace streamsync
