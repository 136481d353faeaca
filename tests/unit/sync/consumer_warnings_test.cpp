#include "sync/consumer_warnings.h"

#include <catch2/catch.hpp>

using namespace streamsync;

namespace {

using Lines = std::vector<std::string>;

Item item(const std::string& version, const std::string& name, const std::string& size) {
  return {{"images", "jammy", version, name}, {{"size", size}}, std::nullopt};
}

std::vector<Selection> selection(std::vector<SelectedVersion> versions) {
  std::vector<Selection> selections(1);
  selections[0].products.push_back({"jammy", std::move(versions)});
  return selections;
}

}  // namespace

TEST_CASE("versions that are taken for the newest and are not are told in one line") {
  auto selections = selection({{"20240101.9", {item("20240101.9", "disk1.img", "1")}}});
  CHECK_FALSE(order_warning(selections));
  selections[0].products[0].overtaken = "20240101.10";
  CHECK(order_warning(selections) ==
        "the newest version of 1 product (jammy: 20240101.10 before 20240101.9) is not the latest "
        "by its number: versions are compared by their bytes, here and by those who read them; "
        "to have the later one leave the others out by version_name in item_filters");
}

TEST_CASE("items that Multipass can't count the bytes of are told in one line") {
  const auto just_right = item("20240101", "disk1.img", "2147483647");
  CHECK(multipass_warnings(selection({{"20240101", {just_right}}})).empty());

  const auto too_large = item("20240102", "disk1.img", "2147483648");
  CHECK(multipass_warnings(selection({{"20240102", {too_large}}, {"20240101", {just_right}}})) ==
        Lines{"1 item (images jammy 20240102 disk1.img) of 2 GiB or more: Multipass finds nothing "
              "in a stream that names such a one, other readers do"});

  const auto larger = item("20240102", "squashfs", "9000000000");
  CHECK(multipass_warnings(selection({{"20240102", {too_large, larger}}})) ==
        Lines{"2 items (one is images jammy 20240102 disk1.img) of 2 GiB or more: Multipass finds "
              "nothing in a stream that names such a one, other readers do"});

  const auto without_size = item("20240102", "disk1.img", "many");
  CHECK(multipass_warnings(selection({{"20240102", {without_size}}})).empty());
}

TEST_CASE("versions that Multipass would not take for their source's are told in one line") {
  const auto disk = item("20240101", "disk1.img", "1");
  CHECK(multipass_warnings(selection({{"20240101", {disk}, 0}})).empty());
  CHECK(multipass_warnings(selection({{"20240101", {disk}, 1}})) ==
        Lines{"item_filters leave items out of 1 version (jammy 20240101): Multipass takes whole "
              "versions only; if it is to read this tree, filter by product and version"});
}
