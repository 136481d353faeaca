#include "keystone/login.h"

#include <fmt/format.h>
#include <rapidjson/document.h>
#include <rapidjson/writer.h>

#include <optional>
#include <string_view>
#include <variant>

#include "base/error.h"
#include "base/text.h"
#include "base/time.h"

namespace streamsync {
namespace {

using Json = rapidjson::Value;

/// RapidJSON's own buffer would leave a password behind each time that it grows.
struct SecretStream {
  using Ch = char;
  SecretBuilder text{};

  void Put(char c) { text.append({&c, 1}); }
  void Flush() {}
};
using Writer = rapidjson::Writer<SecretStream>;

void write(Writer& out, std::string_view text) {
  out.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
}

void write(Writer& out, std::string_view key, std::string_view text) {
  write(out, key);
  write(out, text);
}

/// Members of a user or project; an id needs no domain.
void write_name(Writer& out, const KeystoneName& owner) {
  if (!owner.id.empty()) return write(out, "id", owner.id);
  write(out, "name", owner.name);
  write(out, "domain");
  out.StartObject();
  if (owner.domain_id.empty()) {
    write(out, "name", owner.domain_name);
  } else {
    write(out, "id", owner.domain_id);
  }
  out.EndObject();
}

void write_scope(Writer& out, const KeystoneName& project) {
  write(out, "scope");
  out.StartObject();
  write(out, "project");
  out.StartObject();
  write_name(out, project);
  out.EndObject();
  out.EndObject();
}

/// Opens "identity" and in it the object of `method`, which the caller fills.
void begin_identity(Writer& out, std::string_view method) {
  write(out, "identity");
  out.StartObject();
  write(out, "methods");
  out.StartArray();
  write(out, method);
  out.EndArray();
  write(out, method);
  out.StartObject();
}

void end_identity(Writer& out) {
  out.EndObject();
  out.EndObject();
}

struct AuthWriter {
  Writer& out;

  void operator()(const PasswordAuth& auth) const {
    begin_identity(out, "password");
    write(out, "user");
    out.StartObject();
    write_name(out, auth.user);
    write(out, "password", auth.password.reveal());
    out.EndObject();
    end_identity(out);
    write_scope(out, auth.project);
  }

  void operator()(const TokenAuth& auth) const {
    begin_identity(out, "token");
    write(out, "id", auth.token.reveal());
    end_identity(out);
    write_scope(out, auth.project);
  }

