// The door of index: nearest rows among immutable vectors. Derived data only: answers are right without any index.
//
// Thread safety: a VectorIndex is immutable; search from any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/base.h"
#include "pictor/types.h"
#include "vector/vector.h"

namespace pictor {

// Vectors one after the other, with their rows and lifetimes. The owner keeps the memory alive.
struct VectorBlock {
  const float* vectors = nullptr;        // count * dim
  const RowId* rows = nullptr;           // count
  const float* inverse_norms = nullptr;  // count; needed for cosine
  std::size_t count = 0;
  std::uint32_t dim = 0;
};

// Says which rows may be returned. Called with positions inside a block, many at a time.
class RowFilter {
 public:
  virtual ~RowFilter() = default;
  // Sets out[i] = 1 when the row at position begin + i may be returned, else 0.
  virtual void allowed(std::size_t begin, std::span<std::uint8_t> out) const = 0;
};

struct IndexQuery {
  std::span<const float> vector;
  Metric metric = Metric::kCosine;
  std::size_t k = 10;
  const RowFilter* filter = nullptr;  // null: every row
};

struct IndexAnswer {
  std::vector<Neighbor> neighbors;  // at most k, nearest first by (distance, row), distinct rows
  std::uint64_t distances = 0;      // how many were computed
};

class VectorIndex {
 public:
  virtual ~VectorIndex() = default;
  virtual Result<IndexAnswer> search(const IndexQuery& query) const = 0;
  virtual std::size_t size() const = 0;
  virtual std::string describe() const = 0;  // "flat, 4096 x 512, f32"
};

// Exact: computes every allowed distance.
std::unique_ptr<VectorIndex> make_flat_index(const VectorBlock& block);

}  // namespace pictor
