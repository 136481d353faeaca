#include "sync/trust_state.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/error.h"

namespace streamsync {
namespace {

constexpr std::string_view kIndex = "index ";
constexpr std::string_view kSchema = "streamsync.trust/1";

JsonValue value_of(const AcceptedDocument& document) {
  JsonObject object;
  if (document.updated) object["updated"] = {to_rfc3339(*document.updated)};
  if (document.signed_at) object["signed_at"] = {to_rfc3339(*document.signed_at)};
  object["sha256"] = {document.sha256};
  JsonArray signers;
  for (const auto& key : document.signed_by) signers.push_back({key});
  object["signed_by"] = {std::move(signers)};
  return {std::move(object)};
}

std::optional<Time> time_in(const JsonObject& object, std::string_view key) {
  const auto found = object.find(key);
  if (found == object.end()) return std::nullopt;
  const auto time = parse_date(std::get<std::string>(found->second.value));
  if (!time) throw std::out_of_range("a time is none");
  return time;
}

AcceptedDocuments documents_of(const JsonValue& value) {
  AcceptedDocuments documents;
  for (const auto& [stream, document] : std::get<JsonObject>(value.value)) {
    documents.emplace(stream, accepted_document_of(std::get<JsonObject>(document.value)));
  }
  return documents;
}

JsonValue parsed(std::string_view json, const std::string& file) {
  JsonReader reader(std::make_unique<TextSource>(json), file);
  JsonValue value = reader.value();
  reader.finish();
  return value;
}

}  // namespace

AcceptedDocument accepted_document_of(const JsonObject& object) {
  AcceptedDocument document;
  document.updated = time_in(object, "updated");
  document.signed_at = time_in(object, "signed_at");
  document.sha256 = std::get<std::string>(object.at("sha256").value);
  for (const auto& key : std::get<JsonArray>(object.at("signed_by").value)) {
    document.signed_by.push_back(std::get<std::string>(key.value));
  }
  return document;
}

std::string stream_of_index(const RelativePath& path) { return std::string(kIndex) + path.str(); }

std::set<std::string> content_ids_of(const AcceptedDocuments& documents) {
  std::set<std::string> ids;
  for (const auto& [stream, document] : documents) {
    if (!stream.starts_with(kIndex)) ids.insert(stream);
  }
  return ids;
}

bool was_signed(const AcceptedDocuments& documents) {
  return std::any_of(documents.begin(), documents.end(),
                     [](const auto& known) { return !known.second.signed_by.empty(); });
}

TrustState TrustState::parse(std::string_view json, const std::string& file) {
  try {
    TrustState state;
    const JsonValue root = parsed(json, file);
    const auto& object = std::get<JsonObject>(root.value);
    if (std::get<std::string>(object.at("schema").value) != kSchema) {
      throw std::out_of_range("another schema");
    }
    for (const auto& [source, documents] : std::get<JsonObject>(object.at("sources").value)) {
      state.sources_.emplace(source, documents_of(documents));
    }
    return state;
  } catch (const std::exception& error) {
    throw Error(ErrorKind::Config, Origin::Local,
                fmt::format("{}: is damaged or of another version ({}); what was accepted of each "
                            "source is kept there: restore it, or remove it to begin anew",
                            file, error.what()));
  }
}

std::string TrustState::str() const {
  JsonObject sources;
  for (const auto& [source, documents] : sources_) {
    JsonObject streams;
    for (const auto& [stream, document] : documents) streams[stream] = value_of(document);
    sources[source] = {std::move(streams)};
  }
  JsonObject root;
  root["schema"] = {std::string(kSchema)};
  root["sources"] = {std::move(sources)};
  return to_json({std::move(root)});
}

const AcceptedDocuments& TrustState::of(const std::string& source) const {
  static const AcceptedDocuments kNone;
  const auto found = sources_.find(source);
  return found == sources_.end() ? kNone : found->second;
}

bool TrustState::accept(const std::string& source, const AcceptedDocuments& documents) {
  bool changed = false;
  AcceptedDocuments& known = sources_[source];
  for (const auto& [stream, document] : documents) {
    AcceptedDocument& last = known[stream];
    // The same text under an older signature is no news.
    if (document.sha256 == last.sha256 && document.signed_at < last.signed_at) continue;
    changed = changed || last != document;
    last = document;
  }
  return changed;
}

}  // namespace streamsync
