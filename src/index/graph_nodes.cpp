#include "index/graph_nodes.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace pictor {
namespace {

constexpr std::size_t kRowsATask = 256;

// SplitMix64 (Steele, Lea, Flood 2014): the same on every machine.
std::uint64_t mixed(std::uint64_t x) {
  x += 0x9E3779B97F4A7C15;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
  return x ^ (x >> 31);
}

std::uint64_t hash_of(std::span<const std::uint8_t> codes, CodeTerms terms) {
  std::uint64_t hash =
      std::uint64_t{std::bit_cast<std::uint32_t>(terms.scale)} << 32 | std::bit_cast<std::uint32_t>(terms.bias);
  for (std::size_t i = 0; i < codes.size(); i += sizeof(std::uint64_t)) {
    std::uint64_t eight = 0;
    std::memcpy(&eight, codes.data() + i, sizeof(eight));
    hash = mixed(hash ^ eight);
  }
  return hash;
}

class NodeMaker {
 public:
  NodeMaker(const VectorBlock& block, Metric metric, ThreadPool* pool)
      : block_(block),
        pool_(pool),
        space_(fit_code_space(metric, block.dim, block.vectors, block.inverse_norms, block.count, centre_, pool)) {}

  GraphNodes make(const GraphBuildOptions& options) {
    GraphNodes nodes;
    const auto groups = equal_rows();
    const auto order = by_level(groups, options.degree, nodes.header);
    nodes.header.owner = options.owner;
    nodes.header.metric = space_.metric;
    nodes.header.dim = block_.dim;
    nodes.header.rows = static_cast<std::uint32_t>(block_.count);
    nodes.header.nodes = static_cast<std::uint32_t>(groups.size());
    nodes.header.degree = options.degree;
    nodes.header.ef = options.ef;
    nodes.header.unit = space_.unit;
    nodes.header.length = space_.length;
    nodes.file.resize(layout_of(nodes.header).file_bytes);
    write_rows(groups, order, nodes);
    write_codes(nodes);
    return nodes;
  }

 private:
  using Group = std::span<const std::uint32_t>;  // positions, ascending

  CodeTerms encode(std::size_t position, std::span<std::uint8_t> out) const {
    const float inverse_norm = space_.metric == Metric::kCosine ? block_.inverse_norms[position] : 0.0F;
    return encode_row(space_, block_.vectors + position * block_.dim, inverse_norm, out);
  }

  bool same_codes(std::uint32_t a, std::uint32_t b) const {
    std::vector<std::uint8_t> of_a(code_bytes(block_.dim));
    std::vector<std::uint8_t> of_b(of_a.size());
    const CodeTerms terms_a = encode(a, of_a);
    const CodeTerms terms_b = encode(b, of_b);
    return terms_a.scale == terms_b.scale && terms_a.bias == terms_b.bias && of_a == of_b;
  }

  std::vector<std::uint64_t> hashes() const {
    std::vector<std::uint64_t> hashes(block_.count);
    for_each_index(pool_, (block_.count + kRowsATask - 1) / kRowsATask, [&](std::size_t task) {
      std::vector<std::uint8_t> codes(code_bytes(block_.dim));
      const std::size_t end = std::min(block_.count, (task + 1) * kRowsATask);
      for (std::size_t i = task * kRowsATask; i < end; ++i) {
        const CodeTerms terms = encode(i, codes);
        hashes[i] = hash_of(codes, terms);
      }
    });
    return hashes;
  }

  // Rows of the same hash whose codes differ after all: each group of a run is compared with its first row.
  void split_run(std::span<const std::uint32_t> run, std::vector<Group>& groups) {
    std::vector<std::uint32_t> rest(run.begin(), run.end());
    while (!rest.empty()) {
      // The first is not compared with itself: most runs are of one row, and codes are made anew for each look.
      const auto differs = std::stable_partition(rest.begin() + 1, rest.end(),
                                                 [&](std::uint32_t p) { return same_codes(rest.front(), p); });
      const std::size_t begin = grouped_.size();
      grouped_.insert(grouped_.end(), rest.begin(), differs);
      groups.emplace_back(grouped_.data() + begin, grouped_.size() - begin);
      rest.erase(rest.begin(), differs);
    }
  }

  std::vector<Group> equal_rows() {
    const auto hash = hashes();
    std::vector<std::uint32_t> sorted(block_.count);
    for (std::size_t i = 0; i < sorted.size(); ++i) sorted[i] = static_cast<std::uint32_t>(i);
    std::sort(sorted.begin(), sorted.end(),
              [&](std::uint32_t a, std::uint32_t b) { return std::pair(hash[a], a) < std::pair(hash[b], b); });
    grouped_.reserve(block_.count);  // groups point into it
    std::vector<Group> groups;
    for (std::size_t begin = 0; begin < sorted.size();) {
      std::size_t end = begin + 1;
      while (end < sorted.size() && hash[sorted[end]] == hash[sorted[begin]]) ++end;
      split_run(std::span(sorted).subspan(begin, end - begin), groups);
      begin = end;
    }
    return groups;
  }

  // Highest level first; within a level in the order of the hash of their positions, which is as good as drawn.
  static std::vector<std::uint32_t> by_level(const std::vector<Group>& groups, std::uint32_t degree,
                                             GraphHeader& header) {
    struct Key {
      std::uint32_t below;  // levels below the highest possible
      std::uint64_t drawn;
      std::uint32_t group;
      auto operator<=>(const Key&) const = default;  // NOLINT(modernize-use-nullptr): finds its own code
    };
    std::vector<Key> keys;
    for (std::uint32_t i = 0; i < groups.size(); ++i) {
      const std::uint32_t position = groups[i].front();
      const std::uint32_t level = drawn_level(position, degree);
      keys.push_back({static_cast<std::uint32_t>(kGraphLevels) - level, mixed(~std::uint64_t{position}), i});
      for (std::uint32_t l = 0; l <= level; ++l) ++header.level_nodes[l];
    }
    std::sort(keys.begin(), keys.end());
    std::vector<std::uint32_t> order;
    order.reserve(keys.size());
    for (const Key& key : keys) order.push_back(key.group);
    return order;
  }

