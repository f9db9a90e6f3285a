// Vectors that were made elsewhere: stored, found, traced, and imported again.
#include <gtest/gtest.h>

#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/base.h"
#include "engine/engine.h"
#include "store/store.h"

namespace pictor {
namespace {

using Json = nlohmann::json;

constexpr std::uint32_t kDim = 4;

// Row i has the id "i" and numbers that no other row has.
std::vector<float> row_of(std::uint64_t i) {
  const auto x = static_cast<float>(i);
  return {x + 1, 2 - x, x * x / 1000, 0.5F};
}

class Numbered : public VectorSource {
 public:
  explicit Numbered(std::uint64_t count) : count_(count) {}
  Result<bool> next(Entry& out) override {
    if (at_ == count_) return false;
    out = {};
    out.vector.id = std::to_string(at_);
    out.vector.numbers = row_of(at_);
    out.vector.place = "row " + std::to_string(at_);
    ++at_;
    change(out);
    if (at_ == cancel_at && cancel != nullptr) cancel->store(true);
    return true;
  }
  std::optional<std::uint64_t> total() const override { return count_; }
  std::uint32_t dim() const override { return kDim; }
  std::optional<Metric> metric() const override { return own_metric; }

  std::function<void(Entry&)> change = [](Entry&) {};
  std::optional<Metric> own_metric;
  std::uint64_t cancel_at = 0;
  std::atomic<bool>* cancel = nullptr;

 private:
  const std::uint64_t count_;
  std::uint64_t at_ = 0;
};

class ImportTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "pictor-import-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    options_.data_folder = join_path(folder_, "data");
    options_.cards_folder = PICTOR_SOURCE_DIR "/models";
    options_.weights_folder = join_path(folder_, "no-weights");
    options_.threads = 2;
    reopen();
  }
  void TearDown() override {
    engine_.reset();
    std::filesystem::remove_all(folder_);
  }
  void reopen() {
    engine_.reset();
    auto opened = Engine::open(Env::real(), options_);
    ASSERT_TRUE(opened.is_ok()) << opened.status().to_string();
    engine_ = std::move(opened).value();
  }
  static ImportRequest request(const std::string& name = "clip") {
    ImportRequest request;
    request.collection = "far";
    request.encoder_name = name;
    request.origin = {"v.npy", "npy, float32", sha256(as_bytes("v")).hex(), ""};
    return request;
  }
  ImportReport import(const ImportRequest& request, VectorSource& source) {
    auto report = engine_->vector_tools().import(request, source);
    EXPECT_TRUE(report.is_ok()) << report.status().to_string();
    return report.is_ok() ? std::move(report).value() : ImportReport{};
  }
  ImportReport import(std::uint64_t count, const std::string& name = "clip") {
    Numbered source(count);
    return import(request(name), source);
  }
  Status refusal(const ImportRequest& request, std::uint32_t count = 3) {
    Numbered source(count);
    return engine_->vector_tools().import(request, source).status();
  }
  static Query by_vector(std::vector<float> vector) {
    Query query;
    query.collection = "far";
    query.k = 3;
    query.parts.resize(1);
    query.parts[0].kind = QueryPart::Kind::kVector;
    query.parts[0].vector = std::move(vector);
    return query;
  }
  std::uint64_t items() { return engine_->stats("far")->items; }
  Json receipt_of(const std::string& id) { return Json::parse(engine_->receipt("far", id)->receipt); }

  std::string folder_;
  EngineOptions options_;
  std::unique_ptr<Engine> engine_;
};

TEST_F(ImportTest, imported_vectors_are_stored_bit_for_bit_and_found_by_vector_and_by_item) {
  const auto report = import(5000);
  EXPECT_TRUE(report.made);
  EXPECT_EQ(report.counts.added, 5000U);
  EXPECT_EQ(report.encoder, "external:clip");
  EXPECT_EQ(report.head, "vectors");
  EXPECT_EQ(report.metric, Metric::kCosine);
  reopen();
  const auto item = engine_->get("far", "4321", true);
  ASSERT_TRUE(item.is_ok() && item->has_value());
  EXPECT_EQ((*item)->vectors.at("vectors"), row_of(4321));
  EXPECT_EQ((*item)->content, "");
  EXPECT_EQ((*item)->source, "v.npy, row 4321");
  const auto hits = engine_->search(by_vector(row_of(77)));
  ASSERT_TRUE(hits.is_ok()) << hits.status().to_string();
  EXPECT_EQ(hits->hits.at(0).id, "77");
  auto query = by_vector({});
  query.parts[0] = {QueryPart::Kind::kId, {}, "77", {}, 1};
  const auto like = engine_->search(query);
  ASSERT_TRUE(like.is_ok()) << like.status().to_string();
  EXPECT_EQ(like->hits.at(0).id, hits->hits.at(1).id);
  const auto stats = engine_->stats("far");
  EXPECT_TRUE(stats->external);
  EXPECT_FALSE(stats->heads.at(0).images || stats->heads.at(0).texts);
}

