// Static int8 encoders made of f32 ones: the families of the hub, and the default encoder with real weights.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <map>
#include <random>

#include "encode/encode.h"
#include "image/image.h"
#include "infer/onnx_file.h"

namespace pictor {
namespace {

constexpr double kAnyLoss = 2;
constexpr std::size_t kCalibration = 12, kEvaluation = 24;

class Folder {
 public:
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "pictor-quantize-XXXXXX").string();
    if (mkdtemp(pattern.data()) != nullptr) path_ = pattern;
    std::filesystem::create_directories(path_ + "/cards");
    std::filesystem::create_directories(path_ + "/encoders");
  }
  ~Folder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  EncoderPlaces places() const { return {path_ + "/cards", path_ + "/weights", path_ + "/encoders"}; }
  // Of the encoders' folder, hidden ones included.
  std::vector<std::string> entries() const {
    std::vector<std::string> out;
    for (const auto& entry : std::filesystem::directory_iterator(path_ + "/encoders")) {
      out.push_back(entry.path().filename());
    }
    return out;
  }

 private:
  std::string path_;
};

// Smooth waves and grain in the range of normalised pixels: each picture another.
std::vector<float> pictures(const PrepareSpec& spec, std::size_t count, unsigned seed) {
  std::mt19937 draw(seed);
  std::uniform_real_distribution<float> level(-1, 1);
  std::vector<float> out;
  for (std::size_t i = 0; i < count; ++i) {
    for (int plane = 0; plane < 3; ++plane) {
      const float a = 6 * level(draw), b = 6 * level(draw), c = 3 * level(draw), grain = 0.3F * level(draw);
      for (std::uint32_t y = 0; y < spec.height; ++y) {
        for (std::uint32_t x = 0; x < spec.width; ++x) {
          const float u = static_cast<float>(x) / static_cast<float>(spec.width);
          const float v = static_cast<float>(y) / static_cast<float>(spec.height);
          out.push_back(1.6F * std::sin(a * u + b * v + c) + grain * level(draw));
        }
      }
    }
  }
  return out;
}

class Quantised : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    AddEncoderRequest request;
    request.folder = PICTOR_DEPS_DIR "/golden/" + GetParam() + "/hub";
    request.name = "parent";
    ASSERT_TRUE(std::filesystem::exists(request.folder)) << "run tools/setup golden";
    const auto added = add_encoder(Env::real(), folder_.places(), *runtime_, request);
    ASSERT_TRUE(added.is_ok()) << added.status().to_string();
    const auto cards = list_cards(Env::real(), folder_.places());
    ASSERT_TRUE(cards.is_ok());
    parent_ = cards->front();
  }

  QuantizeEncoderRequest request(const std::string& name = "") const {
    QuantizeEncoderRequest out;
    out.encoder = "parent";
    out.name = name;
    out.pictures = pictures(parent_.prepare, kCalibration, 1);
    out.evaluation_pictures = pictures(parent_.prepare, kEvaluation, 2);
    out.calibration = "waves";
    for (std::size_t i = 0; i < kCalibration; ++i) {
      out.texts.push_back("a photo of " + std::string(i + 1, 'a') + " dog");
      out.evaluation_texts.push_back(std::to_string(i) + " boats on a river" +
                                     (i % 2 == 0 ? "" : " at night, far away"));
    }
    out.loss_max = kAnyLoss;
    return out;
  }
  Result<Quantization> quantize(const QuantizeEncoderRequest& wanted) const {
    return quantize_encoder(Env::real(), folder_.places(), *runtime_, wanted);
  }
  std::unique_ptr<Encoder> open(const std::string& name) const {
    auto opened = open_encoder(Env::real(), folder_.places(), name, *runtime_, {});
    EXPECT_TRUE(opened.is_ok()) << opened.status().to_string();
    return opened.is_ok() ? std::move(opened).value() : nullptr;
  }

  Folder folder_;
  std::unique_ptr<Runtime> runtime_ = make_openvino_runtime();
  EncoderCard parent_;
};

