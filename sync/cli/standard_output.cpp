#include "sync/cli/standard_output.h"

#include <cerrno>
#include <cstdio>

#include "base/io/local_error.h"

namespace streamsync {
void StandardOutput::write(Bytes bytes) {
  if (std::fwrite(bytes.data(), 1, bytes.size(), stdout) != bytes.size()) throw lost(errno);
}

void StandardOutput::finish() {
  if (std::fflush(stdout) != 0) throw lost(errno);
}

Error StandardOutput::lost(int code) { return local_error(code, "writing to standard output"); }

void print_text(std::string_view text) { StandardOutput().write(as_bytes(text)); }

}  // namespace streamsync
