#include "base/io/pipe.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <future>
#include <random>
#include <string>
#include <thread>

#include "base/error.h"

using namespace streamsync;

namespace {

constexpr std::size_t kChunk = Pipe::kChunkSize;
constexpr std::uint64_t kPlenty = 100'000'000;
/// After so long without an answer a read is taken for waiting. Too short a time can only hide a
/// fault, never make one up.
constexpr std::chrono::milliseconds kPatience{50};

std::string pattern(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + i * i % 23 % 26);
  return text;
}

/// Writes `text` in pieces of `piece` bytes.
void write_in_pieces(ByteSink& sink, std::string_view text, std::size_t piece) {
  while (!text.empty()) {
    const std::string_view part = text.substr(0, piece);
    sink.write(as_bytes(part));
    text.remove_prefix(part.size());
  }
}

/// Reads `size` bytes, which must come without the writer's `finish`.
std::string read_exactly(ByteSource& source, std::size_t size) {
  std::string text;
  std::vector<std::byte> buffer(size);
  while (text.size() < size) {
    const std::size_t count = source.read(MutableBytes(buffer).first(size - text.size()));
    if (count == 0) break;
    text += as_text(Bytes(buffer).first(count));
  }
  return text;
}

}  // namespace

TEST_CASE("chunks are no larger than all that comes") {
  const auto size = GENERATE(as<std::uint64_t>(), 0, 1, 1000, 4096);
  Pipe pipe(2, 1, {}, size);
  const std::string text = pattern(size);
  pipe.in().write(as_bytes(text));
  pipe.in().finish();
  std::vector<std::byte> unused(kChunk);
  CHECK(as_text(pipe.out(0).next(unused)) == text);
  CHECK(pipe.out(0).next(unused).empty());
}

TEST_CASE("a reader may take chunks where they are") {
  Pipe pipe(4, 1, {});
  const std::string text = pattern(2 * kChunk + 10);
  write_in_pieces(pipe.in(), text, 1000);
  pipe.in().finish();
  std::vector<std::byte> unused(kChunk);
  std::string came;
  for (Bytes bytes = pipe.out(0).next(unused); !bytes.empty(); bytes = pipe.out(0).next(unused)) {
    CHECK(bytes.data() != unused.data());
    came += as_text(bytes);
  }
  CHECK(came == text);
}

TEST_CASE("what came of a slow source's chunk is passed on, but for its end") {
  Pipe pipe(4, 1, {}, kChunk, std::chrono::milliseconds(0));
  const std::string text = pattern(Pipe::kWithheld + 2 * 1000);
  write_in_pieces(pipe.in(), text, 1000);
  // What the last piece makes late is passed on with the next one.
  CHECK(read_exactly(pipe.out(0), 1000) == text.substr(0, 1000));
  pipe.in().finish();
  CHECK(read_exactly(pipe.out(0), text.size() - 1000) == text.substr(1000));
}

TEST_CASE("bytes come out as they went in, however they are cut") {
  const auto size = GENERATE(as<std::size_t>(), 0, 1, kChunk - 1, kChunk, kChunk + 1, 2 * kChunk,
                             7 * kChunk + 123);
  const auto piece = GENERATE(as<std::size_t>(), 1000, kChunk - 1, kChunk, kChunk + 1, 3 * kChunk);
  const auto depth = GENERATE(as<std::size_t>(), 0, 1, 2, 4);
  CAPTURE(size, piece, depth);
  const std::string text = pattern(size);
  Pipe pipe(depth, 1, {});
  std::string received;
  {
    std::jthread reader([&] { received = read_all(pipe.out(0), kPlenty); });
    write_in_pieces(pipe.in(), text, piece);
    pipe.in().finish();
  }
  CHECK((received == text));
}

TEST_CASE("single bytes on both sides") {
  const std::string text = pattern(kChunk + 3);
  Pipe pipe(2, 1, {});
  std::string received;
  {
    std::jthread reader([&] {
      std::array<std::byte, 1> one{};
      while (pipe.out(0).read(one) != 0) received += as_text(one);
    });
    write_in_pieces(pipe.in(), text, 1);
    pipe.in().finish();
  }
  CHECK((received == text));
}

