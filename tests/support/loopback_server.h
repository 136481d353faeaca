#pragma once

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/crypto/secret.h"
#include "base/http/http_client.h"
#include "base/text.h"

namespace streamsync::testing {

struct Received {
  std::string method, target, body;
  std::map<std::string, std::string> headers;  ///< names in lower case

  std::string header(const std::string& name) const {
    const auto found = headers.find(name);
    return found == headers.end() ? "" : found->second;
  }
};

struct Reply {
  int status = 200;
  std::string body{};
  std::vector<std::pair<std::string, std::string>> headers{};
};

/// An HTTP service on loopback that answers what a test tells it to: one request a connection, one
/// connection at a time.
class LoopbackServer {
 public:
  using Service = std::function<Reply(const Received&)>;

  explicit LoopbackServer(Service service) : service_(std::move(service)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (listener_ < 0 || ::bind(listener_, generic, size) != 0 || ::listen(listener_, 16) != 0 ||
        ::getsockname(listener_, generic, &size) != 0) {
      throw std::runtime_error("no loopback port");
    }
    url_ = fmt::format("http://127.0.0.1:{}", ntohs(address.sin_port));
    thread_ = std::thread([this] { serve(); });
  }

  ~LoopbackServer() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }

  LoopbackServer(const LoopbackServer&) = delete;
  LoopbackServer& operator=(const LoopbackServer&) = delete;

  const std::string& url() const { return url_; }

  /// What was asked so far, as "METHOD target".
  std::vector<std::string> log() const {
    std::vector<std::string> lines;
    for (const auto& request : received()) lines.push_back(request.method + " " + request.target);
    return lines;
  }

  std::vector<Received> received() const {
    const std::lock_guard lock(mutex_);
    return received_;
  }

 private:
  void serve() {
    for (int peer; (peer = ::accept(listener_, nullptr, nullptr)) >= 0; ::close(peer)) {
      Received request;
      if (!read_request(peer, request)) continue;
      {
        const std::lock_guard lock(mutex_);
        received_.push_back(request);
      }
      send_reply(peer, request.method, service_(request));
    }
  }

  static bool receive_more(int peer, std::string& bytes) {
    char buffer[16384];
    const auto count = ::recv(peer, buffer, sizeof buffer, 0);
    if (count <= 0) return false;
    bytes.append(buffer, static_cast<std::size_t>(count));
    return true;
  }

  static bool read_request(int peer, Received& request) {
    std::string bytes;
    std::size_t head_end;
    while ((head_end = bytes.find("\r\n\r\n")) == std::string::npos) {
      if (!receive_more(peer, bytes)) return false;
    }
    const std::string head = bytes.substr(0, head_end);
    const auto lines = split(head, '\n');
    const auto words = split(trimmed(lines.front()), ' ');
    request.method = words.at(0);
    request.target = words.at(1);
    std::for_each(lines.begin() + 1, lines.end(), [&](std::string_view line) {
      const auto colon = line.find(':');
      request.headers[to_lower_ascii(line.substr(0, colon))] = trimmed(line.substr(colon + 1));
    });
    const auto size = parse_decimal(request.header("content-length")).value_or(0);
    request.body = bytes.substr(head_end + 4);
    while (request.body.size() < size) {
      if (!receive_more(peer, request.body)) return false;
    }
    return true;
  }

  static void send_reply(int peer, const std::string& method, const Reply& reply) {
    std::string text = fmt::format("HTTP/1.1 {} Status\r\nConnection: close\r\n", reply.status);
    for (const auto& [name, value] : reply.headers) text += name + ": " + value + "\r\n";
    if (reply.status != 204 && reply.status != 304) {
      text += fmt::format("Content-Length: {}\r\n", reply.body.size());
    }
    text += "\r\n";
    if (method != "HEAD") text += reply.body;
    for (std::string_view rest = text; !rest.empty();) {
      const auto count = ::send(peer, rest.data(), rest.size(), MSG_NOSIGNAL);
      if (count <= 0) return;
      rest.remove_prefix(static_cast<std::size_t>(count));
    }
  }

  Service service_;
  int listener_ = -1;
  std::string url_;
  mutable std::mutex mutex_;
  std::vector<Received> received_;
  std::thread thread_;
};

/// What `main` starts for the program.
inline void start_process() {
  static const HttpRuntime runtime;
  static const bool crypto_started = [] {
    start_crypto();
    return true;
  }();
  static_cast<void>(crypto_started);
}

}  // namespace streamsync::testing
