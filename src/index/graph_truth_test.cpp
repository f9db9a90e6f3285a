#include "index/graph_truth.h"

#include <gtest/gtest.h>

#include "index/graph_testing.h"

namespace pictor {
namespace {

class AllBut final : public RowFilter {
 public:
  explicit AllBut(std::span<const std::uint32_t> positions) : left_out_(positions.begin(), positions.end()) {}
  void allowed(std::size_t begin, std::span<std::uint8_t> out) const override {
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = may(begin + i);
  }
  void allowed_at(std::span<const std::uint32_t> positions, std::span<std::uint8_t> out) const override {
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = may(positions[i]);
  }

 private:
  std::uint8_t may(std::size_t position) const {
    return std::find(left_out_.begin(), left_out_.end(), position) == left_out_.end() ? 1 : 0;
  }
  std::vector<std::uint32_t> left_out_;
};

void expect_truth(const ClusteredSet& set, Metric metric) {
  ThreadPool pool(2);
  const Bytes file = build_graph_index(set.block(), metric, {}, nullptr).value();
  const GraphView view = parse_graph(file).value();
  const auto drawn = draw_queries(view, set.block(), &pool);
  const auto flat = make_flat_index(set.block());
  ASSERT_GE(drawn.size(), 100U);
  for (const DrawnQuery& query : drawn) {
    const AllBut filter(view.positions_of(query.node));
    const auto truth = flat->search({query.vector, metric, kCalibratedK, &filter, 1}).value().neighbors;
    ASSERT_EQ(query.wanted, truth.size());
    ASSERT_EQ(query.worst.value, truth.back().distance.value) << "node " << query.node;
  }
}

TEST(GraphTruth, drawn_queries_come_with_what_a_scan_calls_nearest) {
  for (const Metric metric : {Metric::kCosine, Metric::kInnerProduct, Metric::kL2}) {
    expect_truth(ClusteredSet(4000 / kGraphTestScale, 40, 20, 3), metric);
  }
}

TEST(GraphTruth, so_do_those_of_rows_that_are_there_more_than_once) {
  ClusteredSet set(3000 / kGraphTestScale, 24, 10, 4);
  for (std::size_t i = 0; i < set.rows.size(); ++i) {
    const std::size_t from = i % 3 == 0 ? i : i / 3 * 3;
    std::copy_n(set.vectors.begin() + static_cast<std::ptrdiff_t>(from * set.dim), set.dim,
                set.vectors.begin() + static_cast<std::ptrdiff_t>(i * set.dim));
    set.inverse_norms[i] = set.inverse_norms[from];
  }
  expect_truth(set, Metric::kL2);
}

// One number is so large that codes tell nothing of the others: nearly all rows look as near as the nearest.
TEST(GraphTruth, so_do_those_of_rows_that_codes_cannot_tell_apart) {
  ClusteredSet set(4000 / kGraphTestScale, 24, 10, 5);
  for (std::size_t i = 0; i < set.rows.size(); ++i) set.vectors[i * set.dim] = i % 2 == 0 ? 100.0F : -100.0F;
  for (std::size_t i = 0; i < set.rows.size(); ++i) {
    set.inverse_norms[i] = inverse_norm({set.vectors.data() + i * set.dim, set.dim});
  }
  expect_truth(set, Metric::kL2);
}

}  // namespace
}  // namespace pictor
