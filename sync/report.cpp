#include "sync/report.h"

#include <fmt/format.h>
#include <rapidjson/prettywriter.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <utility>

#include "base/text.h"
#include "streams/json_scan.h"
#include "sync/json_stream.h"

// Indentation goes the library's own way for streams that can do better
// (https://rapidjson.org/md_doc_stream.html).
template <>
inline void rapidjson::PutN(streamsync::JsonStream& stream, char c, std::size_t count) {
  stream.put(count, c);
}

namespace streamsync {
namespace {

// RapidJSON looks at each byte of a string for what is to be escaped; nearly all strings of a
// report mean themselves and are copied as a whole.
class JsonWriter : public rapidjson::PrettyWriter<JsonStream> {
 public:
  using PrettyWriter::PrettyWriter;

  // Of a member; a plain one.
  void name(std::string_view name) { plain(name); }
  void string(std::string_view text) {
    if (plain_length(text) == text.size()) return plain(text);
    String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
  }

 private:
  void plain(std::string_view text) {
    PrettyPrefix(rapidjson::kStringType);
    os_->Put('"');
    os_->put(text);
    os_->Put('"');
  }
};

void member(JsonWriter& json, std::string_view name, std::string_view value) {
  json.name(name);
  json.string(value);
}

void member_if(JsonWriter& json, std::string_view name, std::string_view value) {
  if (!value.empty()) {
    member(json, name, value);
  }
}

void member(JsonWriter& json, std::string_view name, std::uint64_t value) {
  json.name(name);
  json.Uint64(value);
}

void members_if(JsonWriter& json, std::string_view name, const std::vector<std::string>& values) {
  if (values.empty()) return;
  json.name(name);
  json.StartArray();
  for (const auto& value : values) json.string(value);
  json.EndArray();
}

void write_error(JsonWriter& json, std::string_view kind, std::string_view message) {
  json.name("error");
  json.StartObject();
  member(json, "kind", kind);
  member(json, "message", message);
  json.EndObject();
}

void write_error(JsonWriter& json, const Error& error) {
  write_error(json, to_string(error.kind()), error.what());
}

// None of one that nobody has asked in this run.
std::string_view status_of(const MirrorReport& mirror) {
  if (!mirror.error) {
    return mirror.is_read ? "ok" : "";
  }
  return exit_status_of(*mirror.error) == ExitStatus::Refused ? "refused" : "failed";
}

void write_mirror(JsonWriter& json, const MirrorReport& mirror) {
  json.StartObject();
  member(json, "name", mirror.name);
  member(json, "url", mirror.url);
  member_if(json, "status", status_of(mirror));
  member_if(json, "content_id", fmt::format("{}", fmt::join(mirror.content_ids, " ")));
  member_if(json, "updated", mirror.updated.value_or(""));
  members_if(json, "signed_by", mirror.signed_by);
  if (mirror.is_stale) {
    json.name("stale");
    json.Bool(true);
  }
  members_if(json, "warnings", mirror.warnings);
  if (mirror.error) {
    write_error(json, *mirror.error);
  }
  json.EndObject();
}

std::string_view to_string(ActionStatus status) {
  switch (status) {
    case ActionStatus::Planned:
      return "planned";
    case ActionStatus::Done:
    case ActionStatus::Withheld:
      return "done";
    case ActionStatus::Failed:
      return "failed";
  }
  return "";
}

std::string image_id_of(const Action& action, const ActionResult& result) {
  const Held* held = held_of(action, result);
  return held != nullptr && held->placement != held->name ? held->placement.str() : "";
}

// The item's own, whatever decides about its bytes.
std::string sha256_of(const Action& action) {
  const Item* item = nullptr;
  if (action.held) item = &action.held->item;
  if (action.blob) item = &action.blob->item;
  if (item == nullptr) return {};
  const auto digest = Digest::parse(DigestAlgorithm::Sha256, tag(item->tags, "sha256"));
  return digest ? digest->hex() : "";
}

void write_action(JsonWriter& json, const DestinationReport& destination, const Action& action,
                  const ActionResult& result) {
  const bool withheld = result.status == ActionStatus::Withheld;
  json.StartObject();
  // A Remove that was withheld has become a Keep.
  member(json, "action", to_string(withheld ? ActionKind::Keep : action.kind));
  member(json, "status", to_string(result.status));
  member(json, "target", destination.target);
  member_if(json, "cloud", destination.cloud);
  member_if(json, "region", destination.region);
  member(json, "content_id", action.key.content_id);
  member(json, "product_name", action.key.product);
  member(json, "version_name", action.key.version);
  member(json, "item_name", action.key.item);
  member(json, "name", action.name);
  member_if(json, "image_id", image_id_of(action, result));
  if (action.kind != ActionKind::Skip) {
    member(json, "size", action.size);
  }
  member_if(json, "sha256", sha256_of(action));
  if (result.seconds.count() > 0) {
    json.name("seconds");
    json.Double(result.seconds.count());
  }
  member_if(json, "reason", withheld ? result.withheld_because : action.reason);
  if (result.error) {
    write_error(json, *result.error);
  }
  json.EndObject();
}

// None of one that a run did not come to the end of.
std::string_view status_of(const DestinationReport& destination, const RunReport& report) {
  if (destination.error) return "failed";
  return report.ended_early ? "" : "ok";
}

void write_destination(JsonWriter& json, const DestinationReport& destination,
                       const RunReport& report) {
  json.StartObject();
  member(json, "target", destination.target);
  member_if(json, "cloud", destination.cloud);
  member_if(json, "region", destination.region);
  member_if(json, "status", status_of(destination, report));
  if (destination.error) {
    write_error(json, *destination.error);
  }
  json.EndObject();
}

template <typename Visit>
void visit_actions(const RunReport& report, const Visit& visit) {
  for (const auto& destination : report.destinations) {
    for (std::size_t index = 0; index < destination.actions.size(); ++index) {
      visit(destination, destination.actions[index], destination.results[index]);
    }
  }
}

struct Totals {
  std::uint64_t created = 0, adopted = 0, updated = 0, hidden = 0, removed = 0, kept = 0;
  std::uint64_t failed = 0;
  std::uint64_t read = 0, sent = 0, avoided = 0;  // bytes
};

// Of all items with the same bytes, wherever they went.
struct Traffic {
  std::uint64_t sent = 0;
  std::uint64_t used = 0;  // of what sources gave

