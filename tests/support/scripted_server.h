#pragma once

#include <fstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "tests/support/child_process.h"
#include "tests/unit/base/temporary_directory.h"

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
    std::ifstream log(log_file());
    const std::string wanted = "\"event\":\"" + std::string(event) + "\"";
    for (std::string line; std::getline(log, line);) {
      if (line.find(wanted) != std::string::npos) lines.push_back(line);
    }
    return lines;
  }

  static bool is_tls(const std::vector<std::string>& options) {
    for (const std::string& option : options) {
      if (option == "--cert") return true;
    }
    return false;
  }

  std::string log_file() const { return (directory_ / "log").string(); }

  std::vector<std::string> command(const std::vector<std::string>& options) const {
    std::vector<std::string> command = {TEST_SUPPORT "/scripted_server.py", "--until-stdin-closes",
                                        "--log", log_file()};
    command.insert(command.end(), options.begin(), options.end());
    return command;
  }

  TemporaryDirectory directory_;
  std::string scheme_;
  ChildProcess process_;
  std::string port_;
};

}  // namespace streamsync
