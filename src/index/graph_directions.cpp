// Subspace iteration (Halko, Martinsson, Tropp, SIAM Review 2011) over a sample of the rows.
#include <algorithm>
#include <cmath>

#include "index/graph_pack.h"

namespace pictor {
namespace {

constexpr std::size_t kSampledRows = 4096;
constexpr std::size_t kSampledBytes = 64 * limits::kMiB;
constexpr int kIterations = 6;  // the span is what counts, not each direction: more gave no recall

class Directions {
 public:
  Directions(const CodeSpace& space, const VectorBlock& block, std::size_t count, ThreadPool* pool)
      : dim_(block.dim), count_(count), pool_(pool), directions_(count * block.dim) {
    sample(space, block);
    // Signs as if drawn: no direction is far from all of them.
    std::uint64_t state = 1;
    for (float& number : directions_) {
      state = state * 6364136223846793005ULL + 1442695040888963407ULL;
      number = (state >> 63) != 0 ? 1.0F : -1.0F;
    }
  }

  std::vector<float> find() {
    for (int i = 0; i < kIterations; ++i) {
      for_each_index(pool_, count_, [&](std::size_t r) { iterate(direction(r)); });
      make_orthonormal();
    }
    return std::move(directions_);
  }

 private:
  std::span<float> direction(std::size_t r) { return std::span(directions_).subspan(r * dim_, dim_); }

  void sample(const CodeSpace& space, const VectorBlock& block) {
    const std::size_t most = std::max<std::size_t>(2 * count_, kSampledBytes / (2 * sizeof(float) * dim_));
    rows_ = std::min({block.count, kSampledRows, most});
    by_row_.resize(rows_ * dim_);
    by_number_.resize(rows_ * dim_);
    std::vector<float> numbers;
    for (std::size_t i = 0; i < rows_; ++i) {
      const std::size_t position = i * block.count / rows_;
      const float inverse_norm = space.metric == Metric::kCosine ? block.inverse_norms[position] : 0.0F;
      row_numbers(space, block.vectors + position * dim_, inverse_norm, numbers);
      std::copy(numbers.begin(), numbers.end(), by_row_.begin() + static_cast<std::ptrdiff_t>(i * dim_));
      for (std::size_t j = 0; j < dim_; ++j) by_number_[j * rows_ + i] = numbers[j];
    }
  }

  // Multiplies by the covariance of the sample.
  void iterate(std::span<float> direction) const {
    std::vector<float> along(rows_);
    kernels().dot_block(direction.data(), by_row_.data(), rows_, dim_, along.data());
    kernels().dot_block(along.data(), by_number_.data(), dim_, rows_, direction.data());
  }

  // Gram and Schmidt's; a direction that the others hold already becomes zero.
  void make_orthonormal() {
    for (std::size_t r = 0; r < count_; ++r) {
      const auto own = direction(r);
      if (!scale_to_one(own)) continue;
      for (std::size_t other = 0; other < r; ++other) {
        const auto held = direction(other);
        const float along = kernels().dot(own.data(), held.data(), dim_);
        for (std::size_t j = 0; j < dim_; ++j) own[j] -= along * held[j];
      }
      scale_to_one(own);
    }
  }

  static bool scale_to_one(std::span<float> direction) {
    double square = 0;
    for (const float number : direction) square += static_cast<double>(number) * static_cast<double>(number);
    const double factor = square > 1e-12 && std::isfinite(square) ? 1.0 / std::sqrt(square) : 0.0;
    for (float& number : direction) number = static_cast<float>(static_cast<double>(number) * factor);
    if (factor == 0) std::fill(direction.begin(), direction.end(), 0.0F);
    return factor != 0;
  }

  std::size_t dim_;
  std::size_t count_;
  ThreadPool* pool_;
  std::size_t rows_ = 0;
  std::vector<float> by_row_;
  std::vector<float> by_number_;
  std::vector<float> directions_;
};

}  // namespace

std::vector<float> main_directions(const CodeSpace& space, const VectorBlock& block, std::size_t count,
                                   ThreadPool* pool) {
  return Directions(space, block, count, pool).find();
}

}  // namespace pictor