  /// Without a scope: an application credential is bound to its project.
  void operator()(const ApplicationCredentialAuth& auth) const {
    begin_identity(out, "application_credential");
    if (!auth.id.empty()) {
      write(out, "id", auth.id);
    } else {
      write(out, "name", auth.name);
      write(out, "user");
      out.StartObject();
      write_name(out, auth.user);
      out.EndObject();
    }
    write(out, "secret", auth.secret.reveal());
    end_identity(out);
  }
};

std::string shown(const KeystoneName& owner) {
  if (!owner.id.empty()) return printable(owner.id);
  const auto& domain = owner.domain_id.empty() ? owner.domain_name : owner.domain_id;
  return fmt::format("\"{}\" of domain \"{}\"", printable(owner.name), printable(domain));
}

/// Whom Keystone refused, and what to look at.
struct RefusalText {
  std::string operator()(const PasswordAuth& auth) const {
    return fmt::format(
        "user {} in project {}: check password, names and domains, and that the user has a role "
        "in the project",
        shown(auth.user), shown(auth.project));
  }
  std::string operator()(const TokenAuth& auth) const {
    return fmt::format("the token for project {}: it has expired, or is of another cloud",
                       shown(auth.project));
  }
  std::string operator()(const ApplicationCredentialAuth& auth) const {
    return fmt::format(
        "application credential {}: check its id and secret, and that it has not expired",
        auth.id.empty() ? '"' + printable(auth.name) + '"' : printable(auth.id));
  }
};

void check_status(const Credentials& credentials, const Request& request,
                  const Response& response) {
  if (response.ok()) return;
  const std::string url = request.url.redacted();
  if (response.status == 401) {
    throw Error(
        ErrorKind::Denied, Origin::Target,
        fmt::format("{} refused (401) {}", url, std::visit(RefusalText{}, credentials.auth)));
  }
  if (response.status >= 300 && response.status < 400) {
    throw Error(ErrorKind::Protocol, Origin::Target,
                fmt::format("{} answered {}, a redirect, which is not followed with credentials: "
                            "set auth_url to where Keystone is",
                            url, response.status));
  }
  if (response.status == 404) {
    throw Error(ErrorKind::NotFound, Origin::Target,
                fmt::format("there is no Identity v3 at {} (404): check auth_url", url));
  }
  require_ok(request, response, Origin::Target);
}

const Json* member(const Json& object, const char* name) {
  if (!object.IsObject()) return nullptr;
  const auto found = object.FindMember(name);
  return found == object.MemberEnd() ? nullptr : &found->value;
}

std::string text_member(const Json& object, const char* name) {
  const Json* value = member(object, name);
  return value && value->IsString() ? std::string(value->GetString(), value->GetStringLength())
                                    : std::string();
}

void read_service(const Json& service, std::vector<CatalogEndpoint>& catalog) {
  const Json* endpoints = member(service, "endpoints");
  if (!endpoints || !endpoints->IsArray()) return;
  for (const Json& endpoint : endpoints->GetArray()) {
    auto region = text_member(endpoint, "region");
    if (region.empty()) region = text_member(endpoint, "region_id");
    catalog.push_back({text_member(service, "type"), std::move(region),
                       text_member(endpoint, "interface"), text_member(endpoint, "url")});
  }
}

std::vector<CatalogEndpoint> read_catalog(const Json& token) {
  std::vector<CatalogEndpoint> catalog;
  const Json* services = member(token, "catalog");
  if (!services || !services->IsArray()) return catalog;
  for (const Json& service : services->GetArray()) read_service(service, catalog);
  return catalog;
}

std::vector<std::string> read_roles(const Json& token) {
  std::vector<std::string> names;
  const Json* roles = member(token, "roles");
  if (!roles || !roles->IsArray()) return names;
  for (const Json& role : roles->GetArray()) names.push_back(text_member(role, "name"));
  return names;
}

}  // namespace

Request login_request(const Credentials& credentials) {
  SecretStream body;
  Writer out(body);
  out.StartObject();
  write(out, "auth");
  out.StartObject();
  std::visit(AuthWriter{out}, credentials.auth);
  out.EndObject();
  out.EndObject();
  return Request{.method = "POST",
                 .url = credentials.auth_url.append("auth/tokens"),
                 .headers = {{"Content-Type", "application/json"}},
                 .secret_body = body.text.finish()};
}

Grant read_grant(const Credentials& credentials, const Request& request, Response response) {
  check_status(credentials, request, response);
  const auto lacks = [&](std::string_view what) {
    return Error(ErrorKind::Protocol, Origin::Target,
                 fmt::format("the answer of {} lacks {}: is auth_url that of Keystone?",
                             request.url.redacted(), what));
  };
  Secret token = response.headers.take_secret("X-Subject-Token");
  if (token.empty()) throw lacks("the header X-Subject-Token");

  rapidjson::Document document;
  document.Parse<rapidjson::kParseIterativeFlag>(response.body.data(), response.body.size());
  if (document.HasParseError()) throw lacks("a JSON document");
  const Json* body = member(document, "token");
  if (!body) throw lacks("\"token\"");
  const auto issued = parse_date(text_member(*body, "issued_at"));
  const auto expires = parse_date(text_member(*body, "expires_at"));
  if (!issued || !expires) throw lacks("\"issued_at\" or \"expires_at\"");
  const Json* project = member(*body, "project");
  const std::string project_id = project ? text_member(*project, "id") : "";
  if (project_id.empty()) throw lacks("a project");

  return Grant{std::move(token), *expires - *issued, project_id, read_roles(*body),
               read_catalog(*body)};
}

}  // namespace streamsync
