#include "index/graph_filter.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>
#include <string>
#include <utility>

#include "index/graph_calibrate.h"
#include "observe/observe.h"

namespace pictor {
namespace {

constexpr std::size_t kSample = 128;       // nodes that are asked for first
constexpr std::size_t kAskAll = 4096;      // rows, and fewer: all are asked for at once
constexpr double kSampleShare = 1.0 / 16;  // less than that is counted, not estimated
constexpr double kAskedRow = 0.02;         // what it costs to ask for one row, where one row of a scan costs 1
constexpr std::size_t kRowsAtOnce = 64;
constexpr std::size_t kCodesAtOnce = 512;

// Where codes are cheaper than a walk, if the allowed rows are no nearer than others, a walk is tried first for this
// share of their cost, since the allowed rows may lie near the query.
constexpr double kTrial = 0.25;
// For n times as many neighbours a walk needs less than n times as many candidates.
constexpr double kManyAtOnce = 0.4;
constexpr std::size_t kHeldTimes = 4;

std::string percent(double share) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.3g %%", 100 * share);
  return text.data();
}

std::string whole(double number) { return std::to_string(static_cast<std::uint64_t>(std::llround(number))); }

// Bytes of 0 and 1, 64 at a time as bits: whether a row is allowed cannot be foreseen, and a branch a row would cost
// more than all else.
std::uint64_t bits_of(const std::uint8_t* bytes) {
  constexpr std::uint64_t kGather = 0x0102040810204080;  // brings the last bit of each byte into the first byte
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < 8; ++i) {
    std::uint64_t eight = 0;
    std::memcpy(&eight, bytes + 8 * i, sizeof(eight));
    bits |= (eight * kGather >> 56) << (8 * i);
  }
  return bits;
}

void list_allowed(std::span<const std::uint8_t> bytes, std::vector<std::uint32_t>& positions) {
  positions.clear();
  std::size_t begin = 0;
  for (; begin + 64 <= bytes.size(); begin += 64) {
    for (std::uint64_t bits = bits_of(bytes.data() + begin); bits != 0; bits &= bits - 1) {
      positions.push_back(static_cast<std::uint32_t>(begin + static_cast<std::size_t>(std::countr_zero(bits))));
    }
  }
  for (; begin < bytes.size(); ++begin) {
    if (bytes[begin] != 0) positions.push_back(static_cast<std::uint32_t>(begin));
  }
}

}  // namespace

std::span<const std::uint32_t> NodesAt::get() const {
  std::call_once(made_, [this] {
    nodes_.assign(view_.header.rows, 0);
    for (std::uint32_t node = 0; node < view_.header.nodes; ++node) {
      for (const std::uint32_t position : view_.positions_of(node)) {
        if (position < nodes_.size()) nodes_[position] = node;
      }
    }
  });
  return nodes_;
}

// The rows of nodes, asked of the filter itself or, once all were asked for, of what it said.
class FilteredSearch::Nodes final : public NodeFilter {
 public:
  explicit Nodes(const FilteredSearch& of) : of_(of) {}

  void allowed(std::span<const std::uint32_t> nodes, std::span<std::uint8_t> out) override {
    const GraphView& view = of_.graph_.view;
    const std::size_t rows = of_.graph_.block.count;
    if (!view.first.empty()) return allowed_of_many(nodes, out);
    positions_.resize(nodes.size());
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      positions_[i] = std::min<std::uint32_t>(view.positions[nodes[i]], static_cast<std::uint32_t>(rows - 1));
    }
    ask(positions_, out);
  }

 private:
  void ask(std::span<const std::uint32_t> positions, std::span<std::uint8_t> out) const {
    if (!of_.asked_all_) return of_.query_.filter->allowed_at(positions, out);
    for (std::size_t i = 0; i < positions.size(); ++i) out[i] = of_.scratch_.allowed[positions[i]];
  }

  void allowed_of_many(std::span<const std::uint32_t> nodes, std::span<std::uint8_t> out) {
    positions_.clear();
    ends_.clear();
    for (const std::uint32_t node : nodes) {
      for (const std::uint32_t position : of_.graph_.view.positions_of(node)) {
        if (position < of_.graph_.block.count) positions_.push_back(position);
      }
      ends_.push_back(positions_.size());
    }
    answers_.resize(positions_.size());
    ask(positions_, answers_);
    std::size_t begin = 0;
    for (std::size_t i = 0; i < nodes.size(); begin = ends_[i++]) {
      const auto first = answers_.begin() + static_cast<std::ptrdiff_t>(begin);
      const auto last = answers_.begin() + static_cast<std::ptrdiff_t>(ends_[i]);
      out[i] = std::any_of(first, last, [](std::uint8_t byte) { return byte != 0; }) ? 1 : 0;
    }
  }

  const FilteredSearch& of_;
  std::vector<std::uint32_t> positions_;
  std::vector<std::size_t> ends_;
  std::vector<std::uint8_t> answers_;
};

