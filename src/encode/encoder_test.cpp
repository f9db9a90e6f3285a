#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <numeric>
#include <random>
#include <thread>

#include "encode/encode.h"
#include "encode/test_support.h"
#include "observe/observe.h"

namespace pictor {
namespace {

using Json = nlohmann::json;
using Vectors = std::vector<std::vector<float>>;

constexpr std::uint32_t kSeed = 4;

void write_text(const std::string& path, const std::string& text) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

// An encoder of two tiny networks with seeded weights, in a folder of its own.
class TinyEncoder {
 public:
  TinyEncoder() {
    const auto weights = folder_.path("weights/tiny");
    made_ = test::run_golden("make_tiny_onnx.py", "'" + weights + "'");
    std::mt19937 draw(kSeed);
    std::normal_distribution<float> normal;
    std::string matrix;
    for (int i = 0; i < 40 * 64; ++i) {
      const float value = normal(draw);
      matrix.append(reinterpret_cast<const char*>(&value), sizeof(value));
    }
    write_text(weights + "/classes.f32", matrix);
    write_text(weights + "/tokenizer.json", tokenizer().dump());
    write_card(card());
  }

  bool made() const { return made_; }
  EncoderPlaces places() const { return {folder_.path("cards"), folder_.path("weights")}; }
  std::string weight(const std::string& name) const { return folder_.path("weights/tiny/" + name); }
  void write_card(const Json& card) const { write_text(folder_.path("cards/tiny.json"), card.dump(2)); }

  Json card() const {
    auto card = Json::parse(R"({
      "card": 1, "name": "tiny", "description": "For tests.", "licence": "none", "precision": "f32",
      "sources": [{"what": "seeds", "licence": "none", "package": "none", "version": "0",
                   "download": {"file": "none", "sha256": "", "bytes": 1}}],
      "files": [],
      "towers": {
        "image": {"file": "picture.onnx", "input": "pixels", "outputs": {"features": 96, "logits": 40}},
        "text": {"file": "text.onnx", "inputs": {"ids": "ids", "mask": "mask"}, "output": "states", "dim": 64,
                 "tokenizer": "tokenizer.json", "max_tokens": 40, "pooling": "mean"}},
      "decode": {"orientation": "apply", "icc": "to_srgb", "alpha": "over", "background": [255, 255, 255]},
      "prepare": {"width": 32, "height": 32, "fit": "squash", "filter": "bicubic", "mean": [127, 127, 127],
                  "std": [128, 128, 128]},
      "heads": [
        {"name": "visual", "dim": 96, "metric": "cosine", "norm": "l2", "images": {"from": "features"}},
        {"name": "joint", "dim": 64, "metric": "cosine", "norm": "l2",
         "images": {"from": "logits", "through": "conse", "matrix": "classes.f32"}, "texts": {"from": "text"}}]
    })");
    card["sources"][0]["download"]["sha256"] = std::string(64, '0');
    for (const char* name : {"picture.onnx", "text.onnx", "tokenizer.json", "classes.f32"}) {
      const auto bytes = test::read_text(weight(name));
      card["files"].push_back({{"path", name}, {"sha256", sha256(as_bytes(bytes)).hex()}, {"bytes", bytes.size()}});
    }
    return card;
  }

 private:
  static Json tokenizer() {
    Json vocabulary = {{"[UNK]", 0}, {"[CLS]", 1}, {"[SEP]", 2}};
    for (char c = 'a'; c <= 'z'; ++c) {
      vocabulary[std::string(1, c)] = c - 'a' + 3;
      vocabulary["##" + std::string(1, c)] = c - 'a' + 30;
    }
    return {{"version", "1.0"},
            {"added_tokens", Json::array()},
            {"normalizer",
             {{"type", "BertNormalizer"},
              {"clean_text", true},
              {"handle_chinese_chars", true},
              {"strip_accents", nullptr},
              {"lowercase", true}}},
            {"pre_tokenizer", {{"type", "BertPreTokenizer"}}},
            {"post_processor", {{"type", "BertProcessing"}, {"sep", {"[SEP]", 2}}, {"cls", {"[CLS]", 1}}}},
            {"model",
             {{"type", "WordPiece"},
              {"unk_token", "[UNK]"},
              {"continuing_subword_prefix", "##"},
              {"max_input_chars_per_word", 100},
              {"vocab", vocabulary}}}};
  }

