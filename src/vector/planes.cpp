#include "vector/planes.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "vector/code_numbers.h"
#include "vector/vector.h"

namespace pictor {
namespace {

constexpr float kParts = 16;        // fine codes of a step
constexpr double kLargest = 32639;  // 127 * 256 + 127: what two signed bytes hold either way
constexpr float kMost = 1e15F;      // as codes.cpp

// In whole numbers a number of 8 + 4 bits is 32 * code + 2 * fine - kZero, times scale / 32; one of 4 bits is
// 2 * nibble - kNibbleZero, times scale / 2.
constexpr std::int64_t kCodeWeight = 32;
constexpr std::int64_t kFineWeight = 2;
constexpr std::int64_t kZero = 128 * kCodeWeight + 15;
constexpr std::int64_t kNibbleWeight = 2;
constexpr std::int64_t kNibbleZero = 15;
constexpr float kLargestNibble = 7.5F;

// Steps of a nibble to try, in root mean squares of the rest. For numbers that are spread as a rotation leaves them
// .3352 loses least (Max 1960); which one does for this row is tried.
constexpr std::array<float, 5> kSteps = {0.26F, 0.30F, 0.34F, 0.38F, 0.43F};

std::size_t padded(std::size_t numbers) { return (numbers + kNibbleGroup - 1) / kNibbleGroup * kNibbleGroup; }

void put_numbers(std::span<const float> numbers, FineNumbers& out) {
  float most = 0;
  for (const float number : numbers) most = std::max(most, std::fabs(number));
  out.high.assign(padded(numbers.size()), 0);
  out.low.assign(padded(numbers.size()), 0);
  out.scale = static_cast<double>(most) / kLargest;
  out.sum = 0;
  if (most == 0) return;
  const double inverse = kLargest / static_cast<double>(most);
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const double scaled = std::clamp(static_cast<double>(numbers[i]) * inverse, -kLargest, kLargest);
    // Rounded by adding what leaves no bits for fractions.
    const auto whole = static_cast<std::int32_t>((scaled + 0x1.8p52) - 0x1.8p52);
    const std::int32_t high = (whole + 128) >> 8;
    out.high[i] = static_cast<std::int8_t>(high);
    out.low[i] = static_cast<std::int8_t>(whole - 256 * high);
    out.sum += whole;
  }
}

// What codes of 8 bits leave over of numbers that they stand for.
void put_fine(std::span<const float> numbers, const std::uint8_t* codes, float scale, std::span<std::uint8_t> out) {
  thread_local std::vector<std::uint8_t> fine;
  fine.assign(padded(numbers.size()), 0);
  const float inverse = scale > 0 ? 1.0F / scale : 0.0F;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const float left = numbers[i] * inverse - static_cast<float>(codes[i] - 128);
    fine[i] = static_cast<std::uint8_t>(std::clamp((left + 0.5F) * kParts, 0.0F, kParts - 1));
  }
  pack_nibbles(fine, out);
}

// Nibbles of numbers, and the scale with which what they stand for has the same product with the numbers as those
// themselves: an estimate is then right on average for queries on the line through the row.
float put_nibbles(std::span<const float> numbers, std::span<std::uint8_t> out) {
  thread_local std::vector<float> tried;
  thread_local std::vector<std::uint8_t> codes;
  tried.resize(numbers.size());
  codes.assign(padded(numbers.size()), 0);
  const float square = kernels().dot(numbers.data(), numbers.data(), numbers.size());
  const float root = std::sqrt(square / static_cast<float>(numbers.size()));
  float scale = 0;
  float best = 0;
  for (const float step : kSteps) {
    const float inverse = 1.0F / (step * root);
    if (!(root > 0) || !std::isfinite(inverse)) break;
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      const float whole = ((numbers[i] * inverse - 0.5F) + 0x1.8p23F) - 0x1.8p23F;
      tried[i] = std::clamp(whole + 0.5F, -kLargestNibble, kLargestNibble);
    }
    const float along = kernels().dot(numbers.data(), tried.data(), tried.size());
    const float likeness = along * along / kernels().dot(tried.data(), tried.data(), tried.size());
    if (!(likeness > best)) continue;
    best = likeness;
    scale = square / along;
    for (std::size_t i = 0; i < tried.size(); ++i) codes[i] = static_cast<std::uint8_t>(tried[i] + kLargestNibble);
  }
  pack_nibbles(codes, out);
  return std::isfinite(scale) ? scale : 0.0F;
}

std::int64_t sum_of(const CodeKernels& kernels, const FineNumbers& query, const std::uint8_t* row, std::size_t bytes) {
  return 256 * std::int64_t{kernels.dot(query.high.data(), row, bytes)} + kernels.dot(query.low.data(), row, bytes);
}

