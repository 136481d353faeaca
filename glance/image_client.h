#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/http/url.h"
#include "base/io/bytes.h"
#include "base/time.h"
#include "keystone/keystone_session.h"
#include "streams/tags.h"

namespace streamsync {

/// An image as Glance v2 shows it.
struct Image {
  std::string id, name, status, visibility, owner;
  std::string disk_format, container_format;
  std::string checksum;  ///< md5, empty until active
  std::string os_hash_algo, os_hash_value;
  bool os_hidden = false;
  bool is_protected = false;
  std::uint64_t size = 0;
  std::optional<Time> created_at, updated_at;
  Tags properties;  ///< all string members that are not above
};

/// The images of a service, from its endpoint as the catalog has it, with or without /v2.
Url images_below(const Url& endpoint);

/// The calls of Image service v2 that we need, each one request (api-ref/image/v2). Thread-safe.
/// Statuses become `Error`s with origin Target; 4xx that callers act on are in the result instead.
class ImageClient {
 public:
  /// `endpoint` as the catalog has it, with or without /v2.
  ImageClient(KeystoneSession& session, const Url& endpoint);

  /// All pages of the images with `filters` (name=value pairs of the query), 1000 a page.
  std::vector<Image> list(const std::vector<std::pair<std::string, std::string>>& filters);
  /// None for 404. What it gives has that id.
  std::optional<Image> find(const std::string& id);

  enum class Created { Yes, IdTaken, InDoubt };
  struct Creation {
    Created created;
    std::string named{};           ///< InDoubt: the id that the answer has, which may be anybody's
    std::optional<Error> doubt{};  ///< InDoubt: in what the answer is not what was asked for
  };
  /// POST with these members. 409 is `IdTaken`; a lost answer is too, on the repetition. What
  /// stands before Glance may damage a request or an answer; which of them it was is for the caller
  /// to find out: `InDoubt`.
  Creation create(const std::map<std::string, std::string>& members, const Tags& properties);

  enum class Uploaded { Yes, NotQueued };
  /// PUT data with Content-Length. 409 is `NotQueued`; 404 and 410, of an image that was deleted
  /// meanwhile, are Transient: another one can be made. Tried once.
  Uploaded upload(const std::string& id, ByteSource& bytes, std::uint64_t size);
  void download(const std::string& id, ByteSink& bytes);

  /// Sets these members and properties, and takes `dropped` away, in one PATCH, all or none. Gives
  /// the image as it is then; it is an error when it does not have them, or has one of the others.
  Image change(const std::string& id, const std::map<std::string, std::string>& values,
               const std::set<std::string>& dropped = {});
  enum class Removed { Yes, InUse };
  /// 404 and 410 are fine. 409 is `InUse`: the store keeps what others are made from.
  Removed remove(const std::string& id);
  /// The same after a failure, which is what has to be reported: an image that can't be deleted now
  /// is found by the next listing, and no error.
  void discard(const std::string& id);

  /// What begins all URLs of images; one's own follows with its id.
  std::string url_prefix() const;

 private:
  Url image_url(std::string_view id, std::string_view rest = {}) const;

  KeystoneSession& session_;
  Url images_;
};

}  // namespace streamsync
