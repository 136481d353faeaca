#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/crypto/openpgp.h"
#include "streams/aliases.h"
#include "streams/products.h"
#include "streams/tags.h"

namespace streamsync {

/// What the versions and items of a products document inherit from, aliases expanded: all that must
/// be known before the first of them can be judged.
struct Outline {
  Aliases aliases;
  ProductsHead head;
  std::map<std::string, Tags, std::less<>> products;
};

/// Passes over the versions. Throws `Error{Malformed, Source}`, as `read_products` does.
Outline read_outline(const TrustedText& text, std::string_view where);

}  // namespace streamsync
