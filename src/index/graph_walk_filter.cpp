// Walks with a filter.
//
// Two kinds. Where allowed rows are near the query about as often as elsewhere, the walk goes over all nodes as it does
// without a filter, only farther, and forgets the others at its end: no other way finds as much for so few distances.
// Where the filter leaves a hole around the query, that walk would have to follow all that is in the hole; then only
// allowed nodes are followed, and where their neighbours are not allowed, the neighbours' neighbours are looked at (as
// in Patel et al., "ACORN: Performant and Predicate-Agnostic Search Over Vector Embeddings and Structured Data", SIGMOD
// 2024; they differ in that we begin with what the first walk saw, and look past the neighbours nearest to the query
// alone).
#include <algorithm>

#include "index/graph_walk.h"

namespace pictor {
namespace {

// After so many nodes it is plain whether those near the query are allowed as often as others.
constexpr std::size_t kFollowedFirst = 48;
// Nodes that are looked past for each that is followed; more found no more of the true neighbours.
constexpr std::size_t kLookedPast = 3;
constexpr std::size_t kNeighboursMost = 64;  // whose distances are computed for a node that is followed

// By more than chance makes it: less than half of what the share says.
bool too_few(std::size_t allowed, std::size_t followed, double share) {
  return followed >= kFollowedFirst && static_cast<double>(2 * allowed + 6) < share * static_cast<double>(followed);
}

}  // namespace

void GraphWalk::append(const CodedQuery& query, std::span<const std::uint32_t> nodes, std::vector<Candidate>& out) {
  scratch_.nodes.assign(nodes.begin(), nodes.end());
  scratch_.rows.clear();
  for (const std::uint32_t node : nodes) {
    scratch_.rows.push_back(codes_ + node * code_bytes_);
    fetch_row(node);
  }
  compute(query);
  for (std::size_t i = 0; i < nodes.size(); ++i) out.push_back(candidate_at(query, i));
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

GraphWalk::Walked GraphWalk::nearest_filtered(const LinkSource& links, const CodedQuery& query, Candidate start,
                                              const Wanted& wanted, NodeFilter& filter) {
  start_walk(links, start);
  auto& best = scratch_.best;
  auto& kept = scratch_.kept;
  kept.clear();
  best.push_back(start);
  std::size_t next = 0, followed = 0, allowed = 0;
  while (next < best.size()) {
    if ((best[next] & 1U) != 0) {
      ++next;
      continue;
    }
    if (kept.size() == wanted.ef && kept.front() < best[next]) break;
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
      lowest = std::min(lowest, insert(candidate_at(query, i), wanted.held));
    }
    next = lowest;
    if (next < best.size()) links.fetch(node_of(best[next]));
  }
  // All that was held was followed, and still too few were allowed: farther out there may be more.
  if (kept.size() < wanted.ef && best.size() == wanted.held) return Walked::kDear;
  std::sort_heap(kept.begin(), kept.end());
  best.assign(kept.begin(), kept.end());
  return Walked::kDone;
}

void GraphWalk::begin_among(std::span<const Candidate> others, std::size_t ef, NodeFilter& filter) {
  auto& asked = scratch_.candidates;
  auto& answers = scratch_.answers;
  std::vector<Candidate> seen(scratch_.best);
  seen.insert(seen.end(), others.begin(), others.end());
  asked.clear();
  for (const Candidate c : seen) asked.push_back(node_of(c));
  answers.resize(asked.size());
  filter.allowed(asked, answers);
  scratch_.best.clear();
  for (std::size_t i = 0; i < seen.size(); ++i) {
    if (answers[i] != 0 && scratch_.visited.add(node_of(seen[i]))) insert(seen[i] & ~Candidate{1}, ef);
  }
}

// Of scratch.candidates, the allowed ones are added to scratch.nodes and scratch.rows; the others to scratch.closed.
void GraphWalk::sort_out(NodeFilter& filter, bool closed_too) {
  const auto& asked = scratch_.candidates;
  auto& answers = scratch_.answers;
  answers.resize(asked.size());
  filter.allowed(asked, answers);
  for (std::size_t i = 0; i < asked.size(); ++i) {
    if (answers[i] != 0) {
      scratch_.nodes.push_back(asked[i]);
      scratch_.rows.push_back(codes_ + asked[i] * code_bytes_);
      fetch_row(asked[i]);
    } else if (closed_too) {
      scratch_.closed.push_back(asked[i]);
    }
  }
}

void GraphWalk::keep_nearest_closed(const CodedQuery& query) {
  auto& closed = scratch_.closed;
  if (closed.size() <= kLookedPast) return;
  auto& sorted = scratch_.kept;
  auto& rows = scratch_.closed_rows;
  sorted.clear();
  rows.clear();
  for (const std::uint32_t node : closed) {
    rows.push_back(codes_ + node * code_bytes_);
    fetch_row(node);
  }
  scratch_.sums.resize(closed.size());
  kernels_.dot_gather(query.codes.data(), rows.data(), rows.size(), code_bytes_, scratch_.sums.data());
  distances_ += closed.size();
  for (std::size_t i = 0; i < closed.size(); ++i) {
    sorted.push_back(candidate(code_distance(scratch_.sums[i], query, terms_[closed[i]]), closed[i]));
  }
  std::partial_sort(sorted.begin(), sorted.begin() + kLookedPast, sorted.end());
  closed.clear();
  for (std::size_t i = 0; i < kLookedPast; ++i) closed.push_back(node_of(sorted[i]));
}

void GraphWalk::look_past(const LinkSource& links, const CodedQuery& query, std::uint32_t node, NodeFilter& filter) {
  auto& asked = scratch_.candidates;
  const auto gather = [&](std::uint32_t from) {
    for (const std::uint32_t link : links.of(from, scratch_.links)) {
      if (link < links.nodes() && scratch_.visited.add(link)) asked.push_back(link);
    }
  };
  scratch_.nodes.clear();
  scratch_.rows.clear();
  scratch_.closed.clear();
  asked.clear();
  gather(node);
  sort_out(filter, true);
  keep_nearest_closed(query);
  for (const std::uint32_t closed : scratch_.closed) links.fetch(closed);
  asked.clear();
  for (const std::uint32_t closed : scratch_.closed) {
    if (scratch_.nodes.size() + asked.size() < kNeighboursMost) gather(closed);
  }
  sort_out(filter, false);
  compute(query);
}

bool GraphWalk::nearest_among(const LinkSource& links, const CodedQuery& query, std::span<const Candidate> others,
                              std::size_t k, std::size_t ef, NodeFilter& filter,
                              const std::function<bool(float)>& sound) {
  const std::vector<Candidate> walked(scratch_.best);
  scratch_.visited.start(links.nodes());
  if (excluded_ < links.nodes()) scratch_.visited.add(excluded_);
  begin_among(others, ef, filter);
  // What was followed before and is not allowed leads nowhere new.
  for (const Candidate c : walked) {
    if ((c & 1U) != 0) scratch_.visited.add(node_of(c));
  }
  auto& best = scratch_.best;
  const std::size_t look = std::max<std::size_t>(1, ef / 4);
  std::size_t next = 0, followed = 0;
  while (next < best.size()) {
    if ((best[next] & 1U) != 0) {
      ++next;
      continue;
    }
    if (++followed % look == 0 && best.size() >= k && !sound(distance_of(best[k - 1]))) return false;
    best[next] |= 1U;
    std::size_t lowest = next + 1;
    look_past(links, query, node_of(best[next]), filter);
    for (std::size_t i = 0; i < scratch_.nodes.size(); ++i) {
      lowest = std::min(lowest, insert(candidate_at(query, i), ef));
    }
    next = lowest;
    if (next < best.size()) links.fetch(node_of(best[next]));
  }
  return best.size() >= k;
}

}  // namespace pictor
