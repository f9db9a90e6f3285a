// Formats and features for which the files are made here with the libraries themselves: HEIC, AVIF, profiles, passes.
#include <avif/avif.h>
#include <lcms2.h>
#include <libheif/heif.h>

#include <algorithm>
#include <cmath>

#include "image/codec.h"
#include "image/image_testing.h"
#include "image/jpeg_testing.h"

#if defined(PICTOR_ADDRESS_SANITIZER)
#include <sanitizer/lsan_interface.h>
#endif

namespace pictor {
namespace {

// Left half red, right half blue; the top quarter white. Turned or mirrored it looks different each time.
Image flag(std::uint32_t width, std::uint32_t height) {
  Image image;
  image.width = width;
  image.height = height;
  image.bands = 3;
  for (std::uint32_t y = 0; y < height; ++y) {
    for (std::uint32_t x = 0; x < width; ++x) {
      const bool white = y < height / 4, red = x < width / 2;
      for (const int value : {white || red ? 255 : 0, white ? 255 : 0, white || !red ? 255 : 0}) {
        image.u8.push_back(static_cast<std::uint8_t>(value));
      }
    }
  }
  return image;
}

double mean_error(const Image& a, const Image& b) {
  if (a.u8.size() != b.u8.size()) return 1e9;
  double sum = 0;
  for (std::size_t i = 0; i < a.u8.size(); ++i) sum += std::abs(a.u8[i] - b.u8[i]);
  return sum / static_cast<double>(a.u8.size());
}

Bytes make_avif(const Image& image, int quarter_turns) {
  avifImage* avif =
      avifImageCreate(static_cast<int>(image.width), static_cast<int>(image.height), 8, AVIF_PIXEL_FORMAT_YUV444);
  avifRGBImage rgb;
  avifRGBImageSetDefaults(&rgb, avif);
  rgb.format = AVIF_RGB_FORMAT_RGB;
  rgb.pixels = const_cast<std::uint8_t*>(image.u8.data());
  rgb.rowBytes = image.width * 3;
  EXPECT_EQ(avifImageRGBToYUV(avif, &rgb), AVIF_RESULT_OK);
  if (quarter_turns > 0) avif->transformFlags = AVIF_TRANSFORM_IROT;
  avif->irot.angle = static_cast<std::uint8_t>(quarter_turns);
  avifEncoder* encoder = avifEncoderCreate();
  encoder->speed = AVIF_SPEED_FASTEST;
  encoder->maxQuantizer = 10;
  avifRWData out = AVIF_DATA_EMPTY;
  EXPECT_EQ(avifEncoderWrite(encoder, avif, &out), AVIF_RESULT_OK);
  const auto* bytes = reinterpret_cast<const std::byte*>(out.data);
  Bytes file(bytes, bytes + out.size);
  avifRWDataFree(&out);
  avifEncoderDestroy(encoder);
  avifImageDestroy(avif);
  return file;
}

TEST(Avif, is_decoded_and_turned_by_its_own_rotation) {
  const Image image = flag(64, 48);
  constexpr std::uint32_t orientations[] = {1, 8, 3, 6};  // quarter turns against the clock
  for (int turns = 0; turns < 4; ++turns) {
    const auto decoded = decode_image(make_avif(image, turns), DecodeSpec{});
    ASSERT_TRUE(decoded.is_ok()) << decoded.status().to_string();
    EXPECT_EQ(decoded->info.format, ImageFormat::kAvif);
    EXPECT_LT(mean_error(decoded->image, apply_orientation(image, orientations[turns])), 3.0) << turns;
  }
}

heif_error append_bytes(heif_context*, const void* data, std::size_t size, void* out) {
  const auto* bytes = static_cast<const std::byte*>(data);
  static_cast<Bytes*>(out)->insert(static_cast<Bytes*>(out)->end(), bytes, bytes + size);
  return {heif_error_Ok, heif_suberror_Unspecified, ""};
}

// Empty when this libheif has no encoder for HEVC.
Bytes make_heic(const Image& image) {
#if defined(PICTOR_ADDRESS_SANITIZER)
  const __lsan::ScopedDisabler encoder_leaks;  // x265, which only this test uses, never frees its tables
#endif
  Bytes file;
  heif_context* context = heif_context_alloc();
  heif_encoder* encoder = nullptr;
  if (heif_context_get_encoder_for_format(context, heif_compression_HEVC, &encoder).code == heif_error_Ok) {
    heif_image* pixels = nullptr;
    heif_image_create(static_cast<int>(image.width), static_cast<int>(image.height), heif_colorspace_RGB,
                      heif_chroma_interleaved_RGB, &pixels);
    heif_image_add_plane(pixels, heif_channel_interleaved, static_cast<int>(image.width),
                         static_cast<int>(image.height), 8);
    int stride = 0;
    std::uint8_t* rows = heif_image_get_plane(pixels, heif_channel_interleaved, &stride);
    for (std::uint32_t y = 0; y < image.height; ++y) {
      std::copy_n(&image.u8[std::size_t{y} * image.width * 3], image.width * 3,
                  rows + y * static_cast<std::size_t>(stride));
    }
    heif_encoder_set_lossy_quality(encoder, 95);
    EXPECT_EQ(heif_context_encode_image(context, pixels, encoder, nullptr, nullptr).code, heif_error_Ok);
    heif_writer writer = {1, append_bytes};
    heif_context_write(context, &writer, &file);
    heif_image_release(pixels);
    heif_encoder_release(encoder);
  }
  heif_context_free(context);
  return file;
}

TEST(Heic, is_decoded_and_survives_cuts_and_flips) {
  const Image image = flag(64, 48);
  const Bytes file = make_heic(image);
  if (file.empty()) GTEST_SKIP() << "this libheif cannot write HEIC";
  const auto decoded = decode_image(file, DecodeSpec{});
  ASSERT_TRUE(decoded.is_ok()) << decoded.status().to_string();
  EXPECT_EQ(decoded->info.format, ImageFormat::kHeic);
  EXPECT_LT(mean_error(decoded->image, image), 8.0);  // chroma is halved at the edges
  std::mt19937 random(1);
  for (int i = 0; i < 300; ++i) {
    Bytes damaged = file;
    if (i % 2 == 0) damaged.resize(random() % file.size());
    if (!damaged.empty()) damaged[random() % damaged.size()] ^= std::byte{64};
    const auto tried = decode_image(damaged, DecodeSpec{});
    if (!tried.is_ok()) {
      EXPECT_FALSE(tried.status().message().empty());
    }
  }
}

// An RGB profile with sRGB's colours and its tone curve, or a straight line.
Bytes make_profile(bool linear) {
  Bytes bytes;
  cmsHPROFILE profile = cmsCreate_sRGBProfile();
  if (linear) {
    const cmsCIExyY white = {0.3127, 0.3290, 1.0};
    const cmsCIExyYTRIPLE colours = {{0.64, 0.33, 1}, {0.30, 0.60, 1}, {0.15, 0.06, 1}};
    cmsToneCurve* line = cmsBuildGamma(nullptr, 1.0);
    cmsToneCurve* curves[] = {line, line, line};
    cmsCloseProfile(profile);
    profile = cmsCreateRGBProfile(&white, &colours, curves);
    cmsFreeToneCurve(line);
  }
  cmsUInt32Number size = 0;
  cmsSaveProfileToMem(profile, nullptr, &size);
  bytes.resize(size);
  cmsSaveProfileToMem(profile, bytes.data(), &size);
  cmsCloseProfile(profile);
  return bytes;
}

TEST(Icc, an_srgb_profile_leaves_every_pixel_and_another_one_moves_them_the_same_way_each_time) {
  CodecPicture picture;
  picture.image = testing::random_image(40, 30, 4, 3);
  const std::vector<std::uint8_t> before = picture.image.u8;
  picture.icc = make_profile(false);
  convert_to_srgb(picture);
  EXPECT_EQ(picture.image.u8, before);
  EXPECT_TRUE(picture.warnings.empty());

  CodecPicture first = picture, second = picture;
  first.icc = second.icc = make_profile(true);
  convert_to_srgb(first);
  convert_to_srgb(second);
  EXPECT_EQ(first.image.u8, second.image.u8);
  // Linear light becomes the sRGB curve: 12.92 v below its knee, 1.055 v^(1/2.4) - 0.055 above. Alpha stays.
  for (std::size_t i = 0; i < before.size(); ++i) {
    const double v = before[i] / 255.0;
    const double curve = v <= 0.0031308 ? 12.92 * v : 1.055 * std::pow(v, 1 / 2.4) - 0.055;
    ASSERT_NEAR(first.image.u8[i], i % 4 == 3 ? before[i] : 255 * curve, 1.0) << i;
  }
}

TEST(Icc, a_profile_for_other_bands_is_ignored_with_a_warning) {
  CodecPicture picture;
  picture.image = testing::random_image(4, 4, 1, 3);
  picture.icc = make_profile(true);
  convert_to_srgb(picture);
  EXPECT_EQ(picture.image.bands, 1u);
  ASSERT_EQ(picture.warnings.size(), 1u);
}

TEST(Limits, a_jpeg_with_endless_passes_is_refused_past_the_limit) {
  const Bytes file =
      testing::write_jpeg(flag(64, 48), [](jpeg_compress_struct& info) { jpeg_simple_progression(&info); });
  const auto plain = decode_image(file, DecodeSpec{});
  ASSERT_TRUE(plain.is_ok()) << plain.status().to_string();
  // The last pass, from its start-of-scan marker to the end marker, again and again.
  std::size_t last = 0, passes = 0;
  for (std::size_t i = 0; i + 1 < file.size(); ++i) {
    if (file[i] == std::byte{0xFF} && file[i + 1] == std::byte{0xDA}) last = i, ++passes;
  }
  const auto with_passes = [&](std::size_t wanted) {
    Bytes longer(file.begin(), file.end() - 2);
    for (; passes < wanted; --wanted)
      longer.insert(longer.end(), file.begin() + static_cast<std::ptrdiff_t>(last), file.end() - 2);
    longer.insert(longer.end(), file.end() - 2, file.end());
    return decode_image(longer, DecodeSpec{});
  };
  EXPECT_TRUE(with_passes(limits::kImageScansMax).is_ok());
  const auto refused = with_passes(limits::kImageScansMax + 1);
  ASSERT_FALSE(refused.is_ok());
  EXPECT_NE(refused.status().message().find("more than 500 passes"), std::string::npos) << refused.status().to_string();
}

}  // namespace
}  // namespace pictor
