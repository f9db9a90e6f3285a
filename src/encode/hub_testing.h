// What the tests of pulling share: a hub on loopback (tests/hub/hub_server.py) whose faults are chosen line by line,
// and a small made-up repository for it.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "encode/hub.h"

extern char** environ;

namespace pictor::test {

struct Served {
  std::string role;  // "hub" or "store"
  std::string key;   // a path, or "listing"
  int status = 0;
  std::uint64_t start = 0;  // first byte of the body
  std::uint64_t sent = 0;   // bytes of it
  std::string token;        // "-" when none came
};

// A child process; its standard input and output are pipes. Ends with this object.
class HubServer {
 public:
  explicit HubServer(const std::string& root) {
    int in[2];
    int out[2];
    if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0) return;
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
    std::string words[] = {PICTOR_DEPS_DIR "/venv/bin/python", PICTOR_SOURCE_DIR "/tests/hub/hub_server.py", root};
    char* arguments[] = {words[0].data(), words[1].data(), words[2].data(), nullptr};
    if (::posix_spawn(&pid_, arguments[0], &actions, nullptr, arguments, environ) != 0) pid_ = -1;
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(in[0]);
    ::close(out[1]);
    to_ = in[1];
    from_ = ::fdopen(out[0], "r");
    std::istringstream ready(line());
    std::string word;
    ready >> word >> port_;
  }
  ~HubServer() {
    if (to_ >= 0) ::close(to_);  // it ends at the end of its input
    if (from_ != nullptr) std::fclose(from_);
    if (pid_ > 0) ::waitpid(pid_, nullptr, 0);
  }
  HubServer(const HubServer&) = delete;
  HubServer& operator=(const HubServer&) = delete;

  bool runs() const { return port_ > 0; }
  std::string endpoint() const { return "http://127.0.0.1:" + std::to_string(port_); }

  std::string command(const std::string& text) {
    const auto whole = text + "\n";
    if (::write(to_, whole.data(), whole.size()) != static_cast<ssize_t>(whole.size())) return {};
    return line();
  }
  void fault(const std::string& key, const std::string& kind, int times = 1, long number = 0) {
    EXPECT_EQ(command("fault " + key + " " + kind + " " + std::to_string(times) + " " + std::to_string(number)), "ok");
  }
  void clear() { EXPECT_EQ(command("clear"), "ok"); }
  // The requests since the last call.
  std::vector<Served> log() {
    std::vector<Served> out(std::stoul("0" + command("log")));
    for (auto& one : out) {
      std::istringstream words(line());
      words >> one.role >> one.key >> one.status >> one.start >> one.sent >> one.token;
    }
    return out;
  }

 private:
  std::string line() {
    char* text = nullptr;
    std::size_t size = 0;
    const auto got = from_ == nullptr ? -1 : ::getline(&text, &size, from_);
    std::string out = got > 0 ? std::string(text, static_cast<std::size_t>(got) - 1) : "";
    std::free(text);  // NOLINT(cppcoreguidelines-no-malloc): getline's
    return out;
  }

  pid_t pid_ = -1;
  int to_ = -1;
  std::FILE* from_ = nullptr;
  int port_ = 0;
};

inline std::string random_bytes(std::size_t size, unsigned seed) {
  std::mt19937 random(seed);
  std::string out(size, '\0');
  for (char& c : out) c = static_cast<char>(random());
  return out;
}

inline void put_file(const std::string& path, const std::string& bytes) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << bytes;
}

// Proxies of the machine have no business with loopback.
inline void leave_proxies() {
  for (const char* name : {"http_proxy", "https_proxy", "all_proxy", "HTTPS_PROXY", "ALL_PROXY"}) ::unsetenv(name);
}

}  // namespace pictor::test
