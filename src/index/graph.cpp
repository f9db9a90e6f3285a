// The door's graph: built, opened, checked; and the choice between a walk and a scan, query by query.
#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "index/graph_calibrate.h"
#include "index/graph_filter.h"
#include "index/graph_insert.h"
#include "index/graph_pack.h"
#include "index/graph_search.h"
#include "index/of_block.h"
#include "observe/observe.h"

namespace pictor {
namespace {

Status check_options(const VectorBlock& block, Metric metric, const GraphBuildOptions& options) {
  if (block.count == 0) return {Code::kInvalid, "a graph of no rows is asked for"};
  if (block.count > limits::kSegmentRowsMax) {
    return {Code::kInvalid, "a graph of " + std::to_string(block.count) + " rows is asked for, wanted at most " +
                                std::to_string(limits::kSegmentRowsMax)};
  }
  if (block.dim < 1 || block.dim > limits::kVectorDimMax) {
    return {Code::kInvalid, "a graph of vectors of " + std::to_string(block.dim) +
                                " numbers is asked for, wanted 1 to " + std::to_string(limits::kVectorDimMax)};
  }
  if (options.degree < limits::kGraphDegreeMin || options.degree > limits::kGraphDegreeMax) {
    return {Code::kInvalid, "the degree of a graph is " + std::to_string(options.degree) + ", wanted " +
                                std::to_string(limits::kGraphDegreeMin) + " to " +
                                std::to_string(limits::kGraphDegreeMax)};
  }
  if (options.ef < 1 || options.ef > limits::kGraphEfMax) {
    return {Code::kInvalid,
            "ef of a graph is " + std::to_string(options.ef) + ", wanted 1 to " + std::to_string(limits::kGraphEfMax)};
  }
  if (options.codes != GraphCodes::kFull && options.codes != GraphCodes::kHalf &&
      options.codes != GraphCodes::kQuarter) {
    return {Code::kInvalid, "codes of a graph are of kind " +
                                std::to_string(static_cast<std::uint32_t>(options.codes)) + ", wanted 1 to 3"};
  }
  if (metric == Metric::kCosine && block.inverse_norms == nullptr) {
    return {Code::kInvalid, "a graph for the cosine metric needs inverse norms, the block has none"};
  }
  return Status::ok();
}

std::string text_of(GraphCodes codes) {
  switch (codes) {
    case GraphCodes::kFull: return "8-bit codes";
    case GraphCodes::kHalf: return "12-bit codes";
    case GraphCodes::kQuarter: return "12-bit and 4-bit codes";
  }
  return "codes";
}

class GraphIndex final : public VectorIndex {
 public:
  GraphIndex(const GraphView& view, const VectorBlock& block, const GraphCosts& costs)
      : view_(view), block_(block), costs_(costs) {}

  Result<IndexAnswer> search(const IndexQuery& query) const override {
    PICTOR_TRY(check_query(query, block_.dim));
    const bool walks = query.metric == view_.header.metric && query.recall < 1;
    const GraphPlan plan = walks ? plan_for(view_.steps_for(query.strange), query.k, query.recall) : GraphPlan{};
    if (plan.ef == 0 || plan.ef > limits::kGraphEfMax) return scan(query, query.filter, 0);
    GraphScratchPool::Lease scratch(scratches_);
    if (query.filter == nullptr) return search_all(query, plan, *scratch);
    return FilteredSearch({view_, block_, costs_, nodes_at_}, query, plan, *scratch).run();
  }
  std::size_t size() const override { return block_.count; }
  std::string describe() const override {
    return "hnsw, " + std::to_string(block_.count) + " x " + std::to_string(block_.dim) + ", " +
           text_of(view_.header.codes) + ", degree " + std::to_string(view_.header.degree);
  }

 private:
  Result<IndexAnswer> scan(const IndexQuery& query, const RowFilter* filter, std::uint64_t before) const {
    PICTOR_ASSIGN(FlatScan scan, FlatScan::start(query, block_.dim));
    PICTOR_TRY(scan.add(block_, filter));
    IndexAnswer answer = scan.finish();
    answer.distances += before;
    if (query.explain) answer.why = "no step of the graph promises more for less than a scan of its rows";
    return answer;
  }

  double walk_cost(const GraphPlan& plan, bool strange) const {
    return expected_distances(view_.steps_for(strange), plan) * costs_.walk_distance;
  }

