// Graphs and lists through the engine: chosen, made, searched for a recall, told by stats, explain and verify. The
// vectors come from outside, so that no picture need be embedded.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <random>
#include <thread>

#include "base/base.h"
#include "engine/engine.h"
#include "engine/warming.h"
#include "store/store.h"

namespace pictor {
namespace {

constexpr std::uint32_t kDim = 16;
constexpr std::size_t kItems = limits::kGraphRowsMin + 100;

std::vector<float> point(std::uint32_t seed) {
  std::mt19937 random(seed);
  std::mt19937 centre(seed % 30);
  std::vector<float> vector(kDim);
  const auto number = [](std::mt19937& from) {
    return static_cast<float>(static_cast<std::int32_t>(from())) * 0x1p-31F;
  };
  for (float& x : vector) x = number(centre) + 0.3F * number(random);
  return vector;
}

class EngineIndexes : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "pictor-indexes-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    options_.data_folder = join_path(folder_, "data");
    options_.cards_folder = PICTOR_SOURCE_DIR "/models";
    options_.threads = 2;
    fill();
    auto opened = Engine::open(Env::real(), options_);
    ASSERT_TRUE(opened.is_ok()) << opened.status().to_string();
    engine_ = std::move(opened).value();
  }
  void TearDown() override {
    engine_.reset();
    std::filesystem::remove_all(folder_);
  }

  void fill() {
    const auto folder = DataFolder::open(Env::real(), options_.data_folder).value();
    CollectionSpec spec;
    spec.name = "vectors";
    spec.spaces = {{SpaceId(64, 'a'), "visual", kDim, Metric::kCosine}};
    const auto collection = folder->create_collection(spec).value();
    for (std::size_t begin = 0; begin < kItems; begin += limits::kBatchItemsMax) {
      Batch batch;
      batch.id = std::to_string(begin);
      for (std::size_t i = begin; i < std::min<std::size_t>(begin + limits::kBatchItemsMax, kItems); ++i) {
        ItemWrite item;
        item.id = "v" + std::to_string(i);
        item.metadata = "{\"number\":" + std::to_string(i) + "}";
        item.vectors = {point(static_cast<std::uint32_t>(i))};
        batch.puts.push_back(std::move(item));
      }
      ASSERT_TRUE(collection->commit(batch).is_ok());
    }
  }

  IndexesReport build() {
    IndexesRequest request;
    request.collection = "vectors";
    return engine_->build_indexes(request).value();
  }
  static Query query(std::uint32_t seed, double recall) {
    Query query;
    query.collection = "vectors";
    query.parts.resize(1);
    query.parts[0].kind = QueryPart::Kind::kVector;
    query.parts[0].vector = point(seed);
    query.recall = recall;
    return query;
  }

  std::string folder_;
  EngineOptions options_;
  std::unique_ptr<Engine> engine_;
};

TEST_F(EngineIndexes, what_searches_touch_is_read_until_told_to_stop_and_a_collection_can_be_dropped_after) {
  std::atomic<bool> stop = false;
  const auto report = build();
  EXPECT_GT(engine_->warm(stop).value(), report.bytes) << "graphs, and vectors";
  stop = true;
  EXPECT_EQ(engine_->warm(stop).value(), 0U);
  EXPECT_TRUE(engine_->drop("vectors").is_ok());
  stop = false;
  EXPECT_EQ(engine_->warm(stop).value(), 0U);
}

TEST(WarmingTest, who_wants_a_collection_waits_for_its_reader_alone_and_none_begins_meanwhile) {
  Warming warming;
  ASSERT_TRUE(warming.begin("shop"));
  warming.leave("other");  // does not wait
  EXPECT_FALSE(warming.begin("other"));
  std::atomic<bool> has_it = false;
  std::thread owner([&] {
    warming.leave("shop");
    has_it = true;
  });
  while (!warming.is_wanted("shop")) std::this_thread::yield();
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_FALSE(has_it) << "it is still being read";
  warming.end();
  owner.join();
  EXPECT_FALSE(warming.begin("shop"));
  warming.give_back("shop");
  EXPECT_TRUE(warming.begin("shop"));
}

