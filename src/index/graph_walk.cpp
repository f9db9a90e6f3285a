#include "index/graph_walk.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace pictor {

void Visited::start(std::size_t nodes) {
  if (marks_.size() != nodes || mark_ == UINT16_MAX) {
    marks_.assign(nodes, 0);
    mark_ = 0;
  }
  ++mark_;
}

std::unique_ptr<GraphScratch> GraphScratchPool::take() {
  const std::lock_guard lock(mutex_);
  if (idle_.empty()) return std::make_unique<GraphScratch>();
  auto scratch = std::move(idle_.back());
  idle_.pop_back();
  return scratch;
}

void GraphScratchPool::give(std::unique_ptr<GraphScratch> scratch) {
  const std::lock_guard lock(mutex_);
  if (idle_.size() < limits::kGraphScratchKept) idle_.push_back(std::move(scratch));
}

std::span<const std::uint32_t> LinkSource::unpacked(std::uint32_t node, LinkBuffer& buffer) const {
  const std::uint8_t* list = table_ + node * list_bytes();
  const auto none = static_cast<std::uint32_t>((std::uint64_t{1} << bits_) - 1);
  for (std::size_t i = 0; i < stride_; ++i) {
    const std::size_t bit = i * bits_;
    std::uint64_t eight = 0;
    std::memcpy(&eight, list + bit / 8, sizeof(eight));
    const auto link = static_cast<std::uint32_t>(eight >> (bit % 8)) & none;
    buffer[i] = link == none ? kNoLink : link;
  }
  return {buffer.data(), stride_};
}

float GraphWalk::distance(const CodedQuery& query, std::uint32_t node) {
  ++distances_;
  return code_distance(kernels_.dot(query.codes.data(), codes_ + node * code_bytes_, code_bytes_), query, terms_[node]);
}

void GraphWalk::compute(const CodedQuery& query) {
  const std::size_t count = scratch_.nodes.size();
  scratch_.sums.resize(count);
  kernels_.dot_gather(query.codes.data(), scratch_.rows.data(), count, code_bytes_, scratch_.sums.data());
  distances_ += count;
}

void GraphWalk::append_range(const CodedQuery& query, std::uint32_t begin, std::uint32_t end) {
  scratch_.nodes.clear();
  scratch_.rows.clear();
  for (std::uint32_t node = begin; node < end; ++node) {
    scratch_.nodes.push_back(node);
    scratch_.rows.push_back(codes_ + node * code_bytes_);
  }
  compute(query);
  for (std::size_t i = 0; i < scratch_.nodes.size(); ++i) scratch_.best.push_back(candidate_at(query, i));
}

void GraphWalk::look_at(const LinkSource& links, const CodedQuery& query, std::uint32_t node) {
  scratch_.nodes.clear();
  scratch_.rows.clear();
  for (const std::uint32_t link : links.of(node, scratch_.links)) {
    if (link >= links.nodes() || !scratch_.visited.add(link)) continue;
    scratch_.nodes.push_back(link);
    scratch_.rows.push_back(codes_ + link * code_bytes_);
    fetch_row(link);
  }
  compute(query);
}

void GraphWalk::start_walk(const LinkSource& links, Candidate start) {
  scratch_.visited.start(links.nodes());
  scratch_.visited.add(node_of(start));
  if (excluded_ < links.nodes()) scratch_.visited.add(excluded_);
  scratch_.best.clear();
}

Candidate GraphWalk::greedy(const LinkSource& links, const CodedQuery& query, Candidate start) {
  for (;;) {
    Candidate nearest = start;
    scratch_.nodes.clear();
    scratch_.rows.clear();
    for (const std::uint32_t link : links.of(node_of(start), scratch_.links)) {
      if (link >= links.nodes() || link == excluded_) continue;
      scratch_.nodes.push_back(link);
      scratch_.rows.push_back(codes_ + link * code_bytes_);
      fetch_row(link);
    }
    compute(query);
    for (std::size_t i = 0; i < scratch_.nodes.size(); ++i) nearest = std::min(nearest, candidate_at(query, i));
    if (nearest == start) return start;
    start = nearest;
  }
}

std::size_t GraphWalk::insert(Candidate c, std::size_t ef) {
  auto& best = scratch_.best;
  if (best.size() == ef) {
    if (c > best.back()) return ef;
    best.pop_back();
  }
  const auto place = std::upper_bound(best.begin(), best.end(), c);
  const auto index = static_cast<std::size_t>(place - best.begin());
  best.insert(place, c);
  return index;
}

void GraphWalk::nearest(const LinkSource& links, const CodedQuery& query, Candidate start, std::size_t ef) {
  start_walk(links, start);
  auto& best = scratch_.best;
  best.reserve(ef);
  best.push_back(start);
  std::size_t next = 0;
  while (next < best.size()) {
    if ((best[next] & 1U) != 0) {
      ++next;
      continue;
    }
    best[next] |= 1U;
    const std::uint32_t node = node_of(best[next]);
    std::size_t lowest = next + 1;
    look_at(links, query, node);
    for (std::size_t i = 0; i < scratch_.nodes.size(); ++i) {
      lowest = std::min(lowest, insert(candidate_at(query, i), ef));
    }
    next = lowest;
    if (next < best.size()) links.fetch(node_of(best[next]));
  }
}

}  // namespace pictor
