#pragma once

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "tests/support/child_process.h"

namespace streamsync {

/// scripted_server.py, whose docstring says what URLs can ask of it, for as long as it lives.
class ScriptedServer {
 public:
  explicit ScriptedServer(const std::vector<std::string>& options = {})
      : scheme_(is_tls(options) ? "https" : "http"), process_(command(options)) {
    port_ = process_.read_line();
  }

  std::string port() const { return port_; }
  /// `target` begins with '/'.
  std::string url(std::string_view target) const {
    return scheme_ + "://127.0.0.1:" + port_ + std::string(target);
  }

  /// Ends the server after all that was asked of it, and gives the lines of its log with that
  /// event. So nothing that was under way is missed, and nothing needs to be waited for.
  std::vector<std::string> finish_and_read_log(std::string_view event) {
    process_.wait();
    return read_log(event);
  }

  /// Comes back when the running server has logged that event.
  void wait_for(std::string_view event) const {
    while (read_log(event).empty()) std::this_thread::yield();
  }

 private:
  std::vector<std::string> read_log(std::string_view event) const {
    std::vector<std::string> lines;
    std::ifstream log(log_.name());
    const std::string wanted = "\"event\":\"" + std::string(event) + "\"";
    for (std::string line; std::getline(log, line);) {
      if (line.find(wanted) != std::string::npos) lines.push_back(line);
    }
    return lines;
  }

  /// Empty, under a name of its own, gone with the server.
  class LogFile {
   public:
    LogFile() : name_((std::filesystem::temp_directory_path() / "http-log-XXXXXX").string()) {
      const int fd = ::mkstemp(name_.data());
      if (fd < 0) throw std::runtime_error("no temporary file");
      ::close(fd);
    }
    ~LogFile() { ::unlink(name_.c_str()); }
    LogFile(const LogFile&) = delete;
    LogFile& operator=(const LogFile&) = delete;

    const std::string& name() const noexcept { return name_; }

   private:
    std::string name_;
  };

  static bool is_tls(const std::vector<std::string>& options) {
    for (const std::string& option : options) {
      if (option == "--cert") return true;
    }
    return false;
  }

  std::vector<std::string> command(const std::vector<std::string>& options) const {
    std::vector<std::string> command = {TEST_SUPPORT "/scripted_server.py", "--until-stdin-closes",
                                        "--log", log_.name()};
    command.insert(command.end(), options.begin(), options.end());
    return command;
  }

  LogFile log_;
  std::string scheme_;
  ChildProcess process_;
  std::string port_;
};

}  // namespace streamsync
