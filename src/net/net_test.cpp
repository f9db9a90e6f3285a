// The logic of net over a transport that only plays: every wait, redirect, range and retry. The real one is met by
// src/encode/hub_test.cpp.
#include "net/net.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>

#include "net/transport.h"

namespace pictor {
namespace {

struct Answer {
  int status = 200;
  std::map<std::string, std::string> headers;
  std::string body;
  Status broken;  // how the exchange ends after the body; ok: well
};

// Plays answers one after the other; the last one again and again.
class Playing : public Transport {
 public:
  HttpOutcome perform(const HttpExchange& exchange) override {
    asked.push_back(exchange);
    if (exchange.body != nullptr) bodies.push_back(*exchange.body);
    const auto answer = answers.empty() ? Answer{} : answers.front();
    if (answers.size() > 1) answers.pop_front();
    HttpOutcome outcome;
    outcome.head = {answer.status, answer.headers};
    if (answer.status == 0) return {answer.broken, true, {}};
    outcome.status = exchange.sink->begin(outcome.head);
    if (outcome.status.is_ok() && !answer.body.empty()) outcome.status = exchange.sink->take(as_bytes(answer.body));
    if (!outcome.status.is_ok() || answer.broken.is_ok()) return outcome;
    return {answer.broken, true, outcome.head};
  }

  std::deque<Answer> answers;
  std::vector<HttpExchange> asked;
  std::vector<std::string> bodies;  // of those that had one
};

const Status kBroken(Code::kIo, "the connection broke");

class Net : public testing::Test {
 protected:
  Net() : transport_(new Playing) {}

  HttpClient& client() {
    if (!client_) client_ = std::make_unique<HttpClient>(env_, options_, std::unique_ptr<Transport>(transport_));
    return *client_;
  }
  void play(std::initializer_list<Answer> answers) { transport_->answers = answers; }
  std::vector<HttpExchange>& asked() { return transport_->asked; }
  bool has_header(std::size_t i, const std::string& header) {
    return std::ranges::find(asked().at(i).headers, header) != asked().at(i).headers.end();
  }
  bool has_header_begin(std::size_t i, const std::string& begin) {
    return std::ranges::any_of(asked().at(i).headers, [&](const auto& header) { return header.starts_with(begin); });
  }
  Result<HttpDownloaded> download(std::uint64_t bytes, const std::string& identity = "one") {
    HttpDownload wanted;
    wanted.request.url = "http://host/file";
    wanted.path = "/part";
    wanted.identity = identity;
    wanted.bytes = bytes;
    return client().download(wanted);
  }
  std::string part() {
    const auto bytes = read_file(env_, "/part", 1000);
    return bytes.is_ok() ? std::string(as_text(*bytes)) : "none";
  }

