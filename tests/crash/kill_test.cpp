// A real process is killed at a random moment, again and again; after each kill everything it had acknowledged is
// there.
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <numeric>

#include "script.h"

extern char** environ;

namespace pictor {
namespace {

constexpr int kKillsPerFolder = 25;
constexpr std::uint64_t kWriters = 3;

using Numbers = std::array<std::uint64_t, kWriters>;

int kills() {
  const char* text = std::getenv("PICTOR_KILLS");  // NOLINT(concurrency-mt-unsafe)
  return text == nullptr ? 20 : std::max(1, std::atoi(text));
}

// The first seed; PICTOR_SEED draws others.
std::uint64_t first_seed() {
  const char* text = std::getenv("PICTOR_SEED");  // NOLINT(concurrency-mt-unsafe)
  return text == nullptr ? 4711 : std::strtoull(text, nullptr, 10) % 1'000'000;
}

class Child {
 public:
  // Goes on after the batches that are known of each writer.
  Child(const std::string& folder, std::uint64_t seed, const Numbers& known) : acknowledged_(known) {
    int ends[2];
    if (::pipe(ends) != 0) return;
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    ::posix_spawn_file_actions_addclose(&actions, ends[0]);
    std::string program = PICTOR_CRASH_WRITER;
    std::string path = folder;
    std::vector<std::string> words = {std::move(program), std::move(path), std::to_string(seed)};
    for (const auto number : known) words.push_back(std::to_string(number + 1));
    std::vector<char*> arguments;
    for (auto& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    if (::posix_spawn(&pid_, words[0].c_str(), &actions, nullptr, arguments.data(), environ) != 0) pid_ = -1;
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    pipe_ = ends[0];
  }
  ~Child() {
    if (pipe_ >= 0) ::close(pipe_);
  }
  bool runs() const { return pid_ > 0; }

  // Reads acknowledgements for that long, or until the first one.
  void listen(std::chrono::milliseconds wait, bool until_first = false) {
    const auto until = std::chrono::steady_clock::now() + wait;
    while (!until_first || lines_ == 0) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
      pollfd pipe{pipe_, POLLIN, 0};
      if (left.count() <= 0 || ::poll(&pipe, 1, static_cast<int>(left.count())) <= 0 || !read_some()) return;
    }
  }
  void kill() {
    ::kill(pid_, SIGKILL);
    int status = 0;
    ::waitpid(pid_, &status, 0);
    killed_ = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    while (read_some()) {
    }
  }
  bool died_of_the_kill() const { return killed_; }
  const Numbers& acknowledged() const { return acknowledged_; }
  std::uint64_t lines() const { return lines_; }

 private:
  bool read_some() {
    char buffer[4096];
    const auto got = ::read(pipe_, buffer, sizeof(buffer));
    for (ssize_t i = 0; i < got; ++i) {
      if (buffer[i] != '\n') {
        line_.push_back(buffer[i]);
        continue;
      }
      std::size_t end = 0;
      const auto writer = std::stoull(line_, &end);
      acknowledged_.at(writer) = std::stoull(line_.substr(end));
      ++lines_;
      line_.clear();
    }
    return got > 0;
  }

  pid_t pid_ = -1;
  int pipe_ = -1;
  bool killed_ = false;
  std::string line_;
  Numbers acknowledged_;
  std::uint64_t lines_ = 0;
};

// Which batches of a writer are there: all that were acknowledged, and perhaps the one that was on its way.
std::string find_out(const Snapshot& snapshot, const CollectionSpec& spec, std::uint64_t seed, std::uint64_t writer,
                     std::uint64_t acknowledged, std::uint64_t& known, crash::Model& model) {
  const auto step = [&] {
    ++known;
    crash::apply(crash::batch_of(spec, seed, known, writer), known, model);
  };
  while (known < acknowledged) step();
  const auto differs = [&] { return crash::difference(snapshot, spec, model, writer * crash::kItems, crash::kItems); };
  const std::string wrong = differs();
  if (wrong.empty()) return "";
  step();
  if (differs().empty()) return "";
  return "writer " + std::to_string(writer) + " after " + std::to_string(acknowledged) + " batches: " + wrong;
}

// One folder's life: killed again and again, checked after each kill.
void live(const std::string& folder, std::uint64_t seed, int deaths, std::uint64_t& batches) {
  std::mt19937 random(static_cast<unsigned>(seed));
  const auto spec = testing::small_spec();
  Numbers known{};
  crash::Model model;
  for (int death = 0; death < deaths; ++death) {
    Child child(folder, seed, known);
    ASSERT_TRUE(child.runs());
    // Most die while they commit, seal, compact and search, some while they start.
    if (random() % 4 != 0) child.listen(std::chrono::seconds(30), true);
    child.listen(std::chrono::milliseconds(random() % 120));
    child.kill();
    ASSERT_TRUE(child.died_of_the_kill()) << "the writer ended by itself";
    const std::string where = "seed " + std::to_string(seed) + ", kill " + std::to_string(death);
    const auto data = testing::must(DataFolder::open(Env::real(), folder));
    const auto collection = data->collection(spec.name);
    const auto before = std::accumulate(known.begin(), known.end(), std::uint64_t{0});
    if (!collection.is_ok() && child.lines() == 0 && before == 0) continue;  // killed before it was made
    ASSERT_TRUE(collection.is_ok()) << collection.status().to_string();
    const auto snapshot = testing::must((*collection)->snapshot());
    for (std::uint64_t writer = 0; writer < kWriters; ++writer) {
      ASSERT_EQ(find_out(*snapshot, spec, seed, writer, child.acknowledged().at(writer), known.at(writer), model), "")
          << where;
    }
    const auto after = std::accumulate(known.begin(), known.end(), std::uint64_t{0});
    ASSERT_EQ(snapshot->sequence(), after) << "a batch is there that nobody sent, or twice, " << where;
    ASSERT_EQ(crash::difference(**collection, model), "") << where;
    batches += after - before;
  }
}

TEST(Kill, of_a_writing_process_at_any_moment_loses_nothing_acknowledged) {
  std::string pattern = (std::filesystem::temp_directory_path() / "pictor-kill-XXXXXX").string();
  ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
  const int wanted = kills();
  std::uint64_t batches = 0;
  for (int done = 0; done < wanted && !HasFatalFailure(); done += kKillsPerFolder) {
    const auto seed = first_seed() + static_cast<std::uint64_t>(done);
    live(pattern + "/" + std::to_string(done), seed, std::min(kKillsPerFolder, wanted - done), batches);
  }
  EXPECT_GT(batches, static_cast<std::uint64_t>(wanted)) << "the writer was hardly ever writing when it was killed";
  RecordProperty("batches", static_cast<int>(batches));
  if (!HasFailure()) std::filesystem::remove_all(pattern);
}

}  // namespace
}  // namespace pictor
