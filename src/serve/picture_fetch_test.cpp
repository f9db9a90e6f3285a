// Pictures that requests give as addresses, from a real web server on this machine.
#include <atomic>
#include <cstdlib>
#include <future>

#include "net/net_testing.h"
#include "serve/server_testing.h"

namespace pictor {
namespace {

using Json = nlohmann::json;

class PictureFetchTest : public ServerTest {
 protected:
  // Takes the place of a server that fetches nothing.
  void start(bool private_too, std::vector<std::string> hosts) {
    server_.reset();
    ServerOptions options;
    options.data_folder = options_.data_folder;
    options.port = 0;
    options.body_bytes_max = 1 << 20;
    options.deadline_ms = 20'000;
    options.image_urls = std::move(hosts);
    options.image_urls_private = private_too;
    auto started = Server::start(Env::real(), *engine_, options);
    ASSERT_TRUE(started.is_ok()) << started.status().to_string();
    server_ = std::move(started).value();
  }
  void start(bool private_too) { start(private_too, {host()}); }
  std::string host() const { return web_.url().substr(std::string("http://").size()); }

  TinyAnswer answer(const TinyRequest& request) {
    ++asked_;
    seen_ = request;
    const auto at = [&](unsigned number) { return std::string(as_text(picture(number))); };
    if (request.target.starts_with("/p")) return {200, at(static_cast<unsigned>(std::stoul(request.target.substr(2))))};
    if (request.target == "/text") return {200, "the secret of an inner server"};
    if (request.target == "/none") return {200, ""};
    if (request.target == "/error") return {500, "the secret", {{"X-Error-Message", "the secret"}}};
    if (request.target == "/on") return {302, "", {{"Location", "/p1"}}};
    if (request.target == "/out") return {302, "", {{"Location", "http://secret.internal:9200/"}}};
    if (request.target == "/round/4") return {302, "", {{"Location", "/p1"}}};
    if (request.target.starts_with("/round/")) {
      return {302, "", {{"Location", "/round/" + std::to_string(request.target.back() - '0' + 1)}}};
    }
    if (request.target == "/large") return {200, std::string((1 << 20) + 1, 'x')};
    if (request.target == "/endless") return {200, std::string(1 << 16, 'x'), {}, true};
    if (request.target == "/slow") return {200, "x", {}, true, 10};
    return {404, "the secret"};
  }
  std::string refusal(const std::string& address, int status = 422) const {
    const Json answer = json("POST", "/v1/embeddings", {{"input", {{{"image", address}}}}});
    EXPECT_EQ(answer["http"], status) << answer;
    const std::string detail = answer.value("detail", "");
    EXPECT_EQ(detail.find("secret"), std::string::npos) << detail;
    return detail;
  }
  std::string at(const std::string& path) const { return web_.url() + path; }

