#include "encode/heads.h"

#include <algorithm>
#include <cstring>

#include "encode/numbers.h"
#include "encode/weights.h"

namespace pictor {
namespace {

Result<std::vector<float>> read_numbers(Env& env, const std::string& folder, const CardFile& file) {
  PICTOR_ASSIGN(const auto bytes, read_weights(env, file, folder));
  std::vector<float> numbers(bytes.size() / sizeof(float));
  std::memcpy(numbers.data(), bytes.data(), numbers.size() * sizeof(float));
  return numbers;
}

void take_row(std::span<const float> rows, std::size_t row, std::size_t dim, std::vector<double>& out) {
  const auto numbers = rows.subspan(row * dim, dim);
  out.assign(numbers.begin(), numbers.end());
}

// Each band of the map is contiguous: its mean is global average pooling.
void mean_of_map(std::span<const float> numbers, const ImageOutput& output, std::vector<double>& out) {
  const std::size_t places = std::size_t{output.height} * output.width;
  out.assign(output.numbers, 0.0);
  for (std::size_t band = 0; band < output.numbers; ++band) {
    for (std::size_t i = 0; i < places; ++i) out[band] += static_cast<double>(numbers[band * places + i]);
    out[band] /= static_cast<double>(places);
  }
}

}  // namespace

void pool_image(std::span<const float> numbers, const ImageOutput& output, Pooling pooling, std::vector<double>& out) {
  if (output.kind == OutputKind::kMap) return mean_of_map(numbers, output, out);
  if (output.kind == OutputKind::kVector || pooling == Pooling::kCls) {
    return take_row(numbers, 0, output.numbers, out);
  }
  out.resize(output.numbers);
  mean_of_rows(numbers.subspan(std::size_t{output.prefix} * output.numbers), output.tokens - output.prefix, out);
}

void take_grid(std::span<const float> numbers, const ImageOutput& output, std::span<float> out) {
  if (output.kind == OutputKind::kTokens) {
    std::ranges::copy(numbers.subspan(std::size_t{output.prefix} * output.numbers), out.begin());
    return;
  }
  const std::size_t places = std::size_t{output.height} * output.width;
  for (std::size_t band = 0; band < output.numbers; ++band) {
    for (std::size_t i = 0; i < places; ++i) out[i * output.numbers + band] = numbers[band * places + i];
  }
}

Status pool_text(std::span<const float> numbers, const TextTower& tower, std::span<const std::int64_t> ids,
                 std::size_t padded, std::vector<double>& out) {
  switch (tower.pooling) {
    case Pooling::kNone:
    case Pooling::kCls: take_row(numbers, 0, tower.dim, out); return Status::ok();
    case Pooling::kLast: take_row(numbers, padded - 1, tower.dim, out); return Status::ok();
    case Pooling::kMean:
      out.resize(tower.dim);
      mean_of_rows(numbers, ids.size(), out);
      return Status::ok();
    case Pooling::kEndOfText: break;
  }
  const auto end = std::ranges::find(ids, tower.end_id);
  if (end == ids.end()) {
    return {Code::kInternal,
            "the text's " + std::to_string(ids.size()) + " tokens have no end token " + std::to_string(tower.end_id)};
  }
  take_row(numbers, static_cast<std::size_t>(end - ids.begin()), tower.dim, out);
  return Status::ok();
}

Result<HeadMaker> HeadMaker::load(Env& env, const std::string& folder, const CardDetails& details, const HeadSide& side,
                                  std::uint32_t dim) {
  HeadMaker maker;
  maker.making_ = side.making;
  maker.dim_ = dim;
  if (!side.matrix.empty()) {
    PICTOR_ASSIGN(maker.matrix_, read_numbers(env, folder, *details.file(side.matrix)));
  }
  if (!side.bias.empty()) {
    PICTOR_ASSIGN(maker.bias_, read_numbers(env, folder, *details.file(side.bias)));
  }
  return maker;
}

Status HeadMaker::make(std::vector<double>& pooled, std::vector<double>& scratch, std::span<float> out) const {
  if (making_ == HeadMaking::kConse) {
    softmax(pooled);
    weighted_sum(pooled, matrix_, scratch);
    pooled.swap(scratch);
  } else if (making_ == HeadMaking::kLinear) {
    weighted_sum(pooled, matrix_, scratch);
    for (std::size_t i = 0; i < bias_.size(); ++i) scratch[i] += static_cast<double>(bias_[i]);
    pooled.swap(scratch);
  }
  pooled.resize(dim_);
  if (normalise(pooled, out)) return Status::ok();
  return {Code::kInvalid, "the network's numbers are all zero or not finite"};
}

}  // namespace pictor
