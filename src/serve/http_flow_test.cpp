// Bodies that are taken as they come: in pieces, no faster than they are taken, to their end or where they break off.
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <future>
#include <thread>
#include <utility>

#include "serve/problem.h"
#include "serve/serve_testing.h"

namespace pictor {
namespace {

// Counts what it takes; waits at a gate before each piece but the first, and wants no more after "stop".
class Taken final : public HttpUpload {
 public:
  explicit Taken(std::shared_future<void> open) : open_(std::move(open)) {}
  bool take(std::string_view piece) override {
    if (pieces_++ > 0) open_.wait();
    bytes_ += piece.size();
    largest_ = std::max(largest_, piece.size());
    return piece.find("stop") == std::string_view::npos;
  }
  void end(const Status& how) override { how_ = how.to_string(); }
  std::string text() const {
    const std::string pieces = largest_ <= limits::kServerPieceBytes ? "" : " in pieces of " + std::to_string(largest_);
    return std::to_string(bytes_) + pieces + ": " + how_;
  }

 private:
  const std::shared_future<void> open_;
  std::size_t pieces_ = 0, bytes_ = 0, largest_ = 0;
  std::string how_ = "not ended";
};

class Flow final : public HttpHandler {
 public:
  Admission admit(const HttpHead&, const std::string&) override {
    Admission admission;
    admission.body_bytes_max = body_bytes_max;
    admission.flows_bytes = 1000;
    return admission;
  }
  std::unique_ptr<HttpUpload> begin_upload(const HttpRequest&) override {
    ++begun;
    return std::make_unique<Taken>(open_);
  }
  HttpReply handle(const HttpRequest& request) override {
    ++handled;
    return {200, "text/plain", {}, static_cast<const Taken&>(*request.upload).text()};
  }
  HttpReply refuse(const Status& why, int status, const HttpRequest*) override { return problem_of(why, status); }
  void open() {
    if (!std::exchange(is_open_, true)) gate_.set_value();
  }

  std::uint64_t body_bytes_max = std::uint64_t{1} << 30;
  std::atomic<int> begun{0}, handled{0};

 private:
  bool is_open_ = false;
  std::promise<void> gate_;
  std::shared_future<void> open_ = gate_.get_future().share();
};

class HttpFlowTest : public ::testing::Test {
 protected:
  void TearDown() override { flow_.open(); }  // a test that fails must not wait for it for ever
  void start() {
    options_.port = 0;
    auto started = HttpServer::start(Env::real(), flow_, options_);
    ASSERT_TRUE(started.is_ok()) << started.status().to_string();
    server_ = std::move(started).value();
  }
  static std::string head(const std::string& fields) {
    return "POST /flow HTTP/1.1\r\nHost: 127.0.0.1\r\n" + fields + "\r\n";
  }
  static std::string chunk(std::size_t bytes) {
    char size[32];
    std::snprintf(size, sizeof(size), "%zx\r\n", bytes);
    return size + std::string(bytes, 'c') + "\r\n";
  }

