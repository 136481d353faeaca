#include "streams/json.h"

#include <fmt/format.h>
#include <rapidjson/error/en.h>
#include <rapidjson/prettywriter.h>
#include <rapidjson/reader.h>
#include <rapidjson/stringbuffer.h>

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <set>
#include <span>
#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "streams/python_number.h"

namespace streamsync {
namespace {

constexpr unsigned kLeafFlags = rapidjson::kParseStopWhenDoneFlag |
                                rapidjson::kParseValidateEncodingFlag |
                                rapidjson::kParseNumbersAsStringsFlag;
constexpr unsigned kSkipFlags = kLeafFlags | rapidjson::kParseIterativeFlag;

bool is_blank(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Where plain ASCII ends: at a quote, an escape, or what needs to be looked at as UTF-8.
std::size_t plain_length(std::string_view text) {
  const auto is_plain = [](char c) { return c >= ' ' && c <= '~' && c != '"' && c != '\\'; };
  const auto end = std::find_if_not(text.begin(), text.end(), is_plain);
  return static_cast<std::size_t>(end - text.begin());
}

// RapidJSON decodes a lone low surrogate (\uDC00) into UTF-8 that no other reader takes: ED A0..BF.
bool has_lone_surrogate(std::string_view text) {
  for (auto at = text.find('\xED'); at != std::string_view::npos; at = text.find('\xED', at + 1)) {
    if (at + 1 < text.size() && static_cast<unsigned char>(text[at + 1]) >= 0xA0) return true;
  }
  return false;
}

// A document as RapidJSON's Stream concept wants it: '\0' is the end.
class ByteStream {
 public:
  using Ch = char;

  ByteStream(std::unique_ptr<ByteSource> source, std::string_view where)
      : source_(std::move(source)), where_(where) {
    refill();
  }

  Ch Peek() const { return *current_; }
  Ch Take() {
    const Ch c = *current_;
    if (current_ != end_ && ++current_ == end_) refill();
    return c;
  }
  std::size_t Tell() const { return offset_ + static_cast<std::size_t>(current_ - buffer_.data()); }
  // Only for parsing in place, which is not done; RapidJSON wants to see them all the same.
  Ch* PutBegin() { std::abort(); }
  void Put(Ch) { std::abort(); }
  void Flush() { std::abort(); }
  std::size_t PutEnd(Ch*) { std::abort(); }

  bool at_end() const { return current_ == end_; }
  std::string_view buffered() const {
    return {current_, static_cast<std::size_t>(end_ - current_)};
  }
  void drop(std::size_t count) {
    current_ += count;
    if (count != 0 && current_ == end_) refill();
  }

  // A string is bounded while it is read, not when RapidJSON has it in memory.
  void begin_token() { token_ = Tell(); }
  void end_token() { token_ = kNoToken; }
  std::size_t token_length() const { return Tell() - token_; }

  [[noreturn]] void refuse(std::size_t offset, std::string_view why) const {
    throw Error(ErrorKind::Malformed, Origin::Source,
                fmt::format("{}: byte {}: {}", where_, offset, why));
  }

 private:
  static constexpr std::size_t kNoToken = std::numeric_limits<std::size_t>::max();

  void refill() {
    if (token_ != kNoToken && token_length() > JsonReader::kMaxString) {
      refuse(token_, fmt::format("a string of more than {} bytes", JsonReader::kMaxString));
    }
    offset_ += static_cast<std::size_t>(end_ - buffer_.data());
    const std::size_t size =
        source_->read(std::as_writable_bytes(std::span(buffer_.data(), buffer_.size() - 1)));
    current_ = buffer_.data();
    end_ = current_ + size;
    *end_ = '\0';
  }

  std::unique_ptr<ByteSource> source_;
  std::string where_;
  std::vector<char> buffer_ = std::vector<char>(64 * 1024 + 1);
  char* current_ = buffer_.data();
  char* end_ = current_;
  std::size_t offset_ = 0;
  std::size_t token_ = kNoToken;
};

void check_string(const ByteStream& stream, std::string_view text) {
  const std::size_t start = stream.Tell() - stream.token_length();
  if (stream.token_length() > JsonReader::kMaxString) {
    stream.refuse(start, fmt::format("a string of more than {} bytes", JsonReader::kMaxString));
  }
  if (has_lone_surrogate(text)) stream.refuse(start, "a lone surrogate in a string");
}

// Keeps a string or a literal.
class LeafHandler : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, LeafHandler> {
 public:
  explicit LeafHandler(const ByteStream& stream) : stream_(stream) {}

  bool Default() { return false; }
  bool Null() { return true; }
  bool Bool(bool value) {
    scalar = JsonScalar{JsonScalar::Kind::Boolean, value ? "True" : "False"};
    return true;
  }
  bool String(const char* text, rapidjson::SizeType size, bool) {
    check_string(stream_, {text, size});
    scalar = JsonScalar{JsonScalar::Kind::String, std::string(text, size)};
    return true;
  }

  std::optional<JsonScalar> scalar;

 private:
  const ByteStream& stream_;
};

// Checks what nobody wants.
class SkipHandler : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, SkipHandler> {
 public:
  SkipHandler(ByteStream& stream, std::size_t depth) : stream_(stream), depth_(depth) {}

  bool Default() {
    stream_.begin_token();
    return true;
  }
  bool String(const char* text, rapidjson::SizeType size, bool) {
    check_string(stream_, {text, size});
    return Default();
  }
  bool RawNumber(const char*, rapidjson::SizeType, bool) { return Default(); }
  bool StartObject() { return deeper(); }
  bool StartArray() { return deeper(); }
  bool EndObject(rapidjson::SizeType) { return shallower(); }
  bool EndArray(rapidjson::SizeType) { return shallower(); }

 private:
  bool deeper() {
    if (++depth_ > JsonReader::kMaxDepth) {
      stream_.refuse(stream_.Tell(), fmt::format("nested deeper than {}", JsonReader::kMaxDepth));
    }
    return Default();
  }
  bool shallower() {
    --depth_;
    return Default();
  }

  ByteStream& stream_;
  std::size_t depth_;
};

// Finds the end of an object or list by its brackets.
class BracketCounter {
 public:
  // How much of `text` belongs to the value.
  std::size_t count(std::string_view text) {
    std::size_t at = 0;
    while (at != text.size() && !done()) {
      at = in_string_ ? pass_string(text, at) : pass_structure(text, at);
    }
    return at;
  }
  bool done() const { return begun_ && depth_ == 0; }

 private:
  std::size_t pass_string(std::string_view text, std::size_t at) {
    for (; at != text.size(); ++at) {
      const char c = text[at];
      if (escaped_) {
        escaped_ = false;
      } else if (c == '\\') {
        escaped_ = true;
      } else if (c == '"') {
        in_string_ = false;
        return at + 1;
      }
    }
    return at;
  }

  std::size_t pass_structure(std::string_view text, std::size_t at) {
    for (; at != text.size(); ++at) {
      const char c = text[at];
      if (c == '"') {
        in_string_ = true;
        return at + 1;
      }
      if (c == '{' || c == '[') {
        begun_ = true;
        ++depth_;
      } else if (c == '}' || c == ']') {
        if (--depth_ == 0) return at + 1;
      }
    }
    return at;
  }

  std::size_t depth_ = 0;
  bool begun_ = false;
  bool in_string_ = false;
  bool escaped_ = false;
};

// The keys of an object that were seen. Most objects have a dozen members, some have thousands.
class Keys {
 public:
  // False when it is there already.
  bool insert(const std::string& key) {
    if (many_.empty() && few_.size() < kFew) {
      if (std::find(few_.begin(), few_.end(), key) != few_.end()) return false;
      few_.push_back(key);
      return true;
    }
    if (many_.empty()) many_.insert(few_.begin(), few_.end());
    return many_.insert(key).second;
  }

 private:
  static constexpr std::size_t kFew = 24;
  std::vector<std::string> few_;
  std::set<std::string, std::less<>> many_;
};

class JsonPrinter {
 public:
  std::string print(const JsonValue& value) {
    writer_.SetIndent(' ', 1);
    write(value);
    return std::string(buffer_.GetString(), buffer_.GetSize()) + '\n';
  }

 private:
  void write(const JsonValue& value) {
    std::visit([this](const auto& content) { put(content); }, value.value);
  }
  void put(std::nullptr_t) { writer_.Null(); }
  void put(bool boolean) { writer_.Bool(boolean); }
  void put(const JsonNumber& number) {
    writer_.RawValue(number.text.data(), number.text.size(), rapidjson::kNumberType);
  }
  void put(const std::string& text) { writer_.String(text); }
  void put(const JsonArray& array) {
    writer_.StartArray();
    for (const auto& element : array) write(element);
    writer_.EndArray();
  }
  void put(const JsonObject& object) {
    writer_.StartObject();
    for (const auto& [key, member] : object) {
      writer_.Key(key);
      write(member);
    }
    writer_.EndObject();
  }

  rapidjson::StringBuffer buffer_;
  rapidjson::PrettyWriter<rapidjson::StringBuffer> writer_{buffer_};
};

}  // namespace

std::string to_json(const JsonValue& value) { return JsonPrinter().print(value); }

// Structure is read here, so that it can be pulled; strings, literals and whatever is skipped by
// RapidJSON, value by value. Numbers too are read here: RapidJSON 1.1 refuses 1e400 even as text.
class JsonReader::Document {
 public:
  Document(std::unique_ptr<ByteSource> source, std::string_view where)
      : stream_(std::move(source), where) {}

