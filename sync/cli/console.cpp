#include "sync/cli/console.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "base/text.h"
#include "base/time.h"

namespace streamsync {
namespace {

constexpr std::chrono::milliseconds kRedraw{100};
constexpr std::size_t kBarWidth = 24;
// For the total, the cursor, and a line of what came before.
constexpr std::size_t kOtherRows = 3;

std::string_view to_string(LogLevel level) {
  switch (level) {
    case LogLevel::Error:
      return "error";
    case LogLevel::Warning:
      return "warning";
    case LogLevel::Info:
      return "info";
    case LogLevel::Debug:
      return "debug";
    case LogLevel::Trace:
      return "trace";
  }
  return "";
}

// Bars only where somebody looks (`cli.md` §1; no-color.org), and not among what a program reads.
bool wants_bars(const Console::Options& options) {
  if (options.progress != ProgressMode::Auto) return options.progress == ProgressMode::Always;
  if (options.format == LogFormat::Json) return false;
  const char* term = std::getenv("TERM");
  const char* no_color = std::getenv("NO_COLOR");
  return isatty(STDERR_FILENO) == 1 && (no_color == nullptr || *no_color == '\0') &&
         (term == nullptr || std::string_view(term) != "dumb");
}

struct TerminalSize {
  std::size_t columns = 80;
  std::size_t rows = 24;
};

TerminalSize terminal_size() {
  TerminalSize size;
  winsize told{};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &told) != 0) return size;
  if (told.ws_col > 0) size.columns = told.ws_col;
  if (told.ws_row > 0) size.rows = told.ws_row;
  return size;
}

// Whether all of it was taken; else errno says why not.
bool put(std::FILE* stream, std::string_view text) {
  return std::fwrite(text.data(), 1, text.size(), stream) == text.size() &&
         std::fflush(stream) == 0;
}

// What is left of foreign text after `printable` holds no control characters.
std::string json_string(std::string_view text) {
  std::string result = "\"";
  for (const char c : printable(text)) {
    if (c == '"' || c == '\\') {
      result += '\\';
    }
    result += c;
  }
  return result + "\"";
}

std::string bar(std::uint64_t done, std::uint64_t size) {
  const auto filled = size == 0 ? kBarWidth : std::min(kBarWidth, kBarWidth * done / size);
  return fmt::format("[{}{}]", std::string(filled, '#'), std::string(kBarWidth - filled, ' '));
}

std::string copied(const Action& action, const ActionResult& result) {
  const auto fresh = action.size - std::min(action.size, result.known);
  const auto of_all = result.known > 0 ? fmt::format(" of {}", human_size(action.size)) : "";
  const auto seconds = result.seconds.count();
  const auto rate = seconds > 0 ? static_cast<double>(fresh) / seconds : 0;
  const auto to = action.destination.empty() ? "" : fmt::format(" to {}", action.destination);
  return fmt::format("copied {}{}: {}{} in {:.1f} s, {}/s", action.name, to, human_size(fresh),
                     of_all, seconds, human_size(static_cast<std::uint64_t>(rate)));
}

std::string left_of(const std::string& text, std::size_t width) {
  return text.size() <= width ? text : text.substr(0, width);
}

}  // namespace

Console::Console(const Options& options) : options_(options), bars_(wants_bars(options)) {}

Console::~Console() { erase(); }

void Console::log(LogLevel level, std::string_view message) {
  const std::lock_guard lock(mutex_);
  tell(level, message);
}

void Console::tell(LogLevel level, std::string_view message) {
  if (level > options_.level) return;
  erase();
  put(stderr, line_of(level, message));
}

// Not by stdio, which another thread may have locked while it waits.
void Console::error_at_once(std::string_view message) const {
  const auto line = line_of(LogLevel::Error, message);
  pollfd ready{STDERR_FILENO, POLLOUT, 0};
  if (::poll(&ready, 1, 0) != 1 || ready.revents != POLLOUT) return;
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
}

std::string Console::line_of(LogLevel level, std::string_view message) const {
  if (options_.format == LogFormat::Json) {
    return fmt::format("{{\"time\":\"{}\",\"level\":\"{}\",\"message\":{}}}\n", to_rfc3339(now()),
                       to_string(level), json_string(message));
  }
  if (level == LogLevel::Info) return printable(message) + "\n";
  return fmt::format("{}: {}\n", to_string(level), printable(message));
}

void Console::starting(std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  total_.start(bytes, Clock::now());
}

void Console::progress(std::span<const Action* const> actions, const Arrival& arrival) {
  const std::lock_guard lock(mutex_);
  for (const auto* action : actions) {
    running_[action] = {action->name, arrival.bytes, action->size};
    total_.come(*action, arrival, Clock::now());
  }
  redraw();
}

