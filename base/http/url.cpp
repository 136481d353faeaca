#include "base/http/url.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <memory>
#include <new>
#include <vector>

#include "base/error.h"
#include "base/http/percent_encoding.h"
#include "base/text.h"

namespace streamsync {
namespace {

// RFC 3986 §2.3 and what §3.3 and §3.4 allow in a path and in a query beside it.
constexpr std::string_view kUnreservedMarks = "-._~";
constexpr std::string_view kPathMarks = "-._~!$&'()*+,;=:@/";
constexpr std::string_view kQueryMarks = "-._~!$&'()*+,;=:@/?";

struct CurlUrlDeleter {
  void operator()(CURLU* url) const noexcept { curl_url_cleanup(url); }
};
using CurlUrl = std::unique_ptr<CURLU, CurlUrlDeleter>;

/// A part that is absent is empty.
std::string part(CURLU* url, CURLUPart which) {
  char* text = nullptr;
  if (curl_url_get(url, which, &text, CURLU_NO_DEFAULT_PORT) != CURLUE_OK) return {};
  const std::unique_ptr<char, decltype(&curl_free)> owner(text, &curl_free);
  return text;
}

void set_part(CURLU* url, CURLUPart which, const std::string& value) {
  const CURLUcode code = curl_url_set(url, which, value.c_str(), 0);
  if (code == CURLUE_OUT_OF_MEMORY) throw std::bad_alloc();
  if (code != CURLUE_OK) throw Error(ErrorKind::Config, Origin::Config, curl_url_strerror(code));
}

/// Where what stands behind the scheme begins. libcurl takes one slash there, two or three.
std::size_t after_scheme(std::string_view url) {
  const auto colon = url.find(':');
  if (colon == std::string_view::npos) return 0;
  return std::min(url.find_first_not_of('/', colon + 1), url.size());
}

/// Text that may be no URL at all, without what could be a password or a token in it.
std::string without_secrets(std::string_view text) {
  const auto at = text.rfind('@');
  const auto query = text.find('?');
  const auto scheme_end = text.substr(0, at).find(':') == std::string_view::npos
                              ? 0  // the colon is that of a port
                              : after_scheme(text);
  std::string shown(text.substr(0, query));
  if (at == std::string_view::npos || at < scheme_end) return printable(shown);
  // Of both a password may be a part.
  if (query < at) return printable(text.substr(0, scheme_end)) + "…";
  return printable(shown.erase(scheme_end, at + 1 - scheme_end));
}

[[noreturn]] void refuse(std::string_view text, std::string_view why) {
  throw Error(ErrorKind::Config, Origin::Config,
              fmt::format("\"{}\" is not a usable URL: {}", without_secrets(text), why));
}

bool starts_with_our_scheme(std::string_view text) {
  const std::string lower = to_lower_ascii(text.substr(0, 6));
  const std::string_view start = lower;
  return start.starts_with("http:") || start.starts_with("https:") || start.starts_with("file:");
}

bool is_file_name(std::string_view text) {
  return text.find("://") == std::string_view::npos && !starts_with_our_scheme(text);
}

std::string file_url(std::string_view file_name) {
  return "file://" + percent_encode_path(std::filesystem::absolute(file_name).string());
}

CurlUrl parse_with_curl(std::string_view text, const std::string& url_text) {
  CurlUrl url(curl_url());
  if (url == nullptr) throw std::bad_alloc();
  const CURLUcode code = curl_url_set(url.get(), CURLUPART_URL, url_text.c_str(), 0);
  if (code == CURLUE_OUT_OF_MEMORY) throw std::bad_alloc();
  if (code != CURLUE_OK) refuse(text, curl_url_strerror(code));
  return url;
}

std::string completed_path(std::string_view path, std::string_view scheme) {
  std::string completed = percent_completed(path, kPathMarks);
  // libcurl takes "file:///c:/" for a drive of Windows and refuses it.
  const bool is_drive = scheme == "file" && completed.size() > 2 && completed[2] == ':';
  if (is_drive) completed.replace(2, 1, "%3A");
  return completed;
}

/// curl itself writes "file://(nil)" for the root directory, and takes "file:name", which leads
/// nowhere.
std::string normalised_file_url(CURLU* url) {
  const std::string path = part(url, CURLUPART_PATH);
  if (!path.starts_with('/')) {
    throw Error(ErrorKind::Config, Origin::Config, "a file URL needs an absolute path");
  }
  return "file://" + completed_path(path, "file");
}

/// The whole URL, so that equal URLs are equal texts and no byte is requested that a URL can't
/// hold.
std::string normalised(CURLU* url) {
  const std::string host = part(url, CURLUPART_HOST);
  if (to_lower_ascii(host) != host) set_part(url, CURLUPART_HOST, to_lower_ascii(host));
  // Never sent (RFC 9110 §7.1), so it must not tell two URLs apart.
  curl_url_set(url, CURLUPART_FRAGMENT, nullptr, 0);
  // Path and query can't be set through curl, which would rewrite escapes that are there already.
  const std::string text = part(url, CURLUPART_URL);
  const auto path_at = text.find('/', text.find("://") + 3);
  const auto query_at = std::min(text.find('?', path_at), text.size());
  return text.substr(0, path_at) +
         percent_completed(text.substr(path_at, query_at - path_at), kPathMarks) +
         percent_completed(text.substr(query_at), kQueryMarks);
}

std::string origin_of(CURLU* url, const std::string& scheme, const std::string& host) {
  const std::string port = part(url, CURLUPART_PORT);
  const bool is_default =
      port.empty() || (scheme == "http" && port == "80") || (scheme == "https" && port == "443");
  return scheme + "://" + host + (is_default ? "" : ":" + port);
}

/// Presigned requests carry what a password would: Swift temp_url_sig, X-Amz-Signature,
/// X-Amz-Security-Token, AWSAccessKeyId, Azure sig.
bool names_a_secret(std::string_view query_key) {
  constexpr std::array<std::string_view, 7> kWords = {"token", "sig",        "key", "secret",
                                                      "passw", "credential", "auth"};
  const std::string key = to_lower_ascii(percent_decoded(query_key));
  return std::any_of(kWords.begin(), kWords.end(),
                     [&](std::string_view word) { return key.find(word) != std::string::npos; });
}

std::string redacted_parameter(std::string_view parameter) {
  const auto equals = parameter.find('=');
  if (equals == std::string_view::npos || !names_a_secret(parameter.substr(0, equals))) {
    return std::string(parameter);
  }
  return std::string(parameter.substr(0, equals + 1)) + "…";
}

std::string redacted_query(std::string_view query) {
  std::string out;
  std::string_view between;
  for (const std::string_view parameter : split(query, '&')) {
    out.append(between).append(redacted_parameter(parameter));
    between = "&";
  }
  return out;
}

}  // namespace

std::string percent_encode_path(std::string_view path) {
  return percent_encoded(path, std::string(kUnreservedMarks) + "/");
}

Url Url::parse(std::string_view text) {
  if (text.empty()) refuse(text, "it is empty");
  if (text.find('\0') != std::string_view::npos) refuse(text, "it has a NUL character");
  const CurlUrl parsed =
      parse_with_curl(text, is_file_name(text) ? file_url(text) : std::string(text));

  Url url;
  url.scheme_ = part(parsed.get(), CURLUPART_SCHEME);
  if (url.scheme_ != "http" && url.scheme_ != "https" && url.scheme_ != "file") {
    refuse(text, "only http, https and file URLs are supported");
  }
  url.text_ = url.scheme_ == "file" ? normalised_file_url(parsed.get()) : normalised(parsed.get());
  url.host_ = part(parsed.get(), CURLUPART_HOST);
  url.path_ = completed_path(part(parsed.get(), CURLUPART_PATH), url.scheme_);
  url.origin_ = origin_of(parsed.get(), url.scheme_, url.host_);
  return url;
}

std::string_view Url::userinfo() const noexcept {
  const auto begin = text_.find("://") + 3;
  const auto at = text_.rfind('@', text_.find('/', begin));
  if (at == std::string::npos || at < begin) return {};
  return std::string_view(text_).substr(begin, at - begin);
}

std::string Url::redacted() const {
  const auto query_at = std::min(text_.find('?'), text_.size());
  std::string shown = text_.substr(0, query_at);
  const auto user_size = userinfo().size();
  if (user_size > 0) shown.erase(shown.find("://") + 3, user_size + 1);
  if (query_at < text_.size()) shown += "?" + redacted_query(text_.substr(query_at + 1));
  return shown;
}

Url Url::join(const RelativePath& path) const {
  return append(percent_completed(path.str(), kPathMarks));
}

Url Url::append(std::string_view rest) const {
  const auto query_at = std::min(text_.find('?'), text_.size());
  std::string text = text_.substr(0, query_at);
  if (text.ends_with('/')) text.pop_back();
  rest.remove_prefix(std::min(rest.find_first_not_of('/'), rest.size()));
  text.append("/").append(rest);
  // A query of the base (a presigned tree) holds for everything below it.
  if (query_at < text_.size()) {
    text += (rest.find('?') == std::string_view::npos ? "?" : "&") + text_.substr(query_at + 1);
  }
  return parse(text);
}

Url Url::resolve(std::string_view reference) const {
  const CurlUrl url = parse_with_curl(text_, without_userinfo(text_));
  // As libcurl itself takes a Location: servers forget to encode.
  constexpr unsigned kForgiving = CURLU_URLENCODE | CURLU_ALLOW_SPACE;
  const std::string text(reference);
  const CURLUcode code = curl_url_set(url.get(), CURLUPART_URL, text.c_str(), kForgiving);
  if (code == CURLUE_OUT_OF_MEMORY) throw std::bad_alloc();
  if (code != CURLUE_OK) refuse(reference, curl_url_strerror(code));
  return parse(part(url.get(), CURLUPART_URL));
}

Url Url::with_userinfo(std::string_view userinfo) const {
  if (userinfo.empty()) return *this;
  std::string text = text_;
  text.insert(text.find("://") + 3, std::string(userinfo) + "@");
  return parse(text);
}

Url Url::with_query(std::string_view key, std::string_view value) const {
  const char separator = text_.find('?') == std::string::npos ? '?' : '&';
  return parse(fmt::format("{}{}{}={}", text_, separator, percent_encoded(key, kUnreservedMarks),
                           percent_encoded(value, kUnreservedMarks)));
}

std::string without_userinfo(std::string_view url) {
  std::string text(url);
  if (to_lower_ascii(url.substr(0, 5)) == "file:") return text;
  const auto begin = after_scheme(text);
  const auto end = std::min(text.find_first_of("/?#", begin), text.size());
  const auto at = text.rfind('@', end);
  if (at != std::string::npos && at >= begin && at < end) text.erase(begin, at + 1 - begin);
  return text;
}

}  // namespace streamsync
