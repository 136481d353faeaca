#include "sync/ledger.h"

#include <fmt/format.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <memory>
#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "streams/json.h"

namespace streamsync {
namespace {

constexpr std::string_view kFile = "ledger.jsonl";

using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

void put(Writer& writer, const char* key, const std::string& text) {
  writer.Key(key);
  writer.String(text);
}

void put(Writer& writer, const char* key, const std::optional<std::string>& text) {
  if (text) put(writer, key, *text);
}

void put(Writer& writer, const char* key, std::optional<Time> time) {
  if (time) put(writer, key, to_rfc3339(*time));
}

// Throws std::bad_variant_access for what is not of this form.
std::optional<std::string> text_in(const JsonObject& object, std::string_view key) {
  const auto found = object.find(key);
  if (found == object.end()) return std::nullopt;
  return std::get<std::string>(found->second.value);
}

LedgerEntry entry_of(std::string_view line) {
  JsonReader reader(std::make_unique<TextSource>(line), "the line");
  const JsonValue value = reader.value();
  reader.finish();
  const auto& object = std::get<JsonObject>(value.value);
  LedgerEntry entry;
  entry.accepted_at = parse_date(text_in(object, "time").value()).value();
  entry.mirror = text_in(object, "mirror").value();
  entry.url = text_in(object, "url").value();
  entry.stream = text_in(object, "stream").value();
  entry.document = accepted_document_of(object);
  entry.accept_rollback = text_in(object, "accept_rollback");
  entry.accept_unsigned = text_in(object, "accept_unsigned");
  return entry;
}

}  // namespace

std::string to_json(const LedgerEntry& entry) {
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  writer.StartObject();
  put(writer, "time", to_rfc3339(entry.accepted_at));
  put(writer, "mirror", entry.mirror);
  put(writer, "url", entry.url);
  put(writer, "stream", entry.stream);
  put(writer, "updated", entry.document.updated);
  put(writer, "signed_at", entry.document.signed_at);
  put(writer, "sha256", entry.document.sha256);
  writer.Key("signed_by");
  writer.StartArray();
  for (const auto& key : entry.document.signed_by) writer.String(key);
  writer.EndArray();
  put(writer, "accept_rollback", entry.accept_rollback);
  put(writer, "accept_unsigned", entry.accept_unsigned);
  writer.EndObject();
  return without_raw_controls({buffer.GetString(), buffer.GetSize()});
}

void Ledger::append(const std::vector<LedgerEntry>& entries) {
  std::string lines;
  for (const auto& entry : entries) lines.append(to_json(entry)).append("\n");
  if (!lines.empty()) directory_.append_lines(kFile, lines);
}

std::vector<LedgerEntry> Ledger::read() const {
  std::vector<LedgerEntry> entries;
  const auto text = directory_.read(kFile).value_or("");
  const auto lines = split(text, '\n');
  // After the last line end stands nothing, or what a killed run left.
  for (std::size_t number = 1; number < lines.size(); ++number) {
    try {
      entries.push_back(entry_of(lines[number - 1]));
    } catch (const std::exception& error) {
      // A torn line that a later run has closed.
      if (!lines[number - 1].ends_with('}')) continue;
      throw Error(ErrorKind::Config, Origin::Local,
                  fmt::format("{}:{}: no line of a ledger: {}",
                              (directory_.path() / kFile).string(), number, error.what()));
    }
  }
  return entries;
}

}  // namespace streamsync
