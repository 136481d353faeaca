#include "sync/report.h"

#include <rapidjson/document.h>

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "tests/unit/http/kept_bytes.h"

namespace streamsync {
namespace {

const std::string kSha256(64, 'a');
const std::string kSha512(128, 'b');

Item item_with(const Tags& tags) {
  Item item;
  item.key = {"stream", "product", "20210601", "disk1.img"};
  item.tags = tags;
  return item;
}

RunReport with_action(Action action) {
  RunReport report;
  DestinationReport destination;
  destination.target = "glance";
  destination.actions.push_back(std::move(action));
  destination.results.emplace_back();
  report.destinations.push_back(std::move(destination));
  return report;
}

std::string json_of(const RunReport& report, ReportedActions actions = ReportedActions::All) {
  KeptBytes kept;
  write_json(report, actions, kept);
  return kept.text();
}

/// The value of the first member of that name; empty when there is none.
std::string member_of(const RunReport& report, const std::string& name) {
  const auto json = json_of(report);
  const auto opening = "\"" + name + "\": \"";
  const auto at = json.find(opening);
  if (at == std::string::npos) return {};
  const auto begin = at + opening.size();
  return json.substr(begin, json.find('"', begin) - begin);
}

std::string sha256_in(Action action) { return member_of(with_action(std::move(action)), "sha256"); }

std::string status_of(const MirrorReport& mirror) {
  RunReport report;
  report.mirrors.push_back(mirror);
  return member_of(report, "status");
}

Action bringing(const Tags& tags) {
  Action action;
  action.kind = ActionKind::Create;
  const auto item = item_with(tags);
  action.blob = std::make_shared<const BlobSpec>(BlobSpec{item, content_of(item)});
  return action;
}

Action of_held(ActionKind kind, const Tags& tags) {
  Action action;
  action.kind = kind;
  action.held = std::make_shared<const Held>(
      Held{.item = item_with(tags), .placement = "id", .name = "name"});
  return action;
}

}  // namespace

TEST_CASE("an action tells the item's sha256, whatever decides about the bytes") {
  CHECK(sha256_in(bringing({{"size", "1"}, {"sha256", kSha256}})) == kSha256);
  CHECK(sha256_in(bringing({{"size", "1"}, {"sha256", kSha256}, {"sha512", kSha512}})) == kSha256);
  CHECK(sha256_in(bringing({{"size", "1"}, {"sha512", kSha512}})).empty());
  for (const auto kind : {ActionKind::Keep, ActionKind::Remove, ActionKind::Hide}) {
    CHECK(sha256_in(of_held(kind, {{"sha256", kSha256}})) == kSha256);
    CHECK(sha256_in(of_held(kind, {{"md5", "x"}})).empty());
    CHECK(sha256_in(of_held(kind, {{"sha256", "no digest"}})).empty());
  }
}

TEST_CASE("a report of the news lists what is in place in its totals only") {
  Action in_place = of_held(ActionKind::Keep, {{"sha256", kSha256}});
  in_place.is_news = false;
  auto report = with_action(std::move(in_place));
  report.destinations[0].results[0].status = ActionStatus::Done;
  CHECK_THAT(json_of(report), Catch::Contains(kSha256) && Catch::Contains("\"kept\": 1"));
  CHECK_THAT(json_of(report, ReportedActions::News),
             Catch::Contains("\"actions\": []") && Catch::Contains("\"kept\": 1"));
  report.destinations[0].actions[0].is_news = true;
  CHECK(json_of(report, ReportedActions::News) == json_of(report));
}

TEST_CASE("an entry that was not read has no status") {
  MirrorReport mirror{.name = "a", .url = "http://h/"};
  CHECK(status_of(mirror).empty());
  mirror.is_read = true;
  CHECK(status_of(mirror) == "ok");
  mirror.error = Error(ErrorKind::Transient, Origin::Source, "gone");
  CHECK(status_of(mirror) == "failed");
  mirror.is_read = false;
  CHECK(status_of(mirror) == "failed");
}

TEST_CASE("a report that is lost is an error beside those of the run") {
  RunReport report;
  report.unwritten = Error(ErrorKind::NoRoom, Origin::Local, "the disk is full");
  CHECK(report.exit_status() == ExitStatus::NoRoom);
  CHECK(report.verdict() == "the disk is full; add room, then run again");
  report.mirrors.push_back({.name = "m", .url = "http://h/"});
  report.mirrors.back().error = Error(ErrorKind::Untrusted, Origin::Source, "a bad signature");
  CHECK(report.exit_status() == ExitStatus::Refused);
  CHECK_THAT(report.verdict(), Catch::StartsWith("a bad signature"));
}

TEST_CASE("any text stands in a report as it is, escaped where JSON wants it") {
  const std::vector<std::string> texts = {"",
                                          "plain",
                                          "a \"quote\"",
                                          "back\\slash",
                                          "\x01\n\t",
                                          "gr\xC3\xBCn",
                                          "a rubout \x7F",
                                          "\xC2\x9B",
                                          "\"at the front",
                                          "at the end\\"};
  RunReport report;
  MirrorReport mirror{.name = "m", .url = "http://h/"};
  mirror.warnings = texts;
  report.mirrors.push_back(mirror);
  const auto json = json_of(report);
  rapidjson::Document document;
  document.Parse(json.c_str());
  REQUIRE_FALSE(document.HasParseError());
  const auto& warnings = document["mirrors"][0]["warnings"];
  REQUIRE(warnings.Size() == texts.size());
  for (rapidjson::SizeType index = 0; index < warnings.Size(); ++index) {
    CHECK(warnings[index].GetString() == texts[index]);
  }
  CHECK(json.find('\x7F') == std::string::npos);
  CHECK(json.find("\n      \"warnings\": [\n        \"\",\n        \"plain\",\n") !=
        std::string::npos);
}

}  // namespace streamsync
