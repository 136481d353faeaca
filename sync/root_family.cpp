#include "sync/root_family.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <variant>

namespace streamsync {
namespace {

// Where readers begin; the signed one may be of another family than the unsigned one.
const std::array<std::string, 2> kIndexes{"streams/v1/index.sjson", "streams/v1/index.json"};

// Of what stays there. Signatures do not matter: all that can follow is a refusal. What can't be
// read is nobody's, and is replaced.
std::optional<StreamFamily> family_beside(const ComingStreams& coming, const std::string& path,
                                          Spool text) {
  try {
    auto index = read_index(accept_unverified(std::move(text), path), path);
    std::erase_if(index.entries, [&coming](const IndexEntry& entry) {
      return coming.content_ids.contains(entry.content_id);
    });
    return family_of(index);
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace

ComingStreams coming_from(const std::vector<const Catalog*>& catalogs) {
  ComingStreams coming;
  for (const auto* catalog : catalogs) {
    for (const auto& document : catalog->documents) {
      if (document.holds_products()) continue;
      const auto index = read_index(document.text, document.path.str());
      coming.family = std::max(coming.family, family_of(index));
      for (const auto& entry : index.entries) coming.content_ids.insert(entry.content_id);
    }
  }
  return coming;
}

std::optional<Error> family_conflict(MetadataTarget& root, const ComingStreams& coming) {
  if (!coming.family) return std::nullopt;
  for (const auto& path : kIndexes) {
    auto state = root.read(path, Validator{});
    auto* document = std::get_if<FetchedDocument>(&state);
    if (document == nullptr) continue;
    auto conflict = family_conflict(root, path, std::move(document->bytes), coming);
    if (conflict) return conflict;
  }
  return std::nullopt;
}

std::optional<Error> family_conflict(const MetadataTarget& root, const std::string& path,
                                     Spool index, const ComingStreams& coming) {
  const auto there = family_beside(coming, path, std::move(index));
  if (!coming.family || !there || there == coming.family) return std::nullopt;
  return Error(ErrorKind::Conflict, Origin::Target,
               fmt::format("{}: {} names a stream for {}, and what would come is for {}; readers "
                           "of the one fail at the other, so give each a place of its own",
                           root.describe(), path, to_string(*there), to_string(*coming.family)));
}

}  // namespace streamsync
