// Probabilities end to end: real pictures, the real default encoder, copies and pictures that calibration never saw.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>

#include "engine/engine_testing.h"
#include "engine/matching.h"
#include "measure/measure.h"

namespace pictor {
namespace {

constexpr std::size_t kLearnt = 240, kLater = 60, kAbsent = 90;
constexpr std::uint64_t kSeed = 11;

// Stamps with a description, one folder after the other; the same on every machine.
std::vector<std::filesystem::path> stamps() {
  std::vector<std::filesystem::path> all;
  const std::filesystem::path folder = PICTOR_DEPS_DIR "/data/stamps/usr/share/tuxpaint/stamps";
  if (!std::filesystem::exists(folder)) return all;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    auto text = entry.path();
    if (entry.path().extension() == ".png" && std::filesystem::exists(text.replace_extension(".txt"))) {
      all.push_back(entry.path());
    }
  }
  std::ranges::sort(all);
  return all;
}

std::string description_of(std::filesystem::path path) {
  std::ifstream in(path.replace_extension(".txt"));
  std::string line;
  std::getline(in, line);
  return line;
}

class StampSource : public IngestSource {
 public:
  explicit StampSource(std::vector<std::filesystem::path> paths) : paths_(std::move(paths)) {}
  Result<bool> next(Entry& out) override {
    if (position_ == paths_.size()) return false;
    const auto path = paths_[position_++];
    out = {};
    out.item.id = path.string();
    out.item.source = path.string();
    out.item.text = description_of(path);
    out.read = [path] { return read_file(Env::real(), path.string(), limits::kImageFileBytesMax); };
    return true;
  }
  std::optional<std::uint64_t> total() const override { return paths_.size(); }

 private:
  std::vector<std::filesystem::path> paths_;
  std::size_t position_ = 0;
};

class CalibrateTest : public EngineTest {
 protected:
  void SetUp() override {
    EngineTest::SetUp();
    if (IsSkipped()) return;
    all_ = stamps();
    // Every part of the set in the same mixture: drawn by a fixed step that has no divisor with the number.
    std::vector<std::filesystem::path> mixed;
    for (std::size_t i = 0; i < all_.size(); ++i) mixed.push_back(all_[i * 7919 % all_.size()]);
    all_ = std::move(mixed);
    if (all_.size() < kLearnt + kLater + kAbsent) {
      ASSERT_EQ(std::getenv("CI"), nullptr) << "stamps are missing: run `tools/data stamps`";
      GTEST_SKIP() << "stamps are missing: run `tools/data stamps`";
    }
  }
  std::vector<std::filesystem::path> part(std::size_t begin, std::size_t count) const {
    const auto from = all_.begin() + static_cast<std::ptrdiff_t>(begin);
    return {from, from + static_cast<std::ptrdiff_t>(count)};
  }
  void index(std::vector<std::filesystem::path> paths) {
    StampSource source(std::move(paths));
    IngestRequest request;
    request.collection = "test";
    request.keep = "original";
    const auto report = engine_->ingest(request, source);
    ASSERT_TRUE(report.is_ok()) << report.status().to_string();
  }
  CalibrationReport calibrate(std::size_t queries) {
    CalibrationRequest request;
    request.collection = "test";
    request.seed = kSeed;
    request.queries = queries;
    auto report = engine_->vector_tools().calibrate(request);
    EXPECT_TRUE(report.is_ok()) << report.status().to_string();
    return report.is_ok() ? std::move(report).value() : CalibrationReport{};
  }
  Query by_copy(const std::filesystem::path& path, std::uint64_t seed) const {
    const auto file = read_file(Env::real(), path.string(), limits::kImageFileBytesMax);
    const DecodeSpec plain;
    const auto rgb8 = to_rgb8(decode_image(*file, plain)->image, plain);
    Query query;
    query.collection = "test";
    query.parts.resize(1);
    query.parts[0].kind = QueryPart::Kind::kImage;
    query.parts[0].image = altered_copy(*rgb8, seed).value();
    return query;
  }
  Query by_words(const std::string& words) const {
    Query query;
    query.collection = "test";
    query.parts.resize(1);
    query.parts[0].text = words;
    return query;
  }

