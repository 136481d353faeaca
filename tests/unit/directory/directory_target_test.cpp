#include "directory/directory_target.h"

#include <sys/stat.h>

#include <fmt/format.h>

#include <catch2/catch.hpp>

#include <algorithm>
#include <barrier>
#include <fstream>
#include <future>
#include <iterator>
#include <memory>

#include "base/crypto/digest.h"
#include "base/error.h"
#include "tests/unit/base/failure.h"
#include "tests/unit/base/temporary_directory.h"
#include "tests/unit/http/kept_bytes.h"

namespace streamsync {
namespace {

BlobSpec blob(const std::string& version, const std::string& path, const std::string& content) {
  const auto digest = digest_of(DigestAlgorithm::Sha256, content);
  return {{{"com.example:download", "p", version, "a"},
           {{"path", path}, {"size", std::to_string(content.size())}, {"sha256", digest.hex()}},
           RelativePath::parse(path)},
          {content.size(), digest, std::nullopt}};
}

Held put(DirectoryTarget& target, const BlobSpec& spec, const std::string& content) {
  target.announce({spec});
  TextSource bytes(content);
  Held held = target.stage(spec, bytes);
  target.settle({&held, 1});
  target.reveal(held);
  target.all_revealed();
  return held;
}

class FailingSource final : public ByteSource {
 public:
  std::size_t read(MutableBytes) override {
    throw Error(ErrorKind::Corrupt, Origin::Source, "not what was promised");
  }
};

}  // namespace

TEST_CASE("items and documents lie at the paths of their stream") {
  const TemporaryDirectory root;
  DirectoryTarget target(root.path());
  CHECK(put(target, blob("1", "x/a.img", "aaa"), "aaa").placement == "x/a.img");
  CHECK(read_file(root / "x/a.img") == "aaa");
  target.write("streams/v1/index.json", spool_of("{}"));
  CHECK(read_file(root / "streams/v1/index.json") == "{}");
}

TEST_CASE("what a killed run left is known by its record") {
  const TemporaryDirectory root;
  DirectoryTarget target(root.path());
  target.announce({blob("1", "x/a.img", "aaa")});
  std::filesystem::create_directories(root.path() / "x");
  std::ofstream(root.path() / "x/a.img.part") << "a";
  const auto inventory = target.inventory();
  REQUIRE(inventory.size() == 1);
  CHECK(inventory[0].state == HeldState::Incomplete);
  target.remove(inventory[0]);
  target.all_removed();
  CHECK(target.inventory().empty());
  CHECK_FALSE(std::filesystem::exists(root.path() / "x"));
}

TEST_CASE("one at a time writes to a tree") {
  const TemporaryDirectory root;
  auto first = std::make_unique<DirectoryTarget>(root.path());
  const auto spec = blob("1", "x/a.img", "aaa");
  first->claim();
  DirectoryTarget second(root.path());
  CHECK(second.inventory().empty());
  const Error error = failure_of([&] { second.claim(); });
  CHECK(error.kind() == ErrorKind::Busy);
  CHECK_THAT(error.what(), Catch::Contains(root.path().string()));
  first->claim();
  first.reset();
  second.claim();
  CHECK(put(second, spec, "aaa").placement == "x/a.img");
}

TEST_CASE("a cut file is not held") {
  const TemporaryDirectory root;
  DirectoryTarget target(root.path());
  put(target, blob("1", "x/a.img", "aaa"), "aaa");
  std::filesystem::resize_file(root.path() / "x/a.img", 2);
  REQUIRE(target.inventory().size() == 1);
  CHECK(target.inventory()[0].state == HeldState::Incomplete);
}

TEST_CASE("the record of upstream's tool is read as it is") {
  const TemporaryDirectory root;
  std::filesystem::create_directories(root.path() / ".data");
  std::ofstream(root.path() / ".data/references.json") << R"({"x/a.img": []})";
  std::ofstream(root.path() / ".data/com.example:download") << R"({
 "content_id": "com.example:download", "datatype": "image-downloads", "format": "products:1.0",
 "products": {"p": {"arch": "amd64", "versions": {"1": {"items": {"a": {
   "md5": "47bce5c74f589f4867dbd57e9ca9f808", "path": "x/a.img", "size": 3}}}}}}})";
  std::filesystem::create_directories(root.path() / "x");
  std::ofstream(root.path() / "x/a.img") << "aaa";
  DirectoryTarget target(root.path());
  const auto inventory = target.inventory();
  REQUIRE(inventory.size() == 1);
  CHECK(inventory[0].state == HeldState::Present);
  CHECK(tag(inventory[0].item.tags, "arch") == "amd64");
}

