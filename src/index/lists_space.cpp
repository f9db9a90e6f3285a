#include "index/lists_space.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace pictor {
namespace {

constexpr float kLargestByte = 127;
constexpr float kLargestNibble = 7.5F;
constexpr float kRounder = 0x1.8p23F;  // added and taken away again it leaves no bits for fractions

// Steps of a 4-bit code to try, in root mean squares of the rest. For numbers that are spread as a rotation leaves them
// .3352 loses least (Max 1960); which one does for this row is tried, as the codes of RaBitQ do (Gao et al. 2025).
constexpr std::array<float, 6> kSteps = {0.25F, 0.29F, 0.32F, 0.35F, 0.38F, 0.43F};

float dot(std::span<const float> a, std::span<const float> b) { return kernels().dot(a.data(), b.data(), a.size()); }

// Numbers in steps, at the middles between whole ones: -7.5, -6.5 ... 7.5.
void to_middles(std::span<const float> rest, float inverse_step, std::span<float> out) {
  for (std::size_t i = 0; i < rest.size(); ++i) {
    const float whole = ((rest[i] * inverse_step - 0.5F) + kRounder) - kRounder;
    out[i] = std::clamp(whole + 0.5F, -kLargestNibble, kLargestNibble);
  }
}

struct Nibbles {
  std::vector<float> middles;
  std::vector<float> tried;
  std::vector<std::uint8_t> codes;
};

ListRow code_nibbles(std::span<const float> rest, std::span<const float> centre, std::span<std::uint8_t> out) {
  thread_local Nibbles scratch;
  scratch.middles.assign(rest.size(), 0.5F);
  scratch.tried.resize(rest.size());
  scratch.codes.resize(rest.size());
  const float square = dot(rest, rest);
  const float mean_square = std::sqrt(square / static_cast<float>(rest.size()));
  ListRow row;
  float best = 0;
  for (const float step : kSteps) {
    const float inverse = 1.0F / (step * mean_square);
    if (!(mean_square > 0) || !std::isfinite(inverse)) break;
    to_middles(rest, inverse, scratch.tried);
    const float along = dot(rest, scratch.tried);
    const float likeness = along * along / dot(scratch.tried, scratch.tried);
    if (!(likeness > best)) continue;
    best = likeness;
    row.scale = square / along;  // <r, r^> = <r, r>: the estimate is right on average where q' - c lies along r
    scratch.middles.swap(scratch.tried);
  }
  if (!std::isfinite(row.scale)) row.scale = 0;
  row.error_along = dot(centre, rest) - row.scale * dot(centre, scratch.middles);
  for (std::size_t i = 0; i < rest.size(); ++i) {
    scratch.codes[i] = static_cast<std::uint8_t>(scratch.middles[i] + kLargestNibble);
  }
  pack_nibbles(scratch.codes, out);
  return row;
}

ListRow code_bytes_of(std::span<const float> rest, std::span<const float> centre, std::span<std::uint8_t> out) {
  thread_local std::vector<float> decoded;
  decoded.resize(rest.size());
  auto* codes = reinterpret_cast<std::int8_t*>(out.data());
  ListRow row;
  row.scale = code_numbers(rest, codes);
  for (std::size_t i = 0; i < rest.size(); ++i) decoded[i] = static_cast<float>(codes[i]);
  row.error_along = dot(centre, rest) - row.scale * dot(centre, decoded);
  for (std::uint8_t& code : out) code ^= 128;  // the same as adding it
  return row;
}

}  // namespace

ListSpace::ListSpace(Metric metric, std::uint32_t dim, double unit, double length, std::vector<float> mean)
    : metric_(metric),
      dim_(dim),
      width_(list_width(dim)),
      unit_(unit),
      length_(length),
      mean_(std::move(mean)),
      turned_mean_(width_, 0.0F),
      rotation_(width_) {
  std::copy(mean_.begin(), mean_.end(), turned_mean_.begin());
  rotation_.apply(turned_mean_);
}

