// The two lines end to end: real pictures, the real default encoder, a real data folder.
#include "engine/engine.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <future>
#include <mutex>
#include <set>

#include "engine/engine_testing.h"
#include "engine/receipt.h"
#include "engine/score.h"
#include "observe/observe.h"

namespace pictor {
namespace {

TEST_F(EngineTest, a_picture_is_found_by_itself_also_after_reopening) {
  EXPECT_EQ(ingest(pictures(40)).counts.added, 40U);
  for (int round = 0; round < 2; ++round) {
    const auto hits = engine_->search(by_image(7));
    ASSERT_TRUE(hits.is_ok()) << hits.status().to_string();
    ASSERT_EQ(hits->hits.size(), 10U);
    EXPECT_EQ(hits->hits[0].id, "p7");
    EXPECT_NEAR(hits->hits[0].score.value, 1.0F, 1e-5F);
    EXPECT_TRUE(hits->complete);
    reopen();
  }
}

TEST_F(EngineTest, what_cannot_be_read_is_quarantined_and_the_run_goes_on) {
  auto given = pictures(3);
  given.insert(given.begin() + 1, {"broken", Bytes(100, std::byte{7}), "{}"});
  given.push_back({"empty", {}, "{}"});
  const auto report = ingest(given);
  EXPECT_EQ(report.counts.added, 3U);
  ASSERT_EQ(report.quarantine.size(), 2U);
  EXPECT_EQ(report.quarantine[0].source, "memory:broken");
  EXPECT_FALSE(report.quarantine[0].cause.message().empty());
}

TEST_F(EngineTest, pictures_whose_vectors_a_disk_has_lost_are_embedded_again) {
  ingest(pictures(6));
  CompactionRequest everything;
  everything.collection = "test";
  everything.everything = true;
  ASSERT_TRUE(engine_->upkeep().compact(everything).is_ok());
  engine_.reset();
  const auto segment = join_path(options_.data_folder, "collections/test/segments/1.seg");
  ASSERT_TRUE(std::filesystem::remove(segment)) << segment;
  reopen();
  EXPECT_FALSE(engine_->search(by_image(3))->complete);
  Query by_id = by_image(3);
  by_id.parts[0].kind = QueryPart::Kind::kId;
  by_id.parts[0].text = "p3";
  EXPECT_EQ(engine_->search(by_id).status().code(), Code::kCorrupt);
  EXPECT_EQ(engine_->stats("test")->items_damaged, 6U);
  // The same pictures, unchanged: none is passed over.
  EXPECT_EQ(ingest(pictures(6)).counts.unchanged, 0U);
  EXPECT_EQ(engine_->stats("test")->items_damaged, 0U);
  EXPECT_EQ(engine_->search(by_image(3))->hits.at(0).id, "p3");
}

TEST_F(EngineTest, metrics_count_what_became_of_pictures_and_queries) {
  auto& metrics = Metrics::global();
  const auto pictures_of = [&](IngestResult result) {
    return metrics.value(MetricId::kIngestPictures, static_cast<std::size_t>(result));
  };
  const auto decoding = [&] {
    return metrics.value(MetricId::kIngestStageSeconds, static_cast<std::size_t>(IngestStage::kDecode));
  };
  const double added = pictures_of(IngestResult::kAdded), unchanged = pictures_of(IngestResult::kUnchanged),
               quarantined = pictures_of(IngestResult::kQuarantined),
               encoded = metrics.value(MetricId::kEncodePictures), commits = metrics.value(MetricId::kStoreCommits),
               fresh = metrics.value(MetricId::kStoreFreshRows), decoded = decoding();
  auto given = pictures(5);
  given.push_back({"broken", Bytes(100, std::byte{7}), "{}"});
  ingest(given);
  EXPECT_EQ(pictures_of(IngestResult::kAdded) - added, 5);
  EXPECT_EQ(pictures_of(IngestResult::kQuarantined) - quarantined, 1);
  EXPECT_EQ(metrics.value(MetricId::kEncodePictures) - encoded, 5);
  EXPECT_EQ(metrics.value(MetricId::kStoreCommits) - commits, 1);
  EXPECT_EQ(metrics.value(MetricId::kStoreFreshRows) - fresh, 5);
  EXPECT_GT(decoding(), decoded);
  ingest(pictures(5));
  EXPECT_EQ(pictures_of(IngestResult::kUnchanged) - unchanged, 5);

  const auto image = static_cast<std::size_t>(QueryKind::kImage);
  const double asked = metrics.value(MetricId::kSearchQueries, image);
  const auto timed = metrics.observations(MetricId::kSearchSeconds, image);
  const double failed = metrics.value(MetricId::kSearchFailures), compared = metrics.value(MetricId::kSearchDistances);
  ASSERT_TRUE(engine_->search(by_image(2)).is_ok());
  EXPECT_FALSE(engine_->search(Query{}).is_ok());
  EXPECT_EQ(metrics.value(MetricId::kSearchQueries, image) - asked, 1);
  EXPECT_EQ(metrics.observations(MetricId::kSearchSeconds, image) - timed, 1U);
  EXPECT_EQ(metrics.value(MetricId::kSearchFailures) - failed, 1);
  EXPECT_EQ(metrics.value(MetricId::kSearchDistances) - compared, 5);
  engine_.reset();
  EXPECT_EQ(metrics.value(MetricId::kStoreFreshRows), fresh) << "of open collections only";
}

TEST_F(EngineTest, what_is_unchanged_is_skipped_and_known_content_is_not_embedded_again) {
  ingest(pictures(4));
  EXPECT_EQ(ingest(pictures(4)).counts.unchanged, 4U);
  auto given = pictures(4);
  given[2].metadata = "{\"number\":22}";
  given.push_back({"copy", picture(1), "{}"});
  const auto report = ingest(given);
  EXPECT_EQ(report.counts.unchanged, 3U);
  EXPECT_EQ(report.counts.reused, 2U);
  EXPECT_EQ(report.counts.replaced, 1U);
  EXPECT_EQ(report.counts.added, 1U);
  EXPECT_EQ(report.stage_seconds.count("encode"), 0U);
  const auto original = engine_->get("test", "p1", true);
  const auto copy = engine_->get("test", "copy", true);
  ASSERT_TRUE(original.is_ok() && copy.is_ok() && original->has_value() && copy->has_value());
  EXPECT_EQ((*original)->vectors, (*copy)->vectors);
}

TEST_F(EngineTest, the_vector_does_not_depend_on_batch_or_neighbours) {
  ingest(pictures(5));
  const auto together = engine_->get("test", "p3", true);
  ASSERT_TRUE(together.is_ok() && together->has_value());
  const auto alone = engine_->embed_picture("", "visual", picture(3));
  ASSERT_TRUE(alone.is_ok()) << alone.status().to_string();
  EXPECT_EQ((*together)->vectors.at("visual"), *alone);
}

TEST_F(EngineTest, filters_narrow_and_an_id_query_leaves_its_own_item_out) {
  ingest(pictures(12));
  Query query;
  query.collection = "test";
  query.parts.resize(1);
  query.parts[0].kind = QueryPart::Kind::kId;
  query.parts[0].text = "p5";
  query.where = "number >= 4 and number < 8";
  const auto hits = engine_->search(query);
  ASSERT_TRUE(hits.is_ok()) << hits.status().to_string();
  std::set<std::string> ids;
  for (const auto& hit : hits->hits) ids.insert(hit.id);
  EXPECT_EQ(ids, (std::set<std::string>{"p4", "p6", "p7"}));
}

TEST_F(EngineTest, words_are_answered_in_the_joint_head_and_mixed_parts_work) {
  ingest(pictures(6));
  auto query = by_image(2);
  query.parts.push_back({QueryPart::Kind::kText, {}, "a striped pattern", {}, 0.5});
  const auto hits = engine_->search(query);
  ASSERT_TRUE(hits.is_ok()) << hits.status().to_string();
  EXPECT_EQ(hits->head, "joint");
  EXPECT_EQ(hits->hits.size(), 6U);
}

TEST_F(EngineTest, without_a_head_the_first_that_fits_is_taken) {
  const auto file = picture(1);
  const auto visual = engine_->embed_picture("", "", file);
  ASSERT_TRUE(visual.is_ok()) << visual.status().to_string();
  EXPECT_EQ(visual->size(), 1280U);
  EXPECT_EQ(*visual, engine_->embed_picture("", "visual", file).value());
  const std::vector<std::string> words{"a red car"};
  const auto joint = engine_->embed_texts("", "", words);
  ASSERT_TRUE(joint.is_ok()) << joint.status().to_string();
  EXPECT_EQ(*joint, engine_->embed_texts("", "joint", words).value());
}

TEST_F(EngineTest, wrong_requests_are_refused_with_numbers) {
  ingest(pictures(2));
  Query query;
  query.collection = "test";
  query.parts.resize(1);
  query.parts[0].kind = QueryPart::Kind::kVector;
  query.parts[0].vector.assign(512, 0.5F);
  auto refused = engine_->search(query).status();
  EXPECT_EQ(refused.code(), Code::kMismatch);
  EXPECT_NE(refused.message().find("512 numbers"), std::string::npos);
  EXPECT_NE(refused.message().find("1280"), std::string::npos);
  query.k = 0;
  EXPECT_EQ(engine_->search(query).status().code(), Code::kInvalid);
  query.k = 10;
  query.collection = "cats";
  EXPECT_EQ(engine_->search(query).status().code(), Code::kNotFound);

  ListSource source(pictures(1));
  IngestRequest request;
  request.collection = "test";
  request.encoder = "another";
  EXPECT_EQ(engine_->ingest(request, source).status().code(), Code::kMismatch);
  request.collection = "new";
  EXPECT_EQ(engine_->ingest(request, source).status().code(), Code::kNotFound);
}

TEST_F(EngineTest, removed_items_are_not_found_after_reopening) {
  ingest(pictures(5));
  const std::vector<std::string> ids = {"p1", "nobody"};
  EXPECT_EQ(engine_->remove("test", ids).value(), 1U);
  EXPECT_EQ(engine_->remove_where("test", "number > 3").value(), 1U);
  reopen();
  EXPECT_FALSE(engine_->get("test", "p1", false).value().has_value());
  EXPECT_EQ(engine_->stats("test")->items, 3U);
  EXPECT_TRUE(engine_->verify("test", nullptr).value().empty());
}

TEST_F(EngineTest, a_kept_original_comes_back_byte_for_byte) {
  ingest(pictures(2), "original");
  EXPECT_EQ(engine_->picture("test", "p1").value(), picture(1));
}

TEST(ScoreOf, larger_is_better_for_every_metric) {
  for (const auto metric : {Metric::kCosine, Metric::kInnerProduct, Metric::kL2}) {
    EXPECT_GT(score_of({0.1F}, metric), score_of({0.2F}, metric));
  }
  EXPECT_FLOAT_EQ(score_of({0.25F}, Metric::kCosine).value, 0.75F);
  EXPECT_FLOAT_EQ(score_of({4.0F}, Metric::kL2).value, 1.0F / 3.0F);
}

// The machine, on which whoever writes a private key meets whoever else does, if anybody comes within half a second.
class MeetingEnv final : public Env {
 public:
  Result<std::unique_ptr<File>> open(const std::string& p, OpenMode m) override {
    if (m == OpenMode::kCreatePrivate) {
      std::unique_lock lock(mutex_);
      ++came_;
      both_.notify_all();
      both_.wait_for(lock, std::chrono::milliseconds(500), [this] { return came_ >= 2; });
    }
    return real().open(p, m);
  }
  int came() const { return came_; }

