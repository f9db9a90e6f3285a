#include "encode/towers.h"

#include <algorithm>
#include <cstring>

#include "encode/numbers.h"
#include "encode/weights.h"

namespace pictor {
namespace {

std::string shape_text(std::span<const std::int64_t> shape) {
  std::string text;
  for (const auto size : shape) text += (text.empty() ? "" : " x ") + (size < 0 ? "any" : std::to_string(size));
  return text;
}

// The port of that name, which must have the shape (-1 in `wanted`: the network must take any size there).
Result<std::size_t> find_port(const std::vector<ModelPort>& ports, const std::string& name, ElementType type,
                              const std::vector<std::int64_t>& wanted) {
  const auto found = std::ranges::find(ports, name, &ModelPort::name);
  if (found == ports.end()) {
    return Status(Code::kMismatch, "the network has no tensor '" + name + "', which the card names");
  }
  if (found->type == type && found->shape == wanted) return static_cast<std::size_t>(found - ports.begin());
  return Status(Code::kMismatch, "tensor '" + name + "' of the network is " + shape_text(found->shape) +
                                     ", by the card it is " + shape_text(wanted));
}

Result<std::vector<float>> read_matrix(const TowerPlace& place, const CardFile& file) {
  PICTOR_ASSIGN(const auto bytes, read_weights(place.env, file, place.folder));
  std::vector<float> matrix(bytes.size() / sizeof(float));
  std::memcpy(matrix.data(), bytes.data(), matrix.size() * sizeof(float));
  return matrix;
}

}  // namespace

// decisions/0006: fp32 is fastest picture by picture with the batch fixed, and has the same bits with any; int8 is
// faster four by four, and must stay open, since the run time makes another network, with other bits, of one that is
// fixed.
std::size_t ImageEncoder::pass_pictures(const EncoderCard& card) { return card.precision == Precision::kF32 ? 1 : 4; }

ImageEncoder::ImageEncoder(const CardDetails& details) : details_(details), fixed_(pass_pictures(details.card) == 1) {}

Result<std::unique_ptr<ImageEncoder>> ImageEncoder::load(const TowerPlace& place, const CardDetails& details) {
  std::unique_ptr<ImageEncoder> encoder(new ImageEncoder(details));
  const auto path = join_path(place.folder, details.image->file);
  auto options = place.options;
  if (encoder->fixed_) options.batch = 1;
  PICTOR_ASSIGN(encoder->model_, place.runtime.load(path, options));
  const auto ports = encoder->check_ports();
  if (!ports.is_ok()) return ports.in("'" + path + "'");
  PICTOR_TRY(encoder->add_heads(place));
  return encoder;
}

Status ImageEncoder::check_ports() const {
  const auto& prepare = details_.card.prepare;
  const std::int64_t batch = fixed_ ? 1 : -1;
  PICTOR_TRY(
      find_port(model_->inputs(), details_.image->input, ElementType::kF32, {batch, 3, prepare.height, prepare.width})
          .status());
  for (const auto& [name, numbers] : details_.image->outputs) {
    PICTOR_TRY(find_port(model_->outputs(), name, ElementType::kF32, {batch, numbers}).status());
  }
  return Status::ok();
}

Status ImageEncoder::add_heads(const TowerPlace& place) {
  for (std::size_t i = 0; i < details_.heads.size(); ++i) {
    if (!details_.card.heads[i].images) continue;
    const auto& from = details_.heads[i];
    Head head;
    const auto found = std::ranges::find(model_->outputs(), from.output, &ModelPort::name);
    head.output = static_cast<std::size_t>(found - model_->outputs().begin());
    head.numbers = from.numbers;
    head.dim = details_.card.heads[i].dim;
    if (from.making == HeadMaking::kConse) {
      PICTOR_ASSIGN(head.matrix, read_matrix(place, *details_.file(from.matrix)));
    }
    heads_.push_back(std::move(head));
  }
  return Status::ok();
}

Status ImageEncoder::encode(std::span<const float> tensors, std::size_t n, std::size_t first,
                            std::span<std::vector<float>> out) const {
  const auto& prepare = details_.card.prepare;
  const TensorView input{details_.image->input,
                         ElementType::kF32,
                         {static_cast<std::int64_t>(n), 3, prepare.height, prepare.width},
                         tensors.data()};
  PICTOR_ASSIGN(const auto outputs, model_->run({&input, 1}));
  std::vector<double> probabilities;
  std::vector<double> vector;
  for (std::size_t h = 0; h < heads_.size(); ++h) {
    const auto& head = heads_[h];
    const auto& values = outputs[head.output].values;
    for (std::size_t i = 0; i < n; ++i) {
      const auto numbers = std::span(values).subspan(i * head.numbers, head.numbers);
      if (head.matrix.empty()) {
        vector.assign(numbers.begin(), numbers.end());
      } else {
        softmax(numbers, probabilities);
        weighted_sum(probabilities, head.matrix, vector);
      }
      if (!normalise(vector, std::span(out[h]).subspan((first + i) * head.dim, head.dim))) {
        return {Code::kInvalid, "picture " + std::to_string(first + i) +
                                    " gives no vector: the network's numbers are "
                                    "all zero or not finite"};
      }
    }
  }
  return Status::ok();
}

Result<std::unique_ptr<TextEncoder>> TextEncoder::load(const TowerPlace& place, const TextTower& tower) {
  std::unique_ptr<TextEncoder> encoder(new TextEncoder(tower));
  const auto path = join_path(place.folder, tower.file);
  PICTOR_ASSIGN(encoder->model_, place.runtime.load(path, place.options));
  for (const auto& name : {tower.ids_input, tower.mask_input, tower.types_input}) {
    if (name.empty()) continue;
    const auto port = find_port(encoder->model_->inputs(), name, ElementType::kI64, {-1, -1});
    if (!port.is_ok()) return port.status().in("'" + path + "'");
  }
  const auto output = find_port(encoder->model_->outputs(), tower.output, ElementType::kF32, {-1, -1, tower.dim});
  if (!output.is_ok()) return output.status().in("'" + path + "'");
  encoder->output_ = *output;
  return encoder;
}

std::size_t TextEncoder::bucket_of(std::size_t count, std::size_t tokens_max) {
  std::size_t bucket = 8;
  while (bucket < count) bucket *= 2;
  return std::min(bucket, std::max(count, tokens_max));
}

Status TextEncoder::encode(std::span<const Tokens* const> texts, std::size_t bucket, std::int64_t pad_id,
                           std::span<float* const> out) const {
  std::vector<std::int64_t> ids(texts.size() * bucket, pad_id);
  std::vector<std::int64_t> mask(texts.size() * bucket, 0);
  const std::vector<std::int64_t> types(texts.size() * bucket, 0);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    std::ranges::copy(texts[i]->ids, ids.begin() + static_cast<std::ptrdiff_t>(i * bucket));
    std::fill_n(mask.begin() + static_cast<std::ptrdiff_t>(i * bucket), texts[i]->ids.size(), 1);
  }
  const std::vector<std::int64_t> shape = {static_cast<std::int64_t>(texts.size()), static_cast<std::int64_t>(bucket)};
  std::vector<TensorView> inputs = {{tower_.ids_input, ElementType::kI64, shape, ids.data()},
                                    {tower_.mask_input, ElementType::kI64, shape, mask.data()}};
  if (!tower_.types_input.empty()) inputs.push_back({tower_.types_input, ElementType::kI64, shape, types.data()});
  PICTOR_ASSIGN(const auto outputs, model_->run(inputs));
  const auto states = std::span(outputs[output_].values);
  std::vector<double> mean(tower_.dim);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    mean_of_rows(states.subspan(i * bucket * tower_.dim, bucket * tower_.dim), texts[i]->ids.size(), mean);
    if (!normalise(mean, {out[i], tower_.dim})) {
      return {Code::kInvalid, "a text gives no vector: the network's numbers are all zero or not finite"};
    }
  }
  return Status::ok();
}

}  // namespace pictor