  SimulatedEnv env_{3};
  HttpOptions options_;
  Playing* transport_;  // owned by the client
  std::unique_ptr<HttpClient> client_;
};

TEST_F(Net, waits_between_tries_double_up_to_their_limit) {
  options_.retries_max = 10;
  options_.retry_first_ms = 1000;
  options_.retry_ms_max = 8000;
  play({{503, {}, "", {}}});
  const auto text = client().get({"http://host/", ""}, 10);
  EXPECT_EQ(text.status().code(), Code::kIo);
  EXPECT_NE(text.status().message().find("given up after 11 tries"), std::string::npos) << text.status().message();
  EXPECT_EQ(asked().size(), 11U);
  // 1 + 2 + 4 + 8 * 7 = 63 s, each wait between its half and its whole.
  EXPECT_GE(env_.monotonic_us(), 31'500'000);
  EXPECT_LE(env_.monotonic_us(), 63'000'000);
}

TEST_F(Net, what_no_other_try_can_mend_is_not_tried_again) {
  struct {
    int status;
    Code code;
  } const cases[] = {
      {400, Code::kIo}, {401, Code::kDenied}, {403, Code::kDenied}, {404, Code::kNotFound}, {410, Code::kNotFound}};
  for (const auto& one : cases) {
    play({{one.status, {}, "", {}}});
    asked().clear();
    EXPECT_EQ(client().get({"http://host/", ""}, 10).status().code(), one.code) << one.status;
    EXPECT_EQ(asked().size(), 1U);
  }
  EXPECT_EQ(env_.monotonic_us(), 0);
}

TEST_F(Net, retry_after_is_obeyed_and_one_that_is_no_number_is_passed_over) {
  std::int64_t said_ms = 0;
  options_.on_wait = [&](const Status& why, std::int64_t wait_ms) {
    EXPECT_EQ(why.code(), Code::kBusy);
    said_ms = wait_ms;
  };
  play({{429, {{"retry-after", "7"}}, "", {}}, {200, {}, "text", {}}});
  const auto text = client().get({"http://host/", ""}, 10);
  ASSERT_TRUE(text.is_ok());
  EXPECT_EQ(*text, "text");
  EXPECT_EQ(env_.monotonic_us(), 7'000'000);
  EXPECT_EQ(said_ms, 7000);
  play({{429, {{"retry-after", "-7"}}, "", {}}, {200, {}, "text", {}}});
  EXPECT_TRUE(client().get({"http://host/", ""}, 10).is_ok());
  EXPECT_LE(env_.monotonic_us(), 8'000'000);
}

TEST_F(Net, a_body_is_read_up_to_its_limit_and_no_further) {
  play({{200, {}, "0123456789", {}}});
  EXPECT_TRUE(client().get({"http://host/", ""}, 10).is_ok());
  EXPECT_EQ(client().get({"http://host/", ""}, 9).status().code(), Code::kLimit);
  play({{200, {{"content-length", "11"}}, "", {}}});
  EXPECT_EQ(client().get({"http://host/", ""}, 10).status().code(), Code::kLimit);
}

TEST_F(Net, the_token_goes_to_the_origin_it_was_given_for) {
  for (const std::string other : {"https://other/", "https://host:444/", "https://host.evil/", "https://sub.host/"}) {
    asked().clear();
    play({{302, {{"location", other}}, "", {}}, {302, {{"location", "https://host/back"}}, "", {}}, {200, {}, "", {}}});
    ASSERT_TRUE(client().get({"https://host/a", "secret"}, 10).is_ok());
    ASSERT_EQ(asked().size(), 3U);
    EXPECT_TRUE(has_header(0, "Authorization: Bearer secret"));
    EXPECT_FALSE(has_header_begin(1, "Authorization")) << other;
    EXPECT_TRUE(has_header(2, "Authorization: Bearer secret"));
  }
  asked().clear();
  play({{307, {{"location", "/api/moved?x=1"}}, "", {}}, {200, {}, "", {}}});
  ASSERT_TRUE(client().get({"https://HOST:443/a", "secret"}, 10).is_ok());
  EXPECT_EQ(asked()[1].url, "https://HOST:443/api/moved?x=1");
  EXPECT_TRUE(has_header(1, "Authorization: Bearer secret"));
}

TEST_F(Net, a_token_is_not_sent_in_the_clear_except_to_this_machine) {
  EXPECT_EQ(client().get({"http://host/", "secret"}, 10).status().code(), Code::kDenied);
  EXPECT_EQ(client().get({"http://127.evil.com/", "secret"}, 10).status().code(), Code::kDenied);
  EXPECT_TRUE(asked().empty());
  for (const char* url : {"http://127.0.0.1:80/", "http://localhost/", "http://[::1]/"}) {
    EXPECT_TRUE(client().get({url, "secret"}, 10).is_ok()) << url;
  }
}

TEST_F(Net, redirects_that_are_not_followed_say_why) {
  const auto refused = [&](const std::string& location, const std::string& words) {
    play({{302, {{"location", location}}, "", {}}});
    const auto text = client().get({"https://host/a", ""}, 10);
    EXPECT_EQ(text.status().code(), Code::kUnreadable);
    EXPECT_NE(text.status().message().find(words), std::string::npos) << text.status().message();
  };
  refused("http://host/a", "from https to 'http://host/a'");
  refused("file:///etc/passwd", "begins with 'file:'");
  refused("gopher://host/", "begins with 'gopher:'");
  refused("https://user:pass@host/", "password");
  refused("https://host/a", "in a circle");
  refused("https://host/\x01", "control characters");
  refused(std::string(limits::kHttpUrlBytesMax + 1, 'a'), "bytes");
  refused("https://host/signed?secret=1", "in a circle");
  EXPECT_EQ(shown_url("https://me:pw@host/a?signature=1#x"), "https://host/a");
}

TEST_F(Net, a_download_goes_on_where_the_last_run_stopped) {
  options_.retries_max = 0;
  play({{200, {{"etag", "\"e\""}}, "0123", kBroken}});
  EXPECT_EQ(download(10).status().code(), Code::kIo);
  EXPECT_EQ(part(), "0123");
  play({{206, {{"etag", "\"e\""}, {"content-range", "bytes 4-9/10"}}, "456789", {}}});
  const auto done = download(10);
  ASSERT_TRUE(done.is_ok()) << done.status().to_string();
  EXPECT_EQ(part(), "0123456789");
  EXPECT_EQ(done->bytes_kept, 4U);
  EXPECT_EQ(done->bytes_received, 6U);
  EXPECT_TRUE(has_header(1, "Range: bytes=4-"));
  EXPECT_TRUE(has_header(1, "If-Range: \"e\""));
  EXPECT_FALSE(has_header_begin(0, "Range"));
  ASSERT_TRUE(download(10).is_ok());
  EXPECT_EQ(asked().size(), 2U) << "what is whole was asked for again";
  ASSERT_TRUE(forget_download(env_, "/part").is_ok());
  EXPECT_EQ(env_.list("/")->size(), 0U);
}

TEST_F(Net, bytes_of_another_content_or_without_a_state_are_not_continued) {
  options_.retries_max = 0;
  play({{200, {{"etag", "\"e\""}}, "0123", kBroken}});
  EXPECT_FALSE(download(10).is_ok());
  play({{200, {}, "abcdefghij", {}}});
  ASSERT_TRUE(download(10, "two").is_ok());
  EXPECT_EQ(part(), "abcdefghij");
  EXPECT_FALSE(has_header_begin(1, "Range"));
  for (const char* state : {"", "nonsense", "pictor-part 1\n", "pictor-part 1\ntwo\n", "pictor-part 2\ntwo\n\n"}) {
    ASSERT_TRUE(write_file_atomic(env_, "/part", as_bytes("xxxx")).is_ok());
    ASSERT_TRUE(write_file_atomic(env_, "/part.state", as_bytes(state)).is_ok());
    asked().clear();
    ASSERT_TRUE(download(10, "two").is_ok());
    EXPECT_FALSE(has_header_begin(0, "Range")) << state;
    EXPECT_EQ(part(), "abcdefghij");
  }
  ASSERT_TRUE(write_file_atomic(env_, "/part", as_bytes("far too long for it")).is_ok());
  ASSERT_TRUE(download(10, "two").is_ok());
  EXPECT_EQ(part(), "abcdefghij");
}

TEST_F(Net, an_answer_that_is_not_the_range_asked_for_makes_it_begin_anew) {
  const std::pair<std::string, std::string> odd[] = {{"bytes 3-9/10", "\"e\""},
                                                     {"bytes 4-8/10", "\"e\""},
                                                     {"bytes 4-9/11", "\"e\""},
                                                     {"bytes 4-9/10", "\"f\""},
                                                     {"", "\"e\""},
                                                     {"bytes */10", "\"e\""},
                                                     {"items 4-9/10", "\"e\""},
                                                     {"bytes 4-9/10x", "\"e\""},
                                                     {"bytes -9/10", "\"e\""},
                                                     {"bytes 4-99999999999999999999/10", "\"e\""}};
  for (const auto& [range, etag] : odd) {
    play({{200, {{"etag", "\"e\""}}, "0123", kBroken},
          {206, {{"etag", etag}, {"content-range", range}}, "xxxxxx", {}},
          {200, {{"etag", "\"e\""}}, "abcdefghij", {}}});
    asked().clear();
    const auto done = download(10);
    ASSERT_TRUE(done.is_ok()) << done.status().to_string();
    EXPECT_EQ(part(), "abcdefghij") << range;
    EXPECT_EQ(asked().size(), 3U);
    EXPECT_FALSE(has_header_begin(2, "Range"));
    ASSERT_TRUE(forget_download(env_, "/part").is_ok());
  }
  play({{200, {{"etag", "\"e\""}}, "0123", kBroken}, {416, {}, "", {}}, {200, {}, "abcdefghij", {}}});
  ASSERT_TRUE(download(10).is_ok());
  EXPECT_EQ(part(), "abcdefghij");
}

TEST_F(Net, tries_that_bring_something_are_not_counted_against_those_in_vain) {
  options_.retries_max = 1;
  const std::string piece(limits::kHttpProgressBytesMin, 'x');
  constexpr std::uint64_t kPieces = 20;
  const auto total = kPieces * piece.size();
  std::deque<Answer> answers;
  for (std::uint64_t i = 0; i < kPieces; ++i) {
    const auto range = "bytes " + std::to_string(i * piece.size()) + "-" + std::to_string(total - 1) + "/*";
    answers.push_back({i == 0 ? 200 : 206, {{"content-range", range}}, piece, kBroken});
    answers.push_back({0, {}, "", kBroken});
  }
  transport_->answers = answers;
  ASSERT_FALSE(download(total).is_ok()) << "two tries in vain, one after the other";
  transport_->answers.clear();
  for (std::size_t i = 0; i < answers.size(); ++i) {
    if (i % 2 == 0) transport_->answers.push_back(answers[i]);
  }
  ASSERT_TRUE(forget_download(env_, "/part").is_ok());
  EXPECT_TRUE(download(total).is_ok());
}

TEST_F(Net, an_empty_file_needs_no_request) {
  ASSERT_TRUE(download(0).is_ok());
  EXPECT_EQ(part(), "");
  EXPECT_TRUE(asked().empty());
}

TEST_F(Net, a_disk_that_is_full_is_no_fault_of_the_network) {
  play({{200, {}, "0123456789", {}}});
  ASSERT_TRUE(write_file_atomic(env_, "/part.state", as_bytes("pictor-part 1\none\n\n")).is_ok());
  env_.set_free_bytes(60);
  ASSERT_TRUE(env_.open("/part", OpenMode::kReadWriteCreate).is_ok());
  env_.set_free_bytes(5);
  const auto done = download(10);
  EXPECT_EQ(done.status().code(), Code::kLimit) << done.status().to_string();
  EXPECT_EQ(asked().size(), 1U);
}

TEST_F(Net, a_body_is_sent_with_its_type_and_headers_and_again_where_no_answer_came) {
  play({{0, {}, "", kBroken}, {503, {}, "", {}}, {200, {}, "taken", {}}});
  const HttpPost post{{"https://host/v1/traces", "secret"}, "application/json", "{\"a\":1}", {"X-Scope: one"}};
  const auto text = client().post(post, 10);
  ASSERT_TRUE(text.is_ok()) << text.status().to_string();
  EXPECT_EQ(*text, "taken");
  EXPECT_EQ(transport_->bodies, std::vector<std::string>(3, "{\"a\":1}"));
  EXPECT_TRUE(has_header(2, "Content-Type: application/json"));
  EXPECT_TRUE(has_header(2, "X-Scope: one"));
  EXPECT_TRUE(has_header(2, "Authorization: Bearer secret"));
  ASSERT_TRUE(client().get({"https://host/", ""}, 10).is_ok());
  EXPECT_EQ(transport_->bodies.size(), 3U) << "a get has no body";
}

TEST_F(Net, a_body_is_sent_on_to_no_other_address) {
  play({{307, {{"location", "https://other/?secret=1"}}, "", {}}});
  const auto text = client().post({{"https://host/a", ""}, "text/plain", "x", {}}, 10);
  EXPECT_EQ(text.status().code(), Code::kUnreadable);
  EXPECT_NE(text.status().message().find("'https://other/'"), std::string::npos) << text.status().message();
  EXPECT_EQ(asked().size(), 1U);
  play({{400, {}, "", {}}});
  EXPECT_EQ(client().post({{"https://host/a", ""}, "text/plain", "x", {}}, 10).status().code(), Code::kIo);
  play({{200, {}, "01234567890", {}}});
  EXPECT_EQ(client().post({{"https://host/a", ""}, "text/plain", "x", {}}, 10).status().code(), Code::kLimit);
}

TEST(NetAddress, is_checked_before_anything_is_asked) {
  EXPECT_TRUE(check_address("http://127.0.0.1:4318").is_ok());
  for (const char* bad : {"", "ftp://host/", "http://", "http://me:secret@host/", "host"}) {
    EXPECT_EQ(check_address(bad).code(), Code::kInvalid) << bad;
  }
}

TEST_F(Net, a_header_that_would_be_two_is_refused_and_not_shown) {
  for (const std::string& bad : {std::string("X: 1\r\nY: 2"), std::string("no colon"), std::string(": 1")}) {
    const auto text = client().post({{"https://host/a", ""}, "text/plain", "x", {bad}}, 10);
    EXPECT_EQ(text.status().code(), Code::kInvalid) << bad;
    EXPECT_EQ(text.status().message().find(bad), std::string::npos);
  }
  EXPECT_EQ(client().post({{"https://host/a", ""}, "a\nb", "x", {}}, 10).status().code(), Code::kInvalid);
  EXPECT_TRUE(asked().empty());
}

TEST_F(Net, a_cancellation_ends_a_wait) {
  std::atomic<bool> cancel{false};
  options_.cancel = &cancel;
  play({{503, {{"retry-after", "100"}}, "", {}}});
  EXPECT_EQ(client().get({"http://host/", ""}, 10).status().code(), Code::kIo);
  cancel = true;
  asked().clear();
  EXPECT_EQ(client().get({"http://host/", ""}, 10).status().code(), Code::kCancelled);
  EXPECT_TRUE(asked().empty());
}

}  // namespace
}  // namespace pictor