TEST_CASE("the last chunk is withheld until the writer has finished") {
  const auto size = GENERATE(as<std::size_t>(), 1, kChunk - 1, kChunk, 2 * kChunk, 2 * kChunk + 1);
  CAPTURE(size);
  const std::string text = pattern(size);
  const std::size_t given = (size - 1) / kChunk * kChunk;
  std::stop_source stop;
  Pipe pipe(4, 1, stop.get_token());
  pipe.in().write(as_bytes(text));
  CHECK((read_exactly(pipe.out(0), given) == text.substr(0, given)));

  SECTION("then it comes") {
    pipe.in().finish();
    CHECK((read_all(pipe.out(0), kPlenty) == text.substr(given)));
  }
  SECTION("a read before waits") {
    std::promise<void> answered;
    std::jthread patience([&stop, answer = answered.get_future()] {
      if (answer.wait_for(kPatience) == std::future_status::timeout) stop.request_stop();
    });
    std::array<std::byte, 1> one{};
    CHECK_THROWS_AS(pipe.out(0).read(one), Cancelled);
    answered.set_value();
  }
}

TEST_CASE("a failure comes after what came, but for its end") {
  const auto [size, passed] =
      GENERATE(table<std::size_t, std::size_t>({{1, 0},
                                                {Pipe::kWithheld, 0},
                                                {Pipe::kWithheld + 1, 1},
                                                {kChunk, kChunk - Pipe::kWithheld},
                                                {kChunk + 1, kChunk},
                                                {3 * kChunk, 3 * kChunk - Pipe::kWithheld}}));
  const std::string text = pattern(size);
  Pipe pipe(4, 1, {});
  pipe.in().write(as_bytes(text));
  pipe.fail(Error(ErrorKind::Corrupt, Origin::Source, "wrong digest"));
  CHECK(read_exactly(pipe.out(0), passed) == text.substr(0, passed));
  std::array<std::byte, 1> one{};
  CHECK_THROWS_WITH(pipe.out(0).read(one), "wrong digest");
  CHECK_THROWS_WITH(pipe.out(0).read(one), "wrong digest");
}

TEST_CASE("the first failure is the one to report") {
  Pipe pipe(1, 1, {});
  pipe.fail(Error(ErrorKind::Corrupt, Origin::Source, "first"));
  pipe.fail(Error(ErrorKind::Transient, Origin::Source, "second"));
  std::array<std::byte, 1> one{};
  CHECK_THROWS_WITH(pipe.out(0).read(one), "first");
}

TEST_CASE("a failure wakes a waiting reader") {
  Pipe pipe(1, 1, {});
  std::string message;
  const auto reader = std::async(std::launch::async, [&] {
    std::array<std::byte, 1> one{};
    try {
      pipe.out(0).read(one);
    } catch (const Error& error) {
      message = error.what();
    }
  });
  reader.wait_for(kPatience);
  pipe.fail(Error(ErrorKind::Transient, Origin::Source, "cut"));
  reader.wait();
  CHECK(message == "cut");
}

TEST_CASE("a reader that closes ends the writer") {
  SECTION("at its next write") {
    Pipe pipe(4, 1, {});
    pipe.in().write(as_bytes("abc"));
    pipe.close(0);
    CHECK_THROWS_AS(pipe.in().write(as_bytes("d")), PipeClosed);
  }
  SECTION("while it waits for room") {
    const std::string text = pattern(10 * kChunk);
    Pipe pipe(2, 1, {});
    bool closed = false;
    {
      std::jthread writer([&] {
        try {
          pipe.in().write(as_bytes(text));
        } catch (const PipeClosed&) {
          closed = true;
        }
      });
      std::array<std::byte, 100> buffer{};
      pipe.out(0).read(buffer);
      pipe.close(0);
    }
    CHECK(closed);
  }
}

TEST_CASE("every reader gets all bytes, at the pace of the slowest") {
  constexpr std::size_t kDepth = 3;
  constexpr std::size_t kReaders = 3;
  const std::string text = pattern(20 * kChunk + 77);
  Pipe pipe(kDepth, kReaders, {});
  std::array<std::string, kReaders> received;
  std::atomic<std::size_t> slowest{0};
  std::size_t most_ahead = 0;
  {
    std::vector<std::jthread> readers;
    for (std::size_t reader = 0; reader < kReaders; ++reader) {
      readers.emplace_back([&, reader] {
        std::vector<std::byte> buffer(reader == 0 ? 1000 : 2 * kChunk);
        while (const std::size_t count = pipe.out(reader).read(buffer)) {
          received[reader] += as_text(Bytes(buffer).first(count));
          if (reader == 0) slowest += count;
        }
      });
    }
    std::size_t written = 0;
    for (std::string_view rest = text; !rest.empty();) {
      const std::string_view part = rest.substr(0, kChunk);
      pipe.in().write(as_bytes(part));
      rest.remove_prefix(part.size());
      written += part.size();
      most_ahead = std::max(most_ahead, written - slowest);
    }
    pipe.in().finish();
  }
  for (const std::string& each : received) CHECK((each == text));
  // The chunk that the reader has in hands is counted when its last byte was.
  CHECK(most_ahead <= (kDepth + 1) * kChunk);
}

