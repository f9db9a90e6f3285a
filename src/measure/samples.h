// How sure a mean over queries is: percentile bootstrap intervals (Efron, 1979) over the queries.
//
// Deterministic: the same numbers and seed give the same bits on every machine.
#pragma once

#include <cstdint>
#include <random>
#include <span>
#include <vector>

#include "base/base.h"

namespace pictor {

struct SampleOptions {
  std::uint32_t samples = 2000;
  double confidence = 0.95;
  std::uint64_t seed = 1;
};

// The mean, and the interval that holds the true one in `confidence` of all cases, as far as the queries are like those
// that will come.
struct Estimate {
  double mean = 0, low = 0, high = 0;
};

// Whole numbers below a bound, each as likely as the others.
class Draws {
 public:
  explicit Draws(std::uint64_t seed) : engine_(seed) {}
  // REQUIRES: bound > 0.
  std::uint64_t below(std::uint64_t bound);
  bool coin();

 private:
  std::mt19937_64 engine_;
  std::uint64_t coins_ = 0;
  int coins_left_ = 0;
};

// kInvalid, kLimit: options out of range for so many queries.
Status check_samples(const SampleOptions& options, std::uint64_t queries);

// Of each column of a table with `columns` numbers a row, all with the same samples. REQUIRES: at least one row.
std::vector<Estimate> estimates(std::span<const double> table, std::size_t columns, const SampleOptions& options);

}  // namespace pictor
