// Which index a collection's segments get, and why: decided from its size and the memory that it may take, before
// anything is made. Inside engine/ only.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "index/index.h"
#include "store/store.h"

namespace pictor {

// Vectors of one space.
struct IndexedVectors {
  std::uint64_t rows = 0;
  std::uint32_t dim = 0;
};

struct IndexChoice {
  IndexKind kind = IndexKind::kGraph;    // or kLists
  GraphCodes codes = GraphCodes::kFull;  // of graphs
  std::uint64_t budget_bytes = 0;
  std::uint64_t segment_rows_max = limits::kSegmentMergeRowsMax;  // that segments are merged to
  std::string why;                                                // a sentence without its full stop
};

// Graphs if all of them fit into the memory: with the vectors, else by their codes alone, else by shorter ones. Else
// lists. Or what the policy says.
IndexChoice choose_index(const IndexPolicy& policy, std::span<const IndexedVectors> vectors,
                         std::uint64_t machine_bytes);
// Of what the collection holds now, on this machine.
Result<IndexChoice> choose_index(const Collection& collection);

std::string index_type_name(IndexKind kind);  // "auto", "graph", "lists"
Result<IndexKind> parse_index_type(std::string_view name);

}  // namespace pictor
