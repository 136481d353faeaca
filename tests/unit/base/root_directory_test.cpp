#include "base/io/root_directory.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <cerrno>
#include <exception>
#include <filesystem>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/io/local_error.h"
#include "tests/unit/base/failure.h"
#include "tests/unit/base/temporary_directory.h"

using namespace streamsync;
namespace fs = std::filesystem;

namespace {

std::string read_through(ByteSource& source) { return read_all(source, 1'000'000); }

unsigned mode_of(const fs::path& path) {
  return static_cast<unsigned>(fs::status(path).permissions());
}

/// Answers ENOSYS to openat2 in the calling thread, as a kernel before 5.6 does.
void forget_openat2() {
  std::array<sock_filter, 4> program = {{
      {BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, nr)},
      {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, SYS_openat2},
      {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | ENOSYS},
      {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
  }};
  const sock_fprog filter = {program.size(), program.data()};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) {
    throw std::runtime_error("this machine allows no seccomp filter");
  }
  if (::syscall(SYS_openat2, 0, "", nullptr, 0) != -1 || errno != ENOSYS) {
    throw std::runtime_error("openat2 still answers");
  }
}

enum class Kernel { WithOpenat2, WithoutOpenat2 };

/// Runs `action` as if on that kernel.
template <typename Action>
void on(Kernel kernel, Action action) {
  std::exception_ptr failure;
  std::jthread([&] {
    try {
      if (kernel == Kernel::WithoutOpenat2) forget_openat2();
      action();
    } catch (...) {
      failure = std::current_exception();
    }
  }).join();
  if (failure != nullptr) std::rethrow_exception(failure);
}

Kernel any_kernel() { return GENERATE(Kernel::WithOpenat2, Kernel::WithoutOpenat2); }

}  // namespace

TEST_CASE("files are written, read and removed below the root") {
  const TemporaryDirectory place;
  const fs::path top = place / "tree";
  on(any_kernel(), [&] {
    const RootDirectory root(top);
    root.write("a/b/c.json", "one");
    root.write("a/d", "");
    root.write("flat", "three");
    CHECK(read_file(top / "a/b/c.json") == "one");
    CHECK(root.read("a/b/c.json") == "one");
    CHECK(read_through(*root.open("flat")) == "three");
    CHECK(root.size_of("a/b/c.json") == 3);
    CHECK(root.size_of("a/d") == 0);

    root.write("a/b/c.json", "two, longer");
    CHECK(root.read("a/b/c.json") == "two, longer");

    root.remove("a/b/c.json");
    CHECK_FALSE(fs::exists(top / "a/b"));
    CHECK(fs::exists(top / "a/d"));
    root.remove("a/d");
    CHECK_FALSE(fs::exists(top / "a"));
    root.remove("a/d");
    CHECK(root.read("flat") == "three");
  });
}

TEST_CASE("sizes of files are told directory by directory") {
  const TemporaryDirectory place;
  on(any_kernel(), [&] {
    const RootDirectory root(place.path());
    root.write("a/one", "1");
    root.write("a/two", "22");
    root.write("a/b/three", "333");
    root.write("four", "4444");
    fs::create_symlink("one", place / "a/link");
    FileSizes sizes(root);
    CHECK(sizes.of("a/one") == 1);
    CHECK(sizes.of("a/none") == std::nullopt);
    CHECK(failure_of([&] { sizes.of("a/link"); }).kind() == ErrorKind::Untrusted);
    CHECK(failure_of([&] { sizes.of("a/.."); }).kind() == ErrorKind::Untrusted);
    CHECK(sizes.of("a/two") == 2);
    CHECK(sizes.of("none/one") == std::nullopt);
    CHECK(sizes.of("none/two") == std::nullopt);
    CHECK(sizes.of("a/b/three") == 3);
    CHECK(sizes.of("four") == 4);
    CHECK(sizes.of("a") == std::nullopt);
  });
}

TEST_CASE("what is not there is absent, not an error") {
  const TemporaryDirectory place;
  on(any_kernel(), [&] {
    const RootDirectory root(place.path());
    root.write("file", "x");
    for (const char* name : {"none", "no/such/file", "file/below"}) {
      CAPTURE(name);
      CHECK(root.size_of(name) == std::nullopt);
      CHECK(root.read(name) == std::nullopt);
      CHECK_NOTHROW(root.remove(name));
      const Error error = failure_of([&] { root.open(name); });
      CHECK(error.kind() == ErrorKind::NotFound);
      CHECK(error.origin() == Origin::Local);
      CHECK_THAT(error.what(), Catch::Contains(name));
    }
  });
}

