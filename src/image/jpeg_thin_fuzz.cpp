// A thinned JPEG ends as the whole one does: the same pixels and warnings, or the same error.
#include <cstdlib>

#include "image/codec.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pictor;
  const ByteView file = std::as_bytes(std::span(data, size));
  CodecRequest request;
  request.header_only = true;
  const auto header = decode_jpeg(file, request);
  if (!header.is_ok() || std::uint64_t{header->info.width} * header->info.height > 1'000'000) return 0;
  request.header_only = false;
  request.dct_min_side = 1;
  const auto thin = decode_jpeg(file, request);
  request.thin_scan = false;
  const auto whole = decode_jpeg(file, request);
  if (thin.status().to_string() != whole.status().to_string()) std::abort();
  if (!thin.is_ok()) return 0;
  if (thin->image.u8 != whole->image.u8 || thin->warnings != whole->warnings) std::abort();
  return 0;
}