TEST_F(ImportTest, what_needs_the_encoder_is_refused_and_says_why) {
  import(10);
  for (const auto kind : {QueryPart::Kind::kText, QueryPart::Kind::kImage}) {
    auto query = by_vector({});
    query.parts[0].kind = kind;
    const auto hits = engine_->search(query);
    EXPECT_EQ(hits.status().code(), Code::kMismatch);
    EXPECT_NE(hits.status().message().find("made elsewhere (encoder: clip)"), std::string::npos);
    EXPECT_NE(hits.status().message().find("--vector"), std::string::npos) << hits.status().message();
  }
  EXPECT_EQ(engine_->search(by_vector({1, 2})).status().code(), Code::kMismatch);
  class Nothing : public IngestSource {
    Result<bool> next(Entry&) override { return false; }
    std::optional<std::uint64_t> total() const override { return 0; }
  } nothing;
  IngestRequest ingest;
  ingest.collection = "far";
  const auto into = engine_->ingest(ingest, nothing);
  EXPECT_EQ(into.status().code(), Code::kMismatch);
  EXPECT_NE(into.status().message().find("index pictures into another collection"), std::string::npos);
}

TEST_F(ImportTest, a_receipt_says_where_a_vector_came_from_and_claims_nothing_else) {
  import(3);
  const auto checked = engine_->receipt("far", "1");
  ASSERT_TRUE(checked.is_ok());
  EXPECT_EQ(checked->state, ReceiptState::kSigned) << checked->problem.to_string();
  const Json receipt = Json::parse(checked->receipt);
  EXPECT_EQ(receipt["encoder"], "external:clip");
  EXPECT_EQ(receipt["imported"], (Json{{"declared", true},
                                       {"file", "v.npy"},
                                       {"format", "npy, float32"},
                                       {"place", "row 1"},
                                       {"sha256", sha256(as_bytes("v")).hex()}}));
  for (const char* name : {"input", "card", "isa", "runtime", "decoders"}) EXPECT_FALSE(receipt.contains(name)) << name;
  RederiveRequest again;
  again.collection = "far";
  const auto rederived = engine_->rederive(again);
  ASSERT_TRUE(rederived.is_ok());
  EXPECT_EQ(rederived->signed_count, 3U);
  EXPECT_EQ(rederived->no_picture, 3U);
  EXPECT_TRUE(rederived->faults.empty()) << rederived->faults.at(0).what;
  EXPECT_TRUE(engine_->verify("far", nullptr)->empty());
}

TEST_F(ImportTest, an_encoder_that_nobody_names_is_unknown_and_its_space_is_that_file_s_own) {
  const auto report = import(3, "");
  EXPECT_EQ(report.encoder, "external:unknown");
  EXPECT_EQ(receipt_of("0")["imported"]["declared"], false);
  auto other = request("");
  other.collection = "other";
  other.origin.sha256 = sha256(as_bytes("w")).hex();
  Numbered source(3);
  EXPECT_NE(import(other, source).space, report.space);
  auto named = request("clip");
  named.collection = "named";
  Numbered first(3);
  const auto space = import(named, first).space;
  named.collection = "again";
  named.origin.sha256 = other.origin.sha256;
  Numbered second(3);
  EXPECT_EQ(import(named, second).space, space);
}

TEST_F(ImportTest, the_same_file_again_changes_nothing_unless_it_is_asked_for) {
  import(5000);
  const auto before = engine_->stats("far")->sequence;
  const auto report = import(5000);
  EXPECT_FALSE(report.made);
  EXPECT_EQ(report.counts.known, 5000U);
  EXPECT_EQ(report.counts.added + report.counts.replaced, 0U);
  EXPECT_EQ(engine_->stats("far")->sequence, before);
  const std::vector<std::string> gone = {"7"};
  ASSERT_TRUE(engine_->remove("far", gone).is_ok());
  import(5000);
  EXPECT_EQ(items(), 4999U);
  auto again = request();
  again.again = true;
  Numbered source(5000);
  const auto replaced = import(again, source);
  EXPECT_EQ(replaced.counts.replaced, 4999U);
  EXPECT_EQ(replaced.counts.added, 1U);
}

