#include "s3/bucket_page.h"

#include <string>

#include "base/error.h"
#include "base/text.h"
#include "s3/answer_xml.h"

namespace streamsync {
namespace {

[[noreturn]] void refuse(const std::string& what) {
  throw Error(ErrorKind::Protocol, Origin::Target, "the object store answered with " + what);
}

ListedObject object_of(std::string_view xml) {
  const auto name = element_text(xml, "Key");
  const auto size = parse_decimal(element_text(xml, "Size").value_or(""));
  if (!name || name->empty()) refuse("an object without a key");
  if (!size) refuse("an object without a size");
  return {*name, *size};
}

}  // namespace

std::vector<ListedObject> read_bucket_page(std::string_view xml) {
  const auto listing = elements(xml, "ListBucketResult");
  if (listing.size() != 1) refuse("something that is no listing");
  std::vector<ListedObject> objects;
  for (const auto object : elements(listing.front(), "Contents")) {
    objects.push_back(object_of(object));
  }
  return objects;
}

}  // namespace streamsync
