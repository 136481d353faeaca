#include "base/http/http_client.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <mutex>
#include <new>

#include "base/http/answer_text.h"
#include "base/http/curl_failure.h"
#include "base/http/curl_request.h"
#include "base/http/exact_source.h"
#include "base/http/exchange.h"
#include "base/http/file_url.h"
#include "base/http/redirect_trail.h"
#include "base/text.h"

namespace streamsync {
namespace {

// How late a timeout or a stop request may be noticed.
constexpr int kPollMilliseconds = 250;
// Of an answer that is only quoted in messages.
constexpr std::size_t kQuotedTextLimit = 64 * 1024;

struct EasyDeleter {
  void operator()(CURL* easy) const noexcept { curl_easy_cleanup(easy); }
};
struct MultiDeleter {
  void operator()(CURLM* multi) const noexcept { curl_multi_cleanup(multi); }
};

void require(CURLMcode code) {
  if (code == CURLM_OUT_OF_MEMORY) throw std::bad_alloc();
  if (code != CURLM_OK) throw Error(ErrorKind::Config, Origin::Local, curl_multi_strerror(code));
}

std::string name_of(const Request& request) {
  return fmt::format("{} {}", request.method, request.url.redacted());
}

bool is_file(const Url& url) { return url.scheme() == "file"; }

Request with_method(Request request, std::string_view method) {
  request.method = method;
  return request;
}

Error too_long(const Request& request, Origin origin) {
  return Error(ErrorKind::Guard, origin,
               fmt::format("{}: the answer is longer than {}", name_of(request),
                           human_size(HttpClient::kBodyLimit)));
}

/// Whether a server that quotes what it was asked may have told us our own secret. A token would
/// stand there as it is; a password is coded in one way or another.
bool may_echo_a_secret(const Request& request, std::string_view text) {
  const std::string_view token = request.token.reveal();
  return request.url.redacted() != request.url.str() || !request.secret_body.empty() ||
         (!token.empty() && text.find(token) != std::string_view::npos);
}

}  // namespace

HttpRuntime::HttpRuntime() { require_curl(curl_global_init(CURL_GLOBAL_DEFAULT)); }
HttpRuntime::~HttpRuntime() { curl_global_cleanup(); }

void Headers::add(std::string name, std::string value) {
  fields_.emplace_back(std::move(name), std::move(value));
}

std::optional<std::string> Headers::find(std::string_view name) const {
  const std::string wanted = to_lower_ascii(name);
  for (const auto& [field, value] : fields_) {
    if (to_lower_ascii(field) == wanted) return value;
  }
  return std::nullopt;
}

Secret Headers::take_secret(std::string_view name) {
  const std::string wanted = to_lower_ascii(name);
  for (auto& [field, value] : fields_) {
    if (to_lower_ascii(field) == wanted) return Secret::taken_from(value);
  }
  return {};
}

/// An easy handle in a multi handle of its own, which keeps its connections and leaves its steps to
/// us: between them there is time to look at the clock and the stop token.
class HttpClient::Handle {
 public:
  Handle() : multi_(curl_multi_init()), easy_(curl_easy_init()) {
    if (!multi_ || !easy_) throw std::bad_alloc();
  }

  /// Forgets everything but the connections, which are the multi handle's. A new easy handle,
  /// because curl_easy_reset leaves one that takes no options after a name that did not resolve
  /// (curl 7.88).
  CURL* reset() {
    easy_.reset(curl_easy_init());
    if (!easy_) throw std::bad_alloc();
    reason_[0] = '\0';
    require_curl(curl_easy_setopt(easy_.get(), CURLOPT_ERRORBUFFER, reason_.data()));
    return easy_.get();
  }

  /// Returns when the exchange has ended, well or not (CURLcode). Throws when time is up, and
  /// `Cancelled`.
  CURLcode perform(Exchange& exchange, const std::stop_token& stop);

  CurlFailure failure(CURLcode code) const;

 private:
  class Membership;

  std::unique_ptr<CURLM, MultiDeleter> multi_;
  std::unique_ptr<CURL, EasyDeleter> easy_;
  std::array<char, CURL_ERROR_SIZE> reason_{};
};

/// The easy handle works while it is in the multi handle; taking it out ends what is under way.
class HttpClient::Handle::Membership {
 public:
  Membership(CURLM* multi, CURL* easy) : multi_(multi), easy_(easy) {
    require(curl_multi_add_handle(multi, easy));
  }
  ~Membership() { curl_multi_remove_handle(multi_, easy_); }
  Membership(const Membership&) = delete;
  Membership& operator=(const Membership&) = delete;

