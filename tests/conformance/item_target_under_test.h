#pragma once

#include <memory>
#include <set>
#include <string>

#include "streams/target.h"

namespace streamsync {

/// A store that was empty when this was made and is gone with it, and what the suite must know of
/// it besides what its `ItemTarget` says.
class ItemTargetUnderTest {
 public:
  virtual ~ItemTargetUnderTest() = default;

  /// A target over the store, as each process makes it for itself. Also called in a process that
  /// was forked: nothing of a connection may be shared.
  virtual std::unique_ptr<ItemTarget> open() = 0;
  /// A target of another scope over the same store.
  virtual std::unique_ptr<ItemTarget> open_other_scope() = 0;

  /// All bytes of an item, not by way of the target.
  virtual std::string bytes_of(const Held& held) = 0;
  /// Placements of all items that anybody outside can have.
  virtual std::set<std::string> visible() = 0;

  /// `Unrevealed`, or `Present` where an item shows once it is whole, because nothing names it
  /// before the documents do.
  virtual HeldState state_when_staged() const = 0;

  /// Puts into the store what looks as much like ours as it can, and isn't.
  virtual void add_foreign() = 0;
  virtual bool has_all_foreign() = 0;

  /// Puts something of nobody's where an item is to come, if the store has such places.
  virtual void add_foreign_at(const std::string&, const std::string&) {}

  enum class Use { Stopped, NotKnownHere };
  /// What an operator does who wants nobody to use the item any more.
  virtual Use take_out_of_use(const Held&) { return Use::NotKnownHere; }
};

/// Each implementation is linked to the suite in a program of its own.
std::unique_ptr<ItemTargetUnderTest> item_target_under_test();

}  // namespace streamsync
