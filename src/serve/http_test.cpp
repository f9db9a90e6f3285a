#include "serve/http.h"

#include <sys/resource.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <thread>
#include <vector>

#include "serve/problem.h"
#include "serve/serve_testing.h"

namespace pictor {
namespace {

#if defined(PICTOR_SANITIZED)
constexpr std::size_t kHttpTestScale = 10;
#else
constexpr std::size_t kHttpTestScale = 1;
#endif

// Answers what it was asked; "/wait" takes until the gate is open.
class Echo final : public HttpHandler {
 public:
  Admission admit(const HttpHead& head, const std::string&) override {
    Admission admission;
    admission.body_bytes_max = 1000;
    if (head.segments[0] == "bulk") admission.lane = Lane::kBulk;
    admission.tenant = head.field("x-tenant");
    if (head.segments[0] == "no") admission.refused = problem_of({Code::kDenied, "no"}, 403);
    return admission;
  }
  std::unique_ptr<HttpUpload> begin_upload(const HttpRequest&) override { return nullptr; }
  HttpReply handle(const HttpRequest& request) override {
    if (request.head.segments[0] == "wait" || request.head.segments[0] == "bulk") open_.wait();
    HttpReply reply;
    reply.type = "text/plain";
    reply.body = request.head.method + " " + request.head.target + " " + request.body;
    return reply;
  }
  HttpReply refuse(const Status& why, int status, const HttpRequest*) override { return problem_of(why, status); }
  void open() { gate_.set_value(); }

