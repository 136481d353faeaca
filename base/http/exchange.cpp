#include "base/http/exchange.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/http/curl_failure.h"
#include "base/text.h"

namespace streamsync {
namespace {

// A proxy may take all of an upload before the service has seen it, and a store may need time to
// settle it: the answer is given as long as the bytes take at this rate, beside `first_byte`.
constexpr std::uint64_t kSettledPerSecond = 1'000'000;

// Not worth an extra step of libcurl and a copy of the piece.
constexpr std::chrono::milliseconds kShortWait{1};

template <typename Value>
void set(CURL* easy, CURLoption option, Value value) {
  require_curl(curl_easy_setopt(easy, option, value));
}

template <typename Value>
Value info(CURL* easy, CURLINFO which) {
  Value value{};
  curl_easy_getinfo(easy, which, &value);
  return value;
}

bool is_success(int status) { return status >= 200 && status < 300; }

Headers answer_headers(CURL* easy) {
  // Of the last answer: not of redirects, a proxy or 1xx, and no trailers.
  constexpr int kLastRequest = -1;
  Headers headers;
  curl_header* header = nullptr;
  while ((header = curl_easy_nextheader(easy, CURLH_HEADER, kLastRequest, header)) != nullptr) {
    headers.add(header->name, header->value);
  }
  return headers;
}

bool is_plain(std::string_view coding) {
  const std::string name = to_lower_ascii(trimmed(coding));
  return name.empty() || name == "identity" || name == "chunked";
}

/// The first coding in any field of that name (RFC 9110 §5.3) that changes the bytes.
std::string unasked_coding(CURL* easy, const char* name) {
  constexpr int kLastRequest = -1;
  curl_header* field = nullptr;
  for (std::size_t index = 0;
       curl_easy_header(easy, name, index, CURLH_HEADER, kLastRequest, &field) == CURLHE_OK;
       ++index) {
    for (const std::string_view coding : split(field->value, ',')) {
      if (!is_plain(coding)) return printable(trimmed(coding));
    }
  }
  return {};
}

}  // namespace

Exchange::Exchange(void* easy, const Request& request, const HttpOptions& options,
                   std::string proxy, std::size_t text_limit)
    : easy_(easy),
      request_(request),
      options_(options),
      proxy_(std::move(proxy)),
      timeouts_(options.timeouts),
      watchdog_(timeouts_),
      text_(text_limit) {
  set(easy_, CURLOPT_HEADERFUNCTION, &on_header);
  set(easy_, CURLOPT_HEADERDATA, static_cast<void*>(this));
  set(easy_, CURLOPT_WRITEFUNCTION, &on_body);
  set(easy_, CURLOPT_WRITEDATA, static_cast<void*>(this));
}

void Exchange::upload_from(ByteSource& source, std::uint64_t size) {
  source_ = &source;
  upload_size_ = size;
  timeouts_.first_byte += std::chrono::seconds(size / kSettledPerSecond);
  watchdog_ = TransferWatchdog(timeouts_);
  set(easy_, CURLOPT_UPLOAD, 1L);
  set(easy_, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(size));
  set(easy_, CURLOPT_READFUNCTION, &on_upload);
  set(easy_, CURLOPT_READDATA, static_cast<void*>(this));
}

void Exchange::rethrow() const {
  if (failure_) std::rethrow_exception(failure_);
}

int Exchange::status() const { return static_cast<int>(info<long>(easy_, CURLINFO_RESPONSE_CODE)); }

Response Exchange::take_response() {
  return Response{status(), answer_headers(easy_), text_.release()};
}

template <typename Action>
std::size_t Exchange::guarded(std::size_t failed, Action&& action) noexcept {
  try {
    return action();
  } catch (...) {
    failure_ = std::current_exception();
    return failed;
  }
}

std::size_t Exchange::on_header(char*, std::size_t size, std::size_t count, void* self) noexcept {
  auto& exchange = *static_cast<Exchange*>(self);
  return exchange.guarded(0, [&] {
    exchange.receive_header(size * count);
    return size * count;
  });
}

std::size_t Exchange::on_body(char* data, std::size_t size, std::size_t count,
                              void* self) noexcept {
  auto& exchange = *static_cast<Exchange*>(self);
  return exchange.guarded(0, [&] {
    exchange.receive(as_bytes(std::string_view(data, size * count)));
    return exchange.is_cut() ? std::size_t{0} : size * count;
  });
}

std::size_t Exchange::on_upload(char* data, std::size_t size, std::size_t count,
                                void* self) noexcept {
  auto& exchange = *static_cast<Exchange*>(self);
  const MutableBytes buffer = std::as_writable_bytes(std::span(data, size * count));
  return exchange.guarded(CURL_READFUNC_ABORT, [&] { return exchange.give(buffer); });
}

std::size_t Exchange::give(MutableBytes buffer) {
  if (!held_back_.empty()) {
    // Nothing promises that libcurl offers as much room as before.
    const std::size_t count = std::min(held_back_.size(), buffer.size());
    const auto end = held_back_.begin() + static_cast<std::ptrdiff_t>(count);
    std::copy(held_back_.begin(), end, buffer.begin());
    held_back_.erase(held_back_.begin(), end);
    return count;
  }
  const auto start = NetworkClock::Clock::now();
  const std::size_t count = clock_.leave_out([&] { return source_->read(buffer); });
  if (count == 0 || NetworkClock::Clock::now() - start < kShortWait) return count;
  // While the source was waited for, the server may have refused the upload and closed. To send now
  // would fail, and take the answer with it. So libcurl gets the occasion to read first.
  held_back_.assign(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(count));
  return CURL_READFUNC_PAUSE;
}

void Exchange::resume_upload() {
  if (!held_back_.empty()) require_curl(curl_easy_pause(easy_, CURLPAUSE_CONT));
}

// libcurl keeps all fields of an answer. It has this limit itself, but none for trailers.
void Exchange::receive_header(std::size_t size) {
  constexpr std::uint64_t kMaxFields = 300'000;
  received_ += size;
  fields_ += size;
  if (fields_ > kMaxFields) {
    throw error(ErrorKind::Protocol, fmt::format("the answer has more than {} of header fields",
                                                 human_size(kMaxFields)));
  }
}

void Exchange::receive(Bytes bytes) {
  received_ += bytes.size();
  if (choose_ == nullptr || !is_success(status())) {
    text_.write(bytes);
    return;
  }
  if (sink_ == nullptr) {
    refuse_codings();
    sink_ = &(*choose_)(Response{status(), answer_headers(easy_), {}});
  }
  clock_.leave_out([&] { sink_->write(bytes); });
}

/// We ask for none, and sizes and digests are those of the plain bytes (threats-and-faults.md T19).
/// Transfer codings too, which libcurl undoes unasked (RFC 9112 §6.1): but for "chunked" they turn
/// few bytes into many.
void Exchange::refuse_codings() const {
  for (const char* header : {"Content-Encoding", "Transfer-Encoding"}) {
    const std::string coding = unasked_coding(easy_, header);
    if (coding.empty()) continue;
    throw error(
        ErrorKind::Protocol,
        fmt::format("the answer has the {} \"{}\", which was not asked for", header, coding));
  }
}

std::uint64_t Exchange::uploaded() const {
  return static_cast<std::uint64_t>(info<curl_off_t>(easy_, CURLINFO_SIZE_UPLOAD_T));
}

std::uint64_t Exchange::sent() const {
  return static_cast<std::uint64_t>(info<long>(easy_, CURLINFO_REQUEST_SIZE)) + uploaded();
}

TransferProgress Exchange::progress() const {
  const std::uint64_t sent_by_now = sent();
  const std::uint64_t moved = sent_by_now + received_;
  if (sent_by_now == 0) return {TransferPhase::Connecting, moved};
  const bool is_answer_due = received_ == 0 && uploaded() >= upload_size_;
  return {is_answer_due ? TransferPhase::AwaitingAnswer : TransferPhase::Moving, moved};
}

void Exchange::check_time() {
  if (clock_.now() > deadline_) {
    const std::chrono::duration<double> limit = *request_.time_limit;
    throw error(ErrorKind::Guard, fmt::format("not done within {} s", limit.count()));
  }
  switch (watchdog_.check(clock_.elapsed(), progress())) {
    case TransferWatchdog::Verdict::Alive:
      return;
    case TransferWatchdog::Verdict::NoAnswer:
      throw error(ErrorKind::Transient,
                  fmt::format("no answer within {} s", timeouts_.first_byte.count()))
          .that_is_unanswered();
    case TransferWatchdog::Verdict::Stalled:
      throw error(ErrorKind::Transient, fmt::format("stalled: less than 1 KB/s for {} s",
                                                    options_.timeouts.stall.count()));
  }
}

Error Exchange::error(ErrorKind kind, std::string_view why) const {
  const auto by = proxy_.empty() ? "" : fmt::format(" (proxy {})", printable(proxy_));
  return Error(kind, options_.origin,
               fmt::format("{} {}: {}{}", request_.method, request_.url.redacted(), why, by))
      .with_host(request_.url.host());
}

}  // namespace streamsync
