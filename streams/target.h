#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/io/bytes.h"
#include "base/time.h"
#include "streams/document.h"
#include "streams/item.h"

namespace streamsync {

/// An item on its way into a target.
struct BlobSpec {
  Item item;
  ItemContent content;
  std::uint64_t begun = 0;  ///< so many of its bytes the target has: `stage` is given the others
  /// What the target has of it was read and is wrong, whatever it says: no part of that is kept.
  bool is_mending = false;
};

/// The beginning of an item that a target still has.
struct BegunItem {
  std::uint64_t size = 0;
  /// None where they can't be read. Then they are those that `stage` was given since it was last
  /// called with nothing begun, of use to who has hashed these.
  std::unique_ptr<ByteSource> bytes;
  std::shared_ptr<const void> claim;  ///< nobody else changes it while this lives
};

/// How far an item that the target holds has come.
enum class HeldState {
  Present,      ///< verified and visible
  Deactivated,  ///< complete, but the operator took it out of use: stays, is not published
  Hidden,       ///< verified, and shown no more by us, who could not remove it
  Withdrawn,    ///< complete, but the operator hid it: stays as it is, is not published
  Unrevealed,   ///< complete, but not yet compared and shown: a run was killed in between
  Incomplete,   ///< something was begun; `stage` goes on with it or replaces it
};

/// An item that a target holds.
struct Held {
  Item item;             ///< `path` is set where the target keeps it
  SharedText placement;  ///< image id, or path in the tree
  SharedText name;       ///< image name, or path in the tree
  HeldState state = HeldState::Present;
  std::uint64_t size = 0;
  std::optional<Time> created{};  ///< where the target tells
  /// Of its bytes, as the target itself tells; none where it does not, or keeps them in another
  /// form.
  std::vector<Digest> stored{};
  /// Its bytes were read again, and are not those that were promised.
  bool is_damaged = false;
};

/// How an item that a target holds differs from what it would put there now, its bytes aside.
struct Drift {
  std::string what;           ///< for people
  std::string stays_because;  ///< empty: `update` may mend it
};

/// What becomes of an item that is to be removed.
struct Removal {
  enum class Outcome {
    Gone,
    Hidden,  ///< nobody finds it any more, who uses it still can
    Kept,    ///< as it was
  };
  Outcome outcome = Outcome::Gone;
  std::string reason{};  ///< why it is not gone
};

/// What the records of a target say, and its inventory does not.
struct RecordFindings {
  std::vector<Held> absent;    ///< nothing of their version is there: it never came, or is gone
  std::vector<Error> damaged;  ///< records that can't be read to their ends
};

/// Where item bytes go. A target belongs to one scope (our content_id in one region, one tree) and
/// sees nothing outside it. `begun`, `part_size`, `stage`, `take_over`, `link`, `copy_out`,
/// `verify_unrevealed` and `update` are called from several threads at once, all else from one.
/// Failures are `Error` with origin Target.
class ItemTarget {
 public:
  virtual ~ItemTarget() = default;

  /// Called before the first `inventory` of a run that may change what is here: until this ends
  /// nobody else does, where that can be had. Throws `Error{Busy}` when somebody does now.
  virtual void claim() {}

  /// On this machine: no other is asked what is there.
  virtual bool is_here() const { return false; }

  /// All items of the scope, in any state; nothing foreign.
  virtual std::vector<Held> inventory() = 0;

  /// For a target that records what it holds: what the last `inventory` found out besides.
  virtual RecordFindings record_findings() const { return {}; }

  /// What lies where the item would be, for a target where that costs next to nothing.
  virtual std::optional<Held> look_at(const Item&) const { return std::nullopt; }

  /// The name the item gets, for people: what `created` lines show.
  virtual std::string name_of(const Item& item) const = 0;

  /// Of an item of the last `inventory`, without asking anybody. `told` is what its source says of
  /// it now; null where no source does, and only how it is to be here may have changed.
  virtual std::optional<Drift> drift(const Held&, const Item* /*told*/) const {
    return std::nullopt;
  }

  /// Mends the drift that `drift` found of the same two, in one step. Returns the item as held
  /// then.
  virtual Held update(const Held& held, const Item* /*told*/) { return held; }

  /// How many bytes still fit, as far as the target can tell.
  virtual std::optional<std::uint64_t> room() const { return std::nullopt; }

  /// Called once a run, before the first `stage`: the items that it will put here, maybe none, so
  /// that a target that keeps a record of its own can write it first, or mend it.
  virtual void announce(const std::vector<BlobSpec>& coming) = 0;