TEST_CASE("a file appears only when it is finished") {
  const TemporaryDirectory place;
  const RootDirectory root(place.path());
  root.write("x/item", "old");
  {
    const auto sink = root.create("x/item");
    sink->write(as_bytes("ne"));
    sink->write(as_bytes("w"));
    CHECK(root.read("x/item") == "old");
    CHECK(read_file(place / "x/item.part") == "new");
    SECTION("finished") {
      sink->finish();
      CHECK(root.read("x/item") == "new");
    }
    SECTION("given up") {}
  }
  CHECK_FALSE(fs::exists(place / "x/item.part"));
  CHECK(root.size_of("x/item") == 3);
}

TEST_CASE("regular files of one directory are listed, sorted, each time") {
  const TemporaryDirectory place;
  on(any_kernel(), [&] {
    const RootDirectory root(place / "tree");
    for (const char* name : {"b", "a", "sub/c", "sub/below/d"}) root.write(name, "x");
    fs::create_symlink("a", place / "tree/link");
    using Names = std::vector<std::string>;
    for (int times = 0; times < 2; ++times) {
      CHECK(root.names_in("") == Names{"a", "b"});
      CHECK(root.names_in("sub") == Names{"c"});
    }
    CHECK(root.names_in("none").empty());
    CHECK(root.names_in("a").empty());
    CHECK_THROWS_AS(root.names_in("../tree"), Error);
    fs::create_directory_symlink(place.path(), place / "tree/elsewhere");
    CHECK(failure_of([&] { root.names_in("elsewhere"); }).kind() == ErrorKind::Untrusted);
    fs::remove_all(place / "tree");
  });
}

TEST_CASE("a stale partial file is started anew, and removed with its file") {
  const TemporaryDirectory place;
  const RootDirectory root(place.path());
  write_file(place / "item.part", "a longer rest of a killed run");
  SECTION("started anew") {
    root.write("item", "new");
    CHECK(root.read("item") == "new");
    CHECK_FALSE(fs::exists(place / "item.part"));
  }
  SECTION("removed") {
    root.remove("item");
    CHECK_FALSE(fs::exists(place / "item.part"));
  }
}

TEST_CASE("a partial file is gone on with, and stays when that ends too early") {
  const TemporaryDirectory place;
  const RootDirectory root(place.path());
  TextSource beginning("0123456");
  root.resume("a/file", 0)->write_all(beginning);
  CHECK(root.read(RootDirectory::part_of("a/file")) == "0123456");
  CHECK_FALSE(root.size_of("a/file"));
  {
    const auto rest = root.resume("a/file", 4);
    CHECK(root.size_of(RootDirectory::part_of("a/file")) == 4U);
    TextSource more("xyz");
    rest->write_all(more);
    rest->finish();
  }
  CHECK_FALSE(root.size_of("a/file"));
  CHECK(root.show_part("a/file"));
  CHECK(root.read("a/file") == "0123xyz");
  CHECK_FALSE(root.size_of(RootDirectory::part_of("a/file")));
  CHECK_FALSE(root.show_part("a/file"));
  const Error error = failure_of([&] { root.resume("a/file", 1); });
  CHECK(error.kind() == ErrorKind::Transient);
}

TEST_CASE("a part without a byte stays only when it is finished") {
  const TemporaryDirectory place;
  const RootDirectory root(place.path());
  root.resume("file", 0);
  CHECK_FALSE(root.size_of(RootDirectory::part_of("file")));
  root.resume("file", 0)->finish();
  CHECK(root.size_of(RootDirectory::part_of("file")) == 0U);
}

TEST_CASE("a file can have a second name") {
  const TemporaryDirectory place;
  const RootDirectory root(place.path());
  root.write("a/file", "content");
  root.link("a/file", "b/c/file");
  CHECK(root.read("b/c/file") == "content");
  CHECK(fs::hard_link_count(place / "a/file") == 2);
  CHECK_THROWS_AS(root.link("a/file", "b/c/file"), Error);
  CHECK_THROWS_AS(root.link("a/nothing", "d"), Error);
  CHECK_THROWS_AS(root.link("a/file", "../d"), Error);
}