// In double: the numbers may be as large as floats get, and the factor as small.
bool ListSpace::place(const float* vector, double factor, std::span<float> out) const {
  constexpr float kMost = 1e15F;
  float most = 0;
  for (std::uint32_t j = 0; j < dim_; ++j) {
    out[j] = static_cast<float>(static_cast<double>(vector[j]) * factor - static_cast<double>(mean_[j]));
    most = std::max(most, std::fabs(out[j]));
  }
  std::fill(out.begin() + dim_, out.end(), 0.0F);
  rotation_.apply(out);
  return most < kMost;
}

void ListSpace::place_row(const float* vector, float inverse_norm, std::span<float> out) const {
  place(vector, metric_ == Metric::kCosine ? static_cast<double>(inverse_norm) : unit_, out);
}

float ListSpace::bias_of(std::span<const float> placed) const {
  return metric_ == Metric::kL2 ? -0.5F * dot(placed, placed) : dot(turned_mean_, placed);
}

bool ListSpace::place_query(std::span<const float> vector, ListQuery& out) const {
  double factor = metric_ == Metric::kCosine ? static_cast<double>(inverse_norm(vector)) : unit_;
  if (metric_ == Metric::kInnerProduct) {
    double squares = 0;
    for (const float x : vector) squares += static_cast<double>(x) * static_cast<double>(x);
    if (squares == 0) return false;
    factor = length_ / std::sqrt(squares);  // the order by an inner product does not depend on the query's length
  }
  out.numbers.resize(width_);
  out.codes.resize(width_);
  if (!place(vector.data(), factor, out.numbers)) return false;
  out.scale = code_numbers(out.numbers, out.codes.data());
  out.sum = 0;
  for (const std::int8_t code : out.codes) out.sum += code;
  out.square = dot(out.numbers, out.numbers);
  return true;
}

double ListSpace::lever(const ListQuery& query, float dot_of_centre, float square) const {
  if (metric_ == Metric::kInnerProduct) return length_;
  const auto own = static_cast<double>(query.square);
  return std::sqrt(std::max(0.0, own - 2.0 * static_cast<double>(dot_of_centre) + static_cast<double>(square)));
}

float code_numbers(std::span<const float> numbers, std::int8_t* out) {
  float most = 0;
  for (const float number : numbers) most = std::max(most, std::fabs(number));
  const float scale = most / kLargestByte;
  const float inverse = scale > 0 ? 1.0F / scale : 0.0F;
  if (!std::isfinite(inverse) || !std::isfinite(scale)) {
    std::fill_n(out, numbers.size(), std::int8_t{0});
    return 0;
  }
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const float rounded = (numbers[i] * inverse + kRounder) - kRounder;
    out[i] = static_cast<std::int8_t>(static_cast<std::int32_t>(std::clamp(rounded, -kLargestByte, kLargestByte)));
  }
  return scale;
}

ListRow code_rest(std::span<const float> rest, std::span<const float> centre, std::uint32_t bits,
                  std::span<std::uint8_t> out) {
  return bits == 4 ? code_nibbles(rest, centre, out) : code_bytes_of(rest, centre, out);
}

void list_likenesses(const ListQuery& query, std::uint32_t bits, float base, const std::uint8_t* const* rows,
                     const CodeTerms* const* terms, std::size_t count, float* out) {
  std::array<std::int32_t, kListRowsAtOnce> sums;
  const CodeKernels& sum_of = bits == 4 ? nibble_kernels() : code_kernels();
  sum_of.dot_gather(query.codes.data(), rows, count, query.codes.size() * bits / 8, sums.data());
  // Codes count from 0; what they mean is 7.5 or 128 less. Twice the sums stay whole.
  const std::int32_t twice_offset = query.sum * (bits == 4 ? 15 : 256);
  const float half_scale = 0.5F * query.scale;
  for (std::size_t i = 0; i < count; ++i) {
    const float products = static_cast<float>(2 * sums[i] - twice_offset) * half_scale;
    out[i] = base + products * terms[i]->scale + terms[i]->bias;
  }
}

}  // namespace pictor
