#pragma once

#include "streams/tags.h"
#include "sync/yaml_map.h"

namespace streamsync {

/// Who else sets the property `latest`.
enum class LatestMark { Free, Ours };

/// `custom_properties` of a configuration, a mapping, a list or a string as the charm has it. What
/// Glance would refuse for each image, or take for something else than a property, is an error of
/// the configuration here: `Error{Config, Config}`.
Tags read_custom_properties(YamlMap& config, LatestMark latest);

}  // namespace streamsync
