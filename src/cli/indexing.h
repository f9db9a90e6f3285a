// --memory-budget and --index-type, and what they led to, as people read it.
#pragma once

#include <string>

#include "cli/session.h"

namespace pictor {

struct IndexingOptions {
  std::string memory_budget, index_type;
};

void add_indexing_options(CLI::App& app, IndexingOptions& options);
// kInvalid: the budget is no size, or out of its limits.
Status apply(const IndexingOptions& options, IndexesRequest& request);

// "2 graphs", "1 list file".
std::string indexes_text(std::uint64_t count, const std::string& kind);

}  // namespace pictor
