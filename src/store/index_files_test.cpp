// Graphs and lists beside their segments, written piece after piece, and the policy that a collection keeps.
#include <gtest/gtest.h>

#include <algorithm>

#include "store/store_testing.h"

namespace pictor {
namespace {

using testing::item_of;
using testing::must;
using testing::small_spec;

const std::string kSegments = "/data/collections/cats/segments/";

class IndexFilesTest : public ::testing::Test {
 protected:
  IndexFilesTest() : env_(7) {
    reopen();
    collection_ = must(folder_->create_collection(spec_));
    for (std::uint64_t segment = 1; segment <= 2; ++segment) {
      Batch batch;
      batch.id = "batch" + std::to_string(segment);
      batch.puts = {item_of(spec_, segment)};
      must(collection_->commit(batch).status());
      must(collection_->seal());
    }
  }

  void reopen() {
    collection_.reset();
    folder_.reset();
    folder_ = must(DataFolder::open(env_, "/data"));
    if (exists(env_, kSegments)) collection_ = must(folder_->collection("cats"));
  }

  static IndexWriter pieces(std::vector<std::string> all) {
    return [all = std::move(all)](const IndexSink& sink) {
      for (const auto& piece : all) PICTOR_TRY(sink(as_bytes(piece)));
      return Status::ok();
    };
  }
  std::string content(const std::string& name) {
    const auto bytes = read_file(env_, kSegments + name, 1000);
    return bytes.is_ok() ? std::string(reinterpret_cast<const char*>(bytes->data()), bytes->size()) : "no file";
  }
  std::vector<std::string> derived() {
    std::vector<std::string> names;
    for (const auto& entry : must(env_.list(kSegments))) {
      if (!entry.name.ends_with(".seg") && !entry.name.ends_with(".columns")) names.push_back(entry.name);
    }
    return names;
  }

