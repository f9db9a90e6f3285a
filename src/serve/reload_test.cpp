// Server::reload and what it stands on: new limits, certificates and log files while requests are under way.
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <nlohmann/json.hpp>
#include <thread>
#include <utility>

#include "engine/engine_testing.h"
#include "serve/problem.h"
#include "serve/serve_testing.h"
#include "serve/server.h"

namespace pictor {
namespace {

// Answers every request; "/wait" when the gate is open.
class Gate final : public HttpHandler {
 public:
  Admission admit(const HttpHead&, const std::string&) override {
    Admission admission;
    admission.body_bytes_max = 1000;
    return admission;
  }
  std::unique_ptr<HttpUpload> begin_upload(const HttpRequest&) override { return nullptr; }
  HttpReply handle(const HttpRequest& request) override {
    if (request.head.segments[0] == "wait") open_.wait();
    return {200, "text/plain", {}, request.head.target};
  }
  HttpReply refuse(const Status& why, int status, const HttpRequest*) override { return problem_of(why, status); }
  void open() {
    if (!std::exchange(is_open_, true)) gate_.set_value();
  }

 private:
  bool is_open_ = false;
  std::promise<void> gate_;
  std::shared_future<void> open_ = gate_.get_future().share();
};

class ReloadTest : public ::testing::Test {
 protected:
  void TearDown() override { gate_.open(); }  // a test that fails must not wait for it for ever
  void start() {
    options_.port = 0;
    auto started = HttpServer::start(Env::real(), gate_, options_);
    ASSERT_TRUE(started.is_ok()) << started.status().to_string();
    server_ = std::move(started).value();
  }
  Status reload() {
    PICTOR_ASSIGN(const auto take, server_->reload(options_));
    take();
    return Status::ok();
  }
  TestClient& wait_at_the_gate() {
    waiting_.push_back(std::make_unique<TestClient>(server_->port()));
    EXPECT_TRUE(waiting_.back()->send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n"));
    return *waiting_.back();
  }
  bool soon_busy_with(std::size_t requests) const {
    for (int i = 0; i < 1000; ++i) {
      const HttpCounts counts = server_->counts();
      if (counts.working + counts.waiting == requests) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  }

  Gate gate_;
  ServerOptions options_;
  std::unique_ptr<HttpServer> server_;
  std::vector<std::unique_ptr<TestClient>> waiting_;
};

TEST_F(ReloadTest, a_new_queue_is_in_force_and_what_waits_is_answered) {
  options_.workers = 2;
  options_.queue_max = 1;
  start();
  for (std::size_t i = 1; i <= 3; ++i) {
    wait_at_the_gate();
    ASSERT_TRUE(soon_busy_with(i));
  }
  EXPECT_EQ(TestClient(server_->port()).ask("GET", "/late").status, 429);
  options_.queue_max = 2;
  ASSERT_TRUE(reload().is_ok());
  wait_at_the_gate();
  ASSERT_TRUE(soon_busy_with(4));
  EXPECT_EQ(TestClient(server_->port()).ask("GET", "/late").status, 429);
  options_.queue_max = 1;
  ASSERT_TRUE(reload().is_ok()) << "two wait, which stay";
  EXPECT_EQ(TestClient(server_->port()).ask("GET", "/late").status, 429);
  gate_.open();
  for (auto& client : waiting_) EXPECT_EQ(client->read().status, 200);
}

TEST_F(ReloadTest, a_connection_that_waited_for_its_turn_gets_it_when_there_may_be_more) {
  options_.connections_max = 1;
  start();
  TestClient first(server_->port());
  EXPECT_EQ(first.ask("GET", "/1").status, 200);
  TestClient second(server_->port());
  ASSERT_TRUE(second.send("GET /2 HTTP/1.1\r\nHost: x\r\n\r\n"));
  EXPECT_EQ(server_->counts().connections, 1U);
  options_.connections_max = 2;
  ASSERT_TRUE(reload().is_ok());
  EXPECT_EQ(second.read().status, 200);
  EXPECT_EQ(first.ask("GET", "/3").status, 200);
}

TEST_F(ReloadTest, bodies_and_times_are_bounded_as_the_new_options_say) {
  start();
  EXPECT_EQ(TestClient(server_->port()).ask("POST", "/a", std::string(900, 'b')).status, 200);
  options_.bodies_bytes_max = 800;
  options_.idle_ms = 50;
  ASSERT_TRUE(reload().is_ok());
  EXPECT_EQ(TestClient(server_->port()).ask("POST", "/a", std::string(900, 'b')).status, 429);
  EXPECT_EQ(TestClient(server_->port()).ask("POST", "/a", std::string(700, 'b')).status, 200);
  EXPECT_TRUE(TestClient(server_->port()).closed()) << "an idle client is left after 50 ms";
}

TEST_F(ReloadTest, under_load_no_request_is_lost) {
  start();
  std::atomic<bool> stop{false};
  std::atomic<int> answered{0}, lost{0};
  std::vector<std::thread> clients;
  for (int i = 0; i < 4; ++i) {
    clients.emplace_back([&, i] {
      TestClient kept(server_->port());
      while (!stop) {
        const bool anew = i % 2 == 0;  // half of them on a connection of their own each
        const Answer answer =
            anew ? TestClient(server_->port()).ask("POST", "/a", "body") : kept.ask("POST", "/a", "body");
        ++(answer.status == 200 && answer.body == "/a" ? answered : lost);
      }
    });
  }
  for (int i = 0; i < 200; ++i) {
    options_.queue_max = 100 + static_cast<std::size_t>(i % 2) * 100;
    EXPECT_TRUE(reload().is_ok());
  }
  const int before = answered;
  while (answered < before + 20 && lost == 0) std::this_thread::yield();
  stop = true;
  for (auto& client : clients) client.join();
  EXPECT_EQ(lost, 0);
}

TEST_F(ReloadTest, a_server_that_has_ended_takes_nothing_and_does_not_hang) {
  start();
  ASSERT_TRUE(server_->drain(10'000));
  EXPECT_TRUE(reload().is_ok());
}

// One connection of HTTPS, which looks at the name in the server's certificate and trusts any.
class TlsConnection {
 public:
  explicit TlsConnection(std::uint16_t port) : stream_(io_, context_) {
    boost::system::error_code error;
    stream_.lowest_layer().connect({boost::asio::ip::make_address("127.0.0.1"), port}, error);
    if (!error) stream_.handshake(boost::asio::ssl::stream_base::client, error);
    if (error) problem_ = error.message();
  }
  std::string name() {
    if (!problem_.empty()) return "no handshake: " + problem_;
    X509* certificate = SSL_get1_peer_certificate(stream_.native_handle());
    char* line = X509_NAME_oneline(X509_get_subject_name(certificate), nullptr, 0);
    std::string name = line;
    OPENSSL_free(line);
    X509_free(certificate);
    return name;
  }
  std::string ask(const std::string& request) {
    boost::system::error_code error;
    boost::asio::write(stream_, boost::asio::buffer(request), error);
    std::string answer;
    boost::asio::read_until(stream_, boost::asio::dynamic_buffer(answer), "\r\n\r\n", error);
    return answer;
  }

 private:
  boost::asio::io_context io_;
  boost::asio::ssl::context context_{boost::asio::ssl::context::tls_client};
  boost::asio::ssl::stream<boost::asio::ip::tcp::socket> stream_;
  std::string problem_;
};

class ReloadTlsTest : public ReloadTest {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "pictor-reload-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    options_.tls_certificate = folder_ + "/cert.pem";
    options_.tls_key = folder_ + "/key.pem";
    issue("before");
  }
  void TearDown() override {
    ReloadTest::TearDown();
    server_.reset();
    if (!folder_.empty()) std::filesystem::remove_all(folder_);
  }
  void issue(const std::string& name) const {
    const std::string make = "openssl req -x509 -newkey ed25519 -nodes -days 2 -subj /CN=" + name + " -keyout " +
                             folder_ + "/key.pem -out " + folder_ + "/cert.pem 2>/dev/null";
    ASSERT_EQ(std::system(make.c_str()), 0) << "openssl makes the certificate of this test";  // NOLINT(cert-env33-c)
  }
  void write(const std::string& name, std::string_view text) const {
    ASSERT_TRUE(write_file_atomic(Env::real(), folder_ + "/" + name, as_bytes(text)).is_ok());
  }
  std::string folder_;
};

TEST_F(ReloadTlsTest, a_renewed_certificate_is_what_the_next_client_sees) {
  start();
  TlsConnection open(server_->port());
  EXPECT_EQ(open.name(), "/CN=before");
  issue("after");
  EXPECT_EQ(TlsConnection(server_->port()).name(), "/CN=before") << "nobody has asked for the new one yet";
  ASSERT_TRUE(reload().is_ok());
  EXPECT_EQ(TlsConnection(server_->port()).name(), "/CN=after");
  EXPECT_NE(open.ask("GET /still HTTP/1.1\r\nHost: x\r\n\r\n").find("200 OK"), std::string::npos)
      << "a connection of before goes on";
}

TEST_F(ReloadTlsTest, a_certificate_that_cannot_be_used_changes_nothing) {
  options_.queue_max = 7;
  start();
  write("cert.pem", "no certificate");
  const Status no_certificate = reload();
  EXPECT_EQ(no_certificate.code(), Code::kInvalid);
  EXPECT_NE(no_certificate.message().find(folder_ + "/cert.pem"), std::string::npos) << no_certificate.message();
  issue("other");
  const std::string certificate(as_text(*read_file(Env::real(), options_.tls_certificate, 1 << 20)));
  issue("another");
  write("cert.pem", certificate);
  const Status no_pair = reload();
  EXPECT_EQ(no_pair.code(), Code::kInvalid);
  EXPECT_NE(no_pair.message().find("key.pem' is no key in PEM, or not that of"), std::string::npos);
  EXPECT_EQ(TlsConnection(server_->port()).name(), "/CN=before");
}

class ServerReloadTest : public EngineTest {
 protected:
  void SetUp() override {
    EngineTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    given_.data_folder = options_.data_folder;
    given_.port = 0;
    given_.body_bytes_max = 1 << 20;
    given_.log_file = folder_ + "/requests.jsonl";
    auto started = Server::start(Env::real(), *engine_, given_);
    ASSERT_TRUE(started.is_ok()) << started.status().to_string();
    server_ = std::move(started).value();
  }
  void TearDown() override {
    if (server_ != nullptr) {
      given_.log_file.clear();
      EXPECT_TRUE(server_->reload(given_).is_ok()) << "the log is the process's: it ends";
    }
    server_.reset();
    EngineTest::TearDown();
  }
  Answer ask(std::string_view method, std::string_view target, std::string_view body = "") const {
    return TestClient(server_->port()).ask(method, target, body, "Content-Type: image/png\r\n");
  }
  std::string logged(const std::string& name) const {
    const auto text = read_file(Env::real(), folder_ + "/" + name, 1 << 20);
    return text.is_ok() ? std::string(as_text(*text)) : "(none)";
  }
  // How many lines the audit log has.
  std::uint64_t audited() const {
    return nlohmann::json::parse(ask("GET", "/v1/audit/verify").body).at("lines").get<std::uint64_t>();
  }

  ServerOptions given_;
  std::unique_ptr<Server> server_;
};

TEST_F(ServerReloadTest, limits_and_the_audit_of_reads_change_and_the_address_does_not) {
  const std::string huge((1 << 20) + 10, 'x');
  EXPECT_EQ(ask("PUT", "/v1/collections/test/items/x", huge).status, 413);
  const std::uint64_t before = audited();
  EXPECT_EQ(ask("GET", "/v1/collections").status, 200);
  EXPECT_EQ(audited(), before + 1) << "that question, not the list";
  const std::string url = server_->url();
  given_.body_bytes_max = 2 << 20;
  given_.audit_reads = true;
  given_.port = 1;
  given_.address = "0.0.0.0";
  given_.workers = 2;
  given_.data_folder = "/nowhere";
  given_.tls_certificate = "/no/certificate.pem";
  ASSERT_TRUE(server_->reload(given_).is_ok());
  EXPECT_EQ(server_->url(), url);
  EXPECT_EQ(ask("PUT", "/v1/collections/test/items/x", huge).status, 422) << "it is read now, and is no picture";
  EXPECT_EQ(ask("GET", "/v1/collections").status, 200);
  EXPECT_EQ(audited(), before + 4) << "both questions, the upload and the list";
}

TEST_F(ServerReloadTest, a_log_file_that_was_moved_away_is_made_anew) {
  EXPECT_EQ(ask("GET", "/v1/version").status, 200);
  ASSERT_NE(logged("requests.jsonl").find("getVersion"), std::string::npos) << logged("requests.jsonl");
  ASSERT_TRUE(Env::real().rename(given_.log_file, given_.log_file + ".1").is_ok());
  EXPECT_EQ(ask("GET", "/readyz").status, 200);
  EXPECT_NE(logged("requests.jsonl.1").find("/readyz"), std::string::npos) << "until it is told";
  ASSERT_TRUE(server_->reload(given_).is_ok());
  EXPECT_EQ(ask("GET", "/v1/encoders").status, 200);
  EXPECT_NE(logged("requests.jsonl").find("/v1/encoders"), std::string::npos);
  EXPECT_EQ(logged("requests.jsonl.1").find("/v1/encoders"), std::string::npos);
  given_.log_level = "warn";
  ASSERT_TRUE(server_->reload(given_).is_ok());
  EXPECT_EQ(ask("GET", "/healthz").status, 200);
  EXPECT_EQ(logged("requests.jsonl").find("/healthz"), std::string::npos) << "only what goes wrong is told now";
}

TEST_F(ServerReloadTest, what_cannot_be_taken_changes_nothing) {
  ServerOptions wrong = given_;
  wrong.body_bytes_max = 2 << 20;
  wrong.log_file = folder_ + "/no/requests.jsonl";
  ASSERT_TRUE(write_file_atomic(Env::real(), folder_ + "/no", as_bytes("a file, not a folder")).is_ok());
  EXPECT_EQ(server_->reload(wrong).code(), Code::kIo);
  wrong.log_file = given_.log_file;
  wrong.log_level = "loud";
  EXPECT_EQ(server_->reload(wrong).code(), Code::kInvalid);
  EXPECT_EQ(ask("PUT", "/v1/collections/test/items/x", std::string((1 << 20) + 10, 'x')).status, 413);
  EXPECT_NE(logged("requests.jsonl").find("\"status\":413"), std::string::npos) << logged("requests.jsonl");
}

TEST_F(ServerReloadTest, a_request_keeps_the_limits_that_it_was_admitted_under) {
  ASSERT_TRUE(Env::real().make_dirs(folder_ + "/other").is_ok());
  auto governor = Governor::open(Env::real(), folder_ + "/other");
  ASSERT_TRUE(governor.is_ok()) << governor.status().to_string();
  ServerOptions options = given_;
  options.data_folder = folder_ + "/other";
  auto repeats = Repeats::open(Env::real(), folder_ + "/other");
  ASSERT_TRUE(repeats.is_ok()) << repeats.status().to_string();
  ApiHandler handler(Env::real(), *engine_, std::move(governor).value(), std::move(repeats).value(), options);
  HttpRequest request;
  request.head.method = "PUT";
  request.head.fields = {{"host", "localhost"}, {"content-type", "image/png"}};
  ASSERT_TRUE(parse_target("/v1/collections/test/items/x", request.head).is_ok());
  Admission admission = handler.admit(request.head, "1");
  ASSERT_FALSE(admission.refused.has_value()) << admission.refused->body;
  request.caller = admission.caller;
  request.options = admission.options;
  request.body = as_text(picture(1));
  options.body_bytes_max = 10;
  handler.take(options);
  EXPECT_LT(handler.admit(request.head, "2").body_bytes_max, admission.body_bytes_max);
  EXPECT_EQ(handler.handle(request).status, 201);
  request.options = handler.admit(request.head, "3").options;
  EXPECT_EQ(handler.handle(request).status, 413);
}

}  // namespace
}  // namespace pictor
