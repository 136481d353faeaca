// Indexes that others may have written over: whatever stands there, ours is a readable index with
// our entry, and the entries of others are as they were.

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "streams/image_ids.h"
#include "streams/json.h"
#include "tests/fuzz/property.h"

namespace streamsync {
namespace {

const ImageIdsStream kStream{"auto.sync", "cloud", "RegionOne", "https://keystone.example/v3"};
const std::vector<PublishedImage> kImages = {
    {"com.ubuntu.cloud:server:22.04:amd64", "20240101", "disk1.img", {{"id", "0001"}}}};
const Time kThen{std::chrono::seconds(1'700'000'000)};
const Time kLater{std::chrono::seconds(1'800'000'000)};

std::optional<JsonObject> object_of(std::string_view text) {
  std::optional<JsonObject> object;
  taken(ErrorKind::Malformed, Origin::Source, [&] {
    JsonReader reader(std::make_unique<TextSource>(text), "document");
    JsonValue value = reader.value();
    reader.finish();
    if (value.object() != nullptr) object = std::move(*value.object());
  });
  return object;
}

/// The entries of an index, none when it is none.
std::optional<JsonObject> entries_of(std::string_view text) {
  auto document = object_of(text);
  if (!document || (*document)["format"] != JsonValue{"index:1.0"}) return std::nullopt;
  JsonObject* entries = (*document)["index"].object();
  if (entries == nullptr) return std::nullopt;
  return std::move(*entries);
}

void check_rendering(std::string_view current, const std::vector<PublishedImage>& images) {
  const std::string rendered = render_index(kStream, images, current, {kThen, kThen});
  auto entries = entries_of(rendered);
  require(entries.has_value(), "an index can be read");
  require(entries->erase(kStream.content_id) == (images.empty() ? 0U : 1U),
          "our entry stands there when there are images");
  // Of what can't be read any more as much is kept as can be.
  if (object_of(current)) {
    JsonObject foreign = entries_of(current).value_or(JsonObject{});
    foreign.erase(kStream.content_id);
    require(*entries == foreign, "entries of others are kept");
  }

  const std::string again = render_index(kStream, images, rendered, {kThen, kThen});
  require(again == rendered, "an index is rendered from itself as itself");
  const std::string later = render_index(kStream, images, rendered, {kLater, kLater});
  require(later != rendered && same_but_for_updated(later, rendered),
          "time alone makes no difference");
  require(same_but_for_updated(current, rendered) == same_but_for_updated(rendered, current),
          "sameness has no direction");
}

}  // namespace
}  // namespace streamsync

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view current = streamsync::input(data, size);
  streamsync::check_rendering(current, streamsync::kImages);
  streamsync::check_rendering(current, {});
  return 0;
}
