// From file bytes to upright sRGB pixels: recognise, decode, colour, orientation, in this order.
#include <new>

#include "image/codec.h"
#include "image/sniff.h"
#include "image/words.h"

namespace pictor {
namespace {

Result<CodecPicture> run_codec(ImageFormat format, ByteView file, const CodecRequest& request) {
  switch (format) {
    case ImageFormat::kJpeg: return decode_jpeg(file, request);
    case ImageFormat::kPng: return decode_png(file, request);
    case ImageFormat::kWebp: return decode_webp(file, request);
    case ImageFormat::kGif: return decode_gif(file, request);
    case ImageFormat::kBmp: return decode_bmp(file, request);
    case ImageFormat::kTiff: return decode_tiff(file, request);
    case ImageFormat::kHeic: return decode_heif(file, request);
    case ImageFormat::kAvif: return decode_avif(file, request);
    case ImageFormat::kUnknown: break;
  }
  return Status{Code::kUnreadable, describe_stranger(file)};
}

Result<CodecPicture> read_picture(ByteView file, const CodecRequest& request) {
  if (file.size() > limits::kImageFileBytesMax) {
    return Status{Code::kLimit, "the file has " + words::count(file.size()) + " bytes; at most " +
                                    words::count(limits::kImageFileBytesMax) + " are read"};
  }
  const ImageFormat format = sniff_format(file);
  try {
    return run_codec(format, file, request);
  } catch (const std::bad_alloc&) {
    return Status{Code::kLimit, std::string(format_name(format)) + ": not enough memory to decode the picture"};
  }
}

void reduce_cmyk_depth(Image& image) {
  if (image.bits != 16) return;
  image.u8.resize(image.u16.size());
  for (std::size_t i = 0; i < image.u16.size(); ++i) {
    image.u8[i] = static_cast<std::uint8_t>((image.u16[i] + 128u) / 257u);
  }
  image.u16 = {};
  image.bits = 8;
}

}  // namespace

void cmyk_to_rgb(CodecPicture& picture) {
  Image& image = picture.image;
  reduce_cmyk_depth(image);
  const std::size_t pixels = std::size_t{image.width} * image.height;
  std::uint8_t* out = image.u8.data();
  const std::uint8_t* ink = image.u8.data();
  for (std::size_t i = 0; i < pixels; ++i, ink += 4, out += 3) {
    const int paper = 255 - ink[3];
    for (int b = 0; b < 3; ++b) {
      const int product = ink[b] * paper + 128;
      const int tone = paper - (((product >> 8) + product) >> 8);
      out[b] = static_cast<std::uint8_t>(tone < 0 ? 0 : tone);
    }
  }
  image.u8.resize(pixels * 3);
  image.bands = 3;
  picture.cmyk = false;
}

Result<ImageInfo> read_image_info(ByteView file) {
  CodecRequest request;
  request.header_only = true;
  PICTOR_ASSIGN(const CodecPicture picture, read_picture(file, request));
  return picture.info;
}

Result<DecodedImage> decode_image(ByteView file, const DecodeSpec& spec, const PrepareSpec* use) {
  CodecRequest request;
  request.transform = spec.orientation == Orientation::kApply;
  request.dct_min_side = spec.dct_min_side;
  request.use = use;
  PICTOR_ASSIGN(CodecPicture picture, read_picture(file, request));
  try {
    if (spec.icc == Icc::kToSrgb) convert_to_srgb(picture);
    if (picture.cmyk) cmyk_to_rgb(picture);
    if (spec.orientation == Orientation::kApply) {
      picture.image = apply_orientation(std::move(picture.image), picture.info.orientation);
    }
  } catch (const std::bad_alloc&) {
    return Status{Code::kLimit, "not enough memory to turn the decoded picture upright or into sRGB"};
  }
  return DecodedImage{std::move(picture.image), picture.info, std::move(picture.warnings)};
}

std::string decoder_versions() {
  std::string all;
  for (const std::string& version : {jpeg_version(), png_version(), webp_version(), gif_version(), tiff_version(),
                                     heif_version(), avif_version(), lcms_version()}) {
    all += (all.empty() ? "" : ", ") + version;
  }
  return all;
}

}  // namespace pictor