TEST_F(ImportTest, a_run_that_was_stopped_goes_on_where_it_was) {
  std::atomic<bool> cancel{false};
  auto stopped = request();
  stopped.cancel = &cancel;
  Numbered first(6000);
  first.cancel = &cancel;
  first.cancel_at = 3000;
  const auto part = import(stopped, first);
  EXPECT_TRUE(part.cancelled);
  EXPECT_EQ(items(), limits::kImportBatchRows);
  reopen();
  const auto rest = import(6000);
  EXPECT_EQ(rest.counts.known, limits::kImportBatchRows);
  EXPECT_EQ(rest.counts.added, 6000 - limits::kImportBatchRows);
  EXPECT_EQ(items(), 6000U);
}

TEST_F(ImportTest, an_error_of_the_source_stops_the_run_and_keeps_what_is_durable) {
  class Broken : public Numbered {
   public:
    Broken() : Numbered(5000) {}
    Result<bool> next(Entry& out) override {
      if (++calls_ > 3000) return Status(Code::kIo, "the disk is gone");
      return Numbered::next(out);
    }

   private:
    int calls_ = 0;
  } broken;
  const auto report = engine_->vector_tools().import(request(), broken);
  EXPECT_EQ(report.status().code(), Code::kIo);
  EXPECT_NE(report.status().message().find("the same command goes on"), std::string::npos);
  EXPECT_EQ(items(), limits::kImportBatchRows);
  EXPECT_EQ(import(5000).counts.known, limits::kImportBatchRows);
}

TEST_F(ImportTest, what_cannot_be_stored_is_refused_one_by_one) {
  Numbered source(12);
  source.change = [](VectorSource::Entry& entry) {
    auto& vector = entry.vector;
    const int number = std::stoi(vector.id);
    if (number == 1) vector.numbers[2] = std::numeric_limits<float>::infinity();
    if (number == 2) vector.numbers.push_back(1);
    if (number == 3) vector.id = "";
    if (number == 4) vector.id = std::string(limits::kItemIdBytesMax + 1, 'x');
    if (number == 5) vector.metadata = "[]";
    if (number == 6) vector.metadata = R"({"a":1,"a":2})";
    if (number == 7) vector.text = std::string("a\0b", 3);
    if (number == 8) entry.problem = {Code::kUnreadable, "rubbish"};
    if (number == 9) vector.text = std::string(limits::kItemTextBytesMax + 1, 'x');
    if (number == 10) vector.metadata = R"({"good": true})";
  };
  std::vector<std::string> told;
  auto asked = request();
  asked.refused = [&told](const RefusedVector& refused) { told.push_back(refused.place); };
  const auto report = import(asked, source);
  EXPECT_EQ(report.counts.refused, 9U);
  EXPECT_EQ(report.counts.added, 3U);
  EXPECT_EQ(report.refused.size(), 9U);
  EXPECT_EQ(told.at(0), "row 1");
  EXPECT_EQ(engine_->get("far", "10", false)->value().metadata, R"({"good": true})");
}

TEST_F(ImportTest, of_two_rows_with_one_id_the_later_one_stays) {
  Numbered source(10);
  source.change = [](VectorSource::Entry& entry) {
    if (entry.vector.id == "9") entry.vector.id = "0";
  };
  const auto report = import(request(), source);
  EXPECT_EQ(report.counts.added, 9U);
  EXPECT_EQ(report.counts.replaced, 1U);
  EXPECT_EQ(engine_->get("far", "0", true)->value().vectors.at("vectors"), row_of(9));
}

TEST_F(ImportTest, vectors_of_other_kinds_do_not_go_into_one_collection) {
  import(3);
  const auto says = [&](const ImportRequest& asked, const std::string& wanted) {
    const Status status = refusal(asked);
    EXPECT_EQ(status.code(), Code::kMismatch) << wanted;
    EXPECT_NE(status.message().find(wanted), std::string::npos) << status.message();
  };
  says(request("siglip"), "holds vectors of 'external:clip', not of 'external:siglip'");
  auto asked = request();
  asked.metric = Metric::kL2;
  says(asked, "compares by cosine, not by L2");
  asked = request();
  asked.head = "joint";
  says(asked, "has the head 'vectors'");
  class Wide : public Numbered {
   public:
    Wide() : Numbered(3) {}
    std::uint32_t dim() const override { return kDim + 1; }
  } wide;
  EXPECT_NE(engine_->vector_tools().import(request(), wide).status().message().find("these have 5"), std::string::npos);
  engine_.reset();
  {
    const auto folder = DataFolder::open(Env::real(), options_.data_folder);
    ASSERT_TRUE(folder.is_ok());
    CollectionSpec spec;
    spec.name = "pictures";
    spec.encoder = "lite2-minilm";
    spec.spaces = {{std::string(64, 'a'), "visual", kDim, Metric::kCosine}};
    ASSERT_TRUE((*folder)->create_collection(spec).is_ok());
  }
  reopen();
  asked = request();
  asked.collection = "pictures";
  says(asked, "holds vectors of Pictor's encoder 'lite2-minilm'");
}

