#include "sync/cli/process.h"

#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cerrno>
#include <csignal>
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

void ignore_broken_pipes() noexcept { std::signal(SIGPIPE, SIG_IGN); }

void raise_file_limit() noexcept {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return;
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);  // where that is refused, the limit stays as it is
}

}  // namespace streamsync