  test::ScratchFolder folder_;
  bool made_ = false;
};

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return !a.empty() && a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

std::vector<float> random_tensors(const EncoderCard& card, std::size_t n) {
  std::mt19937 draw(kSeed);
  std::uniform_real_distribution<float> level(-1.0F, 1.0F);
  std::vector<float> tensors(n * 3 * card.prepare.width * card.prepare.height);
  // Blocks of one level with noise, so that pictures differ as pictures do.
  float base = 0;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    if (i % 1000 == 0) base = level(draw);
    tensors[i] = base + level(draw) / 10;
  }
  return tensors;
}

std::vector<std::string> sample_texts() {
  std::vector<std::string> texts = {"a photo of a cat", "", "cat", "two dogs on a beach", "ein roter Zug"};
  std::mt19937 draw(kSeed);
  for (int i = 0; i < 28; ++i) {
    std::string text;
    for (int words = static_cast<int>(draw() % 40); words >= 0; --words) {
      for (int letters = static_cast<int>(draw() % 7); letters >= 0; --letters) {
        text.push_back(static_cast<char>('a' + draw() % 26));
      }
      text.push_back(' ');
    }
    texts.push_back(text);
  }
  return texts;
}

// The tests below run on the tiny encoder, and on each real one whose weights are there.
class EncoderBits : public testing::TestWithParam<std::string> {
 protected:
  static void SetUpTestSuite() {
    if (std::filesystem::exists(test::python())) tiny_ = std::make_unique<TinyEncoder>();
  }
  static void TearDownTestSuite() { tiny_.reset(); }

  void SetUp() override {
    if (GetParam() == "tiny") {
      PICTOR_NEED(test::python());
      ASSERT_TRUE(tiny_->made());
      places_ = tiny_->places();
      return;
    }
    places_ = {test::cards_folder(), test::weights_folder()};
    if (!std::filesystem::exists(places_.cards_folder + "/" + GetParam() + ".json")) GTEST_SKIP() << "no such card";
    PICTOR_NEED(places_.weights_folder + "/" + GetParam() + "/image.onnx");
  }

  std::unique_ptr<Encoder> open(const EncoderOptions& options = {}) {
    auto encoder = open_encoder(Env::real(), places_, GetParam(), *runtime_, options);
    EXPECT_TRUE(encoder.is_ok()) << encoder.status().to_string();
    return encoder.is_ok() ? std::move(encoder).value() : nullptr;
  }

  static Vectors images(const Encoder& encoder, std::span<const float> tensors, std::size_t n, std::size_t batch) {
    const std::size_t size = tensors.size() / n;
    Vectors all(2);
    for (std::size_t i = 0; i < n; i += batch) {
      const std::size_t count = std::min(batch, n - i);
      auto some = encoder.encode_images(tensors.subspan(i * size, count * size), count);
      EXPECT_TRUE(some.is_ok()) << some.status().to_string();
      if (!some.is_ok() || some->size() != 2) return {{}, {}};
      for (std::size_t h = 0; h < 2; ++h) all[h].insert(all[h].end(), (*some)[h].begin(), (*some)[h].end());
    }
    return all;
  }

  static std::vector<float> texts(const Encoder& encoder, std::span<const std::string> texts) {
    auto vectors = encoder.encode_texts(texts, "joint");
    EXPECT_TRUE(vectors.is_ok()) << vectors.status().to_string();
    return vectors.is_ok() ? std::move(vectors).value() : std::vector<float>();
  }

  static inline std::unique_ptr<TinyEncoder> tiny_;
  std::unique_ptr<Runtime> runtime_ = make_openvino_runtime();
  EncoderPlaces places_;
};

