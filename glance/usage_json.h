#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// The JSON of those who use images: Compute API v2.1 and Block Storage API v3. All pure; anything
/// but what the service is to answer throws `Error{Protocol, Target}`.
namespace streamsync {

/// The id of the first server of a page; none when there is none.
std::optional<std::string> read_first_server(std::string_view json);

struct Volume {
  std::string id;
  std::string image;    ///< id of the image that it was made from; empty when there is none
  std::string project;  ///< id; empty when the service does not tell
};

struct VolumePage {
  std::vector<Volume> volumes;
  bool is_last = true;
};

VolumePage read_volume_page(std::string_view json);

}  // namespace streamsync