  Result<FileInfo> info(const std::string& p) override { return real().info(p); }
  Result<std::vector<DirEntry>> list(const std::string& p) override { return real().list(p); }
  Status rename(const std::string& a, const std::string& b) override { return real().rename(a, b); }
  Status remove(const std::string& p) override { return real().remove(p); }
  Status make_dirs(const std::string& p) override { return real().make_dirs(p); }
  Status sync_dir(const std::string& p) override { return real().sync_dir(p); }
  Result<std::unique_ptr<FileLock>> lock(const std::string& p) override { return real().lock(p); }
  Result<std::uint64_t> free_bytes(const std::string& p) override { return real().free_bytes(p); }
  void will_read(ByteView part) override { real().will_read(part); }
  std::int64_t wall_us() override { return real().wall_us(); }
  std::int64_t monotonic_us() override { return real().monotonic_us(); }
  void wait_us(std::int64_t us) override { real().wait_us(us); }
  void random(std::span<std::byte> out) override { real().random(out); }

 private:
  std::mutex mutex_;
  std::condition_variable both_;
  int came_ = 0;
};

TEST_F(EngineTest, first_ingests_at_once_make_one_pair_of_keys) {
  MeetingEnv env;
  options_.data_folder = join_path(folder_, "new");
  engine_ = std::move(Engine::open(env, options_)).value();
  std::vector<std::future<Status>> running;
  for (const std::string collection : {"a", "b"}) {
    running.push_back(std::async(std::launch::async, [this, collection] {
      ListSource nothing({});
      IngestRequest request;
      request.collection = collection;
      return engine_->ingest(request, nothing).status();
    }));
  }
  for (auto& one : running) {
    const Status status = one.get();
    EXPECT_TRUE(status.is_ok()) << status.to_string();
  }
  engine_.reset();
  EXPECT_EQ(env.came(), 1) << "keys were made twice";
  EXPECT_TRUE(open_signing_key(Env::real(), options_.data_folder).is_ok());
}

TEST_F(EngineTest, a_collection_is_not_made_when_its_receipts_cannot_be_signed) {
  const auto keys = join_path(options_.data_folder, "keys");
  ASSERT_TRUE(Env::real().make_dirs(keys).is_ok());
  ASSERT_TRUE(write_file_atomic(Env::real(), join_path(keys, "receipts.key"), as_bytes("no key")).is_ok());
  ListSource source(pictures(1));
  IngestRequest request;
  request.collection = "test";
  EXPECT_EQ(engine_->ingest(request, source).status().code(), Code::kCorrupt);
  EXPECT_EQ(engine_->stats("test").status().code(), Code::kNotFound);
}

}  // namespace
}  // namespace pictor