TEST_CASE("no symbolic link below the root is followed") {
  const TemporaryDirectory place;
  const fs::path top = place / "tree";
  const fs::path victim = place / "victim";
  fs::create_directories(top);
  fs::create_directories(victim);
  write_file(victim / "file", "untouched");
  const Kernel kernel = any_kernel();

  const auto refused = [&](const std::string& name) {
    on(kernel, [&] {
      const RootDirectory root(top);
      CHECK(failure_of([&] { root.write(name, "evil"); }).kind() == ErrorKind::Untrusted);
      CHECK(failure_of([&] { root.read(name); }).kind() == ErrorKind::Untrusted);
      CHECK(failure_of([&] { root.open(name); }).kind() == ErrorKind::Untrusted);
      CHECK(failure_of([&] { root.size_of(name); }).kind() == ErrorKind::Untrusted);
    });
  };
  SECTION("as a directory") {
    fs::create_directory_symlink(victim, top / "files");
    refused("files/file");
    on(kernel, [&] { CHECK_THROWS_AS(RootDirectory(top).remove("files/file"), Error); });
  }
  SECTION("as a directory further up") {
    fs::create_directory_symlink(place.path(), top / "files");
    refused("files/victim/file");
  }
  SECTION("as the file") {
    fs::create_symlink(victim / "file", top / "file");
    refused("file");
  }
  SECTION("to a place inside the root") {
    fs::create_directories(top / "real");
    fs::create_directory_symlink("real", top / "files");
    refused("files/file");
  }
  SECTION("as the partial file") {
    fs::create_symlink(victim / "file", top / "file.part");
    on(kernel, [&] {
      const RootDirectory root(top);
      CHECK(failure_of([&] { root.write("file", "evil"); }).kind() == ErrorKind::Untrusted);
    });
  }
  SECTION("as a partial file to nowhere") {
    fs::create_symlink(victim / "new", top / "file.part");
    on(kernel, [&] { CHECK_THROWS_AS(RootDirectory(top).write("file", "evil"), Error); });
    CHECK_FALSE(fs::exists(victim / "new"));
  }
  CHECK(read_file(victim / "file") == "untouched");
}

TEST_CASE("removing a planted link leaves what it points to") {
  const TemporaryDirectory place;
  const fs::path top = place / "tree";
  const RootDirectory root(top);
  write_file(place / "victim", "untouched");
  fs::create_symlink(place / "victim", top / "file");
  root.remove("file");
  CHECK_FALSE(fs::exists(fs::symlink_status(top / "file")));
  CHECK(read_file(place / "victim") == "untouched");
}

TEST_CASE("a partial file that is none of ours is not written to") {
  const TemporaryDirectory place;
  const fs::path top = place / "tree";
  const RootDirectory root(top);
  SECTION("a second name of another file") {
    write_file(place / "victim", "untouched");
    fs::create_hard_link(place / "victim", top / "file.part");
    CHECK(failure_of([&] { root.write("file", "evil"); }).kind() == ErrorKind::Untrusted);
    CHECK(read_file(place / "victim") == "untouched");
  }
  SECTION("a FIFO, which would hold us") {
    REQUIRE(::mkfifo((top / "file.part").c_str(), 0600) == 0);
    CHECK_THROWS_AS(root.write("file", "evil"), Error);
  }
  SECTION("a directory") {
    fs::create_directory(top / "file.part");
    CHECK_THROWS_AS(root.write("file", "evil"), Error);
  }
}

TEST_CASE("a directory or a FIFO is no file") {
  const TemporaryDirectory place;
  const RootDirectory root(place.path());
  fs::create_directory(place / "directory");
  REQUIRE(::mkfifo((place / "fifo").c_str(), 0600) == 0);
  for (const char* name : {"directory", "fifo"}) {
    CAPTURE(name);
    CHECK(root.size_of(name) == std::nullopt);
    CHECK_THROWS_AS(root.read(name), Error);
    CHECK_THROWS_AS(root.write(name, "x"), Error);
  }
}

TEST_CASE("names that lead elsewhere are refused") {
  const TemporaryDirectory place;
  const RootDirectory root(place / "tree");
  const std::string name = GENERATE(as<std::string>(), "..", "../x", "a/../x", "a/..", "/etc/x",
                                    "a//b", "a/", "./a", "", std::string("a\0b", 3));
  CAPTURE(name);
  CHECK_THROWS_AS(root.write(name, "x"), Error);
  CHECK_THROWS_AS(root.remove(name), Error);
  CHECK(fs::is_empty(place / "tree"));
}

