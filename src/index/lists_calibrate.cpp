#include "index/lists_calibrate.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <mutex>
#include <utility>

#include "index/distance.h"
#include "index/graph_nodes.h"
#include "index/graph_walk.h"
#include "index/lists_search.h"

namespace pictor {
namespace {

constexpr std::size_t kQueries = 400;
constexpr float kStray = 0.2F;  // share of another row in a query: a near miss, as a picture of the same thing is
constexpr double kOneSided95 = 1.645;
constexpr std::array<std::uint32_t, 23> kProbes = {1,  2,   3,   4,   6,   8,   12,  16,   24,   32,   48,  64,
                                                   96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 3072};
// Times k: rows re-scored.
constexpr std::array<double, 16> kRescored = {1, 1.1, 1.2, 1.4, 1.6, 2, 2.5, 3, 4, 5, 7, 10, 15, 20, 30, 50};
// A step is kept when it closes so much of what the one before left open; with strange queries beside, both must fit.
constexpr double kGain = 0.12;
constexpr double kGainBeside = 0.16;
constexpr double kGainStrange = 0.4;
// Share of true neighbours in lists that the reach takes in; and how much further it goes: where a filter allows only
// far rows, lists are told apart less well than near the queries that are measured.
constexpr double kReached = 0.999;
constexpr float kReachMore = 1.25F;
// The same of likenesses by codes: a true neighbour may seem so much worse, and the k-th by codes better by half as
// much.
constexpr double kDoubted = 0.99;
constexpr float kDoubtMore = 1.5F;
// Rows that are compared with all queries before the next: they stay in the second-level cache.
constexpr std::size_t kTruthBytes = 256 * limits::kKiB;
constexpr std::size_t kRowsATask = 8192;
constexpr std::size_t kTasksAtOnce = 8;

std::size_t rescored_of(std::size_t k, std::size_t i) {
  return static_cast<std::size_t>(std::ceil(static_cast<double>(k) * kRescored[i]));
}

}  // namespace

namespace {

void place(const MadeLists& made, std::size_t position, std::span<float> out) {
  const float inverse_norm = made.space.metric() == Metric::kCosine ? made.block.inverse_norms[position] : 0.0F;
  made.space.place_row(made.block.vectors + position * made.block.dim, inverse_norm, out);
}

// The number that so many of all are not above.
float quantile(std::vector<double>& numbers, double share, float more) {
  if (numbers.empty()) return 0;
  const auto at = numbers.begin() + static_cast<std::ptrdiff_t>(share * static_cast<double>(numbers.size() - 1));
  std::nth_element(numbers.begin(), at, numbers.end());
  const float result = more * static_cast<float>(*at);
  return std::isfinite(result) ? result : 0.0F;
}

}  // namespace

CodeTerms code_row(const MadeLists& made, std::size_t position, std::span<std::uint8_t> out, float& square) {
  thread_local std::vector<float> placed;
  thread_local std::vector<float> rest;
  const std::size_t width = made.space.width();
  placed.resize(width);
  rest.resize(width);
  place(made, position, placed);
  const auto centre = made.centre(made.list_of[position]);
  for (std::size_t j = 0; j < width; ++j) rest[j] = placed[j] - centre[j];
  const ListRow row = code_rest(rest, centre, made.bits, out);
  square = kernels().dot(rest.data(), rest.data(), width);
  return {row.scale, made.space.bias_of(placed) + row.error_along};
}

float likeness_of_row(const MadeLists& made, const ListQuery& query, std::size_t position) {
  std::vector<float> placed(made.space.width());
  place(made, position, placed);
  return kernels().dot(query.numbers.data(), placed.data(), placed.size()) + made.space.bias_of(placed);
}

void ListCalibrator::draw(const StrangeQueries& strange) {
  const std::size_t rows = made_.block.count;
  const std::size_t count = std::min<std::size_t>(kQueries, rows / 2);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t position = (2 * i + 1) * rows / (2 * count);
    const std::size_t other = (position * 7919 + rows / 3) % rows;
    Drawn drawn = mix(static_cast<std::uint32_t>(position), static_cast<std::uint32_t>(other));
    if (can_ask(drawn)) drawn_.push_back(std::move(drawn));
  }
  add_strange(strange);
  for (const std::uint32_t probes : kProbes) {
    if (probes < made_.lists.size()) stages_.push_back(probes);
  }
  if (stages_.size() < kProbes.size()) stages_.push_back(static_cast<std::uint32_t>(made_.lists.size()));
}

