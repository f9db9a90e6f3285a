// With X the centred sample (n rows), S = X'X/n its covariance and r the ridge, the whitened product of two centred
// vectors is x'(S + rI)^-1 y = (x'y - (Xx)'(n r I + XX')^-1 (Xy)) / r (Woodbury 1950). With LL' = n r I + XX' and
// t(x) = L^-1 Xx it is (x'y - t(x)'t(y)) / r: the dimension is never squared.
#include <algorithm>
#include <cmath>

#include "match/match.h"
#include "vector/vector.h"

namespace pictor {
namespace {

// Of the mean variance of a direction of the sample: below it directions count alike.
constexpr double kRidgeShare = 0.5;
constexpr double kRidgeMin = 1e-9;

std::vector<float> unit_of(std::span<const float> vector) {
  std::vector<float> out(vector.begin(), vector.end());
  const float inverse = inverse_norm(vector);
  for (float& number : out) number *= inverse;
  return out;
}

// In place; the lower triangle. False: not positive definite, as numbers that are not finite make it.
bool factor_in_place(std::vector<double>& matrix, std::size_t n) {
  for (std::size_t j = 0; j < n; ++j) {
    for (std::size_t i = j; i < n; ++i) {
      double sum = matrix[i * n + j];
      for (std::size_t k = 0; k < j; ++k) sum -= matrix[i * n + k] * matrix[j * n + k];
      if (i == j) {
        if (!(sum > 0)) return false;
        matrix[j * n + j] = std::sqrt(sum);
      } else {
        matrix[i * n + j] = sum / matrix[j * n + j];
      }
    }
  }
  return true;
}

// L^-1 b.
std::vector<float> solved(const std::vector<float>& factor, std::span<const float> b) {
  const std::size_t n = b.size();
  std::vector<float> out(n);
  for (std::size_t i = 0; i < n; ++i) {
    const float before = i == 0 ? 0.0F : kernels().dot(factor.data() + i * n, out.data(), i);
    out[i] = (b[i] - before) / factor[i * n + i];
  }
  return out;
}

float inverse_root(double square) { return square > 0 ? static_cast<float>(1 / std::sqrt(square)) : 0.0F; }

}  // namespace

Result<MatchCohort> MatchCohort::of(std::span<const float> vectors, std::vector<std::uint64_t> rows, std::size_t dim) {
  const std::size_t n = rows.size();
  if (n < limits::kMatchCohortMin || vectors.size() != n * dim) {
    return Status(Code::kInvalid, "scores are held against a sample of the collection: " + std::to_string(n) +
                                      " items with a vector are there, it takes " +
                                      std::to_string(limits::kMatchCohortMin));
  }
  MatchCohort out;
  out.dim_ = dim;
  out.rows_ = std::move(rows);
  std::vector<double> mean(dim);
  for (std::size_t i = 0; i < n; ++i) {
    const auto unit = unit_of(vectors.subspan(i * dim, dim));
    out.unit_.insert(out.unit_.end(), unit.begin(), unit.end());
    for (std::size_t j = 0; j < dim; ++j) mean[j] += static_cast<double>(unit[j]) / static_cast<double>(n);
  }
  out.mean_.assign(mean.begin(), mean.end());
  out.centred_ = out.unit_;
  for (std::size_t i = 0; i < n * dim; ++i) out.centred_[i] -= out.mean_[i % dim];
  std::vector<float> gram(n * n);
  double trace = 0;
  for (std::size_t i = 0; i < n; ++i) {
    kernels().dot_block(out.centred_.data() + i * dim, out.centred_.data(), n, dim, gram.data() + i * n);
    trace += static_cast<double>(gram[i * n + i]);
  }
  const double rank = static_cast<double>(std::min(n, dim));
  out.ridge_ = static_cast<float>(std::max(kRidgeMin, kRidgeShare * trace / static_cast<double>(n) / rank));
  std::vector<double> matrix(gram.begin(), gram.end());
  for (std::size_t i = 0; i < n; ++i) matrix[i * n + i] += static_cast<double>(n) * static_cast<double>(out.ridge_);
  if (!factor_in_place(matrix, n)) return Status(Code::kInvalid, "vectors of the sample are not finite");
  out.factor_.assign(matrix.begin(), matrix.end());
  for (std::size_t i = 0; i < n; ++i) {
    const auto turned = solved(out.factor_, std::span(gram).subspan(i * n, n));
    double square = static_cast<double>(gram[i * n + i]);
    for (const float number : turned) square -= static_cast<double>(number) * static_cast<double>(number);
    out.spreads_.push_back(inverse_root(square));
    out.turned_.insert(out.turned_.end(), turned.begin(), turned.end());
  }
  return out;
}

MatchCohort::View MatchCohort::view(std::span<const float> vector) const {
  View out;
  out.unit = unit_of(vector);
  out.centred = out.unit;
  for (std::size_t i = 0; i < dim_; ++i) out.centred[i] -= mean_[i];
  out.dots.resize(rows_.size());
  kernels().dot_block(out.centred.data(), centred_.data(), rows_.size(), dim_, out.dots.data());
  out.turned = solved(factor_, out.dots);
  double square = 0;
  for (const float number : out.centred) square += static_cast<double>(number) * static_cast<double>(number);
  for (const float number : out.turned) square -= static_cast<double>(number) * static_cast<double>(number);
  out.spread = inverse_root(square);
  return out;
}

double MatchCohort::likeness(const View& a, const View& b) const {
  const float plain = kernels().dot(a.centred.data(), b.centred.data(), dim_);
  const float usual = kernels().dot(a.turned.data(), b.turned.data(), rows_.size());
  return static_cast<double>((plain - usual) * a.spread * b.spread);
}

std::vector<MatchCohort::Likeness> MatchCohort::likenesses(const View& query) const {
  const std::size_t n = rows_.size();
  std::vector<float> cosines(n), usual(n);
  kernels().dot_block(query.unit.data(), unit_.data(), n, dim_, cosines.data());
  kernels().dot_block(query.turned.data(), turned_.data(), n, n, usual.data());
  std::vector<Likeness> out;
  for (std::size_t i = 0; i < n; ++i) {
    out.push_back({cosines[i], static_cast<double>((query.dots[i] - usual[i]) * query.spread * spreads_[i])});
  }
  return out;
}

}  // namespace pictor
