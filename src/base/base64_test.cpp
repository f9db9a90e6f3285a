#include "base/base64.h"

#include <gtest/gtest.h>

namespace pictor {
namespace {

TEST(Base64, equals_the_examples_of_its_rfc_both_ways) {
  const std::pair<std::string_view, std::string_view> kExamples[] = {{"", ""},
                                                                     {"f", "Zg=="},
                                                                     {"fo", "Zm8="},
                                                                     {"foo", "Zm9v"},
                                                                     {"foob", "Zm9vYg=="},
                                                                     {"fooba", "Zm9vYmE="},
                                                                     {"foobar", "Zm9vYmFy"},
                                                                     {"\xff\xfe\xfd", "//79"}};
  for (const auto& [plain, coded] : kExamples) {
    EXPECT_EQ(base64_of(as_bytes(plain)), coded);
    EXPECT_EQ(as_text(bytes_of_base64(coded).value()), plain);
  }
}

TEST(Base64, padding_may_be_left_out) {
  EXPECT_EQ(as_text(bytes_of_base64("Zg").value()), "f");
  EXPECT_EQ(as_text(bytes_of_base64("Zm8").value()), "fo");
}

TEST(Base64, what_is_none_is_refused_with_its_place) {
  for (const std::string_view text : {"Zm9v!", "Zm 9v", "Zm9v\n", "Z", "Zm9vY", "=", "Zg=a", "Z==="}) {
    EXPECT_EQ(bytes_of_base64(text).status().code(), Code::kInvalid) << text;
  }
  EXPECT_NE(bytes_of_base64("Zm9v!AAA").status().message().find("place 4"), std::string::npos);
}

TEST(Base64, every_byte_comes_back) {
  Bytes all;
  for (int i = 0; i < 256; ++i) all.push_back(static_cast<std::byte>(i));
  EXPECT_EQ(bytes_of_base64(base64_of(all)).value(), all);
}

}  // namespace
}  // namespace pictor
