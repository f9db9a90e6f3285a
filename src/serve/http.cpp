// The server itself: who is let in, certificates, the end. This and http_connection.h are the only files that include
// Boost.
#include "serve/http.h"

#include <sys/resource.h>

#include <condition_variable>
#include <mutex>
#include <thread>

#include "serve/http_connection.h"

namespace pictor {
namespace {

constexpr int kRetryAcceptMs = 100;

class Listener {
 public:
  Listener(Shared& shared, tcp::acceptor acceptor)
      : shared_(shared), acceptor_(std::move(acceptor)), retry_(shared.io) {
    shared_.on_closed = [this] {
      if (waits_) accept();
    };
  }
  void accept() {
    waits_ = shared_.sessions.size() >= shared_.options.connections_max;
    if (waits_ || !acceptor_.is_open()) return;  // the next that is closed goes on
    acceptor_.async_accept([this](const error_code& error, tcp::socket socket) {
      if (!acceptor_.is_open()) return;
      if (error) return accept_later();
      if (shared_.tls) {
        std::make_shared<Session<TlsStream>>(shared_, std::move(socket), *shared_.tls)->begin();
      } else {
        std::make_shared<Session<PlainStream>>(shared_, std::move(socket))->begin();
      }
      accept();
    });
  }
  void limits_changed() {
    if (waits_) accept();
  }
  void close() {
    error_code ignored;
    acceptor_.close(ignored);
    retry_.cancel();
  }

 private:
  void accept_later() {  // no descriptor is left, say
    retry_.expires_after(milliseconds(kRetryAcceptMs));
    retry_.async_wait([this](const error_code& error) {
      if (!error) accept();
    });
  }

  Shared& shared_;
  tcp::acceptor acceptor_;
  asio::steady_timer retry_;
  bool waits_ = false;
};

class BeastServer final : public HttpServer {
 public:
  BeastServer(Env& env, HttpHandler& handler, const ServerOptions& options)
      : shared_(std::make_unique<Shared>(env, handler, options)) {}
  ~BeastServer() override { stop(); }

  // TLS 1.2 and 1.3, with the library's own choice of ciphers. Connections hold what they need of a context: it may go.
  static Result<std::shared_ptr<ssl::context>> load_certificate(const ServerOptions& options) {
    auto tls = std::make_shared<ssl::context>(ssl::context::tls_server);
    error_code error;
    tls->set_options(ssl::context::default_workarounds | ssl::context::no_tlsv1 | ssl::context::no_tlsv1_1, error);
    if (!error) tls->use_certificate_chain_file(options.tls_certificate, error);
    if (error) {
      return Status(Code::kInvalid, "'" + options.tls_certificate + "' is no certificate in PEM: " + error.message());
    }
    tls->use_private_key_file(options.tls_key, ssl::context::pem, error);
    if (!error) return tls;
    return Status(Code::kInvalid, "'" + options.tls_key + "' is no key in PEM, or not that of '" +
                                      options.tls_certificate + "': " + error.message());
  }

  Status listen() {
    const ServerOptions& options = shared_->options;
    if (options.tls()) {
      PICTOR_ASSIGN(shared_->tls, load_certificate(options));
    }
    speaks_tls_ = options.tls();
    error_code error;
    const auto address = asio::ip::make_address(options.address, error);
    if (error) {
      return {Code::kInvalid, "'" + options.address + "' is no address: wanted digits, as 127.0.0.1 or ::1"};
    }
    tcp::acceptor acceptor(shared_->io);
    const tcp::endpoint end(address, options.port);
    acceptor.open(end.protocol(), error);
    if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
    if (!error) acceptor.bind(end, error);
    if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
    if (error) {
      const bool taken = error == asio::error::address_in_use;
      return {taken ? Code::kBusy : Code::kIo, "cannot listen on " + options.address + ":" +
                                                   std::to_string(options.port) + ": " + error.message() +
                                                   (taken ? "; another port is chosen with --listen" : "")};
    }
    port_ = acceptor.local_endpoint().port();
    allow_many_files();
    listener_ = std::make_unique<Listener>(*shared_, std::move(acceptor));
    listener_->accept();
    thread_ = std::thread([this] {
      shared_->io.run();
      const std::lock_guard lock(mutex_);
      ended_ = true;
      changed_.notify_all();
    });
    return Status::ok();
  }

  std::uint16_t port() const override { return port_; }
  HttpCounts counts() const override {
    return {shared_->connections.load(), shared_->body_bytes.load(), shared_->queue.waiting(),
            shared_->queue.working()};
  }

  Result<std::function<void()>> reload(const ServerOptions& options) override {
    std::shared_ptr<ssl::context> tls;
    if (speaks_tls_) {
      PICTOR_ASSIGN(tls, load_certificate(options));
    }
    return std::function<void()>([this, options, tls] { take(options, tls); });
  }

  bool drain(std::int64_t ms) override {
    asio::post(shared_->io, [this] {
      shared_->draining = true;
      listener_->close();
      const std::vector<AnySession*> sessions(shared_->sessions.begin(), shared_->sessions.end());
      for (AnySession* session : sessions) session->close_if_idle();
    });
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, milliseconds(ms), [this] { return ended_; });
  }

 private:
  // On the thread of connections, to which all of it belongs; a server that has ended takes nothing.
  void take(const ServerOptions& options, const std::shared_ptr<ssl::context>& tls) {
    auto taken = std::make_shared<bool>(false);
    asio::post(shared_->io, [this, options, tls, taken] {
      shared_->options = options;
      if (tls) shared_->tls = tls;
      shared_->queue.set_waiting_max(options.queue_max);
      listener_->limits_changed();
      const std::lock_guard lock(mutex_);
      *taken = true;
      changed_.notify_all();
    });
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return *taken || ended_; });
  }

  static void allow_many_files() {
    rlimit files{};
    if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur == files.rlim_max) return;
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }

  void stop() {
    if (!thread_.joinable()) return;
    shared_->io.stop();
    thread_.join();
    shared_->on_closed = nullptr;
  }

  std::unique_ptr<Shared> shared_;
  std::unique_ptr<Listener> listener_;
  std::uint16_t port_ = 0;
  bool speaks_tls_ = false;
  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool ended_ = false;
};

}  // namespace

Result<std::unique_ptr<HttpServer>> HttpServer::start(Env& env, HttpHandler& handler, const ServerOptions& options) {
  auto server = std::make_unique<BeastServer>(env, handler, options);
  PICTOR_TRY(server->listen());
  return std::unique_ptr<HttpServer>(std::move(server));
}

}  // namespace pictor
