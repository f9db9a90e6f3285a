#include "index/lists_search.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "index/distance.h"
#include "index/graph_walk.h"

namespace pictor {
namespace {

// Rows held in a search that goes on, as times of those that are re-scored at least.
constexpr std::size_t kHeldTimes = 16;
constexpr std::size_t kHeldLeast = 512;
constexpr std::size_t kToldMost =
    1024;  // re-scored rows that are told of: to tell costs more than to read what is there

}  // namespace

std::vector<std::uint64_t> rank_lists(const ListQuery& query, const std::uint8_t* centre_codes,
                                      std::span<const ListTerms> lists) {
  constexpr std::size_t kAtOnce = 64;
  const std::size_t width = query.codes.size();
  std::vector<std::uint64_t> ranked(lists.size());
  std::array<const std::uint8_t*, kAtOnce> rows;
  std::array<std::int32_t, kAtOnce> sums;
  for (std::size_t begin = 0; begin < lists.size(); begin += kAtOnce) {
    const std::size_t count = std::min(kAtOnce, lists.size() - begin);
    for (std::size_t i = 0; i < count; ++i) rows[i] = centre_codes + (begin + i) * width;
    code_kernels().dot_gather(query.codes.data(), rows.data(), count, width, sums.data());
    for (std::size_t i = 0; i < count; ++i) {
      const ListTerms& terms = lists[begin + i];
      const float product = static_cast<float>(sums[i] - 128 * query.sum) * (query.scale * terms.scale);
      ranked[begin + i] = candidate(-(product + terms.rank), static_cast<std::uint32_t>(begin + i));
    }
  }
  return ranked;
}

ListPlan plan_lists(const ListView& view, std::size_t k, double recall, bool strange) {
  const auto step_of = [&](std::size_t of_k) -> const ListStep* {
    const auto steps = view.steps(of_k, strange);
    const auto found = std::find_if(steps.begin(), steps.end(), [&](const ListStep& step) {
      return static_cast<double>(step.recall_low) >= recall;
    });
    return found == steps.end() ? nullptr : &*found;
  };
  const ListStep* few = step_of(0);
  if (few == nullptr) return {};
  ListPlan plan{few->probes, few->rescored, static_cast<double>(few->rows)};
  plan.rescored = std::max(plan.rescored, k);
  if (k <= kListKs[0]) return plan;
  const ListStep* many = step_of(1);
  if (many == nullptr) return {};
  // Between the two numbers of neighbours that were measured, lists as for the larger; past it, as many times more.
  const double share = static_cast<double>(k) / kListKs[1];
  const double times = std::max(1.0, share);
  plan.probes = std::max(plan.probes, static_cast<std::size_t>(std::ceil(many->probes * times)));
  plan.rescored = std::max({plan.rescored, static_cast<std::size_t>(std::ceil(many->rescored * share)), k + k / 8});
  plan.rows = std::max(plan.rows, static_cast<double>(many->rows) * times);
  return plan;
}

ListSearch::ListSearch(const ListView& view, const ListSpace& space, const VectorBlock& block,
                       std::span<const float> vector, const WillRead& will_read)
    : view_(view), space_(space), block_(block), vector_(vector), will_read_(will_read) {}

bool ListSearch::start() {
  if (!space_.place_query(vector_, query_)) return false;
  ranked_ = rank_lists(query_, view_.centre_codes.data(), view_.lists);
  return true;
}

void ListSearch::tell(std::uint32_t list) const {
  if (!will_read_) return;
  const std::size_t begin = view_.first[list];
  const std::size_t count = view_.first[list + 1] - begin;
  const std::size_t row_bytes = list_row_bytes(view_.header.dim, view_.header.bits);
  will_read_(std::as_bytes(view_.codes.subspan(begin * row_bytes, count * row_bytes)));
  will_read_(std::as_bytes(view_.terms.subspan(begin, count)));
  will_read_(std::as_bytes(view_.positions.subspan(begin, count)));
  will_read_(std::as_bytes(view_.centres.subspan(list * space_.width(), space_.width())));
}

void ListSearch::probe(const ListPlan& plan) {
  held_most_ = plan.rescored;
  worst_ = -std::numeric_limits<float>::infinity();
  const std::size_t count = std::min(plan.probes, ranked_.size());
  const auto last = ranked_.begin() + static_cast<std::ptrdiff_t>(count);
  std::partial_sort(ranked_.begin(), last, ranked_.end());
  for (std::size_t i = 0; i < count; ++i) tell(node_of(ranked_[i]));
  for (std::size_t i = 0; i < ranked_.size() && (i < count || seen_ < held_most_); ++i) {
    if (i == count) std::sort(last, ranked_.end());
    scan(node_of(ranked_[i]), {});
  }
}

bool ListSearch::probe_on(const ListPlan& plan, std::size_t k, std::span<const std::uint8_t> allowed,
                          std::size_t count) {
  held_most_ = std::max(kHeldLeast, kHeldTimes * plan.rescored);
  best_most_ = plan.rescored;
  worst_ = -std::numeric_limits<float>::infinity();
  std::sort(ranked_.begin(), ranked_.end());
  for (const std::uint64_t ranked : ranked_) {
    if (seen_ >= count) break;
    const bool enough = best_.size() >= best_most_ && static_cast<double>(seen_) >= plan.rows;
    if (enough && !promises(node_of(ranked), -distance_of(ranked))) continue;
    tell(node_of(ranked));
    scan(node_of(ranked), allowed);
  }
  return settle(plan, k);
}

bool ListSearch::promises(std::uint32_t list, float likeness) const {
  const ListTerms& terms = view_.lists[list];
  const float product = likeness - terms.rank;
  const double most = static_cast<double>(view_.calibration->reach) * space_.lever(query_, product, terms.square) *
                      static_cast<double>(terms.spread);
  return static_cast<double>(product) + static_cast<double>(terms.mean) + most >= -static_cast<double>(best_.front());
}

// Where a filter allows only rows far off, very many lie at nearly one distance, and the errors of codes decide among
// them. All that may be one of the k nearest are kept, and at least those that the plan says.
bool ListSearch::settle(const ListPlan& plan, std::size_t k) {
  if (held_.size() <= plan.rescored) return true;
  std::sort_heap(held_.begin(), held_.end());
  const double enough = static_cast<double>(distance_of(held_[k - 1])) + doubt_;
  if (held_.size() == held_most_ && static_cast<double>(distance_of(held_.back())) <= enough) return false;
  const auto beyond =
      std::partition_point(held_.begin() + static_cast<std::ptrdiff_t>(plan.rescored), held_.end(),
                           [&](std::uint64_t held) { return static_cast<double>(distance_of(held)) <= enough; });
  held_.erase(beyond, held_.end());
  return true;
}

void ListSearch::scan(std::uint32_t list, std::span<const std::uint8_t> allowed) {
  std::array<std::uint32_t, kListRowsAtOnce> positions;
  std::array<std::uint32_t, kListRowsAtOnce> slots;
  const std::size_t width = space_.width();
  const float base = kernels().dot(query_.numbers.data(), view_.centres.data() + list * width, width);
  std::size_t count = 0;
  bool held = false;
  for (std::uint32_t slot = view_.first[list]; slot < view_.first[list + 1]; ++slot) {
    const std::uint32_t position = view_.positions[slot];
    if (position >= block_.count) continue;  // a damaged file
    if (!allowed.empty() && allowed[position] == 0) continue;
    positions[count] = position;
    slots[count++] = slot;
    if (count < kListRowsAtOnce) continue;
    held |= add(positions, slots, base);
    count = 0;
  }
  held |= add(std::span(positions).first(count), std::span(slots).first(count), base);
  if (!held) return;
  const ListTerms& terms = view_.lists[list];
  doubt_ = std::max(doubt_, static_cast<double>(view_.calibration->doubt) * space_.lever(query_, base, terms.square) *
                                static_cast<double>(terms.spread));
}

// Whether one of them is held now.
bool ListSearch::add(std::span<const std::uint32_t> positions, std::span<const std::uint32_t> slots, float base) {
  std::array<const std::uint8_t*, kListRowsAtOnce> rows{};
  std::array<const CodeTerms*, kListRowsAtOnce> terms{};
  std::array<float, kListRowsAtOnce> likeness;
  const std::size_t row_bytes = list_row_bytes(view_.header.dim, view_.header.bits);
  for (std::size_t i = 0; i < slots.size(); ++i) {
    rows[i] = view_.codes.data() + slots[i] * row_bytes;
    terms[i] = &view_.terms[slots[i]];
  }
  list_likenesses(query_, view_.header.bits, base, rows.data(), terms.data(), slots.size(), likeness.data());
  seen_ += slots.size();
  distances_ += slots.size();
  bool held = false;
  for (std::size_t i = 0; i < slots.size(); ++i) {
    const bool room = held_.size() < held_most_ && !std::isnan(likeness[i]);
    if (!room && !(likeness[i] > worst_)) continue;
    push(likeness[i], positions[i]);
    held = true;
  }
  return held;
}

void ListSearch::push(float likeness, std::uint32_t position) {
  if (held_.size() == held_most_) {
    std::pop_heap(held_.begin(), held_.end());
    held_.pop_back();
  }
  held_.push_back(candidate(-likeness, position));
  std::push_heap(held_.begin(), held_.end());
  if (held_.size() == held_most_) worst_ = -distance_of(held_.front());
  if (best_most_ == 0 || (best_.size() == best_most_ && !(-likeness < best_.front()))) return;
  if (best_.size() == best_most_) {
    std::pop_heap(best_.begin(), best_.end());
    best_.pop_back();
  }
  best_.push_back(-likeness);
  std::push_heap(best_.begin(), best_.end());
}

std::vector<Neighbor> ListSearch::take(std::size_t k) {
  // In the order of the rows: they lie in a mapped file, perhaps on a disk.
  std::vector<std::uint32_t> positions;
  for (const std::uint64_t held : held_) positions.push_back(node_of(held));
  std::sort(positions.begin(), positions.end());
  positions.erase(std::unique(positions.begin(), positions.end()), positions.end());  // twice in a damaged file
  std::vector<const float*> vectors;
  vectors.reserve(positions.size());
  for (const std::uint32_t position : positions) vectors.push_back(block_.vectors + std::size_t{position} * block_.dim);
  if (will_read_) {
    for (std::size_t i = 0; i < std::min(vectors.size(), kToldMost); ++i) {
      will_read_(std::as_bytes(std::span(vectors[i], block_.dim)));
    }
  }
  std::vector<float> sums(positions.size());
  const Metric metric = view_.header.metric;
  const auto sum_rows = metric == Metric::kL2 ? kernels().l2_squared_gather : kernels().dot_gather;
  sum_rows(vector_.data(), vectors.data(), vectors.size(), block_.dim, sums.data());
  distances_ += positions.size();
  const float inverse_norm_query = metric == Metric::kCosine ? inverse_norm(vector_) : 0.0F;
  TopK top(k);
  for (std::size_t i = 0; i < positions.size(); ++i) {
    const float inverse_norm_row = metric == Metric::kCosine ? block_.inverse_norms[positions[i]] : 0.0F;
    const Distance distance = distance_of_sum(metric, sums[i], inverse_norm_query, inverse_norm_row);
    if (!(distance > top.worst())) top.push({distance, block_.rows[positions[i]]});
  }
  return top.take_sorted();
}

}  // namespace pictor
