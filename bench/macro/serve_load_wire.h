// One connection of serve_load: a socket that never blocks, what is being sent on it and what comes back.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <string>
#include <utility>

#include "serve_load_answer.h"

namespace pictor::load {

class Wire {
 public:
  enum class State { kClosed, kConnecting, kIdle, kBusy };
  enum class Came { kNothing, kAnswer, kBroken };  // kBroken: and a request was under way

  Wire() = default;
  ~Wire() { close(); }
  Wire(Wire&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)),
        state_(std::exchange(other.state_, State::kClosed)),
        out_(std::move(other.out_)),
        written_(other.written_),
        answer_(std::move(other.answer_)) {}
  Wire& operator=(Wire&&) = delete;

  State state() const { return state_; }
  const AnswerReader& answer() const { return answer_; }

  // To this machine. Whether it went well is known when the socket can be written.
  void connect(std::uint16_t port) {
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd_ < 0) return;
    const int on = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int done = ::connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to);
    state_ = State::kConnecting;
    if (done != 0 && errno != EINPROGRESS) close();
  }

  // What is to be sent next is put here.
  std::string& room() { return out_; }
  // REQUIRES: idle.
  void send() {
    written_ = 0;
    answer_ = AnswerReader();
    state_ = State::kBusy;
    write();
  }

  pollfd wanted() const {
    const bool writes = state_ == State::kConnecting || written_ < out_.size();
    return {fd_, static_cast<short>(state_ == State::kConnecting ? POLLOUT : writes ? POLLIN | POLLOUT : POLLIN), 0};
  }

  Came look(short events) {
    if (state_ == State::kConnecting) return settle_connection();
    if ((events & POLLOUT) != 0) write();
    if ((events & (POLLIN | POLLHUP | POLLERR)) == 0) return Came::kNothing;
    return read();
  }

  // After an answer was looked at.
  void done() {
    const bool stays = answer_.keep_alive() && written_ == out_.size();  // half a request cannot be taken back
    state_ = State::kIdle;
    out_.clear();
    written_ = 0;
    if (!stays) close();
  }

  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
    state_ = State::kClosed;
    out_.clear();
    written_ = 0;
  }

 private:
  Came settle_connection() {
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) {
      close();
    } else {
      state_ = State::kIdle;
    }
    return Came::kNothing;
  }

  // What cannot be written is found out by reading: the answer to half a request may be there.
  void write() {
    while (written_ < out_.size()) {
      const ssize_t sent = ::send(fd_, out_.data() + written_, out_.size() - written_, MSG_NOSIGNAL);
      if (sent <= 0) return;
      written_ += static_cast<std::size_t>(sent);
    }
  }

  Came broken() {
    const bool under_way = state_ == State::kBusy;
    close();
    return under_way ? Came::kBroken : Came::kNothing;
  }

  Came read() {
    std::array<char, 65536> room;
    while (true) {
      const ssize_t got = ::recv(fd_, room.data(), room.size(), 0);
      if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return Came::kNothing;
      if (got <= 0 || state_ != State::kBusy) return broken();
      const auto whole = answer_.take({room.data(), static_cast<std::size_t>(got)});
      if (!whole.is_ok()) return broken();
      if (*whole) return Came::kAnswer;
    }
  }

  int fd_ = -1;
  State state_ = State::kClosed;
  std::string out_;
  std::size_t written_ = 0;
  AnswerReader answer_;
};

}  // namespace pictor::load
