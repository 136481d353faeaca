#pragma once

#include <optional>
#include <string_view>

#include "streams/index.h"

namespace streamsync {

/// The consumers that a tree is for. What one family publishes breaks the readers of another one
/// (`consumers.md` §1.4), so two never share a root (§4, line 11). In the order in which the
/// entries of one index decide: a stream of downloads may name images beside them.
enum class StreamFamily { OpenStack, LxdIncus, Maas };

/// By what the index names; none when that is nothing known.
std::optional<StreamFamily> family_of(const Index& index);

/// For people: "OpenStack", "LXD and Incus", "MAAS".
std::string_view to_string(StreamFamily family) noexcept;

}  // namespace streamsync
