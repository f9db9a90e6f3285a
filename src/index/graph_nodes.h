// The nodes of a graph in the making: rows as codes, equal ones together, numbered by level. Inside index/ only.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "index/graph_file.h"

namespace pictor {

// body(i) for every i < count: on the pool, or here when there is none.
void for_each_index(ThreadPool* pool, std::size_t count, const std::function<void(std::size_t)>& body);

struct GraphNodes {
  GraphHeader header;  // all but the steps
  Bytes file;          // centre, codes, terms, rows of nodes are in place; links and steps are zero
};
GraphNodes make_graph_nodes(const VectorBlock& block, Metric metric, const GraphBuildOptions& options,
                            ThreadPool* pool);

// The highest level of a row: on level l is one of degree^l, drawn from the row's position.
std::uint32_t drawn_level(std::uint64_t position, std::uint32_t degree);

}  // namespace pictor
