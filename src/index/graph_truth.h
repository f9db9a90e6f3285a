// Queries that are drawn from the rows of a graph, and what is truly nearest to each. Inside index/ only.
#pragma once

#include <vector>

#include "index/graph_file.h"

namespace pictor {

struct DrawnQuery {
  std::vector<float> vector;
  float inverse_norm = 0;
  std::uint32_t node = 0;  // whose row it was made of; it is no answer
  Distance worst;          // of the kCalibratedK truly nearest
  std::size_t wanted = 0;  // how many there are
};

// The same queries whatever the threads. `view` is a graph of full codes; one packed from it has the same nodes.
std::vector<DrawnQuery> draw_queries(const GraphView& view, const VectorBlock& block, ThreadPool* pool);

}  // namespace pictor
