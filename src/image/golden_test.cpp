// Bit equality with Pillow on pictures drawn afresh in every run; skipped where there is no Python environment.
#include <algorithm>
#include <map>

#include "image/image_testing.h"
#include "image/resize.h"

namespace pictor {
namespace {

using testing::first_difference;
using testing::Golden;
using testing::make_golden;
using testing::make_image;
using testing::numbers;
using testing::Record;
using testing::test_seed;

std::vector<ResizeSimd> levels() {
  std::vector<ResizeSimd> found;
  for (const ResizeSimd level : {ResizeSimd::kPlain, ResizeSimd::kSse41, ResizeSimd::kAvx2}) {
    if (simd_level_available(level)) found.push_back(level);
  }
  return found;
}

void expect_same_resize(const Record& record, Filter filter) {
  const auto sizes = numbers<std::uint32_t>(record[0]);
  const auto corners = numbers<double>(record[1]);
  const Image source = make_image(sizes[0], sizes[1], sizes[2], record[2]);
  const Box box = {corners[0], corners[1], corners[2], corners[3]};
  const std::vector<std::uint8_t> expected(as_u8(record[3]), as_u8(record[3]) + record[3].size());
  const PixelView view = {source.u8.data(),        source.width,    source.height, source.bands,
                          source.width * sizes[2], source.u8.size()};
  for (const ResizeSimd level : levels()) {
    const auto got = resize_window(view, sizes[3], sizes[4], filter, box, {0, 0, sizes[3], sizes[4]}, level);
    ASSERT_EQ(first_difference(got, expected), expected.size())
        << "level " << static_cast<int>(level) << ", " << sizes[0] << " x " << sizes[1] << " x " << sizes[2] << " to "
        << sizes[3] << " x " << sizes[4] << ", box " << box.left << " " << box.top << " " << box.right << " "
        << box.bottom;
  }
  const auto by_door = resize_image(source, sizes[3], sizes[4], filter, &box);
  ASSERT_TRUE(by_door.is_ok()) << by_door.status().to_string();
  ASSERT_EQ(by_door->u8, expected);
}

void expect_same_resizes(const std::string& name, Filter filter) {
  const Golden golden = make_golden(name, test_seed());
  PICTOR_NEED_GOLDEN(golden);
  ASSERT_GE(golden.records.size(), 4u * 200u);
  for (const Record& record : golden.records) {
    expect_same_resize(record, filter);
    if (::testing::Test::HasFatalFailure()) return;
  }
}

TEST(Golden, bilinear_resize_equals_pillow_bit_for_bit) { expect_same_resizes("bilinear", Filter::kBilinear); }
TEST(Golden, bicubic_resize_equals_pillow_bit_for_bit) { expect_same_resizes("bicubic", Filter::kBicubic); }
TEST(Golden, lanczos_resize_equals_pillow_bit_for_bit) { expect_same_resizes("lanczos", Filter::kLanczos); }
TEST(Golden, nearest_resize_equals_pillow_bit_for_bit) { expect_same_resizes("nearest", Filter::kNearest); }
TEST(Golden, box_resize_equals_pillow_bit_for_bit) { expect_same_resizes("box", Filter::kBox); }
TEST(Golden, hamming_resize_equals_pillow_bit_for_bit) { expect_same_resizes("hamming", Filter::kHamming); }

TEST(Golden, decoded_files_equal_pillow_bit_for_bit) {
  const Golden golden = make_golden("decode", test_seed());
  PICTOR_NEED_GOLDEN(golden);
  DecodeSpec spec;
  spec.icc = Icc::kIgnore;
  spec.alpha = Alpha::kDrop;
  for (const Record& record : golden.records) {
    const std::string name(as_text(record[0]));
    const auto sizes = numbers<std::uint32_t>(record[2]);
    const auto decoded = decode_image(record[1], spec);
    ASSERT_TRUE(decoded.is_ok()) << name << ": " << decoded.status().to_string();
    EXPECT_TRUE(decoded->warnings.empty()) << name << ": " << decoded->warnings.front();
    const auto rgb = to_rgb8(decoded->image, spec);
    ASSERT_TRUE(rgb.is_ok()) << name << ": " << rgb.status().to_string();
    ASSERT_EQ(rgb->width, sizes[0]) << name;
    ASSERT_EQ(rgb->height, sizes[1]) << name;
    const std::vector<std::uint8_t> expected(as_u8(record[3]), as_u8(record[3]) + record[3].size());
    EXPECT_EQ(first_difference(rgb->u8, expected), expected.size()) << name;
  }
}

TEST(Golden, alpha_over_a_background_equals_pillows_alpha_composite) {
  const Golden golden = make_golden("alpha", test_seed());
  PICTOR_NEED_GOLDEN(golden);
  for (const Record& record : golden.records) {
    const auto head = numbers<std::uint32_t>(record[0]);
    DecodeSpec spec;
    for (std::size_t b = 0; b < 3; ++b) spec.background[b] = static_cast<std::uint8_t>(head[3 + b]);
    const auto rgb = to_rgb8(make_image(head[0], head[1], head[2], record[1]), spec);
    ASSERT_TRUE(rgb.is_ok());
    const std::vector<std::uint8_t> expected(as_u8(record[2]), as_u8(record[2]) + record[2].size());
    ASSERT_EQ(first_difference(rgb->u8, expected), expected.size()) << head[0] << " x " << head[1];
  }
}

std::map<std::string, PrepareSpec> reference_specs() {
  PrepareSpec lite;
  lite.width = lite.height = 260;
  lite.fit = Fit::kCropThenResize;
  lite.crop_fraction = 260.0 / 292;
  lite.mean = {127, 127, 127};
  lite.std = {128, 128, 128};
  PrepareSpec shortest;
  shortest.mean = {123.675f, 116.28f, 103.53f};
  shortest.std = {58.395f, 57.12f, 57.375f};
  PrepareSpec squash = shortest;
  squash.fit = Fit::kSquash;
  squash.filter = Filter::kBilinear;
  squash.width = 200;
  squash.height = 100;
  PrepareSpec pad = shortest;
  pad.fit = Fit::kPad;
  pad.width = 200;
  pad.height = 120;
  pad.background = {1, 2, 3};
  return {{"lite2", lite}, {"shortest", shortest}, {"squash", squash}, {"pad", pad}};
}

TEST(Golden, prepared_tensors_equal_a_pillow_and_numpy_reference_exactly) {
  const Golden golden = make_golden("prepare", test_seed());
  PICTOR_NEED_GOLDEN(golden);
  const auto specs = reference_specs();
  for (const Record& record : golden.records) {
    const std::string name(as_text(record[0]));
    const PrepareSpec& spec = specs.at(name);
    const auto decoded = decode_image(record[1], DecodeSpec{}, &spec);
    ASSERT_TRUE(decoded.is_ok()) << decoded.status().to_string();
    std::vector<float> got(prepared_size(spec));
    const Status status = prepare_image(decoded->image, DecodeSpec{}, spec, got);
    ASSERT_TRUE(status.is_ok()) << status.to_string();
    const auto expected = numbers<float>(record[2]);
    ASSERT_EQ(first_difference(got, expected), expected.size())
        << name << " of " << decoded->image.width << " x " << decoded->image.height;
  }
}

}  // namespace
}  // namespace pictor
