// Walks with a filter: over all nodes, as without one, only farther; the others are forgotten at the end. No other way
// finds as much for so few distances where allowed rows are near the query about as often as elsewhere.
#include <algorithm>
#include <array>
#include <cmath>

#include "index/graph_walk.h"

namespace pictor {
namespace {

constexpr std::size_t kFollowedFirst = 16;
constexpr std::size_t kScannedAtOnce = 8;  // rows of a scan that are fetched while as many are computed

// Less than half of what the share says, and by more than chance makes of drawn ones.
bool too_few(std::size_t allowed, std::size_t followed, double share) {
  return followed >= kFollowedFirst && static_cast<double>(2 * allowed + 6) < share * static_cast<double>(followed);
}

// Where half of the rows are allowed, the 10 nearest of them are about the 20 nearest of all: these take fewer than
// twice the candidates that 10 take. What is allowed near the query counts, but no less than elsewhere is believed.
std::size_t enough_allowed(const GraphWalk::Wanted& wanted, std::size_t allowed, std::size_t followed) {
  const double here = static_cast<double>(allowed) / static_cast<double>(std::max<std::size_t>(1, followed));
  const double part = std::pow(std::max(here, wanted.share), wanted.many_at_once);
  return std::max(wanted.least, static_cast<std::size_t>(std::ceil(part * static_cast<double>(wanted.ef))));
}

}  // namespace

void GraphWalk::scan(const CodedQuery& query, std::span<const std::uint32_t> nodes, std::span<float> out) {
  std::array<const std::uint8_t*, kScannedAtOnce> rows{};
  std::array<std::int32_t, kScannedAtOnce> sums{};
  const std::size_t first = std::min(kScannedAtOnce, nodes.size());
  for (const std::uint32_t node : nodes.first(first)) fetch_row(node);
  for (std::size_t begin = 0; begin < nodes.size(); begin += kScannedAtOnce) {
    const auto now = nodes.subspan(begin, std::min(kScannedAtOnce, nodes.size() - begin));
    const auto later = nodes.subspan(begin + now.size());
    for (const std::uint32_t node : later.first(std::min(kScannedAtOnce, later.size()))) fetch_row(node);
    for (std::size_t i = 0; i < now.size(); ++i) rows[i] = codes_ + now[i] * code_bytes_;
    kernels_.dot_gather(query.codes.data(), rows.data(), now.size(), code_bytes_, sums.data());
    for (std::size_t i = 0; i < now.size(); ++i) out[begin + i] = code_distance(sums[i], query, terms_[now[i]]);
  }
  distances_ += nodes.size();
}

void GraphWalk::keep(Candidate c, std::size_t ef) {
  auto& kept = scratch_.kept;
  if (kept.size() == ef) {
    if (c > kept.front()) return;
    std::pop_heap(kept.begin(), kept.end());
    kept.pop_back();
  }
  kept.push_back(c);
  std::push_heap(kept.begin(), kept.end());
}

// As insert(), but what has no place among the nearest `held` is put aside: it is nearer than nothing that is held.
std::size_t GraphWalk::insert_or_put_aside(Candidate c, std::size_t held) {
  auto& best = scratch_.best;
  if (best.size() == held) {
    if (c > best.back()) {
      scratch_.aside.push_back(c);
      return held;
    }
    scratch_.aside.push_back(best.back());
  }
  return insert(c, held);
}

// The nearest of those put aside, as many as are held, behind them.
void GraphWalk::take_from_aside(std::size_t held) {
  auto& aside = scratch_.aside;
  auto& best = scratch_.best;
  const std::size_t room = held > best.size() ? held - best.size() : 0;
  const auto taken = aside.begin() + static_cast<std::ptrdiff_t>(std::min(room, aside.size()));
  std::partial_sort(aside.begin(), taken, aside.end());
  best.insert(best.end(), aside.begin(), taken);
  aside.erase(aside.begin(), taken);
}

GraphWalk::Walked GraphWalk::nearest_filtered(const LinkSource& links, const CodedQuery& query, Candidate start,
                                              const Wanted& wanted, NodeFilter& filter) {
  start_walk(links, start);
  auto& best = scratch_.best;
  auto& kept = scratch_.kept;
  kept.clear();
  scratch_.aside.clear();
  best.push_back(start);
  // A short list is kept in order more cheaply than all that may have to be held.
  std::size_t held = std::min(wanted.held_first, wanted.held);
  std::size_t next = 0, followed = 0, allowed = 0;
  for (;;) {
    if (next == best.size() && next == held && held < wanted.held) {
      held = std::min(wanted.held, 2 * held);
      take_from_aside(held);
    }
    if (next == best.size()) break;
    if ((best[next] & 1U) != 0) {
      ++next;
      continue;
    }
    if (!kept.empty() && kept.front() < best[next] && kept.size() >= enough_allowed(wanted, allowed, followed)) break;
    if (distances_ > wanted.budget) return Walked::kDear;
    if (too_few(allowed, followed, wanted.share)) return Walked::kFew;
    const Candidate followed_now = best[next];
    const std::uint32_t node = node_of(followed_now);
    best[next] |= 1U;
    ++followed;
    std::uint8_t may = 0;
    filter.allowed({&node, 1}, {&may, 1});
    if (may != 0) {
      ++allowed;
      keep(followed_now, wanted.ef);
    }
    std::size_t lowest = next + 1;
    look_at(links, query, node);
    for (std::size_t i = 0; i < scratch_.nodes.size(); ++i) {
      lowest = std::min(lowest, insert_or_put_aside(candidate_at(query, i), held));
    }
    next = lowest;
    if (next < best.size()) links.fetch(node_of(best[next]));
  }
  // All that was held was followed, and still too few were allowed: farther out there may be more.
  if (next == wanted.held && kept.size() < enough_allowed(wanted, allowed, followed)) return Walked::kDear;
  std::sort_heap(kept.begin(), kept.end());
  best.assign(kept.begin(), kept.end());
  return Walked::kDone;
}

}  // namespace pictor
