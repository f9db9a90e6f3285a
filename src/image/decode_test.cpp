// What decode refuses and why, its limits at and past their edge, orientation, depth, and files cut or flipped
// anywhere.
#include <algorithm>
#include <array>
#include <set>

#include "image/codec.h"
#include "image/image_testing.h"

namespace pictor {
namespace {

using testing::make_golden;
using testing::make_image;
using testing::numbers;
using testing::random_image;
using testing::Record;
using testing::test_seed;

Bytes bytes_of(std::string_view text) {
  const ByteView view = as_bytes(text);
  return Bytes(view.begin(), view.end());
}

std::string cause_of(ByteView file) {
  const auto decoded = decode_image(file, DecodeSpec{});
  return decoded.is_ok() ? "ok" : decoded.status().to_string();
}

TEST(Decode, files_that_are_no_pictures_are_called_what_they_are) {
  EXPECT_EQ(cause_of({}), "unreadable: the file is empty");
  EXPECT_EQ(cause_of(as_bytes("\n <!DOCTYPE HTML><p>404")), "unreadable: the file is HTML, not a picture");
  EXPECT_EQ(cause_of(as_bytes("<svg xmlns='x'/>")),
            "unreadable: the file is an SVG drawing, which is not read; save it as PNG");
  EXPECT_EQ(cause_of(as_bytes("%PDF-1.4")), "unreadable: the file is a PDF document, not a picture");
  EXPECT_EQ(cause_of(as_bytes("hello")), "unreadable: the file is text, not a picture");
  EXPECT_EQ(cause_of(bytes_of(std::string(100, '\0'))),
            "unreadable: the file begins with nothing but zeros: it was never written in full");
  EXPECT_EQ(cause_of(as_bytes("P6 1 1 255\nabc")),
            "unreadable: the file is a PPM picture, which is not read; save it as PNG");
}

Bytes bmp_header(std::int32_t width, std::int32_t height, std::uint16_t bits) {
  ByteWriter out;
  out.put(as_bytes("BM"));
  for (const std::uint32_t number : {0u, 0u, 54u, 40u}) out.put(number);
  out.put(width);
  out.put(height);
  out.put(std::uint16_t{1});
  out.put(bits);
  for (int i = 0; i < 6; ++i) out.put(std::uint32_t{0});
  return out.take();
}

TEST(Limits, pixels_and_sides_are_checked_on_the_header_at_and_past_the_limit) {
  EXPECT_TRUE(read_image_info(bmp_header(10'400, 10'000, 24)).is_ok());
  EXPECT_EQ(read_image_info(bmp_header(10'400, 10'001, 24)).status().to_string(),
            "limit: BMP: the picture has 10,400 x 10,001 pixels; at most 104,000,000 are decoded");
  EXPECT_TRUE(read_image_info(bmp_header(65'500, 1, 24)).is_ok());
  EXPECT_EQ(read_image_info(bmp_header(1, -65'501, 24)).status().to_string(),
            "limit: BMP: the picture has 1 x 65,501 pixels; a side has at most 65,500");
  EXPECT_EQ(decode_image(bmp_header(90'000, 90'000, 24), DecodeSpec{}).status().to_string(),
            "limit: BMP: the picture has 90,000 x 90,000 pixels; at most 104,000,000 are decoded");
  EXPECT_EQ(read_image_info(bmp_header(0, 7, 24)).status().to_string(),
            "unreadable: BMP: the picture is empty: its size is 0 x 7 pixels");
}

void put_big(ByteWriter& out, std::uint32_t number) {
  for (int shift = 24; shift >= 0; shift -= 8) out.put(static_cast<std::uint8_t>(number >> shift));
}

void put_chunk(ByteWriter& out, std::string_view name, ByteView data) {
  put_big(out, static_cast<std::uint32_t>(data.size()));
  ByteWriter body;
  body.put(as_bytes(name));
  body.put(data);
  std::uint32_t crc = ~0u;
  for (const std::byte byte : body.bytes()) {
    crc ^= std::to_integer<std::uint32_t>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1) != 0 ? 0xEDB88320u : 0u);
  }
  out.put(body.bytes());
  put_big(out, ~crc);
}

Bytes png_header(std::uint32_t width, std::uint32_t height, int bits, int colour) {
  ByteWriter out, head;
  out.put(as_bytes("\x89PNG\r\n\x1a\n"));
  put_big(head, width);
  put_big(head, height);
  for (const int value : {bits, colour, 0, 0, 0}) head.put(static_cast<std::uint8_t>(value));
  put_chunk(out, "IHDR", head.bytes());
  put_chunk(out, "IDAT", {});
  return out.take();
}

TEST(Limits, bytes_of_the_decoded_picture_are_checked_at_and_past_the_limit) {
  constexpr int kRgba = 6;
  EXPECT_TRUE(read_image_info(png_header(8192, 8192, 16, kRgba)).is_ok());
  EXPECT_EQ(
      read_image_info(png_header(8192, 8193, 16, kRgba)).status().to_string(),
      "limit: PNG: the picture of 8,192 x 8,193 pixels takes 536,936,448 bytes to decode; at most 536,870,912 are "
      "used");
}

TEST(Limits, a_small_file_that_promises_a_large_picture_is_refused_before_memory_is_taken) {
  EXPECT_EQ(cause_of(png_header(10'000, 10'000, 8, 2)),
            "unreadable: PNG: the file ends early: 10,000 x 10,000 pixels cannot be in 45 bytes");
  EXPECT_EQ(cause_of(bmp_header(10'000, 10'000, 24)),
            "unreadable: BMP: the file ends early: 0 of 10,000 rows could be read; copy or download it again");
}

TEST(Limits, a_file_past_the_limit_of_bytes_is_not_looked_at) {
  Bytes file = encode_png(random_image(2, 2, 3, 1)).value();
  file.resize(limits::kImageFileBytesMax);
  EXPECT_EQ(cause_of(file), "ok");
  file.resize(file.size() + 1);
  EXPECT_EQ(cause_of(file), "limit: the file has 268,435,457 bytes; at most 268,435,456 are read");
}

// Puts a colour profile into a JPEG as APP2 markers.
Bytes with_icc(const Bytes& jpeg, ByteView icc) {
  constexpr std::size_t kPart = 65'000;
  const std::size_t parts = (icc.size() + kPart - 1) / kPart;
  ByteWriter out;
  out.put(ByteView(jpeg).first(2));
  for (std::size_t i = 0; i < parts; ++i) {
    const ByteView part = icc.subspan(i * kPart, std::min(kPart, icc.size() - i * kPart));
    const std::size_t length = part.size() + 16;
    for (const std::size_t byte : {std::size_t{0xFF}, std::size_t{0xE2}, length >> 8, length & 255}) {
      out.put(static_cast<std::uint8_t>(byte));
    }
    out.put(as_bytes(std::string_view("ICC_PROFILE\0", 12)));
    out.put(static_cast<std::uint8_t>(i + 1));
    out.put(static_cast<std::uint8_t>(parts));
    out.put(part);
  }
  out.put(ByteView(jpeg).subspan(2));
  return out.take();
}

TEST(Limits, a_colour_profile_past_its_limit_is_refused) {
  const Bytes jpeg = encode_jpeg(random_image(8, 8, 3, 1), 90).value();
  const Bytes profile(limits::kImageIccBytesMax + 1);
  const auto info = read_image_info(with_icc(jpeg, ByteView(profile).first(limits::kImageIccBytesMax)));
  ASSERT_TRUE(info.is_ok()) << info.status().to_string();
  EXPECT_TRUE(info->has_icc);
  EXPECT_EQ(read_image_info(with_icc(jpeg, profile)).status().to_string(),
            "limit: JPEG: the colour profile has 4,194,305 bytes; at most 4,194,304 are read");
}

TEST(Icc, a_broken_profile_is_ignored_with_a_warning) {
  const Bytes jpeg = encode_jpeg(random_image(8, 8, 3, 1), 90).value();
  const auto plain = decode_image(jpeg, DecodeSpec{});
  const auto broken = decode_image(with_icc(jpeg, Bytes(300)), DecodeSpec{});
  ASSERT_TRUE(plain.is_ok() && broken.is_ok());
  EXPECT_EQ(plain->image.u8, broken->image.u8);
  ASSERT_EQ(broken->warnings.size(), 1u);
  EXPECT_EQ(broken->warnings[0], "the colour profile is damaged; the picture is taken as sRGB");
}

// A TIFF of one strip of 8-bit samples.
Bytes make_tiff(std::uint32_t width, std::uint32_t height, std::uint32_t bands, std::uint32_t photometric) {
  ByteWriter out;
  const std::uint32_t pixels = width * height * bands;
  out.put(as_bytes(std::string_view("II*\0", 4)));
  out.put(std::uint32_t{8});
  const std::vector<std::array<std::uint32_t, 3>> tags = {
      {256, 4, width}, {257, 4, height},      {258, 3, 8},
      {259, 3, 1},     {262, 3, photometric}, {273, 4, 8 + 2 + 12 * 9 + 4},
      {277, 3, bands}, {278, 4, height},      {279, 4, pixels}};
  out.put(static_cast<std::uint16_t>(tags.size()));
  for (const auto& [tag, type, value] : tags) {
    out.put(static_cast<std::uint16_t>(tag));
    out.put(static_cast<std::uint16_t>(type));
    out.put(std::uint32_t{1});
    out.put(value);
  }
  out.put(std::uint32_t{0});
  for (std::uint32_t i = 0; i < pixels; ++i) out.put(static_cast<std::uint8_t>(i));
  return out.take();
}

TEST(Tiff, many_bands_survive_decoding_and_are_not_guessed_to_be_colours) {
  const auto decoded = decode_image(make_tiff(3, 2, 7, 1), DecodeSpec{});
  ASSERT_TRUE(decoded.is_ok()) << decoded.status().to_string();
  EXPECT_EQ(decoded->image.bands, 7u);
  for (std::size_t i = 0; i < decoded->image.u8.size(); ++i) EXPECT_EQ(decoded->image.u8[i], i);
  EXPECT_EQ(to_rgb8(decoded->image, DecodeSpec{}).status().code(), Code::kUnsupported);
}

TEST(Limits, bands_are_counted_at_and_past_the_limit) {
  EXPECT_TRUE(decode_image(make_tiff(2, 2, limits::kImageBandsMax, 1), DecodeSpec{}).is_ok());
  EXPECT_EQ(cause_of(make_tiff(2, 2, limits::kImageBandsMax + 1, 1)),
            "limit: TIFF: the picture has 65 bands; 1 to 64 are decoded");
}

TEST(Damage, a_jpeg_that_ends_early_says_how_many_rows_there_are) {
  Bytes jpeg = encode_jpeg(random_image(64, 64, 3, 1), 90).value();
  Bytes without_end(jpeg.begin(), jpeg.end() - 2);
  EXPECT_EQ(cause_of(without_end), "ok");  // every row is there
  jpeg.resize(jpeg.size() * 2 / 3);
  const std::string cause = cause_of(jpeg);
  EXPECT_TRUE(cause.starts_with("unreadable: JPEG: the file ends early: ")) << cause;
  EXPECT_NE(cause.find(" of 64 rows could be read"), std::string::npos) << cause;
}

TEST(Damage, a_png_that_ends_early_or_has_a_flipped_bit_says_so) {
  const Bytes png = encode_png(random_image(64, 64, 3, 1)).value();
  Bytes cut(png.begin(), png.begin() + static_cast<std::ptrdiff_t>(png.size() * 2 / 3));
  EXPECT_NE(cause_of(cut).find("PNG: the file ends early: 4"), std::string::npos) << cause_of(cut);
  Bytes flipped = png;
  flipped[flipped.size() - 20] ^= std::byte{1};  // the last bytes of the data: a wrong sum
  EXPECT_NE(cause_of(flipped).find("PNG: the data is damaged"), std::string::npos) << cause_of(flipped);
}

TEST(Limits, a_picture_too_thin_to_show_anything_is_refused_past_the_limit) {
  PrepareSpec spec;
  std::vector<float> out(prepared_size(spec));
  EXPECT_TRUE(prepare_image(random_image(2000, 1, 3, 1), DecodeSpec{}, spec, out).is_ok());
  EXPECT_EQ(prepare_image(random_image(2001, 1, 3, 1), DecodeSpec{}, spec, out).code(), Code::kLimit);
}

TEST(Prepare, wrong_specs_are_refused_with_what_was_wanted) {
  const Image image = random_image(4, 4, 3, 1);
  const auto status_of = [&](const PrepareSpec& spec) {
    std::vector<float> out(prepared_size(spec));
    return prepare_image(image, DecodeSpec{}, spec, out).to_string();
  };
  PrepareSpec spec;
  spec.width = 0;
  EXPECT_NE(status_of(spec).find("sides go from 1 to 4,096"), std::string::npos);
  spec.width = 225;
  EXPECT_NE(status_of(spec).find("resize 224 does not fit a crop of 225 x 224"), std::string::npos);
  spec.width = 224;
  spec.std[1] = 0;
  EXPECT_NE(status_of(spec).find("std not 0"), std::string::npos);
  spec.std[1] = 1;
  spec.fit = Fit::kCropThenResize;
  spec.crop_fraction = 1.5;
  EXPECT_NE(status_of(spec).find("crop_fraction is 1.5"), std::string::npos);
}

// Where each orientation takes the stored pixel (x, y) of a w x h picture, from the EXIF standard's figures.
std::pair<std::uint32_t, std::uint32_t> upright_place(std::uint32_t orientation, std::uint32_t x, std::uint32_t y,
                                                      std::uint32_t w, std::uint32_t h) {
  switch (orientation) {
    case 2: return {w - 1 - x, y};
    case 3: return {w - 1 - x, h - 1 - y};
    case 4: return {x, h - 1 - y};
    case 5: return {y, x};
    case 6: return {h - 1 - y, x};
    case 7: return {h - 1 - y, w - 1 - x};
    case 8: return {y, w - 1 - x};
    default: return {x, y};
  }
}

TEST(Orientation, every_pixel_goes_where_exif_says) {
  constexpr std::uint32_t kWidth = 70, kHeight = 41;
  const Image stored = random_image(kWidth, kHeight, 3, 7);
  for (std::uint32_t orientation = 1; orientation <= 8; ++orientation) {
    const Image turned = apply_orientation(stored, orientation);
    ASSERT_EQ(turned.width, orientation >= 5 ? kHeight : kWidth);
    for (std::uint32_t y = 0; y < kHeight; ++y) {
      for (std::uint32_t x = 0; x < kWidth; ++x) {
        const auto [to_x, to_y] = upright_place(orientation, x, y, kWidth, kHeight);
        ASSERT_EQ(stored.u8[(y * kWidth + x) * 3], turned.u8[(to_y * turned.width + to_x) * 3]) << orientation;
      }
    }
  }
}

TEST(Png, sixteen_bits_and_alpha_survive_a_round_trip) {
  for (std::uint32_t bands = 1; bands <= 4; ++bands) {
    Image image = random_image(33, 21, bands, bands);
    EXPECT_EQ(decode_image(encode_png(image).value(), DecodeSpec{})->image.u8, image.u8);
    image.bits = 16;
    for (const std::uint8_t value : image.u8) image.u16.push_back(static_cast<std::uint16_t>(value * 251u));
    image.u8.clear();
    const auto again = decode_image(encode_png(image).value(), DecodeSpec{});
    ASSERT_TRUE(again.is_ok());
    EXPECT_EQ(again->image.bits, 16u);
    EXPECT_EQ(again->image.u16, image.u16);
  }
}

TEST(Pixels, sixteen_bits_become_eight_by_rounding) {
  Image image;
  image.width = 65'536 / 8;
  image.height = 8;
  image.bands = 1;
  image.bits = 16;
  for (std::uint32_t value = 0; value < 65'536; ++value) image.u16.push_back(static_cast<std::uint16_t>(value));
  const auto rgb = to_rgb8(image, DecodeSpec{});
  ASSERT_TRUE(rgb.is_ok());
  for (std::uint32_t value = 0; value < 65'536; ++value) {
    ASSERT_EQ(rgb->u8[value * 3], static_cast<std::uint8_t>(value / 257.0 + 0.5)) << value;
  }
}

TEST(Jpeg, a_scaled_decode_keeps_the_used_side_at_least_as_long_as_asked) {
  const Bytes jpeg = encode_jpeg(random_image(800, 640, 3, 1), 90).value();
  DecodeSpec spec;
  PrepareSpec use;
  use.fit = Fit::kCropThenResize;
  use.crop_fraction = 0.5;
  const auto width_at = [&](std::uint32_t side, const PrepareSpec* used) {
    spec.dct_min_side = side;
    return decode_image(jpeg, spec, used)->image.width;
  };
  EXPECT_EQ(width_at(0, nullptr), 800u);
  EXPECT_EQ(width_at(160, nullptr), 200u);
  EXPECT_EQ(width_at(161, nullptr), 400u);
  EXPECT_EQ(width_at(160, &use), 400u);
  EXPECT_EQ(width_at(641, nullptr), 800u);
  spec.dct_min_side = 160;
  EXPECT_EQ(decode_image(jpeg, spec)->info.width, 800u);
}

TEST(Thumbnail, is_a_jpeg_no_larger_than_asked) {
  for (const auto& [width, height] :
       std::vector<std::pair<std::uint32_t, std::uint32_t>>{{300, 100}, {9, 4000}, {5, 5}}) {
    const auto thumbnail = make_thumbnail(random_image(width, height, 4, 1), 64);
    ASSERT_TRUE(thumbnail.is_ok()) << thumbnail.status().to_string();
    const auto info = read_image_info(*thumbnail);
    ASSERT_TRUE(info.is_ok());
    EXPECT_EQ(info->format, ImageFormat::kJpeg);
    EXPECT_EQ(std::max(info->width, info->height), std::min(64u, std::max(width, height)));
  }
}

TEST(Versions, name_every_decoder) {
  const std::string versions = decoder_versions();
  for (const char* name : {"libjpeg-turbo 2.", "libpng 1.6", "libwebp 1.", "giflib 5.", "libtiff 4.", "libheif 1.",
                           "libavif 0.", "lcms2 2."}) {
    EXPECT_NE(versions.find(name), std::string::npos) << versions;
  }
}

// Decodes; what comes out must be whole pixels or a cause.
void expect_orderly(ByteView file, const std::string& name) {
  const auto decoded = decode_image(file, DecodeSpec{});
  if (!decoded.is_ok()) {
    ASSERT_FALSE(decoded.status().message().empty()) << name;
    ASSERT_NE(decoded.status().code(), Code::kInternal) << name << ": " << decoded.status().to_string();
    return;
  }
  const Image& image = decoded->image;
  const std::size_t size = std::size_t{image.width} * image.height * image.bands;
  ASSERT_EQ(image.bits == 16 ? image.u16.size() : image.u8.size(), size) << name;
  (void)read_image_info(file);
}

TEST(Damage, files_of_every_kind_cut_or_flipped_anywhere_end_as_pixels_or_a_cause) {
  const std::uint32_t seed = test_seed();
  const auto golden = make_golden("decode", seed);
  PICTOR_NEED_GOLDEN(golden);
  std::mt19937 random(seed);
  std::set<std::string> kinds;
  for (const Record& record : golden.records) {
    const std::string name(as_text(record[0]));
    const auto size = numbers<std::uint32_t>(record[2]);
    // One small file of each kind: the name up to the size.
    if (record[1].size() > 30'000 || size[0] * size[1] < 16 || !kinds.insert(name.substr(0, name.find('('))).second) {
      continue;
    }
    const std::size_t step = std::max<std::size_t>(1, record[1].size() / 150);
    for (std::size_t cut = 0; cut < record[1].size(); cut += step) expect_orderly(record[1].first(cut), name);
    for (int i = 0; i < 150; ++i) {
      Bytes flipped(record[1].begin(), record[1].end());
      for (int flips = 1 + i % 4; flips > 0; --flips) {
        flipped[random() % flipped.size()] ^= static_cast<std::byte>(1u << random() % 8);
      }
      expect_orderly(flipped, name);
    }
  }
  EXPECT_GE(kinds.size(), 20u);
}

}  // namespace
}  // namespace pictor
