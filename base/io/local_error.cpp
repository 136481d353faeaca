#include "base/io/local_error.h"

#include <fmt/format.h>

#include <cerrno>
#include <string>
#include <system_error>

namespace streamsync {
namespace {

ErrorKind kind_of(int code) {
  switch (code) {
    case ENOSPC:
    case EDQUOT:
      return ErrorKind::NoRoom;
    case ENOENT:
      return ErrorKind::NotFound;
    case ELOOP:
      // Only where we refuse to follow links, so somebody has planted one (threats-and-faults.md
      // T14).
      return ErrorKind::Untrusted;
    case EINTR:
    case EAGAIN:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
      return ErrorKind::Transient;
    default:
      return ErrorKind::Denied;
  }
}

std::string reason(int code) {
  // The system's own text, "too many levels", is of another case.
  if (code == ELOOP) return "there is a symbolic link, and none is followed here: remove it";
  // Not strerror: it is not safe among threads.
  return std::generic_category().message(code);
}

}  // namespace

Error local_error(int code, std::string_view doing) {
  return Error(kind_of(code), Origin::Local, fmt::format("{}: {}", doing, reason(code)));
}

}  // namespace streamsync
