// clouds.yaml, and upstream's identity.yaml: credentials, or one line that names the file. What is
// a secret there is in no message.

#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "base/crypto/secret.h"
#include "base/io/file_descriptor.h"
#include "keystone/credentials.h"
#include "tests/fuzz/property.h"

namespace streamsync {
namespace {

/// A file without a name, which can be opened by one.
class MemoryFile {
 public:
  explicit MemoryFile(std::string_view content) : file_(::memfd_create("input", MFD_CLOEXEC)) {
    require(file_.is_open(), "a file can be made");
    write_fully(file_.get(), as_bytes(content), 0, "writing the input");
  }
  std::string path() const { return "/proc/self/fd/" + std::to_string(file_.get()); }

 private:
  FileDescriptor file_;
};

void check_credentials(const Credentials& credentials) {
  require(credentials.auth_url.str().ends_with("/v3"), "only Identity v3 is spoken");
  require(Url::parse(credentials.auth_url_as_given).userinfo().empty(),
          "the URL is kept without user info");
}

void check(std::string_view input) {
  const MemoryFile file(input);
  const Environment environment = [&](const std::string& name) -> std::optional<std::string> {
    if (name == "OS_CLIENT_CONFIG_FILE") return file.path();
    return std::nullopt;
  };
  const auto read = [](auto action) { return taken(ErrorKind::Config, Origin::Config, action); };
  read([&] { check_credentials(credentials_from_cloud("cloud", environment)); });
  read([&] { check_credentials(credentials_from_identity_file(file.path())); });
}

}  // namespace
}  // namespace streamsync

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const bool is_started = (streamsync::start_crypto(), true);
  static_cast<void>(is_started);
  streamsync::check(streamsync::input(data, size));
  return 0;
}