  void enter_object(std::string_view what) {
    skip_blanks();
    if (stream_.Peek() != '{') refuse(fmt::format("{} is not an object", what));
    stream_.Take();
    objects_.emplace_back();
    check_depth();
    value_pending_ = false;
  }

  std::optional<std::string> next_key() {
    if (std::exchange(value_pending_, false)) skip();
    skip_blanks();
    Object& object = objects_.back();
    if (stream_.Peek() == '}') {
      leave_object();
      return std::nullopt;
    }
    if (std::exchange(object.begun, true)) {
      expect(',', "',' or '}' is missing after a member");
      skip_blanks();
    }
    std::string key = read_key(object);
    skip_blanks();
    expect(':', "':' is missing after a key");
    value_pending_ = true;
    return key;
  }

  std::optional<JsonScalar> scalar() {
    value_pending_ = false;
    skip_blanks();
    std::optional<JsonScalar> scalar;
    if (stream_.Peek() == '{' || stream_.Peek() == '[') {
      skip();
    } else if (stream_.Peek() == '"') {
      scalar = JsonScalar{JsonScalar::Kind::String, string()};
    } else if (at_number()) {
      scalar = JsonScalar{JsonScalar::Kind::Number, python_number(number())};
    } else {
      scalar = leaf();
    }
    if (scalar && !objects_.empty()) hold(objects_.back(), scalar->text.size());
    return scalar;
  }