TEST_F(EngineIndexes, a_recall_is_answered_by_a_graph_and_an_exact_answer_by_a_scan) {
  EXPECT_EQ(engine_->search(query(1, 0.9))->recall, "exact") << "there is no graph yet";
  const auto report = build();
  EXPECT_EQ(report.made, 1U);
  EXPECT_EQ(report.rows, kItems);
  auto asked = query(1'000'001, 0.9);
  asked.explain = true;
  const auto walked = engine_->search(asked);
  ASSERT_TRUE(walked.is_ok()) << walked.status().to_string();
  EXPECT_EQ(walked->recall, "recall 0.9 by calibration");
  EXPECT_LT(walked->distances, kItems);
  EXPECT_EQ(walked->hits.size(), 10U);
  bool planned = false;
  for (const auto& stage : walked->stages) planned = planned || stage.what.starts_with("recall 0.9 over all");
  EXPECT_TRUE(planned);
  const auto way_of = [](const Hits& hits) {
    const auto stage =
        std::find_if(hits.stages.begin(), hits.stages.end(), [](const auto& s) { return s.room == "backend"; });
    return stage == hits.stages.end() ? std::string() : stage->what;
  };
  EXPECT_NE(way_of(*walked).find("; graph: 1 segment of " + std::to_string(kItems) + " rows"), std::string::npos)
      << way_of(*walked);
  asked.where = "number < 4000";
  const auto filtered = engine_->search(asked);
  ASSERT_TRUE(filtered.is_ok()) << filtered.status().to_string();
  EXPECT_NE(way_of(*filtered).find("allowed: "), std::string::npos) << "why: " << way_of(*filtered);
  EXPECT_NE(way_of(*filtered).find("%"), std::string::npos) << "the share: " << way_of(*filtered);
  asked.where.clear();
  asked.recall = 1;
  EXPECT_NE(way_of(*engine_->search(asked)).find("; exact scan: 1 segment of "), std::string::npos);
  const auto exact = engine_->search(query(1'000'001, 1));
  EXPECT_EQ(exact->recall, "exact");
  EXPECT_EQ(exact->distances, kItems);
  EXPECT_EQ(exact->hits[0].id, walked->hits[0].id);
  const auto stats = engine_->stats("vectors").value();
  EXPECT_EQ(stats.graphs, 1U);
  EXPECT_EQ(stats.graph_bytes, report.bytes);
  EXPECT_EQ(build().kept, 1U);
}

TEST_F(EngineIndexes, recall_of_live_queries_agrees_with_recall_measured_offline) {
  build();
  constexpr std::uint32_t kQueries = 40 * limits::kLiveRecallOneOf;
  double offline = 0;
  std::uint32_t compared = 0;
  for (std::uint32_t i = 0; i < kQueries; ++i) {
    const auto walked = engine_->search(query(1'000'000 + i, 0.9));
    ASSERT_TRUE(walked.is_ok());
    if (i % 40 != 0) continue;
    const auto truth = engine_->search(query(1'000'000 + i, 1));
    for (const auto& hit : truth->hits) {
      offline += std::count_if(walked->hits.begin(), walked->hits.end(), [&](const Hit& h) { return h.id == hit.id; });
    }
    ++compared;
  }
  offline /= 10.0 * compared;
  const auto measured = engine_->stats("vectors")->recall;
  ASSERT_GE(measured.size(), 2U);
  EXPECT_EQ(measured[1].at, 10U);
  EXPECT_GE(measured[1].queries, 5U);
  EXPECT_GE(offline, measured[1].low);
  EXPECT_LE(offline, measured[1].high);
}

TEST_F(EngineIndexes, a_filter_goes_with_a_graph) {
  build();
  for (const char* where : {"number < 5000", "number < 50", "number < 0"}) {
    auto asked = query(1'000'002, 0.95);
    asked.where = where;
    const auto found = engine_->search(asked);
    ASSERT_TRUE(found.is_ok()) << found.status().to_string();
    asked.recall = 1;
    const auto truth = engine_->search(asked);
    ASSERT_EQ(found->hits.size(), truth->hits.size()) << where;
    if (!truth->hits.empty()) {
      EXPECT_EQ(found->hits[0].id, truth->hits[0].id) << where;
    }
  }
}

TEST_F(EngineIndexes, verify_reads_the_graph_too) {
  build();
  const auto none = [](std::uint64_t, std::uint64_t) {};
  EXPECT_TRUE(engine_->verify("vectors", none)->empty());
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_)) {
    if (entry.path().extension() == ".graph") std::filesystem::resize_file(entry.path(), entry.file_size() - 64);
  }
  const auto faults = engine_->verify("vectors", none).value();
  ASSERT_EQ(faults.size(), 1U);
  EXPECT_EQ(faults[0].advice, "pictor rebuild -c vectors");
}

