// Pulls from a server that refuses, lies, or means harm.
#include <gtest/gtest.h>

#include "encode/hub_testing.h"

namespace pictor {
namespace {

using test::kFolder;
using test::kVision;

class HostileHub : public test::HubTest {};

TEST_F(HostileHub, a_stalled_or_trickling_connection_is_left_and_taken_up_again) {
  options_.stall_ms = 300;
  options_.retry_first_ms = 1;
  request_.folder = scratch_.path("out");
  for (const char* kind : {"stall", "trickle"}) {
    SCOPED_TRACE(kind);
    request_.folder += "x";
    server_->fault(kVision, kind, 1, 5000);
    server_->log();
    expect_whole(pull_to(Env::real()), Env::real());
  }
  options_.retries_max = 0;
  request_.folder += "y";
  server_->fault("listing", "stall", 1, 10);
  const auto stalled = pull_to(Env::real());
  EXPECT_EQ(stalled.status().code(), Code::kIo);
  EXPECT_NE(stalled.status().message().find("has stalled"), std::string::npos) << stalled.status().message();
}

TEST_F(HostileHub, a_body_without_end_is_cut_at_its_limit) {
  server_->fault(kVision, "endless");
  expect_refused(pull(), Code::kLimit, "more than the 300000 bytes announced");
  server_->fault("listing", "endless");
  expect_refused(pull(), Code::kLimit, "at most 4194304 are read");
  server_->fault("listing", "head");
  expect_refused(pull(), Code::kLimit, "headers");
}

TEST_F(HostileHub, a_packed_body_that_was_not_asked_for_is_not_unpacked) {
  server_->fault("listing", "gzip");
  expect_refused(pull(), Code::kUnreadable, "packed as 'gzip'");
  server_->fault(kVision, "gzip");
  expect_refused(pull(), Code::kUnreadable, "packed as 'gzip'");
}

TEST_F(HostileHub, redirects_are_followed_within_limits_and_to_http_only) {
  server_->fault("config.json", "chain", 1, 7);
  expect_whole(pull());
  request_.folder += "x";
  server_->fault("config.json", "chain", 1, 20);
  expect_refused(pull(), Code::kUnreadable, "after 8 redirects", "config.json");
  server_->fault(kVision, "loop");
  expect_refused(pull(), Code::kUnreadable, "in a circle");
  server_->fault(kVision, "file");
  expect_refused(pull(), Code::kUnreadable, "begins with 'file:'");
  server_->fault("listing", "file");
  expect_refused(pull(), Code::kUnreadable, "begins with 'file:'");
}

TEST_F(HostileHub, the_token_goes_to_the_hub_and_to_no_other_host) {
  request_.token = "hf_Secret";
  server_->fault("config.json", "home", 1);
  expect_whole(pull());
  int to_hub = 0;
  int to_store = 0;
  for (const auto& one : server_->log()) {
    EXPECT_EQ(one.token, one.role == "hub" ? "Bearer_hf_Secret" : "-") << one.role << " " << one.key;
    ++(one.role == "hub" ? to_hub : to_store);
  }
  EXPECT_GT(to_hub, 6);
  EXPECT_GE(to_store, 4);
  request_.folder += "x";
  request_.token = "two words";
  EXPECT_EQ(pull().status().code(), Code::kInvalid);
  request_.token = "line\r\nHost: other";
  EXPECT_EQ(pull().status().code(), Code::kInvalid);
  request_.token = "hf_Secret";
  request_.endpoint = "http://hub.invalid";
  const auto plain = pull();
  EXPECT_EQ(plain.status().code(), Code::kDenied);
  EXPECT_NE(plain.status().message().find("plain http"), std::string::npos) << plain.status().message();
}

TEST_F(HostileHub, a_certificate_that_nobody_vouches_for_is_refused) {
  const auto certificate = scratch_.path("certificate.pem");
  const auto key = scratch_.path("key.pem");
  const auto made =
      "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext "
      "subjectAltName=IP:127.0.0.1 -keyout '" +
      key + "' -out '" + certificate + "' 2>/dev/null";
  if (std::system(made.c_str()) != 0) GTEST_SKIP() << "no openssl command";
  const auto port = server_->command("tls " + certificate + " " + key).substr(3);
  request_.endpoint = "https://127.0.0.1:" + port;
  request_.token = "hf_Secret";
  expect_refused(pull(), Code::kDenied, "the certificate of '127.0.0.1' is not trusted");
  EXPECT_TRUE(server_->log().empty()) << "something was said before the certificate was checked";
  options_.certificates_file = certificate;
  expect_refused(pull(), Code::kUnreadable, "from https to 'http://127.0.0.1:");
  server_->command("large 1000000000");
  expect_whole(pull());
}

TEST_F(HostileHub, a_listing_made_to_hurt_writes_nothing) {
  for (const char* path : {"../../escaped", "/tmp/escaped", "onnx\\\\..\\\\escaped"}) {
    test::put_file(scratch_.path("raw.json"),
                   R"({"sha": "0123456789abcdef0123456789abcdef01234567", "siblings": [{"rfilename": ")" +
                       std::string(path) + R"(", "size": 1, "blobId": "0123456789abcdef0123456789abcdef01234567"}]})");
    server_->fault("listing", "raw");
    expect_refused(pull(), Code::kUnreadable, "siblings[0].rfilename");
  }
  EXPECT_EQ(names_in(env_, kFolder), (std::set<std::string>{"pull.lock"}));
}

TEST_F(HostileHub, refusals_say_what_to_do) {
  request_.ref.repository = "acme/other";
  const auto unknown = pull();
  EXPECT_EQ(unknown.status().code(), Code::kDenied);
  EXPECT_NE(unknown.status().message().find("answers 401 (Repository not found )"), std::string::npos)
      << unknown.status().message();
  EXPECT_NE(unknown.status().message().find("HF_TOKEN"), std::string::npos);
  request_.ref = {"acme/tiny", "v9"};
  const auto revision = pull();
  EXPECT_EQ(revision.status().code(), Code::kNotFound);
  EXPECT_NE(revision.status().message().find("check owner, name and revision"), std::string::npos);
  request_.ref.revision = "main";
  server_->fault(kVision, "status", 1, 403);
  expect_refused(pull(), Code::kDenied, "accept its terms");
  server_->fault(kVision, "status", 1, 404);
  expect_refused(pull(), Code::kNotFound, "onnx/vision_model.onnx");
  server_->fault(kVision, "garbage", 1000);
  expect_refused(pull(), Code::kUnreadable, "does not answer in HTTP");
  server_->clear();
  options_.retries_max = 1;
  request_.endpoint = "http://hub.invalid";
  expect_refused(pull(), Code::kIo, "(DNS)");
  request_.endpoint = "http://127.0.0.1:1";
  expect_refused(pull(), Code::kIo, "no connection to '127.0.0.1'");
  request_.endpoint = "ftp://127.0.0.1";
  expect_refused(pull(), Code::kInvalid, "http: or https: is wanted");
  request_.endpoint = "http://me:secret@127.0.0.1";
  const auto named = pull();
  EXPECT_EQ(named.status().code(), Code::kInvalid);
  EXPECT_EQ(named.status().message().find("secret"), std::string::npos);
  request_.endpoint = "";
  expect_refused(pull(), Code::kInvalid, "HF_ENDPOINT");
}

TEST_F(HostileHub, a_revision_with_slashes_is_one_part_of_the_address) {
  request_.ref.revision = "refs/pr/1";
  expect_whole(pull());
}

}  // namespace
}  // namespace pictor
