// The orientation tag of an EXIF block: a bounded walk over the first directory, nothing else is read.
#include <algorithm>
#include <cstring>
#include <utility>

#include "image/codec.h"

namespace pictor {
namespace {

constexpr std::uint16_t kOrientationTag = 0x0112;
constexpr std::uint16_t kTypeShort = 3;
constexpr std::uint16_t kTypeLong = 4;

class TiffReader {
 public:
  TiffReader(ByteView bytes, bool big_endian) : bytes_(bytes), big_endian_(big_endian) {}

  std::uint32_t number(std::size_t at, std::size_t size) const {
    if (at > bytes_.size() || bytes_.size() - at < size) return 0;
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < size; ++i) {
      const auto byte = std::to_integer<std::uint32_t>(bytes_[at + (big_endian_ ? i : size - 1 - i)]);
      value = value << 8 | byte;
    }
    return value;
  }

 private:
  ByteView bytes_;
  bool big_endian_;
};

template <typename T>
std::vector<T> turn(const std::vector<T>& from, std::uint32_t width, std::uint32_t height, std::uint32_t bands,
                    std::uint32_t orientation) {
  const bool swapped = orientation >= 5;
  const bool flip_x = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const bool flip_y = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  const std::uint32_t out_width = swapped ? height : width;
  const std::uint32_t out_height = swapped ? width : height;
  // Small squares keep both the reads and the writes of a quarter turn in the cache.
  constexpr std::uint32_t kTile = 32;
  std::vector<T> out(from.size());
  for (std::uint32_t tile_y = 0; tile_y < out_height; tile_y += kTile) {
    for (std::uint32_t tile_x = 0; tile_x < out_width; tile_x += kTile) {
      for (std::uint32_t y = tile_y; y < std::min(tile_y + kTile, out_height); ++y) {
        for (std::uint32_t x = tile_x; x < std::min(tile_x + kTile, out_width); ++x) {
          const std::uint32_t along = swapped ? y : x, across = swapped ? x : y;
          const std::uint32_t from_x = flip_x ? width - 1 - along : along;
          const std::uint32_t from_y = flip_y ? height - 1 - across : across;
          const T* pixel = &from[(std::size_t{from_y} * width + from_x) * bands];
          std::copy(pixel, pixel + bands, &out[(std::size_t{y} * out_width + x) * bands]);
        }
      }
    }
  }
  return out;
}

}  // namespace

std::uint32_t exif_orientation(ByteView exif) {
  if (exif.size() > limits::kImageExifBytesMax) exif = exif.first(limits::kImageExifBytesMax);
  if (exif.size() >= 6 && std::memcmp(exif.data(), "Exif\0\0", 6) == 0) exif = exif.subspan(6);
  if (exif.size() < 8) return 1;
  const std::string_view order = as_text(exif.first(2));
  if (order != "II" && order != "MM") return 1;
  const TiffReader reader(exif, order == "MM");
  if (reader.number(2, 2) != 42) return 1;
  const std::size_t directory = reader.number(4, 4);
  const std::uint32_t entries = reader.number(directory, 2);
  for (std::uint32_t i = 0; i < entries; ++i) {
    const std::size_t entry = directory + 2 + std::size_t{12} * i;
    if (entry + 12 > exif.size()) break;
    if (reader.number(entry, 2) != kOrientationTag) continue;
    const std::uint32_t type = reader.number(entry + 2, 2);
    const std::uint32_t value = type == kTypeShort  ? reader.number(entry + 8, 2)
                                : type == kTypeLong ? reader.number(entry + 8, 4)
                                                    : 1;
    return value >= 1 && value <= 8 ? value : 1;
  }
  return 1;
}

Image apply_orientation(Image image, std::uint32_t orientation) {
  if (orientation < 2 || orientation > 8) return image;
  if (image.bits == 16) {
    image.u16 = turn(image.u16, image.width, image.height, image.bands, orientation);
  } else {
    image.u8 = turn(image.u8, image.width, image.height, image.bands, orientation);
  }
  if (orientation >= 5) std::swap(image.width, image.height);
  return image;
}

}  // namespace pictor
