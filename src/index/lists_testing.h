// Lists for the tests of lists. For tests only.
#pragma once

#include <memory>

#include "index/graph_testing.h"
#include "index/lists_search.h"

namespace pictor {

// Lists, their file and the index over it.
struct BuiltLists {
  Bytes file;
  std::unique_ptr<VectorIndex> index;

  BuiltLists(const VectorBlock& block, Metric metric, const ListCosts& costs, const ListBuildOptions& options = {},
             ThreadPool* pool = nullptr)
      : file(build_list_index(block, metric, options, pool).value()),
        index(open_list_index(file, block, metric, options.owner, costs).value()) {}
};

// Costs by which lists are looked into whenever they promise enough.
inline constexpr ListCosts kListsForNothing{1e-6, 1e-6};

}  // namespace pictor
