// The nearest rows by their vectors, among those that codes call near. Inside index/ only.
#pragma once

#include <span>
#include <vector>

#include "index/graph_search.h"

namespace pictor {

// For one query. Belongs to one thread.
class ExactRanking {
 public:
  // REQUIRES: what is given outlives this, and the search is of this graph, this block and this scratch.
  ExactRanking(GraphSearch& search, const GraphView& view, const VectorBlock& block, std::size_t k,
               GraphScratch& scratch);

  // Scores the nearest of scratch.best by code, which holds positions of rows, and then all others that may be among
  // the k nearest for all that codes tell; those are put into `found`. Infinity; or, when `more` are not held and may
  // be among them too, the code distance up to which they would be. NaN where distances overflow.
  float settle(bool more, std::vector<Neighbor>& found);
  // Offers the rows at these positions, with their distances by the vectors.
  void score(std::span<const std::uint32_t> positions, TopK& top);
  std::uint64_t scored() const { return scored_; }

 private:
  double slope() const;
  void see_errors();
  void score(std::span<const std::uint32_t> positions);

  GraphSearch& search_;
  const GraphView& view_;
  const VectorBlock& block_;
  const std::size_t k_;
  GraphScratch& scratch_;
  bool errors_seen_ = false;
  double slope_;       // a difference of code distances, as one of distances
  double error_ = 0;   // distances less those by code
  double margin_ = 0;  // by which that may be off for a row
  std::uint64_t scored_ = 0;
};

}  // namespace pictor
