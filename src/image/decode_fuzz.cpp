// Whole decode and prepare on any bytes: no crash, no leak, no undefined behaviour, bounded memory.
#include <cstdlib>

#include "image/image.h"

// libheif 1.15 loses the 40 bytes it asked of dav1d for an AV1 picture of no bytes (it hands back only what has a
// size). Nothing it offers tells the codec of an item beforehand; the seed av01-empty.heic is such a picture.
extern "C" const char* __lsan_default_suppressions() { return "leak:libdav1d"; }

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pictor;
  const ByteView file = std::as_bytes(std::span(data, size));
  PrepareSpec prepare;
  prepare.width = prepare.height = 32;
  prepare.resize = 32;
  DecodeSpec spec;
  // The last byte chooses the settings, so that the fuzzer reaches all of them with files that stay whole.
  const std::uint8_t choice = size > 0 ? data[size - 1] : 0;
  prepare.fit = static_cast<Fit>(choice & 3);
  prepare.crop_fraction = 260.0 / 292;
  spec.dct_min_side = (choice & 4) != 0 ? 32 : 0;
  spec.alpha = (choice & 8) != 0 ? Alpha::kDrop : Alpha::kOver;
  // The real limits allow half a gibibyte a picture, which would leave the fuzzer waiting for memory to be cleared.
  const auto info = read_image_info(file);
  if (!info.is_ok() || std::uint64_t{info->width} * info->height > 1'000'000) return 0;
  const auto decoded = decode_image(file, spec, &prepare);
  if (!decoded.is_ok()) return 0;
  std::vector<float> out(prepared_size(prepare));
  const Status status = prepare_image(decoded->image, spec, prepare, out);
  if (status.code() == Code::kInternal) std::abort();
  return 0;
}
