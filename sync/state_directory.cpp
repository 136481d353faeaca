#include "sync/state_directory.h"

#include <fmt/format.h>

#include <span>

#include "base/crypto/digest.h"
#include "base/error.h"
#include "base/text.h"
#include "sync/report.h"

namespace streamsync {
namespace {

constexpr std::string_view kTrust = "trust.json";
constexpr std::string_view kSuperseded = "superseded.json";
constexpr std::string_view kScrubbed = "scrub.json";

// A URL can hold what a file name can't.
std::string stem_of(const std::string& url) {
  return "verified/" + digest_of(DigestAlgorithm::Sha256, url).hex();
}

// Header: etag, last_modified and examination, a line each; none can hold a line end (RFC 9110
// §5.5). The document follows in the same file, so that one rename replaces all.
std::string header_of(const Validator& validator, const std::string& examination) {
  return fmt::format("{}\n{}\n{}\n", validator.etag, validator.last_modified, examination);
}

RootDirectory open_root(const std::filesystem::path& path) {
  try {
    return RootDirectory(path, 0700);
  } catch (const Error& error) {
    const auto kind = error.kind() == ErrorKind::NoRoom ? ErrorKind::NoRoom : ErrorKind::Config;
    throw Error(kind, Origin::Local,
                fmt::format("state directory: {}; name another with --state-dir", error.what()));
  }
}

// A server may send any validator, and what follows it is ours: no line may end early.
constexpr std::size_t kLongestLine = 4096;
constexpr std::size_t kLongestHeader = 3 * kLongestLine;

bool fits(const Validator& validator, const std::string& examination) {
  return validator.etag.size() < kLongestLine && validator.last_modified.size() < kLongestLine &&
         examination.size() < kLongestLine;
}

// As much as holds any header, or all there is.
std::string read_beginning(ByteSource& file) {
  std::string text(kLongestHeader, '\0');
  std::size_t size = 0, count = 0;
  do {
    count = file.read(std::as_writable_bytes(std::span(text).subspan(size)));
    size += count;
  } while (count > 0 && size < text.size());
  text.resize(size);
  return text;
}

// None where it does not end in time.
std::optional<std::string> take_line(std::string_view& text) {
  const auto end = text.substr(0, kLongestLine).find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  std::string line(text.substr(0, end));
  text.remove_prefix(end + 1);
  return line;
}

}  // namespace

StateDirectory::StateDirectory(const std::filesystem::path& path) : root_(open_root(path)) {}

std::unique_ptr<FileLock> StateDirectory::lock() const {
  return std::make_unique<FileLock>(root_.path() / "lock");
}

std::optional<CachedDocument> StateDirectory::find(const std::string& url) {
  auto file = root_.document(stem_of(url));
  if (!file) return std::nullopt;
  const auto beginning = read_beginning(*file->reader());
  std::string_view rest = beginning;
  const auto etag = take_line(rest);
  const auto last_modified = etag ? take_line(rest) : std::nullopt;
  const auto examination = last_modified ? take_line(rest) : std::nullopt;
  if (!examination) return std::nullopt;
  CachedDocument document;
  document.validator = {*etag, *last_modified};
  document.examination = *examination;
  file->drop(beginning.size() - rest.size());
  document.bytes = std::move(*file);
  return document;
}

void StateDirectory::store(const std::string& url, const Validator& validator,
                           const Spool& document, const std::string& examination) {
  if (validator.empty() || !fits(validator, examination)) {
    return;
  }
  if (const auto known = find(url); known && known->validator.etag == validator.etag &&
                                    known->validator.last_modified == validator.last_modified &&
                                    known->examination == examination &&
                                    same_bytes(known->bytes, document)) {
    return;
  }
  const auto file = root_.create(stem_of(url));
  file->write(as_bytes(header_of(validator, examination)));
  copy(*document.reader(), *file);
  file->finish();
}

TrustState StateDirectory::trust() const {
  const auto json = root_.read(kTrust);
  return json ? TrustState::parse(*json, (root_.path() / kTrust).string()) : TrustState();
}

void StateDirectory::accept(const TrustState& trust, const std::vector<LedgerEntry>& entries) {
  Ledger(root_).append(entries);
  root_.write(kTrust, trust.str());
}

SupersededState StateDirectory::superseded() const {
  const auto json = root_.read(kSuperseded);
  return json ? SupersededState::parse(*json, (root_.path() / kSuperseded).string())
              : SupersededState();
}

void StateDirectory::remember(const SupersededState& superseded) {
  root_.write(kSuperseded, superseded.str());
}

ScrubState StateDirectory::scrubbed() const {
  const auto json = root_.read(kScrubbed);
  return json ? ScrubState::parse(*json, (root_.path() / kScrubbed).string()) : ScrubState();
}

void StateDirectory::remember(const ScrubState& scrubbed) {
  root_.write(kScrubbed, scrubbed.str());
}

void StateDirectory::record_run(const RunReport& report) {
  const auto file = root_.create_unsynced("last-run.json");
  write_json(report, ReportedActions::News, *file);
  file->finish();
}

}  // namespace streamsync
