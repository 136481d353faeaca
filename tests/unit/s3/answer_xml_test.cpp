#include "s3/answer_xml.h"

#include <catch2/catch.hpp>
#include <string>
#include <string_view>
#include <vector>

using streamsync::element_text;
using streamsync::elements;

namespace {

constexpr const char* kRefusal =
    R"(<?xml version="1.0" encoding="UTF-8"?><Error><Code>AccessDenied</Code><Message></Message>)"
    R"(<RequestId>tx0</RequestId></Error>)";

}  // namespace

TEST_CASE("the text of an element") {
  CHECK(element_text(kRefusal, "Code") == "AccessDenied");
  CHECK(element_text(kRefusal, "Message") == "");
  CHECK(element_text(kRefusal, "RequestId") == "tx0");
}

TEST_CASE("the first of that name, and that name only") {
  CHECK(element_text("<a><ETags>1</ETags><ETag>2</ETag><ETag>3</ETag></a>", "ETag") == "2");
  CHECK(element_text("</Code><Code>x</Code>", "Code") == "x");
}

TEST_CASE("prefixes, attributes and blanks are dropped") {
  CHECK(element_text("<s3:Code a=\"b\" c='d'>\n x y\t</s3:Code>", "Code") == "\n x y\t");
  CHECK(element_text("<Code\nxmlns=\"u\">x</Code>", "Code") == "x");
}

TEST_CASE("references are resolved, and what can't be stays") {
  CHECK(element_text("<E>&quot;a&quot; &amp;lt; &#34;&lt;&gt;&apos;</E>", "E") ==
        "\"a\" &lt; \"<>'");
  CHECK(element_text("<E>&#10; &#x41; &nbsp; & ; &#0000000034;</E>", "E") ==
        "&#10; &#x41; &nbsp; & ; &#0000000034;");
}

TEST_CASE("what is no element with text") {
  CHECK_FALSE(element_text("", "Code"));
  CHECK_FALSE(element_text("AccessDenied", "Code"));
  CHECK_FALSE(element_text("<Error><Message>x</Message></Error>", "Code"));
  CHECK_FALSE(element_text("<Error><Code>x</Code></Error>", "Error"));
  CHECK_FALSE(element_text("<Code>never closed", "Code"));
  CHECK_FALSE(element_text("<Code", "Code"));
  CHECK_FALSE(element_text("<Code/><a>x</a>", "Code"));
}

TEST_CASE("only the beginning of a long answer counts") {
  const std::string long_answer = std::string(64 * 1024 - 8, ' ') + "<Code>x</Code>";
  CHECK_FALSE(element_text(long_answer, "Code"));
  CHECK(element_text(long_answer.substr(1), "Code") == "x");
}

TEST_CASE("what is inside elements") {
  using Parts = std::vector<std::string_view>;
  CHECK(elements("<a><b>1</b> <c/> <s:b x=\"y\"><c>2</c></s:b><bb>3</bb></a>", "b") ==
        Parts{"1", "<c>2</c>"});
  CHECK(elements("<b></b>", "b") == Parts{""});
  CHECK(elements("<b>1<b>2</b>3</b>", "b") == Parts{"1<b>2"});
  CHECK(elements("</b><b>1</b><b>2", "b") == Parts{"1"});
  CHECK(elements("<b/>", "b").empty());
  CHECK(elements("<b", "b").empty());
  CHECK(elements("", "b").empty());
}

TEST_CASE("an answer of tags that do not end is passed in one go") {
  const std::string opened(4 << 20, '<');
  CHECK(elements(opened + "b>1</b>", "b") == std::vector<std::string_view>{"1"});
  CHECK_FALSE(element_text(opened, "b"));
}
