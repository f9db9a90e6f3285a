// A body that is sent by the real transport.
#include <gtest/gtest.h>

#include "net/net.h"
#include "net/net_testing.h"

namespace pictor {
namespace {

TEST(HttpPost, arrives_whole_and_its_answer_comes_back) {
  TinyRequest seen;
  TinyServer server([&seen](const TinyRequest& request) {
    seen = request;
    return TinyAnswer{200, "{\"took\":" + std::to_string(request.body.size()) + "}"};
  });
  HttpClient client(Env::real(), {});
  std::string body(3'000'000, 'x');
  body[1] = '\0';
  const auto answer =
      client.post({{server.url() + "/v1/traces", ""}, "application/json", body, {"X-Scope-OrgID: me"}}, 100);
  ASSERT_TRUE(answer.is_ok()) << answer.status().to_string();
  EXPECT_EQ(*answer, "{\"took\":3000000}");
  EXPECT_EQ(seen.method, "POST");
  EXPECT_EQ(seen.target, "/v1/traces");
  EXPECT_EQ(seen.fields["content-type"], "application/json");
  EXPECT_EQ(seen.fields["x-scope-orgid"], "me");
  EXPECT_FALSE(seen.fields.contains("expect"));
  EXPECT_TRUE(seen.body == body);
  const auto empty = client.post({{server.url() + "/", ""}, "text/plain", "", {}}, 100);
  ASSERT_TRUE(empty.is_ok()) << empty.status().to_string();
  EXPECT_EQ(seen.method, "POST");
  EXPECT_EQ(seen.fields["content-length"], "0");
  const auto get = client.get({server.url() + "/", ""}, 100);
  ASSERT_TRUE(get.is_ok()) << get.status().to_string();
  EXPECT_EQ(seen.method, "GET") << "the same connection's next request is what it is";
}

TEST(HttpPost, that_nobody_takes_is_an_error_that_says_where) {
  HttpOptions options;
  options.retries_max = 0;
  std::string url;
  {
    const TinyServer gone([](const TinyRequest&) { return TinyAnswer{}; });
    url = gone.url();
  }
  HttpClient client(Env::real(), options);
  const auto answer = client.post({{url, ""}, "text/plain", "x", {}}, 100);
  EXPECT_EQ(answer.status().code(), Code::kIo);
  EXPECT_NE(answer.status().message().find("127.0.0.1"), std::string::npos) << answer.status().message();
}

TEST(HttpAsk, has_its_method_and_any_answer_is_one) {
  TinyRequest seen;
  int asked = 0;
  TinyServer server([&](const TinyRequest& request) {
    seen = request;
    ++asked;
    return TinyAnswer{request.method == "PUT" ? 503 : 404, "no such thing"};
  });
  HttpClient client(Env::real(), {});
  const auto gone = client.ask({{server.url() + "/items/a", "secret"}, "DELETE", "", ""}, 100);
  ASSERT_TRUE(gone.is_ok()) << gone.status().to_string();
  EXPECT_EQ(gone->status, 404);
  EXPECT_EQ(gone->body, "no such thing");
  EXPECT_EQ(seen.method, "DELETE");
  EXPECT_EQ(seen.fields["authorization"], "Bearer secret");
  EXPECT_FALSE(seen.fields.contains("content-type"));
  const auto put = client.ask({{server.url() + "/items/a", ""}, "PUT", "image/png", "x"}, 100);
  ASSERT_TRUE(put.is_ok()) << put.status().to_string();
  EXPECT_EQ(put->status, 503);
  EXPECT_EQ(seen.method, "PUT");
  EXPECT_EQ(seen.body, "x");
  EXPECT_EQ(asked, 2) << "nothing is asked twice";
  EXPECT_EQ(client.ask({{server.url() + "/", ""}, "GET", "", ""}, 5).status().code(), Code::kLimit);
}

}  // namespace
}  // namespace pictor
