// PNG through libpng: any depth, palette, transparency and interlacing, out as 8 or 16 bits a band.
//
// libpng reports errors by longjmp: each `guarded` step holds nothing that needs a destructor.
#include <png.h>

#include <algorithm>
#include <csetjmp>
#include <cstdio>
#include <cstring>

#include "image/codec.h"
#include "image/words.h"

namespace pictor {
namespace {

constexpr std::size_t kSignatureBytes = 8;
// No deflate stream unpacks to more than about 1032 times its size.
constexpr std::uint64_t kDeflateRatioMax = 1100;

struct Decoder {
  png_structp png = nullptr;
  png_infop info = nullptr;
  std::jmp_buf jump;
  const std::uint8_t* next = nullptr;
  std::size_t left = 0;
  char failure[160] = {};
  char warning[160] = {};
  bool ended = false;

  Decoder() = default;
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;
  ~Decoder() { png_destroy_read_struct(&png, &info, nullptr); }
};

[[noreturn]] void fail(png_structp png, png_const_charp message) {
  auto& decoder = *static_cast<Decoder*>(png_get_error_ptr(png));
  std::snprintf(decoder.failure, sizeof(decoder.failure), "%s", message);
  std::longjmp(decoder.jump, 1);
}

void note(png_structp png, png_const_charp message) {
  auto& decoder = *static_cast<Decoder*>(png_get_error_ptr(png));
  if (decoder.warning[0] == 0) std::snprintf(decoder.warning, sizeof(decoder.warning), "%s", message);
}

void read_bytes(png_structp png, png_bytep out, std::size_t count) {
  auto& decoder = *static_cast<Decoder*>(png_get_io_ptr(png));
  if (count > decoder.left) {
    decoder.ended = true;
    png_error(png, "the file ends early");
  }
  std::memcpy(out, decoder.next, count);
  decoder.next += count;
  decoder.left -= count;
}

template <typename Step>
bool guarded(Decoder& decoder, const Step& step) {
  if (setjmp(decoder.jump) != 0) return false;
  step();
  return true;
}

bool read_header(Decoder& decoder, ByteView file) {
  decoder.next = as_u8(file);
  decoder.left = file.size();
  decoder.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &decoder, fail, note);
  if (decoder.png == nullptr) return false;
  return guarded(decoder, [&] {
    decoder.info = png_create_info_struct(decoder.png);
    // Text can be packed a thousandfold and is not used. Sides are limited by check_header, in better words.
    png_set_keep_unknown_chunks(decoder.png, PNG_HANDLE_CHUNK_NEVER,
                                reinterpret_cast<png_const_bytep>("tEXt\0zTXt\0iTXt\0sPLT\0hIST"), 5);
    png_set_chunk_malloc_max(decoder.png, limits::kImageIccBytesMax);
    png_set_user_limits(decoder.png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    png_set_read_fn(decoder.png, &decoder, read_bytes);
    png_read_info(decoder.png, decoder.info);
  });
}

Status failure_of(const Decoder& decoder, std::uint64_t rows_read, std::uint64_t rows) {
  if (decoder.ended && rows > 0) return ends_early(ImageFormat::kPng, rows_read, rows);
  if (decoder.ended) return unreadable(ImageFormat::kPng, "the file ends early, before its first row");
  const std::string_view failure = decoder.failure;
  if (failure.starts_with("CgBI")) {
    return unreadable(ImageFormat::kPng, "it is in Apple's own variant of the format (CgBI), which is not read");
  }
  const std::size_t crc = failure.find(": CRC error");
  if (crc != std::string_view::npos) {
    return unreadable(ImageFormat::kPng,
                      "the data is damaged (CRC error in chunk " + std::string(failure.substr(0, crc)) + ")");
  }
  return unreadable(ImageFormat::kPng, "the data is damaged (" + std::string(failure) + ")");
}

// The orientation of an eXIf chunk, wherever in the file it is: libpng shows only those before the pixels.
std::uint32_t find_orientation(ByteView file) {
  std::size_t at = kSignatureBytes;
  while (file.size() >= 12 && at <= file.size() - 12) {
    const std::uint8_t* chunk = as_u8(file) + at;
    const std::uint32_t length = std::uint32_t{chunk[0]} << 24 | std::uint32_t{chunk[1]} << 16 |
                                 std::uint32_t{chunk[2]} << 8 | std::uint32_t{chunk[3]};
    if (length > file.size() - 12 - at) return 1;
    if (std::memcmp(chunk + 4, "eXIf", 4) == 0) return exif_orientation(file.subspan(at + 8, length));
    at += std::size_t{12} + length;
  }
  return 1;
}

Status read_icc(Decoder& decoder, CodecPicture& picture) {
  png_charp name = nullptr;
  png_bytep data = nullptr;
  int compression = 0;
  png_uint_32 size = 0;
  if (png_get_iCCP(decoder.png, decoder.info, &name, &compression, &data, &size) == 0) return Status::ok();
  PICTOR_TRY(check_icc_bytes(ImageFormat::kPng, size));
  const auto* bytes = reinterpret_cast<const std::byte*>(data);
  picture.icc.assign(bytes, bytes + size);
  picture.info.has_icc = true;
  return Status::ok();
}

void set_info(Decoder& decoder, ByteView file, ImageInfo& info) {
  const int colour = png_get_color_type(decoder.png, decoder.info);
  const bool transparent = png_get_valid(decoder.png, decoder.info, PNG_INFO_tRNS) != 0;
  info.width = png_get_image_width(decoder.png, decoder.info);
  info.height = png_get_image_height(decoder.png, decoder.info);
  info.bits = png_get_bit_depth(decoder.png, decoder.info) == 16 ? 16 : 8;
  info.bands =
      ((colour & PNG_COLOR_MASK_COLOR) != 0 ? 3 : 1) + ((colour & PNG_COLOR_MASK_ALPHA) != 0 || transparent ? 1 : 0);
  info.orientation = find_orientation(file);
}

// A header may promise far more than so few bytes can unpack to: said before memory is taken for it.
Status check_possible(Decoder& decoder, const ImageInfo& info, std::size_t file_bytes) {
  const std::uint64_t row_bits = std::uint64_t{info.width} * png_get_channels(decoder.png, decoder.info) *
                                 png_get_bit_depth(decoder.png, decoder.info);
  const std::uint64_t needed = (row_bits / 8 + 1) * info.height / kDeflateRatioMax;
  if (file_bytes >= needed) return Status::ok();
  return unreadable(ImageFormat::kPng, "the file ends early: " + words::size(info.width, info.height) +
                                           " pixels cannot be in " + words::count(file_bytes) + " bytes");
}

Status read_rows(Decoder& decoder, CodecPicture& picture) {
  Image& image = picture.image;
  const std::size_t row_bytes = std::size_t{image.width} * image.bands * (image.bits / 8);
  auto* pixels = image.bits == 16 ? reinterpret_cast<png_bytep>(image.u16.data()) : image.u8.data();
  std::size_t expected = 0;
  std::uint32_t pass = 0;
  std::uint32_t row = 0;
  int passes = 1;
  const bool done = guarded(decoder, [&] {
    png_set_expand(decoder.png);
    if (image.bits == 16) png_set_swap(decoder.png);
    passes = png_set_interlace_handling(decoder.png);
    png_read_update_info(decoder.png, decoder.info);
    expected = png_get_rowbytes(decoder.png, decoder.info);
    if (expected != row_bytes) png_error(decoder.png, "rows have another size than the header says");
    for (pass = 0; pass < static_cast<std::uint32_t>(passes); ++pass) {
      for (row = 0; row < image.height; ++row) png_read_row(decoder.png, pixels + row * row_bytes, nullptr);
    }
  });
  if (!done)
    return failure_of(decoder, passes > 1 && pass + 1 < static_cast<std::uint32_t>(passes) ? 0 : row, image.height);
  // What follows the pixels matters only if it is damaged; a missing end does not change the picture.
  if (!guarded(decoder, [&] { png_read_end(decoder.png, nullptr); })) {
    picture.warnings.push_back(std::string("after the pixels: ") + decoder.failure);
  }
  return Status::ok();
}

}  // namespace

Result<CodecPicture> decode_png(ByteView file, const CodecRequest& request) {
  Decoder decoder;
  CodecPicture picture;
  picture.info.format = ImageFormat::kPng;
  if (!read_header(decoder, file)) return failure_of(decoder, 0, 0);
  set_info(decoder, file, picture.info);
  PICTOR_TRY(check_header(picture.info));
  PICTOR_TRY(read_icc(decoder, picture));
  if (request.header_only) return picture;
  PICTOR_TRY(check_possible(decoder, picture.info, file.size()));
  allocate_image(picture.info, picture.image);
  PICTOR_TRY(read_rows(decoder, picture));
  if (decoder.warning[0] != 0) picture.warnings.emplace_back(decoder.warning);
  return picture;
}

Result<Bytes> encode_png(const Image& image) {
  constexpr int colours[] = {PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA, PNG_COLOR_TYPE_RGB, PNG_COLOR_TYPE_RGBA};
  if (image.bands < 1 || image.bands > 4 || image.width == 0 || image.height == 0) {
    return Status{Code::kInvalid, "a PNG has 1 to 4 bands, this picture is " + words::size(image.width, image.height) +
                                      " with " + words::count(image.bands) + " bands"};
  }
  struct Encoder {
    png_structp png = nullptr;
    png_infop info = nullptr;
    std::jmp_buf jump;
    Bytes bytes;
    ~Encoder() { png_destroy_write_struct(&png, &info); }
  } encoder;
  encoder.png = png_create_write_struct(
      PNG_LIBPNG_VER_STRING, &encoder,
      [](png_structp png, png_const_charp) { std::longjmp(static_cast<Encoder*>(png_get_error_ptr(png))->jump, 1); },
      [](png_structp, png_const_charp) {});
  if (encoder.png == nullptr) return Status{Code::kInternal, "libpng could not be started"};
  if (setjmp(encoder.jump) != 0) return Status{Code::kInternal, "libpng could not make a PNG"};
  encoder.info = png_create_info_struct(encoder.png);
  png_set_write_fn(
      encoder.png, &encoder.bytes,
      [](png_structp png, png_bytep data, std::size_t count) {
        const auto* bytes = reinterpret_cast<const std::byte*>(data);
        auto& out = *static_cast<Bytes*>(png_get_io_ptr(png));
        out.insert(out.end(), bytes, bytes + count);
      },
      [](png_structp) {});
  png_set_IHDR(encoder.png, encoder.info, image.width, image.height, static_cast<int>(image.bits),
               colours[image.bands - 1], PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_write_info(encoder.png, encoder.info);
  if (image.bits == 16) png_set_swap(encoder.png);
  const std::size_t numbers = std::size_t{image.width} * image.bands;
  for (std::uint32_t y = 0; y < image.height; ++y) {
    png_write_row(encoder.png, image.bits == 16 ? reinterpret_cast<png_const_bytep>(&image.u16[y * numbers])
                                                : &image.u8[y * numbers]);
  }
  png_write_end(encoder.png, nullptr);
  return std::move(encoder.bytes);
}

std::string png_version() { return std::string("libpng ") + png_get_libpng_ver(nullptr); }

}  // namespace pictor
