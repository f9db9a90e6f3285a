#include "encode/towers.h"

#include <algorithm>

#include "encode/numbers.h"
#include "observe/observe.h"

namespace pictor {
namespace {

std::string shape_text(std::span<const std::int64_t> shape) {
  std::string text;
  for (const auto size : shape) text += (text.empty() ? "" : " x ") + (size < 0 ? "any" : std::to_string(size));
  return text;
}

// The port of that name, which must be able to have the shape: -1 in `wanted` is what may be any size, and the network
// may leave open what the card fixes.
Result<std::size_t> find_port(const std::vector<ModelPort>& ports, const std::string& name, ElementType type,
                              const std::vector<std::int64_t>& wanted) {
  const auto found = std::ranges::find(ports, name, &ModelPort::name);
  if (found == ports.end()) {
    return Status(Code::kMismatch, "the network has no tensor '" + name + "', which the card names");
  }
  const auto fits = [](std::int64_t seen, std::int64_t size) { return seen == size || seen < 0; };
  if (found->type == type && std::ranges::equal(found->shape, wanted, fits)) {
    return static_cast<std::size_t>(found - ports.begin());
  }
  return Status(Code::kMismatch, "tensor '" + name + "' of the network is " + shape_text(found->shape) +
                                     ", by the card it is " + shape_text(wanted));
}

std::vector<std::int64_t> shape_of(const ImageOutput& output, std::int64_t batch) {
  switch (output.kind) {
    case OutputKind::kVector: return {batch, output.numbers};
    case OutputKind::kTokens: return {batch, output.tokens, output.numbers};
    case OutputKind::kMap: return {batch, output.numbers, output.height, output.width};
  }
  return {};
}

// What came out must have the size that the card says: a network may leave its shapes open until it runs.
Status check_size(const OutputTensor& tensor, std::size_t wanted) {
  if (tensor.values.size() == wanted) return Status::ok();
  return {Code::kMismatch, "output '" + tensor.name + "' came as " + shape_text(tensor.shape) + ", " +
                               std::to_string(tensor.values.size()) + " numbers; by the card it has " +
                               std::to_string(wanted)};
}

// What the card asks of a network that cannot do it is a mismatch of the two, not a wrong request.
Result<std::unique_ptr<Model>> load_network(const TowerPlace& place, const std::string& path,
                                            const ModelOptions& options) {
  auto model = place.runtime.load(path, options);
  if (model.status().code() != Code::kInvalid) return model;
  return Status(Code::kMismatch, model.status().message()).in("the network is not what its card says");
}

bool takes_one(const EncoderCard& card) { return ImageEncoder::pass_pictures(card) == 1; }

}  // namespace

std::size_t size_of(const ImageOutput& output) {
  switch (output.kind) {
    case OutputKind::kVector: return output.numbers;
    case OutputKind::kTokens: return std::size_t{output.tokens} * output.numbers;
    case OutputKind::kMap: return std::size_t{output.numbers} * output.height * output.width;
  }
  return 0;
}

// decisions/0006: fp32 is fastest picture by picture with the batch fixed, and has the same bits with any; int8 is
// faster four by four, and must stay open, since the run time makes another network, with other bits, of one that is
// fixed.
std::size_t ImageEncoder::pass_pictures(const EncoderCard& card) { return card.precision == Precision::kInt8 ? 4 : 1; }

ImageEncoder::ImageEncoder(const CardDetails& details) : details_(details), fixed_(takes_one(details.card)) {}

Result<std::unique_ptr<ImageEncoder>> ImageEncoder::load(const TowerPlace& place, const CardDetails& details,
                                                         bool with_grid) {
  std::unique_ptr<ImageEncoder> encoder(new ImageEncoder(details));
  const auto path = join_path(place.folder, details.image->file);
  auto options = place.options;
  if (encoder->fixed_) options.batch = 1;
  for (const auto& [name, unused] : details.image->outputs) {
    if (details.is_read(name) || (with_grid && name == details.grid_output)) options.outputs.push_back(name);
  }
  const auto& prepare = details.card.prepare;
  options.shapes[details.image->input] = {-1, 3, prepare.height, prepare.width};
  PICTOR_ASSIGN(encoder->model_, load_network(place, path, options));
  const auto ports = encoder->check_ports(options.outputs);
  if (!ports.is_ok()) return ports.in("'" + path + "'");
  PICTOR_TRY(encoder->add_heads(place));
  const auto& names = encoder->model_->outputs();
  encoder->grid_output_ =
      static_cast<std::size_t>(std::ranges::find(names, details.grid_output, &ModelPort::name) - names.begin());
  return encoder;
}

Status ImageEncoder::check_ports(std::span<const std::string> outputs) const {
  const auto& prepare = details_.card.prepare;
  const std::int64_t batch = fixed_ ? 1 : -1;
  PICTOR_TRY(
      find_port(model_->inputs(), details_.image->input, ElementType::kF32, {batch, 3, prepare.height, prepare.width})
          .status());
  for (const auto& name : outputs) {
    const auto wanted = shape_of(details_.image->outputs.at(name), batch);
    PICTOR_TRY(find_port(model_->outputs(), name, ElementType::kF32, wanted).status());
  }
  return Status::ok();
}

Status ImageEncoder::add_heads(const TowerPlace& place) {
  for (std::size_t i = 0; i < details_.heads.size(); ++i) {
    if (!details_.card.heads[i].images) continue;
    const auto& side = details_.heads[i].images;
    Head head;
    const auto found = std::ranges::find(model_->outputs(), side.output, &ModelPort::name);
    head.output = static_cast<std::size_t>(found - model_->outputs().begin());
    head.shape = details_.image->outputs.at(side.output);
    head.pooling = side.pooling;
    PICTOR_ASSIGN(head.maker, HeadMaker::load(place.env, place.folder, details_, side, details_.card.heads[i].dim));
    heads_.push_back(std::move(head));
  }
  return Status::ok();
}

Status ImageEncoder::encode(std::span<const float> tensors, std::size_t n, std::size_t first,
                            std::span<std::vector<float>> out, std::span<float> tokens) const {
  const auto& prepare = details_.card.prepare;
  const TensorView input{details_.image->input,
                         ElementType::kF32,
                         {static_cast<std::int64_t>(n), 3, prepare.height, prepare.width},
                         tensors.data()};
  PICTOR_ASSIGN(const auto outputs, model_->run({&input, 1}));
  std::vector<double> pooled, scratch;
  for (std::size_t h = 0; h < heads_.size(); ++h) {
    const auto& head = heads_[h];
    const std::size_t size = size_of(head.shape), dim = head.maker.dim();
    PICTOR_TRY(check_size(outputs[head.output], n * size));
    for (std::size_t i = 0; i < n; ++i) {
      pool_image(std::span(outputs[head.output].values).subspan(i * size, size), head.shape, head.pooling, pooled);
      const auto made = head.maker.make(pooled, scratch, std::span(out[h]).subspan((first + i) * dim, dim));
      if (!made.is_ok()) return made.in("picture " + std::to_string(first + i) + " gives no vector");
      Metrics::global().observe(metric::kEncodeNorm, Embedded::kPicture, length_of(pooled));
    }
  }
  if (tokens.empty()) return Status::ok();
  const auto& shape = details_.image->outputs.at(details_.grid_output);
  const std::size_t size = size_of(shape), numbers = details_.card.grid.numbers();
  PICTOR_TRY(check_size(outputs[grid_output_], n * size));
  for (std::size_t i = 0; i < n; ++i) {
    take_grid(std::span(outputs[grid_output_].values).subspan(i * size, size), shape,
              tokens.subspan((first + i) * numbers, numbers));
  }
  return Status::ok();
}

Result<std::unique_ptr<TextEncoder>> TextEncoder::load(const TowerPlace& place, const CardDetails& details) {
  std::unique_ptr<TextEncoder> encoder(new TextEncoder(details));
  const auto path = join_path(place.folder, details.text->file);
  auto options = place.options;
  options.outputs = {details.text->output};
  PICTOR_ASSIGN(encoder->model_, load_network(place, path, options));
  const auto ports = encoder->check_ports();
  if (!ports.is_ok()) return ports.in("'" + path + "'");
  for (std::size_t i = 0; i < details.heads.size(); ++i) {
    const auto& head = details.card.heads[i];
    HeadMaker maker;
    if (head.texts) {
      PICTOR_ASSIGN(maker, HeadMaker::load(place.env, place.folder, details, details.heads[i].texts, head.dim));
    }
    encoder->makers_.push_back(std::move(maker));
  }
  return encoder;
}

Status TextEncoder::check_ports() {
  const auto ids = std::ranges::find(model_->inputs(), tower_.ids_input, &ModelPort::name);
  if (ids != model_->inputs().end() && ids->type == ElementType::kI32) integers_ = ElementType::kI32;
  for (const auto& name : {tower_.ids_input, tower_.mask_input, tower_.types_input}) {
    if (!name.empty()) PICTOR_TRY(find_port(model_->inputs(), name, integers_, {-1, -1}).status());
  }
  std::vector<std::int64_t> wanted = {-1, -1, tower_.dim};
  if (tower_.pooling == Pooling::kNone) wanted = {-1, tower_.dim};
  PICTOR_ASSIGN(output_, find_port(model_->outputs(), tower_.output, ElementType::kF32, wanted));
  return Status::ok();
}

std::size_t TextEncoder::bucket_of(std::size_t count, const TextTower& tower) {
  if (tower.padding == Padding::kMax) return tower.tokens_max;
  std::size_t bucket = 8;
  while (bucket < count) bucket *= 2;
  return std::min(bucket, std::max<std::size_t>(count, tower.tokens_max));
}

std::size_t TextEncoder::pass_texts(std::size_t bucket, const CardDetails& details) {
  constexpr std::size_t kForwardTokens = 512;  // more gains nothing
  if (!details.text->together || details.card.precision == Precision::kInt8Dynamic) return 1;
  return std::max<std::size_t>(kForwardTokens / bucket, 1);
}

Result<std::vector<OutputTensor>> run_texts(const Model& model, const TextTower& tower, ElementType integers,
                                            std::span<const Tokens* const> texts, std::size_t bucket,
                                            std::int64_t pad_id) {
  std::vector<std::int64_t> ids(texts.size() * bucket, pad_id);
  std::vector<std::int64_t> mask(texts.size() * bucket, 0);
  const std::vector<std::int64_t> types(texts.size() * bucket, 0);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    std::ranges::copy(texts[i]->ids, ids.begin() + static_cast<std::ptrdiff_t>(i * bucket));
    std::fill_n(mask.begin() + static_cast<std::ptrdiff_t>(i * bucket), texts[i]->ids.size(), 1);
  }
  const std::vector<std::int64_t> shape = {static_cast<std::int64_t>(texts.size()), static_cast<std::int64_t>(bucket)};
  std::vector<TensorView> inputs;
  std::vector<std::vector<std::int32_t>> narrow;
  narrow.reserve(3);
  const auto add = [&](const std::string& name, const std::vector<std::int64_t>& numbers) {
    if (name.empty()) return;
    const void* data = numbers.data();
    if (integers == ElementType::kI32) data = narrow.emplace_back(numbers.begin(), numbers.end()).data();
    inputs.push_back({name, integers, shape, data});
  };
  add(tower.ids_input, ids);
  add(tower.mask_input, mask);
  add(tower.types_input, types);
  return model.run(inputs);
}

Status TextEncoder::encode(std::span<const Tokens* const> texts, std::size_t bucket, std::int64_t pad_id,
                           std::size_t head, std::span<float* const> out) const {
  const std::int64_t filler = tower_.pad_id >= 0 ? tower_.pad_id : pad_id;
  PICTOR_ASSIGN(const auto outputs, run_texts(*model_, tower_, integers_, texts, bucket, filler));
  const std::size_t size = tower_.pooling == Pooling::kNone ? tower_.dim : bucket * tower_.dim;
  PICTOR_TRY(check_size(outputs[output_], texts.size() * size));
  std::vector<double> pooled, scratch;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const auto numbers = std::span(outputs[output_].values).subspan(i * size, size);
    PICTOR_TRY(pool_text(numbers, tower_, texts[i]->ids, bucket, pooled));
    const auto made = makers_[head].make(pooled, scratch, {out[i], makers_[head].dim()});
    if (!made.is_ok()) return made.in("a text gives no vector");
    Metrics::global().observe(metric::kEncodeNorm, Embedded::kText, length_of(pooled));
  }
  return Status::ok();
}

}  // namespace pictor
