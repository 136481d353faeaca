#include "sync/cli/process_hardening.h"

#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cerrno>
#include <system_error>

#include "base/error.h"

namespace streamsync {
namespace {

void require(int result, const char* what) {
  if (result == 0) return;
  throw Error(ErrorKind::Config, Origin::Local,
              fmt::format("{}: {}", what, std::generic_category().message(errno)));
}

}  // namespace

void harden_process() {
  constexpr rlimit kNone{0, 0};
  require(::setrlimit(RLIMIT_CORE, &kNone), "can't switch off core files");
  // That limit does not hold for a core_pattern that is a pipe (core(5)); this does.
  require(::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0), "can't switch off core files");
  const mode_t given = ::umask(S_IRWXG | S_IRWXO);
  ::umask(given | S_IWGRP | S_IWOTH);
}

void raise_file_limit() {
  rlimit files{};
  require(::getrlimit(RLIMIT_NOFILE, &files), "can't tell how many files may be open");
  files.rlim_cur = files.rlim_max;
  require(::setrlimit(RLIMIT_NOFILE, &files), "can't have more files open");
}

}  // namespace streamsync
