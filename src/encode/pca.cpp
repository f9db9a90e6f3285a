#include "encode/pca.h"

// Eigen picks other code for wider instruction sets only at compile time, and uses no threads unless OpenMP is on.
#define EIGEN_DONT_PARALLELIZE
#include <Eigen/Eigenvalues>
#include <algorithm>

namespace pictor {
namespace {

constexpr Eigen::Index kRows = 256;  // of vectors that are added to the sums at once

}  // namespace

struct Pca::State {
  Eigen::Index dim = 0;
  bool centred = false;
  std::size_t vectors = 0;
  Eigen::MatrixXd products;  // sum of x xT, lower half
  Eigen::VectorXd sum;
  Eigen::MatrixXd waiting;  // dim x kRows
  Eigen::Index waits = 0;

  void settle() {
    if (waits == 0) return;
    const auto some = waiting.leftCols(waits);
    products.selfadjointView<Eigen::Lower>().rankUpdate(some);
    for (Eigen::Index i = 0; i < waits; ++i) sum += some.col(i);
    waits = 0;
  }
};

Pca::Pca(std::size_t dim, bool centred) : state_(std::make_unique<State>()) {
  auto& state = *state_;
  state.dim = static_cast<Eigen::Index>(dim);
  state.centred = centred;
  state.products = Eigen::MatrixXd::Zero(state.dim, state.dim);
  state.sum = Eigen::VectorXd::Zero(state.dim);
  state.waiting.resize(state.dim, kRows);
}
Pca::~Pca() = default;

void Pca::add(std::span<const float> vector) {
  auto& state = *state_;
  for (Eigen::Index i = 0; i < state.dim; ++i) {
    state.waiting(i, state.waits) = static_cast<double>(vector[static_cast<std::size_t>(i)]);
  }
  ++state.vectors;
  if (++state.waits == kRows) state.settle();
}

std::size_t Pca::vectors() const { return state_->vectors; }

Result<Components> Pca::solve(std::size_t count) const {
  auto& state = *state_;
  const auto dim = static_cast<std::size_t>(state.dim);
  const std::size_t most = state.vectors - (state.centred && state.vectors > 0 ? 1 : 0);
  if (count > dim) {
    return Status(Code::kInvalid, "a PCA to " + std::to_string(count) + " numbers was asked for, the vectors have " +
                                      std::to_string(dim) + ": it can only make fewer");
  }
  if (count > most) {
    return Status(Code::kInvalid, "a PCA to " + std::to_string(count) + " numbers needs at least " +
                                      std::to_string(count + (state.centred ? 1 : 0)) + " vectors, " +
                                      std::to_string(state.vectors) + " were given");
  }
  state.settle();
  const auto n = static_cast<double>(state.vectors);
  Components out;
  out.mean.assign(dim, 0);
  Eigen::MatrixXd spread = state.products / n;
  if (state.centred) {
    const Eigen::VectorXd mean = state.sum / n;
    spread -= mean * mean.transpose();
    for (std::size_t i = 0; i < dim; ++i) out.mean[i] = mean(static_cast<Eigen::Index>(i));
  }
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(spread);  // reads the lower half; ascending
  if (solver.info() != Eigen::Success || !solver.eigenvalues().allFinite()) {
    return Status(Code::kInvalid, "the vectors have no principal components: are they finite?");
  }
  out.directions.resize(dim * count);
  double held = 0, all = 0;
  for (Eigen::Index k = 0; k < state.dim; ++k) all += std::max(0.0, solver.eigenvalues()(k));
  for (std::size_t k = 0; k < count; ++k) {
    const Eigen::Index at = state.dim - 1 - static_cast<Eigen::Index>(k);
    const auto direction = solver.eigenvectors().col(at);
    Eigen::Index largest = 0;
    direction.cwiseAbs().maxCoeff(&largest);
    const double sign = direction(largest) < 0 ? -1 : 1;
    for (std::size_t i = 0; i < dim; ++i) {
      out.directions[i * count + k] = sign * direction(static_cast<Eigen::Index>(i));
    }
    held += std::max(0.0, solver.eigenvalues()(at));
  }
  out.kept = all > 0 ? held / all : 0;
  return out;
}

}  // namespace pictor
