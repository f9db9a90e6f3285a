// Re-derivation over sealed segments, which the program makes only of many pictures; all else of it is tried through
// the program by tests/provenance.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <random>

#include "base/base.h"
#include "engine/engine.h"
#include "engine/generated.h"
#include "engine/receipt.h"
#include "store/store.h"

namespace pictor {
namespace {

constexpr const char* kEncoder = "lite0-minilm-int8";

class PictureSource : public IngestSource {
 public:
  // The pictures lie in files of the folder, or in memory when it is empty.
  explicit PictureSource(std::string folder = "") : folder_(std::move(folder)) {}
  Result<bool> next(Entry& out) override {
    if (number_ == 4) return false;
    out = {};
    out.item.id = "p" + std::to_string(number_);
    auto file = encode_png(generated_image(number_)).value();
    out.item.source = folder_.empty() ? "memory:" + out.item.id : join_path(folder_, out.item.id);
    if (!folder_.empty()) PICTOR_TRY(write_file_atomic(Env::real(), out.item.source, file));
    out.read = [file = std::move(file)]() -> Result<Bytes> { return file; };
    ++number_;
    return true;
  }
  std::optional<std::uint64_t> total() const override { return 4; }

 private:
  std::string folder_;
  std::uint64_t number_ = 0;
};

class RederiveTest : public testing::Test {
 protected:
  void SetUp() override {
    const std::string weights = PICTOR_DEPS_DIR "/models";
    if (!exists(Env::real(), weights + "/" + kEncoder + "/image.onnx")) {
      ASSERT_EQ(std::getenv("CI"), nullptr) << kEncoder << " is not set up: run `tools/setup models`";
      GTEST_SKIP() << kEncoder << " is not set up: run `tools/setup models`";
    }
    std::string pattern = (std::filesystem::temp_directory_path() / "pictor-rederive-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    options_.data_folder = join_path(folder_, "data");
    options_.cards_folder = PICTOR_SOURCE_DIR "/models";
    options_.weights_folder = weights;
    options_.threads = 2;
  }
  void TearDown() override {
    if (!folder_.empty()) std::filesystem::remove_all(folder_);
  }
  std::unique_ptr<Engine> open() const {
    auto opened = Engine::open(Env::real(), options_);
    EXPECT_TRUE(opened.is_ok()) << opened.status().to_string();
    return std::move(opened).value();
  }
  static void index(Engine& engine, const std::string& referenced_in = "") {
    PictureSource source(referenced_in);
    IngestRequest request;
    request.collection = "test";
    request.encoder = kEncoder;
    request.keep = referenced_in.empty() ? "original" : "reference";
    const auto report = engine.ingest(request, source);
    ASSERT_TRUE(report.is_ok()) << report.status().to_string();
    ASSERT_EQ(report->counts.added, 4U);
  }
  static RederiveReport rederive(Engine& engine) {
    RederiveRequest request;
    request.collection = "test";
    const auto report = engine.rederive(request);
    EXPECT_TRUE(report.is_ok()) << report.status().to_string();
    return report.value();
  }
  // The collection's only segment file.
  std::string seal() const {
    const auto folder = DataFolder::open(Env::real(), options_.data_folder).value();
    EXPECT_TRUE(folder->collection("test").value()->seal().is_ok());
    const auto segments = join_path(options_.data_folder, "collections/test/segments");
    auto files = Env::real().list(segments).value();
    std::erase_if(files, [](const auto& file) { return !file.name.ends_with(".seg"); });
    EXPECT_EQ(files.size(), 1U);
    return join_path(segments, files.at(0).name);
  }

  std::string folder_;
  EngineOptions options_;
};

TEST_F(RederiveTest, a_flipped_bit_of_a_sealed_vector_is_found_and_named) {
  index(*open());
  const auto path = seal();
  auto whole = rederive(*open());
  EXPECT_EQ(whole.equal, 4U);
  EXPECT_EQ(whole.signed_count, 4U);
  EXPECT_TRUE(whole.faults.empty()) << whole.faults.at(0).what;

  // Where item p2's vector stands in the file.
  const auto vector = open()->get("test", "p2", true).value()->vectors.at("visual");
  auto bytes = read_file(Env::real(), path, limits::kGiB).value();
  const auto wanted = std::as_bytes(std::span(vector));
  const auto found = std::search(bytes.begin(), bytes.end(), wanted.begin(), wanted.end());
  ASSERT_NE(found, bytes.end());
  std::mt19937 random(1);
  found[static_cast<std::ptrdiff_t>(random() % wanted.size())] ^= std::byte{1} << (random() % 8);
  ASSERT_TRUE(write_file_atomic(Env::real(), path, bytes).is_ok());

  const auto report = rederive(*open());
  EXPECT_EQ(report.differ, 1U);
  EXPECT_EQ(report.equal, 3U);
  ASSERT_GE(report.faults.size(), 2U) << "neither its receipt nor making it again has told";
  for (const auto& fault : report.faults) EXPECT_EQ(fault.where, "item 'p2'") << fault.what;
}

TEST_F(RederiveTest, an_encoder_that_cannot_run_is_one_fault_and_receipts_are_checked_all_the_same) {
  index(*open());
  options_.device = "cuda:1023";
  const auto engine = open();
  RederiveRequest request;
  request.collection = "test";
  const auto report = engine->rederive(request);
  ASSERT_TRUE(report.is_ok()) << report.status().to_string();
  EXPECT_EQ(report->items, 4U);
  EXPECT_EQ(report->signed_count, 4U);
  EXPECT_EQ(report->equal, 0U);
  ASSERT_EQ(report->faults.size(), 1U);
  EXPECT_EQ(report->faults[0].where, std::string("encoder '") + kEncoder + "'") << report->faults[0].what;
}

TEST_F(RederiveTest, receipts_of_a_former_key_are_checked_by_it_or_counted_by_themselves) {
  index(*open());
  const auto keys = join_path(options_.data_folder, "keys");
  const auto former = read_public_key(Env::real(), options_.data_folder).value();
  ASSERT_TRUE(Env::real().rename(keys, join_path(folder_, "away")).is_ok());
  PictureSource source;
  IngestRequest request;
  request.collection = "test";
  const auto indexed = open()->ingest(request, source);
  ASSERT_TRUE(indexed.is_ok()) << indexed.status().to_string();
  ASSERT_EQ(indexed->warnings.size(), 1U);
  EXPECT_NE(indexed->warnings[0].find("collection 'test' has receipts that another key signed"), std::string::npos);

  const auto without = rederive(*open());
  EXPECT_TRUE(without.faults.empty()) << without.faults.at(0).what;
  EXPECT_EQ(without.unknown_key, 4U);
  EXPECT_EQ(without.signed_count, 0U);
  EXPECT_EQ(without.unknown_keys, std::vector<std::string>{key_name(former)});
  EXPECT_EQ(without.equal, 4U) << "they are made again all the same";
  EXPECT_EQ(open()->receipt("test", "p1")->state, ReceiptState::kUnknownKey);

  ASSERT_TRUE(Env::real().make_dirs(join_path(keys, "former")).is_ok());
  ASSERT_TRUE(
      Env::real()
          .rename(join_path(folder_, "away/receipts.pub"), join_path(keys, "former/" + key_name(former) + ".pub"))
          .is_ok());
  const auto with = rederive(*open());
  EXPECT_TRUE(with.faults.empty()) << with.faults.at(0).what;
  EXPECT_EQ(with.unknown_key, 0U);
  EXPECT_EQ(with.signed_count, 4U);
  EXPECT_EQ(open()->receipt("test", "p1")->state, ReceiptState::kSigned);
}

TEST_F(RederiveTest, a_sample_says_its_seed_and_is_drawn_again_with_it) {
  index(*open());
  const auto engine = open();
  RederiveRequest request;
  request.collection = "test";
  EXPECT_EQ(engine->rederive(request)->seed, 0U) << "nothing was drawn";
  request.sample = 1;
  const auto seed = engine->rederive(request)->seed;
  EXPECT_NE(seed, 0U);
  EXPECT_LT(seed, std::uint64_t{1} << 53) << "readers of JSON would round it";
  request.seed = seed;
  EXPECT_EQ(engine->rederive(request)->seed, seed);
}

TEST_F(RederiveTest, what_a_receipt_does_not_say_is_not_the_same_condition) {
  index(*open());
  // As written before receipts were signed, by something that named no run time; one bit of the vector is another.
  auto vector = open()->get("test", "p2", true).value()->vectors.at("visual");
  vector[0] = std::nextafter(vector[0], 1.0F);
  {
    const auto folder = DataFolder::open(Env::real(), options_.data_folder).value();
    const auto collection = folder->collection("test").value();
    auto item = collection->snapshot().value()->find("p2", true).value().value();
    Batch batch;
    batch.id = "again";
    batch.puts.push_back(item.data);
    auto& put = batch.puts[0];
    for (std::size_t i = 0; i < put.vectors.size(); ++i) {
      if (collection->spec().spaces[i].head == "visual") put.vectors[i] = vector;
    }
    put.receipt = R"({"input":")" + put.content.hex() + R"(","isa":"","runtime":""})";
    put.blob = collection->snapshot().value()->blob(item.row).value().value();
    ASSERT_TRUE(collection->commit(batch).is_ok());
  }
  const auto report = rederive(*open());
  EXPECT_TRUE(report.faults.empty()) << report.faults.at(0).what;
  EXPECT_EQ(report.unsigned_count, 1U);
  EXPECT_EQ(report.differ, 0U);
  ASSERT_EQ(report.others.size(), 1U);
  EXPECT_GT(report.others[0].cosine, 0.9999);
}

TEST_F(RederiveTest, a_fingerprint_that_cannot_be_kept_is_still_reported) {
  // Its own folder of weights, in which a folder stands where the file would be written.
  const auto weights = join_path(options_.weights_folder, kEncoder);
  options_.weights_folder = join_path(folder_, "weights");
  const auto own = join_path(options_.weights_folder, kEncoder);
  ASSERT_TRUE(Env::real().make_dirs(join_path(own, "fingerprints.json.tmp")).is_ok());
  for (const std::string file : {"image.onnx", "text.onnx", "tokenizer.json", "classes.f32"}) {
    std::filesystem::create_symlink(join_path(weights, file), join_path(own, file));
  }
  FingerprintRequest request;
  request.encoder = kEncoder;
  request.images = 1;
  const auto report = open()->fingerprint(request);
  ASSERT_TRUE(report.is_ok()) << report.status().to_string();
  ASSERT_FALSE(report->fingerprints.empty());
  for (const auto& print : report->fingerprints) {
    EXPECT_EQ(print.sha256.size(), 64U);
    EXPECT_EQ(print.kept_in, "");
  }
  EXPECT_NE(report->note.find("fingerprints.json"), std::string::npos) << report->note;
}

TEST_F(RederiveTest, a_referenced_picture_that_was_changed_is_a_fault_and_one_that_is_gone_is_counted) {
  index(*open(), folder_);
  EXPECT_EQ(rederive(*open()).equal, 4U);
  auto bytes = read_file(Env::real(), join_path(folder_, "p1"), limits::kImageFileBytesMax).value();
  bytes.at(bytes.size() / 2) ^= std::byte{1};
  ASSERT_TRUE(write_file_atomic(Env::real(), join_path(folder_, "p1"), bytes).is_ok());
  ASSERT_TRUE(Env::real().remove(join_path(folder_, "p2")).is_ok());

  const auto report = rederive(*open());
  EXPECT_EQ(report.equal, 2U);
  EXPECT_EQ(report.unread, 1U);
  EXPECT_EQ(report.no_picture, 1U);
  ASSERT_EQ(report.faults.size(), 1U);
  EXPECT_NE(report.faults[0].what.find("was changed since"), std::string::npos) << report.faults[0].what;
}

}  // namespace
}  // namespace pictor