  std::uint64_t avoided() const noexcept { return sent - std::min(sent, used); }
};

// Whose action it was that a content was fetched for says nothing: it is booked for all of them.
class TrafficPerContent {
 public:
  void add(const Action& action, const ActionResult& result) {
    auto& traffic = contents_[{action.blob->content.size, action.blob->content.strongest}];
    traffic.used += result.fetched.used;
    if (result.status == ActionStatus::Done && action.kind == ActionKind::Create) {
      traffic.sent += action.size;
    }
  }
  std::uint64_t sent() const {
    std::uint64_t sent = 0;
    for (const auto& [content, traffic] : contents_) sent += traffic.sent;
    return sent;
  }
  std::uint64_t avoided() const {
    std::uint64_t avoided = 0;
    for (const auto& [content, traffic] : contents_) avoided += traffic.avoided();
    return avoided;
  }

 private:
  std::map<std::pair<std::uint64_t, Digest>, Traffic> contents_;
};

Totals totals_of(const RunReport& report) {
  Totals totals;
  TrafficPerContent traffic;
  visit_actions(report, [&](const auto&, const Action& action, const ActionResult& result) {
    const bool done = result.status == ActionStatus::Done;
    totals.failed += result.status == ActionStatus::Failed ? 1U : 0U;
    totals.kept +=
        result.status == ActionStatus::Withheld || (done && action.kind == ActionKind::Keep) ? 1U
                                                                                             : 0U;
    totals.created += done && action.kind == ActionKind::Create ? 1U : 0U;
    totals.adopted += done && action.kind == ActionKind::Adopt ? 1U : 0U;
    totals.updated += done && action.kind == ActionKind::Update ? 1U : 0U;
    totals.hidden += done && action.kind == ActionKind::Hide ? 1U : 0U;
    totals.removed += done && action.kind == ActionKind::Remove ? 1U : 0U;
    totals.read += result.fetched.all;
    if (brings_bytes(action)) traffic.add(action, result);
  });
  totals.sent = traffic.sent();
  totals.avoided = traffic.avoided();
  return totals;
}

void write_totals(JsonWriter& json, const Totals& totals) {
  json.name("totals");
  json.StartObject();
  member(json, "created", totals.created);
  member(json, "adopted", totals.adopted);
  member(json, "updated", totals.updated);
  member(json, "hidden", totals.hidden);
  member(json, "removed", totals.removed);
  member(json, "kept", totals.kept);
  member(json, "failed", totals.failed);
  member(json, "bytes_read", totals.read);
  member(json, "bytes_sent", totals.sent);
  member(json, "bytes_avoided", totals.avoided);
  json.EndObject();
}

// Every error of a run with the status it stands for.
std::vector<std::pair<ExitStatus, const Error*>> errors_of(const RunReport& report) {
  std::vector<std::pair<ExitStatus, const Error*>> errors;
  for (const auto& mirror : report.mirrors) {
    if (mirror.error) {
      errors.emplace_back(exit_status_of(*mirror.error), &*mirror.error);
    }
  }
  for (const auto& destination : report.destinations) {
    if (destination.error) {
      errors.emplace_back(exit_status_of(*destination.error), &*destination.error);
    }
    for (const auto& result : destination.results) {
      if (result.error) {
        errors.emplace_back(exit_status_of_item(*result.error), &*result.error);
      }
    }
  }
  if (report.unwritten) {
    errors.emplace_back(exit_status_of(*report.unwritten), &*report.unwritten);
  }
  return errors;
}

}  // namespace

ExitStatus RunReport::exit_status() const {
  std::set<ExitStatus> found;
  for (const auto& [status, error] : errors_of(*this)) {
    found.insert(status);
  }
  return gravest(found);
}

std::string RunReport::verdict() const {
  const auto errors = errors_of(*this);
  const auto status = exit_status();
  const auto first = std::find_if(errors.begin(), errors.end(),
                                  [status](const auto& one) { return one.first == status; });
  if (first == errors.end()) return {};
  const auto line = with_reaction(*first->second, status);
  if (errors.size() == 1) return line;
  return fmt::format("{} (and {} more; see the lines above)", line, errors.size() - 1);
}

RunReport begin_report(std::string command) {
  RunReport report;
  report.started = now();
  report.command = std::move(command);
  std::random_device random;
  report.run_id = fmt::format("{}-{:08x}", to_rfc3339(report.started), random());
  return report;
}

void write_json(const RunReport& report, ReportedActions actions, ByteSink& to) {
  JsonStream text(to);
  JsonWriter json(text);
  json.SetIndent(' ', 2);
  json.StartObject();
  member(json, "schema", "streamsync.report/1");
  member(json, "run_id", report.run_id);
  member(json, "command", report.command);
  member(json, "started", to_rfc3339(report.started));
  member(json, "finished", to_rfc3339(report.finished));
  json.name("exit_code");
  json.Int(report.ended_early ? report.ended_early->exit_code
                              : static_cast<int>(report.exit_status()));
  if (report.ended_early) {
    write_error(json, report.ended_early->kind, report.ended_early->message);
  }
  json.name("mirrors");
  json.StartArray();
  for (const auto& mirror : report.mirrors) {
    write_mirror(json, mirror);
  }
  json.EndArray();
  json.name("destinations");
  json.StartArray();
  for (const auto& destination : report.destinations) {
    write_destination(json, destination, report);
  }
  json.EndArray();
  json.name("actions");
  json.StartArray();
  visit_actions(report, [&](const auto& destination, const auto& action, const auto& result) {
    if (actions == ReportedActions::News && !action.is_news) return;
    write_action(json, destination, action, result);
  });
  json.EndArray();
  json.name("published");
  json.StartArray();
  for (const auto& destination : report.destinations) {
    for (const auto& document : destination.published) {
      json.StartObject();
      member(json, "target", document.target);
      member_if(json, "cloud", destination.cloud);
      member_if(json, "region", destination.region);
      member(json, "path", document.path);
      json.name("changed");
      json.Bool(document.changed);
      json.EndObject();
    }
  }
  json.EndArray();
  json.name("registered");
  json.StartArray();
  for (const auto& destination : report.destinations) {
    for (const auto& [address, changed] : destination.registered) {
      json.StartObject();
      member(json, "cloud", destination.cloud);
      member(json, "region", destination.region);
      member(json, "interface", address.interface);
      member(json, "url", address.url);
      json.name("changed");
      json.Bool(changed);
      json.EndObject();
    }
  }
  json.EndArray();
  write_totals(json, totals_of(report));
  json.EndObject();
  text.Put('\n');
  text.Flush();
}

std::string place_of(const DestinationReport& destination) {
  if (destination.cloud.empty() && destination.region.empty()) return destination.target;
  if (destination.cloud.empty()) return destination.region;
  return destination.cloud + (destination.region.empty() ? "" : "/" + destination.region);
}

std::string to_text(const RunReport& report) {
  std::string text;
  for (const auto& destination : report.destinations) {
    const auto place =
        report.destinations.size() > 1 ? "  " + printable(place_of(destination)) : std::string();
    for (const auto& action : destination.actions) {
      text += fmt::format("{:<7} {}  {}  ({}){}\n", to_string(action.kind), printable(action.name),
                          human_size(action.size), printable(action.reason), place);
    }
  }
  const auto totals = totals_of(report);
  std::uint64_t create = 0;
  std::uint64_t bytes = 0;
  std::uint64_t update = 0;
  std::uint64_t hide = 0;
  std::uint64_t remove = 0;
  for (const auto& destination : report.destinations) {
    for (const auto& action : destination.actions) {
      create += action.kind == ActionKind::Create ? 1U : 0U;
      bytes += action.kind == ActionKind::Create ? action.size : 0U;
      update += action.kind == ActionKind::Update ? 1U : 0U;
      hide += action.kind == ActionKind::Hide ? 1U : 0U;
      remove += action.kind == ActionKind::Remove ? 1U : 0U;
    }
  }
  text +=
      fmt::format("{} to create ({}), {} to update, {} to hide, {} to remove, {} can't be had\n",
                  create, human_size(bytes), update, hide, remove, totals.failed);
  return text;
}

}  // namespace streamsync
