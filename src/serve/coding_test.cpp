// Packed bodies: there and back, too long, cut off, and what a client says that it likes.
#include "serve/coding.h"

#include <gtest/gtest.h>

#include "serve/conditional.h"

namespace pictor {
namespace {

HttpHead head_with(const std::string& name, const std::string& value) {
  HttpHead head;
  head.method = "GET";
  head.fields.emplace_back(name, value);
  return head;
}

std::string text(std::size_t bytes) {
  std::string out;
  while (out.size() < bytes) out += "line " + std::to_string(out.size() * 2654435761U % 1000) + "\n";
  out.resize(bytes);
  return out;
}

TEST(Coding, what_is_packed_is_unpacked_to_the_same_bytes) {
  for (const Coding coding : {Coding::kGzip, Coding::kZstd}) {
    for (const std::size_t bytes : {0U, 1U, 1000U, 65'536U, 300'000U}) {
      const std::string plain = text(bytes);
      const std::string small = packed(coding, plain);
      if (bytes >= 1000) {
        EXPECT_LT(small.size(), plain.size());
      }
      const auto again = unpacked(coding, small, bytes);
      ASSERT_TRUE(again.is_ok()) << coding_name(coding) << " " << bytes << " " << again.status().to_string();
      EXPECT_EQ(*again, plain);
    }
  }
}

TEST(Coding, a_body_that_becomes_too_long_is_refused_before_it_is_there) {
  for (const Coding coding : {Coding::kGzip, Coding::kZstd}) {
    const std::string bomb = packed(coding, std::string(64 << 20, 'a'));
    EXPECT_LT(bomb.size(), 100'000U);
    const auto refused = unpacked(coding, bomb, 1 << 20);
    EXPECT_EQ(refused.status().code(), Code::kLimit);
    EXPECT_NE(refused.status().message().find("1048576 bytes"), std::string::npos);
    const std::string exact = packed(coding, std::string(1000, 'a'));
    EXPECT_TRUE(unpacked(coding, exact, 1000).is_ok());
    EXPECT_EQ(unpacked(coding, exact, 999).status().code(), Code::kLimit);
  }
}

TEST(Coding, what_is_cut_off_or_has_more_behind_it_is_no_body) {
  for (const Coding coding : {Coding::kGzip, Coding::kZstd}) {
    const std::string whole = packed(coding, text(5000));
    for (std::size_t cut = 0; cut < whole.size(); cut += 1 + whole.size() / 50) {
      EXPECT_EQ(unpacked(coding, whole.substr(0, cut), 10'000).status().code(), Code::kInvalid)
          << coding_name(coding) << " cut at " << cut;
    }
    EXPECT_EQ(unpacked(coding, whole + "x", 10'000).status().code(), Code::kInvalid) << coding_name(coding);
    EXPECT_EQ(unpacked(coding, "no such thing", 10'000).status().code(), Code::kInvalid);
  }
}

TEST(Coding, the_way_of_a_request_is_known_or_refused) {
  EXPECT_EQ(*coding_of(HttpHead()), Coding::kPlain);
  EXPECT_EQ(*coding_of(head_with("content-encoding", "GZip")), Coding::kGzip);
  EXPECT_EQ(*coding_of(head_with("content-encoding", "zstd ")), Coding::kZstd);
  EXPECT_EQ(*coding_of(head_with("content-encoding", "identity")), Coding::kPlain);
  EXPECT_EQ(coding_of(head_with("content-encoding", "br")).status().code(), Code::kUnsupported);
  EXPECT_EQ(coding_of(head_with("content-encoding", "gzip, gzip")).status().code(), Code::kUnsupported);
}

TEST(Coding, the_client_gets_what_it_likes_best) {
  const auto wanted = [](const std::string& text) { return coding_wanted(head_with("accept-encoding", text)); };
  EXPECT_EQ(wanted(""), Coding::kPlain);
  EXPECT_EQ(wanted("br"), Coding::kPlain);
  EXPECT_EQ(wanted("gzip, deflate, br, zstd"), Coding::kZstd);
  EXPECT_EQ(wanted("gzip;q=1.0, zstd;q=0.5"), Coding::kGzip);
  EXPECT_EQ(wanted("gzip;q=0, zstd;q=0"), Coding::kPlain);
  EXPECT_EQ(wanted("*"), Coding::kZstd);
  EXPECT_EQ(wanted("zstd;q=0, *"), Coding::kGzip);
  EXPECT_EQ(wanted("gzip;q=x"), Coding::kPlain);
}

TEST(Coding, texts_of_some_length_are_packed_and_pictures_are_not) {
  HttpReply reply;
  reply.body = text(5000);
  pack(head_with("accept-encoding", "gzip"), reply);
  EXPECT_EQ(*unpacked(Coding::kGzip, reply.body, 5000), text(5000));
  HttpReply small;
  small.body = "{}";
  pack(head_with("accept-encoding", "gzip"), small);
  EXPECT_EQ(small.body, "{}");
  HttpReply picture;
  picture.type = "image/png";
  picture.body = text(5000);
  pack(head_with("accept-encoding", "gzip"), picture);
  EXPECT_EQ(picture.body, text(5000));
  EXPECT_TRUE(picture.fields.empty());
}

TEST(Conditional, what_the_client_has_is_not_sent_again) {
  const auto reply_to = [](const HttpHead& head, const std::string& body = "{\"a\": 1}") {
    HttpReply reply;
    reply.body = body;
    make_conditional(head, reply);
    return reply;
  };
  HttpHead plain;
  plain.method = "GET";
  const HttpReply first = reply_to(plain);
  EXPECT_EQ(first.status, 200);
  ASSERT_EQ(first.fields.at(0).first, "ETag");
  const std::string tag = first.fields.at(0).second;
  for (const std::string& list : {tag, tag.substr(2), "\"x\", " + tag, std::string("*")}) {
    const HttpReply again = reply_to(head_with("if-none-match", list));
    EXPECT_EQ(again.status, 304) << list;
    EXPECT_EQ(again.body, "");
  }
  EXPECT_EQ(reply_to(head_with("if-none-match", tag), "{\"a\": 2}").status, 200);
  EXPECT_EQ(reply_to(head_with("if-none-match", "")).status, 200);
  HttpHead post = head_with("if-none-match", tag);
  post.method = "POST";
  EXPECT_EQ(reply_to(post).status, 200);
}

}  // namespace
}  // namespace pictor