TEST_CASE("the root is made with its parents and its mode") {
  const TemporaryDirectory place;
  const std::string slash = GENERATE(as<std::string>(), "", "/");
  const RootDirectory root((place / "x/y/state").string() + slash, 0700);
  CHECK(mode_of(place / "x/y/state") == 0700);
  root.write("sub/file", "secret");
  CHECK(mode_of(place / "x/y/state/sub") == 0700);
  CHECK(mode_of(place / "x/y/state/sub/file") == 0600);

  const RootDirectory again(place / "x/y/state", 0700);
  CHECK(again.read("sub/file") == "secret");
}

TEST_CASE("a published tree can be read by all") {
  const TemporaryDirectory place;
  const mode_t before = ::umask(022);
  const RootDirectory root(place / "tree");
  root.write("a/file", "x");
  ::umask(before);
  CHECK(mode_of(place / "tree/a") == 0755);
  CHECK(mode_of(place / "tree/a/file") == 0644);
}

TEST_CASE("a root that can't be had says which and why") {
  const TemporaryDirectory place;
  write_file(place / "file", "");
  const Error error = failure_of([&] { const RootDirectory root(place / "file"); });
  CHECK(error.origin() == Origin::Local);
  CHECK_THAT(error.what(), Catch::Contains((place / "file").string()));
  CHECK_THROWS_AS(RootDirectory(place / "file/below"), Error);
}

TEST_CASE("a full disk is NoRoom") {
  // A full file system needs root to mount it, so the meaning of errno is asked directly.
  CHECK(failure_of([] { throw local_error(ENOSPC, "writing x"); }).kind() == ErrorKind::NoRoom);
  CHECK(failure_of([] { throw local_error(EDQUOT, "writing x"); }).kind() == ErrorKind::NoRoom);
  CHECK(failure_of([] { throw local_error(EACCES, "writing x"); }).kind() == ErrorKind::Denied);
  CHECK_THROWS_WITH(throw local_error(ENOSPC, "writing x"), "writing x: No space left on device");
}

TEST_CASE("a root moves") {
  const TemporaryDirectory place;
  RootDirectory first(place / "one");
  first.write("file", "1");
  RootDirectory second(std::move(first));
  CHECK(second.read("file") == "1");
  RootDirectory third(place / "three");
  third = std::move(second);
  CHECK(third.read("file") == "1");
  CHECK(third.path() == place / "one");
}

TEST_CASE("a lock is held by one, and free again after it") {
  const TemporaryDirectory place;
  const fs::path file = place / "lock";
  {
    const FileLock held(file);
    const Error error = failure_of([&] { const FileLock second(file); });
    CHECK(error.kind() == ErrorKind::Busy);
    CHECK(error.origin() == Origin::Local);
    CHECK_THAT(error.what(), Catch::Contains(file.string()));
  }
  CHECK(fs::exists(file));
  CHECK_NOTHROW(FileLock(file));
}

TEST_CASE("lines are added whole, after what was torn") {
  const TemporaryDirectory place;
  const RootDirectory root(place.path(), 0700);
  root.append_lines("log", "one\n");
  root.append_lines("log", "two\nthree\n");
  CHECK(root.read("log") == "one\ntwo\nthree\n");
  fs::resize_file(place / "log", 6);
  root.append_lines("log", "four\n");
  CHECK(root.read("log") == "one\ntw\nfour\n");
  CHECK((fs::status(place / "log").permissions() & fs::perms::all) ==
        (fs::perms::owner_read | fs::perms::owner_write));
}

TEST_CASE("lines are not added to what is not ours") {
  const TemporaryDirectory place;
  const TemporaryDirectory elsewhere;
  write_file(elsewhere / "victim", "untouched\n");
  fs::create_symlink(elsewhere / "victim", place / "log");
  fs::create_hard_link(elsewhere / "victim", place / "other");
  const RootDirectory root(place.path());
  CHECK(failure_of([&] { root.append_lines("log", "x\n"); }).kind() == ErrorKind::Untrusted);
  CHECK(failure_of([&] { root.append_lines("other", "x\n"); }).kind() == ErrorKind::Untrusted);
  CHECK(read_file(elsewhere / "victim") == "untouched\n");
}
