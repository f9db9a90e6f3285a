#include "serve/vector_bytes.h"

#include <gtest/gtest.h>

#include <cmath>

namespace pictor {
namespace {

std::string field(const HttpReply& reply, const std::string& name) {
  for (const auto& [key, value] : reply.fields) {
    if (key == name) return value;
  }
  return "";
}

TEST(VectorBytes, a_type_names_its_numbers) {
  EXPECT_FALSE(dtype_of("image/png")->has_value());
  EXPECT_FALSE(dtype_of("application/octet-stream")->has_value());
  EXPECT_FALSE(dtype_of("*/*")->has_value());
  EXPECT_EQ(**dtype_of("application/octet-stream; dtype=f32"), Dtype::kF32);
  EXPECT_EQ(**dtype_of("Application/Octet-Stream;DTYPE=\"f16\""), Dtype::kF16);
  EXPECT_EQ(**dtype_of("application/octet-stream; q=1; dtype=int8"), Dtype::kInt8);
  EXPECT_EQ(dtype_of("application/octet-stream; dtype=f64").status().message(),
            "dtype is 'f64', wanted f32, f16 or int8");
}

TEST(VectorBytes, what_is_answered_can_be_asked_with) {
  const std::vector<std::vector<float>> rows = {{0.5F, -1.0F, 0.25F}, {0.0F, 0.75F, 1.0F}};
  for (const Dtype dtype : {Dtype::kF32, Dtype::kF16, Dtype::kInt8}) {
    const HttpReply reply = vectors_reply(dtype, rows);
    EXPECT_EQ(field(reply, "X-Pictor-Shape"), "2,3");
    const auto read = vector_of_bytes(dtype, reply.body);
    ASSERT_TRUE(read.is_ok()) << read.status().to_string();
    ASSERT_EQ(read->size(), 6U);
    const float close = dtype == Dtype::kInt8 ? 0.5F / 127 : 0.0F;
    for (std::size_t i = 0; i < 6; ++i) EXPECT_LE(std::abs((*read)[i] - rows[i / 3][i % 3]), close) << i;
  }
  EXPECT_EQ(field(vectors_reply(Dtype::kF16, rows), "X-Pictor-Dtype"), "f16");
  EXPECT_EQ(field(vectors_reply(Dtype::kF16, rows), "X-Pictor-Scale"), "");
  const HttpReply small = vectors_reply(Dtype::kInt8, std::vector<std::vector<float>>{{0.0F, 12.7F}});
  EXPECT_EQ(field(small, "X-Pictor-Scale"), "0.1");
  EXPECT_EQ(small.body, std::string("\0\x7f", 2));
}

TEST(VectorBytes, bytes_that_are_no_vector_are_refused) {
  EXPECT_EQ(vector_of_bytes(Dtype::kF32, "").status().code(), Code::kInvalid);
  EXPECT_EQ(vector_of_bytes(Dtype::kF32, "12345").status().message(), "the body has 5 bytes, wanted numbers of 4");
  EXPECT_EQ(vector_of_bytes(Dtype::kF32, std::string("\0\0\0\0\0\0\x80\x7f", 8)).status().message(),
            "number 1 of the vector is not finite");
  EXPECT_EQ(vector_of_bytes(Dtype::kF16, std::string("\0\x7e", 2)).status().code(), Code::kInvalid);
}

}  // namespace
}  // namespace pictor
