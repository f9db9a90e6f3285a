// Searches in a graph with a filter: which of three ways, and each of them. Inside index/ only.
//
// What is allowed is estimated from a sample of nodes first; all rows are asked for where that is needed. Then
//   - few allowed rows: their vectors are scanned, which is exact;
//   - more, but fewer than a walk would look at: their codes are scanned, and the vectors of all that may be among the
//     nearest, as far as the errors of codes go that were seen among the first;
//   - many: a walk over all nodes, which ends when as many allowed ones were followed as it takes without a filter.
//     Where the filter leaves a hole around the query, the walk gives up for codes: what lies around the hole is found
//     by no walk for less than the hole has rows, not at a recall that is known.
#pragma once

#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "index/graph_calibrate.h"
#include "index/graph_exact.h"
#include "index/graph_search.h"

namespace pictor {

// The node of each position, made when first asked for: 4 bytes a row. Thread safety: any thread.
class NodesAt {
 public:
  explicit NodesAt(const GraphView& view) : view_(view) {}
  std::span<const std::uint32_t> get() const;

 private:
  const GraphView& view_;
  mutable std::once_flag made_;
  mutable std::vector<std::uint32_t> nodes_;
};

struct FilteredGraph {
  const GraphView& view;
  const VectorBlock& block;
  const GraphCosts& costs;
  const NodesAt& nodes_at;
};

// One search. Belongs to one thread.
class FilteredSearch {
 public:
  // REQUIRES: the query is right and has a filter, the plan is what its recall takes without one.
  FilteredSearch(const FilteredGraph& graph, const IndexQuery& query, const GraphPlan& plan, GraphScratch& scratch);
  IndexAnswer run();

 private:
  class Nodes;

  void draw_sample(NodeFilter& nodes);
  void ask_for_all();
  void list_all();
  double walk_cost(double ef) const;
  double codes_cost(double rows) const;
  bool walk(double rows, std::vector<Neighbor>& found, SearchWay& way, std::string& why);
  void positions_of_best();
  bool scan_codes(std::vector<Neighbor>& found);
  enum class Held : std::uint8_t { kAll, kSome, kTooMany };
  Held hold_by_codes(std::size_t held, float cutoff);
  std::vector<Neighbor> scan_vectors();
  IndexAnswer answer(SearchWay way, std::vector<Neighbor> neighbors, const std::string& why) const;

  const FilteredGraph graph_;
  const IndexQuery& query_;
  const GraphPlan plan_;
  const std::size_t ef_;
  GraphScratch& scratch_;
  GraphSearch search_;
  ExactRanking ranking_;
  double share_ = 1;
  bool asked_all_ = false;
  bool listed_ = false;
};

}  // namespace pictor
