#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string_view>

#include "sync/arrival.h"
#include "sync/fetched_bytes.h"
#include "sync/plan.h"

namespace streamsync {

enum class ActionStatus { Planned, Done, Failed, Withheld };

/// What became of an action.
struct ActionResult {
  ActionStatus status = ActionStatus::Planned;
  std::optional<Error> error;
  std::string withheld_because;        ///< of a Remove that was not done on purpose
  std::shared_ptr<const Held> held{};  ///< Create, Adopt, Update: what the target holds now
  FetchedBytes fetched;                ///< for it, and for others with it
  std::chrono::duration<double> seconds{0};
  std::uint64_t known = 0;  ///< so much of it was not copied, because an earlier try had
};

/// As the target holds it now, or held it before the action. Null: it never did.
inline const Held* held_of(const Action& action, const ActionResult& result) noexcept {
  return result.held ? result.held.get() : action.held.get();
}

/// Hears what a run does. All calls come from the thread that runs it.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void warn(std::string_view message) = 0;
  /// So many bytes are to come to all targets together.
  virtual void starting(std::uint64_t bytes) = 0;
  /// Of actions that are brought together, so that what is shown is never true for some of them
  /// only.
  virtual void progress(std::span<const Action* const> actions, const Arrival& arrival) = 0;
  /// An action or an entry, by its name, is tried again after `wait`.
  virtual void retrying(std::string_view name, const Error& error,
                        std::chrono::milliseconds wait) = 0;
  /// No more of it comes for now: it is tried again when others are done.
  virtual void put_off(const Action& action) = 0;
  /// No more of it comes: it is there, or has failed. What became of it is told later.
  virtual void ended(const Action& action) = 0;
  /// In the order of the plans, each as soon as it and all before it are done (`cli.md` §1).
  virtual void finished(const Action& action, const ActionResult& result) = 0;
};

}  // namespace streamsync
