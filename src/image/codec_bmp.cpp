// BMP, read here: 1, 2, 4, 8, 16, 24 and 32 bits, run lengths, bit fields, either row order, headers from OS/2 1 to V5.
#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "image/codec.h"
#include "image/words.h"

namespace pictor {
namespace {

constexpr std::uint32_t kFileHeaderBytes = 14;
enum Compression : std::uint32_t { kRgb = 0, kRle8 = 1, kRle4 = 2, kBitFields = 3, kAlphaBitFields = 6 };

struct Header {
  std::uint32_t pixels_at = 0;  // from the start of the file
  std::uint32_t header_bytes = 0;
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  bool top_down = false;
  std::uint32_t bits = 0;
  std::uint32_t compression = kRgb;
  std::uint32_t colours = 0;
  std::uint32_t palette_at = 0;
  std::uint32_t palette_entry = 4;
  std::array<std::uint32_t, 4> masks = {};  // red, green, blue, alpha
};

using Palette = std::array<std::array<std::uint8_t, 3>, 256>;

Status bad(const std::string& cause) { return unreadable(ImageFormat::kBmp, cause); }
Status ends_in_header() { return bad("the file ends early, inside its header"); }

template <typename T>
T number_at(ByteView file, std::size_t at) {
  T value = 0;
  ByteReader reader(at <= file.size() ? file.subspan(at) : ByteView());
  (void)reader.get(value);  // past the end: 0, which every caller takes as "not there"
  return value;
}

void read_masks(ByteView file, Header& header) {
  const bool fields = header.compression == kBitFields || header.compression == kAlphaBitFields;
  if (header.bits == 16) header.masks = {0x7C00, 0x3E0, 0x1F, 0};
  if (header.bits == 32) header.masks = {0xFF0000, 0xFF00, 0xFF, 0};
  if (!fields || header.bits < 16 || header.bits == 24) return;
  std::array<std::uint32_t, 4> masks = {};
  const bool alpha = header.header_bytes >= 56 || header.compression == kAlphaBitFields;
  for (std::size_t i = 0; i < (alpha ? 4u : 3u); ++i) {
    masks[i] = number_at<std::uint32_t>(file, kFileHeaderBytes + 40 + 4 * i);
  }
  if (header.header_bytes == 40) header.palette_at += alpha ? 16 : 12;
  // No masks at all: blue, green, red and alpha bytes, as other readers take it.
  if (header.bits == 32 && masks == std::array<std::uint32_t, 4>{}) masks = {0xFF0000, 0xFF00, 0xFF, 0xFF000000};
  header.masks = masks;
}

Status read_sizes(ByteView file, Header& header) {
  if (header.header_bytes == 12) {
    header.width = number_at<std::uint16_t>(file, 18);
    header.height = number_at<std::uint16_t>(file, 20);
    header.bits = number_at<std::uint16_t>(file, 24);
    header.palette_entry = 3;
    return Status::ok();
  }
  const auto width = number_at<std::int32_t>(file, 18);
  const auto height = number_at<std::int32_t>(file, 22);
  if (width < 0 || height == INT32_MIN) return bad("its width or height is negative");
  header.width = static_cast<std::uint32_t>(width);
  header.top_down = height < 0;
  header.height = static_cast<std::uint32_t>(header.top_down ? -height : height);
  header.bits = number_at<std::uint16_t>(file, 28);
  if (header.header_bytes >= 40) {
    header.compression = number_at<std::uint32_t>(file, 30);
    header.colours = number_at<std::uint32_t>(file, 46);
  }
  return Status::ok();
}

Status check_kind(const Header& header) {
  constexpr std::array<std::uint32_t, 7> depths = {1, 2, 4, 8, 16, 24, 32};
  if (std::find(depths.begin(), depths.end(), header.bits) == depths.end()) {
    return bad("it has " + words::count(header.bits) + " bits a pixel; 1, 2, 4, 8, 16, 24 and 32 are read");
  }
  const std::uint32_t packed = header.compression;
  const bool fits = packed == kRgb || (packed == kRle8 && header.bits == 8) || (packed == kRle4 && header.bits == 4) ||
                    ((packed == kBitFields || packed == kAlphaBitFields) && header.bits >= 16);
  if (!fits) {
    return bad("its compression " + words::count(packed) + " with " + words::count(header.bits) +
               " bits a pixel is not read");
  }
  return Status::ok();
}

Result<Header> read_header(ByteView file) {
  Header header;
  if (file.size() < kFileHeaderBytes + 12) return ends_in_header();
  header.pixels_at = number_at<std::uint32_t>(file, 10);
  header.header_bytes = number_at<std::uint32_t>(file, kFileHeaderBytes);
  constexpr std::array<std::uint32_t, 8> known = {12, 16, 40, 52, 56, 64, 108, 124};
  if (std::find(known.begin(), known.end(), header.header_bytes) == known.end()) {
    return bad("its header has " + words::count(header.header_bytes) + " bytes, which no known version has");
  }
  if (file.size() < kFileHeaderBytes + header.header_bytes) return ends_in_header();
  PICTOR_TRY(read_sizes(file, header));
  header.palette_at = kFileHeaderBytes + header.header_bytes;
  PICTOR_TRY(check_kind(header));
  read_masks(file, header);
  if (header.bits <= 8 && (header.colours == 0 || header.colours > 256)) header.colours = 1u << header.bits;
  if (header.pixels_at < header.palette_at) header.pixels_at = header.palette_at;
  return header;
}

Palette read_palette(ByteView file, const Header& header) {
  Palette palette = {};
  const std::uint32_t colours = std::min<std::uint32_t>(header.colours, 256);
  for (std::uint32_t i = 0; i < colours; ++i) {
    const std::size_t at = std::size_t{header.palette_at} + std::size_t{i} * header.palette_entry;
    if (at + 3 > file.size()) break;
    const std::uint8_t* entry = as_u8(file) + at;
    palette[i] = {entry[2], entry[1], entry[0]};
  }
  return palette;
}

std::uint8_t take_field(std::uint32_t pixel, std::uint32_t mask) {
  if (mask == 0) return 0;
  const int shift = std::countr_zero(mask);
  const std::uint64_t most = mask >> shift;
  return static_cast<std::uint8_t>(std::uint64_t{(pixel & mask) >> shift} * 255 / most);
}

void unpack_row(const std::uint8_t* row, const Header& header, const Palette& palette, std::uint32_t bands,
                std::uint8_t* out) {
  for (std::uint32_t x = 0; x < header.width; ++x, out += bands) {
    if (header.bits <= 8) {
      const std::uint32_t at = x * header.bits;
      const std::uint32_t index = row[at / 8] >> (8 - header.bits - at % 8) & ((1u << header.bits) - 1);
      std::memcpy(out, palette[index].data(), 3);
    } else if (header.bits == 24) {
      const std::uint8_t* pixel = row + std::size_t{x} * 3;
      out[0] = pixel[2];
      out[1] = pixel[1];
      out[2] = pixel[0];
    } else {
      std::uint32_t pixel = 0;
      std::memcpy(&pixel, row + std::size_t{x} * (header.bits / 8), header.bits / 8);
      for (std::uint32_t b = 0; b < bands; ++b) out[b] = take_field(pixel, header.masks[b]);
    }
  }
}

Status read_plain(ByteView file, const Header& header, const Palette& palette, Image& image) {
  const std::size_t row_bytes = (std::size_t{header.width} * header.bits + 31) / 32 * 4;
  // The last row may lack its padding.
  const std::size_t needed = (std::size_t{header.width} * header.bits + 7) / 8;
  for (std::uint32_t y = 0; y < header.height; ++y) {
    const std::size_t at = header.pixels_at + y * row_bytes;
    if (at > file.size() || file.size() - at < needed) return ends_early(ImageFormat::kBmp, y, header.height);
    const std::uint32_t to = header.top_down ? y : header.height - 1 - y;
    unpack_row(as_u8(file) + at, header, palette, image.bands, &image.u8[std::size_t{to} * header.width * image.bands]);
  }
  return Status::ok();
}

// Where run-length codes write: indices first, coloured at the end.
class RunCanvas {
 public:
  RunCanvas(std::uint32_t width, std::uint32_t height)
      : width_(width), height_(height), indices_(std::size_t{width} * height, 0) {}

