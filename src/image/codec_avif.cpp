// AVIF through libavif: the first frame.
#include <avif/avif.h>

#include <memory>

#include "image/codec.h"

namespace pictor {
namespace {

struct DestroyDecoder {
  void operator()(avifDecoder* decoder) const { avifDecoderDestroy(decoder); }
};
using Decoder = std::unique_ptr<avifDecoder, DestroyDecoder>;

Status failure(avifResult result) {
  if (result == AVIF_RESULT_TRUNCATED_DATA || result == AVIF_RESULT_IO_ERROR) {
    return unreadable(ImageFormat::kAvif, "the file ends early");
  }
  return unreadable(ImageFormat::kAvif, std::string("it cannot be decoded (") + avifResultToString(result) + ")");
}

// The container's quarter turns and mirror as the one EXIF orientation that does the same.
std::uint32_t transform_orientation(const avifImage& image) {
  const std::uint32_t turns = (image.transformFlags & AVIF_TRANSFORM_IROT) != 0 ? image.irot.angle & 3u : 0u;
  if ((image.transformFlags & AVIF_TRANSFORM_IMIR) == 0) {
    constexpr std::uint32_t turned[] = {1, 8, 3, 6};  // irot counts quarter turns against the clock
    return turned[turns];
  }
  constexpr std::uint32_t top_bottom[] = {4, 5, 2, 7}, left_right[] = {2, 7, 4, 5};
  return image.imir.mode == 0 ? top_bottom[turns] : left_right[turns];
}

Status convert(const avifImage& frame, CodecPicture& picture) {
  allocate_image(picture.info, picture.image);
  avifRGBImage rgb;
  avifRGBImageSetDefaults(&rgb, &frame);
  rgb.depth = picture.info.bits;
  rgb.format = picture.info.bands == 4 ? AVIF_RGB_FORMAT_RGBA : AVIF_RGB_FORMAT_RGB;
  rgb.ignoreAlpha = picture.info.bands == 4 ? AVIF_FALSE : AVIF_TRUE;
  rgb.pixels =
      picture.info.bits == 16 ? reinterpret_cast<std::uint8_t*>(picture.image.u16.data()) : picture.image.u8.data();
  rgb.rowBytes = picture.info.width * picture.info.bands * (picture.info.bits / 8);
  const avifResult result = avifImageYUVToRGB(&frame, &rgb);
  return result == AVIF_RESULT_OK ? Status::ok() : failure(result);
}

}  // namespace

Result<CodecPicture> decode_avif(ByteView file, const CodecRequest& request) {
  CodecPicture picture;
  ImageInfo& info = picture.info;
  info.format = ImageFormat::kAvif;
  const Decoder decoder(avifDecoderCreate());
  if (decoder == nullptr) return Status{Code::kInternal, "libavif could not be started"};
  decoder->maxThreads = 1;
  decoder->ignoreXMP = AVIF_TRUE;
  decoder->ignoreExif = AVIF_TRUE;  // the format says: only irot and imir turn the picture
  decoder->imageSizeLimit = static_cast<std::uint32_t>(limits::kImagePixelsMax);
  decoder->imageDimensionLimit = limits::kImageSideMax;
  // Many real files lack 'pixi' or carry an odd 'clap', and Pillow reads them.
  decoder->strictFlags = AVIF_STRICT_ENABLED & ~(AVIF_STRICT_PIXI_REQUIRED | AVIF_STRICT_CLAP_VALID);
  avifResult result = avifDecoderSetIOMemory(decoder.get(), as_u8(file), file.size());
  if (result == AVIF_RESULT_OK) result = avifDecoderParse(decoder.get());
  if (result != AVIF_RESULT_OK) return failure(result);

  const avifImage& image = *decoder->image;
  info.width = image.width;
  info.height = image.height;
  info.bands = decoder->alphaPresent == AVIF_TRUE ? 4 : 3;
  info.bits = image.depth > 8 ? 16 : 8;
  info.frames = static_cast<std::uint32_t>(decoder->imageCount > 0 ? decoder->imageCount : 1);
  info.orientation = request.transform ? transform_orientation(image) : 1;
  // libavif holds its own planes beside the interleaved ones.
  PICTOR_TRY(check_header(info, std::uint64_t{info.width} * info.height * info.bands * (info.bits / 8)));
  PICTOR_TRY(check_icc_bytes(ImageFormat::kAvif, image.icc.size));
  const auto* icc = reinterpret_cast<const std::byte*>(image.icc.data);
  if (image.icc.size > 0) picture.icc.assign(icc, icc + image.icc.size);
  info.has_icc = image.icc.size > 0;
  if (request.header_only) return picture;

  result = avifDecoderNextImage(decoder.get());
  if (result != AVIF_RESULT_OK) return failure(result);
  // The coded picture may disagree with the container's header.
  info.width = decoder->image->width;
  info.height = decoder->image->height;
  PICTOR_TRY(check_header(info));
  PICTOR_TRY(convert(*decoder->image, picture));
  return picture;
}

std::string avif_version() {
  char codecs[256] = {};
  avifCodecVersions(codecs);
  return std::string("libavif ") + avifVersion() + " (" + codecs + ")";
}

}  // namespace pictor