void Console::retrying(std::string_view name, const Error& error, std::chrono::milliseconds wait) {
  log(LogLevel::Warning, fmt::format("{}: {}; trying again in {:.1f} s", name, error.what(),
                                     static_cast<double>(wait.count()) / 1000));
}

void Console::put_off(const Action& action) {
  const std::lock_guard lock(mutex_);
  running_.erase(&action);
  redraw();
}

void Console::ended(const Action& action) {
  const std::lock_guard lock(mutex_);
  running_.erase(&action);
  total_.ended(action);
  redraw();
}

void Console::finished(const Action& action, const ActionResult& result) {
  const std::lock_guard lock(mutex_);
  erase();
  print_result(action, result);
}

int Console::lost_results() const {
  const std::lock_guard lock(mutex_);
  return lost_results_;
}

void Console::print_result(const Action& action, const ActionResult& result) {
  if (result.error) {
    tell(LogLevel::Error, result.error->what());
    return;
  }
  if (result.status == ActionStatus::Withheld) {
    tell(LogLevel::Info, fmt::format("kept {}: {}", action.name, result.withheld_because));
    return;
  }
  const bool text = options_.output == OutputFormat::Text;
  if (text && (action.kind == ActionKind::Create || action.kind == ActionKind::Adopt)) {
    print_line("created", *held_of(action, result));
  } else if (text && action.kind == ActionKind::Remove) {
    print_line("removing", *held_of(action, result));
  }
  if (action.kind == ActionKind::Create) {
    tell(LogLevel::Info, copied(action, result));
  } else if (action.kind == ActionKind::Update) {
    tell(LogLevel::Info, fmt::format("updated {}: {}", action.name, action.reason));
  } else if (action.kind == ActionKind::Hide) {
    tell(LogLevel::Info, fmt::format("hidden {}: {}", action.name, action.reason));
  } else if (options_.level >= LogLevel::Debug) {  // most items: nothing is made ready in vain
    tell(LogLevel::Debug,
         fmt::format("{} {}: {}", streamsync::to_string(action.kind), action.name, action.reason));
  }
}

void Console::print_line(std::string_view verb, const Held& held) {
  const auto line =
      fmt::format("{} {}: {}\n", verb, printable(held.placement), printable(held.name));
  if (!put(stdout, line)) lost_results_ = errno;
}

std::string Console::total_line() const {
  const auto come = total_.bytes();
  const auto line = fmt::format("{} {} of {}", bar(come, total_.size()), human_size(come),
                                human_size(total_.size()));
  const auto pace = total_.pace(Clock::now());
  if (!pace) return line;
  return fmt::format("{}, {}/s, {:.0f} s left", line,
                     human_size(static_cast<std::uint64_t>(pace->rate)), pace->seconds_left);
}

// What is drawn can't be erased any more once it has been scrolled out of sight.
std::vector<std::string> Console::bar_lines(std::size_t most) const {
  const auto shown_bars = running_.size() <= most ? running_.size() : most - 1;
  std::vector<std::string> lines;
  for (const auto& [action, shown] : running_) {
    if (lines.size() == shown_bars) break;
    lines.push_back(fmt::format("{} {:>9} {}", bar(shown.bytes, shown.size),
                                human_size(shown.bytes), printable(shown.name)));
  }
  if (running_.size() > shown_bars) {
    lines.push_back(fmt::format("and {} more", running_.size() - shown_bars));
  }
  return lines;
}

void Console::redraw() {
  if (bars_ && Clock::now() - drawn_ >= kRedraw) draw();
}

void Console::draw() {
  erase();
  const auto size = terminal_size();
  auto lines = bar_lines(size.rows > kOtherRows ? size.rows - kOtherRows : 1);
  lines.push_back(total_line());
  for (auto& line : lines) line = left_of(line, size.columns) + "\n";
  put(stderr, fmt::format("{}", fmt::join(lines, "")));
  drawn_lines_ = lines.size();
  drawn_ = Clock::now();
}

void Console::erase() {
  if (drawn_lines_ > 0) {
    // Up to the first line of the bars, and clear to the end of the screen (ECMA-48 CPL, ED).
    put(stderr, fmt::format("\x1b[{}F\x1b[J", drawn_lines_));
    drawn_lines_ = 0;
  }
}

void tell_of_waits(RetryPolicy& retries, Console& console) {
  retries.on_retry = [&console](const Error& error, std::chrono::milliseconds wait) {
    console.retrying(error.host().empty() ? "a service" : error.host(), error, wait);
  };
}

}  // namespace streamsync
