#pragma once

#include <memory>

#include "objects/object_store.h"

namespace streamsync {

/// A container or bucket that was not there when this was made, and is gone with it.
class ObjectStoreUnderTest {
 public:
  virtual ~ObjectStoreUnderTest() = default;

  virtual std::shared_ptr<ObjectStore> open() = 0;
};

/// Each implementation is linked to the suite in a program of its own.
std::unique_ptr<ObjectStoreUnderTest> object_store_under_test();

}  // namespace streamsync
