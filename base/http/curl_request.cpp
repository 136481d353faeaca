#include "base/http/curl_request.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <cstring>

#include "base/http/curl_failure.h"
#include "base/http/proxy_choice.h"

namespace streamsync {
namespace {

// Larger than curl's defaults (16 and 64 KiB): fewer system calls for bodies of gigabytes. A
// receive buffer of 1 MiB takes a twelfth off the processor's work that one of 256 KiB needs for a
// mirror; larger ones take more off, but there is one for each transfer.
constexpr long kReceiveBuffer = 1024 * 1024;
constexpr long kUploadBuffer = 256 * 1024;
// CURLOPT_CAINFO replaces the system's store, CURLOPT_CAPATH is searched beside it.
constexpr const char* kSystemCertificates = "/etc/ssl/certs";

struct SlistDeleter {
  /// One of the lines may hold a token.
  void operator()(curl_slist* list) const noexcept {
    for (curl_slist* line = list; line != nullptr; line = line->next) {
      wipe({line->data, std::strlen(line->data)});
    }
    curl_slist_free_all(list);
  }
};
struct UrlDeleter {
  void operator()(CURLU* url) const noexcept { curl_url_cleanup(url); }
};
struct CurlFree {
  void operator()(char* text) const noexcept { curl_free(text); }
};

template <typename Value>
void set(CURL* easy, CURLoption option, Value value) {
  require_curl(curl_easy_setopt(easy, option, value));
}

void set(CURL* easy, CURLoption option, const std::string& value) {
  set(easy, option, value.c_str());
}

void set_limits(CURL* easy, const HttpOptions& options) {
  const auto connect = std::chrono::milliseconds(options.timeouts.connect);
  set(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(connect.count()));
  set(easy, CURLOPT_BUFFERSIZE, kReceiveBuffer);
  set(easy, CURLOPT_UPLOAD_BUFFERSIZE, kUploadBuffer);
  set(easy, CURLOPT_NOSIGNAL, 1L);
  // A name server that does not answer must not delay the end of a call.
  set(easy, CURLOPT_QUICK_EXIT, 1L);
}

void set_protocol(CURL* easy, const HttpOptions& options) {
  set(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  set(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(easy, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  set(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  if (!options.user_agent.empty()) set(easy, CURLOPT_USERAGENT, options.user_agent);
}

/// Where it is known before a run it is an error of the configuration; here it comes in the middle
/// of one, when something was done already.
void require_unexposed(const Url& url, const HttpOptions& options) {
  if (options.origin != Origin::Target) return;
  if (const auto why = exposure_to_proxy(url, options.proxy)) {
    throw Error(ErrorKind::Denied, Origin::Target, *why);
  }
}

/// "http://user:password@host:port/" for people.
std::string address_of(std::string proxy) {
  proxy.erase(0, proxy.rfind('@') + 1);
  if (const auto scheme = proxy.find("://"); scheme != std::string::npos) {
    proxy.erase(0, scheme + 3);
  }
  while (proxy.ends_with('/')) proxy.pop_back();
  return proxy;
}

/// libcurl is given the decision and no occasion to make another.
ConnectionRule::Way set_proxy(CURL* easy, const std::string& proxy) {
  set(easy, CURLOPT_PROXY, proxy);
  set(easy, CURLOPT_NOPROXY, "");
  return proxy.empty() ? ConnectionRule::Way::Direct : ConnectionRule::Way::Proxied;
}

void set_tls(CURL* easy, const HttpOptions& options) {
  const bool verify = options.tls == TlsVerification::Required;
  set(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  set(easy, CURLOPT_SSL_VERIFYPEER, verify ? 1L : 0L);
  set(easy, CURLOPT_SSL_VERIFYHOST, verify ? 2L : 0L);
  if (options.ca_file) {
    set(easy, CURLOPT_CAINFO, options.ca_file->string());
  } else if (options.ca_pem) {
    curl_blob blob{};
    // libcurl only reads it; the interface is C's.
    blob.data = const_cast<char*>(options.ca_pem->data());
    blob.len = options.ca_pem->size();
    blob.flags = CURL_BLOB_COPY;
    set(easy, CURLOPT_CAINFO_BLOB, &blob);
  } else {
    return;
  }
  set(easy, CURLOPT_CAPATH, kSystemCertificates);
}

/// Takes a part out of the URL; none when it is not there.
std::optional<std::string> take_part(CURLU* url, CURLUPart which) {
  char* text = nullptr;
  if (curl_url_get(url, which, &text, CURLU_URLDECODE) != CURLUE_OK) return std::nullopt;
  const std::unique_ptr<char, CurlFree> owner(text);
  curl_url_set(url, which, nullptr, 0);
  return text;
}

/// User and password apart from the URL: libcurl's messages quote the URL.
void set_address(CURL* easy, const Url& address) {
  const std::unique_ptr<CURLU, UrlDeleter> url(curl_url());
  if (!url || curl_url_set(url.get(), CURLUPART_URL, address.str().c_str(), 0) != CURLUE_OK) {
    throw std::bad_alloc();
  }
  const auto user = take_part(url.get(), CURLUPART_USER);
  const auto password = take_part(url.get(), CURLUPART_PASSWORD);
  if (user) set(easy, CURLOPT_USERNAME, *user);
  if (password) set(easy, CURLOPT_PASSWORD, *password);
  char* text = nullptr;
  if (curl_url_get(url.get(), CURLUPART_URL, &text, 0) != CURLUE_OK) throw std::bad_alloc();
  const std::unique_ptr<char, CurlFree> owner(text);
  set(easy, CURLOPT_URL, static_cast<const char*>(text));
}

}  // namespace

/// Request header lines as libcurl wants them.
class CurlRequest::HeaderLines {
 public:
  explicit HeaderLines(const Request& request) {
    for (const auto& [name, value] : request.headers.all()) add(name, value);
    if (!request.token.empty()) add(request.token_header, request.token.reveal());
    // 100-continue together with a source that blocks has a history of bugs (curl#18848).
    suppress("Expect");
    // libcurl takes every body for a form.
    if (!request.headers.find("Content-Type")) suppress("Content-Type");
  }

  curl_slist* get() const noexcept { return lines_.get(); }

 private:
  void add(std::string_view name, std::string_view value) {
    // A value out of a foreign document must not add a header line of its own.
    if (value.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos) {
      throw Error(ErrorKind::Protocol, Origin::Local,
                  fmt::format("the value for the header {} has a line end in it", name));
    }
    // With a ':' and nothing behind it, libcurl would leave the header out.
    std::string line;
    line.reserve(name.size() + value.size() + 2);  // so that there is one copy to wipe
    line.append(name).append(value.empty() ? ";" : ": ").append(value);
    append(line);
    wipe(line);
  }
  /// Nothing of that name is sent, not even what libcurl would add by itself.
  void suppress(std::string_view name) { append(fmt::format("{}:", name)); }

  void append(const std::string& line) {
    curl_slist* longer = curl_slist_append(lines_.get(), line.c_str());
    if (longer == nullptr) throw std::bad_alloc();
    static_cast<void>(lines_.release());
    lines_.reset(longer);
  }

  std::unique_ptr<curl_slist, SlistDeleter> lines_;
};

CurlRequest::CurlRequest(void* easy, const Request& request, const HttpOptions& options)
    : easy_(easy), request_(request), headers_(std::make_unique<HeaderLines>(request)) {
  set_limits(easy, options);
  set_protocol(easy, options);
  const bool is_direct = request.route == Route::Direct;
  const std::string proxy = is_direct ? std::string() : proxy_for(request.url, options.proxy);
  if (!is_direct) require_unexposed(request.url, options);
  way_ = set_proxy(easy, proxy);
  proxy_ = address_of(proxy);
  set_tls(easy, options);
  set_address(easy, request.url);
  set(easy, CURLOPT_HTTPHEADER, headers_->get());
}

CurlRequest::~CurlRequest() = default;

void CurlRequest::set_method_and_body() {
  const std::string& method = request_.method;
  const std::string_view body =
      request_.secret_body.empty() ? request_.body : request_.secret_body.reveal();
  if (method == "HEAD") {
    set(easy_, CURLOPT_NOBODY, 1L);
    return;
  }
  // These announce a body also when it is empty (RFC 9110 §8.6).
  const bool has_body = !body.empty() || method == "POST" || method == "PUT" || method == "PATCH";
  if (has_body) {
    set(easy_, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
    set(easy_, CURLOPT_POSTFIELDS, body.data());
  }
  if (has_body || method != "GET") set(easy_, CURLOPT_CUSTOMREQUEST, method);
}

}  // namespace streamsync