bool ListCalibrator::can_ask(Drawn& drawn) const {
  const bool whole = std::all_of(drawn.vector.begin(), drawn.vector.end(), [](float x) { return std::isfinite(x); });
  const bool directed = made_.space.metric() != Metric::kCosine || drawn.inverse_norm > 0;
  return whole && directed && made_.space.place_query(drawn.vector, drawn.query);
}

void ListCalibrator::add_strange(const StrangeQueries& strange) {
  const std::size_t dim = made_.block.dim;
  std::size_t added = 0;
  for (std::size_t at = 0; at + dim <= strange.vectors.size() && added < kQueries; at += dim) {
    const auto vector = strange.vectors.subspan(at, dim);
    Drawn drawn;
    drawn.position = kNoPosition;
    drawn.vector.assign(vector.begin(), vector.end());
    drawn.inverse_norm = inverse_norm(drawn.vector);
    if (!can_ask(drawn)) continue;
    drawn_.push_back(std::move(drawn));
    ++added;
  }
}

ListCalibrator::Drawn ListCalibrator::mix(std::uint32_t position, std::uint32_t other) const {
  const VectorBlock& block = made_.block;
  Drawn drawn;
  drawn.position = position;
  drawn.vector.resize(block.dim);
  const float* a = block.vectors + std::size_t{position} * block.dim;
  const float* b = block.vectors + std::size_t{other} * block.dim;
  float factor = kStray;  // the other as long as the first, where only directions count
  if (made_.space.metric() == Metric::kCosine && block.inverse_norms[position] > 0) {
    factor = kStray * (block.inverse_norms[other] / block.inverse_norms[position]);
  }
  for (std::uint32_t j = 0; j < block.dim; ++j) drawn.vector[j] = (1.0F - kStray) * a[j] + factor * b[j];
  drawn.inverse_norm = inverse_norm(drawn.vector);
  return drawn;
}

Status ListCalibrator::find_truth(const std::function<Status(std::size_t rows)>& after) {
  const std::size_t rows = made_.block.count;
  const std::size_t most = kListKs.back();
  std::vector<TopK> tops(drawn_.size(), TopK(most));
  std::mutex mutex;
  for (std::size_t begin = 0; begin < rows; begin += kRowsATask * kTasksAtOnce) {
    const std::size_t end = std::min(rows, begin + kRowsATask * kTasksAtOnce);
    for_each_index(pool_, (end - begin + kRowsATask - 1) / kRowsATask, [&](std::size_t task) {
      std::vector<float> worst;
      {
        const std::lock_guard lock(mutex);
        for (const TopK& top : tops) worst.push_back(top.worst().value);
      }
      const std::size_t from = begin + task * kRowsATask;
      std::vector<std::vector<Neighbor>> found(drawn_.size());
      scan(from, std::min(kRowsATask, end - from), worst, found);
      const std::lock_guard lock(mutex);
      for (std::size_t q = 0; q < tops.size(); ++q) {
        for (const Neighbor& neighbor : found[q]) tops[q].push(neighbor);
      }
    });
    PICTOR_TRY(after(end));
  }
  for (std::size_t q = 0; q < tops.size(); ++q) drawn_[q].truth = tops[q].take_sorted();
  for_each_index(pool_, drawn_.size(), [&](std::size_t q) { prepare(drawn_[q]); });
  return Status::ok();
}

