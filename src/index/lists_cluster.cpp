#include "index/lists_cluster.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "index/graph_nodes.h"
#include "index/lists_space.h"

namespace pictor {
namespace {

constexpr std::size_t kTile = 64;         // centres whose likenesses are held at once
constexpr std::size_t kGroupsFrom = 512;  // centres above which they are grouped
constexpr std::size_t kGroupsLookedInto = 10;
constexpr std::size_t kRowsAGroup = 256;   // of the sample, to find groups
constexpr std::size_t kRounds = 6;         // of k-means within a group
constexpr std::size_t kRoundsOverAll = 2;  // with all centres, afterwards
constexpr std::size_t kRowsATask = 512;

// SplitMix64 (Steele, Lea, Flood 2014): the same on every machine.
std::uint64_t mixed(std::uint64_t x) {
  x += 0x9E3779B97F4A7C15;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
  return x ^ (x >> 31);
}
double unit_of(std::uint64_t drawn) { return static_cast<double>(drawn >> 11) * 0x1p-53; }

// Likenesses of vectors begin, begin + 1, ... to a row. REQUIRES: out.size() <= kTile.
void likenesses(const CodedVectors& vectors, std::size_t begin, const CodedRow& row, std::span<float> out) {
  std::array<const std::uint8_t*, kTile> codes;
  std::array<std::int32_t, kTile> sums;
  for (std::size_t i = 0; i < out.size(); ++i) codes[i] = vectors.codes(begin + i);
  code_kernels().dot_gather(row.codes.data(), codes.data(), out.size(), vectors.width(), sums.data());
  const std::int32_t offset = 128 * row.sum;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const CodeTerms terms = vectors.terms(begin + i);
    out[i] = static_cast<float>(sums[i] - offset) * (row.scale * terms.scale) + terms.bias;
  }
}

// k-means among some rows of a sample.
class Clusters {
 public:
  Clusters(const CodedVectors& rows, std::span<const std::uint32_t> members, std::size_t count)
      : rows_(rows),
        members_(members),
        count_(std::min(count, members.size())),
        row_(rows.width()),
        vectors_(count_ * rows.width()),
        coded_(rows.width(), count_),
        list_(members.size()),
        distance_(members.size(), std::numeric_limits<float>::infinity()) {}

  std::vector<float> run() {
    if (count_ == 0) return {};
    seed();
    for (std::size_t round = 0; round < kRounds; ++round) {
      assign();
      move();
    }
    return std::move(vectors_);
  }

 private:
  double square(std::size_t member) const { return -2.0 * static_cast<double>(rows_.terms(members_[member]).bias); }

  // k-means++ (Arthur and Vassilvitskii 2007): each next seed is drawn by its squared distance to the nearest before.
  void seed() {
    std::uint64_t drawn = mixed(members_.size());
    std::size_t next = drawn % members_.size();
    for (std::size_t i = 0; i < count_; ++i) {
      coded_.copy(i, rows_, members_[next]);
      const double all = shorten_distances(i);
      drawn = mixed(drawn);
      next = all > 0 ? drawn_member(unit_of(drawn) * all) : drawn % members_.size();
    }
  }

  double shorten_distances(std::size_t seed) {
    row_.set(coded_, seed);
    const double seed_square = -2.0 * static_cast<double>(coded_.terms(seed).bias);
    double all = 0;
    for (std::size_t i = 0; i < members_.size(); ++i) {
      const std::uint8_t* codes = rows_.codes(members_[i]);
      const CodeTerms terms = rows_.terms(members_[i]);
      const std::int32_t sum = code_kernels().dot(row_.codes.data(), codes, rows_.width()) - 128 * row_.sum;
      const double product = static_cast<double>(sum) * static_cast<double>(row_.scale * terms.scale);
      const double distance = std::max(0.0, square(i) + seed_square - 2.0 * product);
      distance_[i] = std::min(distance_[i], static_cast<float>(distance));
      all += static_cast<double>(distance_[i]);
    }
    return all;
  }