void expect_unit_rows(const std::vector<float>& vectors, std::size_t n, std::size_t dim) {
  ASSERT_EQ(vectors.size(), n * dim);
  for (std::size_t i = 0; i < n; ++i) {
    double squares = 0;
    for (std::size_t d = 0; d < dim; ++d) squares += double{vectors[i * dim + d]} * vectors[i * dim + d];
    ASSERT_NEAR(squares, 1.0, 1e-6) << "row " << i;
  }
}

TEST_P(EncoderBits, pictures_get_the_same_bits_at_every_batch_thread_count_and_opening) {
  const auto encoder = open();
  ASSERT_NE(encoder, nullptr);
  constexpr std::size_t kCount = 33;
  const auto tensors = random_tensors(encoder->card(), kCount);
  const auto wanted = images(*encoder, tensors, kCount, 1);
  for (std::size_t h = 0; h < 2; ++h) expect_unit_rows(wanted[h], kCount, encoder->card().heads[h].dim);
  for (const std::size_t batch : {7U, 32U, 33U}) {
    const auto seen = images(*encoder, tensors, kCount, batch);
    for (std::size_t h = 0; h < 2; ++h)
      EXPECT_TRUE(same_bits(seen[h], wanted[h])) << "batch " << batch << " head " << h;
  }
  const test::ScratchFolder cache;
  for (const auto& options : {EncoderOptions{2, 1, "", true}, EncoderOptions{1, 2, cache.path(), true},
                              EncoderOptions{1, 2, cache.path(), false}}) {
    const auto other = open(options);
    ASSERT_NE(other, nullptr);
    for (const std::size_t batch : {1U, 32U}) {
      const auto seen = images(*other, tensors, kCount, batch);
      for (std::size_t h = 0; h < 2; ++h) {
        EXPECT_TRUE(same_bits(seen[h], wanted[h]))
            << "batch " << batch << " head " << h << " threads " << options.threads << " parallel " << options.parallel;
      }
    }
  }
}

// See read_or_compile in infer/openvino.cpp: on a processor without VNNI one opening in two gave other bits.
TEST_P(EncoderBits, pictures_get_the_same_bits_from_passes_side_by_side_of_several_threads_opened_again_and_again) {
  const auto encoder = open();
  ASSERT_NE(encoder, nullptr);
  const auto tensors = random_tensors(encoder->card(), 4);
  const auto wanted = images(*encoder, tensors, 4, 4);
  for (int opening = 0; opening < 6; ++opening) {
    const auto other = open({2, 2, "", true});
    ASSERT_NE(other, nullptr);
    const auto seen = images(*other, tensors, 4, 4);
    for (std::size_t h = 0; h < 2; ++h) EXPECT_TRUE(same_bits(seen[h], wanted[h])) << opening << " head " << h;
  }
}

TEST_P(EncoderBits, f32_takes_one_picture_a_pass_and_int8_four) {
  const auto encoder = open();
  ASSERT_NE(encoder, nullptr);
  const std::size_t wanted = encoder->card().precision == Precision::kF32 ? 1 : 4;
  EXPECT_EQ(encoder->pass_pictures(), wanted);
  const auto tensors = random_tensors(encoder->card(), 8);
  const auto before = Metrics::global().observations(metric::kEncodeBatchRows.id);
  images(*encoder, tensors, 8, 8);
  EXPECT_EQ(Metrics::global().observations(metric::kEncodeBatchRows.id) - before, 8 / wanted);
}

TEST_P(EncoderBits, pictures_get_the_same_bits_in_any_order) {
  const auto encoder = open();
  ASSERT_NE(encoder, nullptr);
  constexpr std::size_t kCount = 19;
  const auto tensors = random_tensors(encoder->card(), kCount);
  const std::size_t size = tensors.size() / kCount;
  const auto wanted = images(*encoder, tensors, kCount, kCount);
  std::vector<std::size_t> order(kCount);
  std::iota(order.begin(), order.end(), 0U);
  std::ranges::shuffle(order, std::mt19937(kSeed));
  std::vector<float> shuffled(tensors.size());
  for (std::size_t i = 0; i < kCount; ++i) std::copy_n(&tensors[order[i] * size], size, &shuffled[i * size]);
  const auto seen = images(*encoder, shuffled, kCount, kCount);
  for (std::size_t h = 0; h < 2; ++h) {
    const std::size_t dim = encoder->card().heads[h].dim;
    for (std::size_t i = 0; i < kCount; ++i) {
      EXPECT_EQ(0, std::memcmp(&seen[h][i * dim], &wanted[h][order[i] * dim], dim * sizeof(float))) << h << " " << i;
    }
  }
}