  static void write_rows(const std::vector<Group>& groups, const std::vector<std::uint32_t>& order, GraphNodes& nodes) {
    const auto first = graph_section<std::uint32_t>(nodes.file, nodes.header, GraphSection::kFirst);
    const auto positions = graph_section<std::uint32_t>(nodes.file, nodes.header, GraphSection::kPositions);
    std::uint32_t next = 0;
    for (std::size_t node = 0; node < order.size(); ++node) {
      if (!first.empty()) first[node] = next;
      for (const std::uint32_t position : groups[order[node]]) positions[next++] = position;
    }
    if (!first.empty()) first.back() = next;
  }

  void write_codes(GraphNodes& nodes) const {
    const auto centre = graph_section<float>(nodes.file, nodes.header, GraphSection::kCentre);
    std::copy(centre_.begin(), centre_.end(), centre.begin());
    const auto codes = graph_section<std::uint8_t>(nodes.file, nodes.header, GraphSection::kCodes);
    const auto terms = graph_section<CodeTerms>(nodes.file, nodes.header, GraphSection::kTerms);
    const GraphView view = view_graph(nodes.file, nodes.header);
    const std::size_t stride = code_bytes(block_.dim);
    for_each_index(pool_, (terms.size() + kRowsATask - 1) / kRowsATask, [&](std::size_t task) {
      const std::size_t end = std::min(terms.size(), (task + 1) * kRowsATask);
      for (std::size_t node = task * kRowsATask; node < end; ++node) {
        const std::uint32_t position = view.positions_of(static_cast<std::uint32_t>(node)).front();
        terms[node] = encode(position, codes.subspan(node * stride, stride));
      }
    });
  }

  const VectorBlock& block_;
  ThreadPool* pool_;
  std::vector<float> centre_;
  CodeSpace space_;
  std::vector<std::uint32_t> grouped_;
};

}  // namespace

void for_each_index(ThreadPool* pool, std::size_t count, const std::function<void(std::size_t)>& body) {
  if (pool != nullptr) return pool->parallel_for(count, body);
  for (std::size_t i = 0; i < count; ++i) body(i);
}

namespace {

void reorder_rows(GraphNodes& nodes, std::uint32_t begin, std::span<const std::uint32_t> order) {
  const GraphView view = view_graph(nodes.file, nodes.header);
  const auto first = graph_section<std::uint32_t>(nodes.file, nodes.header, GraphSection::kFirst);
  const auto positions = graph_section<std::uint32_t>(nodes.file, nodes.header, GraphSection::kPositions);
  std::vector<std::uint32_t> moved;
  std::vector<std::uint32_t> counts;
  for (const std::uint32_t node : order) {
    const auto rows = view.positions_of(node);
    moved.insert(moved.end(), rows.begin(), rows.end());
    counts.push_back(static_cast<std::uint32_t>(rows.size()));
  }
  std::uint32_t next = first.empty() ? begin : first[begin];
  std::copy(moved.begin(), moved.end(), positions.begin() + next);
  for (std::size_t i = 0; i < counts.size() && !first.empty(); ++i) {
    first[begin + i] = next;
    next += counts[i];
  }
}

}  // namespace

void reorder_graph_nodes(GraphNodes& nodes, std::uint32_t begin, std::span<const std::uint32_t> order) {
  reorder_rows(nodes, begin, order);
  const auto codes = graph_section<std::uint8_t>(nodes.file, nodes.header, GraphSection::kCodes);
  const auto terms = graph_section<CodeTerms>(nodes.file, nodes.header, GraphSection::kTerms);
  const std::size_t bytes = code_bytes(nodes.header.dim);
  const auto move = [&](std::uint32_t from, std::uint32_t to) {
    std::copy_n(codes.data() + from * bytes, bytes, codes.data() + to * bytes);
    terms[to] = terms[from];
  };
  // Cycle by cycle in place: one row is put aside, the others move up.
  std::vector<bool> done(order.size(), false);
  std::vector<std::uint8_t> aside(bytes);
  for (std::uint32_t start = 0; start < order.size(); ++start) {
    if (done[start]) continue;
    std::copy_n(codes.data() + (begin + start) * bytes, bytes, aside.data());
    const CodeTerms aside_terms = terms[begin + start];
    std::uint32_t hole = start;
    for (; order[hole] != begin + start; hole = order[hole] - begin) {
      done[hole] = true;
      move(order[hole], begin + hole);
    }
    done[hole] = true;
    std::copy_n(aside.data(), bytes, codes.data() + (begin + hole) * bytes);
    terms[begin + hole] = aside_terms;
  }
}

std::uint32_t drawn_level(std::uint64_t position, std::uint32_t degree) {
  const std::uint64_t drawn = mixed(position);
  std::uint32_t level = 0;
  for (std::uint64_t below = UINT64_MAX / degree; level + 1 < kGraphLevels && drawn < below; below /= degree) ++level;
  return level;
}

GraphNodes make_graph_nodes(const VectorBlock& block, Metric metric, const GraphBuildOptions& options,
                            ThreadPool* pool) {
  return NodeMaker(block, metric, pool).make(options);
}

}  // namespace pictor