TEST_CASE("two items that share a path are one file") {
  const TemporaryDirectory root;
  DirectoryTarget target(root.path());
  put(target, blob("1", "x/a.img", "aaa"), "aaa");
  FailingSource never_read;
  const auto second = blob("2", "x/a.img", "aaa");
  target.announce({second});
  CHECK(target.stage(second, never_read).placement == "x/a.img");
  CHECK(target.inventory().size() == 2);
}

TEST_CASE("what comes to another path replaces nothing before it is asked to") {
  const TemporaryDirectory root;
  DirectoryTarget target(root.path());
  const Held old = put(target, blob("1", "x/a.img", "aaa"), "aaa");
  const auto moved = blob("1", "y/a.img", "bbbb");
  target.announce({moved});
  CHECK(read_file(root / "x/a.img") == "aaa");
  SECTION("it does not come") {
    DirectoryTarget next(root.path());
    const auto held = next.inventory();
    REQUIRE(held.size() == 2);
    CHECK(held[0].item.key == held[1].item.key);
  }
  SECTION("it comes") {
    put(target, moved, "bbbb");
    CHECK(target.inventory().size() == 2);
    target.remove(old);
    target.all_removed();
    const auto held = DirectoryTarget(root.path()).inventory();
    REQUIRE(held.size() == 1);
    CHECK(held[0].placement == "y/a.img");
    CHECK(held[0].state == HeldState::Present);
    CHECK_FALSE(std::filesystem::exists(root.path() / "x"));
  }
}

TEST_CASE("what comes to a path that is taken replaces the old file when it is shown") {
  const TemporaryDirectory root;
  DirectoryTarget target(root.path());
  put(target, blob("1", "x/a.img", "aaa"), "aaa");
  // Of the same size: only the record tells them apart.
  const auto coming = blob(GENERATE("1", "2"), "x/a.img", "bbb");
  target.announce({coming});
  TextSource bytes("bbb");
  const Held staged = target.stage(coming, bytes);
  target.settle({&staged, 1});
  CHECK(read_file(root / "x/a.img") == "aaa");
  const auto is_recorded = [&root](const BlobSpec& spec) {
    const auto held = DirectoryTarget(root.path()).inventory();
    return held.size() == 1 && held[0].state == HeldState::Present &&
           held[0].item.key == spec.item.key &&
           content_of(held[0].item).strongest == spec.content.strongest;
  };
  CHECK(is_recorded(blob("1", "x/a.img", "aaa")));
  target.reveal(staged);
  CHECK(read_file(root / "x/a.img") == "bbb");
  target.all_revealed();
  CHECK(is_recorded(coming));
}

TEST_CASE("what comes to a path that is taken is not linked there") {
  const TemporaryDirectory root;
  DirectoryTarget target(root.path());
  put(target, blob("1", "x/a.img", "aaa"), "aaa");
  const Held other = put(target, blob("2", "x/b.img", "bbb"), "bbb");
  const auto coming = blob("1", "x/a.img", "bbb");
  target.announce({coming});
  CHECK_FALSE(target.link(other, coming));
  CHECK(read_file(root / "x/a.img") == "aaa");
}

TEST_CASE("what a killed run has replaced and not recorded stays until its item comes again") {
  const TemporaryDirectory root;
  put(*std::make_unique<DirectoryTarget>(root.path()), blob("1", "x/a.img", "aaa"), "aaa");
  write_file(root / "x/a.img", "bbbb");
  DirectoryTarget target(root.path());
  const auto coming = blob(GENERATE("1", "2"), "x/a.img", "bbbb");
  target.announce({coming});
  CHECK(read_file(root / "x/a.img") == "bbbb");
  // Else it would be begun for ever at the path of another item.
  CHECK(DirectoryTarget(root.path()).inventory().empty());
  put(target, coming, "bbbb");
  const auto held = DirectoryTarget(root.path()).inventory();
  REQUIRE(held.size() == 1);
  CHECK(held[0].item.key == coming.item.key);
  CHECK(held[0].state == HeldState::Present);
}

