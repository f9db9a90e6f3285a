#include "vector/codes.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <functional>

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

double power_of_two_for(float most) {
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

namespace {

// Rows whose sums are made in one go: sums of some are added in order, so that threads change no bit.
constexpr std::size_t kFitRows = 4096;

struct FitPart {
  float most = 0;
  std::vector<double> sums;
  double squares = 0;
};

void for_each_part(ThreadPool* pool, std::size_t count, const std::function<void(std::size_t)>& body) {
  if (pool != nullptr) return pool->parallel_for(count, body);
  for (std::size_t i = 0; i < count; ++i) body(i);
}

}  // namespace

CodeSpace fit_code_space(Metric metric, std::uint32_t dim, const float* vectors, const float* inverse_norms,
                         std::size_t count, std::vector<float>& centre, ThreadPool* pool) {
  CodeSpace space;
  space.metric = metric;
  space.dim = dim;
  std::vector<FitPart> parts((count + kFitRows - 1) / kFitRows);
  const auto rows_of = [&](std::size_t part) { return std::min(kFitRows, count - part * kFitRows); };
  if (metric != Metric::kCosine) {
    for_each_part(pool, parts.size(), [&](std::size_t part) {
      parts[part].most = largest_magnitude({vectors + part * kFitRows * dim, rows_of(part) * dim});
    });
    float most = 0;
    for (const FitPart& part : parts) most = std::max(most, part.most);
    space.unit = power_of_two_for(most);
  }
  for_each_part(pool, parts.size(), [&](std::size_t number) {
    FitPart& part = parts[number];
    part.sums.assign(dim, 0.0);
    for (std::size_t i = number * kFitRows; i < number * kFitRows + rows_of(number); ++i) {
      const double factor = metric == Metric::kCosine ? static_cast<double>(inverse_norms[i]) : space.unit;
      const float* row = vectors + i * dim;
      for (std::uint32_t j = 0; j < dim; ++j) part.sums[j] += static_cast<double>(row[j]) * factor;
      if (metric != Metric::kInnerProduct) continue;
      part.squares += sum_of(dim, [=](std::size_t j) {
        const double number_of_row = static_cast<double>(row[j]) * factor;
        return number_of_row * number_of_row;
      });
    }
  });
  const double rows = std::max<double>(1, static_cast<double>(count));
  double squares = 0;
  centre.assign(dim, 0.0F);
  for (std::uint32_t j = 0; j < dim; ++j) {
    double sum = 0;
    for (const FitPart& part : parts) sum += part.sums[j];
    centre[j] = static_cast<float>(sum / rows);
  }
  for (const FitPart& part : parts) squares += part.squares;
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

namespace {

// The sum of codes, in numbers of 16 bits side by side: twice as many at a time as of 32, and none overflows.
std::int32_t sum_of_codes(std::span<const std::uint8_t> codes) {
  static_assert(limits::kVectorDimMax / kCodeAlignment * 255 <= UINT16_MAX);
  std::array<std::uint16_t, kCodeAlignment> sums{};
  for (std::size_t i = 0; i < codes.size(); i += kCodeAlignment) {
    const std::uint8_t* some = codes.data() + i;
    for (std::size_t j = 0; j < kCodeAlignment; ++j) sums[j] = static_cast<std::uint16_t>(sums[j] + some[j]);
  }
  std::int32_t sum = 0;
  for (const std::uint16_t one : sums) sum += one;
  return sum;
}

}  // namespace

void query_of_row(std::span<const std::uint8_t> codes, float scale, CodedQuery& out) {
  out.codes.resize(codes.size());
  for (std::size_t i = 0; i < codes.size(); ++i) out.codes[i] = static_cast<std::int8_t>(codes[i] ^ kZeroCode);
  const auto zeros = static_cast<std::int32_t>(codes.size()) * kZeroCode;
  out.offset = (sum_of_codes(codes) - zeros) * kZeroCode;
  out.scale = scale;
}

}  // namespace pictor
