// A plain client for tests of this room: one connection, bytes in, answers out. For tests only.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <map>
#include <string>
#include <string_view>

namespace pictor {

struct Answer {
  int status = 0;  // 0: none came
  std::map<std::string, std::string> fields;
  std::string body;
};

class TestClient {
 public:
  explicit TestClient(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const timeval patience{60, 0};
    setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    connected_ = ::connect(socket_, reinterpret_cast<const sockaddr*>(&to), sizeof(to)) == 0;
  }
  ~TestClient() { ::close(socket_); }
  TestClient(const TestClient&) = delete;
  TestClient& operator=(const TestClient&) = delete;

  bool connected() const { return connected_; }
  bool send(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  void shutdown_send() const { ::shutdown(socket_, SHUT_WR); }

  Answer read(bool head_only = false) {
    Answer answer;
    std::size_t end = std::string::npos;
    while ((end = held_.find("\r\n\r\n")) == std::string::npos) {
      if (!more()) return answer;
    }
    std::string head = held_.substr(0, end);
    held_.erase(0, end + 4);
    answer.status = std::stoi(head.substr(9, 3));
    for (std::size_t at = head.find("\r\n"); at != std::string::npos; at = head.find("\r\n", at + 2)) {
      const std::string line = head.substr(at + 2, head.find("\r\n", at + 2) - at - 2);
      const std::size_t colon = line.find(": ");
      if (colon != std::string::npos) answer.fields[line.substr(0, colon)] = line.substr(colon + 2);
    }
    const auto length = answer.fields.find("Content-Length");
    const std::size_t bytes = length == answer.fields.end() || head_only ? 0 : std::stoul(length->second);
    while (held_.size() < bytes && more()) {
    }
    answer.body = held_.substr(0, bytes);
    held_.erase(0, bytes);
    return answer;
  }
  bool closed() { return held_.empty() && !more(); }  // by the other side

  Answer ask(std::string_view method, std::string_view target, std::string_view body = "",
             std::string_view fields = "") {
    std::string request =
        std::string(method) + " " + std::string(target) + " HTTP/1.1\r\nHost: 127.0.0.1\r\n" + std::string(fields);
    if (!body.empty()) request += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    if (!send(request + "\r\n" + std::string(body))) return {};
    return read(method == "HEAD");
  }

 private:
  bool more() {
    char buffer[65536];
    const ssize_t got = ::recv(socket_, buffer, sizeof(buffer), 0);
    if (got <= 0) return false;
    held_.append(buffer, static_cast<std::size_t>(got));
    return true;
  }

  int socket_;
  bool connected_ = false;
  std::string held_;
};

}  // namespace pictor