  JsonValue value() {
    value_pending_ = false;
    skip_blanks();
    if (stream_.Peek() == '{') return {object()};
    if (stream_.Peek() == '[') return {array()};
    if (stream_.Peek() == '"') return {string()};
    if (at_number()) return {JsonNumber{number()}};
    const auto literal = leaf();
    if (!literal) return {nullptr};
    return {literal->text == "True"};
  }

  void pass_over() {
    value_pending_ = false;
    skip_blanks();
    if (stream_.Peek() != '{' && stream_.Peek() != '[') return skip();
    BracketCounter brackets;
    while (!brackets.done()) {
      if (stream_.at_end()) refuse("the document ends too early");
      stream_.drop(brackets.count(stream_.buffered()));
    }
  }

  void finish() {
    skip_blanks();
    if (!stream_.at_end()) refuse("something follows the end of the document");
  }

  [[noreturn]] void refuse(std::string_view why) const { stream_.refuse(stream_.Tell(), why); }

 private:
  struct Object {
    Keys keys;
    std::size_t bytes = 0;
    bool begun = false;
  };

  void skip_blanks() {
    while (is_blank(stream_.Peek())) stream_.Take();
  }

  void expect(char wanted, std::string_view why) {
    if (stream_.Peek() != wanted) refuse(why);
    stream_.Take();
  }

  void check_depth() const {
    if (objects_.size() + arrays_ > kMaxDepth)
      refuse(fmt::format("nested deeper than {}", kMaxDepth));
  }

  // An entry of a map costs about so much beside its text.
  void hold(Object& object, std::size_t text) {
    constexpr std::size_t kEntry = 128;
    object.bytes += kEntry + text;
    open_bytes_ += kEntry + text;
    if (open_bytes_ > kMaxOpenBytes) {
      refuse(
          fmt::format("an object with more than {} of keys and values", human_size(kMaxOpenBytes)));
    }
  }