TEST_CASE("a file that is shown for another item is not removed") {
  const TemporaryDirectory root;
  DirectoryTarget target(root.path());
  put(target, blob("1", "x/a.img", "aaa"), "aaa");
  auto other = blob("2", "x/a.img", "bbbb");
  other.item.key.content_id = "com.example:daily";
  const Held shown = put(target, other, "bbbb");
  const auto held = target.inventory();
  REQUIRE(held.size() == 2);
  const auto begun = std::find_if(held.begin(), held.end(), [](const Held& each) {
    return each.state == HeldState::Incomplete;
  });
  REQUIRE(begun != held.end());
  target.remove(*begun);
  target.all_removed();
  CHECK(read_file(root / "x/a.img") == "bbbb");
  CHECK(target.inventory().size() == 1);
  target.remove(shown);
  target.all_removed();
  CHECK_FALSE(std::filesystem::exists(root / "x/a.img"));
}

TEST_CASE("a content_id can't leave the directory of records") {
  const TemporaryDirectory root;
  DirectoryTarget target(root.path() / "tree");
  auto spec = blob("1", "x/a.img", "aaa");
  spec.item.key.content_id = "../../evil";
  put(target, spec, "aaa");
  CHECK(std::distance(std::filesystem::directory_iterator(root.path()), {}) == 1);
  CHECK(target.inventory().size() == 1);
}

TEST_CASE("a link in the tree is not followed") {
  const TemporaryDirectory root;
  const TemporaryDirectory victim;
  DirectoryTarget target(root.path());
  std::filesystem::create_directory_symlink(victim.path(), root.path() / "x");
  const auto spec = blob("1", "x/a.img", "aaa");
  TextSource bytes("aaa");
  CHECK_THROWS_AS(target.stage(spec, bytes), Error);
  CHECK(std::filesystem::is_empty(victim.path()));
}

TEST_CASE("bytes that are there under another path are linked, when they still are right") {
  const TemporaryDirectory root;
  DirectoryTarget target(root.path());
  const Held present = put(target, blob("1", "x/a.img", "aaa"), "aaa");
  const auto second = blob("2", "y/b.img", "aaa");
  target.announce({second});
  SECTION("right") {
    const auto linked = target.link(present, second);
    REQUIRE(linked);
    target.settle({&*linked, 1});
    target.reveal(*linked);
    CHECK(read_file(root / "y/b.img") == "aaa");
    CHECK(std::filesystem::equivalent(root / "x/a.img", root / "y/b.img"));
    target.remove(present);
    target.all_removed();
    CHECK(read_file(root / "y/b.img") == "aaa");
  }
  SECTION("not where they are already: another item may have the path") {
    const auto neighbour = put(target, blob("3", "y/b.img", "aaa"), "aaa");
    DirectoryTarget next(root.path());
    CHECK(next.link(present, second)->placement == neighbour.placement);
    CHECK_FALSE(std::filesystem::equivalent(root / "x/a.img", root / "y/b.img"));
  }
  SECTION("damaged") {
    std::ofstream(root / "x/a.img") << "aab";
    CHECK_FALSE(target.link(present, second));
    CHECK_FALSE(std::filesystem::exists(root / "y/b.img"));
  }
  SECTION("gone") {
    std::filesystem::remove(root / "x/a.img");
    CHECK_FALSE(target.link(present, second));
  }
  SECTION("in place of a wrong file") {
    std::filesystem::create_directories(root.path() / "y");
    std::ofstream(root / "y/b.img") << "something else";
    CHECK(target.link(present, second));
    CHECK(read_file(root / "y/b.img") == "aaa");
  }
}

