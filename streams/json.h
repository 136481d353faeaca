#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/io/bytes.h"

namespace streamsync {

/// A string, number or boolean of a document, as text by Python's rules. Aliases look at strings
/// only, so that must be kept (`upstream-gss.md` §1.6).
struct JsonScalar {
  enum class Kind { String, Number, Boolean };
  Kind kind = Kind::String;
  std::string text;
};

/// The same where the reader has it: good until the reader is used again.
struct JsonScalarView {
  JsonScalar::Kind kind = JsonScalar::Kind::String;
  std::string_view text;
};

/// A whole value, for documents that are rewritten. Numbers keep their text, so that what we do not
/// understand comes out as it went in; objects have sorted keys.
struct JsonValue;
using JsonArray = std::vector<JsonValue>;
using JsonObject = std::map<std::string, JsonValue, std::less<>>;
struct JsonNumber {
  std::string text;
  bool operator==(const JsonNumber&) const = default;
};
struct JsonValue {
  std::variant<std::nullptr_t, bool, JsonNumber, std::string, JsonArray, JsonObject> value;

  /// The object this is, none when it is something else.
  JsonObject* object() noexcept { return std::get_if<JsonObject>(&value); }
  bool operator==(const JsonValue& other) const { return value == other.value; }
};

/// As Python's json.dumps(indent=1, sort_keys=True, ensure_ascii=False), with a newline at the end.
std::string to_json(const JsonValue& value);

/// Pulls one document apart, member by member, whatever its size. Strict: RFC 8259, valid UTF-8, no
/// lone surrogates, no duplicate keys in an object that is entered, and limits on depth and lengths
/// (threats-and-faults.md T20). What is wrong is thrown as `Error{Malformed, Source}` with the
/// document's name and the byte.
class JsonReader {
 public:
  /// As written in the document; `kMaxOpenBytes` for all keys and scalars of the objects that are
  /// entered and not yet left.
  static constexpr std::size_t kMaxDepth = 32;
  static constexpr std::size_t kMaxKey = 64 * 1024;
  static constexpr std::size_t kMaxString = 1024 * 1024;
  static constexpr std::size_t kMaxNumber = 1024;
  static constexpr std::size_t kMaxOpenBytes = 8 * 1024 * 1024;

  JsonReader(std::unique_ptr<ByteSource> source, std::string_view where);
  ~JsonReader();
  JsonReader(const JsonReader&) = delete;
  JsonReader& operator=(const JsonReader&) = delete;

  /// Enters the object that comes next. Anything else is refused, called `what`.
  void enter_object(std::string_view what);
  /// The next key of the object entered last, or none at its end, which leaves it. Good until the
  /// next key of the same object. A value that nobody took is checked and skipped.
  std::optional<std::string_view> next_key();

  /// Takes the value when it is a scalar; skips null, lists and objects and gives none.
  std::optional<JsonScalar> scalar();
  std::optional<JsonScalarView> scalar_view();
  JsonValue value();
  /// Passes over the value by counting brackets, checking nothing: for what another pass reads.
  void pass_over();
  /// After the outermost object: nothing but blanks may follow.
  void finish();

  [[noreturn]] void refuse(std::string_view why) const;

 private:
  class Document;
  std::unique_ptr<Document> document_;
};

}  // namespace streamsync
