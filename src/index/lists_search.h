// Searches in lists: which lists, the best of their rows by codes, and the exact distances of those. Inside index/
// only.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "index/lists_file.h"
#include "index/lists_space.h"

namespace pictor {

// What one row of a list, by its code, and one row that is re-scored cost where one of a scan costs 1. Tests make lists
// cheap or dear by it.
struct ListCosts {
  double row = 1;
  double rescored = 1;
  static ListCosts measured(std::uint32_t dim, std::uint32_t bits);
};

// Lists as keys that sort by nearness to a query: candidate(-likeness of the centre, list) of graph_walk.h.
std::vector<std::uint64_t> rank_lists(const ListQuery& query, const std::uint8_t* centre_codes,
                                      std::span<const ListTerms> lists);

// How much is looked at for k neighbours with a recall.
struct ListPlan {
  std::size_t probes = 0;  // 0: it is not promised
  std::size_t rescored = 0;
  double rows = 0;  // that the lists are expected to have
};
ListPlan plan_lists(const ListView& view, std::size_t k, double recall, bool strange);

// One search, after the query is known to be right. Belongs to one thread.
class ListSearch {
 public:
  ListSearch(const ListView& view, const ListSpace& space, const VectorBlock& block, std::span<const float> vector,
             const WillRead& will_read);

  // False when the query cannot be coded.
  bool start();
  // As many lists as the plan says, and on until there are enough rows to re-score.
  void probe(const ListPlan& plan);
  // On until the plan's rows were seen and no list that is left promises more: for rows that a filter allows, of which
  // there are `count` (none given: all), and for more neighbours than were measured. False when so many rows may be
  // among the k nearest, for all that codes tell, that a scan is better.
  bool probe_on(const ListPlan& plan, std::size_t k, std::span<const std::uint8_t> allowed, std::size_t count);
  // The k nearest of what is held, by the block's vectors.
  std::vector<Neighbor> take(std::size_t k);
  std::uint64_t distances() const { return distances_; }

 private:
  void tell(std::uint32_t list) const;
  bool promises(std::uint32_t list, float likeness) const;
  bool settle(const ListPlan& plan, std::size_t k);
  void scan(std::uint32_t list, std::span<const std::uint8_t> allowed);
  bool add(std::span<const std::uint32_t> positions, std::span<const std::uint32_t> slots, float base);
  void push(float likeness, std::uint32_t position);

  const ListView& view_;
  const ListSpace& space_;
  const VectorBlock& block_;
  std::span<const float> vector_;
  const WillRead& will_read_;
  ListQuery query_;
  std::vector<std::uint64_t> ranked_;
  std::vector<std::uint64_t> held_;  // a heap, the worst in front
  std::size_t held_most_ = 0;
  float worst_ = 0;          // likeness that a row must beat
  std::vector<float> best_;  // of so many rows as are re-scored at least: their unlikeness, a heap, the worst in front
  std::size_t best_most_ = 0;
  double doubt_ = 0;  // by how much a likeness may be wrong in the lists that held something
  std::size_t seen_ = 0;
  std::uint64_t distances_ = 0;
};

// As open_list_index, with other costs.
Result<std::unique_ptr<VectorIndex>> open_list_index(ByteView file, const VectorBlock& block, Metric metric,
                                                     std::uint64_t owner, const ListCosts& costs,
                                                     WillRead will_read = nullptr);

}  // namespace pictor
