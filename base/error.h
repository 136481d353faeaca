#pragma once

#include <chrono>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace streamsync {

/// What kind of reaction a failure asks for. Retry decisions (base/http/retry.h) and the exit
/// status (sync/exit_status.h) are functions of this and of `Origin`, and of nothing else.
enum class ErrorKind {
  Transient,    ///< may work when tried again: connection lost, timeout, 5xx
  RateLimited,  ///< 429 or 503 with Retry-After
  NotFound,
  Denied,     ///< 401, 403
  Conflict,   ///< 409, 412
  Corrupt,    ///< bytes do not have the promised size or digest
  Untrusted,  ///< a signature is missing, bad, or by somebody else
  Malformed,  ///< a document that does not follow its format
  NoRoom,     ///< 413, 507, ENOSPC, EDQUOT
  Guard,      ///< one of our own limits fired
  Busy,       ///< another run holds the lock
  Protocol,   ///< the other side does not follow its protocol
  Config,     ///< usage or configuration
};

/// Whose fault it is: the side of a transfer, or this machine.
enum class Origin { Source, Target, Config, Local };

/// The one exception type of the project. The message is one line for a person: what failed, where
/// (URL without secrets, file and line), why, and what to do. `with_context` adds what was being
/// done. A copy is cheap enough to be kept in a report.
class Error : public std::exception {
 public:
  Error(ErrorKind kind, Origin origin, std::string message);

  const char* what() const noexcept override { return text_.c_str(); }
  ErrorKind kind() const noexcept { return kind_; }
  Origin origin() const noexcept { return origin_; }

  /// How long the other side asked us to wait (Retry-After, RFC 9110 §10.2.3).
  std::optional<std::chrono::seconds> retry_after() const noexcept { return retry_after_; }
  Error&& with_retry_after(std::chrono::seconds wait) &&;

  /// The host that failed or refused, when it was one: waits are counted for each
  /// (`retries.budget`).
  const std::string& host() const noexcept { return host_; }
  Error&& with_host(std::string host) &&;

  /// All was sent, and no answer came in time: the other side may still be at it.
  bool is_unanswered() const noexcept { return unanswered_; }
  Error&& that_is_unanswered() &&;

  /// No connection was made: nothing was asked.
  bool is_unreached() const noexcept { return unreached_; }
  Error&& that_is_unreached() &&;

  /// It was tried again as often as it may be: no outer layer starts over.
  bool is_given_up() const noexcept { return given_up_; }
  void give_up() noexcept { given_up_ = true; }

  /// Puts "doing: " before the message.
  void add_context(std::string_view doing);

 private:
  ErrorKind kind_;
  Origin origin_;
  std::string text_;
  std::string host_;
  bool unanswered_ = false;
  bool unreached_ = false;
  bool given_up_ = false;
  std::optional<std::chrono::seconds> retry_after_;
};

/// The run was asked to end (SIGINT, SIGTERM). Not an `Error`, so that no handler for failed items
/// swallows it.
class Cancelled : public std::exception {
 public:
  const char* what() const noexcept override { return "interrupted"; }
};

/// Runs `action`; an `Error` leaving it says what was being done.
template <typename Action>
auto with_context(std::string_view doing, Action&& action) -> decltype(action()) {
  try {
    return std::forward<Action>(action)();
  } catch (Error& error) {
    error.add_context(doing);
    throw;
  }
}

/// Name of a kind as the report writes it (`cli.md` §5, `error.kind`): "transient", "no_room" …
std::string_view to_string(ErrorKind kind) noexcept;

}  // namespace streamsync