void ListCalibrator::scan(std::size_t begin, std::size_t count, std::span<const float> worst,
                          std::vector<std::vector<Neighbor>>& found) const {
  const VectorBlock& block = made_.block;
  const Metric metric = made_.space.metric();
  const auto sum_rows = metric == Metric::kL2 ? kernels().l2_squared_block : kernels().dot_block;
  const std::size_t rows = std::max<std::size_t>(1, kTruthBytes / (block.dim * sizeof(float)));
  std::vector<float> sums(rows);
  ahead_.starting(begin, rows);
  for (std::size_t at = begin; at < begin + count; at += rows) {
    const std::size_t some = std::min(rows, begin + count - at);
    ahead_.reading(at, rows);
    for (std::size_t q = 0; q < drawn_.size(); ++q) {
      sum_rows(drawn_[q].vector.data(), block.vectors + at * block.dim, some, block.dim, sums.data());
      for (std::size_t i = 0; i < some; ++i) {
        const float inverse_norm_row = metric == Metric::kCosine ? block.inverse_norms[at + i] : 0.0F;
        const Distance distance = distance_of_sum(metric, sums[i], drawn_[q].inverse_norm, inverse_norm_row);
        if (distance.value > worst[q] || at + i == drawn_[q].position) continue;
        found[q].push_back({distance, at + i});
      }
    }
  }
}

void ListCalibrator::prepare(Drawn& drawn) const {
  auto ranked = rank_lists(drawn.query, made_.centre_codes.data(), made_.lists);
  const std::size_t most = stages_.back();
  std::partial_sort(ranked.begin(), ranked.begin() + static_cast<std::ptrdiff_t>(most), ranked.end());
  drawn.rows_at.assign(stages_.size(), 0.0);
  std::uint32_t stage = 0;
  double rows = 0;
  for (std::size_t i = 0; i < most; ++i) {
    if (i == stages_[stage]) ++stage;
    const std::uint32_t list = node_of(ranked[i]);
    rows += static_cast<double>(made_.first[list + 1] - made_.first[list]);
    drawn.rows_at[stage] = rows;
    drawn.looked.push_back({list, stage});
  }
  std::sort(drawn.looked.begin(), drawn.looked.end(), [](const Looked& a, const Looked& b) { return a.list < b.list; });
  std::vector<std::uint8_t> codes(list_row_bytes(made_.block.dim, made_.bits));
  const std::uint8_t* row = codes.data();
  for (const Neighbor& neighbor : drawn.truth) {
    float square = 0;
    const CodeTerms terms = code_row(made_, neighbor.row, codes, square);
    const CodeTerms* of_row = &terms;
    Wanted wanted;
    wanted.list = made_.list_of[neighbor.row];
    wanted.truly = likeness_of_row(made_, drawn.query, neighbor.row);
    const auto centre = made_.centre(wanted.list);
    const float base = kernels().dot(drawn.query.numbers.data(), centre.data(), centre.size());
    list_likenesses(drawn.query, made_.bits, base, &row, &of_row, 1, &wanted.likeness);
    const auto looked = std::lower_bound(drawn.looked.begin(), drawn.looked.end(), wanted.list,
                                         [](const Looked& a, std::uint32_t list) { return a.list < list; });
    const bool there = looked != drawn.looked.end() && looked->list == wanted.list;
    wanted.stage = there ? looked->stage : static_cast<std::uint32_t>(stages_.size());
    drawn.wanted.push_back(wanted);
    drawn.likeness.push_back(wanted.likeness);
  }
  std::sort(drawn.likeness.begin(), drawn.likeness.end());
  drawn.better.assign(stages_.size() * (drawn.likeness.size() + 1), 0);
}

void ListCalibrator::count(std::size_t begin, std::size_t end, const std::uint8_t* codes, const CodeTerms* terms) {
  const std::size_t row_bytes = list_row_bytes(made_.block.dim, made_.bits);
  for_each_index(pool_, drawn_.size(), [&](std::size_t q) {
    Drawn& drawn = drawn_[q];
    if (drawn.likeness.empty()) return;
    auto looked = std::lower_bound(drawn.looked.begin(), drawn.looked.end(), begin,
                                   [](const Looked& a, std::size_t list) { return a.list < list; });
    for (; looked != drawn.looked.end() && looked->list < end; ++looked) {
      const std::size_t skip = made_.first[looked->list] - made_.first[begin];
      count_list(drawn, *looked, codes + skip * row_bytes, terms + skip);
    }
  });
}