  Flow flow_;
  ServerOptions options_;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpFlowTest, a_body_is_taken_in_pieces_whatever_its_length) {
  flow_.open();
  options_.bodies_bytes_max = 2000;  // far less than what flows
  start();
  TestClient client(server_->port());
  constexpr std::size_t kPiece = limits::kServerPieceBytes;
  for (const std::size_t bytes : {std::size_t{1}, kPiece - 1, kPiece, kPiece + 1, 2 * kPiece, 5 * kPiece + 7}) {
    EXPECT_EQ(client.ask("POST", "/flow", std::string(bytes, 'x')).body, std::to_string(bytes) + ": ok");
  }
  EXPECT_EQ(client.ask("POST", "/flow").body, "0: ok");
  ASSERT_TRUE(client.send(head("Transfer-Encoding: chunked\r\n")));
  for (int i = 0; i < 30; ++i) ASSERT_TRUE(client.send(chunk(100'001)));
  ASSERT_TRUE(client.send("0\r\n\r\n"));
  EXPECT_EQ(client.read().body, "3000030: ok");
  ASSERT_TRUE(client.send(head("Expect: 100-continue\r\nContent-Length: 2\r\n")));
  EXPECT_EQ(client.read().status, 100);
  ASSERT_TRUE(client.send("ok"));
  EXPECT_EQ(client.read().body, "2: ok");
  EXPECT_EQ(server_->counts().body_bytes, 0U);
}

TEST_F(HttpFlowTest, a_client_sends_no_faster_than_its_pieces_are_taken) {
  start();
  TestClient client(server_->port());
  constexpr std::size_t kBytes = std::size_t{200} << 20;
  ASSERT_TRUE(client.send(head("Content-Length: " + std::to_string(kBytes) + "\r\n")));
  std::atomic<std::size_t> sent{0};
  std::thread sender([&] {
    const std::string piece(std::size_t{1} << 20, 'x');
    while (sent < kBytes && client.send(piece)) sent += piece.size();
  });
  // Until nothing moves any more: the second piece is waited with, and what the sockets hold is full.
  std::size_t before = 1;
  for (int still = 0; still < 10; before = sent) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    still = before == sent ? still + 1 : 0;
  }
  EXPECT_LT(before, kBytes / 4);
  EXPECT_LE(server_->counts().body_bytes, 1000U);
  EXPECT_EQ(server_->counts().working, 1U);
  flow_.open();
  EXPECT_EQ(client.read().body, std::to_string(kBytes) + ": ok");
  sender.join();
}

TEST_F(HttpFlowTest, an_upload_that_was_begun_waits_where_the_queue_is_full) {
  options_.workers = 2;
  options_.queue_max = 1;
  start();
  const std::string piece(limits::kServerPieceBytes, 'x');
  const auto soon = [&](std::size_t working, std::size_t waiting) {
    for (int i = 0; i < 1000; ++i) {
      const HttpCounts counts = server_->counts();
      if (counts.working == working && counts.waiting == waiting) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  };
  const std::string long_head = head("Content-Length: " + std::to_string(3 * piece.size()) + "\r\n");
  TestClient first(server_->port()), second(server_->port()), third(server_->port()), fourth(server_->port());
  ASSERT_TRUE(first.send(long_head + piece + "x"));
  for (int i = 0; i < 1000 && flow_.begun < 1; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  ASSERT_TRUE(soon(0, 0));  // one after the other: two that come at once may find the queue full before they are begun
  ASSERT_TRUE(second.send(long_head + piece + piece + "x"));
  ASSERT_TRUE(soon(1, 0));
  ASSERT_TRUE(third.send(long_head + piece + piece + "x"));
  ASSERT_TRUE(soon(2, 0));
  ASSERT_TRUE(fourth.send(head("Content-Length: 1\r\n") + "x"));
  ASSERT_TRUE(soon(2, 1));
  ASSERT_TRUE(first.send(piece + "x"));
  EXPECT_EQ(TestClient(server_->port()).ask("POST", "/flow", "x").status, 429) << "one that was not begun";
  flow_.open();
  ASSERT_TRUE(first.send(piece.substr(2)));
  for (const TestClient* blocked : {&second, &third}) ASSERT_TRUE(blocked->send(piece.substr(1)));
  EXPECT_EQ(fourth.read().body, "1: ok");
  for (TestClient* client : {&first, &second, &third}) {
    EXPECT_EQ(client->read().body, std::to_string(3 * piece.size()) + ": ok");
  }
}

TEST_F(HttpFlowTest, a_body_that_breaks_off_is_told_to_what_took_it) {
  flow_.open();
  start();
  TestClient client(server_->port());
  ASSERT_TRUE(client.send(head("Content-Length: 2000000\r\n") + std::string(1'500'000, 'x')));
  client.shutdown_send();
  EXPECT_EQ(client.read().body, "1500000: invalid: the body broke off after 1500000 bytes");
  EXPECT_TRUE(client.closed());
  {
    TestClient gone(server_->port());
    ASSERT_TRUE(gone.send(head("Content-Length: 2000000\r\n") + std::string(10, 'x')));
  }
  for (int i = 0; i < 1000 && flow_.handled < 2; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_EQ(flow_.handled, 2) << "also where nobody waits for the answer";
}

TEST_F(HttpFlowTest, an_upload_that_wants_no_more_is_answered_while_the_client_still_sends) {
  flow_.open();
  start();
  TestClient client(server_->port());
  ASSERT_TRUE(client.send(head("Transfer-Encoding: chunked\r\n")));
  ASSERT_TRUE(client.send(chunk(limits::kServerPieceBytes - 4) + "4\r\nstop\r\n"));
  ASSERT_TRUE(client.send(chunk(1 << 20)));
  EXPECT_EQ(client.read().body, std::to_string(limits::kServerPieceBytes) + ": not ended");
}

TEST_F(HttpFlowTest, what_is_longer_than_it_may_be_ends_there) {
  flow_.open();
  flow_.body_bytes_max = 3'000'000;
  start();
  EXPECT_EQ(TestClient(server_->port()).ask("POST", "/flow", std::string(3'000'001, 'x')).status, 413);
  TestClient chunks(server_->port());
  ASSERT_TRUE(chunks.send(head("Transfer-Encoding: chunked\r\n")));
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(chunks.send(chunk(1'000'000)));
  EXPECT_NE(chunks.read().body.find("limit: the request's body is larger"), std::string::npos);
}

}  // namespace
}  // namespace pictor
