// The engine's EncoderTools, over the encoders of one engine.
#pragma once

#include <string>

#include "engine/encoders.h"
#include "pictor/encoder_tools.h"

namespace pictor {

class EncoderToolsImpl final : public EncoderTools {
 public:
  // `encoders` must outlive it.
  EncoderToolsImpl(Env& env, Encoders& encoders, std::string cache_folder, std::size_t threads)
      : env_(env), encoders_(encoders), cache_folder_(std::move(cache_folder)), threads_(threads) {}

  Result<EncoderBench> bench(const EncoderBenchRequest& request) override;
  Result<WarmedEncoder> warm(const std::string& name) override;
  Status preload(const std::string& name) override;
  Result<ForeignReport> compare(const ForeignRequest& request) override;
  Result<DerivedEncoder> derive(const DeriveRequest& request) override;

 private:
  // Milliseconds from opening to the first vector of each tower.
  Result<double> time_start(const std::string& name, const std::string& cache);
  // Not one of those that are kept: with threads and cache of its own.
  Result<std::unique_ptr<Encoder>> open_for(const std::string& name, EncodeFor purpose, std::size_t threads,
                                            const std::string& cache_folder);

  Env& env_;
  Encoders& encoders_;
  std::string cache_folder_;
  std::size_t threads_;
};

// Pictures and texts of no meaning that an encoder can be measured with; the same ones every time.
Result<std::vector<float>> sample_tensors(const EncoderCard& card, std::size_t count);
std::vector<std::string> sample_texts(std::size_t count);
// One vector of each tower the encoder has.
Status encode_once(const Encoder& encoder);

}  // namespace pictor
