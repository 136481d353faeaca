#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <system_error>

namespace streamsync {

/// A run in a process of its own, which ends without a chance to clean up.
class KilledProcess {
 public:
  /// `work` must not come back: it is killed, or kills itself.
  template <typename Work>
  explicit KilledProcess(Work&& work) : pid_(::fork()) {
    if (pid_ < 0) throw std::system_error(errno, std::generic_category(), "fork");
    if (pid_ > 0) return;
    try {
      work();
    } catch (...) {  // the status tells
    }
    ::_exit(1);
  }
  ~KilledProcess() {
    kill();
    was_killed();
  }
  KilledProcess(const KilledProcess&) = delete;
  KilledProcess& operator=(const KilledProcess&) = delete;

  void kill() const {
    if (pid_ > 0) ::kill(pid_, SIGKILL);
  }

  /// Waits for its end; false when it ended in another way.
  bool was_killed() {
    int status = 0;
    if (pid_ > 0 && ::waitpid(pid_, &status, 0) == pid_) {
      was_killed_ = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
      pid_ = 0;
    }
    return was_killed_;
  }

  static void kill_me() { ::kill(::getpid(), SIGKILL); }

 private:
  pid_t pid_;
  bool was_killed_ = false;
};

}  // namespace streamsync
