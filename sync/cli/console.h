#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/http/retry.h"
#include "sync/observer.h"
#include "sync/total_progress.h"

namespace streamsync {

enum class LogLevel { Error, Warning, Info, Debug, Trace };
enum class LogFormat { Text, Json };
enum class ProgressMode { Auto, Always, Never };
enum class OutputFormat { Text, Json };

/// The human side of a run (`cli.md` §1): log lines and progress on stderr, results on stdout. What
/// comes from outside is printed without control characters. Thread-safe: threads
/// that wait for a service say so.
class Console final : public Observer {
 public:
  struct Options {
    LogLevel level = LogLevel::Info;
    LogFormat format = LogFormat::Text;
    ProgressMode progress = ProgressMode::Auto;
    OutputFormat output = OutputFormat::Text;
  };
  explicit Console(const Options& options);
  ~Console() override;

  void log(LogLevel level, std::string_view message);
  void error(std::string_view message) { log(LogLevel::Error, message); }
  /// From any thread, whatever the one that owns this does: below the bars, and not at all when it
  /// would have to wait for whoever reads.
  void error_at_once(std::string_view message) const;

  void warn(std::string_view message) override { log(LogLevel::Warning, message); }
  void starting(std::uint64_t bytes) override;
  void progress(std::span<const Action* const> actions, const Arrival& arrival) override;
  void retrying(std::string_view name, const Error& error, std::chrono::milliseconds wait) override;
  void put_off(const Action& action) override;
  void ended(const Action& action) override;
  void finished(const Action& action, const ActionResult& result) override;

  /// Why standard output did not take a line of results (errno); 0 when it took all.
  int lost_results() const;

 private:
  using Clock = TotalProgress::Clock;
  struct Bar {
    std::string name;
    std::uint64_t bytes = 0;
    std::uint64_t size = 0;
  };

  void tell(LogLevel level, std::string_view message);
  std::string line_of(LogLevel level, std::string_view message) const;
  void print_result(const Action& action, const ActionResult& result);
  void print_line(std::string_view verb, const Held& held);
  void redraw();
  void draw();
  std::vector<std::string> bar_lines(std::size_t most) const;
  void erase();
  std::string total_line() const;

  const Options options_;
  mutable std::mutex mutex_;  ///< of all below
  int lost_results_ = 0;
  bool bars_ = false;
  std::map<const Action*, Bar> running_;
  TotalProgress total_;
  Clock::time_point drawn_{};
  std::size_t drawn_lines_ = 0;
};

/// Has `console` say what it is that services are waited for.
void tell_of_waits(RetryPolicy& retries, Console& console);

}  // namespace streamsync