  void leave_object() {
    stream_.Take();
    open_bytes_ -= objects_.back().bytes;
    objects_.pop_back();
  }

  std::string read_key(Object& object) {
    if (stream_.Peek() != '"') refuse("a key is missing");
    std::string key = string();
    if (key.size() > kMaxKey) refuse(fmt::format("a key of more than {} bytes", kMaxKey));
    hold(object, key.size());
    if (!object.keys.insert(key)) {
      refuse(fmt::format("the key \"{}\" stands twice in one object", printable(key)));
    }
    return key;
  }

  bool at_number() const { return stream_.Peek() == '-' || is_digit(stream_.Peek()); }

  std::string number() {
    std::string text;
    if (stream_.Peek() == '-') text += stream_.Take();
    if (stream_.Peek() == '0') {
      text += stream_.Take();
    } else {
      digits(text);
    }
    if (stream_.Peek() == '.') {
      text += stream_.Take();
      digits(text);
    }
    if (stream_.Peek() == 'e' || stream_.Peek() == 'E') {
      text += stream_.Take();
      if (stream_.Peek() == '+' || stream_.Peek() == '-') text += stream_.Take();
      digits(text);
    }
    return text;
  }

  void digits(std::string& text) {
    if (!is_digit(stream_.Peek())) refuse("a number lacks digits");
    while (is_digit(stream_.Peek())) {
      text += stream_.Take();
      if (text.size() > kMaxNumber)
        refuse(fmt::format("a number of more than {} bytes", kMaxNumber));
    }
  }

  // Nearly all strings are plain and whole in the buffer; those need no parser.
  std::string string() {
    const std::string_view text = stream_.buffered().substr(1);
    const std::size_t size = plain_length(text);
    if (size == text.size() || text[size] != '"' || size + 2 > kMaxString) {
      return std::move(leaf()->text);
    }
    std::string plain(text.substr(0, size));
    stream_.drop(size + 2);
    return plain;
  }

  std::optional<JsonScalar> leaf() {
    LeafHandler handler(stream_);
    parse<kLeafFlags>(handler);
    return std::move(handler.scalar);
  }

  void skip() {
    skip_blanks();
    if (at_number()) {
      number();
      return;
    }
    SkipHandler handler(stream_, objects_.size() + arrays_);
    parse<kSkipFlags>(handler);
  }

  template <unsigned kFlags, typename Handler>
  void parse(Handler& handler) {
    stream_.begin_token();
    const rapidjson::ParseResult result = reader_.Parse<kFlags>(stream_, handler);
    stream_.end_token();
    if (result.IsError()) {
      std::string_view why = rapidjson::GetParseError_En(result.Code());
      why.remove_suffix(why.ends_with('.') ? 1 : 0);
      stream_.refuse(result.Offset(), fmt::format("not JSON: {}", why));
    }
  }

  JsonObject object() {
    JsonObject members;
    enter_object("a value");
    while (auto key = next_key()) members.emplace(std::move(*key), value());
    return members;
  }

  JsonArray array() {
    JsonArray elements;
    stream_.Take();
    ++arrays_;
    check_depth();
    skip_blanks();
    if (stream_.Peek() != ']') {
      elements.push_back(value());
      for (skip_blanks(); stream_.Peek() == ','; skip_blanks()) {
        stream_.Take();
        elements.push_back(value());
      }
    }
    expect(']', "',' or ']' is missing after an element");
    --arrays_;
    return elements;
  }

  ByteStream stream_;
  rapidjson::Reader reader_;
  std::vector<Object> objects_;
  std::size_t arrays_ = 0;
  std::size_t open_bytes_ = 0;
  bool value_pending_ = false;
};

JsonReader::JsonReader(std::unique_ptr<ByteSource> source, std::string_view where)
    : document_(std::make_unique<Document>(std::move(source), where)) {}
JsonReader::~JsonReader() = default;

void JsonReader::enter_object(std::string_view what) { document_->enter_object(what); }
std::optional<std::string> JsonReader::next_key() { return document_->next_key(); }
std::optional<JsonScalar> JsonReader::scalar() { return document_->scalar(); }
JsonValue JsonReader::value() { return document_->value(); }
void JsonReader::pass_over() { document_->pass_over(); }
void JsonReader::finish() { document_->finish(); }
void JsonReader::refuse(std::string_view why) const { document_->refuse(why); }

}  // namespace streamsync
