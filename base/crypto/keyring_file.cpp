#include "base/crypto/keyring_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "base/io/file_descriptor.h"

namespace streamsync {
namespace {

constexpr std::size_t kLargest = 16 * 1024 * 1024;

std::string read_file(const std::filesystem::path& path) {
  const FileDescriptor opened(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!opened.is_open()) throw unusable_keyring(path, std::generic_category().message(errno));
  std::string content;
  std::array<char, 64 * 1024> buffer;
  for (;;) {
    const ssize_t count = ::read(opened.get(), buffer.data(), buffer.size());
    if (count == 0) return content;
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw unusable_keyring(path, std::generic_category().message(errno));
    content.append(buffer.data(), static_cast<std::size_t>(count));
    if (content.size() > kLargest) {
      throw unusable_keyring(path, "it is larger than 16 MB, so it is no keyring");
    }
  }
}

// An armored block (RFC 4880 §6.2), or the tag of a public key packet in its old or new form
// (§4.2). What is behind it, GnuPG sees.
bool begins_like_keys(std::string_view content) {
  if (content.find("-----BEGIN PGP PUBLIC KEY BLOCK-----") != content.npos) return true;
  if (content.empty()) return false;
  const auto tag = static_cast<unsigned char>(content.front());
  constexpr unsigned char kOldForm = 0x98;
  constexpr unsigned char kNewForm = 0xC6;
  return (tag & 0xFCU) == kOldForm || tag == kNewForm;
}

}  // namespace

KeyringFile read_keyring(const std::filesystem::path& path) {
  KeyringFile keyring{path, read_file(path)};
  if (!begins_like_keys(keyring.content)) throw unusable_keyring(path, "it holds no public key");
  return keyring;
}

Error unusable_keyring(const std::filesystem::path& path, std::string_view why) {
  return Error(ErrorKind::Config, Origin::Config,
               fmt::format("keyring {}: {}", path.string(), why));
}

}  // namespace streamsync
