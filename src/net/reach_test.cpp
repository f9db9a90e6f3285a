// Which addresses may be asked, and that nothing else is connected to: tables, and the real transport on this machine.
#include "net/reach.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>

#include "net/net_testing.h"

namespace pictor {
namespace {

bool is_public(const std::string& text) {
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  if (::inet_pton(AF_INET, text.c_str(), &v4.sin_addr) == 1) {
    return is_public_address(reinterpret_cast<const sockaddr*>(&v4), sizeof(v4));
  }
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  EXPECT_EQ(::inet_pton(AF_INET6, text.c_str(), &v6.sin6_addr), 1) << text;
  return is_public_address(reinterpret_cast<const sockaddr*>(&v6), sizeof(v6));
}

TEST(PublicAddress, is_none_of_the_special_ones_up_to_their_last) {
  for (const char* text : {"0.0.0.0",
                           "0.255.255.255",
                           "10.0.0.0",
                           "10.255.255.255",
                           "100.64.0.0",
                           "100.100.100.200",
                           "100.127.255.255",
                           "127.0.0.1",
                           "127.255.255.255",
                           "168.63.129.16",
                           "169.254.0.0",
                           "169.254.169.254",
                           "169.254.255.255",
                           "172.16.0.0",
                           "172.31.255.255",
                           "192.0.0.0",
                           "192.0.0.192",
                           "192.0.2.1",
                           "192.88.99.1",
                           "192.168.0.0",
                           "192.168.255.255",
                           "198.18.0.0",
                           "198.19.255.255",
                           "198.51.100.7",
                           "203.0.113.255",
                           "224.0.0.1",
                           "239.255.255.255",
                           "240.0.0.0",
                           "255.255.255.255",  // IPv4
                           "::",
                           "::1",
                           "::127.0.0.1",
                           "::ffff:127.0.0.1",
                           "::ffff:8.8.8.8",
                           "::ffff:0:8.8.8.8",
                           "100::1",
                           "64:ff9b::10.0.0.1",
                           "64:ff9b::127.0.0.1",
                           "64:ff9b::169.254.169.254",
                           "64:ff9b:1::8.8.8.8",
                           "64:ff9b::1:8.8.8.8",
                           "2001::1",
                           "2001:0:4136:e378:8000:63bf:3fff:fdd2",
                           "2001:2::1",
                           "2001:10::1",
                           "2001:20::1",
                           "2001:1ff:ffff::1",
                           "2001:db8::1",
                           "2002:7f00:1::",
                           "2002:808:808::1",
                           "3fff::1",
                           "3fff:fff::1",
                           "4000::1",
                           "5f00::1",
                           "fc00::1",
                           "fd00:ec2::254",
                           "fdff::1",
                           "fe80::1",
                           "febf::1",
                           "fec0::1",
                           "feff::1",
                           "ff02::1",
                           "ffff::1"}) {
    EXPECT_FALSE(is_public(text)) << text;
  }
}

TEST(PublicAddress, is_what_lies_beside_them) {
  for (const char* text :
       {"1.0.0.0",         "8.8.8.8",         "9.255.255.255",  "11.0.0.0",        "100.63.255.255",
        "100.128.0.0",     "126.255.255.255", "128.0.0.0",      "168.63.129.15",   "168.63.129.17",
        "169.253.255.255", "169.255.0.0",     "172.15.255.255", "172.32.0.0",      "192.0.1.0",
        "192.0.3.0",       "192.88.98.1",     "192.88.100.1",   "192.167.255.255", "192.169.0.0",
        "198.17.255.255",  "198.20.0.0",      "198.51.99.255",  "198.51.101.0",    "203.0.112.255",
        "203.0.114.0",     "223.255.255.255", "2000::1",        "2001:200::1",     "2001:4860:4860::8888",
        "2001:db7::1",     "2001:db9::1",     "2003::1",        "2606:4700::1111", "2a00:1450:4001::1",
        "3ffe::1",         "64:ff9b::8.8.8.8"}) {
    EXPECT_TRUE(is_public(text)) << text;
  }
}

TEST(PublicAddress, is_none_that_is_cut_short_or_of_another_family) {
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_addr.s_addr = htonl(0x08080808);
  const auto* address = reinterpret_cast<const sockaddr*>(&v4);
  EXPECT_TRUE(is_public_address(address, sizeof(v4)));
  EXPECT_FALSE(is_public_address(address, sizeof(v4) - 1));
  v4.sin_family = AF_INET6;
  EXPECT_FALSE(is_public_address(address, sizeof(v4)));
  v4.sin_family = AF_UNIX;
  EXPECT_FALSE(is_public_address(address, sizeof(v4)));
}

TEST(HostRule, is_a_name_or_what_is_below_it_with_a_port_or_without) {
  for (const char* rule : {"images.example.org", "*.example.org", "Images.Example.org:8080", "127.0.0.1:1", "[::1]:80",
                           "[2a00::1]", "localhost"}) {
    EXPECT_TRUE(check_host_rule(rule).is_ok()) << rule;
  }
  for (const char* rule : {"",
                           "*",
                           "*.",
                           "*:80",
                           ".org",
                           "example.org.",
                           "a..b",
                           "http://example.org",
                           "example.org/x",
                           "u@example.org",
                           "example.org:",
                           "example.org:0",
                           "example.org:080",
                           "example.org:65536",
                           "example.org:x",
                           "a b",
                           "*.[::1]",
                           "[::1",
                           "::1",
                           "exämple.org",
                           "a.*.org"}) {
    EXPECT_EQ(check_host_rule(rule).code(), Code::kInvalid) << rule;
  }
}

TEST(HostRule, lets_through_what_it_names_and_no_other) {
  const HttpReach reach{{"images.example.org", "*.example.net", "cdn.example.com:8080", "127.0.0.1"}};
  for (const char* url :
       {"http://images.example.org/a", "https://IMAGES.example.org/a?b", "http://images.example.org:443/",
        "https://a.example.net/", "https://a.b.example.net/", "http://cdn.example.com:8080/", "http://127.0.0.1/",
        "http://2130706433/", "http://0x7f.1/"}) {
    EXPECT_TRUE(check_reach(reach, std::string(url)).is_ok()) << url;
  }
  for (const char* url :
       {"http://example.org/", "http://images.example.org.evil.com/", "http://evilimages.example.org/",
        "http://images.example.org./", "https://example.net/", "https://evilexample.net/", "http://cdn.example.com/",
        "https://cdn.example.com/", "http://images.example.org:8080/", "http://images.example.org:22/",
        "http://evil.com/images.example.org", "http://evil.com#images.example.org",
        "http://evil.com?images.example.org", "http://[::1]/", "http://localhost/"}) {
    EXPECT_EQ(check_reach(reach, std::string(url)).code(), Code::kDenied) << url;
  }
  for (const char* url :
       {"http://images.example.org@evil.com/", "http://u:p@images.example.org/", "ftp://images.example.org/",
        "file:///etc/passwd", "gopher://images.example.org/", "//images.example.org/", ""}) {
    EXPECT_EQ(check_reach(reach, std::string(url)).code(), Code::kInvalid) << url;
  }
  EXPECT_EQ(check_reach(HttpReach{}, std::string("http://images.example.org/")).code(), Code::kDenied);
}

class ReachTest : public ::testing::Test {
 protected:
  Result<std::string> get(const std::string& path, bool private_addresses, std::int64_t deadline_us = 0) {
    HttpOptions options;
    options.retries_max = 0;
    options.redirects_max = 3;
    const std::string host = server_.url().substr(std::string("http://").size());
    const std::string port = host.substr(host.find(':'));
    options.reach = HttpReach{{host, "localhost" + port}, private_addresses};
    HttpClient client(Env::real(), options);
    return client.get({base_ + path, "", deadline_us}, 1000);
  }
  static TinyAnswer answer(const TinyRequest& request) {
    if (request.target == "/a") return {200, "bytes"};
    if (request.target == "/large") return {200, std::string(1001, 'x')};
    if (request.target == "/endless") return {200, std::string(100, 'x'), {}, true};
    if (request.target == "/slow") return {200, "x", {}, true, 10};
    if (request.target == "/loop") return {302, "", {{"Location", "/loop"}}};
    if (request.target == "/on") return {302, "", {{"Location", "/a"}}};
    if (request.target == "/far") return {302, "", {{"Location", "http://metadata.internal/secret"}}};
    if (request.target == "/port") return {302, "", {{"Location", "http://127.0.0.1:22/"}}};
    if (request.target == "/file") return {302, "", {{"Location", "file:///etc/passwd"}}};
    if (request.target == "/words") return {500, "", {{"X-Error-Message", "the password is x"}}};
    return {404, "no such thing"};
  }

