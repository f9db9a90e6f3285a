// pictor serve around a stand-in for the server: what it is started with, and what SIGHUP does.
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <streambuf>
#include <thread>

#include "cli/cli_testing.h"
#include "cli/text.h"

namespace pictor {
namespace {

// What the test and the server's stand-in share; the server itself belongs to the command.
struct Seen {
  std::mutex mutex;
  std::condition_variable changed;
  bool started = false;
  std::vector<ServerOptions> taken;  // by the start and by each reload
  Status refuses;                    // every reload when set
  std::int64_t drain_ms = 0;
};

class FakeServer : public Server {
 public:
  explicit FakeServer(Seen& seen) : seen_(seen) {}
  std::uint16_t port() const override { return 7733; }
  std::string url() const override { return "http://127.0.0.1:7733"; }
  bool drain(std::int64_t ms) override {
    seen_.drain_ms = ms;
    return true;
  }
  Status reload(const ServerOptions& options) override {
    const std::lock_guard lock(seen_.mutex);
    PICTOR_TRY(seen_.refuses);
    seen_.taken.push_back(options);
    seen_.changed.notify_all();
    return Status::ok();
  }

 private:
  Seen& seen_;
};

// A stream that another thread may look at while it is written to.
class SharedText : public std::streambuf {
 public:
  std::string text() {
    const std::lock_guard lock(mutex_);
    return text_;
  }

 protected:
  int overflow(int c) override {
    const std::lock_guard lock(mutex_);
    text_ += static_cast<char>(c);
    return c;
  }
  std::streamsize xsputn(const char* bytes, std::streamsize count) override {
    const std::lock_guard lock(mutex_);
    text_.append(bytes, static_cast<std::size_t>(count));
    return count;
  }

 private:
  std::mutex mutex_;
  std::string text_;
};

class ServeCommand : public CliTest {
 protected:
  ServeCommand() {
    services_.start_server = [this](Env&, Engine&, const ServerOptions& options) -> Result<std::unique_ptr<Server>> {
      const std::lock_guard lock(seen_.mutex);
      seen_.taken.push_back(options);
      seen_.started = true;
      seen_.changed.notify_all();
      return std::unique_ptr<Server>(std::make_unique<FakeServer>(seen_));
    };
  }
  ~ServeCommand() override { stop(); }

