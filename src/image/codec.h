// What every codec_*.cpp gives to decode.cpp: the picture as its file stores it, not yet upright and not yet sRGB.
//
// Contract of each decode function: the header is checked with check_header before anything of the picture's size is
// allocated; with header_only nothing of that size is. No exception, no print, no shared state.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "image/image.h"

namespace pictor {

struct CodecRequest {
  bool header_only = false;
  bool transform = true;           // HEIF and AVIF: apply the container's own rotation and mirroring
  std::uint32_t dct_min_side = 0;  // JPEG, see DecodeSpec
  bool thin_scan = true;           // JPEG, see jpeg_thin.h: off only to be compared with
  const PrepareSpec* use = nullptr;
};

struct CodecPicture {
  ImageInfo info;
  Image image;
  bool cmyk = false;  // the four bands are cyan, magenta, yellow and black; 0 is no ink
  Bytes icc;
  std::vector<std::string> warnings;
};

Result<CodecPicture> decode_jpeg(ByteView file, const CodecRequest& request);
Result<CodecPicture> decode_png(ByteView file, const CodecRequest& request);
Result<CodecPicture> decode_webp(ByteView file, const CodecRequest& request);
Result<CodecPicture> decode_gif(ByteView file, const CodecRequest& request);
Result<CodecPicture> decode_bmp(ByteView file, const CodecRequest& request);
Result<CodecPicture> decode_tiff(ByteView file, const CodecRequest& request);
Result<CodecPicture> decode_heif(ByteView file, const CodecRequest& request);
Result<CodecPicture> decode_avif(ByteView file, const CodecRequest& request);

std::string jpeg_version();
std::string png_version();
std::string webp_version();
std::string gif_version();
std::string tiff_version();
std::string heif_version();
std::string avif_version();
std::string lcms_version();

// kUnreadable with "JPEG: " and so on before the cause.
Status unreadable(ImageFormat format, const std::string& cause);
// "the file ends early: 340 of 480 rows could be read".
Status ends_early(ImageFormat format, std::uint64_t rows_read, std::uint64_t rows);

// The limits of limits.h on what a header says; `extra_bytes` is what the decoder itself will hold beside the pixels.
Status check_header(const ImageInfo& info, std::uint64_t extra_bytes = 0);
Status check_icc_bytes(ImageFormat format, std::uint64_t bytes);
// Sets the sizes and makes the pixels, all 0. REQUIRES: check_header(info) was ok.
void allocate_image(const ImageInfo& info, Image& image);

// The orientation 1 to 8 in an EXIF block (a TIFF header, with or without "Exif\0\0" before it); 1 when there is none.
std::uint32_t exif_orientation(ByteView exif);

// A picture turned upright: orientation 1 to 8 of EXIF.
Image apply_orientation(Image image, std::uint32_t orientation);

// Converts the colour bands from the embedded profile to sRGB in place (CMYK becomes RGB). A profile that is broken,
// does not fit the bands or is sRGB already leaves the pixels; a warning says so where the picture may look wrong.
void convert_to_srgb(CodecPicture& picture);
// What Pillow's convert("RGB") does with CMYK.
void cmyk_to_rgb(CodecPicture& picture);

}  // namespace pictor
