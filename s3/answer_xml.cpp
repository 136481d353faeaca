#include "s3/answer_xml.h"

#include <array>
#include <utility>

#include "base/text.h"

namespace streamsync {
namespace {

constexpr std::size_t kMostBytes = 64 * 1024;
constexpr std::size_t kLongestReference = std::string_view("&#00000126;").size();

/// "Code" of `Code`, `aws:Code` and `Code attribute="x"`.
std::string_view name_in(std::string_view tag) {
  const std::string_view name = tag.substr(0, tag.find_first_of(" \t\r\n"));
  const auto colon = name.find(':');
  return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

struct Tag {
  enum class Kind { Start, End } kind = Kind::Start;
  std::string_view name;
  std::size_t begin = 0, end = 0;  ///< of all of it
};

Tag tag_at(std::string_view xml, std::size_t begin, std::size_t end) {
  const auto text = xml.substr(begin + 1, end - begin - 2);
  if (text.starts_with('/')) return {Tag::Kind::End, name_in(text.substr(1)), begin, end};
  return {Tag::Kind::Start, name_in(text), begin, end};
}

/// The first tag from `at` on. Each byte is looked at once, however many '<' there are.
std::optional<Tag> next_tag(std::string_view xml, std::size_t at) {
  for (auto begin = xml.find('<', at); begin != std::string_view::npos;) {
    const auto end = xml.find_first_of("<>", begin + 1);
    if (end == std::string_view::npos) break;
    if (xml[end] == '>') return tag_at(xml, begin, end + 1);
    begin = end;
  }
  return std::nullopt;
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
  for (auto tag = next_tag(xml, 0); tag; tag = next_tag(xml, tag->end)) {
    if (tag->kind == Tag::Kind::End || tag->name != name) continue;
    const auto text_end = xml.find('<', tag->end);
    if (text_end == std::string_view::npos || !xml.substr(text_end).starts_with("</")) {
      return std::nullopt;
    }
    return resolved(xml.substr(tag->end, text_end - tag->end));
  }
  return std::nullopt;
}

std::vector<std::string_view> elements(std::string_view xml, std::string_view name) {
  std::vector<std::string_view> found;
  std::optional<Tag> start;
  for (auto tag = next_tag(xml, 0); tag; tag = next_tag(xml, tag->end)) {
    if (tag->name != name) continue;
    if (tag->kind == Tag::Kind::End && start) {
      found.push_back(xml.substr(start->end, tag->begin - start->end));
      start.reset();
    } else if (tag->kind == Tag::Kind::Start && !start) {
      start = tag;
    }
  }
  return found;
}

}  // namespace streamsync