 private:
  CURLM* multi_;
  CURL* easy_;
};

CURLcode HttpClient::Handle::perform(Exchange& exchange, const std::stop_token& stop) {
  const Membership membership(multi_.get(), easy_.get());
  for (;;) {
    if (stop.stop_requested()) throw Cancelled();
    int running = 0;
    require(curl_multi_perform(multi_.get(), &running));
    if (running == 0) break;
    exchange.check_time();
    exchange.resume_upload();
    require(curl_multi_poll(multi_.get(), nullptr, 0, kPollMilliseconds, nullptr));
  }
  int left = 0;
  const CURLMsg* message = curl_multi_info_read(multi_.get(), &left);
  return message == nullptr ? CURLE_FAILED_INIT : message->data.result;
}

CurlFailure HttpClient::Handle::failure(CURLcode code) const {
  long certificate = 0;
  long proxy_status = 0;
  curl_easy_getinfo(easy_.get(), CURLINFO_SSL_VERIFYRESULT, &certificate);
  curl_easy_getinfo(easy_.get(), CURLINFO_HTTP_CONNECTCODE, &proxy_status);
  long connects = 0;
  curl_easy_getinfo(easy_.get(), CURLINFO_NUM_CONNECTS, &connects);
  const char* reason = reason_[0] != '\0' ? reason_.data() : curl_easy_strerror(code);
  return CurlFailure{code, reason, certificate, static_cast<int>(proxy_status), connects == 0};
}

class HttpClient::Pool {
 public:
  Pool(HttpOptions options, std::stop_token stop)
      : options_(std::move(options)), stop_(std::move(stop)) {}

  const HttpOptions& options() const noexcept { return options_; }
  const std::stop_token& stop() const noexcept { return stop_; }

  /// A handle for as long as it lives. It goes back only when it is said to be as good as new:
  /// after a transfer that found no host, libcurl 7.88 has buffers left that even a reset does not
  /// remove, and can't be set up again.
  class Lease {
   public:
    explicit Lease(Pool& pool) : pool_(pool), handle_(pool.take()) {}
    ~Lease() {
      if (is_good_) pool_.give_back(std::move(handle_));
    }
    void keep() noexcept { is_good_ = true; }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    Handle* operator->() const noexcept { return handle_.get(); }

   private:
    Pool& pool_;
    std::unique_ptr<Handle> handle_;
    bool is_good_ = false;
  };

 private:
  std::unique_ptr<Handle> take() {
    const std::lock_guard lock(mutex_);
    if (idle_.empty()) return std::make_unique<Handle>();
    auto handle = std::move(idle_.back());
    idle_.pop_back();
    return handle;
  }

  void give_back(std::unique_ptr<Handle> handle) {
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(handle));
  }

  const HttpOptions options_;
  const std::stop_token stop_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Handle>> idle_;
};

/// One call: a leased handle, set up for its request.
class HttpClient::Call {
 public:
  Call(Pool& pool, RedirectTrail& trail, std::size_t text_limit)
      : pool_(pool),
        trail_(trail),
        handle_(pool),
        easy_(handle_->reset()),
        setup_(easy_, trail.request(), pool.options()),
        exchange_(easy_, trail.request(), pool.options(), setup_.proxy(), text_limit) {
    trail.connections().begin_request(setup_.way());
    enforce(trail.connections(), easy_);
    exchange_.end_by(trail.deadline());
  }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  CurlRequest& setup() noexcept { return setup_; }
  Exchange& exchange() noexcept { return exchange_; }

  /// Who answers: after a redirect not the one that was asked first.
  std::string server() const {
    return fmt::format("{} {}", trail_.request().url.origin(), setup_.proxy());
  }

  Response run() {
    require_not_silent();
    try {
      Response answer = perform();
      note_answer();
      return answer;
    } catch (const Error& error) {
      if (exchange_.status() != 0) {
        note_answer();
      } else if (error.kind() == ErrorKind::Transient) {
        // Anything else is about us, or was said in another way: a certificate.
        note_silence();
      }
      throw;
    }
  }

 private:
  Response perform() {
    const CURLcode code = handle_->perform(exchange_, pool_.stop());
    if (code == CURLE_OK) handle_.keep();
    exchange_.rethrow();
    if (is_not_connected(code) && trail_.connections().refused()) throw trail_.refused_address();
    if (code != CURLE_OK && !is_answered(code)) {
      CurlFailure failure = handle_->failure(code);
      failure.proxy = setup_.proxy();
      throw to_error(failure, name_of(trail_.request()), pool_.options().origin)
          .with_host(trail_.request().url.host());
    }
    Response answer = exchange_.take_response();
    if (answer.status == kProxyAuthenticationRequired) throw proxy_refuses();
    // The text of a refusal ends up in messages and reports (threats-and-faults.md T17).
    if (!answer.ok() && may_echo_a_secret(trail_.request(), answer.body)) answer.body.clear();
    return answer;
  }

