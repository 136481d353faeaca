#include "base/http/file_url.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>

#include "base/http/percent_encoding.h"
#include "base/io/file_descriptor.h"

namespace streamsync {
namespace {

constexpr std::size_t kReadSize = 256 * 1024;

int status_of(int open_error) {
  const bool is_missing = open_error == ENOENT || open_error == ENOTDIR ||
                          open_error == ENAMETOOLONG || open_error == ELOOP;
  return is_missing ? 404 : 403;
}

void copy(int fd, std::string_view doing, ByteSink& body, std::stop_token stop) {
  std::vector<std::byte> buffer(kReadSize);
  std::uint64_t offset = 0;
  for (;;) {
    if (stop.stop_requested()) throw Cancelled();
    const std::size_t count = read_some(fd, buffer, offset, doing);
    if (count == 0) return;
    body.write(Bytes(buffer).first(count));
    offset += count;
  }
}

}  // namespace

Response answer_from_file(const Request& request, const BodyChoice& choose, std::stop_token stop) {
  if (request.method != "GET" && request.method != "HEAD") return Response{405, {}, {}};
  const std::string path = percent_decoded(request.url.path());
  if (path.find('\0') != std::string::npos) return Response{404, {}, {}};
  // O_NONBLOCK: opening a FIFO must not wait for its writer.
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.is_open()) return Response{status_of(errno), {}, {}};
  struct stat attributes {};
  if (::fstat(file.get(), &attributes) != 0 || !S_ISREG(attributes.st_mode)) {
    return Response{403, {}, {}};
  }
  Response response{200, {{"Content-Length", std::to_string(attributes.st_size)}}, {}};
  if (request.method == "GET") {
    copy(file.get(), "reading " + request.url.redacted(), choose(response), stop);
  }
  return response;
}

}  // namespace streamsync