void ListCalibrator::count_list(Drawn& drawn, const Looked& looked, const std::uint8_t* codes,
                                const CodeTerms* terms) const {
  const std::size_t row_bytes = list_row_bytes(made_.block.dim, made_.bits);
  std::array<const std::uint8_t*, kListRowsAtOnce> rows{};
  std::array<const CodeTerms*, kListRowsAtOnce> of_rows{};
  std::array<float, kListRowsAtOnce> likeness;
  const auto centre = made_.centre(looked.list);
  const float base = kernels().dot(drawn.query.numbers.data(), centre.data(), centre.size());
  const std::uint32_t first = made_.first[looked.list];
  const std::size_t all = made_.first[looked.list + 1] - first;
  std::uint32_t* better = drawn.better.data() + looked.stage * (drawn.likeness.size() + 1);
  for (std::size_t begin = 0; begin < all; begin += kListRowsAtOnce) {
    const std::size_t count = std::min(kListRowsAtOnce, all - begin);
    for (std::size_t i = 0; i < count; ++i) {
      rows[i] = codes + (begin + i) * row_bytes;
      of_rows[i] = terms + begin + i;
    }
    list_likenesses(drawn.query, made_.bits, base, rows.data(), of_rows.data(), count, likeness.data());
    for (std::size_t i = 0; i < count; ++i) {
      if (!(likeness[i] > drawn.likeness.front()) || made_.positions[first + begin + i] == drawn.position) continue;
      const auto above = std::lower_bound(drawn.likeness.begin(), drawn.likeness.end(), likeness[i]);
      ++better[above - drawn.likeness.begin()];
    }
  }
}

void ListCalibrator::add_recalls(const Drawn& drawn, std::size_t k, std::vector<Sums>& sums) const {
  const std::size_t wanted = std::min(k, drawn.wanted.size());
  const std::size_t all = drawn.likeness.size();
  std::vector<std::uint32_t> before(all + 1, 0);  // rows that are nearer than so many of the true ones, up to a stage
  std::vector<std::size_t> beaten_by(all + 1);
  for (std::size_t stage = 0; stage < stages_.size(); ++stage) {
    for (std::size_t i = 0; i <= all; ++i) before[i] += drawn.better[stage * (all + 1) + i];
    std::size_t sum = 0;
    for (std::size_t i = all + 1; i-- > 0;) {
      beaten_by[i] = sum;  // rows nearer than the i-th of drawn.likeness
      sum += before[i];
    }
    std::array<std::size_t, kRescored.size()> found{};
    for (std::size_t i = 0; i < wanted; ++i) {
      if (drawn.wanted[i].stage > stage) continue;
      const auto place = std::lower_bound(drawn.likeness.begin(), drawn.likeness.end(), drawn.wanted[i].likeness);
      const std::size_t nearer = beaten_by[static_cast<std::size_t>(place - drawn.likeness.begin())];
      for (std::size_t r = 0; r < found.size(); ++r) found[r] += nearer < rescored_of(k, r) ? 1 : 0;
    }
    for (std::size_t r = 0; r < found.size(); ++r) {
      const double recall = wanted == 0 ? 1.0 : static_cast<double>(found[r]) / static_cast<double>(wanted);
      sums[stage * kRescored.size() + r].recall += recall;
      sums[stage * kRescored.size() + r].squares += recall * recall;
    }
  }
}

