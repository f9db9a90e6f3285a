// Queries that are drawn from the rows of a graph, or given, and what is truly nearest to each. Inside index/ only.
#pragma once

#include <vector>

#include "index/graph_file.h"

namespace pictor {

struct DrawnQuery {
  std::vector<float> vector;
  float inverse_norm = 0;
  std::uint32_t node = kNoNode;  // whose row it was made of, if any; it is no answer
  Distance worst;                // of the kCalibratedK truly nearest
  std::size_t wanted = 0;        // how many there are
};

// The same queries whatever the threads. `view` is a graph of full codes; one packed from it has the same nodes.
std::vector<DrawnQuery> draw_queries(const GraphView& view, const VectorBlock& block, ThreadPool* pool);
// Those of the vectors given that can be asked with, at most as many as are measured with.
std::vector<DrawnQuery> strange_queries(const GraphView& view, const VectorBlock& block, const StrangeQueries& strange,
                                        ThreadPool* pool);

}  // namespace pictor
