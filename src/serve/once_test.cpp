// Requests with an Idempotency-Key, over a real engine: done once, answered as often as they come.
#include <atomic>
#include <filesystem>
#include <thread>

#include "serve/coding.h"
#include "serve/govern_testing.h"

namespace pictor {
namespace {

using Json = nlohmann::json;

constexpr const char* kBulk = "/v1/collections/test/items:bulk";
constexpr const char* kItems = "/v1/collections/test/items?id=one";
constexpr const char* kLines = "application/x-ndjson";

// The machine, with a clock that is later.
class LaterEnv final : public Env {
 public:
  void pass_us(std::int64_t us) { later_ += us; }
  std::int64_t wall_us() override { return real().wall_us() + later_; }

  Result<std::unique_ptr<File>> open(const std::string& p, OpenMode m) override { return real().open(p, m); }
  Result<FileInfo> info(const std::string& p) override { return real().info(p); }
  Result<std::vector<DirEntry>> list(const std::string& p) override { return real().list(p); }
  Status rename(const std::string& a, const std::string& b) override { return real().rename(a, b); }
  Status remove(const std::string& p) override { return real().remove(p); }
  Status make_dirs(const std::string& p) override { return real().make_dirs(p); }
  Status sync_dir(const std::string& p) override { return real().sync_dir(p); }
  Result<std::unique_ptr<FileLock>> lock(const std::string& p) override { return real().lock(p); }
  Result<std::uint64_t> free_bytes(const std::string& p) override { return real().free_bytes(p); }
  void will_read(ByteView part) override { real().will_read(part); }
  std::int64_t monotonic_us() override { return real().monotonic_us(); }
  void wait_us(std::int64_t us) override { real().wait_us(us); }
  void random(std::span<std::byte> out) override { real().random(out); }

 private:
  std::atomic<std::int64_t> later_{0};
};

std::string line(unsigned number) {
  return Json{{"id", "i" + std::to_string(number)}, {"image", base64_of(picture(number))}}.dump() + "\n";
}

bool is_replay(const Answer& answer) {
  const auto found = answer.fields.find("Idempotent-Replayed");
  return found != answer.fields.end() && found->second == "true";
}

std::string code_of(const Answer& answer) { return Json::parse(answer.body, nullptr, false).value("code", ""); }

class OnceTest : public GovernApiTest {
 protected:
  void SetUp() override {
    GovernApiTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    writer_ = keys_[Role::kWriter];
    start();
  }
  std::string fields_of(const std::string& key, const std::string& name, std::string_view type) const {
    return "Authorization: Bearer " + key + "\r\nIdempotency-Key: " + name + "\r\nContent-Type: " + std::string(type) +
           "\r\n";
  }
  Answer once(const std::string& key, const std::string& name, std::string_view method, std::string_view target,
              std::string_view body = "", std::string_view type = "application/json",
              std::string_view more = "") const {
    return TestClient(server_->port()).ask(method, target, body, fields_of(key, name, type) + std::string(more));
  }
  Json count(const std::string& key) const { return json(key, "GET", "/v1/collections/test/count")["count"]; }