  /// What an earlier attempt left of the item, not verified, for `stage` to go on with, from there
  /// or from the end of an earlier part. None: it begins at the first byte. The caller keeps it
  /// until `stage` has returned.
  virtual std::optional<BegunItem> begun(const BlobSpec&) { return std::nullopt; }

  /// Where an item comes in parts that stay when `stage` fails, the size of all but the last. 0: in
  /// one piece.
  virtual std::uint64_t part_size(const BlobSpec&) const { return 0; }

  /// Puts the bytes there and compares what the target then holds with what was promised. Until
  /// `bytes` has given its end nothing may be visible, and a failure, especially at the end, must
  /// leave nothing that could be taken for the item. Idempotent: goes on with or replaces what an
  /// earlier run began. With nothing `begun` it forgets what it was given, however it fails.
  /// Returns the item as held, unrevealed.
  virtual Held stage(const BlobSpec& blob, ByteSource& bytes) = 0;

  /// As `stage`, with what lies at the item's place although no record tells of it, such as a copy
  /// that somebody has made. None: nothing of that kind, or other bytes, and those stay.
  virtual std::optional<Held> take_over(const BlobSpec&) { return std::nullopt; }

  /// As `stage`, with the bytes of an item that is Present here, compared anew. None: the target
  /// has no such means, or those bytes are no longer right.
  virtual std::optional<Held> link(const Held&, const BlobSpec&) { return std::nullopt; }

  /// Pushes the bytes of a complete item, not compared; `to` is not finished.
  virtual void copy_out(const Held& held, ByteSink& to) = 0;

  /// Compares again what an unrevealed item holds (a killed run left it), without bytes at hand.
  /// Returns the item as `stage` would. None: it is wrong or can't be judged, and has been
  /// discarded.
  virtual std::optional<Held> verify_unrevealed(const Held& held, const BlobSpec& blob) = 0;

  /// Makes sure that staged items outlast a power failure. Called before they are revealed, for
  /// many at once. When it throws, none of them counts as staged any more.
  virtual void settle(std::span<const Held>) {}

  /// Makes a settled item visible: one atomic step, idempotent.
  virtual void reveal(const Held& held) = 0;

  /// For a target that records what it holds: at the latest now it records what has come. Called
  /// once everything is revealed, and before anything names it.
  virtual void all_revealed() {}

  /// The same as `inventory`, for a target where other units work, too. Called once everything is
  /// revealed, and before anything names it.
  virtual std::optional<std::vector<Held>> look_again() { return std::nullopt; }

  /// For a target that marks the newest of what is shown. Called once everything is revealed, and
  /// before anything that is shown no more is removed.
  virtual void mark_latest(std::span<const Held>) {}

  struct RemovalJudgement {
    std::vector<Removal> of_each;  ///< as far as it can be told without trying
    std::string warning;           ///< for the operator; empty when all could be found out
  };
  /// What `remove` may make of each of these, of the last `inventory`. Changes nothing.
  virtual RemovalJudgement judge_removals(std::span<const Held> held) {
    return {std::vector<Removal>(held.size()), {}};
  }

  /// Removes the item; no error when it is gone already. What is in use there is hidden instead.
  virtual Removal remove(const Held& held) = 0;

  /// For a target that records what it holds: at the latest now it records what is gone. Called
  /// after one `remove` or many.
  virtual void all_removed() {}

  /// Shows the item no more, for a target that judges so. It is in the inventory as before.
  virtual void hide(const Held&) {}
};

/// No document that we render ourselves is anywhere near as large. What stands in the place of one
/// may be anything (threats-and-faults.md T10).
inline constexpr std::uint64_t kMaxPublished = std::uint64_t{64} << 20;

/// Where metadata documents are published. One thread.
class MetadataTarget {
 public:
  virtual ~MetadataTarget() = default;

  /// How messages and the report call it: "swift:simplestreams/data".
  virtual std::string describe() const = 0;
  /// The document as published now; `Unchanged` when it is what `known` describes.
  virtual DocumentState read(const std::string& path, const Validator& known) = 0;
  /// What readers without credentials get there: a document, or word that there is none. Throws
  /// `Error{Denied, Target}` for any other answer, at which they would stop.
  virtual DocumentState read_as_anyone(const std::string& path) { return read(path, Validator{}); }
  /// Whether somebody may have kept the place from those readers on purpose.
  virtual bool may_be_private() const { return false; }
  /// Replaces the document; readers see the old or the new one, never a part.
  virtual void write(const std::string& path, const Spool& content) = 0;
  /// Takes a document away, before any that is written after it; no error when it is gone already.
  virtual void withdraw(const std::string& path) = 0;
};

}  // namespace streamsync
