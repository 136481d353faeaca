#include "sync/scrub_state.h"

#include <fmt/format.h>

#include <memory>
#include <stdexcept>
#include <utility>

#include "base/error.h"
#include "streams/json.h"

namespace streamsync {
namespace {

constexpr std::string_view kSchema = "streamsync.scrub/1";

Scrubbed scrubbed_of(const JsonValue& value) {
  const auto& object = std::get<JsonObject>(value.value);
  const auto until = parse_date(std::get<std::string>(object.at("until").value));
  if (!until) throw std::out_of_range("a time is none");
  Scrubbed scrubbed{*until};
  for (const auto& wrong : std::get<JsonArray>(object.at("wrong").value)) {
    scrubbed.wrong.insert(std::get<std::string>(wrong.value));
  }
  return scrubbed;
}

}  // namespace

ScrubState ScrubState::parse(std::string_view json, const std::string& file) {
  try {
    JsonReader reader(std::make_unique<TextSource>(json), file);
    const JsonValue root = reader.value();
    reader.finish();
    const auto& object = std::get<JsonObject>(root.value);
    if (std::get<std::string>(object.at("schema").value) != kSchema) {
      throw std::out_of_range("another schema");
    }
    ScrubState state;
    for (const auto& [name, scrubbed] : std::get<JsonObject>(object.at("destinations").value)) {
      state.replace(name, scrubbed_of(scrubbed));
    }
    return state;
  } catch (const std::exception& error) {
    throw Error(ErrorKind::Config, Origin::Local,
                fmt::format("{}: is damaged or of another version ({})", file, error.what()));
  }
}

std::string ScrubState::str() const {
  JsonObject destinations;
  for (const auto& [name, scrubbed] : destinations_) {
    JsonArray wrong;
    for (const auto& placement : scrubbed.wrong) wrong.push_back({placement});
    JsonObject told;
    told["until"] = {to_rfc3339(scrubbed.until)};
    told["wrong"] = {std::move(wrong)};
    destinations[name] = {std::move(told)};
  }
  JsonObject root;
  root["schema"] = {std::string(kSchema)};
  root["destinations"] = {std::move(destinations)};
  return to_json({std::move(root)});
}

std::optional<Scrubbed> ScrubState::of(const std::string& destination) const {
  const auto found = destinations_.find(destination);
  return found == destinations_.end() ? std::nullopt : std::optional(found->second);
}

void ScrubState::replace(const std::string& destination, Scrubbed scrubbed) {
  destinations_.insert_or_assign(destination, std::move(scrubbed));
}

}  // namespace streamsync
