// Which run time makes a vector: chosen by the card or the caller, seen in every vector's class, and the same vector.
#include "engine/runtimes.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <filesystem>
#include <thread>
#include <utility>

#include "engine/encoders.h"
#include "engine/tools_testing.h"
#include "observe/observe.h"

namespace pictor {
namespace {

using test::cosine;

TEST(RuntimeChoice, what_is_not_known_or_does_not_go_together_is_refused_by_name) {
  EXPECT_TRUE(check_runtime_choice({"", ""}).is_ok());
  EXPECT_TRUE(check_runtime_choice({"openvino", "cpu"}).is_ok());
  EXPECT_TRUE(check_runtime_choice({"onnxruntime", "cuda:1"}).is_ok());
  EXPECT_TRUE(check_runtime_choice({"", "cuda"}).is_ok());
  EXPECT_EQ(check_runtime_choice({"torch", ""}).code(), Code::kInvalid);
  for (const char* device : {"gpu", "cuda:", "cuda:x", "cuda:-1", "cuda:99999", "cuda1"}) {
    const auto status = check_runtime_choice({"onnxruntime", device});
    EXPECT_EQ(status.code(), Code::kInvalid) << device;
    EXPECT_NE(status.message().find(device), std::string::npos) << status.message();
  }
  EXPECT_EQ(check_runtime_choice({"openvino", "cuda"}).code(), Code::kInvalid);
}

TEST(RuntimeChoice, the_caller_goes_before_the_card_and_the_card_before_openvino) {
  Runtimes plain({});
  ASSERT_TRUE(plain.get("").is_ok());
  EXPECT_TRUE((*plain.get(""))->name().starts_with("openvino"));
  Runtimes asked({"openvino", "cpu"});
  EXPECT_TRUE((*asked.get("onnxruntime"))->name().starts_with("openvino"));
  const auto of_card = plain.get("onnxruntime");
  if (!of_card.is_ok()) {
    ASSERT_EQ(std::getenv("CI"), nullptr) << of_card.status().to_string();
    GTEST_SKIP() << of_card.status().to_string();
  }
  EXPECT_TRUE((*of_card)->name().starts_with("onnxruntime"));
  EXPECT_TRUE((*of_card)->isa_class().ends_with("/onnxruntime")) << (*of_card)->isa_class();
  EXPECT_NE((*of_card)->isa_class(), (*plain.get(""))->isa_class());
}

class RuntimeVectors : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string weights = PICTOR_DEPS_DIR "/models";
    PICTOR_NEED_SET_UP(weights + "/lite2-minilm/image.onnx", "tools/setup models");
    const auto library = make_onnxruntime_runtime({});
    if (!library.is_ok()) {
      ASSERT_EQ(std::getenv("CI"), nullptr) << library.status().to_string();
      GTEST_SKIP() << library.status().to_string();
    }
    options_.data_folder = folder_ / "data";
    options_.cards_folder = PICTOR_SOURCE_DIR "/models";
    options_.weights_folder = weights;
    options_.threads = 2;
  }
  std::unique_ptr<Engine> engine(const std::string& runtime) {
    options_.runtime = runtime;
    auto opened = Engine::open(Env::real(), options_);
    EXPECT_TRUE(opened.is_ok()) << opened.status().to_string();
    return opened.is_ok() ? std::move(opened).value() : nullptr;
  }
  std::shared_ptr<const Encoder> encoder(const std::string& runtime, std::size_t threads, EncodeFor purpose) {
    Encoders encoders(Env::real(), {options_.cards_folder, options_.weights_folder}, "", threads, {runtime, ""});
    kept_.push_back(std::make_unique<Runtimes>(RuntimeChoice{runtime, ""}));
    EncoderOptions options;
    options.threads = purpose == EncodeFor::kQuery ? threads : 1;
    options.parallel = purpose == EncodeFor::kQuery ? 1 : threads;
    auto opened = open_encoder(Env::real(), encoders.places(), kDefaultEncoder, **kept_.back()->get(""), options);
    EXPECT_TRUE(opened.is_ok()) << opened.status().to_string();
    return opened.is_ok() ? std::shared_ptr<const Encoder>(std::move(opened).value()) : nullptr;
  }

  test::Folder folder_;
  EngineOptions options_;
  std::vector<std::unique_ptr<Runtimes>> kept_;
};

std::vector<float> tensors_of(const Encoder& encoder, std::size_t count) {
  const auto size = prepared_size(encoder.card().prepare);
  std::vector<float> tensors(count * size);
  for (std::size_t i = 0; i < count; ++i) {
    const auto out = std::span(tensors).subspan(i * size, size);
    const auto image = test::wavy_image(static_cast<unsigned>(i));
    EXPECT_TRUE(prepare_image(image, encoder.card().decode, encoder.card().prepare, out).is_ok());
  }
  return tensors;
}