  void put(std::uint8_t index) {
    if (x_ < width_ && y_ < height_) indices_[std::size_t{y_} * width_ + x_] = index;
    ++x_;
  }
  void next_row() { x_ = 0, ++y_; }
  void move(std::uint32_t right, std::uint32_t up) { x_ += right, y_ += up; }
  bool full() const { return y_ >= height_; }
  // The last row counts as read when its end is reached without an end-of-row code.
  std::uint32_t rows() const { return x_ >= width_ ? y_ + 1 : y_; }
  const std::vector<std::uint8_t>& indices() const { return indices_; }

 private:
  std::uint32_t width_, height_, x_ = 0, y_ = 0;
  std::vector<std::uint8_t> indices_;
};

// `count` indices from literal bytes, or from one repeated byte.
void put_run(RunCanvas& canvas, const std::uint8_t* data, std::uint32_t count, bool four_bits, bool literal) {
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint8_t byte = literal ? data[four_bits ? i / 2 : i] : data[0];
    const std::uint8_t half = i % 2 == 0 ? byte >> 4 : byte & 15;
    canvas.put(four_bits ? half : byte);
  }
}

// Returns whether an end code was met or the canvas is full.
bool run_codes(ByteView data, bool four_bits, RunCanvas& canvas) {
  const std::uint8_t* bytes = as_u8(data);
  std::size_t at = 0;
  while (!canvas.full() && data.size() - at >= 2) {
    const std::uint32_t count = bytes[at], code = bytes[at + 1];
    at += 2;
    if (count > 0) {
      put_run(canvas, &bytes[at - 1], count, four_bits, false);
    } else if (code == 0) {
      canvas.next_row();
    } else if (code == 1) {
      return true;
    } else if (code == 2) {
      if (data.size() - at < 2) return false;
      canvas.move(bytes[at], bytes[at + 1]);
      at += 2;
    } else {
      const std::size_t length = four_bits ? (code + 1) / 2 : code;
      if (data.size() - at < length) return false;
      put_run(canvas, &bytes[at], code, four_bits, true);
      at += std::min(length + length % 2, data.size() - at);
    }
  }
  return canvas.full();
}

Status read_runs(ByteView file, const Header& header, const Palette& palette, Image& image) {
  RunCanvas canvas(header.width, header.height);
  const ByteView data = header.pixels_at < file.size() ? file.subspan(header.pixels_at) : ByteView();
  const bool ended = run_codes(data, header.compression == kRle4, canvas);
  if (!ended && canvas.rows() < header.height) return ends_early(ImageFormat::kBmp, canvas.rows(), header.height);
  const std::vector<std::uint8_t>& indices = canvas.indices();
  for (std::uint32_t y = 0; y < header.height; ++y) {
    const std::uint32_t to = header.top_down ? y : header.height - 1 - y;
    for (std::uint32_t x = 0; x < header.width; ++x) {
      std::memcpy(&image.u8[(std::size_t{to} * header.width + x) * 3],
                  palette[indices[std::size_t{y} * header.width + x]].data(), 3);
    }
  }
  return Status::ok();
}

}  // namespace

