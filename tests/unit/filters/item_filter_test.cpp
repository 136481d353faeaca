#include "filters/item_filter.h"

#include <catch2/catch.hpp>
#include <map>
#include <random>

#include "base/error.h"

using namespace streamsync;

namespace {

using Tags = std::map<std::string, std::string, std::less<>>;

TagLookup lookup_in(const Tags& tags) {
  return [&tags](std::string_view key) {
    const auto found = tags.find(key);
    return found == tags.end() ? std::string_view() : std::string_view(found->second);
  };
}

bool holds(std::string_view expression, const Tags& tags) {
  return Filter::parse(expression).matches(lookup_in(tags));
}

auto refusal(const std::string& part) {
  return Catch::Predicate<Error>(
      [part](const Error& error) {
        return error.kind() == ErrorKind::Config && error.origin() == Origin::Config &&
               std::string_view(error.what()).find(part) != std::string_view::npos;
      },
      "is a refusal that says \"" + part + "\"");
}

}  // namespace

TEST_CASE("An expression is KEY OP VALUE, blanks as upstream") {
  // Expression, and the one value of the tag for which it is true.
  const auto [expression, key, value] = GENERATE(table<std::string, std::string, std::string>({
      {"arch=amd64", "arch", "amd64"},
      {"arch = amd64", "arch", "amd64"},
      {"arch   =   amd64", "arch", "amd64"},
      {"arch= amd64 ", "arch", "amd64 "},
      {"arch==amd64", "arch", "=amd64"},
      {"arch=~x", "arch", "~x"},
      {"arch=!x", "arch", "!x"},
      {"arch=a b=c", "arch", "a b=c"},
      {"arch=amd64\nrest", "arch", "amd64"},
      {"arch=", "arch", ""},
      {"os-release=x", "os-release", "x"},
      {"a|b=x", "a|b", "x"},
      {"-=x", "-", "x"},
      {"_9=x", "_9", "x"},
      {"größe=x", "größe", "x"},
      {"架構=x", "架構", "x"},
      {"a=\xff", "a", "\xff"},
  }));
  CAPTURE(expression);
  REQUIRE(holds(expression, {{key, value}}));
  REQUIRE_FALSE(holds(expression, {{key, value + "?"}}));
  REQUIRE(Filter::parse(expression).expression() == expression);
}

TEST_CASE("What is no expression is refused and named") {
  const std::string expression =
      GENERATE(as<std::string>(), "", " ", "arch", "=amd64", "~x", "!=x", " arch=amd64", "arch>1",
               "arch!amd64", "arch ! =x", "a.b=x", "a b=x", "a\n=x", "a\t=x", "\xff=x");
  CAPTURE(expression);
  REQUIRE_THROWS_MATCHES(Filter::parse(expression), Error, refusal("filter \""));
  REQUIRE_THROWS_MATCHES(Filter::parse(expression), Error, refusal("KEY=VALUE"));
}

TEST_CASE("The operators mean what upstream's mean") {
  const Tags tags = {{"arch", "amd64"}, {"size", "100"}, {"supported", "True"}, {"empty", ""}};
  const auto [expression, result] = GENERATE(table<std::string, bool>({
      {"arch=amd64", true},     {"arch=AMD64", false},     {"arch=amd6", false},
      {"arch!=amd64", false},   {"arch!=arm64", true},     {"arch~amd", true},
      {"arch~d6", true},        {"arch~64$", true},        {"arch~^64", false},
      {"arch~AMD", false},      {"arch~(?i)AMD", true},    {"arch~(x86_64|amd64|i386)", true},
      {"arch~", true},          {"arch!~", false},         {"arch!~amd", false},
      {"arch!~arm", true},      {"size=100", true},        {"size~^1", true},
      {"supported=True", true}, {"supported=true", false}, {"missing=", true},
      {"missing!=x", true},     {"missing!=", false},      {"missing=x", false},
      {"missing~^$", true},     {"missing~x", false},      {"missing!~x", true},
      {"empty=", true},         {"empty~^$", true},
  }));
  CAPTURE(expression);
  REQUIRE(holds(expression, tags) == result);
}

