#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "vector/vector.h"

namespace pictor {

void TopK::push(Neighbor candidate) {
  if (std::isnan(candidate.distance.value)) candidate.distance.value = std::numeric_limits<float>::infinity();
  if (heap_.size() < k_) {
    heap_.push_back(candidate);
    std::push_heap(heap_.begin(), heap_.end());
    return;
  }
  if (k_ == 0 || !(candidate < heap_.front())) return;
  std::pop_heap(heap_.begin(), heap_.end());
  heap_.back() = candidate;
  std::push_heap(heap_.begin(), heap_.end());
}

Distance TopK::worst() const {
  return heap_.size() < k_ || k_ == 0 ? Distance{std::numeric_limits<float>::infinity()} : heap_.front().distance;
}

std::vector<Neighbor> TopK::take_sorted() {
  std::sort_heap(heap_.begin(), heap_.end());
  return std::exchange(heap_, {});
}

}  // namespace pictor
