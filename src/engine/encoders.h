// The encoders of one engine: opened when first needed, kept until the end.
//
// Thread safety: all calls from any thread; opening one encoder (its card and hashes, no network yet) holds up other
// openings only.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/base.h"
#include "encode/encode.h"
#include "engine/runtimes.h"

namespace pictor {

// A bulk run fills the processors with forward passes of one thread each, and so do queries of many callers; else a
// query gives all threads to one pass. The bits are the same.
enum class EncodeFor { kBulk, kQuery };

class Encoders {
 public:
  Encoders(Env& env, EncoderPlaces places, std::string cache_folder, std::size_t threads, RuntimeChoice runtime,
           bool many_callers = false, bool leave_networks = false);
  ~Encoders();
  Encoders(const Encoders&) = delete;
  Encoders& operator=(const Encoders&) = delete;

  Result<std::shared_ptr<const Encoder>> open(const std::string& name, EncodeFor purpose);
  // In front of the encoder that is open for queries.
  Result<std::shared_ptr<Batcher>> batcher(const std::string& name);
  Result<EncoderCard> card(const std::string& name);
  const EncoderPlaces& places() const { return places_; }
  Result<std::vector<EncoderCard>> cards();
  // The one that the encoder's networks run on.
  Result<const Runtime*> runtime_of(const std::string& name);
  Result<AddEncoderReport> add(const AddEncoderRequest& request);
  Result<Quantization> quantize(const QuantizeEncoderRequest& request);
  Status verify(const std::string& name) { return verify_weights(env_, places_, name); }
  // From now on networks run as on a machine of that class (EngineOptions::reproducible).
  Status keep_to_class(const std::string& name, const std::string& isa_class);
  bool is_added(const EncoderCard& card) const;
  void forget(const std::string& name);  // closes it, once nobody uses it any more
  // Ok when the weights of the card are all there with the right sizes.
  Status ready(const EncoderCard& card);

 private:
  // REQUIRES: mutex_ is held.
  Result<std::shared_ptr<const Encoder>> open_locked(const std::string& name, EncodeFor purpose);

  Env& env_;
  EncoderPlaces places_;
  std::string cache_folder_;
  std::size_t threads_;
  const bool many_callers_;
  const bool leave_networks_;
  std::mutex mutex_;
  // What is left to the system when the process ends.
  struct Loaded {
    explicit Loaded(RuntimeChoice choice) : runtimes(std::move(choice)) {}
    Runtimes runtimes;
    std::map<std::pair<std::string, EncodeFor>, std::shared_ptr<const Encoder>> open;
    Loaded* left_before = nullptr;
  };
  std::unique_ptr<Loaded> loaded_;
  std::map<std::string, std::shared_ptr<Batcher>> batchers_;
};

// Of a new collection, when none is asked for.
inline constexpr const char* kDefaultEncoder = "lite2-minilm";

}  // namespace pictor
