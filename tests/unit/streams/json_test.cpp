#include "streams/json.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>
#include <random>

#include "tests/unit/streams/trusted.h"

using namespace streamsync;

namespace {

// Gives `step` bytes at a time, so that a buffer ends inside of any token.
class SteppingSource final : public ByteSource {
 public:
  SteppingSource(std::string text, std::size_t step) : text_(std::move(text)), step_(step) {}
  std::size_t read(MutableBytes buffer) override {
    const std::size_t size = std::min({step_, buffer.size(), text_.size() - at_});
    std::memcpy(buffer.data(), text_.data() + at_, size);
    at_ += size;
    return size;
  }

 private:
  std::string text_;
  std::size_t step_;
  std::size_t at_ = 0;
};

JsonReader reader_of(const std::string& text, std::size_t step = 100'000) {
  return {std::make_unique<SteppingSource>(text, step), "doc.json"};
}

JsonValue read(const std::string& text, std::size_t step = 100'000) {
  JsonReader json = reader_of(text, step);
  JsonValue value = json.value();
  json.finish();
  return value;
}

// Everything skipped: only checked.
void check(const std::string& text) {
  JsonReader json = reader_of(text);
  json.enter_object("the document");
  while (json.next_key()) {
  }
  json.finish();
}

std::string nested(std::size_t depth) {
  std::string text;
  for (std::size_t i = 0; i != depth; ++i) text += "[";
  for (std::size_t i = 0; i != depth; ++i) text += "]";
  return text;
}

}  // namespace

TEST_CASE("A value is the same however its bytes arrive") {
  const std::string text =
      " {\"a\" : [1, -2.50e+3, 0, true,false , null,\"\"],\t\"\\u00e9\\ud83d\\ude00\": "
      "\"é😀\\n\\\"\","
      "\n\"o\":{\"x\":{}, \"y\":[ ]}}\r\n ";
  const JsonValue whole = read(text);
  const auto step = GENERATE(1, 2, 3, 5, 7);
  REQUIRE(read(text, static_cast<std::size_t>(step)) == whole);
  REQUIRE(
      to_json(whole) ==
      "{\n \"a\": [\n  1,\n  -2.50e+3,\n  0,\n  true,\n  false,\n  null,\n  \"\"\n ],\n \"o\": {\n"
      "  \"x\": {},\n  \"y\": []\n },\n \"é😀\": \"é😀\\n\\\"\"\n}\n");
}

TEST_CASE("What is not JSON is refused with document and byte") {
  const auto [text, why] = GENERATE(table<std::string, std::string>({
      {"", "byte 0: the document is not an object"},
      {"[]", "byte 0: the document is not an object"},
      {"\xEF\xBB\xBF{}", "byte 0: the document is not an object"},
      {"{", "byte 1: a key is missing"},
      {"{a:1}", "byte 1: a key is missing"},
      {"{\"a\":1,}", "byte 7: a key is missing"},
      {"{,\"a\":1}", "byte 1: a key is missing"},
      {"{\"a\"}", "byte 4: ':' is missing"},
      {"{\"a\":}", "byte 5: not JSON"},
      {"{\"a\":1 \"b\":2}", "byte 7: ',' or '}' is missing"},
      {"{\"a\":1", "byte 6: ',' or '}' is missing"},
      {"{\"a\":1]", "byte 6: ',' or '}' is missing"},
      {"{\"a\":\"b", "not JSON"},
      {"{\"a\":01}", "byte 6: ',' or '}' is missing"},
      {"{\"a\":-}", "byte 6: a number lacks digits"},
      {"{\"a\":1.}", "byte 7: a number lacks digits"},
      {"{\"a\":.5}", "byte 5: not JSON"},
      {"{\"a\":1e}", "byte 7: a number lacks digits"},
      {"{\"a\":+1}", "byte 5: not JSON"},
      {"{\"a\":NaN}", "byte 5: not JSON"},
      {"{\"a\":Infinity}", "byte 5: not JSON"},
      {"{\"a\":-Infinity}", "byte 6: a number lacks digits"},
      {"{\"a\":nul}", "not JSON"},
      {"{\"a\":True}", "byte 5: not JSON"},
      {"{\"a\":'b'}", "byte 5: not JSON"},
      {"{\"a\":[1,]}", "not JSON"},
      {"{\"a\":{\"b\" 1}}", "not JSON"},
      {"{} {}", "byte 3: something follows"},
      {"{}x", "byte 2: something follows"},
      {std::string("{}\0", 3), "byte 2: something follows"},
      {std::string("{\"a\":\"\0\"}", 9), "not JSON"},
      {"{\"a\":\"\x01\"}", "not JSON"},
      {"{\"a\":\"\n\"}", "not JSON"},
      {"{\"a\":\"\\x\"}", "not JSON"},
      {"{\"a\":1 /* c */}", "',' or '}' is missing"},
  }));
  CAPTURE(text);
  REQUIRE_THROWS_MATCHES(check(text), Error, refusal("doc.json: "));
  REQUIRE_THROWS_MATCHES(check(text), Error, refusal(why));
}