FilteredSearch::FilteredSearch(const FilteredGraph& graph, const IndexQuery& query, const GraphPlan& plan,
                               GraphScratch& scratch)
    : graph_(graph),
      query_(query),
      plan_(plan),
      ef_(plan.ef),
      scratch_(scratch),
      search_(graph.view, graph.block, query.vector, scratch),
      ranking_(search_, graph.view, graph.block, query.k, scratch) {}

double FilteredSearch::walk_cost(double ef) const {
  return expected_distances(graph_.view.steps_for(query_.strange), {static_cast<std::size_t>(ef), plan_.ranking}) *
         graph_.costs.walk_distance;
}

double FilteredSearch::codes_cost(double rows) const {
  const double ask = asked_all_ ? 0.0 : kAskedRow * static_cast<double>(graph_.block.count);
  return ask + graph_.costs.code_row * rows + 2 * static_cast<double>(rescored_for(query_.k));
}

// Numbers of nodes go by level and then by place, so that every n-th node is a fair sample.
void FilteredSearch::draw_sample(NodeFilter& nodes) {
  const std::uint64_t count = graph_.view.header.nodes;
  const std::size_t drawn = std::min<std::size_t>(kSample, count);
  scratch_.candidates.clear();
  for (std::size_t i = 0; i < drawn; ++i) {
    scratch_.candidates.push_back(static_cast<std::uint32_t>((2 * i + 1) * count / (2 * drawn)));
  }
  scratch_.answers.resize(drawn);
  nodes.allowed(scratch_.candidates, scratch_.answers);
  const auto allowed = std::count_if(scratch_.answers.begin(), scratch_.answers.end(), [](auto byte) { return byte; });
  share_ = (static_cast<double>(allowed) + 0.5) / (static_cast<double>(drawn) + 1);
}

void FilteredSearch::ask_for_all() {
  if (asked_all_) return;
  scratch_.allowed.resize(graph_.block.count);
  query_.filter->allowed(0, scratch_.allowed);
  asked_all_ = true;
}

// All allowed positions into scratch_.positions.
void FilteredSearch::list_all() {
  if (listed_) return;
  ask_for_all();
  list_allowed(scratch_.allowed, scratch_.positions);
  share_ = static_cast<double>(scratch_.positions.size()) / static_cast<double>(graph_.block.count);
  listed_ = true;
}

IndexAnswer FilteredSearch::answer(SearchWay way, std::vector<Neighbor> neighbors, const std::string& why) const {
  return {std::move(neighbors), search_.distances() + ranking_.scored(), way == SearchWay::kScan, way, share_, why};
}

IndexAnswer FilteredSearch::run() {
  std::string why;
  const bool codable = search_.start();
  if (graph_.block.count > kAskAll) {
    Nodes nodes(*this);
    draw_sample(nodes);
  }
  if (!codable || graph_.block.count <= kAskAll || share_ < kSampleShare) list_all();
  const double rows = share_ * static_cast<double>(graph_.block.count);
  if (codable && codes_cost(rows) < rows) {
    std::vector<Neighbor> found;
    SearchWay way = SearchWay::kCodes;
    if (walk(rows, found, way, why)) return answer(way, std::move(found), why);
    list_all();
    if (scan_codes(found)) return answer(SearchWay::kCodes, std::move(found), why);
    if (query_.explain) why += "; too many rows lie at nearly one distance for codes";
  } else if (query_.explain) {
    why = codable ? "few rows are allowed" : "the query is out of proportion to the codes";
  }
  list_all();
  return answer(SearchWay::kScan, scan_vectors(), why);
}

bool FilteredSearch::walk(double rows, std::vector<Neighbor>& found, SearchWay& way, std::string& why) {
  const double codes = codes_cost(rows);
  const auto least = static_cast<double>(query_.k) * 1.125 + 2;
  const double ef = std::max(least, static_cast<double>(ef_) * std::pow(share_, kManyAtOnce));
  const double cost = walk_cost(ef / share_);
  const bool trial = cost >= codes;
  if (query_.explain) {
    why = "a walk for " + percent(share_) + " costs about " + whole(cost) + ", codes of " + whole(rows) + " rows " +
          whole(codes);
  }
  if (trial && walk_cost(ef) >= kTrial * codes) return false;
  const auto held = static_cast<std::size_t>(1.3 * ef / share_) + ef_ + 16;
  // What is to be followed where the share is the same everywhere, and chance with it.
  const auto held_first = static_cast<std::size_t>((ef + 3 * std::sqrt(ef * (1 - share_))) / share_) + 8;
  const auto budget = static_cast<std::uint64_t>((trial ? kTrial : 1.0) * codes / graph_.costs.walk_distance);
  Nodes nodes(*this);
  const auto walked = search_.walker().nearest_filtered(
      search_.links(0), search_.query(), search_.descend(),
      {ef_, static_cast<std::size_t>(least), held_first, held, share_, kManyAtOnce, search_.distances() + budget},
      nodes);
  way = SearchWay::kGraphFilter;
  bool good = walked == GraphWalk::Walked::kDone;
  if (query_.explain && !good) {
    why += walked == GraphWalk::Walked::kFew ? "; near the query less is allowed than elsewhere"
                                             : "; a walk came to its budget";
  }
  if (!good) return false;
  positions_of_best();
  timed(QueryStage::kRescore, [&] { return ranking_.settle(false, found); });
  return found.size() >= query_.k;
}