TEST_F(RuntimeVectors, of_onnxruntime_and_openvino_agree_in_every_head) {
  const auto ours = encoder("openvino", 1, EncodeFor::kQuery);
  const auto theirs = encoder("onnxruntime", 1, EncodeFor::kQuery);
  ASSERT_TRUE(ours != nullptr && theirs != nullptr);
  EXPECT_NE(ours->isa_class(), theirs->isa_class());
  const auto tensors = tensors_of(*ours, 6);
  const auto a = ours->encode_images(tensors, 6), b = theirs->encode_images(tensors, 6);
  ASSERT_TRUE(a.is_ok() && b.is_ok()) << b.status().to_string();
  for (std::size_t head = 0; head < a->size(); ++head) {
    const std::size_t dim = (*a)[head].size() / 6;
    for (std::size_t i = 0; i < 6; ++i) {
      EXPECT_GE(cosine(std::span((*a)[head]).subspan(i * dim, dim), std::span((*b)[head]).subspan(i * dim, dim)),
                0.99999);
    }
  }
  const std::vector<std::string> texts = {"a red car", "two dogs on a beach at sunset, one of them barking", ""};
  const auto c = ours->encode_texts(texts, "joint"), d = theirs->encode_texts(texts, "joint");
  ASSERT_TRUE(c.is_ok() && d.is_ok()) << d.status().to_string();
  const std::size_t dim = c->size() / texts.size();
  for (std::size_t i = 0; i < texts.size(); ++i) {
    EXPECT_GE(cosine(std::span(*c).subspan(i * dim, dim), std::span(*d).subspan(i * dim, dim)), 0.99999);
  }
}

TEST_F(RuntimeVectors, of_onnxruntime_have_the_same_bits_at_every_batch_and_thread_count) {
  const auto alone = encoder("onnxruntime", 1, EncodeFor::kQuery);
  ASSERT_NE(alone, nullptr);
  const auto size = prepared_size(alone->card().prepare);
  const auto tensors = tensors_of(*alone, 5);
  const std::vector<std::string> texts = {"a red car", "a blue car", "two dogs", "a house by the sea", "x"};
  std::vector<float> wanted, wanted_texts;
  for (std::size_t i = 0; i < 5; ++i) {
    const auto made = alone->encode_images(std::span(tensors).subspan(i * size, size), 1);
    ASSERT_TRUE(made.is_ok()) << made.status().to_string();
    wanted.insert(wanted.end(), made->front().begin(), made->front().end());
    const auto words = alone->encode_texts({&texts[i], 1}, "joint");
    ASSERT_TRUE(words.is_ok()) << words.status().to_string();
    wanted_texts.insert(wanted_texts.end(), words->begin(), words->end());
  }
  for (const std::size_t threads : {1U, 2U}) {
    for (const auto purpose : {EncodeFor::kBulk, EncodeFor::kQuery}) {
      const auto other = encoder("onnxruntime", threads, purpose);
      ASSERT_NE(other, nullptr);
      const auto made = other->encode_images(tensors, 5);
      ASSERT_TRUE(made.is_ok());
      EXPECT_EQ(0, std::memcmp(made->front().data(), wanted.data(), wanted.size() * sizeof(float)));
      const auto words = other->encode_texts(texts, "joint");
      ASSERT_TRUE(words.is_ok());
      EXPECT_EQ(0, std::memcmp(words->data(), wanted_texts.data(), wanted_texts.size() * sizeof(float)));
    }
  }
}

class OnePicture : public IngestSource {
 public:
  explicit OnePicture(unsigned number) : number_(number) {}
  Result<bool> next(Entry& out) override {
    if (std::exchange(done_, true)) return false;
    out = {};
    out.item.id = std::to_string(number_);
    out.read = [number = number_]() -> Result<Bytes> { return test::wavy_picture(number); };
    return true;
  }
  std::optional<std::uint64_t> total() const override { return 1; }

 private:
  unsigned number_;
  bool done_ = false;
};

TEST_F(RuntimeVectors, a_collection_of_one_run_time_warns_under_another_and_receipts_name_theirs) {
  const auto ingest = [this](const std::string& runtime, unsigned number) {
    OnePicture source(number);
    IngestRequest request;
    request.collection = "test";
    auto report = engine(runtime)->ingest(request, source);
    EXPECT_TRUE(report.is_ok()) << report.status().to_string();
    return report.is_ok() ? report->warnings : std::vector<std::string>{"failed"};
  };
  EXPECT_TRUE(ingest("openvino", 1).empty());
  EXPECT_TRUE(ingest("openvino", 2).empty());
  const auto warnings = ingest("onnxruntime", 3);
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_NE(warnings[0].find("/onnxruntime"), std::string::npos) << warnings[0];
  const auto opened = engine("onnxruntime");
  const auto first = opened->get("test", "1", false), last = opened->get("test", "3", false);
  ASSERT_TRUE(first.is_ok() && last.is_ok());
  EXPECT_NE((*first)->receipt.find("\"openvino "), std::string::npos) << (*first)->receipt;
  EXPECT_NE((*last)->receipt.find("\"onnxruntime "), std::string::npos) << (*last)->receipt;
  Query query;
  query.collection = "test";
  query.parts.resize(1);
  query.parts[0].text = "waves";
  const auto hits = opened->search(query);
  ASSERT_TRUE(hits.is_ok()) << hits.status().to_string();
  EXPECT_EQ(hits->warnings.size(), 1U);
}