  std::atomic<int> asked_{0};
  TinyRequest seen_;  // lately, of the web server's thread
  TinyServer web_{[this](const TinyRequest& request) { return answer(request); }};
};

TEST_F(PictureFetchTest, none_is_fetched_unless_hosts_are_named) {
  EXPECT_NE(refusal(at("/p1")).find("fetches none"), std::string::npos);
  const Json put = json("POST", "/v1/collections/test/items", {{"id", "a"}, {"image", at("/p1")}});
  EXPECT_EQ(put["http"], 422);
  EXPECT_EQ(asked_, 0);
}

TEST_F(PictureFetchTest, this_machine_is_not_asked_by_its_number_nor_by_its_name) {
  const std::string port = host().substr(host().find(':'));
  start(false, {host(), "localhost" + port, "other.example:1"});
  EXPECT_NE(refusal(at("/p1")).find("not of the public internet"), std::string::npos);
  EXPECT_NE(refusal("http://localhost" + port + "/p1").find("not of the public internet"), std::string::npos);
  EXPECT_EQ(asked_, 0);
}

TEST_F(PictureFetchTest, what_no_rule_names_is_not_asked) {
  start(true);
  EXPECT_NE(refusal("http://secure.example/a").find("not among the hosts"), std::string::npos);
  EXPECT_NE(refusal("http://127.0.0.1:1/a").find("port 1 of '127.0.0.1' may not be asked"), std::string::npos);
  refusal("http://someone@" + host() + "/p1", 400);
  refusal("http://" + std::string(9000, 'a') + "/", 413);
  EXPECT_EQ(asked_, 0);
}

TEST_F(PictureFetchTest, it_is_the_picture_that_its_bytes_are) {
  start(true);
  fill(3);
  const auto wanted = engine_->search(by_image(1)).value();
  std::vector<std::string> ids;
  for (const Hit& hit : wanted.hits) ids.push_back(hit.id);
  const std::string target = "/v1/collections/test/search";
  EXPECT_EQ(ids_of(json("POST", target, {{"image", at("/p1?signature=s")}})), ids);
  EXPECT_EQ(ids_of(json("POST", target, {{"image", at("/on")}})), ids);
  EXPECT_EQ(seen_.fields.count("authorization"), 0U);
  EXPECT_EQ(seen_.fields.count("cookie"), 0U);
  const Json mixed = {{"query", {{{"id", "p2"}}, {{"image", at("/p1")}}, {{"image", at("/p0")}, {"weight", -1}}}}};
  const Json of_bytes = {
      {"query",
       {{{"id", "p2"}}, {{"image", base64_of(picture(1))}}, {{"image", base64_of(picture(0))}, {"weight", -1}}}}};
  EXPECT_EQ(json("POST", target, mixed)["hits"], json("POST", target, of_bytes)["hits"]);
  const Json vectors = json("POST", "/v1/embeddings",
                            {{"input",
                              {{{"image", at("/p1")}},
                               {{"type", "image_url"}, {"image_url", {{"url", at("/p2")}}}},
                               {{"image", base64_of(picture(3))}}}}});
  ASSERT_EQ(vectors["http"], 200) << vectors;
  for (unsigned i = 0; i < 3; ++i) {
    EXPECT_EQ(vectors["data"][i]["embedding"].get<std::vector<float>>(),
              engine_->embed_picture("", "", picture(i + 1)).value());
  }
}

TEST_F(PictureFetchTest, an_item_is_put_by_its_address_and_says_where_it_came_from) {
  start(true);
  const Json put = json("POST", "/v1/collections/test/items", {{"image", at("/p1?key=hidden")}});
  EXPECT_EQ(put["http"], 201) << put;
  EXPECT_EQ(put["id"], sha256(picture(1)).hex());
  EXPECT_EQ(json("GET", "/v1/collections/test/items/" + put["id"].get<std::string>())["source"], at("/p1"));
  const Json again = {{"id", "b"}, {"image", base64_of(picture(1))}, {"source", "mine"}};
  EXPECT_EQ(json("PUT", "/v1/collections/test/items/b", again)["status"], "added");
  const Json same = {{"image", at("/p1")}, {"source", "mine"}};
  EXPECT_EQ(json("PUT", "/v1/collections/test/items/b", same)["status"], "unchanged") << "it has the same bytes";
}

TEST_F(PictureFetchTest, of_many_each_is_fetched_or_refused_by_itself) {
  start(true);
  std::string lines;
  for (unsigned i = 0; i < 20; ++i) {
    const std::string path = i == 5 ? "/text" : i == 6 ? "/other" : i == 7 ? "/large" : "/p" + std::to_string(i);
    const Json image = i == 8 ? base64_of(picture(i)) : at(path);
    lines += Json{{"id", "i" + std::to_string(i)}, {"image", image}}.dump() + "\n";
  }
  const Answer answer = ask("POST", "/v1/collections/test/items:bulk", lines, "application/x-ndjson");
  ASSERT_EQ(answer.status, 200) << answer.body;
  std::istringstream in(answer.body);
  std::string line;
  for (unsigned i = 0; std::getline(in, line); ++i) {
    const Json result = Json::parse(line);
    EXPECT_EQ(result["line"], i + 1);
    EXPECT_EQ(result["id"], "i" + std::to_string(i));
    EXPECT_EQ(result["status"], i >= 5 && i <= 7 ? "refused" : "added") << line;
    EXPECT_EQ(line.find("secret"), std::string::npos) << line;
  }
  EXPECT_EQ(json("GET", "/v1/collections/test/count")["count"], 17);
}

TEST_F(PictureFetchTest, what_an_inner_server_answers_is_told_to_nobody) {
  start(true);
  refusal(at("/text"));
  const std::string why = refusal(at("/error"));
  EXPECT_EQ(why, refusal(at("/error"))) << "the same";
  EXPECT_EQ(why.find("500"), std::string::npos) << why;
  EXPECT_EQ(refusal(at("/out")).find("9200"), std::string::npos) << "nor where it sends on to";
  EXPECT_EQ(refusal(at("/missing")).find("404"), std::string::npos);
  EXPECT_NE(refusal(at("/none")).find("no bytes"), std::string::npos);
}

// Counts what reaches it over TLS.
class Reached final : public HttpHandler {
 public:
  Admission admit(const HttpHead&, const std::string&) override {
    ++requests;
    return {};
  }
  std::unique_ptr<HttpUpload> begin_upload(const HttpRequest&) override { return nullptr; }
  HttpReply handle(const HttpRequest&) override { return {200, "image/png", {}, std::string(as_text(picture(1)))}; }
  HttpReply refuse(const Status&, int status, const HttpRequest*) override { return {status, "", {}, ""}; }
  std::atomic<int> requests{0};
};

TEST_F(PictureFetchTest, a_certificate_that_nobody_trusts_ends_it) {
  ServerOptions options;
  options.port = 0;
  options.tls_certificate = folder_ + "/cert.pem";
  options.tls_key = folder_ + "/key.pem";
  const std::string make =
      "openssl req -x509 -newkey ed25519 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 "
      "-keyout " +
      options.tls_key + " -out " + options.tls_certificate + " 2>/dev/null";
  ASSERT_EQ(std::system(make.c_str()), 0) << "openssl makes the certificate of this test";  // NOLINT(cert-env33-c)
  Reached reached;
  const auto tls = HttpServer::start(Env::real(), reached, options);
  ASSERT_TRUE(tls.is_ok()) << tls.status().to_string();
  const std::string there = "127.0.0.1:" + std::to_string((*tls)->port());
  start(true, {there});
  refusal("https://" + there + "/p1");
  EXPECT_EQ(reached.requests, 0);
}

TEST_F(PictureFetchTest, it_is_sent_on_three_times_and_no_more) {
  start(true);
  EXPECT_EQ(json("POST", "/v1/embeddings", {{"input", {{{"image", at("/round/2")}}}}})["http"], 200);
  refusal(at("/round/1"));
}

TEST_F(PictureFetchTest, what_is_too_large_or_has_no_end_is_given_up) {
  start(true);
  EXPECT_NE(refusal(at("/large"), 413).find("more than the 1048576 bytes"), std::string::npos);
  EXPECT_NE(refusal(at("/endless"), 413).find("more than the 1048576 bytes"), std::string::npos);
  fill(1);
  const Json slow = {{"image", at("/slow")}, {"deadline_ms", 300}};
  const std::int64_t begun_us = Env::real().monotonic_us();
  EXPECT_EQ(json("POST", "/v1/collections/test/search", slow)["http"], 504);
  EXPECT_LT(Env::real().monotonic_us() - begun_us, 10'000'000);
}

TEST_F(PictureFetchTest, requests_that_wait_for_pictures_leave_threads_for_others) {
  start(true);
  fill(1);
  const auto search = [this] {
    return json("POST", "/v1/collections/test/search", {{"image", at("/slow")}, {"deadline_ms", 3000}})["http"];
  };
  std::vector<std::future<Json>> waiting;
  for (int i = 0; i < 6; ++i) waiting.push_back(std::async(std::launch::async, search));
  std::map<int, int> statuses;
  for (auto& one : waiting) ++statuses[one.get().get<int>()];
  EXPECT_EQ(statuses[504], 2) << "a quarter of eight threads";
  EXPECT_EQ(statuses[503], 4);
}

TEST_F(PictureFetchTest, hosts_are_named_while_it_runs) {
  start(true, {"other.example"});
  refusal(at("/p1"));
  ServerOptions options;
  options.body_bytes_max = 1 << 20;
  options.image_urls = {"no host"};
  EXPECT_EQ(server_->reload(options).code(), Code::kInvalid);
  options.image_urls = {host()};
  options.image_urls_private = true;
  ASSERT_TRUE(server_->reload(options).is_ok());
  EXPECT_EQ(json("POST", "/v1/embeddings", {{"input", {{{"image", at("/p1")}}}}})["http"], 200);
  options.image_urls.clear();
  ASSERT_TRUE(server_->reload(options).is_ok());
  EXPECT_NE(refusal(at("/p1")).find("fetches none"), std::string::npos);
}

}  // namespace
}  // namespace pictor
