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

// Signatures do not matter: all that can follow is a refusal. What can't be read is nobody's, and
// is replaced.
std::optional<StreamFamily> family_of(const std::string& path, Spool index) {
  try {
    return family_of(read_index(accept_unverified(std::move(index), path), path));
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace

std::optional<StreamFamily> family_of(const std::vector<const Catalog*>& catalogs) {
  std::optional<StreamFamily> family;
  for (const auto* catalog : catalogs) {
    for (const auto& document : catalog->documents) {
      if (document.holds_products()) continue;
      family = std::max(family, family_of(read_index(document.text, document.path.str())));
    }
  }
  return family;
}

std::optional<Error> family_conflict(MetadataTarget& root, std::optional<StreamFamily> coming) {
  if (!coming) return std::nullopt;
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
                                     Spool index, std::optional<StreamFamily> coming) {
  const auto there = family_of(path, std::move(index));
  if (!coming || !there || there == coming) return std::nullopt;
  return Error(ErrorKind::Conflict, Origin::Target,
               fmt::format("{}: {} names a stream for {}, and what would come is for {}; readers "
                           "of the one fail at the other, so give each a place of its own",
                           root.describe(), path, to_string(*there), to_string(*coming)));
}

}  // namespace streamsync
