#include "base/base.h"
#include "engine/engine.h"
#include "image/image.h"
#include "vector/vector.h"

namespace pictor {

Env& real_env() { return Env::real(); }

std::string version_text() { return PICTOR_VERSION; }

std::vector<std::string> build_details() {
  return {
      "pictor " PICTOR_VERSION " (" PICTOR_BUILD_TYPE ", " PICTOR_COMPILER ")",
      "decoders: " + decoder_versions(),
      "vectors: " + std::string(simd_name(best_simd())) + ", " + std::to_string(available_processors()) + " processors",
  };
}

}  // namespace pictor
