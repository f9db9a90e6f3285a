// Measures what recall a walk gives with how many candidates, on queries drawn from the block. Inside index/ only.
#pragma once

#include <vector>

#include "index/graph_file.h"

namespace pictor {

// Steps of growing ef; the last has the recall that the graph is good for, or its cost is past use. The same numbers
// whatever the threads. `view` is the finished graph but for its steps.
std::vector<GraphStep> calibrate_graph(const GraphView& view, const VectorBlock& block, ThreadPool* pool);

// The fewest candidates with which a search for k promises `recall`; 0 when none do.
std::size_t ef_for(std::span<const GraphStep> steps, std::size_t k, double recall);
// Distances that a walk with ef candidates takes, by the steps.
double expected_distances(std::span<const GraphStep> steps, std::size_t ef);

}  // namespace pictor
