// pictor encoder verify --against and derive: encode has the work, the engine knows places and run times.
#include "engine/encoder_tools.h"

namespace pictor {

Result<ForeignReport> EncoderToolsImpl::compare(const ForeignRequest& request) {
  PICTOR_ASSIGN(const auto* runtime, encoders_.runtime_of(request.name));
  // Without the cache: a network with all its outputs is no network of every day.
  return compare_encoder(env_, encoders_.places(), *runtime, "", request);
}

Result<DerivedEncoder> EncoderToolsImpl::derive(const DeriveRequest& request) {
  PICTOR_ASSIGN(const auto* runtime, encoders_.runtime_of(request.name));
  return derive_encoder(env_, encoders_.places(), *runtime, request);
}

}  // namespace pictor
