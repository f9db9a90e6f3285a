// A thinned JPEG gives the pixels, warnings and errors of the whole one.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "image/codec.h"
#include "image/image_testing.h"
#include "image/jpeg_testing.h"
#include "image/jpeg_thin.h"

namespace pictor {
namespace {

struct Kind {
  std::uint32_t width = 0, height = 0;
  std::uint32_t bands = 3;
  int h = 2, v = 2;  // sampling of the first band
  int quality = 90;
  int restart = 0;  // units between restart markers
  bool own_tables = false;
  bool progressive = false;
  int noise = 40;

  std::string text() const {
    return std::to_string(width) + " x " + std::to_string(height) + " x " + std::to_string(bands) + ", sampling " +
           std::to_string(h) + " x " + std::to_string(v) + ", quality " + std::to_string(quality) + ", restart " +
           std::to_string(restart) + ", own tables " + std::to_string(own_tables) + ", progressive " +
           std::to_string(progressive) + ", noise " + std::to_string(noise);
  }
};

// Smooth tones with noise: blocks of few and of many coefficients.
Image tones(const Kind& kind, std::mt19937& random) {
  Image image;
  image.width = kind.width;
  image.height = kind.height;
  image.bands = kind.bands;
  std::uniform_int_distribution<int> noise(-kind.noise, kind.noise);
  for (std::uint32_t y = 0; y < kind.height; ++y) {
    for (std::uint32_t x = 0; x < kind.width; ++x) {
      for (std::uint32_t band = 0; band < kind.bands; ++band) {
        const auto tone = static_cast<int>((x * 3 + y * 2 + band * 50) / 4 % 256);
        const int part = static_cast<int>(x / 64 % 3);
        image.u8.push_back(static_cast<std::uint8_t>(std::clamp(tone + noise(random) * part / 2, 0, 255)));
      }
    }
  }
  return image;
}

Bytes jpeg_of(const Kind& kind, std::mt19937& random) {
  return testing::write_jpeg(tones(kind, random), [&](jpeg_compress_struct& info) {
    if (kind.bands == 4) jpeg_set_colorspace(&info, JCS_YCCK);
    jpeg_set_quality(&info, kind.quality, TRUE);
    info.comp_info[0].h_samp_factor = kind.h;
    info.comp_info[0].v_samp_factor = kind.v;
    info.restart_interval = static_cast<unsigned>(kind.restart);
    info.optimize_coding = kind.own_tables ? TRUE : FALSE;
    if (kind.progressive) jpeg_simple_progression(&info);
  });
}

// The bytes that replace the scan of a file at an eighth; empty where it stays as it is.
std::size_t thinned_bytes(const Bytes& file) {
  jpeg_decompress_struct info = {};
  jpeg_error_mgr errors = {};
  info.err = jpeg_std_error(&errors);
  jpeg_create_decompress(&info);
  jpeg_mem_src(&info, reinterpret_cast<const unsigned char*>(file.data()), file.size());
  jpeg_read_header(&info, TRUE);
  info.scale_num = 1;
  info.scale_denom = 8;
  jpeg_calc_output_dimensions(&info);
  const auto thinned = thin_jpeg_scan(info, {info.src->next_input_byte, info.src->bytes_in_buffer});
  jpeg_destroy_decompress(&info);
  return thinned.has_value() ? thinned->size() : 0;
}

void expect_same(const Bytes& file, const std::string& what) {
  CodecRequest request;
  request.dct_min_side = 1;
  const auto thin = decode_jpeg(file, request);
  request.thin_scan = false;
  const auto whole = decode_jpeg(file, request);
  ASSERT_EQ(thin.is_ok(), whole.is_ok()) << what << ": " << thin.status().to_string() << whole.status().to_string();
  EXPECT_EQ(thin.status().to_string(), whole.status().to_string()) << what;
  if (!thin.is_ok()) return;
  EXPECT_TRUE(thin->image.u8 == whole->image.u8) << what;
  EXPECT_EQ(thin->warnings, whole->warnings) << what;
}

TEST(JpegThin, has_the_pixels_of_the_whole_file_for_every_kind_of_baseline_file) {
  std::mt19937 random(testing::test_seed());
  const auto any = [&](int low, int high) { return std::uniform_int_distribution<int>(low, high)(random); };
  int thinner = 0;
  for (int i = 0; i < 120; ++i) {
    Kind kind;
    kind.width = static_cast<std::uint32_t>(any(1, 300));
    kind.height = static_cast<std::uint32_t>(any(1, 200));
    kind.bands = std::vector<std::uint32_t>{1, 3, 3, 3, 4}[static_cast<std::size_t>(i % 5)];
    kind.h = any(1, 2);
    kind.v = any(1, 2);
    kind.quality = any(1, 100);
    kind.restart = any(0, 2) == 0 ? any(1, 40) : 0;
    kind.own_tables = any(0, 1) == 1;
    kind.noise = any(0, 120);
    const Bytes file = jpeg_of(kind, random);
    const std::size_t bytes = thinned_bytes(file);
    EXPECT_GT(bytes, 0u) << kind.text();
    thinner += bytes < file.size() * 2 / 3 ? 1 : 0;
    expect_same(file, kind.text());
  }
  EXPECT_GT(thinner, 60);
}

TEST(JpegThin, reads_a_scan_larger_than_what_it_holds_at_once) {
  std::mt19937 random(1);
  for (const int restart : {0, 7}) {
    Kind kind{.width = 1000, .height = 700, .quality = 98, .restart = restart, .noise = 120};
    const Bytes file = jpeg_of(kind, random);
    ASSERT_GT(file.size(), 300'000u);
    EXPECT_LT(thinned_bytes(file), file.size() / 2);
    expect_same(file, kind.text());
  }
}

TEST(JpegThin, leaves_progressive_files_to_the_library) {
  std::mt19937 random(2);
  const Kind kind{.width = 320, .height = 200, .progressive = true};
  const Bytes file = jpeg_of(kind, random);
  EXPECT_EQ(thinned_bytes(file), 0u);
  expect_same(file, kind.text());
}

TEST(JpegThin, damage_is_found_and_worded_as_in_the_whole_file) {
  std::mt19937 random(testing::test_seed());
  int damaged = 0;
  for (int i = 0; i < 300; ++i) {
    Kind kind{.width = 150, .height = 90, .restart = i % 3 == 0 ? 5 : 0, .own_tables = i % 2 == 0};
    kind.h = 1 + i % 2;
    Bytes file = jpeg_of(kind, random);
    const std::size_t from = file.size() / 4;  // most of it is the scan
    std::uniform_int_distribution<std::size_t> place(from, file.size() - 1);
    if (i % 5 == 0) file.resize(place(random));
    for (int flip = 0; i % 5 != 0 && flip < 1 + i % 4; ++flip) file[place(random)] ^= std::byte{1} << (i % 8);
    damaged += thinned_bytes(file) == 0 ? 1 : 0;
    expect_same(file, kind.text() + ", damage " + std::to_string(i));
  }
  EXPECT_GT(damaged, 100);
}

TEST(JpegThin, a_scan_over_the_limit_is_left_as_it_is) {
  std::mt19937 random(3);
  const Kind kind{.width = 64, .height = 64};
  Bytes file = jpeg_of(kind, random);
  EXPECT_GT(thinned_bytes(file), 0u);
  file.resize(file.size() + limits::kImageThinBytesMax);
  EXPECT_EQ(thinned_bytes(file), 0u);
}

}  // namespace
}  // namespace pictor
