#pragma once

#include <stop_token>

#include "base/http/http_client.h"

namespace streamsync {

/// Answers `request`, whose URL is a file URL, as a server of static files would: 200 with the
/// content where `choose` says (not for HEAD), 404 where nothing is, 403 for what is not a readable
/// regular file, 405 for methods that would change it.
Response answer_from_file(const Request& request, const BodyChoice& choose, std::stop_token stop);

}  // namespace streamsync