 private:
  std::promise<void> gate_;
  std::shared_future<void> open_ = gate_.get_future().share();
};

class HttpTest : public ::testing::Test {
 protected:
  void start() {
    options_.port = 0;
    auto started = HttpServer::start(Env::real(), echo_, options_);
    ASSERT_TRUE(started.is_ok()) << started.status().to_string();
    server_ = std::move(started).value();
  }
  // Until the server counts what is wanted; false after ten seconds.
  template <typename Condition>
  static bool soon(const Condition& condition) {
    for (int i = 0; i < 1000 && !condition(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    return condition();
  }

  Echo echo_;
  ServerOptions options_;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpTest, requests_follow_one_another_on_one_connection) {
  start();
  TestClient client(server_->port());
  EXPECT_EQ(client.ask("GET", "/a?b=c").body, "GET /a?b=c ");
  EXPECT_EQ(client.ask("POST", "/d", "text").body, "POST /d text");
  const Answer head = client.ask("HEAD", "/a");
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.fields.at("Content-Length"), std::to_string(std::string("HEAD /a ").size()));
  ASSERT_TRUE(client.send("GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
  EXPECT_EQ(client.read().body, "GET /1 ");
  EXPECT_EQ(client.read().body, "GET /2 ");
  EXPECT_TRUE(client.closed());
}

TEST_F(HttpTest, bodies_come_whole_in_chunks_and_after_a_question) {
  start();
  TestClient client(server_->port());
  ASSERT_TRUE(
      client.send("POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"));
  EXPECT_EQ(client.read().body, "POST /c abcde");
  ASSERT_TRUE(client.send("POST /e HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"));
  EXPECT_EQ(client.read().status, 100);
  ASSERT_TRUE(client.send("ok"));
  EXPECT_EQ(client.read().body, "POST /e ok");
}

TEST_F(HttpTest, what_is_too_large_or_wrong_is_refused_and_the_server_lives) {
  start();
  const std::string long_field = "X-Long: " + std::string(limits::kServerHeadBytesMax, 'a') + "\r\n";
  EXPECT_EQ(TestClient(server_->port()).ask("GET", "/a", "", long_field).status, 431);
  EXPECT_EQ(TestClient(server_->port()).ask("POST", "/a", std::string(1001, 'b')).status, 413);
  EXPECT_EQ(TestClient(server_->port()).ask("POST", "/a", std::string(1000, 'b')).status, 200);
  EXPECT_EQ(TestClient(server_->port()).ask("GET", "/no").status, 403);
  EXPECT_EQ(TestClient(server_->port()).ask("GET", "/%zz").status, 400);
  EXPECT_EQ(TestClient(server_->port()).ask("GET", "no-path").status, 400);
  TestClient chunks(server_->port());
  ASSERT_TRUE(chunks.send("POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nfff\r\n" +
                          std::string(0xfff, 'a')));
  EXPECT_EQ(chunks.read().status, 413);
  for (const std::string_view nonsense :
       {"\r\n\r\n\r\n", "GET\r\n\r\n", "\x16\x03\x01\x02", "GET / HTTP/9.9\r\n\r\n"}) {
    TestClient client(server_->port());
    ASSERT_TRUE(client.send(nonsense));
    client.shutdown_send();
    const Answer answer = client.read();
    EXPECT_TRUE(answer.status == 0 || answer.status == 400) << nonsense;
  }
  EXPECT_EQ(TestClient(server_->port()).ask("GET", "/still").status, 200);
}

TEST_F(HttpTest, past_the_queue_the_answer_is_429_and_says_when_to_come_again) {
  options_.workers = 2;
  options_.queue_max = 1;
  start();
  std::vector<std::unique_ptr<TestClient>> clients;
  for (std::size_t i = 0; i < 3; ++i) {
    clients.push_back(std::make_unique<TestClient>(server_->port()));
    ASSERT_TRUE(clients.back()->send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n"));
    ASSERT_TRUE(soon([&] { return server_->counts().working + server_->counts().waiting == i + 1; }));
  }
  const Answer refused = TestClient(server_->port()).ask("GET", "/late");
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(refused.fields.at("Retry-After"), "1");
  echo_.open();
  for (auto& client : clients) EXPECT_EQ(client->read().status, 200);
}

TEST_F(HttpTest, bulk_work_leaves_threads_for_what_somebody_waits_for) {
  options_.workers = 4;
  start();
  std::vector<std::unique_ptr<TestClient>> clients;
  for (std::size_t i = 0; i < 6; ++i) {
    clients.push_back(std::make_unique<TestClient>(server_->port()));
    ASSERT_TRUE(clients.back()->send("GET /bulk HTTP/1.1\r\nHost: x\r\n\r\n"));
  }
  ASSERT_TRUE(soon([&] { return server_->counts().waiting == 4; }));
  EXPECT_EQ(TestClient(server_->port()).ask("GET", "/quick").status, 200);
  EXPECT_TRUE(soon([&] { return server_->counts().working == 2; })) << "a thread may still be putting its work away";
  echo_.open();
  for (auto& client : clients) EXPECT_EQ(client->read().status, 200);
}

TEST_F(HttpTest, bodies_of_all_requests_together_are_bounded) {
  options_.bodies_bytes_max = 1500;
  start();
  TestClient slow(server_->port());
  ASSERT_TRUE(slow.send("POST /s HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n"));
  ASSERT_TRUE(soon([&] { return server_->counts().body_bytes == 900; }));
  EXPECT_EQ(TestClient(server_->port()).ask("POST", "/t", std::string(900, 'b')).status, 429);
  EXPECT_EQ(TestClient(server_->port()).ask("POST", "/t", std::string(500, 'b')).status, 200);
  ASSERT_TRUE(slow.send(std::string(900, 'c')));
  EXPECT_EQ(slow.read().status, 200);
  EXPECT_TRUE(soon([&] { return server_->counts().body_bytes == 0; }));
}

TEST_F(HttpTest, clients_that_take_too_long_are_left) {
  options_.head_ms = 200;
  options_.idle_ms = 200;
  options_.body_ms = 200;
  start();
  TestClient idle(server_->port());
  TestClient head(server_->port());
  TestClient body(server_->port());
  ASSERT_TRUE(head.send("GET / HT"));
  ASSERT_TRUE(body.send("POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc"));
  EXPECT_TRUE(idle.closed());
  EXPECT_TRUE(head.closed());
  EXPECT_TRUE(body.closed());
  EXPECT_TRUE(soon([&] { return server_->counts().connections <= 1; }));
}

TEST_F(HttpTest, ten_thousand_idle_connections_do_no_harm) {
  start();
  rlimit files{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &files), 0);
  // Both ends are in this process.
  const std::size_t wanted = std::min<std::size_t>(10'000 / kHttpTestScale, files.rlim_cur / 2 - 200);
  std::vector<std::unique_ptr<TestClient>> idle;
  for (std::size_t i = 0; i < wanted; ++i) {
    idle.push_back(std::make_unique<TestClient>(server_->port()));
    ASSERT_TRUE(idle.back()->connected()) << i;
  }
  ASSERT_TRUE(soon([&] { return server_->counts().connections == wanted; }));
  EXPECT_EQ(TestClient(server_->port()).ask("GET", "/among").status, 200);
  EXPECT_EQ(idle[wanted / 2]->ask("GET", "/one-of-them").status, 200);
  idle.clear();
  EXPECT_TRUE(soon([&] { return server_->counts().connections == 0; }));
}

TEST_F(HttpTest, a_client_that_says_no_more_after_its_request_is_answered) {
  start();
  TestClient client(server_->port());
  ASSERT_TRUE(client.send("GET /half HTTP/1.1\r\nHost: x\r\n\r\n"));
  client.shutdown_send();
  EXPECT_EQ(client.read().status, 200);
  EXPECT_TRUE(client.closed());
}

TEST_F(HttpTest, a_huge_upload_is_refused_before_it_is_sent_whole) {
  start();
  TestClient client(server_->port());
  ASSERT_TRUE(client.send("POST /huge HTTP/1.1\r\nHost: x\r\nContent-Length: 1073741824\r\n\r\n"));
  EXPECT_TRUE(client.send(std::string(1 << 20, 'x'))) << "some of it is read and thrown away";
  EXPECT_EQ(client.read().status, 413);
  EXPECT_EQ(server_->counts().body_bytes, 0U);
}

TEST_F(HttpTest, connections_past_the_limit_wait_for_their_turn) {
  options_.connections_max = 2;
  start();
  auto first = std::make_unique<TestClient>(server_->port());
  auto second = std::make_unique<TestClient>(server_->port());
  EXPECT_EQ(first->ask("GET", "/1").status, 200);
  EXPECT_EQ(second->ask("GET", "/2").status, 200);
  TestClient third(server_->port());
  ASSERT_TRUE(third.send("GET /3 HTTP/1.1\r\nHost: x\r\n\r\n"));
  EXPECT_EQ(server_->counts().connections, 2U);
  first.reset();
  EXPECT_EQ(third.read().status, 200);
}

TEST_F(HttpTest, draining_ends_what_is_under_way_and_takes_nothing_new) {
  start();
  TestClient idle(server_->port());
  EXPECT_EQ(idle.ask("GET", "/a").status, 200);
  TestClient waits(server_->port());
  ASSERT_TRUE(waits.send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n"));
  ASSERT_TRUE(soon([&] { return server_->counts().working == 1; }));
  EXPECT_FALSE(server_->drain(50)) << "a request is under way";
  EXPECT_TRUE(idle.closed());
  EXPECT_FALSE(TestClient(server_->port()).connected());
  echo_.open();
  const Answer last = waits.read();
  EXPECT_EQ(last.status, 200);
  EXPECT_EQ(last.fields.at("Connection"), "close");
  EXPECT_TRUE(server_->drain(10'000));
}

TEST_F(HttpTest, a_port_that_is_taken_and_an_address_that_is_none_are_said) {
  start();
  ServerOptions again = options_;
  again.port = server_->port();
  EXPECT_EQ(HttpServer::start(Env::real(), echo_, again).status().code(), Code::kBusy);
  again.address = "example.org";
  EXPECT_EQ(HttpServer::start(Env::real(), echo_, again).status().code(), Code::kInvalid);
}

TEST_F(HttpTest, a_tenant_that_sends_much_neither_shuts_out_nor_delays_another) {
  options_.workers = 2;
  options_.queue_max = 8;
  start();
  std::vector<std::unique_ptr<TestClient>> greedy;
  const auto send = [&](const std::string& tenant) {
    greedy.push_back(std::make_unique<TestClient>(server_->port()));
    ASSERT_TRUE(greedy.back()->send("GET /wait HTTP/1.1\r\nHost: a\r\nX-Tenant: " + tenant + "\r\n\r\n"));
  };
  for (int i = 0; i < 2; ++i) send("big");
  ASSERT_TRUE(soon([&] { return server_->counts().working == 2; }));
  for (int i = 0; i < 4; ++i) send("big");
  ASSERT_TRUE(soon([&] { return server_->counts().waiting == 4; }));
  EXPECT_EQ(TestClient(server_->port()).ask("GET", "/wait", "", "X-Tenant: big\r\n").status, 429)
      << "half of the places are for those that have none yet";
  send("small");
  EXPECT_TRUE(soon([&] { return server_->counts().waiting == 5; }));
  echo_.open();
  for (auto& client : greedy) EXPECT_EQ(client->read().status, 200);
}

TEST(WorkQueue, tenants_take_turns) {
  WorkQueue queue(1, 100);  // one thread: what is taken first is done first
  std::promise<void> gate;
  const std::shared_future<void> open = gate.get_future().share();
  std::mutex mutex;
  std::string order;
  const auto work = [&](char name) {
    return [&, name] {
      const std::lock_guard lock(mutex);
      order += name;
    };
  };
  ASSERT_TRUE(queue.push(Lane::kInteractive, "a", [open] { open.wait(); }));
  while (queue.working() < 1) std::this_thread::yield();
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(queue.push(Lane::kInteractive, "a", work('a')));
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(queue.push(Lane::kInteractive, "b", work('b')));
  gate.set_value();
  for (std::size_t done = 0; done < 23;) {
    const std::lock_guard lock(mutex);
    done = order.size();
  }
  EXPECT_LT(order.rfind('b'), 10U) << order;
}

// A client that speaks TLS and trusts one certificate alone.
class TlsClient {
 public:
  explicit TlsClient(const std::string& trusted) {
    context_.load_verify_file(trusted);
    context_.set_verify_mode(boost::asio::ssl::verify_peer);
  }
  std::string ask(std::uint16_t port, const std::string& request) {
    boost::asio::ssl::stream<boost::asio::ip::tcp::socket> stream(io_, context_);
    stream.lowest_layer().connect({boost::asio::ip::make_address("127.0.0.1"), port});
    boost::system::error_code error;
    stream.handshake(boost::asio::ssl::stream_base::client, error);
    if (error) return "no handshake: " + error.message();
    boost::asio::write(stream, boost::asio::buffer(request), error);
    std::string answer;
    boost::asio::read(stream, boost::asio::dynamic_buffer(answer), error);
    return answer;
  }

 private:
  boost::asio::io_context io_;
  boost::asio::ssl::context context_{boost::asio::ssl::context::tls_client};
};

class HttpsTest : public HttpTest {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "pictor-tls-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    const std::string make =
        "openssl req -x509 -newkey ed25519 -nodes -days 2 -subj /CN=localhost -addext "
        "subjectAltName=IP:127.0.0.1 -keyout " +
        folder_ + "/key.pem -out " + folder_ + "/cert.pem 2>/dev/null";
    ASSERT_EQ(std::system(make.c_str()), 0) << "openssl makes the certificate of this test";  // NOLINT(cert-env33-c)
    options_.tls_certificate = folder_ + "/cert.pem";
    options_.tls_key = folder_ + "/key.pem";
  }
  void TearDown() override {
    server_.reset();
    if (!folder_.empty()) std::filesystem::remove_all(folder_);
  }
  std::string folder_;
};

TEST_F(HttpsTest, a_client_that_trusts_the_certificate_is_answered_and_a_plain_one_is_not) {
  start();
  const std::string request = "POST /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbody";
  TlsClient client(options_.tls_certificate);
  for (int i = 0; i < 3; ++i) {
    const std::string answer = client.ask(server_->port(), request);
    EXPECT_NE(answer.find("POST /x body"), std::string::npos) << answer;
  }
  const std::string large = "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n";
  EXPECT_NE(client.ask(server_->port(), large).find("413"), std::string::npos);
  EXPECT_EQ(TestClient(server_->port()).ask("GET", "/x").status, 0);
  TestClient half(server_->port());
  ASSERT_TRUE(half.send("\x16\x03\x01"));
  EXPECT_NE(client.ask(server_->port(), request).find("POST /x body"), std::string::npos) << "others are answered";
}

TEST_F(HttpsTest, what_is_no_certificate_or_no_key_of_it_is_named) {
  options_.port = 0;
  const std::string key = options_.tls_key;
  for (const std::string& wrong : {folder_ + "/none.pem", key}) {
    options_.tls_certificate = wrong;
    const auto started = HttpServer::start(Env::real(), echo_, options_);
    EXPECT_EQ(started.status().code(), Code::kInvalid);
    EXPECT_NE(started.status().message().find(wrong), std::string::npos) << started.status().to_string();
  }
  options_.tls_certificate = folder_ + "/cert.pem";
  options_.tls_key = folder_ + "/cert.pem";
  EXPECT_EQ(HttpServer::start(Env::real(), echo_, options_).status().code(), Code::kInvalid);
}

TEST(HttpHead, addresses_are_taken_apart) {
  HttpHead head;
  ASSERT_TRUE(parse_target("/v1/a%2Fb/c+d?x=1&y=a+b%26&z&&x=2", head).is_ok());
  EXPECT_EQ(head.segments, (std::vector<std::string>{"v1", "a/b", "c+d"}));
  EXPECT_EQ(head.query, (HttpFields{{"x", "1"}, {"y", "a b&"}, {"z", ""}, {"x", "2"}}));
  EXPECT_EQ(head.parameter("x"), "1");
  ASSERT_TRUE(parse_target("http://host:1/p", head).is_ok());
  EXPECT_EQ(head.segments, std::vector<std::string>{"p"});
  ASSERT_TRUE(parse_target("/", head).is_ok());
  EXPECT_EQ(head.segments, std::vector<std::string>{""});
  for (const std::string_view bad : {"", "x", "*", "/%", "/%4", "/%gg", "/%00", "/a?%"}) {
    EXPECT_EQ(parse_target(bad, head).code(), Code::kInvalid) << bad;
  }
}

}  // namespace
}  // namespace pictor
