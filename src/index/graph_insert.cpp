// Algorithm 1 of Malkov and Yashunin (TPAMI 2020). Where it departs: nodes come highest level first, so the entry never
// changes and a level is complete before the next is begun; of a level, near ones one after the other; nodes are placed
// in batches; lists are cut back when they are a quarter longer than they may be, not each time.
#include "index/graph_insert.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

namespace pictor {
namespace {

// Nodes placed side by side. All pairs of a batch are compared, so more would cost more than the walks do.
constexpr std::size_t kBatchMax = 128;

constexpr std::uint32_t kNodesATask = 256;

struct NewLinks {  // of one node, by level
  std::vector<std::vector<std::uint32_t>> levels;
};

struct BackLink {
  std::uint32_t target = 0;
  std::uint32_t source = 0;
  auto operator<=>(const BackLink&) const = default;  // NOLINT(modernize-use-nullptr): finds its own code
};

class Inserter {
 public:
  Inserter(GraphNodes& nodes, ThreadPool* pool)
      : nodes_(nodes),
        header_(nodes.header),
        pool_(pool),
        codes_{graph_section<std::uint8_t>(nodes.file, header_, GraphSection::kCodes).data(), code_bytes(header_.dim),
               graph_section<CodeTerms>(nodes.file, header_, GraphSection::kTerms).data()} {
    for (std::uint32_t level = 0; level < header_.levels(); ++level) {
      lists_.emplace_back(header_.level_nodes[level], header_.link_stride(level));
    }
  }

  Status run(const GraphBuildOptions& options) {
    const std::uint32_t all = header_.nodes;
    std::uint32_t begin = 1;
    for (std::uint32_t level = header_.levels(); level-- > 0;) {
      const std::uint32_t end_of_level = header_.level_nodes[level];
      arrange(begin, end_of_level, level);
      while (begin < end_of_level) {
        const std::uint32_t end = std::min(end_of_level, begin + std::min<std::uint32_t>(begin, kBatchMax));
        insert_batch(begin, end);
        begin = end;
        if (options.progress && !options.progress(end, all)) {
          return {Code::kCancelled, "stopped after " + std::to_string(end) + " of " + std::to_string(all) + " rows"};
        }
      }
    }
    finish();
    return Status::ok();
  }

 private:
  std::uint32_t level_of(std::uint32_t node) const {
    std::uint32_t level = 0;
    while (level + 1 < header_.levels() && node < header_.level_nodes[level + 1]) ++level;
    return level;
  }

  // Numbers the nodes that have `level` as their highest by the node of the level above that each is nearest to. So
  // near nodes lie near each other in memory, and are placed one after the other while what they look at is in the
  // cache.
  void arrange(std::uint32_t begin, std::uint32_t end, std::uint32_t level) {
    if (level + 1 == header_.levels() || begin >= end) return;
    struct Place {
      std::uint32_t above;
      std::uint32_t node;
      auto operator<=>(const Place&) const = default;  // NOLINT(modernize-use-nullptr): finds its own code
    };
    std::vector<Place> places(end - begin);
    for_each_index(pool_, (places.size() + kNodesATask - 1) / kNodesATask, [&](std::size_t task) {
      GraphScratchPool::Lease scratch(scratches_);
      GraphWalk walk(codes_.codes, codes_.bytes, codes_.terms, *scratch);
      for (std::size_t i = task * kNodesATask; i < std::min(places.size(), (task + 1) * kNodesATask); ++i) {
        const auto node = static_cast<std::uint32_t>(begin + i);
        query_of_row(codes_.of(node), codes_.terms[node].scale, scratch->query);
        places[i] = {node_of(descend(walk, scratch->query, level)), node};
      }
    });
    std::sort(places.begin(), places.end());
    std::vector<std::uint32_t> order;
    order.reserve(places.size());
    for (const Place& place : places) order.push_back(place.node);
    reorder_graph_nodes(nodes_, begin, order);
  }

  // The node of the level above `level` where a walk enters it.
  Candidate descend(GraphWalk& walk, const CodedQuery& query, std::uint32_t level) const {
    Candidate nearest = candidate(walk.distance(query, 0), 0);
    for (std::uint32_t l = header_.levels(); l-- > level + 1;) {
      nearest = walk.greedy(lists_[l].source(), query, nearest);
    }
    return nearest;
  }

  void insert_batch(std::uint32_t begin, std::uint32_t end) {
    std::vector<NewLinks> found(end - begin);
    for_each_index(pool_, found.size(),
                   [&](std::size_t i) { found[i] = place(static_cast<std::uint32_t>(begin + i), begin); });
    for (std::uint32_t level = 0; level < header_.levels(); ++level) {
      std::vector<BackLink> back;
      for (std::uint32_t node = begin; node < end; ++node) {
        const auto& levels = found[node - begin].levels;
        if (level >= levels.size()) continue;
        lists_[level].set(node, levels[level]);
        for (const std::uint32_t target : levels[level]) back.push_back({target, node});
      }
      std::sort(back.begin(), back.end());
      add_back_links(lists_[level], back);
    }
  }

