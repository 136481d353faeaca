#pragma once

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <system_error>
#include <vector>

namespace streamsync {

/// A program with pipes at its stdin and stdout. Ends, at the latest in the destructor, because it
/// is told so by the end of its stdin.
class ChildProcess {
 public:
  explicit ChildProcess(std::vector<std::string> command) {
    std::array<int, 2> to_child{};
    std::array<int, 2> from_child{};
    check(::pipe2(to_child.data(), O_CLOEXEC) == 0 ? 0 : errno);
    check(::pipe2(from_child.data(), O_CLOEXEC) == 0 ? 0 : errno);
    posix_spawn_file_actions_t actions;
    check(::posix_spawn_file_actions_init(&actions));
    check(::posix_spawn_file_actions_adddup2(&actions, to_child[0], STDIN_FILENO));
    check(::posix_spawn_file_actions_adddup2(&actions, from_child[1], STDOUT_FILENO));
    std::vector<char*> arguments;
    for (std::string& argument : command) arguments.push_back(argument.data());
    arguments.push_back(nullptr);
    check(::posix_spawn(&pid_, arguments[0], &actions, nullptr, arguments.data(), environ));
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(to_child[0]);
    ::close(from_child[1]);
    stdin_ = to_child[1];
    stdout_ = from_child[0];
  }
  ~ChildProcess() {
    wait();
    ::close(stdout_);
  }
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  /// One line of its output, without the line end; empty at the end.
  std::string read_line() {
    std::string line;
    char c = 0;
    while (::read(stdout_, &c, 1) == 1 && c != '\n') line += c;
    return line;
  }

  /// Closes its stdin and waits for it to end.
  void wait() {
    if (pid_ == 0) return;
    ::close(stdin_);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

 private:
  static void check(int code) {
    if (code != 0) throw std::system_error(code, std::generic_category(), "starting a program");
  }

  pid_t pid_ = 0;
  int stdin_ = -1;
  int stdout_ = -1;
};

}  // namespace streamsync
