// Algorithm 1 of Malkov and Yashunin (TPAMI 2020). Where it departs: nodes come highest level first, so the entry never
// changes and a level is complete before the next is begun; nodes come in batches; lists are cut back when they are
// half as long again as they may be, not each time.
#include "index/graph_insert.h"

#include <algorithm>
#include <memory>
#include <utility>

namespace pictor {
namespace {

// Nodes placed side by side. All pairs of a batch are compared, so more would cost more than the walks do.
constexpr std::size_t kBatchMax = 256;

struct NewLinks {  // of one node, by level
  std::vector<std::vector<std::uint32_t>> levels;
};

struct BackLink {
  std::uint32_t target = 0;
  std::uint32_t source = 0;
  auto operator<=>(const BackLink&) const = default;
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
    for (std::uint32_t begin = 1; begin < all;) {
      const std::uint32_t end = std::min<std::uint32_t>(all, begin + std::min<std::uint32_t>(begin, kBatchMax));
      insert_batch(begin, end);
      begin = end;
      if (options.progress && !options.progress(end, all)) {
        return {Code::kCancelled, "stopped after " + std::to_string(end) + " of " + std::to_string(all) + " rows"};
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
    Candidate nearest = candidate(walk.distance(scratch->query, 0), 0);
    for (std::uint32_t l = header_.levels(); l-- > 0;) {
      const LinkSource links = lists_[l].source();
      if (l > level) {
        nearest = walk.greedy(links, scratch->query, nearest);
        continue;
      }
      walk.nearest(links, scratch->query, nearest, header_.ef);
      nearest = scratch->best.front() & ~Candidate{1};
      found.levels[l] = choose(node, placed, l, walk, *scratch);
    }
    return found;
  }

  std::vector<std::uint32_t> choose(std::uint32_t node, std::uint32_t placed, std::uint32_t level, GraphWalk& walk,
                                    GraphScratch& scratch) {
    std::vector<Candidate>& near = scratch.best;
    for (std::uint32_t peer = placed; peer < node; ++peer) {
      near.push_back(candidate(walk.distance(scratch.query, peer), peer));
    }
    const float bias = codes_.terms[node].bias;
    for (Candidate& c : near) c = candidate(distance_of(c) - bias, node_of(c));
    std::sort(near.begin(), near.end());
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
    constexpr std::uint32_t kNodesATask = 256;
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