TEST_F(ImportTest, requests_that_make_no_sense_are_refused_before_a_collection_is_made) {
  auto asked = request();
  asked.origin.sha256 = "12";
  EXPECT_EQ(refusal(asked).code(), Code::kInvalid);
  for (const std::string& name : {std::string("unknown"), std::string("a\nb"), std::string(129, 'x')}) {
    EXPECT_EQ(refusal(request(name)).code(), Code::kInvalid) << name;
  }
  EXPECT_EQ(refusal(request(), 0).code(), Code::kInvalid);
  asked = request();
  asked.collection = "../x";
  EXPECT_EQ(refusal(asked).code(), Code::kInvalid);
  EXPECT_TRUE(engine_->collections()->empty());
}

TEST_F(ImportTest, a_dry_run_checks_everything_and_writes_nothing) {
  auto asked = request();
  asked.dry_run = true;
  Numbered source(5000);
  source.own_metric = Metric::kL2;
  source.change = [](VectorSource::Entry& entry) {
    if (entry.vector.id == "4999") entry.vector.numbers = {};
  };
  const auto report = import(asked, source);
  EXPECT_EQ(report.counts.seen, 5000U);
  EXPECT_EQ(report.counts.refused, 1U);
  EXPECT_EQ(report.metric, Metric::kL2);
  EXPECT_TRUE(engine_->collections()->empty());
}

TEST_F(ImportTest, notes_tell_of_vectors_without_length_and_of_another_metric) {
  Numbered source(3);
  source.own_metric = Metric::kL2;
  source.change = [](VectorSource::Entry& entry) {
    if (entry.vector.id == "1") entry.vector.numbers = {0, 0, 0, 0};
  };
  auto asked = request();
  asked.metric = Metric::kCosine;
  const auto report = import(asked, source);
  ASSERT_EQ(report.notes.size(), 2U);
  EXPECT_EQ(report.notes[0], "the file is of an index by L2, the collection compares by cosine");
  EXPECT_NE(report.notes[1].find("1 vectors have no length"), std::string::npos);
}

// --- tune ---

class TuneTest : public ImportTest {
 protected:
  Result<TuneReport> tune(const TuneRequest& request) { return engine_->vector_tools().tune(request); }
  static TuneRequest wanted() {
    TuneRequest request;
    request.collection = "far";
    request.queries = 20;
    request.seed = 5;
    return request;
  }
};

TEST_F(TuneTest, where_every_row_is_looked_at_the_recall_that_was_asked_for_is_written_down) {
  import(300);
  auto request = wanted();
  request.recall = 0.9;
  const auto report = tune(request);
  ASSERT_TRUE(report.is_ok()) << report.status().to_string();
  EXPECT_EQ(report->items, 300U);
  EXPECT_EQ(report->queries, 20U);
  ASSERT_TRUE(report->chosen.has_value());
  for (const auto& setting : report->settings) {
    EXPECT_EQ(setting.recall, 1);
    EXPECT_EQ(setting.exact_share, 1);
    EXPECT_EQ(setting.distances, 300);
    EXPECT_TRUE(setting.meets);
  }
  EXPECT_EQ(report->settings[*report->chosen].asked, 0.9);
  EXPECT_FALSE(report->recall_before.has_value());
  EXPECT_TRUE(report->written);
  reopen();
  EXPECT_EQ(engine_->stats("far")->search_recall, std::optional<double>(0.9));
  EXPECT_FALSE(engine_->stats("far")->search_deadline_ms.has_value());
}

TEST_F(TuneTest, a_search_takes_what_was_written_down_unless_it_names_another) {
  import(300);
  auto request = wanted();
  request.recall = 0.8;
  ASSERT_TRUE(tune(request).is_ok());
  const auto plan = [&](std::optional<double> recall) {
    auto query = by_vector(row_of(1));
    query.recall = recall;
    query.explain = true;
    const auto hits = engine_->search(query);
    for (const auto& stage : hits->stages) {
      if (stage.room == "engine") return stage.what.substr(0, stage.what.find(" over"));
    }
    return std::string();
  };
  EXPECT_EQ(plan(std::nullopt), "recall 0.8");
  EXPECT_EQ(plan(0.99), "recall 0.99");
  EXPECT_EQ(plan(1.0), "exact");
}

