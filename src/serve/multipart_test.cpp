#include "serve/multipart.h"

#include <gtest/gtest.h>

namespace pictor {
namespace {

constexpr std::string_view kType = "multipart/form-data; boundary=\"a b\"";

TEST(Multipart, parts_come_with_names_types_and_every_byte) {
  const std::string body =
      "preamble\r\n--a b\r\ncontent-disposition: form-data; name=\"x\\\"y\"; filename=\"b;c.png\"\r\n"
      "Content-Type: Image/PNG; q=1\r\n\r\n\r\n--a\r\n\r\n--a b\r\nContent-Disposition: form-data; "
      "name=e\r\n\r\n\r\n--a b--\r\nepilogue";
  const auto parts = parse_form(kType, body);
  ASSERT_TRUE(parts.is_ok()) << parts.status().to_string();
  ASSERT_EQ(parts->size(), 2U);
  EXPECT_EQ((*parts)[0].name, "x\"y");
  EXPECT_EQ((*parts)[0].file_name, "b;c.png");
  EXPECT_EQ((*parts)[0].type, "image/png");
  EXPECT_EQ((*parts)[0].bytes, "\r\n--a\r\n");
  EXPECT_EQ((*parts)[1].name, "e");
  EXPECT_EQ((*parts)[1].bytes, "");
}

TEST(Multipart, what_is_no_form_is_refused) {
  const std::string part = "--B\r\nContent-Disposition: form-data; name=a\r\n\r\nx\r\n";
  const auto code = [](std::string_view type, std::string_view body) { return parse_form(type, body).status().code(); };
  EXPECT_EQ(code("multipart/form-data; boundary=B", part + "--B--"), Code::kOk);
  EXPECT_EQ(code("multipart/form-data", part + "--B--"), Code::kInvalid);
  EXPECT_EQ(code("multipart/form-data; boundary=", part + "--B--"), Code::kInvalid);
  EXPECT_EQ(code("multipart/form-data; boundary=C", part + "--B--"), Code::kInvalid);
  EXPECT_EQ(code("multipart/form-data; boundary=B", part), Code::kInvalid);
  EXPECT_EQ(code("multipart/form-data; boundary=B", ""), Code::kInvalid);
  EXPECT_EQ(code("multipart/form-data; boundary=B", "--B"), Code::kInvalid);
  EXPECT_EQ(code("multipart/form-data; boundary=B", "--B\r\nX: y\r\n\r\nx\r\n--B--"), Code::kInvalid);
  EXPECT_EQ(code("multipart/form-data; boundary=B", "--B\r\nno head\r\n--B--"), Code::kInvalid);
  std::string many;
  for (std::uint32_t i = 0; i < limits::kServerPartsMax; ++i) many += part;
  EXPECT_EQ(code("multipart/form-data; boundary=B", many + "--B--"), Code::kOk);
  EXPECT_EQ(code("multipart/form-data; boundary=B", many + part + "--B--"), Code::kLimit);
}

TEST(Multipart, types_are_compared_without_case_and_parameters) {
  EXPECT_EQ(media_type("Image/JPEG ; q=1"), "image/jpeg");
  EXPECT_EQ(media_type(""), "");
  EXPECT_TRUE(is_form(kType));
  EXPECT_FALSE(is_form("multipart/mixed; boundary=B"));
}

}  // namespace
}  // namespace pictor