  IndexAnswer taken(GraphSearch& search, const IndexQuery& query, const GraphPlan& plan) const {
    const bool coded = query.coded_distances && plan.ranking == GraphRanking::kCodes;
    IndexAnswer answer;
    answer.neighbors = timed(QueryStage::kRescore, [&] { return search.take({query.k, plan.ranking, coded}); });
    answer.distances = search.distances();
    answer.exact = false;
    answer.way = SearchWay::kGraph;
    if (coded) answer.distance_error = view_.header.distance_error;
    return answer;
  }

  Result<IndexAnswer> search_all(const IndexQuery& query, const GraphPlan& plan, GraphScratch& scratch) const {
    GraphSearch search(view_, block_, query.vector, scratch);
    if (walk_cost(plan, query.strange) >= static_cast<double>(block_.count) || !search.start())
      return scan(query, nullptr, 0);
    search.walk(plan.ef);
    IndexAnswer answer = taken(search, query, plan);
    if (answer.neighbors.size() < std::min(query.k, block_.count)) return scan(query, nullptr, answer.distances);
    if (query.explain) answer.why = "ef " + std::to_string(plan.ef) + " promises the recall";
    return answer;
  }

  GraphView view_;
  VectorBlock block_;
  GraphCosts costs_;
  NodesAt nodes_at_{view_};
  mutable GraphScratchPool scratches_;
};

Result<GraphView> parse_graph_of(ByteView file, const VectorBlock& block, Metric metric, std::uint64_t owner) {
  PICTOR_ASSIGN(auto view, parse_graph(file));
  const auto& header = view.header;
  PICTOR_TRY(check_of_block("graph", {header.owner, header.dim, header.rows, header.metric}, block, metric, owner));
  return view;
}

}  // namespace

// Seen at 100,000 x 512: 75 ns a distance of a walk, its share of all else included, 60 ns a row of a scan and 21 ns
// a row of a scan of codes. What does not grow with the numbers is an estimate.
GraphCosts GraphCosts::measured(std::uint32_t dim) {
  const auto numbers = static_cast<double>(dim);
  const double of_scan = 6 + 0.1 * numbers;
  return {(40 + 0.06 * numbers) / of_scan, (8 + 0.025 * numbers) / of_scan};
}

Result<Bytes> build_graph_index(const VectorBlock& block, Metric metric, const GraphBuildOptions& options,
                                ThreadPool* pool) {
  PICTOR_TRY(check_options(block, metric, options));
  GraphNodes nodes = make_graph_nodes(block, metric, options, pool);
  PICTOR_TRY(insert_graph_nodes(nodes, options, pool));
  const auto drawn = draw_queries(view_graph(nodes.file, nodes.header), block, pool);
  const auto strange = strange_queries(view_graph(nodes.file, nodes.header), block, options.strange, pool);
  if (options.codes != GraphCodes::kFull) nodes = pack_graph(nodes, options.codes, block, pool);
  const auto found = calibrate_graph(view_graph(nodes.file, nodes.header), block, {drawn, strange}, pool);
  const auto section = graph_section<GraphStep>(nodes.file, nodes.header, GraphSection::kSteps);
  std::copy(found.steps.begin(), found.steps.end(), section.begin());
  nodes.header.steps = static_cast<std::uint32_t>(found.steps.size());
  nodes.header.distance_error = found.distance_error;
  finish_graph_file(nodes.header, nodes.file);
  return std::move(nodes.file);
}

Result<std::unique_ptr<VectorIndex>> open_graph_index(ByteView file, const VectorBlock& block, Metric metric,
                                                      std::uint64_t owner, const GraphCosts& costs) {
  PICTOR_ASSIGN(const auto view, parse_graph_of(file, block, metric, owner));
  std::unique_ptr<VectorIndex> index = std::make_unique<GraphIndex>(view, block, costs);
  return index;
}

Result<std::unique_ptr<VectorIndex>> open_graph_index(ByteView file, const VectorBlock& block, Metric metric,
                                                      std::uint64_t owner) {
  return open_graph_index(file, block, metric, owner, GraphCosts::measured(block.dim));
}

Status check_graph_file(ByteView file, const VectorBlock& block, Metric metric, std::uint64_t owner) {
  PICTOR_ASSIGN(const auto view, parse_graph_of(file, block, metric, owner));
  PICTOR_TRY(check_graph_sections(file, view));
  for (std::uint32_t level = 0; level < view.header.levels(); ++level) {
    const std::uint32_t nodes = view.header.level_nodes[level];
    const std::size_t reached = count_reached(view.links(level));
    if (reached == nodes) continue;
    return {Code::kCorrupt, "graph file has " + std::to_string(nodes - reached) + " of " + std::to_string(nodes) +
                                " nodes on level " + std::to_string(level) + " that nothing leads to"};
  }
  return Status::ok();
}

}  // namespace pictor