TEST_CASE("Text must be valid UTF-8 without lone surrogates, in keys, values and skipped parts") {
  const std::string bad =
      GENERATE(as<std::string>(), "\xff", "\xc0\x80", "\xed\xa0\x80", "\xe2\x82",
               "\xf5\x80\x80\x80", "\\ud800", "\\udc00", "\\ud800\\u0041");
  CAPTURE(bad);
  REQUIRE_THROWS_MATCHES(check("{\"" + bad + "\":1}"), Error, refusal("doc.json"));
  REQUIRE_THROWS_MATCHES(check("{\"a\":\"" + bad + "\"}"), Error, refusal("doc.json"));
  REQUIRE_THROWS_MATCHES(check("{\"a\":[{\"" + bad + "\":1}]}"), Error, refusal("doc.json"));
  REQUIRE_THROWS_MATCHES(read("[\"" + bad + "\"]"), Error, refusal("doc.json"));
}

TEST_CASE("A document that ends inside of a character is refused") {
  REQUIRE_THROWS_MATCHES(check("{\"a\":\"\xe2"), Error, refusal("not JSON"));
}

TEST_CASE("A key twice in an entered object is refused, also when it is written differently") {
  REQUIRE_THROWS_MATCHES(check(R"({"a":1,"b":2,"a":3})"), Error,
                         refusal(R"(the key "a" stands twice)"));
  REQUIRE_THROWS_MATCHES(check(R"({"a":1,"\u0061":3})"), Error, refusal("stands twice"));
  REQUIRE_THROWS_MATCHES(read(R"({"o":{"a":1,"a":1}})"), Error, refusal("stands twice"));
  REQUIRE_NOTHROW(read(R"({"a":{"a":1},"b":{"a":1}})"));
}

TEST_CASE("A key twice is refused however many there are and however they are sorted") {
  const auto count = static_cast<std::size_t>(GENERATE(2, 23, 24, 25, 26, 500));
  std::vector<std::string> keys;
  for (std::size_t i = 0; i != count; ++i) keys.push_back("k" + std::to_string(i));
  const auto order = GENERATE(0, 1, 2);
  if (order == 1) std::reverse(keys.begin(), keys.end());
  if (order == 2) std::shuffle(keys.begin(), keys.end(), std::mt19937(3));
  const auto text_of = [](const std::vector<std::string>& members) {
    std::string text;
    for (const auto& key : members) text += (text.empty() ? "{\"" : ",\"") + key + "\":{}";
    return text + "}";
  };
  REQUIRE_NOTHROW(check(text_of(keys)));
  for (const std::size_t twice : {std::size_t{0}, count / 2, count - 1}) {
    auto members = keys;
    members.push_back(keys[twice]);
    REQUIRE_THROWS_MATCHES(check(text_of(members)), Error,
                           refusal("the key \"" + keys[twice] + "\" stands twice"));
  }
}

TEST_CASE("An object that many keys were read of leaves none to the next") {
  std::string object;
  for (int i = 0; i != 100; ++i) {
    object += (i == 0 ? "{\"" : ",\"") + std::string(100, 'k') + std::to_string(i) + "\":{\"k\":1}";
  }
  REQUIRE_NOTHROW(read("[" + object + "}," + object + "}]"));
}