  void serve(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "pictor");
    thread_ = std::thread([this, arguments]() mutable {
      std::vector<char*> argv;
      for (std::string& argument : arguments) argv.push_back(argument.data());
      argv.push_back(nullptr);
      std::ostream out(&served_out_), err(&served_err_);
      status_ = run_cli_with(static_cast<int>(arguments.size()), argv.data(), services_, out, err);
      ended_ = true;
    });
    std::unique_lock lock(seen_.mutex);
    ASSERT_TRUE(seen_.changed.wait_for(lock, std::chrono::seconds(60), [&] { return seen_.started; }));
    lock.unlock();
    ASSERT_TRUE(told("Pictor is at", served_out_));  // signals have flags from before that on
  }
  // Ends the command as Ctrl-C does, and returns its status.
  int stop() {
    if (!thread_.joinable()) return status_;
    if (!ended_) ::kill(::getpid(), SIGTERM);  // without the command it would end the test
    thread_.join();
    return status_;
  }
  static void hang_up() { ::kill(::getpid(), SIGHUP); }
  // Whether the stream has the words, now or within a minute.
  static bool told(const std::string& words, SharedText& stream) {
    for (int i = 0; i < 6000; ++i) {
      if (stream.text().find(words) != std::string::npos) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    ADD_FAILURE() << "not told: " << words << "\n" << stream.text();
    return false;
  }
  bool told(const std::string& words) { return told(words, served_err_); }
  ServerOptions last() {
    const std::lock_guard lock(seen_.mutex);
    return seen_.taken.back();
  }
  std::size_t reloads() {
    const std::lock_guard lock(seen_.mutex);
    return seen_.taken.size() - 1;
  }

  Seen seen_;
  SharedText served_out_, served_err_;
  std::thread thread_;
  std::atomic<bool> ended_{false};
  int status_ = -1;
};

TEST_F(ServeCommand, runs_with_its_file_and_says_which) {
  const std::string file =
      folder_.write("pictor/serve.toml",
                    "data = \"/srv/pictor\"\nlog-level = \"info\"\n[serve]\nlisten = \"[::1]:80\"\n"
                    "queue = 300\nbody-max = \"1MiB\"\ndrain-s = 7\naudit-reads = true\n");
  serve({"serve", "--queue", "400"});
  EXPECT_TRUE(told("configuration: " + file));
  const ServerOptions options = last();
  EXPECT_EQ(options.data_folder, "/srv/pictor");
  EXPECT_EQ(options.address, "::1");
  EXPECT_EQ(options.port, 80);
  EXPECT_EQ(options.queue_max, 400U);
  EXPECT_EQ(options.body_bytes_max, limits::kMiB);
  EXPECT_EQ(options.log_file, "-") << "info without a file goes to standard error";
  EXPECT_EQ(options.log_level, "info");
  EXPECT_TRUE(options.audit_reads);
  EXPECT_EQ(opened_.data_folder, "/srv/pictor");
  EXPECT_EQ(stop(), 0);
  EXPECT_EQ(seen_.drain_ms, 7000);
}

TEST_F(ServeCommand, hosts_of_pictures_may_be_a_list_of_the_file) {
  folder_.write("pictor/serve.toml", "[serve]\nimage-urls = [\"a.org\", \"*.b.org:81\"]\nimage-urls-private = true\n");
  serve({"serve"});
  EXPECT_EQ(last().image_urls, (std::vector<std::string>{"a.org", "*.b.org:81"}));
  EXPECT_TRUE(last().image_urls_private);
  EXPECT_EQ(stop(), 0);
}

TEST_F(ServeCommand, hosts_of_pictures_may_be_several_flags_and_one_flag_several) {
  folder_.write("pictor/serve.toml", "[serve]\nimage-urls = \"a.org\"\n");
  serve({"serve", "--image-urls", "c.org, d.org", "--image-urls", "e.org"});
  EXPECT_EQ(last().image_urls, (std::vector<std::string>{"c.org", "d.org", "e.org"}));
  EXPECT_EQ(stop(), 0);
}

TEST_F(ServeCommand, defaults_are_those_of_the_library) {
  serve({"serve"});
  const ServerOptions seen = last();
  const ServerOptions standard{};
  EXPECT_EQ(seen.address, standard.address);
  EXPECT_EQ(seen.port, standard.port);
  EXPECT_EQ(seen.workers, standard.workers);
  EXPECT_EQ(seen.queue_max, standard.queue_max);
  EXPECT_EQ(seen.connections_max, standard.connections_max);
  EXPECT_EQ(seen.bulk_bytes_max, standard.bulk_bytes_max);
  EXPECT_EQ(seen.deadline_ms, standard.deadline_ms);
  EXPECT_EQ(seen.log_file, "");
  EXPECT_TRUE(seen.image_urls.empty());
  EXPECT_FALSE(seen.image_urls_private);
  EXPECT_EQ(stop(), 0);
  EXPECT_EQ(seen_.drain_ms, 30'000);
}

TEST_F(ServeCommand, loads_the_encoders_of_its_collections_for_many_callers) {
  serve({"serve"});
  for (int i = 0; i < 6000 && engine_->tools.preloads == 0; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_EQ(stop(), 0);
  EXPECT_EQ(engine_->tools.preloaded, std::vector<std::string>{"toy"});
  EXPECT_TRUE(opened_.many_callers);
}

TEST_F(ServeCommand, loads_encoders_when_they_are_needed_if_told_so) {
  serve({"serve", "--lazy-encoders"});
  for (int i = 0; i < 6000 && engine_->warmed == 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_EQ(engine_->warmed, 1) << "indexes are read either way";
  EXPECT_EQ(stop(), 0);
  EXPECT_TRUE(engine_->tools.preloaded.empty());
}

TEST_F(ServeCommand, hangup_takes_what_is_live_and_tells_what_needs_a_restart) {
  const std::string file = folder_.write("s.toml", "[serve]\nqueue = 300\nworkers = 4\nbody-max = \"1MiB\"\n");
  serve({"serve", "--config", file, "--body-max", "2MiB"});
  folder_.write("s.toml", "[serve]\n\nqueue = 500\nworkers = 5\nbody-max = \"3MiB\"\ndrain-s = 9\n");
  hang_up();
  ASSERT_TRUE(told("serve.drain-s is '9'"));
  EXPECT_EQ(last().queue_max, 500U);
  EXPECT_EQ(last().body_bytes_max, 2 * limits::kMiB) << "the flag goes before the file, now as then";
  EXPECT_TRUE(told(file + " was read again"));
  EXPECT_TRUE(told("serve.queue is '500' (" + file + ":3), '300' before"));
  EXPECT_TRUE(told("serve.workers is '5' (" + file + ":4), which needs a restart: it stays '4' until then"));
  EXPECT_EQ(served_err_.text().find("body-max"), std::string::npos);
  EXPECT_EQ(stop(), 0);
  EXPECT_EQ(seen_.drain_ms, 9000);
}

TEST_F(ServeCommand, hangup_with_a_file_that_is_wrong_or_gone_changes_nothing) {
  const std::string file = folder_.write("s.toml", "[serve]\nqueue = 300\n");
  serve({"serve", "--config", file, "--quiet"});
  folder_.write("s.toml", "[serve]\nqueue = 500\nworkers = 0\nquue = 3\n");
  hang_up();
  ASSERT_TRUE(told("pictor: nothing was changed: " + file + ":3: workers is 0, wanted a whole number from 2 to 256"));
  ASSERT_TRUE(told("pictor: " + file + ":4: key 'quue'"));
  std::filesystem::remove(file);
  hang_up();
  ASSERT_TRUE(told("nothing was changed: " + file + " was not readable (missing?)"));
  EXPECT_EQ(reloads(), 0U);
  {
    const std::lock_guard lock(seen_.mutex);
    seen_.refuses = Status(Code::kInvalid, "'k.pem' is no key");
  }
  folder_.write("s.toml", "[serve]\nqueue = 500\n");
  hang_up();
  ASSERT_TRUE(told("nothing was changed: 'k.pem' is no key"));
  EXPECT_EQ(reloads(), 0U);
  {
    const std::lock_guard lock(seen_.mutex);
    seen_.refuses = Status::ok();
  }
  hang_up();
  for (int i = 0; i < 6000 && reloads() == 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_EQ(last().queue_max, 500U) << "the next one is taken";
}

TEST_F(ServeCommand, hangup_finds_a_default_file_that_came_and_misses_one_that_went) {
  serve({"serve"});
  const std::string file = folder_.write("pictor/serve.toml", "[serve]\nqueue = 500\n");
  hang_up();
  ASSERT_TRUE(told(file + " was read again"));
  EXPECT_EQ(last().queue_max, 500U);
  std::filesystem::remove(file);
  hang_up();
  ASSERT_TRUE(told("the configuration was read from '" + file + "', and that is gone"));
  EXPECT_EQ(last().queue_max, 500U);
}

TEST_F(ServeCommand, https_is_not_turned_on_or_off_while_it_runs_but_its_files_may_change) {
  const std::string file = folder_.write("s.toml", "[serve]\ntls-cert = \"/a\"\ntls-key = \"/b\"\n");
  serve({"serve", "--config", file});
  folder_.write("s.toml", "[serve]\ntls-cert = \"/c\"\ntls-key = \"/d\"\n");
  hang_up();
  ASSERT_TRUE(told("serve.tls-key is '/d' (" + file + ":3), '/b' before"));
  EXPECT_EQ(last().tls_certificate, "/c");
  folder_.write("s.toml", "");
  hang_up();
  ASSERT_TRUE(told("serve.tls-key is '' (default), which needs a restart: it stays '/d' until then"));
  EXPECT_EQ(stop(), 0);
}

TEST_F(ServeCommand, what_is_wrong_is_said_before_anything_is_opened) {
  const auto refused = [&](const std::vector<std::string>& arguments, const std::string& words) {
    EXPECT_EQ(run(arguments), 2);
    EXPECT_NE(err().find(words), std::string::npos) << err();
  };
  refused({"serve", "--workers", "1"}, "--workers is '1', wanted a whole number from 2 to 256");
  refused({"serve", "--queue", "x"}, "--queue is 'x', wanted a whole number from 1 to 100,000");
  refused({"serve", "--deadline-ms", "86400001"}, "--deadline-ms is '86400001'");
  refused({"serve", "--body-max", "1KiB"}, "--body-max is '1KiB', wanted a size from 64KiB, as 20MiB");
  refused({"serve", "--listen", "nowhere"}, "--listen is 'nowhere', wanted ADDRESS:PORT");
  refused({"serve", "--tls-cert", "c.pem"}, "tls-cert and tls-key go together: tls-key is missing");
  refused({"serve", "--audit-reads=perhaps"}, "--audit-reads is 'perhaps', wanted true or false");
  refused({"serve", "--image-urls", "http://a.org/"}, "--image-urls is 'http://a.org/', wanted hosts, as images");
  EXPECT_FALSE(seen_.started);
  EXPECT_EQ(opened_.data_folder, "");
}

}  // namespace
}  // namespace pictor
