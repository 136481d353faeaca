#include "s3/answer_xml.h"

#include <array>
#include <utility>

#include "base/text.h"

namespace streamsync {
namespace {

constexpr std::size_t kMostBytes = 64 * 1024;
constexpr std::size_t kLongestReference = std::string_view("&#00000126;").size();

/// "Code" of `Code`, `aws:Code` and `Code attribute="x"`; empty for what is no start of an element.
std::string_view name_in(std::string_view tag) {
  const std::string_view name = tag.substr(0, tag.find_first_of(" \t\r\n"));
  const auto colon = name.find(':');
  return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

/// None for what stands for a character that one octet can't hold: nothing we need has those.
std::optional<char> character_of(std::string_view reference) {
  constexpr std::array<std::pair<std::string_view, char>, 5> kNamed{
      {{"quot", '"'}, {"amp", '&'}, {"apos", '\''}, {"lt", '<'}, {"gt", '>'}}};
  for (const auto& [name, character] : kNamed) {
    if (reference == name) return character;
  }
  if (!reference.starts_with('#')) return std::nullopt;
  const auto code = parse_decimal(reference.substr(1));
  if (!code || *code < 0x20 || *code > 0x7E) return std::nullopt;
  return static_cast<char>(*code);
}

/// What can't be resolved stays.
std::string resolved(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const auto end =
        text.front() == '&' ? text.substr(0, kLongestReference).find(';') : std::string_view::npos;
    const auto character =
        end == std::string_view::npos ? std::nullopt : character_of(text.substr(1, end - 1));
    result += character.value_or(text.front());
    text.remove_prefix(character ? end + 1 : 1);
  }
  return result;
}

}  // namespace

std::optional<std::string> element_text(std::string_view xml, std::string_view name) {
  xml = xml.substr(0, kMostBytes);
  for (auto at = xml.find('<'); at != std::string_view::npos; at = xml.find('<', at + 1)) {
    const auto tag_end = xml.find('>', at);
    if (tag_end == std::string_view::npos) return std::nullopt;
    if (name_in(xml.substr(at + 1, tag_end - at - 1)) != name) continue;
    const auto text_end = xml.find('<', tag_end);
    if (text_end == std::string_view::npos || !xml.substr(text_end).starts_with("</")) {
      return std::nullopt;
    }
    return resolved(trimmed(xml.substr(tag_end + 1, text_end - tag_end - 1)));
  }
  return std::nullopt;
}

}  // namespace streamsync
