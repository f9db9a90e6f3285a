#include <gtest/gtest.h>

#include <cstring>

#include "index/index_sets.h"

namespace pictor {

namespace {

TEST(FlatIndex, says_what_it_is) {
  const IndexTestSet set(33, 8, 1);
  EXPECT_EQ(make_flat_index(set.block())->describe(), "flat, 33 x 8, f32");
}

TEST(FlatIndex, computes_the_allowed_distances_and_no_other) {
  const IndexTestSet set(2000, 8, 1);
  const auto index = make_flat_index(set.block());
  const auto vector = set.query(2);
  EXPECT_EQ(index->search({vector, Metric::kL2, 5, nullptr})->distances, 2000U);
  const EveryNth filter(10);
  EXPECT_EQ(index->search({vector, Metric::kL2, 5, &filter})->distances, 200U);
}

TEST(FlatIndex, a_distance_has_the_bits_of_the_plain_kernel_with_and_without_a_filter) {
  const IndexTestSet set(700, 50, 3);
  const auto index = make_flat_index(set.block());
  const auto vector = set.query(4);
  const EveryNth filter(3);
  for (const RowFilter* allowed : {static_cast<const RowFilter*>(nullptr), static_cast<const RowFilter*>(&filter)}) {
    const auto answer = index->search({vector, Metric::kCosine, 700, allowed}).value();
    for (const auto& neighbor : answer.neighbors) {
      const auto i =
          static_cast<std::size_t>(std::find(set.rows.begin(), set.rows.end(), neighbor.row) - set.rows.begin());
      const float dot = kernels(SimdLevel::kPlain).dot(vector.data(), set.vector(i).data(), set.dim);
      EXPECT_EQ(neighbor.distance, cosine_distance(dot, inverse_norm(vector), set.inverse_norms[i]));
    }
  }
}

// One answer for all machines and SIMD levels: numbers that differ here have another meaning.
TEST(FlatIndex, the_answer_to_a_fixed_search_is_the_recorded_one) {
  const IndexTestSet set(1000, 77, 11);
  const auto vector = set.query(12);
  Sha256Stream hash;
  for (const Metric metric : {Metric::kCosine, Metric::kInnerProduct, Metric::kL2}) {
    const auto answer = make_flat_index(set.block())->search({vector, metric, 100, nullptr});
    for (const auto& neighbor : answer->neighbors) {
      hash.add(std::as_bytes(std::span(&neighbor.distance.value, 1)));
      hash.add(std::as_bytes(std::span(&neighbor.row, 1)));
    }
  }
  EXPECT_EQ(hash.finish().hex(), "ed22e28c6d78bd0ea59f16e7c1fb2bf748378c3f735c148b36cf8c616793def9");
}

TEST(FlatScanTest, over_several_blocks_equals_one_block) {
  const IndexTestSet set(1500, 12, 5);
  const auto vector = set.query(6);
  const IndexQuery query{vector, Metric::kCosine, 25, nullptr};
  const auto wanted = make_flat_index(set.block())->search(query).value();
  auto scan = FlatScan::start(query, set.dim).value();
  for (const auto& [begin, end] : {std::pair<std::size_t, std::size_t>{700, 1500}, {0, 1}, {1, 700}}) {
    const VectorBlock part{set.vectors.data() + begin * set.dim, set.rows.data() + begin,
                           set.inverse_norms.data() + begin, end - begin, set.dim};
    ASSERT_TRUE(scan.add(part, nullptr).is_ok());
  }
  const auto answer = scan.finish();
  EXPECT_EQ(answer.neighbors, wanted.neighbors);
  EXPECT_EQ(answer.distances, 1500U);
  EXPECT_TRUE(scan.finish().neighbors.empty());
}

TEST(FlatScanTest, refuses_a_block_that_does_not_fit_the_query) {
  const IndexTestSet set(10, 4, 5);
  const auto vector = set.query(6);
  auto cosine = FlatScan::start({vector, Metric::kCosine, 5, nullptr}, 4).value();
  auto block = set.block();
  block.dim = 5;
  EXPECT_NE(cosine.add(block, nullptr).message().find("vectors of 5 numbers, the query has 4"), std::string::npos);
  block = set.block();
  block.inverse_norms = nullptr;
  EXPECT_NE(cosine.add(block, nullptr).message().find("without inverse norms"), std::string::npos);
  auto l2 = FlatScan::start({vector, Metric::kL2, 5, nullptr}, 4).value();
  EXPECT_TRUE(l2.add(block, nullptr).is_ok());
}

}  // namespace
}  // namespace pictor
