#include "streams/json.h"

#include <fmt/format.h>
#include <rapidjson/error/en.h>
#include <rapidjson/prettywriter.h>
#include <rapidjson/reader.h>
#include <rapidjson/stringbuffer.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <limits>
#include <set>
#include <span>
#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "streams/json_scan.h"
#include "streams/python_number.h"

namespace streamsync {
namespace {

constexpr unsigned kLeafFlags = rapidjson::kParseStopWhenDoneFlag |
                                rapidjson::kParseValidateEncodingFlag |
                                rapidjson::kParseNumbersAsStringsFlag;
constexpr unsigned kSkipFlags = kLeafFlags | rapidjson::kParseIterativeFlag;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

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
  // What is there without reading on, empty only at the end.
  std::string_view buffered() const {
    return {current_, static_cast<std::size_t>(end_ - current_)};
  }
  void drop(std::size_t count) {
    current_ += count;
    if (count != 0 && current_ == end_) refill();
  }
  void skip_blanks() {
    while (is_json_blank(Peek())) drop(blank_length(buffered()));
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

// Keeps a string or a literal, its text in `text`.
class LeafHandler : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, LeafHandler> {
 public:
  LeafHandler(const ByteStream& stream, std::string& text) : stream_(stream), text_(text) {}

  bool Default() { return false; }
  bool Null() { return true; }
  bool Bool(bool value) {
    keep(JsonScalar::Kind::Boolean, value ? "True" : "False");
    return true;
  }
  bool String(const char* text, rapidjson::SizeType size, bool) {
    check_string(stream_, {text, size});
    keep(JsonScalar::Kind::String, {text, size});
    return true;
  }

  std::optional<JsonScalarView> scalar;

 private:
  void keep(JsonScalar::Kind kind, std::string_view text) {
    text_ = text;
    scalar = JsonScalarView{kind, text_};
  }

  const ByteStream& stream_;
  std::string& text_;
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

// The keys of an object that were seen. Most objects have a dozen members, some have thousands.
class Keys {
 public:
  // The key as it is kept, until the next is inserted; none when it is there already.
  std::optional<std::string_view> insert(std::string_view key) {
    if (few_ == kFew || !many_.empty()) return insert_in_many(key);
    for (std::size_t i = 0; i != few_; ++i) {
      if (at(i) == key) return std::nullopt;
    }
    text_ += key;
    ends_[few_++] = text_.size();
    return at(few_ - 1);
  }

  // Keeps some memory for the next object.
  void clear() {
    constexpr std::size_t kUsual = 4096;
    if (text_.capacity() > kUsual) std::string().swap(text_);
    text_.clear();
    few_ = 0;
    many_.clear();
  }

 private:
  std::string_view at(std::size_t index) const {
    const std::size_t begin = index == 0 ? 0 : ends_[index - 1];
    return std::string_view(text_).substr(begin, ends_[index] - begin);
  }

  std::optional<std::string_view> insert_in_many(std::string_view key) {
    for (std::size_t i = 0; i != few_; ++i) many_.emplace(at(i));
    few_ = 0;
    const std::size_t before = many_.size();
    // Most documents have sorted keys: the next one belongs at the end.
    const auto kept = many_.emplace_hint(many_.end(), key);
    if (many_.size() == before) return std::nullopt;
    return *kept;
  }

  static constexpr std::size_t kFew = 24;
  std::string text_;  // of the first few
  std::array<std::size_t, kFew> ends_{};
  std::size_t few_ = 0;
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
    ++depth_;
    check_depth();
    value_pending_ = false;
  }

  std::optional<std::string_view> next_key() {
    if (std::exchange(value_pending_, false)) skip();
    skip_blanks();
    Object& object = objects_[depth_ - 1];
    if (stream_.Peek() == '}') {
      leave_object();
      return std::nullopt;
    }
    if (std::exchange(object.begun, true)) {
      expect(',', "',' or '}' is missing after a member");
      skip_blanks();
    }
    const std::string_view key = read_key(object);
    skip_blanks();
    expect(':', "':' is missing after a key");
    value_pending_ = true;
    return key;
  }

  std::optional<JsonScalarView> scalar() {
    value_pending_ = false;
    skip_blanks();
    std::optional<JsonScalarView> scalar;
    if (stream_.Peek() == '{' || stream_.Peek() == '[') {
      skip();
    } else if (stream_.Peek() == '"') {
      scalar = JsonScalarView{JsonScalar::Kind::String, string()};
    } else if (at_number()) {
      scalar = JsonScalarView{JsonScalar::Kind::Number, number_as_python()};
    } else {
      scalar = leaf();
    }
    if (scalar && depth_ != 0) hold(objects_[depth_ - 1], scalar->text.size());
    return scalar;
  }

  JsonValue value() {
    value_pending_ = false;
    skip_blanks();
    if (stream_.Peek() == '{') return {object()};
    if (stream_.Peek() == '[') return {array()};
    if (stream_.Peek() == '"') return {std::string(string())};
    if (at_number()) return {JsonNumber{std::string(number())}};
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

  void skip_blanks() { stream_.skip_blanks(); }

  void expect(char wanted, std::string_view why) {
    if (stream_.Peek() != wanted) refuse(why);
    stream_.Take();
  }

  void check_depth() const {
    if (depth_ + arrays_ > kMaxDepth) refuse(fmt::format("nested deeper than {}", kMaxDepth));
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
    Object& object = objects_[--depth_];
    open_bytes_ -= object.bytes;
    object.keys.clear();
    object.bytes = 0;
    object.begun = false;
  }

  std::string_view read_key(Object& object) {
    if (stream_.Peek() != '"') refuse("a key is missing");
    const std::string_view key = string();
    if (key.size() > kMaxKey) refuse(fmt::format("a key of more than {} bytes", kMaxKey));
    hold(object, key.size());
    const auto kept = object.keys.insert(key);
    if (!kept) refuse(fmt::format("the key \"{}\" stands twice in one object", printable(key)));
    return *kept;
  }

  bool at_number() const { return stream_.Peek() == '-' || is_digit(stream_.Peek()); }

  std::string_view number_as_python() {
    if (const auto integer = plain_integer()) return *integer;
    return text_ = python_number(number());
  }

  std::string_view number() {
    if (const auto integer = plain_integer()) return *integer;
    text_.clear();
    if (stream_.Peek() == '-') text_ += stream_.Take();
    if (stream_.Peek() == '0') {
      text_ += stream_.Take();
    } else {
      digits();
    }
    if (stream_.Peek() == '.') {
      text_ += stream_.Take();
      digits();
    }
    if (stream_.Peek() == 'e' || stream_.Peek() == 'E') {
      text_ += stream_.Take();
      if (stream_.Peek() == '+' || stream_.Peek() == '-') text_ += stream_.Take();
      digits();
    }
    return text_;
  }

  void digits() {
    if (!is_digit(stream_.Peek())) refuse("a number lacks digits");
    while (is_digit(stream_.Peek())) {
      text_ += stream_.Take();
      if (text_.size() > kMaxNumber)
        refuse(fmt::format("a number of more than {} bytes", kMaxNumber));
    }
  }

  // Nearly all numbers are sizes, and nearly all strings are plain. Where those are whole in the
  // buffer, with a byte behind them so that it stays, they need neither a parser nor a copy.
  std::optional<std::string_view> plain_integer() {
    const std::string_view text = stream_.buffered();
    if (text.front() == '0') return std::nullopt;
    const auto end = std::find_if_not(text.begin(), text.end(), is_digit);
    const auto size = static_cast<std::size_t>(end - text.begin());
    if (size == 0 || size == text.size() || size > kMaxNumber) return std::nullopt;
    if (*end == '.' || *end == 'e' || *end == 'E') return std::nullopt;
    stream_.drop(size);
    return text.substr(0, size);
  }

  std::string_view string() {
    const std::string_view text = stream_.buffered().substr(1);
    const std::size_t size = plain_length(text);
    if (size + 1 >= text.size() || text[size] != '"') return leaf()->text;
    stream_.drop(size + 2);
    return text.substr(0, size);
  }

  std::optional<JsonScalarView> leaf() {
    LeafHandler handler(stream_, text_);
    parse<kLeafFlags>(handler);
    return handler.scalar;
  }

  void skip() {
    skip_blanks();
    if (at_number()) {
      number();
      return;
    }
    SkipHandler handler(stream_, depth_ + arrays_);
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
    while (const auto key = next_key()) members.emplace(*key, value());
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
  std::string text_;  // of the last scalar or key that was not plain
  std::array<Object, kMaxDepth + 1> objects_;
  std::size_t depth_ = 0;  // of `objects_`
  std::size_t arrays_ = 0;
  std::size_t open_bytes_ = 0;
  bool value_pending_ = false;
};

JsonReader::JsonReader(std::unique_ptr<ByteSource> source, std::string_view where)
    : document_(std::make_unique<Document>(std::move(source), where)) {}
JsonReader::~JsonReader() = default;

void JsonReader::enter_object(std::string_view what) { document_->enter_object(what); }
std::optional<std::string_view> JsonReader::next_key() { return document_->next_key(); }
std::optional<JsonScalarView> JsonReader::scalar_view() { return document_->scalar(); }
std::optional<JsonScalar> JsonReader::scalar() {
  const auto view = document_->scalar();
  if (!view) return std::nullopt;
  return JsonScalar{view->kind, std::string(view->text)};
}
JsonValue JsonReader::value() { return document_->value(); }
void JsonReader::pass_over() { document_->pass_over(); }
void JsonReader::finish() { document_->finish(); }
void JsonReader::refuse(std::string_view why) const { document_->refuse(why); }

}  // namespace streamsync