TEST_CASE("The dot of a pattern is a dot of a pattern") {
  const auto [ftype, result] = GENERATE(table<std::string, bool>({
      {"disk1.img", true},
      {"disk.img", true},
      {"disk1Ximg", true},
      {"mydisk1.img.gz", true},
      {"uefi1.img", false},
      {"disk-kvm.img", false},
  }));
  CAPTURE(ftype);
  REQUIRE(holds("ftype~(disk1.img|disk.img)", {{"ftype", ftype}}) == result);
}

TEST_CASE("Patterns see characters, not bytes, of all of Unicode") {
  const auto [pattern, text, result] = GENERATE(table<std::string, std::string, bool>({
      {"^.$", "é", true},
      {"^.$", "😀", true},
      {"^..$", "é", false},
      {"^[é]$", "é", true},
      {"^[à-ö]$", "é", true},
      {"^\\w+$", "größe_9", true},
      {"^\\w+$", "a-b", false},
      {"^[\\w-]+$", "größe-9", true},
      {"^[^\\w]+$", "-é", false},
      {"^\\W$", "é", false},
      {"^\\W$", "-", true},
      {"^\\d+$", "٣4", true},
      {"^[\\d.]+$", "2٣.04", true},
      {"^\\D$", "٣", false},
      {"^[\\D]$", "٣", false},
      {"^\\s$", "\xc2\xa0", true},
      {"^[\\s]$", "\xe2\x80\x83", true},
      {"^\\S$", "\xc2\xa0", false},
      {"(?i)^É$", "é", true},
  }));
  CAPTURE(pattern, text);
  REQUIRE(holds("t~" + pattern, {{"t", text}}) == result);
}

TEST_CASE("Python's spellings are understood") {
  const auto [pattern, text, result] = GENERATE(table<std::string, std::string, bool>({
      {"\\Aa\\Z", "a", true},        {"\\Aa\\Z", "ab", false},
      {"^a{2}$", "aa", true},        {"^a{,2}$", "aa", true},
      {"^a{,2}$", "aaa", false},     {"^a{2,}$", "aaaa", true},
      {"^a{1,2}?$", "aa", true},     {"^a{}$", "a{}", true},
      {"^a{x$", "a{x", true},        {"^(?P<x>a)b$", "ab", true},
      {"^(?:a|b)*?$", "abab", true}, {"^[]a]+$", "a]", true},
      {"^[^]a]$", "]", false},       {"^[[:alpha:]+$", "[:alph", true},
      {"^[[:alpha:]+$", "z", false}, {"^[(?=]+$", "(?=", true},
      {"^[*+]+$", "*+", true},       {"^\\(\\?=\\+\\+$", "(?=++", true},
      {"^\\\\1$", "\\1", true},      {"^disk1\\.img$", "disk1Ximg", false},
  }));
  CAPTURE(pattern, text);
  REQUIRE(holds("t~" + pattern, {{"t", text}}) == result);
}

TEST_CASE("What no linear-time engine can do is refused by name") {
  const auto [pattern, feature] = GENERATE(table<std::string, std::string>({
      {"(?=x)", "look-ahead (?=…)"},
      {"a(?!x)", "look-ahead (?!…)"},
      {"(?<=x)a", "look-behind (?<=…)"},
      {"((?<!x)a)", "look-behind (?<!…)"},
      {"(a)\\1", "the back-reference \\1"},
      {"(?P<n>a)(?P=n)", "the back-reference (?P=…)"},
      {"(a)?(?(1)b|c)", "the condition (?(…)…)"},
      {"(?>a+)b", "the atomic group (?>…)"},
      {"a++", "a possessive quantifier (a++)"},
      {"a*+", "a possessive quantifier (a++)"},
      {"a?+", "a possessive quantifier (a++)"},
      {"a{2,3}+", "a possessive quantifier (a++)"},
      {"(?#why)a", "the comment (?#…)"},
  }));
  const std::string op = GENERATE(as<std::string>(), "~", "!~");
  CAPTURE(pattern);
  REQUIRE_THROWS_MATCHES(Filter::parse("arch" + op + pattern), Error,
                         refusal("filter \"arch" + op));
  REQUIRE_THROWS_MATCHES(Filter::parse("arch" + op + pattern), Error,
                         refusal(feature + " is not supported"));
  REQUIRE_NOTHROW(Filter::parse("arch=" + pattern));
}

