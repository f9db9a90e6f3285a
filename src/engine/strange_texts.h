// Words that an index is measured with: vectors of texts do not lie among those of pictures, and a promise that holds
// for pictures does not hold for them (index.h, StrangeQueries).
//
// Thread safety: all calls from any thread.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "engine/encoders.h"
#include "store/store.h"

namespace pictor {

class StrangeTexts {
 public:
  explicit StrangeTexts(Encoders& encoders) : encoders_(encoders) {}

  // Vectors of sentences (encode.h, calibration_sentences) in that space of the collection; made once. None for a space
  // without texts, or where the encoder cannot be run, which is logged: indexes then promise what they do for pictures.
  std::vector<float> of(const CollectionSpec& spec, const SpaceSpec& space);

 private:
  Result<std::vector<float>> make(const CollectionSpec& spec, const SpaceSpec& space) const;

  Encoders& encoders_;
  std::mutex mutex_;
  std::map<std::string, std::vector<float>> known_;  // by space
};

}  // namespace pictor