  LaterEnv env_;
  std::string writer_;
};

TEST_F(OnceTest, a_repeated_upload_gets_the_first_answer_and_puts_nothing) {
  const std::string lines = line(1) + "no json\n" + line(2);
  const Answer first = once(writer_, "\"a-1\"", "POST", kBulk, lines, kLines);
  ASSERT_EQ(first.status, 200) << first.body;
  EXPECT_FALSE(is_replay(first));
  EXPECT_NE(first.body.find("added"), std::string::npos);
  ASSERT_EQ(ask(writer_, "DELETE", "/v1/collections/test/items/i1").status, 200);
  const Answer second = once(writer_, "a-1", "POST", kBulk, lines, kLines);
  EXPECT_TRUE(is_replay(second));
  EXPECT_EQ(second.status, 200);
  EXPECT_EQ(second.body, first.body);
  EXPECT_EQ(second.fields.at("Content-Type"), kLines);
  EXPECT_EQ(count(writer_), 1) << "i1 was put once, and then deleted";
  const Answer packed_body =
      once(writer_, "a-1", "POST", kBulk, packed(Coding::kGzip, lines), kLines, "Content-Encoding: gzip\r\n");
  EXPECT_TRUE(is_replay(packed_body)) << packed_body.status << packed_body.body;
  EXPECT_FALSE(is_replay(ask(writer_, "POST", kBulk, lines, kLines))) << "without a key it is done again";
  EXPECT_EQ(count(writer_), 2);
}

TEST_F(OnceTest, a_key_is_of_one_request) {
  ASSERT_EQ(once(writer_, "k", "POST", kBulk, line(1), kLines).status, 200);
  const std::string other_target = std::string(kBulk) + "?keep=none";
  for (const Answer& answer :
       {once(writer_, "k", "POST", kBulk, line(2), kLines), once(writer_, "k", "POST", other_target, line(1), kLines),
        once(writer_, "k", "POST", kBulk, line(1), "text/plain"),
        once(writer_, "k", "POST", kItems, as_text(picture(1)), "image/png"),
        once(writer_, "k", "DELETE", "/v1/collections/test/items/i1")}) {
    EXPECT_EQ(answer.status, 422) << answer.body;
    EXPECT_EQ(code_of(answer), "mismatch");
  }
  EXPECT_EQ(count(writer_), 1);
  EXPECT_TRUE(is_replay(once(writer_, "k", "POST", kBulk, line(1), kLines))) << "what was refused changed nothing";
}

TEST_F(OnceTest, a_key_is_of_one_caller) {
  ASSERT_EQ(once(writer_, "k", "POST", kBulk, line(1), kLines).status, 200);
  const Answer tenant = once(acme_, "k", "POST", kBulk, line(1), kLines);
  EXPECT_EQ(tenant.status, 200);
  EXPECT_FALSE(is_replay(tenant));
  EXPECT_EQ(count(acme_), 1) << "it was done for the tenant, too";
  EXPECT_FALSE(is_replay(once(keys_[Role::kAdmin], "k", "POST", kBulk, line(1), kLines)));
  EXPECT_EQ(once(keys_[Role::kReader], "k", "POST", kBulk, line(1), kLines).status, 403);
  EXPECT_TRUE(is_replay(once(acme_, "k", "POST", kBulk, line(1), kLines)));
}

TEST_F(OnceTest, while_the_first_is_under_way_the_second_is_told_to_come_again) {
  TestClient client(server_->port());
  std::string begin, end = line(2);
  for (unsigned i = 0; i < limits::kServerBatchItems; ++i) begin += line(1);
  begin += std::string(limits::kServerPieceBytes, '\n');
  ASSERT_TRUE(client.send(std::string("POST ") + kBulk + " HTTP/1.1\r\nHost: 127.0.0.1\r\n" +
                          fields_of(writer_, "k", kLines) +
                          "Content-Length: " + std::to_string(begin.size() + end.size()) + "\r\n\r\n" + begin));
  bool begun = false;
  for (int i = 0; i < 6000 && !begun; ++i) {
    begun = json(writer_, "GET", "/v1/collections/test/count").value("count", 0U) == 1;
    if (!begun) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  ASSERT_TRUE(begun);
  for (const Answer& second : {once(writer_, "k", "POST", kBulk, begin + end, kLines),
                               once(writer_, "k", "DELETE", "/v1/collections/test/items/i1")}) {
    EXPECT_EQ(second.status, 409) << second.body;
    EXPECT_EQ(code_of(second), "busy");
    EXPECT_EQ(second.fields.at("Retry-After"), "1");
  }
  EXPECT_EQ(once(acme_, "k", "DELETE", "/v1/collections/none/items/i1").status, 404) << "a key of its own";
  ASSERT_TRUE(client.send(end));
  const Answer first = client.read();
  ASSERT_EQ(first.status, 200) << first.body;
  const Answer third = once(writer_, "k", "POST", kBulk, begin + end, kLines);
  EXPECT_TRUE(is_replay(third)) << third.status << " " << third.body;
  EXPECT_EQ(third.body, first.body);
}

TEST_F(OnceTest, of_many_at_once_one_is_done) {
  const auto picture_bytes = picture(3);
  std::vector<Answer> answers(8);
  std::vector<std::thread> clients;
  for (Answer& answer : answers) {
    clients.emplace_back([&] { answer = once(writer_, "k", "POST", kItems, as_text(picture_bytes), "image/png"); });
  }
  for (std::thread& client : clients) client.join();
  int done = 0;
  for (const Answer& answer : answers) {
    EXPECT_TRUE(answer.status == 201 || answer.status == 409) << answer.status << " " << answer.body;
    if (answer.status == 201 && !is_replay(answer)) ++done;
    if (answer.status == 201) {
      EXPECT_EQ(Json::parse(answer.body)["status"], "added");
    }
  }
  EXPECT_EQ(done, 1);
}

TEST_F(OnceTest, answers_outlive_the_server_and_a_kill_and_what_was_not_kept_is_done_anew) {
  const Answer first = once(writer_, "k", "POST", kBulk, line(1), kLines);
  ASSERT_EQ(first.status, 200);
  // What kill -9 at this moment would leave; and the same of one moment before, when all but the answer was written.
  const std::string killed = join_path(folder_, "killed"), before = join_path(folder_, "before");
  std::filesystem::copy(options_.data_folder, killed, std::filesystem::copy_options::recursive);
  start();
  EXPECT_TRUE(is_replay(once(writer_, "k", "POST", kBulk, line(1), kLines)));
  server_.reset();
  std::filesystem::copy(killed, before, std::filesystem::copy_options::recursive);
  for (const char* end : {"", "-wal", "-shm"}) std::filesystem::remove(join_path(before, "repeats.db") + end);
  for (const std::string& folder : {killed, before}) {
    options_.data_folder = folder;
    reopen();
    start();
    const Answer again = once(writer_, "k", "POST", kBulk, line(1), kLines);
    EXPECT_EQ(again.status, 200) << again.body;
    EXPECT_EQ(is_replay(again), folder == killed);
    EXPECT_NE(again.body.find(folder == killed ? "added" : "unchanged"), std::string::npos) << again.body;
    EXPECT_EQ(count(writer_), 1);
    server_.reset();
  }
}

TEST_F(OnceTest, an_answer_is_known_for_a_day) {
  server_.reset();
  ServerOptions options;
  options.data_folder = options_.data_folder;
  options.port = 0;
  auto started = Server::start(env_, *engine_, options);
  ASSERT_TRUE(started.is_ok()) << started.status().to_string();
  server_ = std::move(started).value();
  ASSERT_EQ(once(writer_, "k", "POST", kBulk, line(1), kLines).status, 200);
  env_.pass_us((limits::kRepeatSeconds - 100) * 1'000'000);
  EXPECT_TRUE(is_replay(once(writer_, "k", "POST", kBulk, line(1), kLines)));
  env_.pass_us(200 * 1'000'000);
  const Answer late = once(writer_, "k", "POST", kBulk, line(1), kLines);
  EXPECT_FALSE(is_replay(late));
  EXPECT_NE(late.body.find("unchanged"), std::string::npos) << late.body;
  EXPECT_EQ(once(writer_, "k", "POST", kBulk, line(2), kLines).status, 422) << "the name is that of the late one";
}

TEST_F(OnceTest, what_broke_off_is_not_known) {
  {
    TestClient client(server_->port());
    const std::string lines = line(1) + line(2).substr(0, 50);
    ASSERT_TRUE(client.send(std::string("POST ") + kBulk + " HTTP/1.1\r\nHost: 127.0.0.1\r\n" +
                            fields_of(writer_, "k", kLines) + "Content-Length: 100000\r\n\r\n" + lines));
    client.shutdown_send();
    EXPECT_EQ(client.read().status, 200);
  }
  const Answer whole = once(writer_, "k", "POST", kBulk, line(1) + line(2), kLines);
  EXPECT_EQ(whole.status, 200) << whole.body;
  EXPECT_FALSE(is_replay(whole));
  EXPECT_NE(whole.body.find("unchanged"), std::string::npos) << "the first line was put by the upload that broke off";
  EXPECT_EQ(count(writer_), 2);
}

TEST_F(OnceTest, answers_that_are_too_long_are_not_kept) {
  std::string lines = line(1);
  for (int i = 0; i < 2000; ++i) lines += "no json, and so a line that is refused with many words\n";
  const Answer first = once(writer_, "k", "POST", kBulk, lines, kLines);
  ASSERT_EQ(first.status, 200);
  ASSERT_GT(first.body.size(), limits::kRepeatAnswerBytesMax);
  const Answer second = once(writer_, "k", "POST", kBulk, lines, kLines);
  EXPECT_FALSE(is_replay(second));
  EXPECT_EQ(second.body.substr(0, 100).find("added"), std::string::npos) << second.body.substr(0, 100);
}

TEST_F(OnceTest, only_what_is_a_key_is_taken) {
  const std::string most(limits::kRepeatKeyBytesMax, 'k');
  EXPECT_EQ(once(writer_, most, "POST", kBulk, line(1), kLines).status, 200);
  EXPECT_TRUE(is_replay(once(writer_, "\"" + most + "\"", "POST", kBulk, line(1), kLines)));
  for (const std::string& bad :
       {most + "k", "\"" + most + "k\"", std::string(), std::string("\"\""), std::string("\"a"), std::string("a b"),
        std::string("a, b"), std::string("\"a\";b=1"), std::string("\"a\\b\""), std::string("\"a\"b\""),
        std::string("a\r\nIdempotency-Key: a"), std::string("\xC3\xA4")}) {
    const Answer answer = once(writer_, bad, "POST", kBulk, line(1), kLines);
    EXPECT_EQ(answer.status, 400) << bad << ": " << answer.body;
  }
  EXPECT_EQ(once(keys_[Role::kReader], "a b", "GET", "/v1/collections/test/count").status, 200) << "it changes nothing";
  EXPECT_EQ(once(keys_[Role::kReader], "x", "POST", "/v1/collections/test/search", R"({"text": "boat"})").status, 200);
  EXPECT_FALSE(
      is_replay(once(keys_[Role::kReader], "x", "POST", "/v1/collections/test/search", R"({"text": "boat"})")));
}

TEST_F(OnceTest, secrets_are_not_kept) {
  const std::string admin = keys_[Role::kAdmin];
  const auto keys = json(admin, "GET", "/v1/keys")["keys"].size();
  const Answer made = once(admin, "k", "POST", "/v1/keys", R"({"role": "reader"})");
  EXPECT_EQ(made.status, 400) << made.body;
  EXPECT_NE(made.body.find("secret"), std::string::npos) << made.body;
  const std::string id = json(admin, "GET", "/v1/keys")["keys"][0]["id"];
  EXPECT_EQ(once(admin, "k", "POST", "/v1/keys/" + id + "/rotate", "{}").status, 400);
  EXPECT_EQ(json(admin, "GET", "/v1/keys")["keys"].size(), keys) << "and none was made";
}

TEST_F(OnceTest, jobs_purges_and_refusals_are_answered_as_the_first_time) {
  const std::string admin = keys_[Role::kAdmin];
  put(admin, "test", 1);
  const std::string verify = R"({"kind": "verify", "collection": "test"})";
  const Answer job = once(admin, "j", "POST", "/v1/jobs", verify);
  ASSERT_EQ(job.status, 202) << job.body;
  const Answer same_job = once(admin, "j", "POST", "/v1/jobs", verify);
  EXPECT_TRUE(is_replay(same_job));
  EXPECT_EQ(same_job.fields.at("Location"), job.fields.at("Location"));
  EXPECT_EQ(json(admin, "GET", "/v1/jobs")["jobs"].size(), 1U);

  const std::string ids = R"({"ids": ["p1"]})";
  const Answer purged = once(admin, "p", "POST", "/v1/collections/test/items:purge", ids);
  ASSERT_EQ(purged.status, 200) << purged.body;
  EXPECT_EQ(once(admin, "p", "POST", "/v1/collections/test/items:purge", ids).body, purged.body);
  EXPECT_EQ(Json::parse(purged.body)["items"][0]["status"], "erased");

  EXPECT_EQ(once(admin, "n", "DELETE", "/v1/collections/test/items/p1").status, 404);
  put(admin, "test", 1);
  const Answer refused = once(admin, "n", "DELETE", "/v1/collections/test/items/p1");
  EXPECT_EQ(refused.status, 404) << "as the first time";
  EXPECT_TRUE(is_replay(refused));
  EXPECT_EQ(ask(admin, "DELETE", "/v1/collections/test").status, 204);
}

TEST_F(OnceTest, what_was_erased_is_in_no_kept_answer) {
  const std::string admin = keys_[Role::kAdmin], id = "whom-nobody-may-remember";
  const std::string lines = Json{{"id", id}, {"image", base64_of(picture(1))}}.dump() + "\n";
  ASSERT_EQ(once(admin, "k", "POST", kBulk, lines, kLines).status, 200);
  ASSERT_EQ(json(admin, "POST", "/v1/collections/test/items:purge", {{"ids", {id}}})["http"], 200);
  for (const char* end : {"", "-wal"}) {
    const auto file = read_file(Env::real(), join_path(options_.data_folder, "repeats.db") + end, 1 << 30);
    ASSERT_TRUE(file.is_ok());
    EXPECT_EQ(as_text(*file).find(id), std::string_view::npos) << end;
  }
  EXPECT_TRUE(is_replay(once(admin, "k", "POST", kBulk, lines, kLines)));
  EXPECT_EQ(count(admin), 0) << "a late repeat brings nothing back";
}

}  // namespace
}  // namespace pictor