  SimulatedEnv env_;
  const CollectionSpec spec_ = small_spec();
  std::unique_ptr<DataFolder> folder_;
  std::shared_ptr<Collection> collection_;
};

TEST_F(IndexFilesTest, pieces_become_one_file_in_the_place_of_the_other_kind) {
  must(collection_->write_index(1, 0, IndexKind::kGraph, pieces({"gra", "", "ph"})));
  must(collection_->write_index(1, 1, IndexKind::kGraph, pieces({"another"})));
  EXPECT_EQ(content("1.0.graph"), "graph");
  must(collection_->write_index(1, 0, IndexKind::kLists, pieces({"li", "sts"})));
  EXPECT_EQ(content("1.0.lists"), "lists");
  EXPECT_EQ(derived(), (std::vector<std::string>{"1.0.lists", "1.1.graph"}));
  must(collection_->write_index(1, 0, IndexKind::kGraph, pieces({"g"})));
  EXPECT_EQ(derived(), (std::vector<std::string>{"1.0.graph", "1.1.graph"}));
  const auto blocks = must(must(collection_->snapshot())->blocks(spec_.spaces[0].id));
  EXPECT_EQ(blocks.at(0).graph_path, kSegments + "1.0.graph");
  EXPECT_EQ(blocks.at(0).lists_path, kSegments + "1.0.lists");
}

TEST_F(IndexFilesTest, a_writer_that_fails_leaves_what_was_there) {
  must(collection_->write_index(2, 0, IndexKind::kLists, pieces({"good"})));
  for (const IndexKind kind : {IndexKind::kGraph, IndexKind::kLists}) {
    const Status status = collection_->write_index(2, 0, kind, [](const IndexSink& sink) {
      PICTOR_TRY(sink(as_bytes("half")));
      return Status(Code::kCancelled, "stopped");
    });
    EXPECT_EQ(status.code(), Code::kCancelled);
  }
  EXPECT_EQ(derived(), (std::vector<std::string>{"2.0.lists"}));
  EXPECT_EQ(content("2.0.lists"), "good");
}

TEST_F(IndexFilesTest, a_full_disk_is_told_and_leaves_no_half) {
  env_.set_free_bytes(100);
  const Status status = collection_->write_index(1, 0, IndexKind::kLists, pieces({std::string(5000, 'x')}));
  EXPECT_EQ(status.code(), Code::kLimit) << status.to_string();
  env_.set_free_bytes(1'000'000);
  EXPECT_TRUE(derived().empty());
}

TEST_F(IndexFilesTest, none_is_kept_for_a_segment_that_is_gone_or_goes_meanwhile) {
  EXPECT_EQ(collection_->write_index(77, 0, IndexKind::kLists, pieces({"x"})).code(), Code::kNotFound);
  EXPECT_EQ(collection_->write_index(0, 0, IndexKind::kGraph, pieces({"x"})).code(), Code::kNotFound);
  const Status status = collection_->write_index(1, 0, IndexKind::kLists, [this](const IndexSink& sink) {
    PICTOR_TRY(sink(as_bytes("half")));
    CompactOptions everything;
    everything.everything = true;
    PICTOR_TRY(collection_->compact(everything).status());
    return sink(as_bytes("the rest"));
  });
  EXPECT_EQ(status.code(), Code::kNotFound) << status.to_string();
  EXPECT_TRUE(derived().empty()) << "1 and 2 were merged to 3";
}

TEST_F(IndexFilesTest, after_power_is_lost_there_is_the_old_one_or_the_new_one) {
  must(collection_->write_index(1, 0, IndexKind::kLists, pieces({"old", " lists"})));
  for (std::uint64_t n = 1;; ++n) {
    env_.set_fault_after(n);
    static_cast<void>(collection_->write_index(1, 0, IndexKind::kLists, pieces({"new", " lists"})));
    const bool ended = !env_.power_is_out();
    env_.power_loss();
    env_.set_fault_after(0);
    reopen();
    const std::string kept = content("1.0.lists");
    EXPECT_TRUE(kept == "new lists" || (kept == "old lists" && !ended)) << "fault " << n << ": " << kept;
    if (ended) break;
    must(collection_->write_index(1, 0, IndexKind::kLists, pieces({"old", " lists"})));
  }
}

TEST_F(IndexFilesTest, a_policy_is_kept_and_one_out_of_its_limits_refused) {
  EXPECT_EQ(collection_->index_policy(), IndexPolicy{});
  const IndexPolicy wanted{IndexKind::kLists, limits::kMemoryBudgetBytesMin};
  must(collection_->set_index_policy(wanted));
  reopen();
  EXPECT_EQ(collection_->index_policy(), wanted);
  EXPECT_EQ(must(collection_->stats()).index_policy, wanted);
  for (const std::uint64_t bytes : {limits::kMemoryBudgetBytesMin - 1, limits::kMemoryBudgetBytesMax + 1}) {
    const Status refused = collection_->set_index_policy({IndexKind::kAuto, bytes});
    EXPECT_EQ(refused.code(), Code::kInvalid);
    EXPECT_NE(refused.message().find(std::to_string(bytes)), std::string::npos);
  }
  EXPECT_EQ(collection_->index_policy(), wanted);
  must(collection_->set_index_policy({}));
  reopen();
  EXPECT_EQ(collection_->index_policy(), IndexPolicy{});
}

TEST_F(IndexFilesTest, stats_count_what_is_derived_and_what_is_resident) {
  must(collection_->write_index(1, 0, IndexKind::kLists, pieces({"12345"})));
  must(collection_->write_index(2, 1, IndexKind::kGraph, pieces({"123"})));
  Batch batch;
  batch.id = "fresh";
  batch.puts = {item_of(spec_, 3)};
  must(collection_->commit(batch).status());
  const auto stats = must(collection_->stats());
  EXPECT_EQ(stats.lists, 1U);
  EXPECT_EQ(stats.list_bytes, 5U);
  EXPECT_EQ(stats.graphs, 1U);
  EXPECT_EQ(stats.graph_bytes, 3U);
  EXPECT_EQ(stats.vectors, 4U) << "two segments of two spaces";
  EXPECT_EQ(stats.resident_bytes, 4 * sizeof(Sequence) + (12 + 5) * sizeof(float));
}

TEST_F(IndexFilesTest, scattered_numbers_are_the_same_numbers) {
  const auto snapshot = must(collection_->snapshot());
  const auto blocks = must(snapshot->blocks(spec_.spaces[0].id));
  ASSERT_EQ(blocks.size(), 2U);
  for (const auto& block : blocks) {
    EXPECT_TRUE(std::equal(block.vectors, block.vectors + block.count * block.dim, block.scattered_vectors));
    EXPECT_EQ(block.rows[0], block.scattered_rows[0]);
    EXPECT_EQ(block.inverse_norms[0], block.scattered_inverse_norms[0]);
  }
}

}  // namespace
}  // namespace pictor
