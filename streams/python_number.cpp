#include "streams/python_number.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <system_error>

namespace streamsync {
namespace {

// The decimal exponent of the first digit that is not zero: 2 for 123.4, -3 for 0.001. Exponents
// are cut off where no double reaches them.
long magnitude(std::string_view number) {
  constexpr long kBeyondDouble = 100'000;
  const auto e = number.find_first_of("eE");
  const std::string_view mantissa = number.substr(0, e);
  const auto point = std::min(mantissa.find('.'), mantissa.size());
  const auto first = std::min(mantissa.find_first_of("123456789"), mantissa.size());
  const long position =
      static_cast<long>(point) - static_cast<long>(first) - (first < point ? 1 : 0);
  if (e == std::string_view::npos) return position;

  std::string_view exponent = number.substr(e + 1);
  if (exponent.front() == '+') exponent.remove_prefix(1);
  long value = 0;
  const auto [end, error] =
      std::from_chars(exponent.data(), exponent.data() + exponent.size(), value);
  if (error == std::errc::result_out_of_range || std::labs(value) > kBeyondDouble) {
    value = exponent.front() == '-' ? -kBeyondDouble : kBeyondDouble;
  }
  return position + value;
}

// Python's repr writes the shortest digits that read back as the same double; as 1.5e+16 from
// exponent 16 on and below -4, else as 15.0.
std::string python_repr(double value) {
  std::array<char, 64> buffer;
  char* const begin = buffer.data();
  char* const end = begin + buffer.size();
  const auto scientific = std::to_chars(begin, end, value, std::chars_format::scientific);
  std::string text(begin, scientific.ptr);
  const int exponent = std::atoi(text.c_str() + text.find('e') + 1);
  if (exponent < -4 || exponent >= 16) return text;

  const auto fixed = std::to_chars(begin, end, value, std::chars_format::fixed);
  text.assign(begin, fixed.ptr);
  return text.find('.') == std::string::npos ? text + ".0" : text;
}

}  // namespace

std::string python_number(std::string_view number) {
  if (number.find_first_of(".eE") == std::string_view::npos) {
    return number == "-0" ? "0" : std::string(number);
  }
  double value = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
  if (error == std::errc()) return python_repr(value);
  const std::string sign = number.front() == '-' ? "-" : "";
  return sign + (magnitude(number) > 0 ? "inf" : "0.0");
}

}  // namespace streamsync
