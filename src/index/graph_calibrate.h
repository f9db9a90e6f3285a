// Measures what recall a walk gives with how many candidates, on queries drawn from the block, and on strange ones.
// Inside index/ only.
#pragma once

#include <vector>

#include "index/graph_file.h"
#include "index/graph_truth.h"

namespace pictor {

struct GraphCalibration {
  // Where the graph has planes, first those ranked by codes, then, where these do not reach all that is useful, those
  // ranked by vectors. Of each kind ef grows; the last has the recall that the graph is good for, or its cost is past
  // use. Of strange queries the same follows, in larger strides.
  std::vector<GraphStep> steps;
  double distance_error = 0;  // GraphHeader's
};

// What is measured with. `strange` may be empty.
struct GraphQueries {
  std::span<const DrawnQuery> drawn;
  std::span<const DrawnQuery> strange;
};
// The same numbers whatever the threads. `view` is the finished graph but for its steps, with codes of any kind.
GraphCalibration calibrate_graph(const GraphView& view, const VectorBlock& block, const GraphQueries& queries,
                                 ThreadPool* pool);

// How a search is done.
struct GraphPlan {
  std::size_t ef = 0;  // candidates; 0: the graph does not promise what is wanted
  GraphRanking ranking = GraphRanking::kVectors;
};
// The first step's that promises `recall` for k.
GraphPlan plan_for(std::span<const GraphStep> steps, std::size_t k, double recall);
// Distances that such a search takes, by the steps.
double expected_distances(std::span<const GraphStep> steps, const GraphPlan& plan);

}  // namespace pictor