TEST_F(TuneTest, a_deadline_is_written_with_the_recall_and_taken_away_again) {
  import(50);
  auto request = wanted();
  request.deadline_ms = 1500;
  ASSERT_TRUE(tune(request).is_ok());
  EXPECT_EQ(engine_->stats("far")->search_deadline_ms, std::optional<std::int64_t>(1500));
  EXPECT_TRUE(engine_->search(by_vector(row_of(1)))->complete);
  request.deadline_ms.reset();
  ASSERT_TRUE(tune(request).is_ok());
  EXPECT_EQ(engine_->stats("far")->search_deadline_ms, std::optional<std::int64_t>(1500));
  request.deadline_ms = 0;
  ASSERT_TRUE(tune(request).is_ok());
  EXPECT_FALSE(engine_->stats("far")->search_deadline_ms.has_value());
}

TEST_F(TuneTest, where_no_setting_meets_the_latency_nothing_is_written_and_the_nearest_is_named) {
  import(300);
  auto request = wanted();
  request.latency_ms = 1e-9;
  const auto report = tune(request);
  ASSERT_TRUE(report.is_ok()) << report.status().to_string();
  EXPECT_FALSE(report->chosen.has_value());
  EXPECT_FALSE(report->written);
  EXPECT_NE(report->why.find("no setting has a recall of 0.98"), std::string::npos) << report->why;
  EXPECT_FALSE(engine_->stats("far")->search_recall.has_value());
}

TEST_F(TuneTest, a_dry_run_writes_nothing_and_a_seed_draws_the_same_items) {
  import(300);
  auto request = wanted();
  request.dry_run = true;
  std::uint64_t told = 0;
  request.progress = [&told](std::uint64_t done, std::uint64_t total) { told = done * 1000 + total; };
  const auto report = tune(request);
  ASSERT_TRUE(report.is_ok());
  EXPECT_TRUE(report->chosen.has_value());
  EXPECT_FALSE(report->written);
  EXPECT_EQ(report->seed, 5U);
  EXPECT_EQ(told, 20'020U);
  EXPECT_FALSE(engine_->stats("far")->search_recall.has_value());
}

TEST_F(TuneTest, requests_that_make_no_sense_are_refused) {
  import(1);
  EXPECT_EQ(tune(wanted()).status().code(), Code::kInvalid);  // one item has no neighbours
  for (const double recall : {0.0, -1.0, 1.1, std::numeric_limits<double>::quiet_NaN()}) {
    auto request = wanted();
    request.recall = recall;
    EXPECT_EQ(tune(request).status().code(), Code::kInvalid);
  }
  auto request = wanted();
  request.queries = limits::kTuneQueriesMax + 1;
  EXPECT_EQ(tune(request).status().code(), Code::kInvalid);
  request = wanted();
  request.head = "joint";
  EXPECT_EQ(tune(request).status().code(), Code::kNotFound);
  request = wanted();
  request.collection = "none";
  EXPECT_EQ(tune(request).status().code(), Code::kNotFound);
  request = wanted();
  request.k = limits::kQueryKMax;
  EXPECT_EQ(tune(request).status().code(), Code::kInvalid);
}

TEST_F(TuneTest, with_a_graph_the_settings_differ_and_the_fastest_that_meets_is_chosen) {
  class Spread : public Numbered {
   public:
    Spread() : Numbered(20'000) {
      change = [this](Entry& entry) {
        for (auto& number : entry.vector.numbers) {
          state_ = state_ * 6364136223846793005ULL + 1442695040888963407ULL;
          number = static_cast<float>(state_ >> 40) / 16777216.0F - 0.5F;
        }
      };
    }

   private:
    std::uint64_t state_ = 1;
  } spread;
  import(request(), spread);
  IndexesRequest indexes;
  indexes.collection = "far";
  ASSERT_TRUE(engine_->build_indexes(indexes).is_ok());
  auto asked = wanted();
  asked.recall = 0.9;
  asked.queries = 100;
  const auto report = tune(asked);
  ASSERT_TRUE(report.is_ok()) << report.status().to_string();
  ASSERT_TRUE(report->chosen.has_value());
  const auto& chosen = report->settings[*report->chosen];
  EXPECT_GE(chosen.recall, 0.9);
  EXPECT_LT(chosen.exact_share, 1);
  EXPECT_LT(chosen.distances, 20'000);
  EXPECT_EQ(report->settings.back().recall, 1);
  EXPECT_EQ(report->settings.back().distances, 20'000);
}

}  // namespace
}  // namespace pictor
