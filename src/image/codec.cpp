// What the codecs share: limits on headers, and words for what is wrong.
#include "image/codec.h"

#include <array>

#include "image/words.h"

namespace pictor {
namespace {

std::string_view shown_name(ImageFormat format) {
  switch (format) {
    case ImageFormat::kJpeg: return "JPEG";
    case ImageFormat::kPng: return "PNG";
    case ImageFormat::kWebp: return "WebP";
    case ImageFormat::kGif: return "GIF";
    case ImageFormat::kBmp: return "BMP";
    case ImageFormat::kTiff: return "TIFF";
    case ImageFormat::kHeic: return "HEIC";
    case ImageFormat::kAvif: return "AVIF";
    case ImageFormat::kUnknown: break;
  }
  return "picture";
}

Status past_limit(ImageFormat format, const std::string& cause) {
  return {Code::kLimit, std::string(shown_name(format)) + ": " + cause};
}

}  // namespace

std::string_view format_name(ImageFormat format) {
  constexpr std::array<std::string_view, 9> names = {"unknown", "jpeg", "png",  "webp", "gif",
                                                     "bmp",     "tiff", "heic", "avif"};
  return names[static_cast<std::size_t>(format)];
}

Status unreadable(ImageFormat format, const std::string& cause) {
  return {Code::kUnreadable, std::string(shown_name(format)) + ": " + cause};
}

Status ends_early(ImageFormat format, std::uint64_t rows_read, std::uint64_t rows) {
  return unreadable(format, "the file ends early: " + words::count(rows_read) + " of " + words::count(rows) +
                                " rows could be read; copy or download it again");
}

Status check_header(const ImageInfo& info, std::uint64_t extra_bytes) {
  const std::string size = words::size(info.width, info.height);
  if (info.width == 0 || info.height == 0) {
    return unreadable(info.format, "the picture is empty: its size is " + size + " pixels");
  }
  if (std::uint64_t{info.width} * info.height > limits::kImagePixelsMax) {
    return past_limit(info.format, "the picture has " + size + " pixels; at most " +
                                       words::count(limits::kImagePixelsMax) + " are decoded");
  }
  if (info.width > limits::kImageSideMax || info.height > limits::kImageSideMax) {
    return past_limit(info.format,
                      "the picture has " + size + " pixels; a side has at most " + words::count(limits::kImageSideMax));
  }
  if (info.bands == 0 || info.bands > limits::kImageBandsMax) {
    return past_limit(info.format, "the picture has " + words::count(info.bands) + " bands; 1 to " +
                                       words::count(limits::kImageBandsMax) + " are decoded");
  }
  const std::uint64_t bytes = std::uint64_t{info.width} * info.height * info.bands * (info.bits / 8) + extra_bytes;
  if (bytes > limits::kImageDecodedBytesMax) {
    return past_limit(info.format, "the picture of " + size + " pixels takes " + words::count(bytes) +
                                       " bytes to decode; at most " + words::count(limits::kImageDecodedBytesMax) +
                                       " are used");
  }
  return Status::ok();
}

Status check_icc_bytes(ImageFormat format, std::uint64_t bytes) {
  if (bytes <= limits::kImageIccBytesMax) return Status::ok();
  return past_limit(format, "the colour profile has " + words::count(bytes) + " bytes; at most " +
                                words::count(limits::kImageIccBytesMax) + " are read");
}

void allocate_image(const ImageInfo& info, Image& image) {
  image.width = info.width;
  image.height = info.height;
  image.bands = info.bands;
  image.bits = info.bits;
  const std::size_t numbers = std::size_t{info.width} * info.height * info.bands;
  if (info.bits == 16) {
    image.u16.resize(numbers);
  } else {
    image.u8.resize(numbers);
  }
}

}  // namespace pictor