Result<CodecPicture> decode_bmp(ByteView file, const CodecRequest& request) {
  PICTOR_ASSIGN(const Header header, read_header(file));
  CodecPicture picture;
  picture.info.format = ImageFormat::kBmp;
  picture.info.width = header.width;
  picture.info.height = header.height;
  picture.info.bits = 8;
  picture.info.bands = (header.bits == 16 || header.bits == 32) && header.masks[3] != 0 ? 4 : 3;
  const bool runs = header.compression == kRle8 || header.compression == kRle4;
  PICTOR_TRY(check_header(picture.info, runs ? std::uint64_t{header.width} * header.height : 0));
  if (request.header_only) return picture;
  const std::uint64_t row_bits = std::uint64_t{header.width} * header.bits;
  if (!runs && file.size() < row_bits * (header.height - 1) / 8) {
    const std::uint64_t here = file.size() - std::min<std::size_t>(file.size(), header.pixels_at);
    return ends_early(ImageFormat::kBmp, here * 8 / row_bits, header.height);
  }
  allocate_image(picture.info, picture.image);
  const Palette palette = header.bits <= 8 ? read_palette(file, header) : Palette{};
  PICTOR_TRY(runs ? read_runs(file, header, palette, picture.image) : read_plain(file, header, palette, picture.image));
  return picture;
}

}  // namespace pictor
