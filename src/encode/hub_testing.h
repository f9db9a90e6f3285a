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
#include <memory>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "encode/hub.h"
#include "encode/test_support.h"

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

inline constexpr const char* kVision = "onnx/vision_model.onnx";
inline constexpr const char* kFolder = "/encoders/tiny";

// A hub with a repository of random bytes, and a machine in memory to pull to: its clock jumps where a client waits.
class HubTest : public testing::Test {
 protected:
  void SetUp() override {
    PICTOR_NEED(python());
    leave_proxies();
    put("config.json", R"({"model_type": "clip"})");
    put("preprocessor_config.json", random_bytes(800, 1));
    put("tokenizer.json", random_bytes(90'000, 2));
    put("README.md", "not needed");
    put("readme.md", "not needed either");
    put("model.safetensors", random_bytes(5000, 3));
    put("onnx/model.onnx", random_bytes(5000, 4));
    put(kVision, random_bytes(300'000, 5));
    put("onnx/vision_model.onnx_data", random_bytes(200'000, 6));
    put("onnx/vision_model_int8.onnx", random_bytes(70'000, 7));
    put("onnx/text_model.onnx", random_bytes(150'000, 8));
    put("onnx/text_model_int8.onnx", random_bytes(40'000, 9));
    server_ = std::make_unique<HubServer>(scratch_.path("root"));
    ASSERT_TRUE(server_->runs());
    request_.ref = {"acme/tiny", "main"};
    request_.folder = kFolder;
    request_.endpoint = server_->endpoint();
  }

  void put(const std::string& path, const std::string& bytes) { put_file(scratch_.path("root/" + path), bytes); }
  std::string served(const std::string& path) { return read_text(scratch_.path("root/" + path)); }

  Result<PulledRepo> pull() { return pull_to(env_); }
  Result<PulledRepo> pull_to(Env& env) {
    HttpClient http(env, options_);
    return pull_repository(env, http, request_);
  }

  // Everything that was wanted is there, right, and said to be there; and nothing else but the lock.
  void expect_whole(const Result<PulledRepo>& pulled) { expect_whole(pulled, env_); }
  void expect_whole(const Result<PulledRepo>& pulled, Env& env) {
    ASSERT_TRUE(pulled.is_ok()) << pulled.status().to_string();
    const auto said = read_pulled(env, request_.folder);
    ASSERT_TRUE(said.is_ok()) << said.status().to_string();
    EXPECT_EQ(said->commit, "0123456789abcdef0123456789abcdef01234567");
    EXPECT_EQ(said->licence, "apache-2.0");
    std::set<std::string> names;
    for (const auto& file : said->files) {
      const auto bytes = read_file(env, join_path(request_.folder, file.path), 1 << 20);
      ASSERT_TRUE(bytes.is_ok()) << bytes.status().to_string();
      EXPECT_EQ(as_text(*bytes), served(file.path)) << file.path;
      EXPECT_EQ(file.sha256, sha256(*bytes)) << file.path;
      EXPECT_EQ(file.bytes, bytes->size());
      names.insert(file.path);
    }
    EXPECT_EQ(names, wanted_);
    auto there = names_in(env, request_.folder + "/onnx");
    for (const auto& name : names_in(env, request_.folder)) there.insert(name);
    std::set<std::string> expected = {"onnx", "pulled.json", "pull.lock"};
    for (const auto& name : wanted_) expected.insert(file_name(name));
    EXPECT_EQ(there, expected);
  }

  static std::set<std::string> names_in(Env& env, const std::string& folder) {
    std::set<std::string> names;
    const auto entries = env.list(folder);
    if (!entries.is_ok()) return names;
    for (const auto& entry : *entries) names.insert(entry.name);
    return names;
  }

  // Nothing wrong is taken for right: neither the manifest nor the file under its own name is there.
  void expect_refused(const Result<PulledRepo>& pulled, Code code, const std::string& words,
                      const std::string& file = kVision) {
    ASSERT_FALSE(pulled.is_ok());
    EXPECT_EQ(pulled.status().code(), code) << pulled.status().to_string();
    EXPECT_NE(pulled.status().message().find(words), std::string::npos) << pulled.status().message();
    EXPECT_LT(pulled.status().message().size(), 1000U);
    EXPECT_FALSE(exists(env_, request_.folder + "/pulled.json"));
    EXPECT_FALSE(exists(env_, request_.folder + "/" + file));
  }

  std::vector<Served> requests_for(const std::string& key) {
    std::vector<Served> out;
    for (auto& one : server_->log()) {
      if (one.key == key && (one.status / 100 == 2 || one.role == "store")) out.push_back(one);
    }
    return out;
  }

  ScratchFolder scratch_;
  std::unique_ptr<HubServer> server_;
  SimulatedEnv env_{17};
  HttpOptions options_;
  PullRequest request_;
  std::set<std::string> wanted_ = {"config.json", "preprocessor_config.json",    "tokenizer.json",
                                   kVision,       "onnx/vision_model.onnx_data", "onnx/text_model.onnx"};
};

}  // namespace pictor::test
