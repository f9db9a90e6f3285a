// Exact search: distances of a few hundred rows at a time into a small buffer, then into a top-k.
#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "index/distance.h"
#include "index/index.h"

namespace pictor {
namespace {

// Rows whose distances are held at once: small enough for the first-level cache, large enough that the calls per row
// (filter, kernel) weigh nothing.
constexpr std::size_t kRowsAtOnce = 512;

class FlatIndex final : public VectorIndex {
 public:
  explicit FlatIndex(const VectorBlock& block) : block_(block) {}

  Result<IndexAnswer> search(const IndexQuery& query) const override {
    PICTOR_ASSIGN(FlatScan scan, FlatScan::start(query, block_.dim));
    PICTOR_TRY(scan.add(block_, query.filter));
    return scan.finish();
  }
  std::size_t size() const override { return block_.count; }
  std::string describe() const override {
    return "flat, " + std::to_string(block_.count) + " x " + std::to_string(block_.dim) + ", f32";
  }

 private:
  VectorBlock block_;
};

}  // namespace

Status check_query(const IndexQuery& query, std::uint32_t dim) {
  if (query.vector.size() != dim) {
    return {Code::kInvalid, "the query vector has " + std::to_string(query.vector.size()) +
                                " numbers, the vectors searched have " + std::to_string(dim) +
                                ": use a vector of the same encoder and head"};
  }
  if (query.k < 1 || query.k > limits::kQueryKMax) {
    return {Code::kInvalid, "k is " + std::to_string(query.k) + ", wanted 1 to " + std::to_string(limits::kQueryKMax)};
  }
  if (!(query.recall > 0 && query.recall <= 1)) {
    return {Code::kInvalid, "the recall asked for is " + std::to_string(query.recall) + ", wanted above 0, at most 1"};
  }
  PICTOR_TRY(check_finite(query.vector).in("query vector"));
  if (query.metric == Metric::kCosine && inverse_norm(query.vector) == 0) {
    return {Code::kInvalid, "all " + std::to_string(dim) +
                                " numbers of the query vector are 0: it has no direction for the cosine metric"};
  }
  return Status::ok();
}

FlatScan::FlatScan(const IndexQuery& query, std::uint32_t dim)
    : vector_(query.vector),
      metric_(query.metric),
      dim_(dim),
      inverse_norm_(metric_ == Metric::kCosine ? inverse_norm(vector_) : 0.0F),
      top_(query.k) {}

Result<FlatScan> FlatScan::start(const IndexQuery& query, std::uint32_t dim) {
  PICTOR_TRY(check_query(query, dim));
  return FlatScan(query, dim);
}

Status FlatScan::add(const VectorBlock& block, const RowFilter* filter) {
  if (block.dim != dim_) {
    return {Code::kInvalid, "a block holds vectors of " + std::to_string(block.dim) + " numbers, the query has " +
                                std::to_string(dim_)};
  }
  if (metric_ == Metric::kCosine && block.inverse_norms == nullptr && block.count > 0) {
    return {Code::kInvalid, "a block of " + std::to_string(block.count) +
                                " vectors comes without inverse norms, which the cosine metric needs"};
  }
  std::array<std::uint8_t, kRowsAtOnce> mask;
  for (std::size_t begin = 0; begin < block.count; begin += kRowsAtOnce) {
    const std::size_t count = std::min(kRowsAtOnce, block.count - begin);
    if (filter == nullptr) {
      add_rows(block, begin, count);
      continue;
    }
    const std::span<std::uint8_t> allowed(mask.data(), count);
    filter->allowed(begin, allowed);
    add_allowed(block, begin, allowed);
  }
  return Status::ok();
}

void FlatScan::add_rows(const VectorBlock& block, std::size_t begin, std::size_t count) {
  std::array<float, kRowsAtOnce> sums;
  const float* rows = block.vectors + begin * dim_;
  const auto sum_rows = metric_ == Metric::kL2 ? kernels().l2_squared_block : kernels().dot_block;
  sum_rows(vector_.data(), rows, count, dim_, sums.data());
  distances_ += count;
  for (std::size_t i = 0; i < count; ++i) push(block, begin + i, sums[i]);
}

void FlatScan::add_allowed(const VectorBlock& block, std::size_t begin, std::span<const std::uint8_t> allowed) {
  std::array<std::size_t, kRowsAtOnce> positions;
  std::array<const float*, kRowsAtOnce> rows;
  std::array<float, kRowsAtOnce> sums;
  std::size_t count = 0;
  for (std::size_t i = 0; i < allowed.size(); ++i) {
    if (allowed[i] == 0) continue;
    positions[count] = begin + i;
    rows[count++] = block.vectors + (begin + i) * dim_;
  }
  if (count == allowed.size()) return add_rows(block, begin, count);
  const auto sum_rows = metric_ == Metric::kL2 ? kernels().l2_squared_gather : kernels().dot_gather;
  sum_rows(vector_.data(), rows.data(), count, dim_, sums.data());
  distances_ += count;
  for (std::size_t i = 0; i < count; ++i) push(block, positions[i], sums[i]);
}

void FlatScan::push(const VectorBlock& block, std::size_t position, float sum) {
  const float inverse_norm_row = metric_ == Metric::kCosine ? block.inverse_norms[position] : 0.0F;
  const Distance distance = distance_of_sum(metric_, sum, inverse_norm_, inverse_norm_row);
  if (distance > top_.worst()) return;
  top_.push({distance, block.rows[position]});
}

IndexAnswer FlatScan::finish() { return {top_.take_sorted(), std::exchange(distances_, 0)}; }

std::unique_ptr<VectorIndex> make_flat_index(const VectorBlock& block) { return std::make_unique<FlatIndex>(block); }

}  // namespace pictor
