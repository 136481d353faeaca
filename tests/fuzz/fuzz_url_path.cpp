// A path from a foreign document below a base: the first line is the base URL, the rest the path.
// Whatever it is, requests stay at the base's origin and below its path, and files below their root
// (threats-and-faults.md T13).

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string>

#include "base/http/percent_encoding.h"
#include "base/http/url.h"
#include "base/relative_path.h"
#include "tests/fuzz/property.h"

namespace streamsync {
namespace {

std::optional<Url> url_of(std::string_view text) {
  std::optional<Url> url;
  taken(ErrorKind::Config, Origin::Config, [&] { url = Url::parse(text); });
  return url;
}

std::optional<RelativePath> path_of(std::string_view text) {
  std::optional<RelativePath> path;
  taken(ErrorKind::Malformed, Origin::Source, [&] { path = RelativePath::parse(text); });
  return path;
}

void check_url(const Url& url) {
  require(url.str().starts_with(url.scheme() + "://"), "a URL begins with its scheme");
  for (const char c : url.str())
    require(static_cast<unsigned char>(c) > 0x20 && c != 0x7F, "a URL is one word");
  require(url.redacted().find('\n') == std::string::npos, "a URL is one line");
  const auto again = url_of(url.str());
  require(again && *again == url, "a URL that was parsed is parsed as itself");
}

bool is_below(const std::filesystem::path& root, std::string_view name) {
  const auto normal = (root / name).lexically_normal();
  return normal != root && normal.lexically_relative(root).begin()->string() != "..";
}

void check_path(const RelativePath& path) {
  const std::filesystem::path root = "/srv/tree";
  require(is_below(root, path.str()), "a path is below the root");
  // As a server sees it that decodes once.
  require(is_below(root, percent_decoded(path.str())), "a decoded path is below the root");
  require(path.str().ends_with(path.file_name()), "a path ends with its file name");
  require(path.with_file_name("name").file_name() == "name", "a file name can be replaced");
}

void check_join(const Url& base, const RelativePath& path) {
  const Url joined = base.join(path);
  check_url(joined);
  require(joined.origin() == base.origin(), "a path does not change the origin");
  require(joined.scheme() == base.scheme() && joined.host() == base.host(),
          "a path changes neither scheme nor host");
  const std::string directory = base.path() + (base.path().ends_with('/') ? "" : "/");
  require(joined.path().starts_with(directory) && joined.path().size() > directory.size(),
          "a path stays below its base");
  require(percent_decoded(joined.path().substr(directory.size())) == percent_decoded(path.str()),
          "what is requested is the path");
}

}  // namespace
}  // namespace streamsync

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = streamsync::input(data, size);
  const auto line_end = std::min(text.find('\n'), text.size());
  const auto base = streamsync::url_of(text.substr(0, line_end));
  const auto path = streamsync::path_of(text.substr(std::min(line_end + 1, text.size())));
  if (base) streamsync::check_url(*base);
  if (path) streamsync::check_path(*path);
  if (base && path) streamsync::check_join(*base, *path);
  return 0;
}
