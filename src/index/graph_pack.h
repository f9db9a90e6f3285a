// A finished graph of full codes, made smaller. Inside index/ only.
#pragma once

#include "index/graph_nodes.h"

namespace pictor {

// The same nodes and links with codes of another kind: rows in planes, and links in few bits where the kind says so.
// The same bytes whatever the threads. REQUIRES: `full` has full codes, `codes` is another kind.
GraphNodes pack_graph(const GraphNodes& full, GraphCodes codes, const VectorBlock& block, ThreadPool* pool);

// `count` directions, each of length 1 or 0, that hold most of what tells the rows apart: the span of the first
// principal components, nearly, of a sample of the rows.
std::vector<float> main_directions(const CodeSpace& space, const VectorBlock& block, std::size_t count,
                                   ThreadPool* pool);

}  // namespace pictor