  NewLinks place(std::uint32_t node, std::uint32_t placed) {
    GraphScratchPool::Lease scratch(scratches_);
    GraphWalk walk(codes_.codes, codes_.bytes, codes_.terms, *scratch);
    query_of_row(codes_.of(node), codes_.terms[node].scale, scratch->query);
    const std::uint32_t level = level_of(node);
    NewLinks found;
    found.levels.resize(level + 1);
    Candidate nearest = descend(walk, scratch->query, level);
    for (std::uint32_t l = level + 1; l-- > 0;) {
      walk.nearest(lists_[l].source(), scratch->query, nearest, header_.ef);
      nearest = scratch->best.front() & ~Candidate{1};
      found.levels[l] = choose(node, placed, l, walk, *scratch);
    }
    return found;
  }

  std::vector<std::uint32_t> choose(std::uint32_t node, std::uint32_t placed, std::uint32_t level, GraphWalk& walk,
                                    GraphScratch& scratch) {
    std::vector<Candidate>& near = scratch.best;
    const auto found = static_cast<std::ptrdiff_t>(near.size());
    walk.append_range(scratch.query, placed, node);
    const float bias = codes_.terms[node].bias;
    for (Candidate& c : near) c = candidate(distance_of(c) - bias, node_of(c));
    // Those that the walk found are in order but for distances that the bias has rounded together.
    const auto elders = near.begin() + found;
    if (!std::is_sorted(near.begin(), elders)) std::sort(near.begin(), elders);
    std::sort(elders, near.end());
    std::inplace_merge(near.begin(), elders, near.end());
    if (near.size() > header_.ef) near.resize(header_.ef);
    const ChooserLease chooser(*this);
    const auto chosen = chooser->choose(near, lists_[level].limit());
    return {chosen.begin(), chosen.end()};
  }

  // One task a list that gets links, some lists at a time.
  void add_back_links(LinkLists& lists, const std::vector<BackLink>& back) {
    std::vector<std::size_t> begins;
    for (std::size_t i = 0; i < back.size(); ++i) {
      if (i == 0 || back[i].target != back[i - 1].target) begins.push_back(i);
    }
    begins.push_back(back.size());
    constexpr std::size_t kListsATask = 32;
    const std::size_t count = begins.size() - 1;
    for_each_index(pool_, (count + kListsATask - 1) / kListsATask, [&](std::size_t task) {
      const ChooserLease chooser(*this);
      std::vector<std::uint32_t> sources;
      for (std::size_t i = task * kListsATask; i < std::min(count, (task + 1) * kListsATask); ++i) {
        sources.clear();
        for (std::size_t j = begins[i]; j < begins[i + 1]; ++j) sources.push_back(back[j].source);
        lists.add(back[begins[i]].target, sources, *chooser);
      }
    });
  }

  void finish() {
    const auto lowest = graph_section<std::uint32_t>(nodes_.file, header_, GraphSection::kLinks);
    const auto upper = graph_section<std::uint32_t>(nodes_.file, header_, GraphSection::kUpperLinks);
    std::size_t before = 0;
    for (std::uint32_t level = 0; level < header_.levels(); ++level) {
      const std::size_t stride = header_.link_stride(level);
      const std::uint32_t count = header_.level_nodes[level];
      const LinkTable table{level == 0 ? lowest : upper.subspan(before * stride, count * stride), stride, count};
      if (level > 0) before += count;
      take_all(lists_[level], table);
      connect_all(table, codes_);
    }
  }

  void take_all(LinkLists& lists, const LinkTable& table) {
    for_each_index(pool_, (table.nodes + kNodesATask - 1) / kNodesATask, [&](std::size_t task) {
      const ChooserLease chooser(*this);
      const auto begin = static_cast<std::uint32_t>(task * kNodesATask);
      for (std::uint32_t node = begin; node < std::min(table.nodes, begin + kNodesATask); ++node) {
        lists.take(node, *chooser, table.of(node));
      }
    });
  }

  // A chooser for one task; its memory is used again.
  class ChooserLease {
   public:
    explicit ChooserLease(Inserter& owner) : owner_(owner) {
      const std::lock_guard lock(owner.mutex_);
      if (owner.choosers_.empty()) {
        chooser_ = std::make_unique<LinkChooser>(owner.codes_);
      } else {
        chooser_ = std::move(owner.choosers_.back());
        owner.choosers_.pop_back();
      }
    }
    ~ChooserLease() {
      const std::lock_guard lock(owner_.mutex_);
      owner_.choosers_.push_back(std::move(chooser_));
    }
    ChooserLease(const ChooserLease&) = delete;
    ChooserLease& operator=(const ChooserLease&) = delete;
    LinkChooser& operator*() const { return *chooser_; }
    LinkChooser* operator->() const { return chooser_.get(); }

   private:
    Inserter& owner_;
    std::unique_ptr<LinkChooser> chooser_;
  };

  GraphNodes& nodes_;
  const GraphHeader& header_;
  ThreadPool* pool_;
  NodeCodes codes_;
  std::vector<LinkLists> lists_;
  GraphScratchPool scratches_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<LinkChooser>> choosers_;
};

}  // namespace

Status insert_graph_nodes(GraphNodes& nodes, const GraphBuildOptions& options, ThreadPool* pool) {
  return Inserter(nodes, pool).run(options);
}

}  // namespace pictor