TEST_CASE("a reader that closes stops none of the others") {
  const std::string text = pattern(10 * kChunk);
  Pipe pipe(2, 2, {});
  std::string received;
  {
    std::jthread gone([&] {
      std::array<std::byte, 100> buffer{};
      pipe.out(0).read(buffer);
      pipe.close(0);
    });
    std::jthread reader([&] { received = read_all(pipe.out(1), kPlenty); });
    pipe.in().write(as_bytes(text));
    pipe.in().finish();
  }
  CHECK((received == text));
}

TEST_CASE("the writer ends when the last reader closes") {
  Pipe pipe(4, 2, {});
  pipe.close(1);
  pipe.in().write(as_bytes("abc"));
  pipe.close(0);
  CHECK_THROWS_AS(pipe.in().write(as_bytes("d")), PipeClosed);
}

TEST_CASE("a failure reaches every reader") {
  Pipe pipe(4, 2, {});
  pipe.fail(Error(ErrorKind::Transient, Origin::Source, "cut"));
  std::array<std::byte, 1> one{};
  CHECK_THROWS_WITH(pipe.out(0).read(one), "cut");
  CHECK_THROWS_WITH(pipe.out(1).read(one), "cut");
}

TEST_CASE("a stop ends every wait") {
  std::stop_source stop;
  Pipe pipe(1, 1, stop.get_token());
  bool cancelled = false;
  SECTION("of the reader") {
    const auto reader = std::async(std::launch::async, [&] {
      std::array<std::byte, 1> one{};
      try {
        pipe.out(0).read(one);
      } catch (const Cancelled&) {
        cancelled = true;
      }
    });
    reader.wait_for(kPatience);
    stop.request_stop();
    reader.wait();
    CHECK(cancelled);
  }
  SECTION("of the writer") {
    const std::string text = pattern(5 * kChunk);
    const auto writer = std::async(std::launch::async, [&] {
      try {
        pipe.in().write(as_bytes(text));
      } catch (const Cancelled&) {
        cancelled = true;
      }
    });
    writer.wait_for(kPatience);
    stop.request_stop();
    writer.wait();
    CHECK(cancelled);
  }
  SECTION("and every later call") {
    pipe.in().write(as_bytes("abc"));
    pipe.in().finish();
    stop.request_stop();
    std::array<std::byte, 1> one{};
    CHECK_THROWS_AS(pipe.out(0).read(one), Cancelled);
    CHECK_THROWS_AS(pipe.in().write(as_bytes("d")), Cancelled);
  }
}

TEST_CASE("no more than the agreed chunks are in flight") {
  constexpr std::size_t kDepth = 3;
  std::stop_source stop;
  Pipe pipe(kDepth, 1, stop.get_token());
  std::atomic<std::size_t> written{0};
  const std::string piece = pattern(kChunk);
  std::size_t read = 0;
  std::size_t most_ahead = 0;
  {
    std::jthread writer([&] {
      for (int i = 0; i < 40; ++i) {
        pipe.in().write(as_bytes(piece));
        written += piece.size();
      }
      pipe.in().finish();
    });
    std::vector<std::byte> buffer(kChunk);
    while (const std::size_t count = pipe.out(0).read(buffer)) {
      // What this read gave is still in its chunk, which only the next read frees.
      most_ahead = std::max(most_ahead, written - std::min(read, written.load()));
      read += count;
    }
  }
  CHECK(read == 40 * kChunk);
  CHECK(most_ahead <= kDepth * kChunk);
}

TEST_CASE("random pieces on both sides keep order and count") {
  std::mt19937 random(20161104);
  const std::string text = pattern(20 * kChunk + 77);
  for (std::size_t round = 0; round < 5; ++round) {
    const auto write_seed = random();
    const auto read_seed = random();
    Pipe pipe(1 + round % 3, 1, {});
    std::string received;
    {
      std::jthread reader([&] {
        std::mt19937 sizes(read_seed);
        std::vector<std::byte> buffer(2 * kChunk);
        while (true) {
          const std::size_t wanted = 1 + sizes() % buffer.size();
          const std::size_t count = pipe.out(0).read(MutableBytes(buffer).first(wanted));
          if (count == 0) return;
          received += as_text(Bytes(buffer).first(count));
        }
      });
      std::mt19937 sizes(write_seed);
      std::string_view rest = text;
      while (!rest.empty()) {
        const std::string_view part = rest.substr(0, 1 + sizes() % (2 * kChunk));
        pipe.in().write(as_bytes(part));
        rest.remove_prefix(part.size());
      }
      pipe.in().finish();
    }
    CHECK((received == text));
  }
}
