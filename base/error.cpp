#include "base/error.h"

namespace streamsync {

Error::Error(ErrorKind kind, Origin origin, std::string message)
    : kind_(kind), origin_(origin), text_(std::move(message)) {}

Error&& Error::with_retry_after(std::chrono::seconds wait) && {
  retry_after_ = wait;
  return std::move(*this);
}

Error&& Error::with_host(std::string host) && {
  host_ = std::move(host);
  return std::move(*this);
}

Error&& Error::that_is_unanswered() && {
  unanswered_ = true;
  return std::move(*this);
}

Error&& Error::that_is_unreached() && {
  unreached_ = true;
  return std::move(*this);
}

void Error::add_context(std::string_view doing) { text_.insert(0, std::string(doing) + ": "); }

std::string_view to_string(ErrorKind kind) noexcept {
  switch (kind) {
    case ErrorKind::Transient:
      return "transient";
    case ErrorKind::RateLimited:
      return "rate_limited";
    case ErrorKind::NotFound:
      return "not_found";
    case ErrorKind::Denied:
      return "denied";
    case ErrorKind::Conflict:
      return "conflict";
    case ErrorKind::Corrupt:
      return "corrupt";
    case ErrorKind::Untrusted:
      return "untrusted";
    case ErrorKind::Malformed:
      return "malformed";
    case ErrorKind::NoRoom:
      return "no_room";
    case ErrorKind::Guard:
      return "guard";
    case ErrorKind::Busy:
      return "busy";
    case ErrorKind::Protocol:
      return "protocol";
    case ErrorKind::Config:
      return "config";
  }
  return "unknown";
}

}  // namespace streamsync