TEST_P(EncoderBits, texts_get_the_same_bits_alone_together_shuffled_and_with_more_threads) {
  const auto encoder = open();
  ASSERT_NE(encoder, nullptr);
  const auto all = sample_texts();
  const std::size_t dim = encoder->card().head("joint")->dim;
  const auto wanted = texts(*encoder, all);
  expect_unit_rows(wanted, all.size(), dim);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto alone = texts(*encoder, std::span(all).subspan(i, 1));
    ASSERT_EQ(alone.size(), dim);
    EXPECT_EQ(0, std::memcmp(alone.data(), &wanted[i * dim], dim * sizeof(float))) << i << ": " << all[i];
  }
  std::vector<std::string> backwards(all.rbegin(), all.rend());
  const test::ScratchFolder cache;
  for (const auto& options : {EncoderOptions{1, 1, cache.path(), true}, EncoderOptions{2, 1, "", true},
                              EncoderOptions{1, 2, cache.path(), true}}) {
    const auto other = open(options);
    ASSERT_NE(other, nullptr);
    const auto seen = texts(*other, backwards);
    ASSERT_EQ(seen.size(), wanted.size());
    for (std::size_t i = 0; i < all.size(); ++i) {
      EXPECT_EQ(0, std::memcmp(&seen[(all.size() - 1 - i) * dim], &wanted[i * dim], dim * sizeof(float)))
          << i << " threads " << options.threads << " parallel " << options.parallel;
    }
  }
}

TEST_P(EncoderBits, many_callers_at_once_get_the_bits_of_one) {
  const auto encoder = open({1, 2, "", true});
  ASSERT_NE(encoder, nullptr);
  constexpr std::size_t kCount = 9;
  const auto tensors = random_tensors(encoder->card(), kCount);
  const auto words = sample_texts();
  const auto wanted_images = images(*open(), tensors, kCount, kCount);
  const auto wanted_texts = texts(*open(), words);
  std::vector<Vectors> seen_images(3);
  std::vector<std::vector<float>> seen_texts(3);
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < 3; ++i) {
      threads.emplace_back([&, i] { seen_images[i] = images(*encoder, tensors, kCount, i + 2); });
      threads.emplace_back([&, i] { seen_texts[i] = texts(*encoder, words); });
    }
  }
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t h = 0; h < 2; ++h) EXPECT_TRUE(same_bits(seen_images[i][h], wanted_images[h]));
    EXPECT_TRUE(same_bits(seen_texts[i], wanted_texts));
  }
}

double lowest_cosine(const std::vector<float>& a, const std::string& file, std::size_t dim) {
  const auto bytes = test::read_text(file);
  if (a.empty() || bytes.size() != a.size() * sizeof(float)) return -2;
  std::vector<float> b(a.size());
  std::memcpy(b.data(), bytes.data(), bytes.size());
  double lowest = 1;
  for (std::size_t i = 0; i < a.size(); i += dim) {
    double dot = 0;
    for (std::size_t d = 0; d < dim; ++d) dot += double{a[i + d]} * b[i + d];
    lowest = std::min(lowest, dot);
  }
  return lowest;
}

