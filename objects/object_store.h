#pragma once

#include <functional>
#include <string>

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

/// One container of Swift, or one bucket, by the few requests that both have. Names are whole names
/// of objects. Each call is one try, so that who calls knows what is safe to repeat; failures are
/// `Error` with origin Target.
class ObjectStore {
 public:
  virtual ~ObjectStore() = default;

  /// "swift:simplestreams/data/index.json"; without a name the container.
  virtual std::string describe(const std::string& name) const = 0;
  /// Repeats `action`, which must be safe to repeat as a whole, by the policy of the configuration.
  virtual void with_retries(const std::function<void()>& action) = 0;

  virtual Found get(const std::string& name, const Validator& known, ByteSink& bytes) = 0;
  /// Makes the container, readable for everybody, where there is none. Throws Conflict when the
  /// condition does not hold; a store that knows no conditions writes always.
  virtual void put(const std::string& name, const DocumentPut& document) = 0;
};

}  // namespace streamsync