  std::vector<std::filesystem::path> all_;
};

TEST_F(CalibrateTest, pictures_that_are_not_there_are_refused_and_those_that_are_stay) {
  index(part(0, kLearnt));
  const auto report = calibrate(kLearnt);
  ASSERT_FALSE(report.made.empty());
  const auto made = std::ranges::find_if(report.made, [](const Calibration& one) { return one.kind == "picture"; });
  ASSERT_NE(made, report.made.end());
  const auto words = std::ranges::find_if(report.made, [](const Calibration& one) { return one.kind == "words"; });
  ASSERT_NE(words, report.made.end());
  std::cout << "held out: pictures ECE " << made->calibration_error << " AUROC " << made->auroc << " refused "
            << made->refused << " lost " << made->lost << "; words ECE " << words->calibration_error << " AUROC "
            << words->auroc << "\n";
  // Others than calibration saw: some come into the collection now, some never.
  index(part(kLearnt, kLater));
  std::size_t right = 0, lost = 0, refused = 0;
  const auto ask = [&](const std::filesystem::path& path, std::uint64_t seed) {
    Query query = by_copy(path, seed);
    query.min_probability = made->threshold;
    const auto hits = engine_->search(query);
    EXPECT_TRUE(hits.is_ok()) << hits.status().to_string();
    EXPECT_EQ(hits->nothing_found, hits->hits.empty());
    return hits.value();
  };
  for (std::size_t i = 0; i < kLater; ++i) {
    const auto path = all_[kLearnt + i];
    const auto plain = engine_->search(by_copy(path, 1000 + i));
    ASSERT_TRUE(plain.is_ok()) << plain.status().to_string();
    if (plain->hits.at(0).id != path.string()) continue;
    ++right;
    if (ask(path, 1000 + i).hits.empty()) ++lost;
  }
  std::size_t absent = 0;
  for (const auto& path : part(kLearnt + kLater, kAbsent)) {
    ++absent;
    if (*ask(path, 2000 + absent).nothing_found) ++refused;
  }
  std::cout << "never seen: " << refused << " of " << absent << " refused, " << lost << " of " << right << " lost\n";
  // .9 is wanted (bench/macro/calibration.py measures it); 62 of 90 were refused when this was written.
  EXPECT_GE(static_cast<double>(refused), 0.6 * static_cast<double>(absent));
  EXPECT_LE(static_cast<double>(lost), 0.05 * static_cast<double>(right));
  EXPECT_GT(right, kLater / 2);
  EXPECT_LE(words->calibration_error, 0.05);
}

TEST_F(CalibrateTest, the_same_seed_learns_the_same_and_it_stays_after_reopening) {
  index(part(0, 80));
  Query asked = by_copy(all_[3], 5);
  const auto before = engine_->search(asked);
  ASSERT_TRUE(before.is_ok());
  EXPECT_FALSE(before->hits.at(0).probability.has_value());
  EXPECT_FALSE(before->nothing_found.has_value());
  asked.min_probability = 0.5;
  const auto refused = engine_->search(asked);
  EXPECT_EQ(refused.status().code(), Code::kUnsupported);
  EXPECT_NE(refused.status().message().find("pictor calibrate"), std::string::npos) << refused.status().message();

  const auto first = calibrate(60), second = calibrate(60);
  ASSERT_EQ(first.made.size(), second.made.size());
  for (std::size_t i = 0; i < first.made.size(); ++i) {
    EXPECT_EQ(first.made[i].threshold, second.made[i].threshold);
    EXPECT_EQ(first.made[i].auroc, second.made[i].auroc);
  }
  const auto now = engine_->search(asked);
  ASSERT_TRUE(now.is_ok()) << now.status().to_string();
  reopen();
  EXPECT_EQ(engine_->vector_tools().calibrations("test")->size(), first.made.size());
  const auto later = engine_->search(asked);
  ASSERT_TRUE(later.is_ok());
  ASSERT_EQ(later->hits.size(), now->hits.size());
  for (std::size_t i = 0; i < later->hits.size(); ++i) {
    EXPECT_EQ(later->hits[i].probability, now->hits[i].probability);
  }
  // How many hits are wanted changes no probability.
  Query any = asked;
  any.min_probability.reset();
  const auto ten = engine_->search(any);
  any.k = 1;
  const auto one = engine_->search(any);
  ASSERT_TRUE(ten.is_ok() && one.is_ok());
  ASSERT_EQ(one->hits.size(), 1U);
  EXPECT_TRUE(one->hits[0].probability.has_value());
  EXPECT_EQ(one->hits[0].probability, ten->hits.at(0).probability);

  asked.parts.push_back(by_words("a cat").parts[0]);
  EXPECT_EQ(engine_->search(asked).status().code(), Code::kUnsupported);
  asked.min_probability = 1.5;
  EXPECT_EQ(engine_->search(asked).status().code(), Code::kInvalid);
}

TEST_F(CalibrateTest, pairs_that_a_person_judged_are_learnt_from) {
  index(part(0, 80));
  CalibrationRequest request;
  request.collection = "test";
  request.seed = kSeed;
  for (std::size_t i = 0; i < 80; ++i) {
    MatchPair pair;
    pair.is_words = true;
    pair.text = pair.query = description_of(all_[i]);
    pair.item = all_[i].string();
    pair.right = true;
    request.pairs.push_back(pair);
    pair.item = all_[(i + 40) % 80].string();
    pair.right = false;
    request.pairs.push_back(pair);
  }
  const auto report = engine_->vector_tools().calibrate(request);
  ASSERT_TRUE(report.is_ok()) << report.status().to_string();
  ASSERT_EQ(report->made.size(), 1U);
  EXPECT_EQ(report->made[0].kind, "words");
  EXPECT_EQ(report->made[0].learnt, "pairs");
  const auto hits = engine_->search(by_words(description_of(all_[0])));
  ASSERT_TRUE(hits.is_ok());
  EXPECT_TRUE(hits->hits.at(0).probability.has_value());
  request.pairs[0].item = "nobody";
  EXPECT_EQ(engine_->vector_tools().calibrate(request).status().code(), Code::kNotFound);
}

TEST_F(CalibrateTest, a_collection_of_few_items_is_not_calibrated) {
  index(part(0, 5));
  CalibrationRequest request;
  request.collection = "test";
  const auto refused = engine_->vector_tools().calibrate(request);
  EXPECT_EQ(refused.status().code(), Code::kInvalid);
  EXPECT_NE(refused.status().message().find("it takes 16"), std::string::npos) << refused.status().message();
}

}  // namespace
}  // namespace pictor
