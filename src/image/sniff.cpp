// What a file is by its first bytes; and, when it is no picture that is read, words for what it is instead.
#include "image/sniff.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "image/words.h"

namespace pictor {
namespace {

// Brands of an ISO media file: the major one and as many compatible ones as its first box holds.
ImageFormat sniff_media(std::string_view text) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(text.data());
  const std::size_t box =
      std::size_t{bytes[0]} << 24 | std::size_t{bytes[1]} << 16 | std::size_t{bytes[2]} << 8 | bytes[3];
  const std::size_t end = std::min({box, text.size(), std::size_t{256}});
  bool heif = false;
  for (std::size_t at = 8; at + 4 <= end; at += 4) {
    if (at == 12) continue;  // the minor version is no brand
    const std::string_view brand = text.substr(at, 4);
    if (brand == "avif" || brand == "avis") return ImageFormat::kAvif;
    constexpr std::array<std::string_view, 8> brands = {"heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1"};
    heif = heif || std::find(brands.begin(), brands.end(), brand) != brands.end();
  }
  return heif ? ImageFormat::kHeic : ImageFormat::kUnknown;
}

struct Magic {
  std::size_t at;
  std::string_view bytes;
  std::string_view words;
};

using namespace std::string_view_literals;
constexpr std::array kOthers = {
    Magic{0, "%PDF"sv, "is a PDF document, not a picture"},
    Magic{0, "%!PS"sv, "is a PostScript document, not a picture"},
    Magic{0, "PK\x03\x04"sv, "is a ZIP archive, not a picture"},
    Magic{0, "\x1f\x8b"sv, "is gzip-compressed data, not a picture"},
    Magic{4, "ftyp"sv, "is a video or another media file, not a picture"},
    Magic{0, "\x1a\x45\xdf\xa3"sv, "is a video, not a picture"},
    Magic{0, "\0\0\1\0"sv, "is a Windows icon (ICO), which is not read; save it as PNG"},
    Magic{0, "\0\0\2\0"sv, "is a Windows cursor (CUR), which is not read; save it as PNG"},
    Magic{0, "8BPS"sv, "is a Photoshop file, which is not read; save it as PNG or TIFF"},
    Magic{0, "\0\0\0\x0cjP  "sv, "is a JPEG 2000 picture, which is not read; save it as PNG or JPEG"},
    Magic{0, "\xff\x4f\xff\x51"sv, "is a JPEG 2000 picture, which is not read; save it as PNG or JPEG"},
    Magic{0, "\0\0\0\x0cJXL "sv, "is a JPEG XL picture, which is not read; save it as PNG or JPEG"},
    Magic{0, "\xff\x0a"sv, "is a JPEG XL picture, which is not read; save it as PNG or JPEG"},
    Magic{0, "DDS "sv, "is a DirectDraw texture, which is not read; save it as PNG"},
    Magic{0, "\x76\x2f\x31\x01"sv, "is an OpenEXR picture, which is not read; save it as 16-bit PNG or TIFF"},
    Magic{0, "#?RADIANCE"sv, "is a Radiance HDR picture, which is not read; save it as 16-bit PNG or TIFF"},
    Magic{0, "qoif"sv, "is a QOI picture, which is not read; save it as PNG"},
    Magic{128, "DICM"sv, "is a DICOM file, which is not read; save it as PNG or TIFF"},
    Magic{0, "SIMPLE  ="sv, "is a FITS file, which is not read; save it as 16-bit PNG or TIFF"},
};

bool starts_like(std::string_view text, std::string_view tag) {
  if (text.size() < tag.size()) return false;
  return std::equal(tag.begin(), tag.end(), text.begin(),
                    [](char a, char b) { return a == std::tolower(static_cast<unsigned char>(b)); });
}

std::string describe_text(std::string_view text) {
  const std::size_t start = std::min(text.find_first_not_of(" \t\r\n\xef\xbb\xbf"), text.size());
  const std::string_view begin = text.substr(start, 512);
  if (starts_like(begin, "<!doctype html") || starts_like(begin, "<html")) return "is HTML, not a picture";
  if (starts_like(begin, "<svg") || (starts_like(begin, "<?xml") && begin.find("<svg") != std::string_view::npos)) {
    return "is an SVG drawing, which is not read; save it as PNG";
  }
  if (starts_like(begin, "<?xml")) return "is XML, not a picture";
  if (begin.size() > 2 && begin[0] == 'P' && begin[1] >= '1' && begin[1] <= '7' &&
      std::isspace(static_cast<unsigned char>(begin[2])) != 0) {
    return "is a PPM picture, which is not read; save it as PNG";
  }
  const bool readable = std::all_of(begin.begin(), begin.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 32 || std::isspace(byte) != 0;
  });
  if (readable && !begin.empty()) return "is text, not a picture";
  return "is none of the pictures that are read (JPEG, PNG, WebP, GIF, BMP, TIFF, HEIC, AVIF)";
}

}  // namespace

ImageFormat sniff_format(ByteView file) {
  const std::string_view text = as_text(file.first(std::min<std::size_t>(file.size(), 512)));
  if (text.starts_with("\xff\xd8\xff")) return ImageFormat::kJpeg;
  if (text.starts_with("\x89PNG\r\n\x1a\n")) return ImageFormat::kPng;
  if (text.starts_with("RIFF") && text.size() >= 12 && text.substr(8, 4) == "WEBP") return ImageFormat::kWebp;
  if (text.starts_with("GIF87a") || text.starts_with("GIF89a")) return ImageFormat::kGif;
  if (text.starts_with("BM")) return ImageFormat::kBmp;
  if (text.starts_with("II*\0"sv) || text.starts_with("MM\0*"sv) || text.starts_with("II+\0"sv) ||
      text.starts_with("MM\0+"sv)) {
    return ImageFormat::kTiff;
  }
  if (text.size() >= 12 && text.substr(4, 4) == "ftyp") return sniff_media(text);
  return ImageFormat::kUnknown;
}

std::string describe_stranger(ByteView file) {
  if (file.empty()) return "the file is empty";
  const std::string_view text = as_text(file.first(std::min<std::size_t>(file.size(), 4096)));
  const std::string_view begin = text.substr(0, std::min<std::size_t>(text.size(), 64));
  if (std::all_of(begin.begin(), begin.end(), [](char c) { return c == 0; })) {
    return "the file begins with nothing but zeros: it was never written in full";
  }
  for (const Magic& magic : kOthers) {
    if (text.size() >= magic.at + magic.bytes.size() && text.substr(magic.at, magic.bytes.size()) == magic.bytes) {
      return "the file " + std::string(magic.words);
    }
  }
  return "the file " + describe_text(text);
}

}  // namespace pictor