TEST_F(EngineIndexes, lists_are_made_where_they_are_wanted_and_answer) {
  IndexesRequest request;
  request.collection = "vectors";
  request.index_type = "lists";
  request.memory_bytes = limits::kMemoryBudgetBytesMin;
  const auto report = engine_->build_indexes(request).value();
  EXPECT_EQ(report.kind, "lists");
  EXPECT_EQ(report.made, 1U);
  EXPECT_EQ(report.memory_bytes, limits::kMemoryBudgetBytesMin);
  EXPECT_TRUE(report.why.starts_with("the collection is told to have lists")) << report.why;
  const auto found = engine_->search(query(1'000'001, 0.9));
  EXPECT_EQ(found->recall, "recall 0.9 by calibration");
  EXPECT_LT(found->distances, kItems);
  EXPECT_EQ(found->hits[0].id, engine_->search(query(1'000'001, 1))->hits[0].id);
  const auto stats = engine_->stats("vectors").value();
  EXPECT_EQ(stats.lists, 1U);
  EXPECT_EQ(stats.list_bytes, report.bytes);
  EXPECT_EQ(stats.graphs, 0U);
  EXPECT_EQ(stats.vectors, kItems);
  EXPECT_EQ(stats.index_type, "lists");
  EXPECT_TRUE(stats.memory_budget_given);
  EXPECT_EQ(stats.memory_budget_bytes, limits::kMemoryBudgetBytesMin);
  EXPECT_EQ(stats.resident_bytes, kItems * sizeof(Sequence));
  EXPECT_GE(stats.mapped_bytes, stats.segment_bytes + stats.list_bytes);
}

TEST_F(EngineIndexes, what_was_asked_for_once_holds_until_something_else_is) {
  IndexesRequest request;
  request.collection = "vectors";
  request.index_type = "lists";
  ASSERT_TRUE(engine_->build_indexes(request).is_ok());
  EXPECT_EQ(build().kind, "lists");
  engine_.reset();
  engine_ = std::move(Engine::open(Env::real(), options_)).value();
  EXPECT_EQ(build().kept, 1U);
  request.index_type = "auto";
  request.again = true;
  const auto report = engine_->build_indexes(request).value();
  EXPECT_EQ(report.kind, "graph");
  EXPECT_NE(report.why.find("(half of what this machine has)"), std::string::npos) << report.why;
  EXPECT_EQ(engine_->stats("vectors")->lists, 0U);
  EXPECT_EQ(engine_->stats("vectors")->graphs, 1U);
}

TEST_F(EngineIndexes, a_type_or_a_budget_that_is_none_is_refused_and_nothing_changes) {
  IndexesRequest request;
  request.collection = "vectors";
  request.index_type = "hnsw";
  EXPECT_EQ(engine_->build_indexes(request).status().code(), Code::kInvalid);
  request.index_type = "lists";
  request.memory_bytes = 1;
  EXPECT_EQ(engine_->build_indexes(request).status().code(), Code::kInvalid);
  EXPECT_EQ(engine_->stats("vectors")->index_type, "auto");
  EXPECT_EQ(engine_->stats("vectors")->lists, 0U);
}

TEST_F(EngineIndexes, what_cannot_be_asked_for_is_refused_with_the_number) {
  for (const double recall : {0.0, -1.0, 1.5, std::numeric_limits<double>::quiet_NaN()}) {
    const auto refused = engine_->search(query(1, recall));
    EXPECT_EQ(refused.status().code(), Code::kInvalid);
    EXPECT_NE(refused.status().message().find("must be above 0 and at most 1"), std::string::npos);
  }
  IndexesRequest request;
  request.collection = "none";
  EXPECT_EQ(engine_->build_indexes(request).status().code(), Code::kNotFound);
}

TEST_F(EngineIndexes, a_build_that_is_cancelled_says_so) {
  std::atomic<bool> cancel = true;
  IndexesRequest request;
  request.collection = "vectors";
  request.cancel = &cancel;
  const auto report = engine_->build_indexes(request);
  ASSERT_TRUE(report.is_ok()) << report.status().to_string();
  EXPECT_TRUE(report->cancelled);
  EXPECT_EQ(report->made, 0U);
}

}  // namespace
}  // namespace pictor
