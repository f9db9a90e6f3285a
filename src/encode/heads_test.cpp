#include "encode/heads.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "encode/test_support.h"

namespace pictor {
namespace {

using Doubles = std::vector<double>;

TEST(Pooling, a_vector_is_taken_as_it_is) {
  Doubles out;
  pool_image(std::vector<float>{3, 1, 2}, {OutputKind::kVector, 3}, Pooling::kNone, out);
  EXPECT_EQ(out, (Doubles{3, 1, 2}));
}

TEST(Pooling, of_tokens_takes_the_first_or_the_mean_of_the_patches_without_the_prefix) {
  const std::vector<float> tokens = {9, 8, 100, 100, 1, 2, 3, 6};
  const ImageOutput output = {OutputKind::kTokens, 2, 4, 2};
  Doubles out;
  pool_image(tokens, output, Pooling::kCls, out);
  EXPECT_EQ(out, (Doubles{9, 8}));
  pool_image(tokens, output, Pooling::kMean, out);
  EXPECT_EQ(out, (Doubles{2, 4}));
}

TEST(Pooling, of_a_map_is_the_mean_of_each_band) {
  Doubles out;
  pool_image(std::vector<float>{1, 2, 3, 4, 10, 20, 30, 40}, {OutputKind::kMap, 2, 0, 0, 2, 2}, Pooling::kMean, out);
  EXPECT_EQ(out, (Doubles{2.5, 25}));
}

TEST(Pooling, of_a_text_takes_the_row_that_the_card_names) {
  const std::vector<float> rows = {1, 1, 2, 2, 3, 3, 4, 4};
  const std::vector<std::int64_t> ids = {5, 7, 7};
  TextTower tower;
  tower.dim = 2;
  const auto pooled = [&](Pooling pooling) {
    tower.pooling = pooling;
    Doubles out;
    const auto status = pool_text(rows, tower, ids, 4, out);
    EXPECT_TRUE(status.is_ok()) << status.to_string();
    return out;
  };
  EXPECT_EQ(pooled(Pooling::kNone), (Doubles{1, 1}));
  EXPECT_EQ(pooled(Pooling::kCls), (Doubles{1, 1}));
  EXPECT_EQ(pooled(Pooling::kLast), (Doubles{4, 4}));
  EXPECT_EQ(pooled(Pooling::kMean), (Doubles{2, 2}));
  tower.end_id = 7;
  EXPECT_EQ(pooled(Pooling::kEndOfText), (Doubles{2, 2}));
  tower.end_id = 8;
  Doubles out;
  const auto status = pool_text(rows, tower, ids, 4, out);
  EXPECT_EQ(status.code(), Code::kInternal);
  EXPECT_NE(status.message().find("no end token 8"), std::string::npos) << status.message();
}

class HeadMakerTest : public testing::Test {
 protected:
  CardFile write(const std::string& name, const std::vector<float>& numbers) {
    Bytes bytes(numbers.size() * sizeof(float));
    std::memcpy(bytes.data(), numbers.data(), bytes.size());
    EXPECT_TRUE(write_file_atomic(Env::real(), folder_.path(name), bytes).is_ok());
    return {name, sha256(bytes), bytes.size()};
  }
  std::vector<float> made(const HeadSide& side, std::uint32_t dim, Doubles pooled) {
    const auto maker = HeadMaker::load(Env::real(), folder_.path(), details_, side, dim);
    EXPECT_TRUE(maker.is_ok()) << maker.status().to_string();
    Doubles scratch;
    std::vector<float> out(dim);
    const auto status = maker->make(pooled, scratch, out);
    EXPECT_TRUE(status.is_ok()) << status.to_string();
    return out;
  }

  test::ScratchFolder folder_;
  CardDetails details_;
};

TEST_F(HeadMakerTest, a_projection_is_a_matrix_and_a_bias_then_length_one) {
  details_.card.files = {write("m", {1, 2, 3, 4}), write("b", {2, -3})};
  HeadSide side;
  side.making = HeadMaking::kLinear;
  side.matrix = "m";
  EXPECT_EQ(made(side, 2, {0, 1}), (std::vector<float>{0.6F, 0.8F}));
  side.bias = "b";
  EXPECT_EQ(made(side, 2, {1, 0}),
            (std::vector<float>{static_cast<float>(3 / std::sqrt(10.0)), static_cast<float>(-1 / std::sqrt(10.0))}));
}

TEST_F(HeadMakerTest, truncation_takes_the_first_numbers_before_the_norm) {
  EXPECT_EQ(made({}, 2, {3, 4, 12}), (std::vector<float>{0.6F, 0.8F}));
}

TEST_F(HeadMakerTest, what_has_no_direction_is_refused) {
  const auto maker = HeadMaker::load(Env::real(), folder_.path(), details_, {}, 2);
  ASSERT_TRUE(maker.is_ok());
  Doubles scratch;
  std::vector<float> out(2);
  for (Doubles pooled : {Doubles{0, 0, 1}, Doubles{std::nan(""), 1, 1}}) {
    EXPECT_EQ(maker->make(pooled, scratch, out).code(), Code::kInvalid);
  }
}

}  // namespace
}  // namespace pictor
