#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/name_claims.h"
#include "objects/object_documents.h"
#include "objects/object_store.h"
#include "streams/mirror_record.h"
#include "streams/target.h"
#include "streams/tree_records.h"

namespace streamsync {

struct ObjectTreeLimits {
  std::uint64_t part_size = std::uint64_t{16} << 20;
  std::uint64_t max_document = std::uint64_t{512} << 20;
};

/// A tree in a container or bucket: items and documents below a prefix, at the paths their stream
/// gives them. What it holds is recorded as in a directory (docs/adr/0007), in objects of the same
/// names; `.data/.records` names the records, and a listing only saves requests (docs/adr/0026). An
/// item above the part size comes in parts (docs/adr/0016).
class ObjectTree final : public ItemTarget, public MetadataTarget {
 public:
  ObjectTree(std::shared_ptr<ObjectStore> store, const std::string& prefix,
             const ObjectTreeLimits& limits);

  std::vector<Held> inventory() override;
  RecordFindings record_findings() const override { return findings_; }
  std::string name_of(const Item& item) const override;
  void announce(const std::vector<BlobSpec>& coming) override;
  std::optional<BegunItem> begun(const BlobSpec& blob) override;
  std::uint64_t part_size(const BlobSpec& blob) const override;
  Held stage(const BlobSpec& blob, ByteSource& bytes) override;
  void copy_out(const Held& held, ByteSink& to) override;
  std::optional<Held> verify_unrevealed(const Held& held, const BlobSpec& blob) override;
  void reveal(const Held& held) override;
  void all_revealed() override;
  Removal remove(const Held& held) override;
  void all_removed() override;

  std::string describe() const override { return documents_.describe(); }
  DocumentState read(const std::string& path, const Validator& known) override {
    return documents_.read(path, known);
  }
  void write(const std::string& path, const Spool& content) override {
    documents_.write(path, content);
  }
  void withdraw(const std::string& path) override { documents_.withdraw(path); }

 private:
  /// What this process has put of an item whose `stage` has failed.
  struct BegunParts {
    std::unique_ptr<LargeObject> object;
    std::vector<StoredPart> parts;
  };

  std::string object_of(const std::string& path) const;
  std::optional<LargeObjectPlace> large_place(const Item& item) const;

  std::set<std::string> record_names();
  Record read(const std::string& record);
  std::vector<Item> recorded(const std::string& record) { return read(record).items; }
  std::vector<Record> records();
  std::vector<Item> all_recorded();
  void record(const std::string& content_id, const std::vector<Item>& items);
  void name_records(const std::set<std::string>& names);
  void record_renewals();

  std::map<std::string, std::uint64_t> listed_sizes_of(const std::vector<Held>& inventory);
  std::optional<std::uint64_t> size_of_object(const std::string& name);
  bool is_begun(const Item& item);
  bool look_for(Held& held);
  bool was_put(const std::string& path);
  void put(const BlobSpec& blob, ByteSource& bytes);
  void put_whole(const BlobSpec& blob, ByteSource& bytes);
  BegunParts take_begun(const LargeObjectPlace& place);
  BegunParts go_on_with(const BlobSpec& blob, const LargeObjectPlace& place);
  void keep(const LargeObjectPlace& place, BegunParts begun);
  void put_parts(const BlobSpec& blob, BegunParts& begun, const LargeObjectPlace& place,
                 ByteSource& bytes);
  std::vector<const Item*> shown_at_path_of(const Item& item);
  void discard(const Item& item);
  void sweep(const Item& item);

  std::shared_ptr<ObjectStore> store_;
  std::string prefix_;
  ObjectTreeLimits limits_;
  ObjectDocuments documents_;
  NameClaims claims_;
  std::mutex mutex_;
  std::set<std::string> put_here_;  // guarded by mutex_
  // By the place for parts and the size of their item; guarded by mutex_.
  std::map<std::pair<std::string, std::uint64_t>, BegunParts> begun_;
  std::mutex records_mutex_;
  Renewals renewals_;  // guarded by it
  Departures departures_;
  RecordFindings findings_;
  std::set<std::string> stale_records_;  // content_ids: what they name is not there
};

}  // namespace streamsync
