// The door of image: encoded picture files in, upright pixels and prepared tensors out.
//
// decode: bytes -> Image. Every limit is checked on the header, before anything of the picture's size is allocated.
// What cannot be read is kUnreadable (or kLimit) with a cause a person understands; no input crashes, hangs or throws.
// prepare: Image + PrepareSpec -> one C x H x W float32 plane set, bit-equal to Pillow's resize for 8-bit input.
//
// Thread safety: free functions, callable from any thread at once; nothing is shared between calls.
// Determinism: the same bytes and spec give the same bits on every machine (integer resize, table-driven normalise).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/base.h"

namespace pictor {

enum class ImageFormat : std::uint8_t { kUnknown, kJpeg, kPng, kWebp, kGif, kBmp, kTiff, kHeic, kAvif };
std::string_view format_name(ImageFormat format);  // "jpeg", "png", ...

enum class Orientation : std::uint8_t { kApply, kIgnore };  // EXIF 1-8
enum class Icc : std::uint8_t { kToSrgb, kIgnore };
enum class Alpha : std::uint8_t {
  kOver,
  kDrop
};  // composite over `background`, or drop the band as Pillow's convert("RGB") does
// Pillow's filters of the same names. kNearest takes one source pixel each, all others antialias.
enum class Filter : std::uint8_t { kBilinear, kBicubic, kLanczos, kNearest, kBox, kHamming };
enum class Fit : std::uint8_t {
  kShortestEdgeCrop,  // resize so that the shorter edge is `resize`, then crop the centre to width x height
  kCropThenResize,    // crop the centre square of min(w,h) * crop_fraction, then resize to width x height
  kSquash,            // resize to width x height, aspect ratio lost
  kPad,               // resize to fit inside, centre on `background`
};

// How a card says pictures become pixels. Part of the SpaceId: every field can change a vector.
struct DecodeSpec {
  Orientation orientation = Orientation::kApply;
  Icc icc = Icc::kToSrgb;
  Alpha alpha = Alpha::kOver;
  std::array<std::uint8_t, 3> background = {255, 255, 255};
  // JPEG only: let the decoder shrink in the DCT domain to the smallest n/8 scale whose sides are still at least
  // `dct_min_side` in the crop that is used; 0 decodes in full (the reference).
  std::uint32_t dct_min_side = 0;
};

// Where the crop of kShortestEdgeCrop begins: half of what is left over, rounded half to even (torchvision, timm,
// OpenCLIP) or down (transformers).
enum class CropOffset : std::uint8_t { kHalfEven, kFloor };

// How pixels become an encoder's input. Part of the SpaceId.
struct PrepareSpec {
  std::uint32_t width = 224;
  std::uint32_t height = 224;
  Fit fit = Fit::kShortestEdgeCrop;
  Filter filter = Filter::kBicubic;
  std::uint32_t resize = 224;                      // kShortestEdgeCrop: the shorter edge after the resize
  double crop_fraction = 1.0;                      // kCropThenResize
  CropOffset crop_offset = CropOffset::kHalfEven;  // kShortestEdgeCrop
  // 0: out = (pixel - mean) / std in double, rounded once; mean and std are in 0..255 units. Above 0: pixels are first
  // multiplied by it and rounded to f32, then (x - mean) / std in f32, step by step as the reference stacks do it.
  double rescale = 0;
  std::array<float, 3> mean = {0, 0, 0};
  std::array<float, 3> std = {1, 1, 1};
  std::array<std::uint8_t, 3> background = {255, 255, 255};  // kPad
};

// Upright pixels, rows top to bottom, bands interleaved, no padding. Bands: 1 grey, 2 grey+alpha, 3 RGB, 4 RGBA, else
// multi-band.
struct Image {
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  std::uint32_t bands = 0;
  std::uint32_t bits = 8;          // 8 or 16
  std::vector<std::uint8_t> u8;    // width * height * bands numbers when bits == 8
  std::vector<std::uint16_t> u16;  // ... when bits == 16
};

// What the header says, before decoding.
struct ImageInfo {
  ImageFormat format = ImageFormat::kUnknown;
  std::uint32_t width = 0;  // as stored, before orientation
  std::uint32_t height = 0;
  std::uint32_t bands = 0;
  std::uint32_t bits = 0;
  std::uint32_t frames = 1;
  std::uint32_t orientation = 1;  // EXIF 1..8
  bool has_icc = false;
};

struct DecodedImage {
  Image image;
  ImageInfo info;
  std::vector<std::string> warnings;  // e.g. "the file ends early: the last 12 % of the picture is grey"
};

ImageFormat sniff_format(ByteView file);
Result<ImageInfo> read_image_info(ByteView file);
// Decodes the first frame. `use` tells a DCT-scaled decode how much of the picture is needed; it may be null.
Result<DecodedImage> decode_image(ByteView file, const DecodeSpec& spec, const PrepareSpec* use = nullptr);

// 8-bit RGB after bands, depth and alpha are settled: what prepare resizes. 16-bit becomes 8-bit by rounding v / 257.
Result<Image> to_rgb8(const Image& image, const DecodeSpec& spec);
// Pillow's Image.resize(size, filter, box), bit for bit, for 8-bit images of 1..4 bands.
struct Box {
  double left = 0, top = 0, right = 0, bottom = 0;
};  // in source pixels
Result<Image> resize_image(const Image& image, std::uint32_t width, std::uint32_t height, Filter filter,
                           const Box* box = nullptr);

// Writes 3 * height * width numbers (planes R, G, B) to out. REQUIRES: out.size() == prepared_size(spec).
std::size_t prepared_size(const PrepareSpec& spec);
Status prepare_image(const Image& image, const DecodeSpec& decode, const PrepareSpec& spec, std::span<float> out);

// A JPEG no larger than `side` on its longer side, for thumbnails and contact sheets.
Result<Bytes> make_thumbnail(const Image& image, std::uint32_t side);
// Encoders for tests, demos and benchmarks.
Result<Bytes> encode_png(const Image& image);
Result<Bytes> encode_jpeg(const Image& image, int quality);

// Versions of the decoding libraries in use, "libjpeg-turbo 2.1.5, ...": part of every receipt.
std::string decoder_versions();

}  // namespace pictor
