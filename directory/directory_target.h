#pragma once

#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/io/root_directory.h"
#include "base/name_claims.h"
#include "streams/mirror_record.h"
#include "streams/target.h"
#include "streams/tree_records.h"

namespace streamsync {

/// A tree that any web server can serve: items and documents at the paths their stream gives them.
/// What it holds is recorded in `.data/<content_id>`, in upstream's format and place
/// (`upstream-gss.md` §3.1), written before an item comes, so that a killed run leaves no file
/// without a record; a recorded item counts as held when its file has its size. Until it is
/// revealed an item is `NAME.part`, on the disk before it is renamed; the names are before a
/// document is.
class DirectoryTarget final : public ItemTarget, public MetadataTarget {
 public:
  /// A stop ends the reading of files by `Cancelled`.
  explicit DirectoryTarget(const std::filesystem::path& root, std::stop_token stop = {});

  std::vector<Held> inventory() override;
  void claim() override;
  bool is_here() const override { return true; }
  RecordFindings record_findings() const override { return findings_; }
  std::optional<Held> look_at(const Item& item) const override;
  std::string name_of(const Item& item) const override;
  std::optional<std::uint64_t> room() const override;
  void announce(const std::vector<BlobSpec>& coming) override;
  std::optional<BegunItem> begun(const BlobSpec& blob) override;
  Held stage(const BlobSpec& blob, ByteSource& bytes) override;
  std::optional<Held> take_over(const BlobSpec& blob) override;
  std::optional<Held> link(const Held& held, const BlobSpec& blob) override;
  void copy_out(const Held& held, ByteSink& to) override;
  std::optional<Held> verify_unrevealed(const Held& held, const BlobSpec& blob) override;
  void settle(std::span<const Held> held) override;
  void reveal(const Held& held) override;
  void all_revealed() override { record_renewals(); }
  Removal remove(const Held& held) override;
  void all_removed() override;

  std::string describe() const override;
  DocumentState read(const std::string& path, const Validator& known) override;
  void write(const std::string& path, const Spool& content) override;
  void withdraw(const std::string& path) override;

 private:
  /// Returns what is damaged.
  std::vector<Error> read_records(const std::function<void(std::vector<Item>)>& each_version) const;
  std::vector<Item> recorded() const;
  std::vector<Item> recorded_of(const std::string& content_id) const;
  RootDirectory& writable();
  bool is_taken(const std::string& path) const;
  bool was_put(const std::string& path);
  enum class Durability { Synced, Unknown };
  void put(const BlobSpec& blob, ByteSource& bytes);
  static Held staged(const BlobSpec& blob);
  void note_put(const std::string& path, Durability durability);
  bool has_bytes(const std::string& file, const ItemContent& promised);
  std::unique_ptr<ByteSource> open_unrevealed(const std::string& path);
  bool can_be_shown(const std::string& file, const ItemContent& promised);
  void discard(const std::string& path);
  bool is_shown_for_another(const Item& item) const;
  void record_renewals();
  void sync();
  void sync_names();
  void remove_parts_of_records();
  void record(const std::string& content_id, const std::vector<Item>& items);

  std::filesystem::path path_;
  std::stop_token stop_;
  std::optional<RootDirectory> root_;  ///< none until the directory is there or something comes
  // Two items may share a path; the second to come finds the first one's file.
  NameClaims claims_;
  std::mutex mutex_;
  std::set<std::string> put_here_;
  std::set<std::string> unsynced_;  ///< of those, and of what earlier runs staged
  std::optional<Error> sync_failure_;
  // A killed run may have revealed items and not come to that.
  bool names_are_synced_ = false;
  Renewals renewals_;
  Departures departures_;
  RecordFindings findings_;
  std::set<std::string> stale_records_;  ///< content_ids: what they name is not there
};

}  // namespace streamsync