  // Else each request would cost its timeouts, for as long as there are items:
  // threats-and-faults.md F1 and F3, cli.md §3 (`retries`).
  void require_not_silent() {
    // Connections that break at once are no silence yet, however small the budget.
    constexpr std::chrono::seconds kLeast{1};
    const auto& silent = pool_.options().silent;
    const auto& limit = pool_.options().silence_limit;
    if (!silent) return;
    const auto silence = silent->of(server());
    if (silence.requests < limit.requests || silence.time < std::max(limit.time, kLeast)) return;
    handle_.keep();  // nothing was done with it
    const auto& url = trail_.request().url;
    Error error =
        Error(ErrorKind::Transient, pool_.options().origin,
              fmt::format("{}: not asked: {} has not answered for as long as retries.budget lets "
                          "it ({} s)",
                          name_of(trail_.request()), url.host(), limit.time.count()))
            .with_host(url.host());
    error.give_up();
    throw error;
  }
  void note_answer() const {
    const auto& silent = pool_.options().silent;
    if (silent) silent->heard(server(), SilentServers::Clock::now());
  }
  void note_silence() const {
    const auto& silent = pool_.options().silent;
    if (silent) silent->unanswered(server(), begin_, SilentServers::Clock::now());
  }

  // It is the proxy that answers so, never the server (RFC 9110 §15.5.8).
  static constexpr int kProxyAuthenticationRequired = 407;
  Error proxy_refuses() const {
    return {ErrorKind::Denied, pool_.options().origin,
            fmt::format("{}: the proxy {} wants other credentials (status 407)",
                        name_of(trail_.request()), setup_.proxy())};
  }

  /// Also what our rule for connections makes libcurl say.
  static bool is_not_connected(CURLcode code) noexcept {
    return code == CURLE_COULDNT_CONNECT || code == CURLE_ABORTED_BY_CALLBACK;
  }
  /// The transfer failed, but only after it had told all that is needed.
  bool is_answered(CURLcode code) const {
    if (code == CURLE_WRITE_ERROR) return exchange_.is_cut();
    // A server that refuses an upload may close while we still send.
    const bool is_cut =
        code == CURLE_SEND_ERROR || code == CURLE_RECV_ERROR || code == CURLE_PARTIAL_FILE;
    return is_cut && exchange_.is_upload() && exchange_.status() >= 400;
  }

  const SilentServers::Clock::time_point begin_ = SilentServers::Clock::now();
  Pool& pool_;
  RedirectTrail& trail_;
  Pool::Lease handle_;
  CURL* easy_;
  CurlRequest setup_;
  Exchange exchange_;
};

HttpClient::HttpClient(HttpOptions options, std::stop_token stop)
    : pool_(std::make_unique<Pool>(std::move(options), std::move(stop))) {}
HttpClient::~HttpClient() = default;

const HttpOptions& HttpClient::options() const noexcept { return pool_->options(); }

template <typename Action>
Response HttpClient::follow(const Request& request, std::size_t text_limit, Action&& action) {
  RedirectTrail trail(request, options().origin);
  for (;;) {
    Call call(*pool_, trail, text_limit);
    Response answer = action(call);
    if (trail.leads_on(answer)) continue;
    if (answer.ok()) ServedHosts::Answer(options().served, request.url.host());
    return answer;
  }
}

Response HttpClient::send(const Request& request) {
  if (is_file(request.url)) {
    AnswerText text(kBodyLimit);
    Response response = answer_from_file(
        request, [&text](const Response&) -> ByteSink& { return text; }, pool_->stop());
    if (text.is_cut()) throw too_long(request, options().origin);
    response.body = text.release();
    return response;
  }
  return follow(request, kBodyLimit, [&](Call& call) {
    call.setup().set_method_and_body();
    Response response = call.run();
    if (call.exchange().is_cut()) throw too_long(request, options().origin);
    return response;
  });
}

Response HttpClient::get(const Request& request, ByteSink& body) {
  return get(request, [&body](const Response&) -> ByteSink& { return body; });
}

Response HttpClient::get(const Request& request, const BodyChoice& choose) {
  const Request asked = with_method(request, "GET");
  if (is_file(request.url)) return answer_from_file(asked, choose, pool_->stop());
  std::optional<ServedHosts::Answer> coming;
  std::optional<SilentServers::Body> body;
  return follow(asked, kQuotedTextLimit, [&](Call& call) {
    const BodyChoice choose_and_note = [&](const Response& head) -> ByteSink& {
      coming.emplace(options().served, request.url.host());
      body.emplace(options().silent, call.server());
      return choose(head);
    };
    call.exchange().deliver_to(choose_and_note);
    return call.run();
  });
}

Response HttpClient::put(const Request& request, ByteSource& body, std::uint64_t size) {
  const Request asked = with_method(request, "PUT");
  if (is_file(request.url)) return Response{405, {}, {}};
  ExactSource exact(body, size);
  return follow(asked, kQuotedTextLimit, [&](Call& call) {
    call.exchange().upload_from(exact, size);
    return call.run();
  });
}

}  // namespace streamsync
