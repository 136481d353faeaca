#include "base/time.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>

#include "base/text.h"

namespace streamsync {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

// Not strftime or get_time: they obey the locale.
constexpr std::array<std::string_view, 7> kWeekdays = {"Sun", "Mon", "Tue", "Wed",
                                                       "Thu", "Fri", "Sat"};
constexpr std::array<std::string_view, 7> kLongWeekdays = {
    "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};
constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

struct CivilTime {
  std::chrono::year_month_day date;
  std::int64_t hour;
  std::int64_t minute;
  std::int64_t second;
};

CivilTime civil(Time time) {
  const auto day = std::chrono::floor<days>(time);
  const std::int64_t rest = (time - day).count();
  return {std::chrono::year_month_day(day), rest / 3600, rest / 60 % 60, rest % 60};
}

/// Reads a date from left to right. Once something did not fit, every later answer is meaningless
/// and `complete` says no, so that a grammar reads as a straight line.
class DateReader {
 public:
  explicit DateReader(std::string_view text) : rest_(text) {}

  bool complete() const { return fits_ && rest_.empty(); }

  bool accept(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool accept_any(std::string_view choices) {
    return std::any_of(choices.begin(), choices.end(), [this](char c) { return accept(c); });
  }
  void expect(bool fits) { fits_ = fits_ && fits; }

  void blanks() {
    expect(accept(' '));
    while (accept(' ')) {
    }
  }

  unsigned digits(std::size_t least, std::size_t most) {
    unsigned value = 0;
    std::size_t count = 0;
    while (count < most && !rest_.empty() && rest_.front() >= '0' && rest_.front() <= '9') {
      value = value * 10 + static_cast<unsigned>(rest_.front() - '0');
      rest_.remove_prefix(1);
      ++count;
    }
    expect(count >= least);
    return value;
  }

  std::string_view letters() {
    std::size_t end = 0;
    while (end < rest_.size() &&
           ((rest_[end] >= 'A' && rest_[end] <= 'Z') || (rest_[end] >= 'a' && rest_[end] <= 'z'))) {
      ++end;
    }
    const std::string_view word = rest_.substr(0, end);
    rest_.remove_prefix(end);
    return word;
  }

  /// 1 for the first of `names`.
  template <std::size_t Count>
  unsigned one_of(const std::array<std::string_view, Count>& names) {
    const auto found = std::find(names.begin(), names.end(), letters());
    expect(found != names.end());
    return static_cast<unsigned>(found - names.begin()) + 1;
  }

  unsigned up_to(unsigned limit, unsigned value) {
    expect(value <= limit);
    return value;
  }

  bool at_letter() const {
    return !rest_.empty() && (rest_.front() < '0' || rest_.front() > '9') && rest_.front() != '+' &&
           rest_.front() != '-';
  }
  bool at_end() const { return rest_.empty(); }

 private:
  std::string_view rest_;
  bool fits_ = true;
};

Time day_of(DateReader& reader, unsigned year, unsigned month, unsigned day) {
  const std::chrono::year_month_day date(std::chrono::year(static_cast<int>(year)),
                                         std::chrono::month(month), std::chrono::day(day));
  reader.expect(date.ok());
  if (!date.ok()) return Time{};
  return std::chrono::sys_days(date);
}

seconds time_of_day(DateReader& reader, std::size_t fewest_hour_digits) {
  const hours hour(reader.up_to(23, reader.digits(fewest_hour_digits, 2)));
  reader.expect(reader.accept(':'));
  const minutes minute(reader.up_to(59, reader.digits(2, 2)));
  seconds second(0);
  // 60 is a leap second in both formats.
  if (reader.accept(':')) second = seconds(reader.up_to(60, reader.digits(2, 2)));
  return hour + minute + second;
}

/// "+0200" or, where ISO 8601 allows it, "+02:00": what local time is ahead of UTC.
seconds offset(DateReader& reader) {
  const bool east = reader.accept('+');
  if (!east) reader.expect(reader.accept('-'));
  const hours hour(reader.up_to(23, reader.digits(2, 2)));
  reader.accept(':');
  const minutes minute(reader.up_to(59, reader.digits(2, 2)));
  return east ? hour + minute : -(hour + minute);
}

seconds rfc2822_zone(DateReader& reader) {
  if (!reader.at_letter()) return offset(reader);
  const std::string_view name = reader.letters();
  // The other names of RFC 2822 §4.3 are ambiguous in practice.
  reader.expect(name == "GMT" || name == "UTC" || name == "UT" || name == "Z");
  return seconds(0);
}

std::optional<Time> parse_rfc2822(std::string_view text) {
  DateReader reader(text);
  if (reader.at_letter()) {
    // The name must be a weekday, but need not be the right one: the date decides.
    reader.one_of(kWeekdays);
    reader.expect(reader.accept(','));
    reader.blanks();
  }
  const unsigned day = reader.digits(1, 2);
  reader.blanks();
  const unsigned month = reader.one_of(kMonths);
  reader.blanks();
  const unsigned year = reader.digits(4, 4);
  reader.blanks();
  const Time midnight = day_of(reader, year, month, day);
  const seconds since_midnight = time_of_day(reader, 1);
  reader.blanks();
  const seconds zone = rfc2822_zone(reader);
  if (!reader.complete()) return std::nullopt;
  return midnight + since_midnight - zone;
}

seconds iso8601_zone(DateReader& reader) {
  // Swift's listings write no zone and mean UTC, as everything in this file does.
  if (reader.at_end() || reader.accept('Z')) return seconds(0);
  return offset(reader);
}

std::optional<Time> parse_iso8601(std::string_view text) {
  DateReader reader(text);
  const unsigned year = reader.digits(4, 4);
  reader.expect(reader.accept('-'));
  const unsigned month = reader.digits(2, 2);
  reader.expect(reader.accept('-'));
  const unsigned day = reader.digits(2, 2);
  Time time = day_of(reader, year, month, day);
  if (!reader.at_end()) {
    reader.expect(reader.accept_any("T "));
    time += time_of_day(reader, 2);
    if (reader.accept_any(".,")) reader.digits(1, 9);
    time -= iso8601_zone(reader);
  }
  if (!reader.complete()) return std::nullopt;
  return time;
}

unsigned full_year(unsigned two_digits, Time now) {
  const auto this_year = static_cast<unsigned>(static_cast<int>(civil(now).date.year()));
  const unsigned year = this_year / 100 * 100 + two_digits;
  return year > this_year + 50 ? year - 100 : year;
}

std::optional<Time> parse_rfc850(std::string_view text, Time now) {
  DateReader reader(text);
  reader.one_of(kLongWeekdays);
  reader.expect(reader.accept(','));
  reader.blanks();
  const unsigned day = reader.digits(2, 2);
  reader.expect(reader.accept('-'));
  const unsigned month = reader.one_of(kMonths);
  reader.expect(reader.accept('-'));
  const unsigned year = full_year(reader.digits(2, 2), now);
  reader.blanks();
  const Time midnight = day_of(reader, year, month, day);
  const seconds since_midnight = time_of_day(reader, 2);
  reader.blanks();
  reader.expect(reader.letters() == "GMT");
  if (!reader.complete()) return std::nullopt;
  return midnight + since_midnight;
}

std::optional<Time> parse_asctime(std::string_view text) {
  DateReader reader(text);
  reader.one_of(kWeekdays);
  reader.blanks();
  const unsigned month = reader.one_of(kMonths);
  reader.blanks();
  const unsigned day = reader.digits(1, 2);
  reader.blanks();
  const seconds since_midnight = time_of_day(reader, 2);
  reader.blanks();
  const Time midnight = day_of(reader, reader.digits(4, 4), month, day);
  if (!reader.complete()) return std::nullopt;
  return midnight + since_midnight;
}

}  // namespace

Time now() { return std::chrono::floor<seconds>(std::chrono::system_clock::now()); }

std::string to_rfc2822(Time time) {
  const CivilTime at = civil(time);
  const std::chrono::weekday weekday(std::chrono::sys_days(at.date));
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} +0000", kWeekdays[weekday.c_encoding()],
                     static_cast<unsigned>(at.date.day()),
                     kMonths[static_cast<unsigned>(at.date.month()) - 1],
                     static_cast<int>(at.date.year()), at.hour, at.minute, at.second);
}