TEST_CASE("what somebody has copied to its place is taken over when it is right") {
  const TemporaryDirectory root;
  std::filesystem::create_directories(root.path() / "x");
  DirectoryTarget target(root.path());
  const auto coming = blob("1", "x/a.img", "aaa");
  const auto there = [&target] { return target.inventory(); };
  SECTION("right") {
    write_file(root / "x/a.img", "aaa");
    write_file(root / "x/a.img.part", "b");
    target.announce({coming});
    CHECK(there().empty());
    const auto held = target.take_over(coming);
    REQUIRE(held);
    CHECK(there().empty());
    target.settle({&*held, 1});
    target.reveal(*held);
    target.all_revealed();
    CHECK(read_file(root / "x/a.img") == "aaa");
    REQUIRE(there().size() == 1);
    CHECK(there()[0].state == HeldState::Present);
    CHECK_FALSE(std::filesystem::exists(root / "x/a.img.part"));
  }
  SECTION("not when it is wrong: it stays until its item comes") {
    const std::string other = GENERATE("aab", "aa", "");
    write_file(root / "x/a.img", other);
    target.announce({coming});
    CHECK_FALSE(target.take_over(coming));
    CHECK(read_file(root / "x/a.img") == other);
    CHECK(there().empty());
  }
  SECTION("not when others may not read it") {
    ::umask(S_IWGRP | S_IWOTH);
    write_file(root / "x/a.img", "aaa");
    std::filesystem::permissions(root / "x/a.img", std::filesystem::perms::owner_read);
    target.announce({coming});
    CHECK_FALSE(target.take_over(coming));
    const auto again = blob("2", "x/b.img", "aaa");
    const Held other = put(target, again, "aaa");
    REQUIRE(target.link(other, coming));
    CHECK(std::filesystem::equivalent(root / "x/a.img", root / "x/b.img"));
  }
  SECTION("not when it is only begun") {
    write_file(root / "x/a.img.part", "aaa");
    target.announce({coming});
    CHECK_FALSE(target.take_over(coming));
  }
  SECTION("nothing") { CHECK_FALSE(target.take_over(coming)); }
}

TEST_CASE("what is being shown can be copied from all the while") {
  constexpr int kItems = 4000;
  const TemporaryDirectory root;
  DirectoryTarget target(root.path());
  std::vector<Held> staged;
  for (int item = 0; item < kItems; ++item) {
    const auto spec = blob(std::to_string(item), fmt::format("x/{}.img", item), "aaa");
    TextSource bytes("aaa");
    staged.push_back(target.stage(spec, bytes));
  }
  std::barrier both_are_here(2);
  auto copied = std::async(std::launch::async, [&] {
    KeptBytes all;
    std::string failure;
    for (const auto& held : staged) {
      both_are_here.arrive_and_wait();
      try {
        target.copy_out(held, all);
      } catch (const std::exception& error) {
        failure = error.what();
      }
    }
    return all.text() + failure;
  });
  for (const auto& held : staged) {
    both_are_here.arrive_and_wait();
    CHECK_NOTHROW(target.reveal(held));
  }
  CHECK(copied.get() == std::string(3 * kItems, 'a'));
}

TEST_CASE("what was staged and not settled is hashed by the next run") {
  const TemporaryDirectory root;
  const auto spec = blob("1", "x/a.img", "aaa");
  {
    DirectoryTarget killed(root.path());
    killed.announce({spec});
    TextSource bytes("aaa");
    killed.stage(spec, bytes);
  }
  DirectoryTarget target(root.path());
  const auto held = target.inventory();
  REQUIRE(held.size() == 1);
  CHECK(held[0].state == HeldState::Unrevealed);
  SECTION("right") { CHECK(target.verify_unrevealed(held[0], spec)); }
  SECTION("lost in a power failure") {
    std::ofstream(root / "x/a.img.part") << std::string(3, '\0');
    CHECK_FALSE(target.verify_unrevealed(held[0], spec));
    CHECK_FALSE(std::filesystem::exists(root / "x/a.img.part"));
  }
}

TEST_CASE("planning makes nothing") {
  const TemporaryDirectory root;
  DirectoryTarget target(root.path() / "tree");
  CHECK(target.inventory().empty());
  CHECK_FALSE(std::filesystem::exists(root.path() / "tree"));
}

}  // namespace streamsync
