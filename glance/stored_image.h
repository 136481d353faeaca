#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/crypto/digest.h"
#include "glance/image_client.h"
#include "streams/target.h"

/// What an image in Glance is to us, by its own members. All pure.
namespace streamsync {

/// Its data is there and does not change any more.
bool is_complete(const Image& image);
/// Somebody is sending or importing its data, or died doing so.
bool is_being_filled(const Image& image);

/// Nobody but its owner can see it, and its owner only by asking for hidden images: how we create.
bool is_unseen(const Image& image);

/// A new image has it as "true" until it is shown; what shows it takes it away in the same request.
/// It tells what a killed run left from what the operator made private and hidden.
constexpr const char* kUnrevealedProperty = "streamsync_unrevealed";
/// It is hidden because we have not shown it yet, whoever may use it by its id: a run that was
/// killed while it tried the visibility has left it that.
bool is_unrevealed(const Image& image);

/// Set to "true" with os_hidden, and taken away when the image is shown again: it tells what we hid
/// from what the operator hid, also to a run that has lost its state directory.
constexpr const char* kSupersededProperty = "streamsync_superseded";
/// We hid it because it could not be removed.
bool is_hidden_by_us(const Image& image);

/// Those of our marks that it has. An image that is shown is to have none: it would say of one that
/// somebody hides later that we did.
std::set<std::string> marks_of(const Image& image);

/// None for images that are on their way out.
std::optional<HeldState> held_state(const Image& image);

enum class Stored { Right, Wrong, Unknown };

/// Compares what Glance says it stored with what was promised (`cli.md` §4.4). `sent` is a digest
/// of what was sent. `Unknown` asks for the bytes: no digest is comparable, or the signed md5 is
/// not that of Glance, but a stronger one decides.
Stored compare_stored(const Image& image, const ItemContent& promised,
                      const std::optional<Digest>& sent);

/// Set to the digest of what was read back where the signed md5 is not that of Glance, but a
/// stronger one decided: nothing else that Glance tells of the image says so.
constexpr const char* kReadBackProperty = "streamsync_read_back";

/// What Glance tells of the bytes, and what we read back. None where it converted them at import:
/// they are right in another form.
std::vector<Digest> stored_digests(const Image& image, const Item& item);

/// The digest to compute while sending, in the algorithm that Glance names by default, where
/// nothing that is signed can be compared (design: digests nobody compares are not computed).
std::optional<DigestAlgorithm> digest_to_compute(const ItemContent& promised);

}  // namespace streamsync
