// Links the nodes of a graph. Inside index/ only.
#pragma once

#include "index/graph_links.h"
#include "index/graph_nodes.h"

namespace pictor {

// Writes the links of all nodes on all levels into the file. The same bytes whatever the threads: nodes come in
// batches; those of a batch search the graph as it was before it, and each other one by one, and then every list that
// gets links is changed by one task, in the order of the nodes. kCancelled when progress says so.
Status insert_graph_nodes(GraphNodes& nodes, const GraphBuildOptions& options, ThreadPool* pool);

}  // namespace pictor
