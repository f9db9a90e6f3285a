// Pictures and texts a CPU-second, by batch, threads and streams, for the encoder that PICTOR_BENCH_ENCODER names (else
// lite2-minilm). "items_per_second" is by CPU time of the whole process.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>
#include <random>

#include "encode/card.h"
#include "encode/encode.h"
#include "encode/tokenizer.h"

namespace pictor {
namespace {

std::string encoder_name() {
  const char* name = std::getenv("PICTOR_BENCH_ENCODER");
  return name == nullptr ? "lite2-minilm" : name;
}

EncoderPlaces places() { return {PICTOR_SOURCE_DIR "/models", PICTOR_DEPS_DIR "/models"}; }

const Runtime& runtime() {
  static const auto shared = make_openvino_runtime();
  return *shared;
}

std::vector<float> random_tensors(const EncoderCard& card, std::size_t n) {
  std::mt19937 draw(1);
  std::uniform_real_distribution<float> level(-1.0F, 1.0F);
  std::vector<float> tensors(n * 3 * card.prepare.width * card.prepare.height);
  for (auto& value : tensors) value = level(draw);
  return tensors;
}

Result<EncoderCard> card() {
  auto bytes =
      read_file(Env::real(), join_path(places().cards_folder, encoder_name() + ".json"), limits::kCardBytesMax);
  if (!bytes.is_ok()) return bytes.status();
  return parse_card(as_text(*bytes));
}

void check(benchmark::State& state, const Status& status) {
  if (!status.is_ok()) state.SkipWithError(status.to_string().c_str());
}

// One forward pass of the image network: batch, threads.
void network(benchmark::State& state) {
  const auto described = card();
  check(state, described.status());
  if (!described.is_ok()) return;
  const auto batch = static_cast<std::size_t>(state.range(0));
  const ModelOptions options{static_cast<std::size_t>(state.range(1)), 1, ""};
  auto model = runtime().load(places().weights_folder + "/" + encoder_name() + "/image.onnx", options);
  check(state, model.status());
  if (!model.is_ok()) return;
  const auto tensors = random_tensors(*described, batch);
  const TensorView input{(*model)->inputs()[0].name,
                         ElementType::kF32,
                         {state.range(0), 3, described->prepare.height, described->prepare.width},
                         tensors.data()};
  for (auto _ : state) check(state, (*model)->run({&input, 1}).status());
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(network)
    ->ArgNames({"batch", "threads"})
    ->ArgsProduct({{1, 4, 8, 16}, {1, 2}})
    ->MeasureProcessCPUTime()
    ->Unit(benchmark::kMillisecond);

Result<std::unique_ptr<Encoder>> open(const benchmark::State& state) {
  const EncoderOptions options{static_cast<std::size_t>(state.range(0)), static_cast<std::size_t>(state.range(1)), "",
                               true};
  return open_encoder(Env::real(), places(), encoder_name(), runtime(), options);
}

// 32 pictures through the encoder, heads included: threads, forward passes at once.
void images(benchmark::State& state) {
  constexpr std::size_t kCount = 32;
  auto encoder = open(state);
  check(state, encoder.status());
  if (!encoder.is_ok()) return;
  const auto tensors = random_tensors((*encoder)->card(), kCount);
  check(state, (*encoder)->encode_images(tensors, kCount).status());
  for (auto _ : state) check(state, (*encoder)->encode_images(tensors, kCount).status());
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kCount));
}
BENCHMARK(images)
    ->ArgNames({"threads", "parallel"})
    ->Args({1, 1})
    ->Args({2, 1})
    ->Args({1, 2})
    ->MeasureProcessCPUTime()
    ->Unit(benchmark::kMillisecond);

// Texts of seven words: threads, forward passes at once, texts.
void texts(benchmark::State& state) {
  auto encoder = open(state);
  check(state, encoder.status());
  if (!encoder.is_ok()) return;
  const std::vector<std::string> some(static_cast<std::size_t>(state.range(2)), "a small bird on a green branch");
  check(state, (*encoder)->encode_texts(some, "joint").status());
  for (auto _ : state) check(state, (*encoder)->encode_texts(some, "joint").status());
  state.SetItemsProcessed(state.iterations() * state.range(2));
}
BENCHMARK(texts)
    ->ArgNames({"threads", "parallel", "texts"})
    ->Args({1, 1, 1})
    ->Args({1, 1, 64})
    ->Args({1, 2, 256})
    ->MeasureProcessCPUTime()
    ->Unit(benchmark::kMillisecond);

// From nothing to the first vector of a text: with an empty cache of compiled models (0) and with a full one (1).
void first_text(benchmark::State& state) {
  const std::string cache = (std::filesystem::temp_directory_path() / "pictor-bench-cache").string();
  std::filesystem::remove_all(cache);
  const std::vector<std::string> one = {"a small bird on a green branch"};
  for (auto _ : state) {
    if (state.range(0) == 0) std::filesystem::remove_all(cache);
    const auto fresh = make_openvino_runtime();
    auto encoder = open_encoder(Env::real(), places(), encoder_name(), *fresh, {1, 1, cache, true});
    check(state, encoder.status());
    if (encoder.is_ok()) check(state, (*encoder)->encode_texts(one, "joint").status());
  }
  std::filesystem::remove_all(cache);
}
BENCHMARK(first_text)->ArgName("cached")->Arg(0)->Arg(1)->Iterations(5)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace pictor
