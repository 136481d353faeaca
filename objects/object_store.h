#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/crypto/digest.h"
#include "base/io/bytes.h"
#include "base/io/spool.h"
#include "streams/document.h"

namespace streamsync {

/// What must be so for a document to be replaced, where the store can tell (RFC 9110 §13.1).
struct WriteCondition {
  enum class Kind { Always, Absent, Unchanged } kind = Kind::Always;
  std::string etag{};  ///< of what is to be replaced, for `Unchanged`
};

/// A document on its way into a store.
struct DocumentPut {
  const Spool& content;
  std::string content_type;
  WriteCondition condition{};
};

/// What a GET found; `validator` only where there is something.
struct Found {
  enum class State { Absent, Unchanged, Given } state = State::Absent;
  Validator validator{};
};

/// A part of a large object as the store has it.
struct StoredPart {
  std::uint64_t size = 0;
  Digest md5;
  bool operator==(const StoredPart&) const = default;
};

/// An object as a listing shows it.
struct ListedObject {
  std::string name;
  std::uint64_t size = 0;
};

/// An object that is too large for one request, and shows only when it is complete. Its parts stay
/// when nobody goes on with them, also beyond the end of the process. Parts count from 1.
class LargeObject {
 public:
  virtual ~LargeObject() = default;

  /// What an earlier attempt left of a part; asked of the store by name, never read from a listing
  /// (`threats-and-faults.md` F27).
  virtual std::optional<StoredPart> part(unsigned number) = 0;
  /// Says what the store has got.
  virtual StoredPart put_part(unsigned number, ByteSource& bytes, std::uint64_t size) = 0;
  /// Shows the object. May be repeated.
  virtual void complete(const std::vector<StoredPart>& parts) = 0;
  /// Removes all parts, and what they were for. May be repeated.
  virtual void sweep() = 0;
};

/// Where a large object and its parts are.
struct LargeObjectPlace {
  std::string name;
  std::string parts;  ///< prefix of names that no other object has, nor this one with other content
  unsigned count = 0;
  std::uint64_t size = 0;
  std::uint64_t part_size = 0;  ///< of all but the last
};

/// One container of Swift, or one bucket, by the few requests that both have. Names are whole names
/// of objects. Each call is one try, so that who calls knows what is safe to repeat; failures are
/// `Error` with origin Target. Thread-safe but for documents, which are one thread's.
class ObjectStore {
 public:
  virtual ~ObjectStore() = default;

  /// "swift:simplestreams/data/index.json"; without a name the container.
  virtual std::string describe(const std::string& name) const = 0;
  /// Repeats `action`, which must be safe to repeat as a whole, by the policy of the configuration.
  virtual void with_retries(const std::function<void()>& action) = 0;

  virtual Found get(const std::string& name, const Validator& known, ByteSink& bytes) = 0;
  /// As readers without credentials get it. Throws Denied where they would be refused.
  virtual Found get_as_anyone(const std::string& name, ByteSink& bytes) = 0;
  /// Whether somebody may have kept it from those readers on purpose.
  virtual bool may_be_private() const = 0;
  /// None where there is no such object.
  virtual std::optional<std::uint64_t> size_of(const std::string& name) = 0;
  /// One page, as long as the store likes it, of the objects whose names begin with `prefix` and
  /// come behind `after`, in the order of their bytes; empty when there are none. What it says is
  /// not judged here but for its form, which throws Protocol. A store whose listing may show what
  /// is gone has none (`threats-and-faults.md` F27, docs/adr/0026).
  virtual std::vector<ListedObject> list(const std::string& /*prefix*/,
                                         const std::string& /*after*/) {
    return {};
  }
  /// Makes the container, readable for everybody, where there is none. Throws Conflict when the
  /// condition does not hold; a store that knows no conditions writes always.
  virtual void put(const std::string& name, const DocumentPut& document) = 0;
  /// The object shows when all bytes are there. Says what the store has got.
  virtual StoredPart put(const std::string& name, ByteSource& bytes, std::uint64_t size) = 0;
  /// No error when it is gone already.
  virtual void remove(const std::string& name) = 0;

  virtual std::unique_ptr<LargeObject> large_object(const LargeObjectPlace& place) = 0;
};

}  // namespace streamsync