  std::size_t drawn_member(double at) const {
    double sum = 0;
    for (std::size_t i = 0; i < members_.size(); ++i) {
      sum += static_cast<double>(distance_[i]);
      if (sum > at) return i;
    }
    return members_.size() - 1;
  }

  void assign() {
    for (std::size_t i = 0; i < members_.size(); ++i) {
      row_.set(rows_, members_[i]);
      const Nearest nearest = nearest_of(coded_, 0, count_, row_);
      list_[i] = nearest.index;
      distance_[i] = static_cast<float>(square(i) - 2.0 * static_cast<double>(nearest.likeness));
    }
  }

  void move() {
    std::vector<std::uint32_t> sizes(count_, 0);
    std::fill(vectors_.begin(), vectors_.end(), 0.0F);
    for (std::size_t i = 0; i < members_.size(); ++i) {
      ++sizes[list_[i]];
      rows_.add_to(members_[i], vector(list_[i]));
    }
    std::vector<std::uint32_t> farthest;
    std::size_t taken = 0;
    for (std::size_t list = 0; list < count_; ++list) {
      if (sizes[list] > 0) {
        for (float& x : vector(list)) x /= static_cast<float>(sizes[list]);
      } else {
        // What no row is nearest to starts again at the row that its own centre serves worst.
        if (farthest.empty()) farthest = by_distance();
        rows_.add_to(members_[farthest[taken++ % farthest.size()]], vector(list));
      }
      coded_.set(list, vector(list));
    }
  }

  std::vector<std::uint32_t> by_distance() const {
    std::vector<std::uint32_t> order(members_.size());
    std::iota(order.begin(), order.end(), 0U);
    std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
      return std::pair(-distance_[a], a) < std::pair(-distance_[b], b);
    });
    return order;
  }

  std::span<float> vector(std::size_t list) { return std::span(vectors_).subspan(list * rows_.width(), rows_.width()); }

  const CodedVectors& rows_;
  std::span<const std::uint32_t> members_;
  std::size_t count_;
  CodedRow row_;
  std::vector<float> vectors_;
  CodedVectors coded_;
  std::vector<std::uint32_t> list_;
  std::vector<float> distance_;  // squared, to the nearest seed or centre
};

struct Grouped {
  std::vector<std::uint32_t> first;    // groups + 1
  std::vector<std::uint32_t> members;  // group by group, ascending
  std::span<const std::uint32_t> of(std::size_t group) const {
    return std::span(members).subspan(first[group], first[group + 1] - first[group]);
  }
};

Grouped grouped(std::span<const std::uint32_t> group_of, std::size_t groups) {
  Grouped result{std::vector<std::uint32_t>(groups + 1, 0), std::vector<std::uint32_t>(group_of.size())};
  for (const std::uint32_t group : group_of) ++result.first[group + 1];
  std::partial_sum(result.first.begin(), result.first.end(), result.first.begin());
  auto next = result.first;
  for (std::size_t i = 0; i < group_of.size(); ++i) result.members[next[group_of[i]]++] = static_cast<std::uint32_t>(i);
  return result;
}

template <typename Find>
std::vector<std::uint32_t> found_of_rows(const CodedVectors& rows, ThreadPool* pool, const Find& find) {
  std::vector<std::uint32_t> found(rows.size());
  for_each_index(pool, (rows.size() + kRowsATask - 1) / kRowsATask, [&](std::size_t task) {
    CodedRow row(rows.width());
    const std::size_t end = std::min(rows.size(), (task + 1) * kRowsATask);
    for (std::size_t i = task * kRowsATask; i < end; ++i) {
      row.set(rows, i);
      found[i] = find(row);
    }
  });
  return found;
}

std::vector<std::uint32_t> every(std::size_t step, std::size_t count) {
  std::vector<std::uint32_t> members;
  for (std::size_t i = 0; i < count; i += step) members.push_back(static_cast<std::uint32_t>(i));
  return members;
}