  std::atomic<int> asked_{0};
  TinyServer server_{[this](const TinyRequest& request) {
    ++asked_;
    return answer(request);
  }};
  std::string base_ = server_.url();
};

TEST_F(ReachTest, this_machine_is_not_connected_to_unless_it_may_be) {
  const auto refused = get("/a", false);
  EXPECT_EQ(refused.status().code(), Code::kDenied);
  EXPECT_NE(refused.status().message().find("not of the public internet"), std::string::npos)
      << refused.status().message();
  EXPECT_EQ(asked_, 0);
  const auto taken = get("/a", true);
  ASSERT_TRUE(taken.is_ok()) << taken.status().to_string();
  EXPECT_EQ(*taken, "bytes");
  EXPECT_EQ(asked_, 1);
}

TEST_F(ReachTest, a_name_that_means_this_machine_is_refused_by_what_it_means) {
  base_ = "http://localhost" + base_.substr(base_.rfind(':'));
  EXPECT_EQ(get("/a", false).status().code(), Code::kDenied);
  EXPECT_EQ(asked_, 0);
  EXPECT_TRUE(get("/a", true).is_ok());
}

TEST_F(ReachTest, where_it_is_sent_on_to_is_looked_at_anew) {
  EXPECT_TRUE(get("/on", true).is_ok());
  for (const char* path : {"/far", "/port"}) {
    const auto refused = get(path, true);
    EXPECT_EQ(refused.status().code(), Code::kDenied) << path;
    EXPECT_NE(refused.status().message().find("sends on"), std::string::npos) << refused.status().message();
  }
  EXPECT_EQ(get("/file", true).status().code(), Code::kUnreadable);
  EXPECT_EQ(get("/loop", true).status().code(), Code::kUnreadable);
}

TEST_F(ReachTest, the_proxies_of_the_environment_are_passed_over) {
  ::setenv("http_proxy", "http://127.0.0.1:1", 1);
  const auto taken = get("/a", true);
  ::unsetenv("http_proxy");
  EXPECT_TRUE(taken.is_ok()) << taken.status().to_string();
}

TEST_F(ReachTest, a_server_of_others_has_no_words_in_our_errors) {
  const auto failed = get("/words", true);
  EXPECT_EQ(failed.status().message().find("password"), std::string::npos) << failed.status().message();
  EXPECT_NE(failed.status().message().find("500"), std::string::npos) << failed.status().message();
}

TEST_F(ReachTest, a_body_past_its_limit_or_its_deadline_is_given_up) {
  EXPECT_EQ(get("/large", true).status().code(), Code::kLimit);
  EXPECT_EQ(get("/endless", true).status().code(), Code::kLimit);
  EXPECT_EQ(get("/slow", true, Env::real().monotonic_us() + 300'000).status().code(), Code::kCancelled);
  EXPECT_EQ(get("/a", true, Env::real().monotonic_us() - 1).status().code(), Code::kCancelled);
}

}  // namespace
}  // namespace pictor