// The product of a query's numbers with a row's of 8 + 4 bits.
double whole_product(const FineNumbers& query, const std::uint8_t* codes, std::size_t code_bytes,
                     const std::uint8_t* fine, float scale) {
  const std::int64_t of_codes = sum_of(code_kernels(), query, codes, code_bytes);
  const std::int64_t of_fine = sum_of(nibble_kernels(), query, fine, query.high.size() / 2);
  const std::int64_t sum = kCodeWeight * of_codes + kFineWeight * of_fine - kZero * query.sum;
  return static_cast<double>(sum) * (query.scale * static_cast<double>(scale) / static_cast<double>(kCodeWeight));
}

double nibble_product(const FineNumbers& query, const std::uint8_t* nibbles, float scale) {
  const std::int64_t of_nibbles = sum_of(nibble_kernels(), query, nibbles, query.high.size() / 2);
  const std::int64_t sum = kNibbleWeight * of_nibbles - kNibbleZero * query.sum;
  return static_cast<double>(sum) * (query.scale * static_cast<double>(scale) / static_cast<double>(kNibbleWeight));
}

}  // namespace

std::size_t PlaneShape::rest_bytes() const { return padded(dim - front) / 2; }

std::size_t PlaneShape::fine_bytes() const { return padded(front) / 2; }

Planes::Planes(const CodeSpace& space, const PlaneShape& shape, std::span<const float> reflections)
    : space_(space), shape_(shape), turn_(reflections, shape.dim, shape.front) {}

PlaneTerms Planes::encode_row(const float* vector, float inverse_norm, std::span<std::uint8_t> front,
                              std::span<std::uint8_t> rest, std::span<std::uint8_t> fine) const {
  thread_local std::vector<float> numbers;
  PlaneTerms terms;
  terms.front.bias = row_numbers(space_, vector, inverse_norm, numbers);
  turn_.apply(numbers);
  const auto of_front = std::span<const float>(numbers).first(shape_.front);
  const auto of_rest = std::span<const float>(numbers).subspan(shape_.front);
  terms.front.scale = detail::encode_numbers_from_128(of_front, front);
  put_fine(of_front, front.data(), terms.front.scale, fine);
  if (!of_rest.empty()) terms.rest_scale = put_nibbles(of_rest, rest);
  return terms;
}

// What turns likenesses into distances. `factor`: what the query was multiplied by.
void Planes::put_distance(std::span<const float> numbers, double factor, PlaneQuery& out) const {
  double along = 0;
  double square = 0;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const auto number = static_cast<double>(numbers[i]);
    along += number * static_cast<double>(space_.centre[i]);
    square += number * number;
  }
  switch (space_.metric) {
    case Metric::kCosine:
      out.slope = 1.0;
      out.base = 1.0 - along;
      return;
    case Metric::kInnerProduct:
      out.slope = 1.0 / (factor * space_.unit);
      out.base = -along * out.slope;
      return;
    case Metric::kL2:
      out.slope = 2.0 / (space_.unit * space_.unit);
      out.base = square / (space_.unit * space_.unit);
      return;
  }
}

bool Planes::encode_query(const float* vector, float inverse_norm, PlaneQuery& out) const {
  thread_local std::vector<float> numbers;
  const double factor = detail::code_numbers_of_query(space_, vector, inverse_norm, numbers);
  if (factor == 0) return false;
  put_distance(numbers, factor, out);
  if (!std::isfinite(out.base) || !std::isfinite(out.slope)) return false;
  turn_.apply(numbers);
  // A damaged file may have turned them into anything.
  if (!std::all_of(numbers.begin(), numbers.end(), [](float x) { return std::fabs(x) < kMost; })) return false;
  const auto of_front = std::span<const float>(numbers).first(shape_.front);
  out.walked.codes.assign(shape_.front_bytes(), 0);
  out.walked.scale = detail::encode_numbers(of_front, out.walked.codes.data());
  out.walked.offset = detail::offset_of(out.walked.codes);
  put_numbers(of_front, out.front);
  put_numbers(std::span<const float>(numbers).subspan(shape_.front), out.rest);
  return true;
}

float Planes::distance(const PlaneQuery& query, const PlaneRow& row) const {
  double likeness = static_cast<double>(row.terms.front.bias) +
                    whole_product(query.front, row.front, shape_.front_bytes(), row.fine, row.terms.front.scale);
  if (shape_.front < shape_.dim) likeness += nibble_product(query.rest, row.rest, row.terms.rest_scale);
  return static_cast<float>(query.base - query.slope * likeness);
}

}  // namespace pictor
