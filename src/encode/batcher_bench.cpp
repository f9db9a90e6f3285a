// What the batcher costs a caller: an encoder that computes nothing, asked directly and through the batcher.
#include <benchmark/benchmark.h>

#include "encode/encode.h"

namespace pictor {
namespace {

class NoEncoder final : public Encoder {
 public:
  NoEncoder() {
    card_.prepare.width = card_.prepare.height = 224;
    card_.heads = {{"visual", 512, Metric::kCosine, true, true, "v"}};
  }
  const EncoderCard& card() const override { return card_; }
  std::string isa_class() const override { return ""; }
  std::string runtime_name() const override { return ""; }
  std::size_t pass_pictures() const override { return 1; }
  Result<std::vector<std::vector<float>>> encode_images(std::span<const float>, std::size_t n) const override {
    return std::vector<std::vector<float>>{std::vector<float>(512 * n)};
  }
  Result<EncodedImages> encode_images_with_tokens(std::span<const float>, std::size_t) const override {
    return EncodedImages{};
  }
  Result<std::vector<float>> encode_texts(std::span<const std::string> texts, std::string_view) const override {
    return std::vector<float>(512 * texts.size());
  }
  Result<bool> text_is_cut(std::string_view) const override { return false; }

 private:
  EncoderCard card_;
};

const std::vector<float>& tensor() {
  static const std::vector<float> made(3 * 224 * 224);
  return made;
}

void direct(benchmark::State& state) {
  const NoEncoder encoder;
  for (auto _ : state) benchmark::DoNotOptimize(encoder.encode_images(tensor(), 1));
}
BENCHMARK(direct)->UseRealTime();

// A caller who waits; several contend for one stream.
void waiting(benchmark::State& state) {
  static Batcher batcher(Env::real(), std::make_shared<NoEncoder>(), {});
  for (auto _ : state) benchmark::DoNotOptimize(batcher.encode_images(tensor(), 1, {}));
}
BENCHMARK(waiting)->Threads(1)->Threads(4)->UseRealTime();

// Handed to a thread of the batcher's own and back: what the waiting caller is spared.
void submitted(benchmark::State& state) {
  Batcher batcher(Env::real(), std::make_shared<NoEncoder>(), {});
  for (auto _ : state) benchmark::DoNotOptimize(batcher.submit_texts({"a"}, "visual", {}).get());
}
BENCHMARK(submitted)->UseRealTime();

}  // namespace
}  // namespace pictor