TEST_P(EncoderBits, vectors_agree_with_a_plain_python_stack) {
  const auto encoder = open();
  ASSERT_NE(encoder, nullptr);
  constexpr std::size_t kCount = 8;
  const test::ScratchFolder out;
  const std::string arguments = "'" + places_.cards_folder + "/" + GetParam() + ".json' '" + places_.weights_folder +
                                "/" + GetParam() + "' '" + out.path() + "' 5 " + std::to_string(kCount);
  if (!test::run_golden("reference_vectors.py", arguments)) {
    ASSERT_NE(0, std::system(("'" + test::python() + "' -c 'import onnxruntime' 2>/dev/null").c_str()));
    GTEST_SKIP() << "onnxruntime is not installed (tools/requirements.txt)";
  }
  // Two run times round int8 differently where a sum falls between two levels.
  const double wanted = encoder->card().precision == Precision::kF32 ? 0.9999 : 0.98;
  const auto pixels = test::read_text(out.path("pixels.f32"));
  std::vector<float> tensors(pixels.size() / sizeof(float));
  std::memcpy(tensors.data(), pixels.data(), pixels.size());
  const auto seen = images(*encoder, tensors, kCount, kCount);
  for (std::size_t h = 0; h < 2; ++h) {
    const auto& head = encoder->card().heads[h];
    const double lowest = lowest_cosine(seen[h], out.path(head.name + ".images.f32"), head.dim);
    RecordProperty("lowest_cosine_" + head.name, std::to_string(lowest));
    EXPECT_GE(lowest, wanted) << head.name;
  }
  std::vector<std::string> lines;
  std::stringstream in(test::read_text(out.path("texts.txt")));
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  const auto vectors = texts(*encoder, lines);
  EXPECT_GE(lowest_cosine(vectors, out.path("joint.texts.f32"), encoder->card().head("joint")->dim), 0.9999);
}