TEST_F(RuntimeVectors, a_graphics_card_that_is_not_there_is_an_error_that_says_so) {
  options_.device = "cuda";
  const auto opened = engine("");
  ASSERT_NE(opened, nullptr);
  const auto vector = opened->embed_picture("", "", test::wavy_picture(1));
  if (vector.is_ok()) GTEST_SKIP() << "there is one";
  EXPECT_EQ(vector.status().code(), Code::kUnsupported) << vector.status().to_string();
  EXPECT_NE(vector.status().message().find("CUDA"), std::string::npos) << vector.status().to_string();
}

TEST_F(RuntimeVectors, of_one_run_time_are_not_remembered_for_another) {
  // Two cards of the same files and so of the same spaces; the second asks for ONNX Runtime.
  const auto bytes =
      read_file(Env::real(), options_.cards_folder + "/lite2-minilm.json", limits::kCardBytesMax).value();
  const std::string card(as_text(bytes)), name = "\"name\": \"lite2-minilm\",";
  std::string twin = card;
  ASSERT_NE(twin.find(name), std::string::npos);
  twin.replace(twin.find(name), name.size(), "\"name\": \"twin\", \"runtime\": \"onnxruntime\",");
  std::filesystem::create_directories(folder_ / "cards");
  std::filesystem::create_directories(folder_ / "weights");
  for (const auto& [file, text] : {std::pair("lite2-minilm", card), std::pair("twin", twin)}) {
    ASSERT_TRUE(write_file_atomic(Env::real(), folder_ / "cards/" + file + ".json", as_bytes(text)).is_ok());
    std::filesystem::create_directory_symlink(options_.weights_folder + "/lite2-minilm", folder_ / "weights/" + file);
  }
  options_.cards_folder = folder_ / "cards";
  options_.weights_folder = folder_ / "weights";
  const auto both = engine("");
  ASSERT_NE(both, nullptr);
  const auto hits = [] {
    return Metrics::global().value(MetricId::kVectorCache, static_cast<std::size_t>(CacheResult::kHit));
  };
  const auto picture = test::wavy_picture(1);
  const std::vector<std::string> texts = {"a red car"};
  const double before = hits();
  const auto ours = both->embed_picture("lite2-minilm", "visual", picture);
  const auto theirs = both->embed_picture("twin", "visual", picture);
  ASSERT_TRUE(ours.is_ok() && theirs.is_ok()) << theirs.status().to_string();
  ASSERT_TRUE(both->embed_texts("lite2-minilm", "joint", texts).is_ok());
  ASSERT_TRUE(both->embed_texts("twin", "joint", texts).is_ok());
  EXPECT_EQ(hits(), before);
  EXPECT_EQ(both->embed_picture("twin", "visual", picture).value(), *theirs);
  EXPECT_EQ(hits(), before + 1);
}

TEST(OpenEncoders, a_batcher_is_never_that_of_an_encoder_which_was_forgotten_meanwhile) {
  const std::string weights = PICTOR_DEPS_DIR "/models";
  PICTOR_NEED_SET_UP(weights + "/lite2-minilm/image.onnx", "tools/setup models");
  Encoders encoders(Env::real(), {PICTOR_SOURCE_DIR "/models", weights}, "", 1, {});
  for (int round = 0; round < 30; ++round) {
    ASSERT_TRUE(encoders.open(kDefaultEncoder, EncodeFor::kQuery).is_ok());
    std::atomic<int> there = 0;
    const auto meet = [&there] {
      for (++there; there != 2;) std::this_thread::yield();
    };
    std::jthread asks([&] {
      meet();
      EXPECT_TRUE(encoders.batcher(kDefaultEncoder).is_ok());
    });
    meet();
    encoders.forget(kDefaultEncoder);
    asks.join();
    const auto batcher = encoders.batcher(kDefaultEncoder).value();
    ASSERT_EQ(&batcher->encoder(), encoders.open(kDefaultEncoder, EncodeFor::kQuery)->get()) << "round " << round;
    encoders.forget(kDefaultEncoder);
  }
}

}  // namespace
}  // namespace pictor
