#include "vector/codes.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include "vector/code_numbers.h"

namespace pictor {
namespace {

constexpr int kLargestCode = 127;
constexpr std::uint8_t kZeroCode = 128;

// Numbers that are summed side by side, in a fixed order: one after the other each would wait for the one before.
constexpr std::size_t kLanes = 8;

// The largest magnitude, NaN if there is one: bits of floats without their sign have the order of the floats, and the
// largest of whole numbers is found many at a time.
float largest_magnitude(std::span<const float> numbers) {
  std::int32_t most = 0;
  for (const float number : numbers) most = std::max(most, std::bit_cast<std::int32_t>(number) & 0x7FFFFFFF);
  return std::bit_cast<float>(most);
}

double power_of_two_for(const float* vectors, std::size_t numbers) {
  const float most = largest_magnitude({vectors, numbers});
  return most == 0 || !std::isfinite(most) ? 1.0 : std::ldexp(1.0, -(std::ilogb(most) + 1));
}

double sum_of_lanes(const std::array<double, kLanes>& sums) {
  return ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
}

// term(j) of all j below count.
template <typename Term>
double sum_of(std::size_t count, const Term& term) {
  std::array<double, kLanes> sums{};
  std::size_t j = 0;
  for (; j + kLanes <= count; j += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) sums[lane] += term(j + lane);
  }
  for (std::size_t lane = 0; j < count; ++j, ++lane) sums[lane] += term(j);
  return sum_of_lanes(sums);
}

}  // namespace

float detail::encode_numbers(std::span<const float> numbers, std::int8_t* out) {
  const float scale = largest_magnitude(numbers) / static_cast<float>(kLargestCode);
  const float inverse = scale > 0 ? 1.0F / scale : 0.0F;
  if (!std::isfinite(inverse)) {
    std::fill_n(out, numbers.size(), std::int8_t{0});
    return 0;
  }
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    // Rounded by adding what leaves no bits for fractions; nearbyint would be a call each.
    const float rounded = (numbers[i] * inverse + 0x1.8p23F) - 0x1.8p23F;
    out[i] = static_cast<std::int8_t>(std::clamp(rounded, -127.0F, 127.0F));
  }
  return scale;
}

float detail::encode_numbers_from_128(std::span<const float> numbers, std::span<std::uint8_t> out) {
  const float scale = encode_numbers(numbers, reinterpret_cast<std::int8_t*>(out.data()));
  std::fill(out.begin() + static_cast<std::ptrdiff_t>(numbers.size()), out.end(), std::uint8_t{0});
  for (std::uint8_t& code : out) code ^= kZeroCode;  // the same as adding it
  return scale;
}

std::int32_t detail::offset_of(std::span<const std::int8_t> codes) {
  std::int32_t sum = 0;
  for (const std::int8_t code : codes) sum += code;
  return sum * std::int32_t{kZeroCode};
}

CodeSpace fit_code_space(Metric metric, std::uint32_t dim, const float* vectors, const float* inverse_norms,
                         std::size_t count, std::vector<float>& centre) {
  CodeSpace space;
  space.metric = metric;
  space.dim = dim;
  if (metric != Metric::kCosine) space.unit = power_of_two_for(vectors, count * dim);
  std::vector<double> sums(dim, 0.0);
  double squares = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const double factor = metric == Metric::kCosine ? static_cast<double>(inverse_norms[i]) : space.unit;
    const float* row = vectors + i * dim;
    for (std::uint32_t j = 0; j < dim; ++j) sums[j] += static_cast<double>(row[j]) * factor;
    if (metric != Metric::kInnerProduct) continue;
    squares += sum_of(dim, [=](std::size_t j) {
      const double number = static_cast<double>(row[j]) * factor;
      return number * number;
    });
  }
  centre.resize(dim);
  const double rows = std::max<double>(1, static_cast<double>(count));
  for (std::uint32_t j = 0; j < dim; ++j) centre[j] = static_cast<float>(sums[j] / rows);
  if (metric == Metric::kInnerProduct) space.length = std::sqrt(squares / rows);
  space.centre = centre;
  return space;
}

float row_numbers(const CodeSpace& space, const float* vector, float inverse_norm, std::vector<float>& numbers) {
  numbers.resize(space.dim);
  float* out = numbers.data();
  const float* centre = space.centre.data();
  // In double: the numbers may be as large as floats get, and their scale as small.
  const double factor = space.metric == Metric::kCosine ? static_cast<double>(inverse_norm) : space.unit;
  if (space.metric == Metric::kL2) {
    const double squares = sum_of(space.dim, [=](std::size_t j) {
      const double rest = static_cast<double>(vector[j]) * factor - static_cast<double>(centre[j]);
      out[j] = static_cast<float>(rest);
      return rest * rest;
    });
    return static_cast<float>(-0.5 * squares);
  }
  return static_cast<float>(sum_of(space.dim, [=](std::size_t j) {
    const double number = static_cast<double>(vector[j]) * factor;
    const auto middle = static_cast<double>(centre[j]);
    out[j] = static_cast<float>(number - middle);
    return middle * number;
  }));
}

CodeTerms encode_row(const CodeSpace& space, const float* vector, float inverse_norm, std::span<std::uint8_t> out) {
  thread_local std::vector<float> numbers;
  const float bias = row_numbers(space, vector, inverse_norm, numbers);
  return {detail::encode_numbers_from_128(numbers, out), bias};
}

double detail::code_numbers_of_query(const CodeSpace& space, const float* vector, float inverse_norm,
                                     std::vector<float>& numbers) {
  double factor = space.metric == Metric::kCosine ? static_cast<double>(inverse_norm) : space.unit;
  if (space.metric == Metric::kInnerProduct) {
    double squares = 0;
    for (std::uint32_t j = 0; j < space.dim; ++j) {
      const double number = static_cast<double>(vector[j]);
      squares += number * number;
    }
    if (squares == 0) return 0;
    factor = space.length / std::sqrt(squares);  // the order of an inner product does not depend on the query's length
  }
  numbers.resize(space.dim);
  for (std::uint32_t j = 0; j < space.dim; ++j) {
    const double rest = static_cast<double>(vector[j]) * factor - static_cast<double>(space.centre[j]);
    if (!(std::fabs(rest) < 1e15)) return 0;
    numbers[j] = static_cast<float>(rest);
  }
  return factor;
}

bool encode_query(const CodeSpace& space, const float* vector, float inverse_norm, CodedQuery& out) {
  thread_local std::vector<float> numbers;
  if (detail::code_numbers_of_query(space, vector, inverse_norm, numbers) == 0) return false;
  out.codes.assign(code_bytes(space.dim), 0);
  out.scale = detail::encode_numbers(numbers, out.codes.data());
  out.offset = detail::offset_of(out.codes);
  return true;
}

void query_of_row(std::span<const std::uint8_t> codes, float scale, CodedQuery& out) {
  out.codes.resize(codes.size());
  for (std::size_t i = 0; i < codes.size(); ++i) out.codes[i] = static_cast<std::int8_t>(codes[i] ^ kZeroCode);
  out.offset = detail::offset_of(out.codes);
  out.scale = scale;
}

}  // namespace pictor