// How many centres each group gets, by its share of the rows: at least one where there is a row, so lists come out
// about equally long.
std::vector<std::size_t> shares(const Grouped& groups, std::size_t count) {
  std::vector<std::size_t> result(groups.first.size() - 1);
  for (std::size_t i = 0; i < result.size(); ++i) {
    const std::size_t rows = groups.of(i).size();
    const std::size_t share = (rows * count + groups.members.size() / 2) / groups.members.size();
    result[i] = std::min(rows, std::max<std::size_t>(1, share));
  }
  return result;
}

}  // namespace

void CodedVectors::set(std::size_t i, std::span<const float> numbers) {
  std::uint8_t* codes = codes_.data() + i * width_;
  auto* signed_codes = reinterpret_cast<std::int8_t*>(codes);
  const float scale = code_numbers(numbers, signed_codes);
  std::int64_t squares = 0;
  for (std::size_t j = 0; j < width_; ++j) {
    squares += std::int64_t{signed_codes[j]} * std::int64_t{signed_codes[j]};
    codes[j] ^= 128;  // the same as adding it
  }
  const double length = static_cast<double>(scale) * static_cast<double>(scale) * static_cast<double>(squares);
  terms_[i] = {scale, static_cast<float>(-0.5 * length)};
}

void CodedVectors::copy(std::size_t i, const CodedVectors& from, std::size_t of) {
  std::copy_n(from.codes(of), width_, codes_.begin() + static_cast<std::ptrdiff_t>(i * width_));
  terms_[i] = from.terms_[of];
}

void CodedVectors::add_to(std::size_t i, std::span<float> sum) const {
  const std::uint8_t* from = codes(i);
  const float scale = terms_[i].scale;
  for (std::size_t j = 0; j < width_; ++j) sum[j] += scale * static_cast<float>(std::int32_t{from[j]} - 128);
}

void CodedRow::set(std::span<const float> numbers) {
  scale = code_numbers(numbers, codes.data());
  sum = 0;
  for (const std::int8_t code : codes) sum += code;
}

void CodedRow::set(const CodedVectors& vectors, std::size_t i) {
  scale = vectors.terms(i).scale;
  sum = 0;
  const std::uint8_t* from = vectors.codes(i);
  for (std::size_t j = 0; j < codes.size(); ++j) {
    codes[j] = static_cast<std::int8_t>(from[j] ^ 128);
    sum += codes[j];
  }
}

Nearest nearest_of(const CodedVectors& vectors, std::size_t begin, std::size_t end, const CodedRow& row) {
  std::array<float, kTile> likeness;
  Nearest best{static_cast<std::uint32_t>(begin), -std::numeric_limits<float>::infinity()};
  for (std::size_t at = begin; at < end; at += kTile) {
    const std::span<float> tile(likeness.data(), std::min(kTile, end - at));
    likenesses(vectors, at, row, tile);
    for (std::size_t i = 0; i < tile.size(); ++i) {
      if (tile[i] > best.likeness) best = {static_cast<std::uint32_t>(at + i), tile[i]};
    }
  }
  return best;
}

