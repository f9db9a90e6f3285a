// A web server of a few lines for tests of the rooms that ask one: reads a request, answers it, closes. For tests only.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

namespace pictor {

struct TinyRequest {
  std::string method, target;
  std::map<std::string, std::string> fields;  // names in lower case
  std::string body;
};

struct TinyAnswer {
  int status = 200;
  std::string body;
  std::map<std::string, std::string> fields = {};
  bool endless = false;        // the body comes again and again, until nobody reads it any more
  std::uint32_t pause_ms = 0;  // before each time
};

class TinyServer {
 public:
  using Act = std::function<TinyAnswer(const TinyRequest&)>;  // on the server's thread, one after the other

  explicit TinyServer(Act act) : act_(std::move(act)), socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(at);
    EXPECT_EQ(::bind(socket_, reinterpret_cast<const sockaddr*>(&at), size), 0);
    EXPECT_EQ(::listen(socket_, 16), 0);
    EXPECT_EQ(::getsockname(socket_, reinterpret_cast<sockaddr*>(&at), &size), 0);
    port_ = ntohs(at.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  ~TinyServer() {
    ::shutdown(socket_, SHUT_RDWR);
    thread_.join();
    ::close(socket_);
  }
  TinyServer(const TinyServer&) = delete;
  TinyServer& operator=(const TinyServer&) = delete;

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

 private:
  void run() {
    for (int client = 0; (client = ::accept(socket_, nullptr, nullptr)) >= 0;) {
      const timeval patience{10, 0};
      ::setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
      TinyRequest request;
      if (read(client, request)) answer(client, act_(request));
      ::close(client);
    }
  }

  static bool more(int client, std::string& held) {
    char buffer[16384];
    const ssize_t got = ::recv(client, buffer, sizeof(buffer), 0);
    if (got > 0) held.append(buffer, static_cast<std::size_t>(got));
    return got > 0;
  }

  static bool read(int client, TinyRequest& request) {
    std::string held;
    std::size_t end = std::string::npos;
    while ((end = held.find("\r\n\r\n")) == std::string::npos) {
      if (!more(client, held)) return false;
    }
    const std::string head = held.substr(0, end + 2);
    request.method = head.substr(0, head.find(' '));
    const std::size_t target = request.method.size() + 1;
    request.target = head.substr(target, head.find(' ', target) - target);
    for (std::size_t at = head.find("\r\n") + 2; at < head.size();) {
      const std::string line = head.substr(at, head.find("\r\n", at) - at);
      at += line.size() + 2;
      const std::size_t colon = line.find(": ");
      if (colon == std::string::npos) continue;
      std::string name = line.substr(0, colon);
      for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
      request.fields[name] = line.substr(colon + 2);
    }
    const auto length = request.fields.find("content-length");
    const std::size_t bytes = length == request.fields.end() ? 0 : std::stoul(length->second);
    held.erase(0, end + 4);
    while (held.size() < bytes) {
      if (!more(client, held)) return false;
    }
    request.body = held.substr(0, bytes);
    return true;
  }

  static void answer(int client, const TinyAnswer& answer) {
    std::string head = "HTTP/1.1 " + std::to_string(answer.status) + " X\r\nConnection: close\r\n";
    if (!answer.endless) head += "Content-Length: " + std::to_string(answer.body.size()) + "\r\n";
    for (const auto& [name, value] : answer.fields) head.append(name).append(": ").append(value).append("\r\n");
    bool reads = send(client, head + "\r\n");
    do {
      if (answer.pause_ms > 0) std::this_thread::sleep_for(std::chrono::milliseconds(answer.pause_ms));
      reads = reads && send(client, answer.body);
    } while (reads && answer.endless);
  }

  static bool send(int client, std::string_view text) {
    while (!text.empty()) {
      const ssize_t sent = ::send(client, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  Act act_;
  int socket_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

}  // namespace pictor
