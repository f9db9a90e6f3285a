// Searches in a graph: the walk, the exact distances of what it found, and when a scan is the better way. Inside index/
// only.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "index/graph_file.h"
#include "index/graph_walk.h"

namespace pictor {

// What one distance of a walk costs, where one of a scan costs 1: a walk reads a quarter of the bytes, but from
// anywhere, and keeps its candidates in order. Tests make walks cheap or dear by it.
struct GraphCosts {
  double walk_distance = 1;
  double code_row = 0.4;  // of a scan of codes
  static GraphCosts measured(std::uint32_t dim);
};

// Candidates whose exact distances are computed, for k wanted: codes of 8 bits seldom put one of the k nearest further
// back. The recall that a file promises was measured with it.
inline std::size_t rescored_for(std::size_t k) { return 2 * k + 12; }

// One search by a walk, after the query is known to be right. Belongs to one thread, as its scratch does.
class GraphSearch {
 public:
  GraphSearch(const GraphView& view, const VectorBlock& block, std::span<const float> vector, GraphScratch& scratch);

  // False when the query cannot be coded.
  bool start();
  void exclude(std::uint32_t node) { walk_.exclude(node); }
  void walk(std::size_t ef);
  // The k nearest of what the last walk found. REQUIRES: the graph has planes where codes are to rank or to give
  // distances, and these rank where they give distances.
  struct Wanted {
    std::size_t k = 0;
    GraphRanking ranking = GraphRanking::kVectors;
    bool coded_distances = false;
  };
  std::vector<Neighbor> take(const Wanted& wanted);
  std::uint64_t distances() const { return walk_.distances() + rescored_; }

  // For searches with a filter (graph_filter.h).
  const CodedQuery& query() const { return view_.planes ? scratch_.planes.walked : scratch_.query; }
  LinkSource links(std::uint32_t level) const { return view_.links(level); }
  Candidate descend();
  GraphWalk& walker() { return walk_; }
  float inverse_norm_of_query() const { return inverse_norm_; }
  std::span<const float> vector() const { return vector_; }

 private:
  // Positions of rows of the nearest `nodes` found that may be answered.
  template <typename Act>
  void for_found(std::size_t nodes, const Act& act) const;
  std::vector<Neighbor> ranked_by_codes(const Wanted& wanted);
  void fetch_planes(std::uint32_t node) const;
  // The k nearest of scratch.positions by the block's vectors.
  std::vector<Neighbor> by_vectors(std::size_t k);

  const GraphView& view_;
  const VectorBlock& block_;
  std::span<const float> vector_;
  float inverse_norm_;
  GraphScratch& scratch_;
  GraphWalk walk_;
  std::uint64_t rescored_ = 0;
};

// As open_graph_index, with other costs.
Result<std::unique_ptr<VectorIndex>> open_graph_index(ByteView file, const VectorBlock& block, Metric metric,
                                                      std::uint64_t owner, const GraphCosts& costs);

}  // namespace pictor
