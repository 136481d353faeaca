#include "sync/superseded_state.h"

#include <fmt/format.h>

#include <memory>
#include <stdexcept>
#include <utility>

#include "base/error.h"
#include "streams/json.h"

namespace streamsync {
namespace {

constexpr std::string_view kSchema = "streamsync.superseded/1";

Leaving leaving_of(const JsonValue& value) {
  Leaving leaving;
  for (const auto& [placement, since] : std::get<JsonObject>(value.value)) {
    const auto time = parse_date(std::get<std::string>(since.value));
    if (!time) throw std::out_of_range("a time is none");
    leaving.emplace(placement, *time);
  }
  return leaving;
}

}  // namespace

SupersededState SupersededState::parse(std::string_view json, const std::string& file) {
  try {
    JsonReader reader(std::make_unique<TextSource>(json), file);
    const JsonValue root = reader.value();
    reader.finish();
    const auto& object = std::get<JsonObject>(root.value);
    if (std::get<std::string>(object.at("schema").value) != kSchema) {
      throw std::out_of_range("another schema");
    }
    SupersededState state;
    for (const auto& [name, leaving] : std::get<JsonObject>(object.at("destinations").value)) {
      state.destinations_.emplace(name, leaving_of(leaving));
    }
    return state;
  } catch (const std::exception& error) {
    throw Error(ErrorKind::Config, Origin::Local,
                fmt::format("{}: is damaged or of another version ({})", file, error.what()));
  }
}

std::string SupersededState::str() const {
  JsonObject destinations;
  for (const auto& [name, leaving] : destinations_) {
    JsonObject since;
    for (const auto& [placement, time] : leaving) since[placement] = {to_rfc3339(time)};
    destinations[name] = {std::move(since)};
  }
  JsonObject root;
  root["schema"] = {std::string(kSchema)};
  root["destinations"] = {std::move(destinations)};
  return to_json({std::move(root)});
}

const Leaving& SupersededState::of(const std::string& destination) const {
  static const Leaving kNothing;
  const auto found = destinations_.find(destination);
  return found == destinations_.end() ? kNothing : found->second;
}

bool SupersededState::replace(const std::string& destination, Leaving leaving) {
  if (leaving == of(destination)) return false;
  if (leaving.empty()) {
    destinations_.erase(destination);
  } else {
    destinations_[destination] = std::move(leaving);
  }
  return true;
}

}  // namespace streamsync
