// Another dimension for a head: PCA, the first numbers, a matrix; served as any encoder is, with the same bits whatever
// the batch and the threads.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <set>

#include "encode/derive_head.h"
#include "encode/own_stages.h"
#include "encode/pca.h"
#include "golden_family.h"
#include "image/image.h"

namespace pictor {
namespace {

const std::string kGolden = PICTOR_DEPS_DIR "/golden";

// Stripes and slopes of the number's own: vectors that differ.
Image picture(unsigned number) {
  std::uint32_t state = number * 2654435761U + 1;
  const auto next = [&state] { return state = state * 1664525 + 1013904223, state >> 16; };
  Image image;
  image.width = 120 + next() % 40;
  image.height = 110 + next() % 40;
  image.bands = 3;
  const std::uint32_t period = 4 + next() % 40, slope = next() % 5;
  std::array<std::uint32_t, 6> colours{};
  for (auto& colour : colours) colour = next() % 256;
  for (std::uint32_t y = 0; y < image.height; ++y) {
    for (std::uint32_t x = 0; x < image.width; ++x) {
      const bool first = (x + slope * y) / period % 2 == 0;
      for (std::size_t band = 0; band < 3; ++band) {
        image.u8.push_back(static_cast<std::uint8_t>((colours[band + (first ? 0 : 3)] + x / 4) % 256));
      }
    }
  }
  return image;
}

std::function<Result<bool>(std::vector<std::byte>&)> pictures(unsigned count) {
  return [count, number = 0U](std::vector<std::byte>& file) mutable -> Result<bool> {
    if (number == count) return false;
    file = encode_png(picture(number++)).value();
    return true;
  };
}

class Derive : public testing::Test {
 protected:
  void SetUp() override {
    if (test::golden_families().empty()) {
      ASSERT_EQ(std::getenv("CI"), nullptr) << "run tools/setup golden";
      GTEST_SKIP() << "run tools/setup golden";
    }
    std::string pattern = (std::filesystem::temp_directory_path() / "pictor-derive-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    std::filesystem::create_directories(folder_ + "/cards");
    places_ = {folder_ + "/cards", folder_ + "/weights", folder_ + "/encoders"};
  }
  void TearDown() override {
    std::error_code ignored;
    if (!folder_.empty()) std::filesystem::remove_all(folder_, ignored);
  }
  void bring(const std::string& family) {
    AddEncoderRequest request;
    request.folder = kGolden + "/" + family + "/hub";
    request.name = family;
    const auto added = add_encoder(Env::real(), places_, *runtime_, request);
    ASSERT_TRUE(added.is_ok()) << added.status().to_string();
  }
  Result<DerivedEncoder> derive(const DeriveRequest& request) {
    return derive_encoder(Env::real(), places_, *runtime_, request);
  }
  DeriveRequest asked(const std::string& name, const std::string& new_name, std::uint32_t dim, DeriveBy by) const {
    DeriveRequest request;
    request.name = name;
    request.new_name = new_name;
    request.dim = dim;
    request.by = by;
    return request;
  }
  std::string write(const std::string& name, const std::vector<float>& numbers) const {
    std::ofstream(folder_ + "/" + name, std::ios::binary)
        .write(reinterpret_cast<const char*>(numbers.data()),
               static_cast<std::streamsize>(numbers.size() * sizeof(float)));
    return folder_ + "/" + name;
  }
  std::unique_ptr<Encoder> open(const std::string& name, std::size_t threads = 1, std::size_t parallel = 1) {
    EncoderOptions options;
    options.threads = threads;
    options.parallel = parallel;
    auto opened = open_encoder(Env::real(), places_, name, *runtime_, options);
    EXPECT_TRUE(opened.is_ok()) << opened.status().to_string();
    return opened.is_ok() ? std::move(opened).value() : nullptr;
  }
  static std::vector<float> tensors(const EncoderCard& card, unsigned count) {
    std::vector<float> out(count * prepared_size(card.prepare));
    for (unsigned i = 0; i < count; ++i) {
      EXPECT_TRUE(prepare_image(picture(1000 + i), card.decode, card.prepare,
                                std::span(out).subspan(i * prepared_size(card.prepare), prepared_size(card.prepare)))
                      .is_ok());
    }
    return out;
  }
  // Vectors of three pictures, which must be the same in every way of asking.
  std::vector<float> served(const std::string& name, std::uint32_t dim) {
    const auto alone = open(name);
    if (alone == nullptr) return {};
    EXPECT_EQ(alone->card().heads.size(), 1U);
    EXPECT_EQ(alone->card().heads[0].dim, dim);
    const auto input = tensors(alone->card(), 3);
    const std::size_t size = input.size() / 3;
    std::vector<float> one_by_one;
    for (std::size_t i = 0; i < 3; ++i) {
      const auto made = alone->encode_images(std::span(input).subspan(i * size, size), 1);
      EXPECT_TRUE(made.is_ok()) << made.status().to_string();
      if (!made.is_ok()) return {};
      one_by_one.insert(one_by_one.end(), made->front().begin(), made->front().end());
    }
    EXPECT_EQ(one_by_one.size(), 3U * dim);
    for (const std::size_t threads : {1U, 2U}) {
      const auto other = open(name, threads, 3 - threads);
      const auto together = other->encode_images(input, 3);
      EXPECT_TRUE(together.is_ok());
      EXPECT_EQ(0, std::memcmp(together->front().data(), one_by_one.data(), one_by_one.size() * sizeof(float)));
    }
    return one_by_one;
  }
  std::vector<float> unit(std::vector<double> vector) const {
    double sum = 0;
    for (const double number : vector) sum += number * number;
    std::vector<float> out;
    for (const double number : vector) out.push_back(static_cast<float>(number / std::sqrt(sum)));
    return out;
  }

  std::string folder_;
  EncoderPlaces places_;
  std::unique_ptr<Runtime> runtime_ = make_openvino_runtime();
};

void expect_near(std::span<const float> made, std::span<const float> wanted, double most = 1e-5) {
  ASSERT_EQ(made.size(), wanted.size());
  for (std::size_t i = 0; i < made.size(); ++i) ASSERT_NEAR(made[i], wanted[i], most) << i;
}

TEST_F(Derive, the_first_512_and_1024_of_2048_numbers_are_served) {
  bring("resnet");
  ASSERT_FALSE(HasFatalFailure());
  const auto whole = served("resnet", 2048);
  for (const std::uint32_t dim : {512U, 1024U}) {
    const auto made = derive(asked("resnet", "r" + std::to_string(dim), dim, DeriveBy::kTruncate));
    ASSERT_TRUE(made.is_ok()) << made.status().to_string();
    EXPECT_EQ(made->dim_before, 2048U);
    EXPECT_EQ(made->neighbours, 0U);
    const auto cut = served("r" + std::to_string(dim), dim);
    expect_near(std::span(cut).first(dim), unit({whole.begin(), whole.begin() + dim}));
  }
}

TEST_F(Derive, a_matrix_makes_1024_and_2048_of_512_on_both_sides) {
  bring("clip");
  ASSERT_FALSE(HasFatalFailure());
  const auto base = open("clip");
  for (const std::uint32_t dim : {1024U, 2048U}) {
    std::vector<float> matrix(512 * std::size_t{dim});
    std::uint32_t state = dim;
    for (auto& number : matrix) {
      state = state * 1664525 + 1013904223;
      number = static_cast<float>(static_cast<int>(state >> 8) - (1 << 23)) / (1 << 23);
    }
    auto request = asked("clip", "c" + std::to_string(dim), dim, DeriveBy::kMatrix);
    request.matrix = write("matrix.f32", matrix);
    const auto made = derive(request);
    ASSERT_TRUE(made.is_ok()) << made.status().to_string();
    const auto more = served("c" + std::to_string(dim), dim);
    const auto project = [&](std::span<const float> vector) {
      std::vector<double> out(dim);
      for (std::size_t c = 0; c < 512; ++c) {
        for (std::size_t d = 0; d < dim; ++d) {
          out[d] += static_cast<double>(vector[c]) * static_cast<double>(matrix[c * dim + d]);
        }
      }
      return unit(out);
    };
    const auto tensor = tensors(base->card(), 1);
    const auto picture_before = base->encode_images(tensor, 1);
    expect_near(std::span(more).first(dim), project(picture_before->front()));
    const std::vector<std::string> texts = {"a red car", "two dogs", "three"};
    const auto derived = open("c" + std::to_string(dim));
    const auto before = base->encode_texts(texts, "joint"), after = derived->encode_texts(texts, "joint");
    ASSERT_TRUE(after.is_ok()) << after.status().to_string();
    expect_near(std::span(*after).first(dim), project(std::span(*before).first(512)));
    const auto alone = derived->encode_texts({&texts[2], 1}, "joint");
    EXPECT_EQ(0, std::memcmp(alone->data(), after->data() + 2 * std::size_t{dim}, dim * sizeof(float)));
    // One matrix file for both towers, and no space is shared with the encoder it came from.
    EXPECT_TRUE(std::filesystem::exists(folder_ + "/encoders/c" + std::to_string(dim) + "/derived.f32"));
    EXPECT_FALSE(std::filesystem::exists(folder_ + "/encoders/c" + std::to_string(dim) + "/derived-texts.f32"));
    EXPECT_NE(derived->card().heads[0].space, base->card().heads[0].space);
    EXPECT_TRUE(verify_weights(Env::real(), places_, "c" + std::to_string(dim)).is_ok());
  }
}

std::vector<float> read_floats(const std::string& path) {
  const auto bytes = read_file(Env::real(), path, limits::kModelBytesMax);
  EXPECT_TRUE(bytes.is_ok()) << path;
  std::vector<float> out(bytes.is_ok() ? bytes->size() / sizeof(float) : 0);
  if (!out.empty()) std::memcpy(out.data(), bytes->data(), out.size() * sizeof(float));
  return out;
}

TEST_F(Derive, principal_components_are_orthonormal_keep_neighbours_and_come_out_the_same_twice) {
  bring("vit");
  ASSERT_FALSE(HasFatalFailure());
  auto request = asked("vit", "vit-24", 24, DeriveBy::kPca);
  request.next_picture = pictures(100);
  const auto made = derive(request);
  ASSERT_TRUE(made.is_ok()) << made.status().to_string();
  EXPECT_EQ(made->pictures_fitted, 80U);
  EXPECT_EQ(made->pictures_measured, 20U);
  EXPECT_EQ(made->neighbours, 10U);
  EXPECT_GT(made->overlap, 0.5);
  EXPECT_GT(made->kept, 0.5);
  EXPECT_LE(made->kept, 1.0 + 1e-9);
  const auto matrix = read_floats(folder_ + "/encoders/vit-24/derived.f32");
  const auto bias = read_floats(folder_ + "/encoders/vit-24/derived-bias.f32");
  ASSERT_EQ(matrix.size(), 256U * 24U);
  ASSERT_EQ(bias.size(), 24U);
  for (std::size_t a = 0; a < 24; ++a) {
    for (std::size_t b = 0; b <= a; ++b) {
      double sum = 0;
      for (std::size_t c = 0; c < 256; ++c) {
        sum += static_cast<double>(matrix[c * 24 + a]) * static_cast<double>(matrix[c * 24 + b]);
      }
      EXPECT_NEAR(sum, a == b ? 1 : 0, 1e-5);
    }
  }
  EXPECT_EQ(served("vit-24", 24).size(), 72U);
  request.new_name = "again";
  request.next_picture = pictures(100);
  ASSERT_TRUE(derive(request).is_ok());
  EXPECT_EQ(read_floats(folder_ + "/encoders/again/derived.f32"), matrix);
  EXPECT_EQ(open("again")->card().heads[0].space, open("vit-24")->card().heads[0].space);
}

TEST_F(Derive, a_head_of_two_towers_is_not_centred_and_a_derived_one_can_be_derived_from) {
  bring("clip");
  ASSERT_FALSE(HasFatalFailure());
  auto request = asked("clip", "first", 20, DeriveBy::kPca);
  request.next_picture = pictures(40);
  request.texts = {"a red car", "two dogs", "an old house", "a bowl of fruit"};
  const auto made = derive(request);
  ASSERT_TRUE(made.is_ok()) << made.status().to_string();
  EXPECT_EQ(made->texts_fitted, 4U);
  ASSERT_EQ(made->notes.size(), 1U);
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/encoders/first/derived-bias.f32"));
  const auto first = served("first", 20);
  std::vector<float> turn(20 * 6);
  for (std::size_t i = 0; i < 6; ++i) turn[i * 6 + (5 - i)] = 1;
  std::vector<float> bias(6, 0.25F);
  auto second = asked("first", "second", 6, DeriveBy::kMatrix);
  second.matrix = write("turn.f32", turn);
  ASSERT_TRUE(derive(second).is_ok());
  std::vector<double> wanted;
  for (std::size_t i = 0; i < 6; ++i) wanted.push_back(static_cast<double>(first[5 - i]));
  const auto turned = served("second", 6);
  expect_near(std::span(turned).first(6), unit(wanted));
  second.new_name = "third";
  second.bias = write("bias.f32", bias);
  ASSERT_TRUE(derive(second).is_ok());
  EXPECT_NE(served("third", 6), turned);
}

TEST_F(Derive, what_the_base_lost_in_eight_bits_is_not_said_of_the_derived_one) {
  bring("vit");
  ASSERT_FALSE(HasFatalFailure());
  const auto path = folder_ + "/encoders/vit/card.json";
  auto card = nlohmann::json::parse(std::ifstream(path));
  card["quantization"] = {{"from", "vit-f32"}, {"calibration", "waves"}, {"pictures", 12}, {"texts", 0}};
  card["quantization"]["losses"] = nlohmann::json::array({{{"head", card["heads"][0]["name"]},
                                                           {"of", "pictures"},
                                                           {"count", 24},
                                                           {"among", 24},
                                                           {"cosine_mean", 0.99},
                                                           {"cosine_least", 0.9},
                                                           {"overlap_at_10", 0.9},
                                                           {"nearest_agrees", 0.9}}});
  std::ofstream(path) << card.dump();
  ASSERT_TRUE(read_card_details(Env::real(), places_, "vit")->card.quantization.has_value());
  const auto made = derive(asked("vit", "narrow", 8, DeriveBy::kTruncate));
  ASSERT_TRUE(made.is_ok()) << made.status().to_string();
  EXPECT_FALSE(read_card_details(Env::real(), places_, "narrow")->card.quantization.has_value());
}

TEST_F(Derive, texts_past_the_limit_or_past_memory_are_refused_before_anything_is_done) {
  bring("clip");
  ASSERT_FALSE(HasFatalFailure());
  ASSERT_TRUE(derive(asked("clip", "small", 16, DeriveBy::kTruncate)).is_ok());
  const auto outcome = [&](const std::string& name, std::size_t texts) {
    auto request = asked(name, "narrow", 8, DeriveBy::kPca);
    request.texts.resize(texts, "a red car");
    request.next_picture = [](std::vector<std::byte>&) -> Result<bool> {
      return Status(Code::kCancelled, "went on to the pictures");
    };
    return derive(request).status();
  };
  // 524,288 vectors of 512 numbers are 1 GiB.
  EXPECT_EQ(outcome("clip", 524'288).code(), Code::kCancelled);
  EXPECT_EQ(outcome("clip", 524'289).code(), Code::kLimit);
  EXPECT_EQ(outcome("small", limits::kDeriveTextsMax).code(), Code::kCancelled);
  const auto past = outcome("small", limits::kDeriveTextsMax + 1);
  EXPECT_EQ(past.code(), Code::kLimit);
  EXPECT_NE(past.message().find("1000001 texts"), std::string::npos) << past.message();
}

TEST_F(Derive, an_interruption_and_a_run_that_was_killed_leave_nothing) {
  bring("vit");
  ASSERT_FALSE(HasFatalFailure());
  const auto entries = [&] {
    std::set<std::string> out;
    for (const auto& entry : std::filesystem::directory_iterator(folder_ + "/encoders")) {
      out.insert(entry.path().filename());
    }
    return out;
  };
  std::atomic<bool> cancel = false;
  auto request = asked("vit", "never", 8, DeriveBy::kTruncate);
  request.cancel = &cancel;
  request.next_picture = [&, next = pictures(1000)](std::vector<std::byte>& file) {
    cancel = true;
    return next(file);
  };
  EXPECT_EQ(derive(request).status().code(), Code::kCancelled);
  EXPECT_EQ(entries(), std::set<std::string>{"vit"});
  const auto old = std::filesystem::file_time_type::clock::now() - std::chrono::hours(25);
  for (const std::string name : {".a.made", ".b.part", ".c.quantizing", ".d.part", ".e.other"}) {
    const auto folder = folder_ + "/encoders/" + name;
    std::filesystem::create_directories(folder + "/inside");
    std::ofstream(folder + "/inside/network.onnx") << "half";
    std::ofstream(folder + "/matrix.f32") << "half";
    if (name != ".d.part") std::filesystem::last_write_time(folder, old);
  }
  ASSERT_TRUE(derive(asked("vit", "narrow", 8, DeriveBy::kTruncate)).is_ok());
  EXPECT_EQ(entries(), (std::set<std::string>{"vit", "narrow", ".d.part", ".e.other"}))
      << ".d.part may be somebody's who is at work";
}

TEST_F(Derive, a_matrix_that_would_not_fit_in_memory_is_refused) {
  bring("vit");
  ASSERT_FALSE(HasFatalFailure());
  const auto path = folder_ + "/encoders/vit/card.json";
  auto card = nlohmann::json::parse(std::ifstream(path));
  auto& head = card["heads"][0];
  card["towers"]["image"]["outputs"] = {{"pooler_output", 100'000}};
  head["images"] = {{"from", "pooler_output"}, {"through", "linear"}, {"matrix", "m.f32"}};
  card["files"].push_back({{"path", "m.f32"}, {"sha256", std::string(64, '0')}, {"bytes", 100'000 * 2 * 4}});
  head["dim"] = 2;
  std::ofstream(path) << card.dump();
  // 100,000 x 2,684 numbers are just below 1 GiB.
  auto request = asked("vit", "wide", 2684, DeriveBy::kMatrix);
  request.matrix = folder_ + "/none.f32";
  EXPECT_EQ(derive(request).status().code(), Code::kNotFound) << "the file is looked for";
  request.dim = 2685;
  EXPECT_EQ(derive(request).status().code(), Code::kLimit) << derive(request).status().to_string();
}

TEST_F(Derive, what_cannot_be_is_refused_with_its_figure) {
  bring("vit");
  ASSERT_FALSE(HasFatalFailure());
  const auto refused = [&](const DeriveRequest& request, Code code, const std::string& words) {
    const auto status = derive(request).status();
    EXPECT_EQ(status.code(), code) << status.to_string();
    EXPECT_NE(status.message().find(words), std::string::npos) << status.to_string();
  };
  refused(asked("vit", "x", 512, DeriveBy::kPca), Code::kInvalid, "has 256 numbers, 512");
  refused(asked("vit", "x", 257, DeriveBy::kTruncate), Code::kInvalid, "257");
  refused(asked("vit", "x", 0, DeriveBy::kTruncate), Code::kInvalid, "--dim");
  refused(asked("vit", "vit", 8, DeriveBy::kTruncate), Code::kExists, "'vit'");
  refused(asked("vit", "../x", 8, DeriveBy::kTruncate), Code::kInvalid, "--name");
  refused(asked("none", "x", 8, DeriveBy::kTruncate), Code::kNotFound, "'none'");
  auto pca = asked("vit", "x", 16, DeriveBy::kPca);
  pca.next_picture = pictures(10);
  refused(pca, Code::kInvalid, "17 vectors, 8 were given");
  auto matrix = asked("vit", "x", 4, DeriveBy::kMatrix);
  matrix.matrix = write("short.f32", std::vector<float>(12));
  refused(matrix, Code::kMismatch, "48 bytes");
  std::vector<float> holes(256 * 4, 1.0F);
  holes[7] = NAN;
  matrix.matrix = write("holes.f32", holes);
  refused(matrix, Code::kUnreadable, "number 7");
  matrix.head = "other";
  refused(matrix, Code::kNotFound, "'other'");
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/encoders/x"));
}

TEST_F(Derive, the_default_encoder_s_visual_head_is_cut_and_its_class_scores_are_refused) {
  const std::string weights = PICTOR_DEPS_DIR "/models";
  if (!std::filesystem::exists(weights + "/lite2-minilm/image.onnx")) GTEST_SKIP() << "run tools/setup models";
  places_.cards_folder = PICTOR_SOURCE_DIR "/models";
  places_.weights_folder = weights;
  auto request = asked("lite2-minilm", "lite2-512", 512, DeriveBy::kTruncate);
  request.head = "visual";
  const auto made = derive(request);
  ASSERT_TRUE(made.is_ok()) << made.status().to_string();
  EXPECT_EQ(served("lite2-512", 512).size(), 3U * 512);
  request.head = "joint";
  request.new_name = "x";
  request.dim = 128;
  EXPECT_EQ(derive(request).status().code(), Code::kUnsupported);
}

TEST(Components, of_points_on_a_line_are_that_line_first) {
  Pca pca(3, true);
  for (int i = 0; i < 20; ++i) {
    const float t = static_cast<float>(i), small = static_cast<float>(i % 3) * 0.01F;
    const float point[] = {5 + 3 * t, 1 + 4 * t, 2 + small};
    pca.add(point);
  }
  const auto made = pca.solve(2);
  ASSERT_TRUE(made.is_ok()) << made.status().to_string();
  EXPECT_NEAR(made->directions[0], 0.6, 1e-4);
  EXPECT_NEAR(made->directions[2], 0.8, 1e-4);
  EXPECT_NEAR(made->directions[4], 0.0, 1e-3);
  EXPECT_NEAR(made->mean[0], 5 + 3 * 9.5, 1e-5);
  EXPECT_GT(made->kept, 0.999);
  EXPECT_EQ(pca.solve(4).status().code(), Code::kInvalid);
}

}  // namespace
}  // namespace pictor