INSTANTIATE_TEST_SUITE_P(Encoders, EncoderBits, testing::Values("tiny", "lite2-minilm", "lite2-minilm-int8"),
                         [](const auto& info) {
                           auto name = info.param;
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

// --- opening, and what goes wrong ---

class OpenEncoder : public testing::Test {
 protected:
  void SetUp() override {
    PICTOR_NEED(test::python());
    tiny_ = std::make_unique<TinyEncoder>();
    ASSERT_TRUE(tiny_->made());
  }
  Result<std::unique_ptr<Encoder>> open(std::string_view name = "tiny", const EncoderOptions& options = {}) {
    return open_encoder(Env::real(), tiny_->places(), name, *runtime_, options);
  }
  void expect_refused(const Status& status, Code code, const std::vector<std::string>& words) {
    EXPECT_EQ(status.code(), code) << status.to_string();
    for (const auto& word : words) EXPECT_NE(status.message().find(word), std::string::npos) << status.to_string();
  }

  std::unique_ptr<TinyEncoder> tiny_;
  std::unique_ptr<Runtime> runtime_ = make_openvino_runtime();
};

TEST_F(OpenEncoder, an_unknown_name_is_answered_with_the_known_ones) {
  expect_refused(open("huge").status(), Code::kNotFound, {"'huge'", "'tiny'"});
  expect_refused(open("../cards/tiny").status(), Code::kNotFound, {"'tiny'"});
  expect_refused(open("tiny", {0, 1, "", true}).status(), Code::kInvalid, {"threads"});
  write_text(tiny_->places().cards_folder + "/tiny.scales.json", "{}");
  write_text(tiny_->places().cards_folder + "/names.txt", "x");
  const auto cards = list_cards(Env::real(), tiny_->places());
  ASSERT_TRUE(cards.is_ok()) << cards.status().to_string();
  ASSERT_EQ(cards->size(), 1U);
  EXPECT_EQ(cards->front().name, "tiny");
}

TEST_F(OpenEncoder, missing_weights_are_named_with_the_command_that_brings_them) {
  std::filesystem::remove(tiny_->weight("text.onnx"));
  expect_refused(open().status(), Code::kNotFound, {"text.onnx", "make setup", "tools/setup models"});
}

TEST_F(OpenEncoder, weights_of_another_size_or_content_are_named_with_seen_and_wanted) {
  auto bytes = test::read_text(tiny_->weight("picture.onnx"));
  const auto wanted = sha256(as_bytes(bytes)).hex();
  bytes[bytes.size() / 2] ^= 1;
  write_text(tiny_->weight("picture.onnx"), bytes);
  expect_refused(open().status(), Code::kCorrupt,
                 {"picture.onnx", sha256(as_bytes(bytes)).hex(), wanted, "tools/setup models"});
  write_text(tiny_->weight("picture.onnx"), bytes + "x");
  expect_refused(open().status(), Code::kCorrupt,
                 {"picture.onnx", std::to_string(bytes.size() + 1), std::to_string(bytes.size())});
}

TEST_F(OpenEncoder, weights_found_right_once_are_not_read_again_until_they_change) {
  ASSERT_TRUE(open().is_ok());
  const auto path = tiny_->weight("classes.f32");
  const auto time = std::filesystem::last_write_time(path);
  auto bytes = test::read_text(path);
  bytes[100] ^= 1;
  write_text(path, bytes);
  std::filesystem::last_write_time(path, time);
  EXPECT_TRUE(open().is_ok());
  EXPECT_EQ(verify_weights(Env::real(), tiny_->places(), "tiny").code(), Code::kCorrupt);
  std::filesystem::last_write_time(path, time + std::chrono::seconds(1));
  EXPECT_EQ(open().status().code(), Code::kCorrupt);
  EXPECT_TRUE(open("tiny", {1, 1, "", false}).is_ok());
}

TEST_F(OpenEncoder, a_card_with_another_name_than_its_file_is_refused) {
  auto card = tiny_->card();
  card["name"] = "other";
  tiny_->write_card(card);
  expect_refused(open().status(), Code::kUnreadable, {"'other'", "'tiny'"});
  EXPECT_FALSE(list_cards(Env::real(), tiny_->places()).is_ok());
}

TEST_F(OpenEncoder, a_network_that_is_not_what_the_card_says_is_refused_when_first_used) {
  auto card = tiny_->card();
  card["prepare"]["width"] = 40;
  tiny_->write_card(card);
  auto encoder = open();
  ASSERT_TRUE(encoder.is_ok()) << encoder.status().to_string();
  const std::vector<float> tensor(3 * 40 * 32);
  expect_refused((*encoder)->encode_images(tensor, 1).status(), Code::kMismatch,
                 {"pixels", "1 x 3 x 32 x 32", "any x 3 x 32 x 40"});
  EXPECT_TRUE((*encoder)->encode_texts(std::vector<std::string>{"cat"}, "joint").is_ok());
}

TEST_F(OpenEncoder, wrong_requests_are_refused_with_seen_and_wanted) {
  const auto encoder = std::move(open()).value();
  expect_refused(encoder->encode_images(std::vector<float>(100), 1).status(), Code::kInvalid, {"3072", "100"});
  const std::vector<std::string> texts = {"cat", "d\xffg"};
  expect_refused(encoder->encode_texts(texts, "nothing").status(), Code::kNotFound, {"'nothing'"});
  expect_refused(encoder->encode_texts(texts, "visual").status(), Code::kInvalid, {"'visual'"});
  expect_refused(encoder->encode_texts(texts, "joint").status(), Code::kInvalid, {"text 1", "UTF-8 at byte 1"});
  const std::vector<float> tensor(2 * 3072, std::nanf(""));
  expect_refused(encoder->encode_images(tensor, 2).status(), Code::kInvalid, {"picture 0"});
  EXPECT_TRUE(encoder->encode_images({}, 0).is_ok());
  EXPECT_TRUE(encoder->encode_texts({}, "joint").is_ok());
}

TEST_F(OpenEncoder, a_text_says_whether_it_is_cut) {
  const auto encoder = std::move(open()).value();
  std::string text;
  for (int i = 0; i < 38; ++i) text += "a ";
  auto cut = encoder->text_is_cut(text);
  ASSERT_TRUE(cut.is_ok());
  EXPECT_FALSE(*cut);
  cut = encoder->text_is_cut(text + "a");
  ASSERT_TRUE(cut.is_ok());
  EXPECT_TRUE(*cut);
}

}  // namespace
}  // namespace pictor
