#include "streams/published_documents.h"

#include <fmt/format.h>

#include <utility>

#include "base/error.h"

namespace streamsync {

std::optional<FetchedDocument> PublishedDocuments::fetch(const RelativePath& path,
                                                         const Validator& known) {
  auto state = target_.read(path.str(), known);
  if (std::holds_alternative<Unchanged>(state)) return std::nullopt;
  if (const auto* document = std::get_if<FetchedDocument>(&state)) {
    // What is verified and what is parsed then are the same bytes, whoever writes there meanwhile.
    FetchedDocument own{{}, document->validator};
    copy(*document->bytes.reader(), own.bytes);
    return own;
  }
  throw Error(ErrorKind::NotFound, Origin::Target, fmt::format("{}: is not there", describe(path)));
}

bool PublishedDocuments::has(const RelativePath& path) {
  return !std::holds_alternative<Absent>(target_.read(path.str(), {}));
}

std::string PublishedDocuments::describe(const RelativePath& path) const {
  return fmt::format("{}/{}", target_.describe(), path.str());
}

}  // namespace streamsync