TEST_P(Quantised, vectors_stay_near_those_of_f32_and_the_card_says_how_near) {
  const auto made = quantize(request());
  ASSERT_TRUE(made.is_ok()) << made.status().to_string();
  EXPECT_EQ(made->name, "parent-int8");
  const auto encoder = open("parent-int8");
  ASSERT_TRUE(encoder);
  EXPECT_EQ(encoder->card().precision, Precision::kInt8);
  EXPECT_NE(encoder->card().heads[0].space, parent_.heads[0].space);
  ASSERT_TRUE(encoder->card().quantization);
  EXPECT_EQ(encoder->card().quantization->from, "parent");
  ASSERT_EQ(encoder->card().quantization->losses.size(), parent_.heads[0].texts ? 2U : 1U);
  for (const auto& loss : encoder->card().quantization->losses) {
    EXPECT_GE(loss.cosine_mean, 0.985) << loss.of;
    EXPECT_LT(loss.cosine_mean, 1.0) << loss.of << ": nothing was quantised";
    EXPECT_GE(loss.overlap_at_10, 0.7) << loss.of;
  }
  // What the card says is what is there.
  const auto before = open("parent");
  const auto tensors = pictures(parent_.prepare, kEvaluation, 2);
  const auto a = before->encode_images(tensors, kEvaluation);
  const auto b = encoder->encode_images(tensors, kEvaluation);
  ASSERT_TRUE(a.is_ok() && b.is_ok());
  double cosine = 0;
  for (std::size_t i = 0; i < a->front().size(); ++i) cosine += static_cast<double>(a->front()[i]) * b->front()[i];
  EXPECT_NEAR(cosine / kEvaluation, encoder->card().quantization->losses[0].cosine_mean, 1e-5);
}

TEST_P(Quantised, every_product_with_constant_weights_reads_eight_bits_unless_it_is_named) {
  ASSERT_TRUE(quantize(request()).is_ok());
  const auto encoder = open("parent-int8");
  ASSERT_TRUE(encoder);
  const auto& kept = encoder->card().quantization->kept_float;
  std::size_t layers = 0;
  for (const auto& file : encoder->card().files) {
    if (!file.path.ends_with(".onnx")) continue;
    const auto opened = OnnxFile::open(Env::real(), encoder->card().folder + "/" + file.path);
    ASSERT_TRUE(opened.is_ok()) << opened.status().to_string();
    std::map<std::string_view, std::string_view> made_by;
    for (const auto& node : opened->network().nodes) {
      for (const auto name : node.outputs) made_by[name] = node.operation;
      EXPECT_EQ(node.operation.find("Dynamic"), std::string_view::npos);
    }
    for (const auto& node : opened->network().nodes) {
      if (node.operation != "Conv" && node.operation != "MatMul" && node.operation != "Gemm") continue;
      const bool constant = !made_by.contains(node.inputs[1]) || made_by[node.inputs[1]] == "DequantizeLinear";
      if (!constant || std::ranges::find(kept, node.outputs[0]) != kept.end()) continue;
      // The largest of rounded numbers is one of them.
      const bool rounded = made_by[node.inputs[0]] == "DequantizeLinear" || made_by[node.inputs[0]] == "MaxPool";
      EXPECT_TRUE(rounded) << node.outputs[0] << " reads what " << made_by[node.inputs[0]] << " makes";
      EXPECT_EQ(made_by[node.inputs[1]], "DequantizeLinear") << node.outputs[0];
      ++layers;
    }
  }
  EXPECT_GE(layers, 4U);
}

TEST_P(Quantised, same_request_gives_the_same_bytes_whatever_the_threads) {
  auto wanted = request("one");
  ASSERT_TRUE(quantize(wanted).is_ok());
  wanted.name = "two";
  wanted.threads = 2;
  ASSERT_TRUE(quantize(wanted).is_ok());
  const auto one = open("one"), two = open("two");
  ASSERT_TRUE(one && two);
  ASSERT_EQ(one->card().files.size(), two->card().files.size());
  for (std::size_t i = 0; i < one->card().files.size(); ++i) {
    EXPECT_EQ(one->card().files[i].hash.hex(), two->card().files[i].hash.hex()) << one->card().files[i].path;
  }
  EXPECT_EQ(one->card().heads[0].space, two->card().heads[0].space);
}

