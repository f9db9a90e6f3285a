// Every index of this room through the suite of all indexes.
#include "index/graph_testing.h"
#include "index/index_testing.h"
#include "index/lists_testing.h"

namespace pictor {

INSTANTIATE_TEST_SUITE_P(Flat, VectorIndexConformance, ::testing::Values(IndexUnderTest{"flat", make_flat_index, 1.0}),
                         [](const auto& info) { return info.param.name; });

namespace {

// Indexes of all metrics, asked for a recall: what the conformance suite searches.
template <typename Built>
class BuiltUnderTest final : public VectorIndex {
 public:
  template <typename Costs, typename... Options>
  BuiltUnderTest(const VectorBlock& block, const Costs& costs, const Options&... options) : size_(block.count) {
    for (const Metric metric : {Metric::kCosine, Metric::kInnerProduct, Metric::kL2}) {
      built_.push_back(std::make_unique<Built>(block, metric, costs, options...));
    }
  }
  Result<IndexAnswer> search(const IndexQuery& query) const override {
    IndexQuery wanted = query;
    wanted.recall = 0.98;
    return built_[static_cast<std::size_t>(query.metric) - 1]->index->search(wanted);
  }
  std::size_t size() const override { return size_; }
  std::string describe() const override { return built_[0]->index->describe(); }

 private:
  std::size_t size_;
  std::vector<std::unique_ptr<Built>> built_;
};

template <GraphCodes kCodes>
std::unique_ptr<VectorIndex> make_graphs(const VectorBlock& block) {
  if (block.count == 0) return make_flat_index(block);
  GraphBuildOptions options;
  options.codes = kCodes;
  return std::make_unique<BuiltUnderTest<BuiltGraph>>(block, kWalksForNothing, options);
}

std::unique_ptr<VectorIndex> make_lists(const VectorBlock& block) {
  if (block.count == 0) return make_flat_index(block);
  return std::make_unique<BuiltUnderTest<BuiltLists>>(block, kListsForNothing);
}

}  // namespace

INSTANTIATE_TEST_SUITE_P(Graph, VectorIndexConformance,
                         ::testing::Values(IndexUnderTest{"graph", make_graphs<GraphCodes::kFull>, 0.9},
                                           IndexUnderTest{"half", make_graphs<GraphCodes::kHalf>, 0.9},
                                           IndexUnderTest{"quarter", make_graphs<GraphCodes::kQuarter>, 0.9}),
                         [](const auto& info) { return info.param.name; });
INSTANTIATE_TEST_SUITE_P(Lists, VectorIndexConformance, ::testing::Values(IndexUnderTest{"lists", make_lists, 0.9}),
                         [](const auto& info) { return info.param.name; });

}  // namespace pictor
