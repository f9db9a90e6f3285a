// A real process that pulls is killed at random moments. After each kill no file under its own name is wrong, and the
// next process asks for no byte that is on the disk.
#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <set>
#include <thread>

#include "encode/hub_testing.h"
#include "encode/test_support.h"

namespace pictor {
namespace {

std::uint64_t number_from(const char* name, std::uint64_t usual) {
  const char* text = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
  return text == nullptr ? usual : std::strtoull(text, nullptr, 10);
}

const std::map<std::string, std::size_t> kFiles = {{"config.json", 500},
                                                   {"tokenizer.json", 300'000},
                                                   {"onnx/vision_model.onnx", 2'000'000},
                                                   {"onnx/vision_model.onnx_data", 1'500'000},
                                                   {"onnx/text_model.onnx", 1'000'000}};

class Kill : public testing::Test {
 protected:
  void SetUp() override {
    PICTOR_NEED(test::python());
    test::leave_proxies();
    unsigned seed = 1;
    for (const auto& [name, bytes] : kFiles) {
      test::put_file(scratch_.path("root/" + name), test::random_bytes(bytes, seed++));
    }
    server_ = std::make_unique<test::HubServer>(scratch_.path("root"));
    ASSERT_TRUE(server_->runs());
    ASSERT_EQ(server_->command("pace 1000"), "ok");
  }

  pid_t start(const std::string& folder) {
    std::string words[] = {PICTOR_HUB_PULLER, server_->endpoint(), folder};
    char* arguments[] = {words[0].data(), words[1].data(), words[2].data(), nullptr};
    pid_t pid = -1;
    if (::posix_spawn(&pid, arguments[0], nullptr, nullptr, arguments, environ) != 0) return -1;
    return pid;
  }

  // Waits until the process ends, or `enough` says so.
  template <typename Enough>
  static void live(pid_t pid, Enough enough) {
    siginfo_t ended{};
    while (ended.si_pid == 0 && !enough()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      ::waitid(P_PID, static_cast<id_t>(pid), &ended, WEXITED | WNOHANG | WNOWAIT);
    }
  }
  static auto after(std::uint64_t ms) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(ms);
    return [until] { return std::chrono::steady_clock::now() >= until; };
  }

  static std::uint64_t bytes_in(const std::string& folder) {
    std::uint64_t bytes = 0;
    for (const auto& [name, unused] : kFiles) {
      for (const char* end : {"", ".part"}) {
        std::error_code none;
        const auto size = std::filesystem::file_size(folder + "/" + name + end, none);
        bytes += none ? 0 : size;
      }
    }
    return bytes;
  }

  // True when the process was still running; else it must have ended well.
  static bool kill(pid_t pid) {
    ::kill(pid, SIGKILL);
    int status = 0;
    ::waitpid(pid, &status, 0);
    if (WIFSIGNALED(status)) return true;
    EXPECT_EQ(WEXITSTATUS(status), 0);
    return false;
  }

  // What is under its own name is right. Notes how much there is of the others.
  void look(const std::string& folder) {
    for (const auto& [name, bytes] : kFiles) {
      const auto path = folder + "/" + name;
      if (std::filesystem::exists(path)) {
        ASSERT_EQ(test::read_text(path), test::read_text(scratch_.path("root/" + name))) << name;
        continue;
      }
      std::error_code none;
      const auto size = std::filesystem::file_size(path + ".part", none);
      there_[name].insert(none ? 0 : size);
      ASSERT_FALSE(std::filesystem::exists(folder + "/pulled.json")) << name << " is missing";
    }
  }

  test::ScratchFolder scratch_;
  std::unique_ptr<test::HubServer> server_;
  std::map<std::string, std::multiset<std::uint64_t>> there_;  // sizes that a process found when it began
};

TEST_F(Kill, of_a_pulling_process_at_any_moment_loses_no_byte_and_registers_no_wrong_one) {
  const auto wanted = number_from("PICTOR_KILLS", 30);
  std::mt19937_64 random(number_from("PICTOR_SEED", 4711));
  std::uint64_t kills = 0;
  std::uint64_t resumed = 0;
  for (int round = 0; kills < wanted; ++round) {
    const auto folder = scratch_.path("out" + std::to_string(round));
    there_.clear();
    server_->log();
    bool killed = true;
    for (int life = 0; killed; ++life) {
      look(folder);
      if (HasFatalFailure()) return;
      const auto pid = start(folder);
      ASSERT_GT(pid, 0);
      // Most die while they receive, some while they start; the last one lives for as long as it takes.
      const auto before = bytes_in(folder);
      if (random() % 4 != 0) live(pid, [&] { return bytes_in(folder) > before; });
      live(pid, after(kills < wanted ? random() % 60 : 60'000));
      killed = kill(pid);
      kills += killed ? 1 : 0;
      ASSERT_LT(life, 1000);
    }
    look(folder);
    ASSERT_TRUE(read_pulled(Env::real(), folder).is_ok());
    for (const auto& one : server_->log()) {
      if (one.key == "listing" || one.status / 100 != 2) continue;
      EXPECT_TRUE(there_[one.key].contains(one.start)) << one.key << " was asked for from byte " << one.start;
      resumed += one.start > 0 ? 1 : 0;
    }
  }
  EXPECT_GT(resumed, wanted / 4) << "hardly any kill came in the middle of a file";
  RecordProperty("resumed", static_cast<int>(resumed));
}

}  // namespace
}  // namespace pictor
