#include "s3/signature.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/crypto/digest.h"
#include "base/crypto/hmac.h"
#include "base/text.h"

namespace streamsync {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";
constexpr std::string_view kService = "s3";
constexpr std::string_view kLastOfScope = "aws4_request";

/// "20130524T000000Z"
std::string compact(Time time) {
  std::string text = to_rfc3339(time);
  text.erase(std::remove_if(text.begin(), text.end(), [](char c) { return c == '-' || c == ':'; }),
             text.end());
  return text;
}

/// As in the request line, which Url has percent-encoded: S3 alone does not encode it again.
std::string_view path_of(const Url& url) {
  const std::string_view text = url.str();
  const auto path_at = text.find('/', text.find("://") + 3);
  return text.substr(path_at, text.find('?', path_at) - path_at);
}

/// Sorted by name, then value; each with '='.
std::string canonical_query(const Url& url) {
  const std::string_view text = url.str();
  const auto query_at = text.find('?');
  if (query_at == std::string_view::npos) return {};
  std::vector<std::pair<std::string_view, std::string_view>> parameters;
  for (const auto parameter : split(text.substr(query_at + 1), '&')) {
    if (parameter.empty()) continue;
    const auto equals = std::min(parameter.find('='), parameter.size());
    const auto value_at = std::min(equals + 1, parameter.size());
    parameters.emplace_back(parameter.substr(0, equals), parameter.substr(value_at));
  }
  std::sort(parameters.begin(), parameters.end());
  std::string query;
  for (const auto& [name, value] : parameters) {
    query.append(query.empty() ? "" : "&").append(name).append("=").append(value);
  }
  return query;
}

/// Blanks in a row count as one.
std::string canonical_value(std::string_view value) {
  std::string result;
  for (const auto word : split(value, ' ')) {
    if (word.empty()) continue;
    if (!result.empty()) result += ' ';
    result += word;
  }
  return result;
}

/// Names in lower case.
using SignedHeaders = std::map<std::string, std::string>;

SignedHeaders signed_headers(const Request& request) {
  SignedHeaders headers;
  for (const auto& [name, value] : request.headers.all()) {
    headers[to_lower_ascii(name)] = canonical_value(value);
  }
  return headers;
}

std::string names_of(const SignedHeaders& headers, const Request& request) {
  std::vector<std::string> names;
  for (const auto& [name, value] : headers) names.push_back(name);
  if (!request.token.empty()) names.push_back(to_lower_ascii(request.token_header));
  std::sort(names.begin(), names.end());
  return fmt::format("{}", fmt::join(names, ";"));
}

/// The canonical request goes into a digest and nowhere else, because a session token is in it.
std::string canonical_digest(const Request& request, std::string_view payload_digest) {
  const SignedHeaders headers = signed_headers(request);
  const std::string token_header = to_lower_ascii(request.token_header);
  Hasher hasher(DigestAlgorithm::Sha256);
  const auto add = [&hasher](std::string_view text) { hasher.update(as_bytes(text)); };
  const auto add_header = [&add](std::string_view name, std::string_view value) {
    for (const std::string_view piece :
         {name, std::string_view(":"), value, std::string_view("\n")}) {
      add(piece);
    }
  };
  add(fmt::format("{}\n{}\n{}\n", request.method, path_of(request.url),
                  canonical_query(request.url)));
  auto header = headers.begin();
  for (; header != headers.end() && header->first < token_header; ++header) {
    add_header(header->first, header->second);
  }
  if (!request.token.empty()) add_header(token_header, request.token.reveal());
  for (; header != headers.end(); ++header) add_header(header->first, header->second);
  add(fmt::format("\n{}\n{}", names_of(headers, request), payload_digest));
  return hasher.finish().hex();
}

Secret signing_key(const S3Account& account, std::string_view date) {
  SecretBuilder first;
  first.append("AWS4");
  first.append(account.secret_key.reveal());
  Secret key = first.finish();
  for (const std::string_view part :
       {date, std::string_view(account.region), kService, kLastOfScope}) {
    key = hmac_sha256(key, part);
  }
  return key;
}

/// What libcurl would write, said by us, because it is signed.
std::string host_header(const Url& url) { return url.origin().substr(url.scheme().size() + 3); }

}  // namespace

void sign(Request& request, const S3Account& account, std::string_view payload_digest, Time now) {
  const std::string time = compact(now);
  const std::string date = time.substr(0, time.find('T'));
  request.headers.add("Host", host_header(request.url));
  request.headers.add("X-Amz-Content-Sha256", std::string(payload_digest));
  request.headers.add("X-Amz-Date", time);
  if (!account.session_token.empty()) {
    request.token = account.session_token;
    request.token_header = "X-Amz-Security-Token";
  }
  const std::string scope =
      fmt::format("{}/{}/{}/{}", date, account.region, kService, kLastOfScope);
  const std::string text = fmt::format("{}\n{}\n{}\n{}", kAlgorithm, time, scope,
                                       canonical_digest(request, payload_digest));
  const std::string signature = to_hex(hmac_sha256(signing_key(account, date), text).reveal());
  request.headers.add("Authorization",
                      fmt::format("{} Credential={}/{},SignedHeaders={},Signature={}", kAlgorithm,
                                  account.access_key, scope,
                                  names_of(signed_headers(request), request), signature));
}

}  // namespace streamsync
