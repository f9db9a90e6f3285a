#include "encode/own_stages.h"

#include <algorithm>

#include "encode/towers.h"
#include "encode/weights.h"

namespace pictor {
namespace {

// With every output when the tower's own inputs are enough for all of them: a network with both towers in it has
// outputs that need the other's.
Result<std::unique_ptr<Model>> load_whole(const Runtime& runtime, const std::string& path, ModelOptions options,
                                          std::vector<std::string> outputs, const std::vector<std::string>& inputs) {
  auto whole = runtime.load(path, options);
  const auto own = [&inputs](const ModelPort& port) { return std::ranges::find(inputs, port.name) != inputs.end(); };
  if (whole.is_ok() && std::ranges::all_of((*whole)->inputs(), own)) return whole;
  options.outputs = std::move(outputs);
  return runtime.load(path, options);
}

}  // namespace

const OutputTensor* find_output(const Outputs& outputs, std::string_view name) {
  const auto found = std::ranges::find(outputs, name, &OutputTensor::name);
  return found == outputs.end() ? nullptr : &*found;
}

Result<std::unique_ptr<OwnStages>> OwnStages::open(Env& env, CardDetails details, const Runtime& runtime,
                                                   const std::string& cache_folder) {
  PICTOR_TRY(check_weights(env, details.card, details.card.folder, true, false));
  std::unique_ptr<OwnStages> stages(new OwnStages(std::move(details)));
  PICTOR_TRY(stages->load_towers(env, runtime, cache_folder));
  PICTOR_TRY(stages->load_heads(env));
  return stages;
}

Status OwnStages::load_towers(Env& env, const Runtime& runtime, const std::string& cache_folder) {
  const auto& card = details_.card;
  ModelOptions options;
  options.cache_folder = cache_folder;
  if (details_.image) {
    const auto& tower = *details_.image;
    ModelOptions picture = options;
    if (ImageEncoder::pass_pictures(card) == 1) picture.batch = 1;
    picture.shapes[tower.input] = {-1, 3, card.prepare.height, card.prepare.width};
    std::vector<std::string> outputs;
    for (const auto& [name, unused] : tower.outputs) outputs.push_back(name);
    PICTOR_ASSIGN(image_, load_whole(runtime, join_path(card.folder, tower.file), picture, outputs, {tower.input}));
  }
  if (!details_.text) return Status::ok();
  const auto& tower = *details_.text;
  PICTOR_ASSIGN(text_, load_whole(runtime, join_path(card.folder, tower.file), options, {tower.output},
                                  {tower.ids_input, tower.mask_input, tower.types_input}));
  const auto ids = std::ranges::find(text_->inputs(), tower.ids_input, &ModelPort::name);
  if (ids != text_->inputs().end()) integers_ = ids->type;
  PICTOR_ASSIGN(const auto bytes, read_weights(env, *details_.file(tower.tokenizer), card.folder));
  PICTOR_ASSIGN(tokenizer_, Tokenizer::parse(as_text(bytes)));
  return Status::ok();
}

Status OwnStages::load_heads(Env& env) {
  for (std::size_t i = 0; i < details_.heads.size(); ++i) {
    const auto& head = details_.card.heads[i];
    const auto& sides = details_.heads[i];
    HeadMaker pictures, texts;
    if (head.images) {
      PICTOR_ASSIGN(pictures, HeadMaker::load(env, details_.card.folder, details_, sides.images, head.dim));
    }
    if (head.texts) {
      PICTOR_ASSIGN(texts, HeadMaker::load(env, details_.card.folder, details_, sides.texts, head.dim));
    }
    picture_makers_.push_back(std::move(pictures));
    text_makers_.push_back(std::move(texts));
  }
  return Status::ok();
}

Result<std::vector<float>> OwnStages::tensor_of(const Image& image) const {
  const auto& card = details_.card;
  std::vector<float> out(prepared_size(card.prepare));
  PICTOR_TRY(prepare_image(image, card.decode, card.prepare, out));
  return out;
}

Result<Outputs> OwnStages::outputs_of(std::span<const float> tensor) const {
  const auto& prepare = details_.card.prepare;
  const TensorView input{
      details_.image->input, ElementType::kF32, {1, 3, prepare.height, prepare.width}, tensor.data()};
  return image_->run({&input, 1});
}

Result<std::vector<double>> OwnStages::pooled_of(const Outputs& outputs, const HeadSide& side) const {
  const auto* output = find_output(outputs, side.output);
  const auto& shape = details_.image->outputs.at(side.output);
  if (output == nullptr || output->values.size() != size_of(shape)) {
    return Status(Code::kMismatch, "output '" + side.output + "' is not what the card says");
  }
  std::vector<double> pooled;
  pool_image(output->values, shape, side.pooling, pooled);
  return pooled;
}

Result<std::vector<float>> OwnStages::vector_of(const Outputs& outputs, std::size_t head) const {
  PICTOR_ASSIGN(auto pooled, pooled_of(outputs, details_.heads[head].images));
  std::vector<double> scratch;
  std::vector<float> out(picture_makers_[head].dim());
  PICTOR_TRY(picture_makers_[head].make(pooled, scratch, out));
  return out;
}

Result<Tokens> OwnStages::tokens_of(std::string_view text) const {
  return tokenizer_->encode(text, details_.text->tokens_max);
}

std::int64_t OwnStages::pad_id() const {
  return details_.text->pad_id >= 0 ? details_.text->pad_id : tokenizer_->pad_id();
}

std::vector<std::int64_t> OwnStages::padded(std::vector<std::int64_t> ids) const {
  ids.resize(std::max(ids.size(), TextEncoder::bucket_of(ids.size(), *details_.text)), pad_id());
  return ids;
}

Result<Outputs> OwnStages::outputs_of(const Tokens& tokens) const {
  const Tokens* one = &tokens;
  const std::size_t bucket = TextEncoder::bucket_of(tokens.ids.size(), *details_.text);
  return run_texts(*text_, *details_.text, integers_, {&one, 1}, bucket, pad_id());
}

Result<std::vector<double>> OwnStages::pooled_of(const Outputs& outputs, const Tokens& tokens) const {
  const auto& tower = *details_.text;
  const std::size_t bucket = TextEncoder::bucket_of(tokens.ids.size(), tower);
  const auto* output = find_output(outputs, tower.output);
  const std::size_t size = tower.pooling == Pooling::kNone ? tower.dim : bucket * tower.dim;
  if (output == nullptr || output->values.size() != size) {
    return Status(Code::kMismatch, "output '" + tower.output + "' is not what the card says");
  }
  std::vector<double> pooled;
  PICTOR_TRY(pool_text(output->values, tower, tokens.ids, bucket, pooled));
  return pooled;
}

Result<std::vector<float>> OwnStages::vector_of(const Outputs& outputs, const Tokens& tokens, std::size_t head) const {
  PICTOR_ASSIGN(auto pooled, pooled_of(outputs, tokens));
  std::vector<double> scratch;
  std::vector<float> out(text_makers_[head].dim());
  PICTOR_TRY(text_makers_[head].make(pooled, scratch, out));
  return out;
}

}  // namespace pictor
