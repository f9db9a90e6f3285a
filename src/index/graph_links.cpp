#include "index/graph_links.h"

#include <algorithm>

#include "index/graph_file.h"

namespace pictor {

std::vector<Candidate>& LinkChooser::candidates(std::uint32_t node, std::span<const std::uint32_t> others) {
  query_of_row(nodes_.of(node), nodes_.terms[node].scale, query_);
  rows_.clear();
  for (const std::uint32_t other : others) rows_.push_back(nodes_.of(other).data());
  sums_.resize(others.size());
  kernels_.dot_gather(query_.codes.data(), rows_.data(), rows_.size(), nodes_.bytes, sums_.data());
  candidates_.clear();
  for (std::size_t i = 0; i < others.size(); ++i) {
    const float distance = code_distance(sums_[i], query_, nodes_.terms[others[i]]) - nodes_.terms[node].bias;
    candidates_.push_back(candidate(distance, others[i]));
  }
  std::sort(candidates_.begin(), candidates_.end());
  return candidates_;
}

bool LinkChooser::covered(Candidate c, std::size_t chosen) const {
  const std::uint32_t node = node_of(c);
  const std::uint8_t* row = nodes_.of(node).data();
  const std::uint32_t limit = static_cast<std::uint32_t>(c >> 32);
  for (std::size_t i = 0; i < chosen; ++i) {
    const CodedQuery& other = chosen_codes_[i];
    const std::int32_t sum = kernels_.dot(other.codes.data(), row, nodes_.bytes);
    const float distance = code_distance(sum, other, nodes_.terms[node]) - nodes_.terms[chosen_[i]].bias;
    if (ordered(distance) <= limit) return true;
  }
  return false;
}

std::span<const std::uint32_t> LinkChooser::choose(std::span<const Candidate> sorted, std::size_t limit) {
  chosen_.clear();
  if (chosen_codes_.size() < limit) chosen_codes_.resize(limit);
  for (const Candidate c : sorted) {
    if (chosen_.size() == limit) break;
    if (covered(c, chosen_.size())) continue;
    const std::uint32_t node = node_of(c);
    query_of_row(nodes_.of(node), nodes_.terms[node].scale, chosen_codes_[chosen_.size()]);
    chosen_.push_back(node);
  }
  return chosen_;
}

LinkLists::LinkLists(std::uint32_t nodes, std::size_t limit)
    : nodes_(nodes), limit_(limit), capacity_(limit + limit / 4), links_(nodes * capacity_), counts_(nodes) {}

void LinkLists::set(std::uint32_t node, std::span<const std::uint32_t> links) {
  std::copy(links.begin(), links.end(), links_.data() + node * capacity_);
  counts_[node] = static_cast<std::uint8_t>(links.size());
}

void LinkLists::add(std::uint32_t node, std::span<const std::uint32_t> links, LinkChooser& chooser) {
  const auto held = of(node);
  if (held.size() + links.size() <= capacity_) {
    std::copy(links.begin(), links.end(), links_.data() + node * capacity_ + held.size());
    counts_[node] = static_cast<std::uint8_t>(held.size() + links.size());
    return;
  }
  std::vector<std::uint32_t> all(held.begin(), held.end());
  all.insert(all.end(), links.begin(), links.end());
  set(node, chooser.choose(chooser.candidates(node, all), limit_));
}

void LinkLists::take(std::uint32_t node, LinkChooser& chooser, std::span<std::uint32_t> out) {
  const auto held = of(node);
  if (held.size() > limit_) set(node, chooser.choose(chooser.candidates(node, held), limit_));
  const auto links = of(node);
  std::copy(links.begin(), links.end(), out.begin());
  std::fill(out.begin() + static_cast<std::ptrdiff_t>(links.size()), out.end(), kNoLink);
}

namespace {

// Candidates among which a node that is not reached looks for one to be linked from.
constexpr std::size_t kConnectEf = 64;

class Connector {
 public:
  Connector(const LinkTable& table, const NodeCodes& codes)
      : table_(table),
        codes_(codes),
        walk_(codes.codes, codes.bytes, codes.terms, scratch_),
        parent_(table.nodes, kNoNode) {}

  void run() {
    parent_[0] = 0;
    spread(0);
    for (std::uint32_t node = 1; node < table_.nodes; ++node) {
      if (parent_[node] != kNoNode) continue;
      parent_[node] = link_from_near(node);
      spread(node);
    }
  }

 private:
  // Follows links from a node that is reached; what it finds has its parent then: the links of parents are a tree.
  void spread(std::uint32_t from) {
    queue_.assign(1, from);
    while (!queue_.empty()) {
      const std::uint32_t node = queue_.back();
      queue_.pop_back();
      for (const std::uint32_t link : table_.of(node)) {
        if (link >= table_.nodes || parent_[link] != kNoNode) continue;
        parent_[link] = node;
        queue_.push_back(link);
      }
    }
  }

  // Puts `node` into a free place, or in place of the last link that is none of the tree.
  bool link(std::uint32_t from, std::uint32_t node) {
    const auto links = table_.of(from);
    const auto free = std::find(links.begin(), links.end(), kNoLink);
    if (free != links.end()) {
      *free = node;
      return true;
    }
    for (std::size_t i = links.size(); i-- > 0;) {
      if (parent_[links[i]] == from) continue;
      links[i] = node;
      return true;
    }
    return false;
  }

  std::uint32_t link_from_near(std::uint32_t node) {
    query_of_row(codes_.of(node), codes_.terms[node].scale, query_);
    const Candidate start = candidate(walk_.distance(query_, 0), 0);
    walk_.nearest(table_.source(), query_, start, kConnectEf);
    const std::vector<Candidate> near = scratch_.best;
    for (const Candidate c : near) {
      if (link(node_of(c), node)) return node_of(c);
    }
    // The tree has fewer links than there are places: one is free somewhere.
    for (std::uint32_t from = 0; from < table_.nodes; ++from) {
      if (parent_[from] != kNoNode && link(from, node)) return from;
    }
    return 0;
  }

  const LinkTable& table_;
  const NodeCodes& codes_;
  GraphScratch scratch_;
  GraphWalk walk_;
  CodedQuery query_;
  std::vector<std::uint32_t> parent_;
  std::vector<std::uint32_t> queue_;
};

}  // namespace

void connect_all(const LinkTable& table, const NodeCodes& codes) { Connector(table, codes).run(); }

std::size_t count_reached(const LinkSource& links) {
  std::vector<bool> reached(links.nodes(), false);
  std::vector<std::uint32_t> queue(1, 0);
  reached[0] = true;
  std::size_t count = 1;
  LinkBuffer buffer;
  while (!queue.empty()) {
    const std::uint32_t node = queue.back();
    queue.pop_back();
    for (const std::uint32_t link : links.of(node, buffer)) {
      if (link >= links.nodes() || reached[link]) continue;
      reached[link] = true;
      queue.push_back(link);
      ++count;
    }
  }
  return count;
}

}  // namespace pictor
