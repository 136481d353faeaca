#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "streams/document.h"
#include "sync/published_texts.h"
#include "sync/state_directory.h"

namespace streamsync {

/// A URL of a published tree, and whom it is for: "public", "internal" or "admin".
struct TreeAddress {
  std::string interface, url;
};

enum class Attempts { One, AsConfigured };

/// Where consumers look for the way to a tree.
class StreamRegistry {
 public:
  virtual ~StreamRegistry() = default;

  /// "the catalog's product-streams in RegionOne".
  virtual std::string describe() const = 0;
  /// The URLs that consumers with that interface are given now, as far as is known without asking.
  virtual std::vector<std::string> urls_of(const std::string& interface) = 0;
  /// What anyone gets there who has no credentials: a document, or word that there is none. Throws
  /// for any other answer.
  virtual DocumentState read_as_anyone(const std::string& url, Attempts attempts) = 0;
  struct Change {
    std::set<std::string> written;   ///< interfaces; what was right there stays
    std::vector<std::string> notes;  ///< what people should know of what was there
  };
  /// Gives consumers these URLs from now on.
  virtual Change lead_to(const std::vector<TreeAddress>& addresses) = 0;
};

struct RegisteredAddress {
  TreeAddress address;
  bool changed = false;  ///< by this run
};

struct RegistrationResult {
  std::vector<RegisteredAddress> addresses;
  std::vector<std::string> notes;  ///< for people
};

/// Leads consumers to a tree, but never before it answers them (`consumers.md` §1.2, §4 line 18).
/// While they are led there and nothing else is published, nobody is asked for anything.
class Registration {
 public:
  /// The first of `addresses` is everybody's.
  Registration(std::unique_ptr<StreamRegistry> registry, std::vector<TreeAddress> addresses);

  /// Throws when anyone finds something else at the first address than what was published. `scope`
  /// tells streams apart that have one address.
  void require_readers(const PublishedTexts& published, DocumentCache& cache,
                       const std::string& scope);
  /// After `require_readers`. An address for parts of the cloud that does not answer us at once is
  /// left out, which is told once; where nothing else is to be changed the registry is not asked.
  RegistrationResult bring_up_to_date(const PublishedTexts& published, DocumentCache& cache,
                                      const std::string& scope);

 private:
  std::vector<TreeAddress> wrong() const;
  bool is_right(const TreeAddress& address) const;
  std::optional<Error> silence_of(const TreeAddress& address,
                                  const PublishedTexts& published) const;
  bool is_news(const TreeAddress& address, const std::optional<Error>& silence,
               DocumentCache& cache, const std::string& scope) const;
  void read_all(const std::string& root, const PublishedTexts& published, Attempts attempts) const;
  void require_document(const std::string& url, const std::string& text, Attempts attempts) const;
  void require_absence(const std::string& url, Attempts attempts) const;

  std::unique_ptr<StreamRegistry> registry_;
  std::vector<TreeAddress> addresses_;
};

}  // namespace streamsync