TEST_CASE("A key is good until the next one of its object") {
  const auto step = static_cast<std::size_t>(GENERATE(1, 5, 100'000));
  JsonReader json = reader_of(
      R"({"outer \u00e9": {"inner": {"a": 1, "b": "text"}, "other": [2]}, "next": 3})", step);
  json.enter_object("the document");
  const auto outer = json.next_key();
  json.enter_object("a value");
  const auto inner = json.next_key();
  json.enter_object("a value");
  while (json.next_key()) json.scalar_view();
  REQUIRE(*inner == "inner");
  while (json.next_key()) {
  }
  REQUIRE(*outer == "outer é");
  REQUIRE(*json.next_key() == "next");
}

TEST_CASE("Scalars are the same as views, wherever a buffer ends") {
  const std::string text =
      R"({"s":"plain","e":"\u00e9","u":"é","i":123,"z":0,"m":-0,"n":-17,"f":1.50,"x":1e3,)"
      R"("l":18446744073709551616,"t":true,"f2":false,"o":{},"n2":null,"empty":""})";
  const auto step = static_cast<std::size_t>(GENERATE(1, 2, 3, 7, 100'000));
  JsonReader views = reader_of(text, step);
  JsonReader scalars = reader_of(text);
  views.enter_object("the document");
  scalars.enter_object("the document");
  std::string all;
  while (const auto key = views.next_key()) {
    REQUIRE(scalars.next_key() == key);
    const auto scalar = scalars.scalar();
    const auto view = views.scalar_view();
    REQUIRE(view.has_value() == scalar.has_value());
    if (!view) continue;
    REQUIRE(view->kind == scalar->kind);
    REQUIRE(view->text == scalar->text);
    all += std::string(view->text) + " ";
  }
  REQUIRE(all == "plain é é 123 0 0 -17 1.5 1000.0 18446744073709551616 True False  ");
}

TEST_CASE("Depth is limited in every way to read a value") {
  REQUIRE_NOTHROW(read(nested(32)));
  REQUIRE_THROWS_MATCHES(read(nested(33)), Error, refusal("nested deeper than 32"));
  REQUIRE_NOTHROW(check("{\"a\":" + nested(31) + "}"));
  REQUIRE_THROWS_MATCHES(check("{\"a\":" + nested(32) + "}"), Error,
                         refusal("nested deeper than 32"));
  REQUIRE_THROWS_MATCHES(check("{\"a\":" + nested(1'000'000) + "}"), Error,
                         refusal("nested deeper than 32"));
}

TEST_CASE("Keys, strings and numbers are limited") {
  const std::string longest(JsonReader::kMaxString - 2, 'x');
  const std::string key(JsonReader::kMaxKey, 'k');
  const std::string digits(JsonReader::kMaxNumber, '9');
  REQUIRE_NOTHROW(read("\"" + longest + "\""));
  REQUIRE_NOTHROW(read("{\"" + key + "\":" + digits + "}"));
  REQUIRE_THROWS_MATCHES(read("\"" + longest + "x\""), Error, refusal("a string of more than"));
  REQUIRE_THROWS_MATCHES(read("{\"" + key + "k\":1}"), Error, refusal("a key of more than"));
  REQUIRE_THROWS_MATCHES(read(digits + "9"), Error, refusal("a number of more than"));
  REQUIRE_THROWS_MATCHES(check("{\"a\":[\"" + longest + "x\"]}"), Error,
                         refusal("a string of more than"));
}

TEST_CASE("A string without an end is refused before it is in memory") {
  class Endless final : public ByteSource {
   public:
    std::size_t read(MutableBytes buffer) override {
      std::memset(buffer.data(), given_ == 0 ? '"' : 'x', 1);
      std::memset(buffer.data() + 1, 'x', buffer.size() - 1);
      given_ += buffer.size();
      REQUIRE(given_ < 4 * JsonReader::kMaxString);
      return buffer.size();
    }

   private:
    std::size_t given_ = 0;
  };
  JsonReader json(std::make_unique<Endless>(), "doc.json");
  REQUIRE_THROWS_MATCHES(json.value(), Error, refusal("a string of more than"));
}

TEST_CASE("Keys and scalars of open objects are limited together") {
  std::string text = "{";
  for (int i = 0; i != 100'000; ++i) text += "\"" + std::to_string(i) + "\":1,";
  REQUIRE_THROWS_MATCHES(check(text + "\"x\":1}"), Error, refusal("of keys and values"));
}

TEST_CASE("Blanks between values have no limit") {
  REQUIRE_NOTHROW(check("{\"a\":" + std::string(3 * JsonReader::kMaxString, ' ') + "1}"));
}

TEST_CASE("Scalars come with their kind, as Python writes them, and the rest is invisible") {
  JsonReader json =
      reader_of(R"({"s":"x","i":100,"f":1.50,"t":true,"n":null,"l":[1],"o":{"s":"x"},"e":""})");
  json.enter_object("the document");
  std::map<std::string, std::string> texts;
  std::map<std::string, JsonScalar::Kind> kinds;
  while (const auto key = json.next_key()) {
    const auto scalar = json.scalar();
    if (!scalar) continue;
    texts[std::string(*key)] = scalar->text;
    kinds[std::string(*key)] = scalar->kind;
  }
  json.finish();
  REQUIRE(texts == std::map<std::string, std::string>{
                       {"e", ""}, {"f", "1.5"}, {"i", "100"}, {"s", "x"}, {"t", "True"}});
  REQUIRE(kinds["s"] == JsonScalar::Kind::String);
  REQUIRE(kinds["i"] == JsonScalar::Kind::Number);
  REQUIRE(kinds["t"] == JsonScalar::Kind::Boolean);
}

TEST_CASE("Passing over finds the end of a value by its brackets") {
  const auto step = static_cast<std::size_t>(GENERATE(1, 3, 100'000));
  JsonReader json = reader_of(
      R"({"a": {"x":"}]\"{", "y":[{"\\":"\\"}]}, "b" : [[],"]"] ,"c":"s","d":17,"e":"end"})", step);
  json.enter_object("the document");
  std::string seen;
  std::optional<JsonScalar> last;
  while (const auto key = json.next_key()) {
    seen += *key;
    if (*key == "e") {
      last = json.scalar();
    } else {
      json.pass_over();
    }
  }
  json.finish();
  REQUIRE(seen == "abcde");
  REQUIRE(last->text == "end");
}

TEST_CASE("Passing over what has no end is refused") {
  JsonReader json = reader_of(R"({"a": {"x": "}")");
  json.enter_object("the document");
  json.next_key();
  REQUIRE_THROWS_MATCHES(json.pass_over(), Error, refusal("ends too early"));
}