TEST_CASE("A broken or monstrous pattern is refused") {
  const std::string pattern =
      GENERATE(as<std::string>(), "(", ")", "[", "[a", "*", "a**", "\\", "(?P<a", "[z-a]", "(?x)a",
               "\xff", "((((a{100}){100}){100}){100})", "a{1001}");
  CAPTURE(pattern);
  REQUIRE_THROWS_MATCHES(Filter::parse("a~" + pattern), Error, refusal("not a regular expression"));
  REQUIRE_NOTHROW(Filter::parse("a=" + pattern));
}

TEST_CASE("The length of a pattern is limited, that of a value is not") {
  REQUIRE_NOTHROW(Filter::parse("a~" + std::string(1000, 'x')));
  REQUIRE_THROWS_MATCHES(Filter::parse("a~" + std::string(1001, 'x')), Error,
                         refusal("longer than 1000 bytes"));
  REQUIRE_NOTHROW(Filter::parse("a=" + std::string(100'000, 'x')));
}

TEST_CASE("Messages show an expression without control characters") {
  REQUIRE_THROWS_MATCHES(Filter::parse("\x1b[31m"), Error, refusal("filter \"\\x1B[31m\""));
}

TEST_CASE("Patterns that ruin a backtracking engine end") {
  // Each needs more than 2^100'000 steps by backtracking, so that to end at all is the proof.
  const std::string pattern =
      GENERATE(as<std::string>(), "(a+)+$", "^(a|a)*$", "(.*)*x$", "^((a?){20})*b$", "(a|aa)+$");
  const std::string text = std::string(200'000, 'a') + "!";
  CAPTURE(pattern);
  REQUIRE_FALSE(holds("t~" + pattern, {{"t", text}}));
}

TEST_CASE("A set matches when all its filters do") {
  const Tags tags = {{"arch", "amd64"}, {"ftype", "disk1.img"}};
  const auto matches = [&](const std::vector<std::string>& expressions) {
    return FilterSet::parse(expressions).matches(lookup_in(tags));
  };
  REQUIRE(FilterSet().matches(lookup_in(tags)));
  REQUIRE(matches({}));
  REQUIRE(matches({"arch=amd64", "ftype~img"}));
  REQUIRE_FALSE(matches({"arch=amd64", "ftype=uefi1.img"}));
  REQUIRE_FALSE(matches({"arch=arm64", "ftype~img"}));
  REQUIRE(FilterSet::parse({"a=1", "b=2"}).all().at(1).expression() == "b=2");
  REQUIRE_THROWS_MATCHES(FilterSet::parse({"a=1", "b"}), Error, refusal("filter \"b\""));
}

TEST_CASE("Sets agree with a naive evaluator") {
  // Letters only, so that a search is a search for a part of the text.
  std::mt19937 random(20240101);
  const auto pick = [&](const std::vector<std::string>& of) { return of[random() % of.size()]; };
  const std::vector<std::string> keys = {"a", "b", "c"};
  const std::vector<std::string> values = {"", "x", "y", "xy", "yx", "xyx"};
  const std::vector<std::string> operators = {"=", "!=", "~", "!~"};
  for (int round = 0; round != 2000; ++round) {
    Tags tags;
    for (const auto& key : keys) {
      if (random() % 3 != 0) tags[key] = pick(values);
    }
    std::vector<std::string> expressions;
    bool expected = true;
    for (std::size_t count = random() % 4; count != 0; --count) {
      const std::string key = pick(keys);
      const std::string op = pick(operators);
      const std::string value = pick(values);
      expressions.push_back(key + op + value);
      const std::string text = tags.contains(key) ? tags[key] : "";
      const bool found = op.back() == '~' ? text.find(value) != std::string::npos : text == value;
      expected = expected && found != op.starts_with('!');
    }
    CAPTURE(expressions, tags);
    REQUIRE(FilterSet::parse(expressions).matches(lookup_in(tags)) == expected);
  }
}
