#pragma once

#include <cstddef>
#include <functional>

namespace streamsync {

/// Calls `work` for the numbers from `first` to before `last`, share by share, until all below
/// `count` are done: one share in this thread, the others beside it, or in this one where there can
/// be no other. Throws what one of them has thrown.
void in_shares(std::size_t count, std::size_t share,
               const std::function<void(std::size_t first, std::size_t last)>& work);

}  // namespace streamsync