// Candidates of nodes become candidates of their allowed positions, in the same order.
void FilteredSearch::positions_of_best() {
  std::vector<Candidate> of_positions;
  std::vector<std::uint32_t> positions;
  for (const Candidate c : scratch_.best) {
    for (const std::uint32_t position : graph_.view.positions_of(node_of(c))) {
      // A damaged file may name a row often; no more are looked at than there are.
      if (position >= graph_.block.count || positions.size() >= graph_.block.count) continue;
      positions.push_back(position);
      of_positions.push_back(candidate(distance_of(c), position));
    }
  }
  if (!graph_.view.first.empty()) {
    scratch_.answers.resize(positions.size());
    query_.filter->allowed_at(positions, scratch_.answers);
    std::size_t kept = 0;
    for (std::size_t i = 0; i < positions.size(); ++i) {
      if (scratch_.answers[i] != 0) of_positions[kept++] = of_positions[i];
    }
    of_positions.resize(kept);
  }
  scratch_.best = std::move(of_positions);
}

std::vector<Neighbor> FilteredSearch::scan_vectors() {
  TopK top(query_.k);
  const std::span<const std::uint32_t> all(scratch_.positions);
  for (std::size_t begin = 0; begin < all.size(); begin += kRowsAtOnce) {
    const auto some = all.subspan(begin, std::min(kRowsAtOnce, all.size() - begin));
    ranking_.score(some, top);
  }
  return top.take_sorted();
}

// Of the allowed rows, the `held` nearest by code or more into scratch_.best, by position and in no order; kSome when
// others were left out. With a cutoff: all up to it; kTooMany when those are more.
FilteredSearch::Held FilteredSearch::hold_by_codes(std::size_t held, float cutoff) {
  const bool all_wanted = std::isfinite(cutoff);
  const auto nodes_at = graph_.nodes_at.get();
  auto& best = scratch_.best;
  best.clear();
  std::array<std::uint32_t, kCodesAtOnce> nodes{};
  std::array<float, kCodesAtOnce> distances{};
  const std::span<const std::uint32_t> all(scratch_.positions);
  float worst = cutoff;
  Held result = Held::kAll;
  for (std::size_t begin = 0; begin < all.size(); begin += kCodesAtOnce) {
    const auto positions = all.subspan(begin, std::min(kCodesAtOnce, all.size() - begin));
    for (std::size_t i = 0; i < positions.size(); ++i) nodes[i] = nodes_at[positions[i]];
    search_.walker().scan(search_.query(), std::span(nodes).first(positions.size()), distances);
    for (std::size_t i = 0; i < positions.size(); ++i) {
      if (distances[i] > worst) continue;
      best.push_back(candidate(distances[i], positions[i]));
      if (all_wanted && best.size() > held) return Held::kTooMany;
      if (all_wanted || best.size() < kHeldTimes * held) continue;
      std::nth_element(best.begin(), best.begin() + static_cast<std::ptrdiff_t>(held - 1), best.end());
      best.resize(held);
      worst = distance_of(best.back());
      result = Held::kSome;
    }
  }
  return result;
}

bool FilteredSearch::scan_codes(std::vector<Neighbor>& found) {
  constexpr float kAllOfThem = std::numeric_limits<float>::infinity();
  const std::size_t held = kHeldTimes * rescored_for(query_.k);
  const Held first = hold_by_codes(held, kAllOfThem);
  const float enough = timed(QueryStage::kRescore, [&] { return ranking_.settle(first == Held::kSome, found); });
  if (enough == kAllOfThem) return true;
  if (std::isnan(enough)) return false;  // numbers so large that distances overflow
  const std::size_t most = std::max(4 * held, scratch_.positions.size() / 4);
  if (hold_by_codes(most, enough) == Held::kTooMany) return false;
  timed(QueryStage::kRescore, [&] { return ranking_.settle(false, found); });
  return true;
}

}  // namespace pictor