std::vector<ListStep> ListCalibrator::steps_of(std::size_t k, bool strange, double gain,
                                               const std::function<double(double, double)>& cost) const {
  std::vector<Sums> sums(stages_.size() * kRescored.size());
  std::vector<double> rows(stages_.size(), 0.0);
  double count = 0;
  for (const Drawn& drawn : drawn_) {
    if (drawn.strange() != strange) continue;
    count += 1;
    add_recalls(drawn, k, sums);
    for (std::size_t stage = 0; stage < stages_.size(); ++stage) rows[stage] += drawn.rows_at[stage];
  }
  if (count == 0) return {};
  std::vector<std::pair<double, ListStep>> tried;
  for (std::size_t i = 0; i < sums.size(); ++i) {
    const std::size_t stage = i / kRescored.size();
    const double mean = sums[i].recall / count;
    const double spread = std::sqrt(std::max(0.0, sums[i].squares / count - mean * mean) / count);
    // What none of so few queries showed: the "rule of three" for a share that was never seen.
    const double unseen = 3.0 / (count * static_cast<double>(k));
    ListStep step;
    step.probes = stages_[stage];
    step.rescored = static_cast<std::uint32_t>(rescored_of(k, i % kRescored.size()));
    step.recall_low = static_cast<float>(std::max(0.0, mean - kOneSided95 * spread - unseen));
    step.recall_mean = static_cast<float>(mean);
    step.rows = static_cast<float>(rows[stage] / count);
    step.strange = strange ? 1 : 0;
    tried.emplace_back(cost(static_cast<double>(step.rows), static_cast<double>(step.rescored)), step);
  }
  std::stable_sort(tried.begin(), tried.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<ListStep> steps;
  double open = 1;
  for (const auto& [its_cost, step] : tried) {
    const double left = 1.0 - static_cast<double>(step.recall_low);
    if (left > open * (1 - gain) || steps.size() == limits::kListStepsMax) continue;
    open = left;
    steps.push_back(step);
  }
  return steps;
}

double ListCalibrator::lever_and_spread(const Drawn& drawn, const Wanted& wanted, float product) const {
  const ListTerms& terms = made_.lists[wanted.list];
  return made_.space.lever(drawn.query, product, terms.square) * static_cast<double>(terms.spread);
}

// What a true neighbour's list seemed to promise less than it held, in levers times spreads.
float ListCalibrator::reach() const {
  std::vector<double> reaches;
  for (const Drawn& drawn : drawn_) {
    for (const std::size_t k : kListKs) {
      const auto wanted = std::span(drawn.wanted).first(std::min(k, drawn.wanted.size()));
      float worst = std::numeric_limits<float>::infinity();
      for (const Wanted& one : wanted) worst = std::min(worst, one.likeness);
      for (const Wanted& one : wanted) {
        const auto centre = made_.centre(one.list);
        const float product = kernels().dot(drawn.query.numbers.data(), centre.data(), centre.size());
        const double most = lever_and_spread(drawn, one, product);
        const double missing = static_cast<double>(worst) - static_cast<double>(product + made_.lists[one.list].mean);
        if (most > 0) reaches.push_back(std::max(0.0, missing / most));
      }
    }
  }
  return quantile(reaches, kReached, kReachMore);
}

// How far codes mistake the likeness of a true neighbour, in the same measure.
float ListCalibrator::doubt() const {
  std::vector<double> doubts;
  for (const Drawn& drawn : drawn_) {
    for (const Wanted& one : drawn.wanted) {
      const auto centre = made_.centre(one.list);
      const float product = kernels().dot(drawn.query.numbers.data(), centre.data(), centre.size());
      const double most = lever_and_spread(drawn, one, product);
      if (most > 0) doubts.push_back(std::fabs(static_cast<double>(one.truly - one.likeness)) / most);
    }
  }
  return quantile(doubts, kDoubted, kDoubtMore);
}

ListCalibration ListCalibrator::finish(const std::function<double(double rows, double rescored)>& cost) const {
  ListCalibration calibration;
  if (drawn_.empty()) return calibration;
  const bool beside = std::any_of(drawn_.begin(), drawn_.end(), [](const Drawn& drawn) { return drawn.strange(); });
  for (std::size_t i = 0; i < kListKs.size(); ++i) {
    auto steps = steps_of(kListKs[i], false, beside ? kGainBeside : kGain, cost);
    const auto of_strange = steps_of(kListKs[i], true, kGainStrange, cost);
    const std::size_t room = limits::kListStepsMax - steps.size();
    steps.insert(steps.end(), of_strange.end() - static_cast<std::ptrdiff_t>(std::min(room, of_strange.size())),
                 of_strange.end());
    calibration.counts[i] = static_cast<std::uint32_t>(steps.size());
    std::copy(steps.begin(), steps.end(), calibration.steps[i].begin());
  }
  calibration.reach = reach();
  calibration.doubt = doubt();
  return calibration;
}

}  // namespace pictor