TEST_P(Quantised, bits_are_the_same_at_any_batch) {
  ASSERT_TRUE(quantize(request()).is_ok());
  const auto encoder = open("parent-int8");
  ASSERT_TRUE(encoder);
  constexpr std::size_t kPictures = 9;
  const auto tensors = pictures(parent_.prepare, kPictures, 3);
  const std::size_t size = tensors.size() / kPictures;
  const auto all = encoder->encode_images(tensors, kPictures);
  ASSERT_TRUE(all.is_ok());
  const std::size_t dim = all->front().size() / kPictures;
  for (const std::size_t batch : {1U, 2U, 3U, 5U}) {
    for (std::size_t i = 0; i < kPictures; i += batch) {
      const std::size_t count = std::min(batch, kPictures - i);
      const auto some = encoder->encode_images(std::span(tensors).subspan(i * size, count * size), count);
      ASSERT_TRUE(some.is_ok());
      ASSERT_EQ(std::memcmp(some->front().data(), all->front().data() + i * dim, count * dim * sizeof(float)), 0)
          << "picture " << i << ", batch " << batch;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(OfTheHub, Quantised,
                         testing::Values("clip", "clip_combined", "vit", "dinov2", "resnet", "convnext", "siglip"),
                         [](const auto& family) { return family.param; });

using OneFamily = Quantised;

TEST_P(OneFamily, past_the_stated_loss_nothing_is_registered) {
  auto wanted = request();
  wanted.loss_max = 1e-7;
  for (const bool asked : {true, false}) {
    wanted.keep_float = asked ? std::optional<std::size_t>(0) : std::nullopt;
    const auto made = quantize(wanted);
    ASSERT_EQ(made.status().code(), Code::kMismatch) << made.status().to_string();
    EXPECT_NE(made.status().message().find("--keep-float"), std::string::npos) << made.status().message();
    EXPECT_EQ(folder_.entries(), std::vector<std::string>{"parent"});
  }
}

TEST_P(OneFamily, layers_that_cost_most_stay_in_f32_when_asked) {
  const auto all = quantize(request("all"));
  auto wanted = request("some");
  wanted.keep_float = 6;
  const auto some = quantize(wanted);
  ASSERT_TRUE(all.is_ok() && some.is_ok());
  EXPECT_EQ(some->kept_float.size(), all->kept_float.size() + 6);
  EXPECT_GT(some->losses[0].cosine_mean, all->losses[0].cosine_mean);
}

TEST_P(OneFamily, an_interruption_leaves_nothing) {
  for (const std::string& stage :
       std::vector<std::string>{"calibrating pictures", "measuring int8", "writing the encoder"}) {
    std::atomic<bool> cancel = false;
    auto wanted = request();
    wanted.cancel = &cancel;
    wanted.progress = [&](const std::string& what, std::size_t, std::size_t) { cancel = cancel || what == stage; };
    const auto made = quantize(wanted);
    if (stage == "writing the encoder") {
      EXPECT_TRUE(made.is_ok()) << "too late to stop";
      continue;
    }
    EXPECT_EQ(made.status().code(), Code::kCancelled) << stage << ": " << made.status().to_string();
    EXPECT_EQ(folder_.entries(), std::vector<std::string>{"parent"}) << stage;
  }
}

TEST_P(OneFamily, what_is_no_f32_encoder_or_has_its_name_taken_is_refused) {
  ASSERT_TRUE(quantize(request()).is_ok());
  EXPECT_EQ(quantize(request()).status().code(), Code::kExists);
  auto wanted = request("again");
  wanted.encoder = "parent-int8";
  EXPECT_EQ(quantize(wanted).status().code(), Code::kUnsupported);
  wanted.encoder = "nobody";
  EXPECT_EQ(quantize(wanted).status().code(), Code::kNotFound);
  wanted = request("empty");
  wanted.pictures.clear();
  EXPECT_EQ(quantize(wanted).status().code(), Code::kInvalid);
}

TEST_P(OneFamily, more_texts_than_a_card_can_say_are_refused_before_anything_is_done) {
  const auto outcome = [&](std::size_t texts, std::size_t evaluation_texts) {
    std::atomic<bool> cancel = false;
    auto wanted = request();
    wanted.texts.assign(texts, "a dog");
    wanted.evaluation_texts.assign(evaluation_texts, "a boat");
    wanted.cancel = &cancel;
    wanted.progress = [&](const std::string&, std::size_t, std::size_t) { cancel = true; };
    return quantize(wanted).status().code();
  };
  const std::size_t most = limits::kCalibrationTextsMax;
  EXPECT_EQ(outcome(most, most), Code::kCancelled) << "it began";
  EXPECT_EQ(outcome(most + 1, most), Code::kLimit);
  EXPECT_EQ(outcome(most, most + 1), Code::kLimit);
}

TEST_P(OneFamily, what_the_pictures_are_is_cut_between_two_characters) {
  auto wanted = request("cut");
  wanted.image_tower = false;
  wanted.calibration = "\xFF";
  for (std::size_t i = 0; i < limits::kCardTextBytesMax; ++i) wanted.calibration += "\u20AC";
  const auto made = quantize(wanted);
  ASSERT_TRUE(made.is_ok()) << made.status().to_string();
  EXPECT_EQ(made->calibration.substr(0, 4), "?\u20AC");
  EXPECT_EQ(made->calibration.size(), limits::kCardTextBytesMax);
  wanted.name = "unsaid";
  wanted.calibration.clear();
  const auto unsaid = quantize(wanted);
  ASSERT_TRUE(unsaid.is_ok()) << unsaid.status().to_string();
  EXPECT_EQ(unsaid->calibration, "12 pictures");
}

INSTANTIATE_TEST_SUITE_P(OfTheHub, OneFamily, testing::Values("clip"), [](const auto& family) { return family.param; });

// Photos of the set-up, prepared for an encoder.
std::vector<float> photos(const EncoderCard& card, std::size_t first, std::size_t count) {
  std::vector<float> out;
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(PICTOR_DEPS_DIR "/data/photos")) {
    paths.push_back(entry.path());
  }
  std::ranges::sort(paths);
  for (std::size_t i = first; i < std::min(first + count, paths.size()); ++i) {
    const auto file = read_file(Env::real(), paths[i], limits::kImageFileBytesMax);
    const auto decoded = decode_image(*file, card.decode, &card.prepare);
    EXPECT_TRUE(decoded.is_ok()) << paths[i];
    out.resize(out.size() + prepared_size(card.prepare));
    EXPECT_TRUE(
        prepare_image(decoded->image, card.decode, card.prepare, std::span(out).last(prepared_size(card.prepare)))
            .is_ok());
  }
  return out;
}

TEST(RealWeights, the_default_encoder_keeps_its_neighbours) {
  if (!std::filesystem::exists(PICTOR_DEPS_DIR "/models/lite2-minilm/image.onnx") ||
      !std::filesystem::exists(PICTOR_DEPS_DIR "/data/photos")) {
    GTEST_SKIP() << "run tools/setup models data";
  }
  const Folder folder;
  auto places = folder.places();
  places.cards_folder = PICTOR_SOURCE_DIR "/models";
  places.weights_folder = PICTOR_DEPS_DIR "/models";
  const auto cards = list_cards(Env::real(), places);
  ASSERT_TRUE(cards.is_ok());
  const auto card = std::ranges::find(*cards, "lite2-minilm", &EncoderCard::name);
  ASSERT_NE(card, cards->end());
  const auto runtime = make_openvino_runtime();
  QuantizeEncoderRequest request;
  request.encoder = "lite2-minilm";
  request.name = "made-here";
  request.pictures = photos(*card, 0, 24);
  request.evaluation_pictures = photos(*card, 24, 32);
  request.calibration = "photos";
  for (const char* thing : {"a dog", "two boats", "an old house", "a red car", "people in a street", "a tree"}) {
    for (const char* frame : {"", " in the snow", " at night, seen from above", " in black and white"}) {
      request.texts.push_back(std::string(thing) + frame);
      request.evaluation_texts.push_back("a photo of " + std::string(thing) + frame);
    }
  }
  request.keep_float = 0;
  const auto made = quantize_encoder(Env::real(), places, *runtime, request);
  ASSERT_TRUE(made.is_ok()) << made.status().to_string();
  for (const auto& loss : made->losses) {
    EXPECT_GE(loss.cosine_mean, 0.98) << loss.head << " " << loss.of;
    EXPECT_GE(loss.overlap_at_10, 0.8) << loss.head << " " << loss.of;
  }
}

}  // namespace
}  // namespace pictor