std::optional<Time> parse_date(std::string_view text) {
  text = trimmed(text);
  if (const auto time = parse_iso8601(text)) return time;
  return parse_rfc2822(text);
}

std::optional<Time> parse_http_date(std::string_view text, Time now) {
  if (const auto time = parse_date(text)) return time;
  text = trimmed(text);
  if (const auto time = parse_rfc850(text, now)) return time;
  return parse_asctime(text);
}

std::string to_rfc3339(Time time) {
  const CivilTime at = civil(time);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", static_cast<int>(at.date.year()),
                     static_cast<unsigned>(at.date.month()), static_cast<unsigned>(at.date.day()),
                     at.hour, at.minute, at.second);
}

std::optional<std::chrono::seconds> parse_duration(std::string_view text) {
  constexpr std::string_view kUnits = "smhd";
  constexpr std::array<std::int64_t, 4> kSeconds = {1, 60, 3600, 86400};
  if (text.empty()) return std::nullopt;
  const std::size_t unit = kUnits.find(text.back());
  if (unit == std::string_view::npos) return std::nullopt;
  text.remove_suffix(1);
  const auto number = parse_decimal(text);
  const auto limit =
      static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max() / kSeconds[unit]);
  if (!number || *number > limit) return std::nullopt;
  return seconds(static_cast<std::int64_t>(*number) * kSeconds[unit]);
}

}  // namespace streamsync