std::uint32_t Centres::nearest(const CodedRow& row) const {
  if (groups_.size() == 0) return nearest_of(coded_, 0, coded_.size(), row).index;
  struct Ranked {
    float unlikeness;
    std::uint32_t group;
    auto operator<=>(const Ranked&) const = default;  // NOLINT(modernize-use-nullptr): finds its own code
  };
  thread_local std::vector<Ranked> ranked;
  ranked.resize(groups_.size());
  std::array<float, kTile> likeness;
  for (std::size_t at = 0; at < groups_.size(); at += kTile) {
    const std::span<float> tile(likeness.data(), std::min(kTile, groups_.size() - at));
    likenesses(groups_, at, row, tile);
    for (std::size_t i = 0; i < tile.size(); ++i) ranked[at + i] = {-tile[i], static_cast<std::uint32_t>(at + i)};
  }
  const std::size_t count = std::min(kGroupsLookedInto, ranked.size());
  std::partial_sort(ranked.begin(), ranked.begin() + static_cast<std::ptrdiff_t>(count), ranked.end());
  Nearest best{0, -std::numeric_limits<float>::infinity()};
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint32_t group = ranked[i].group;
    if (group_first_[group] == group_first_[group + 1]) continue;
    const Nearest nearest = nearest_of(coded_, group_first_[group], group_first_[group + 1], row);
    if (nearest.likeness > best.likeness) best = nearest;
  }
  return best.index;
}

void Centres::set_vectors(std::vector<float> vectors, std::size_t width) {
  width_ = width;
  vectors_ = std::move(vectors);
  coded_ = CodedVectors(width, vectors_.size() / width);
  for (std::size_t i = 0; i < coded_.size(); ++i) coded_.set(i, vector(i));
}

// Groups first, then centres within each: k-means of k centres among n rows takes k n steps, this way some 2 sqrt(k) n.
Centres Centres::train(const CodedVectors& rows, std::size_t count, ThreadPool* pool) {
  Centres centres;
  if (count <= kGroupsFrom) {
    centres.set_vectors(Clusters(rows, every(1, rows.size()), count).run(), rows.width());
    return centres;
  }
  const auto groups = static_cast<std::size_t>(std::lround(std::sqrt(static_cast<double>(count))));
  const auto drawn = every(std::max<std::size_t>(1, rows.size() / (groups * kRowsAGroup)), rows.size());
  Centres tops;
  tops.set_vectors(Clusters(rows, drawn, groups).run(), rows.width());
  const auto by_group =
      grouped(found_of_rows(rows, pool, [&](const CodedRow& row) { return tops.nearest(row); }), groups);
  const auto wanted = shares(by_group, count);
  std::vector<std::vector<float>> found(groups);
  for_each_index(pool, groups, [&](std::size_t i) { found[i] = Clusters(rows, by_group.of(i), wanted[i]).run(); });
  std::vector<float> all;
  centres.group_first_.push_back(0);
  for (auto& some : found) {
    all.insert(all.end(), some.begin(), some.end());
    centres.group_first_.push_back(static_cast<std::uint32_t>(all.size() / rows.width()));
    std::vector<float>().swap(some);
  }
  centres.set_vectors(std::move(all), rows.width());
  centres.groups_ = tops.coded_;
  for (std::size_t round = 0; round < kRoundsOverAll; ++round) centres.refine(rows, pool);
  return centres;
}

void Centres::refine(const CodedVectors& rows, ThreadPool* pool) {
  const auto lists = grouped(found_of_rows(rows, pool, [&](const CodedRow& row) { return nearest(row); }), size());
  for_each_index(pool, (size() + kTile - 1) / kTile, [&](std::size_t task) {
    for (std::size_t i = task * kTile; i < std::min(size(), (task + 1) * kTile); ++i) {
      const auto members = lists.of(i);
      if (members.empty()) continue;
      const auto vector = std::span(vectors_).subspan(i * width_, width_);
      std::fill(vector.begin(), vector.end(), 0.0F);
      for (const std::uint32_t member : members) rows.add_to(member, vector);
      for (float& x : vector) x /= static_cast<float>(members.size());
      coded_.set(i, vector);
    }
  });
}

Centres Centres::repeated(std::span<const std::uint32_t> times) const {
  Centres result;
  std::vector<float> vectors;
  for (std::size_t i = 0; i < size(); ++i) {
    for (std::uint32_t j = 0; j < times[i]; ++j) vectors.insert(vectors.end(), vector(i).begin(), vector(i).end());
  }
  result.set_vectors(std::move(vectors), width_);
  return result;
}

}  // namespace pictor
