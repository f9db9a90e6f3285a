// Collections made and dropped, and what is said when a folder cannot be used.
#include <gtest/gtest.h>

#include "base/base.h"
#include "db/db.h"
#include "store/store_testing.h"

namespace pictor {
namespace {

using testing::must;
using testing::small_spec;

class DataFolderTest : public ::testing::Test {
 protected:
  std::unique_ptr<DataFolder> open() { return must(DataFolder::open(env_, "/home/data")); }
  bool there(const std::string& path) { return exists(env_, "/home/data/" + path); }

  SimulatedEnv env_{11};
};

TEST_F(DataFolderTest, a_collection_and_its_specification_are_there_after_reopening) {
  const auto spec = small_spec();
  must(open()->create_collection(spec));
  const auto folder = open();
  const auto specs = must(folder->collections());
  ASSERT_EQ(specs.size(), 1U);
  EXPECT_EQ(specs[0].name, spec.name);
  EXPECT_EQ(specs[0].encoder, spec.encoder);
  EXPECT_EQ(specs[0].isa_class, spec.isa_class);
  EXPECT_EQ(specs[0].keep, spec.keep);
  EXPECT_EQ(specs[0].tokens, spec.tokens);
  ASSERT_EQ(specs[0].spaces.size(), 2U);
  EXPECT_EQ(specs[0].spaces[1].id, spec.spaces[1].id);
  EXPECT_EQ(specs[0].spaces[1].head, "joint");
  EXPECT_EQ(specs[0].spaces[1].dim, 5U);
  EXPECT_EQ(specs[0].spaces[1].metric, Metric::kL2);
  EXPECT_EQ(must(folder->collection("cats"))->spec().spaces[0].dim, 12U);
}

TEST_F(DataFolderTest, an_unknown_collection_is_answered_with_those_that_exist) {
  const auto folder = open();
  EXPECT_NE(folder->collection("dogs").status().message().find("there is none yet"), std::string::npos);
  must(folder->create_collection(small_spec("cats")));
  must(folder->create_collection(small_spec("birds")));
  const auto status = folder->collection("dogs").status();
  EXPECT_EQ(status.code(), Code::kNotFound);
  EXPECT_EQ(status.message(), "collection 'dogs' does not exist: there is 'birds', 'cats'");
  EXPECT_EQ(folder->drop_collection("dogs").code(), Code::kNotFound);
  EXPECT_EQ(folder->create_collection(small_spec("cats")).status().code(), Code::kExists);
}

TEST_F(DataFolderTest, names_and_spaces_that_cannot_be_are_refused) {
  const auto folder = open();
  for (const char* name : {"", ".", "..", "-a", "a/b", "a b", "\xC3\xA9"}) {
    EXPECT_EQ(folder->create_collection(small_spec(name)).status().code(), Code::kInvalid) << name;
  }
  EXPECT_TRUE(folder->create_collection(small_spec(std::string(limits::kCollectionNameBytesMax, 'a'))).is_ok());
  EXPECT_EQ(
      folder->create_collection(small_spec(std::string(limits::kCollectionNameBytesMax + 1, 'a'))).status().code(),
      Code::kLimit);
  auto spec = small_spec("spaces");
  spec.spaces[1].id = spec.spaces[0].id;
  EXPECT_EQ(folder->create_collection(spec).status().code(), Code::kInvalid);
  spec = small_spec("spaces");
  spec.spaces[0].dim = limits::kVectorDimMax + 1;
  EXPECT_EQ(folder->create_collection(spec).status().code(), Code::kLimit);
  spec = small_spec("spaces");
  spec.tokens.grid.dim = 0;
  EXPECT_EQ(folder->create_collection(spec).status().code(), Code::kInvalid);
  spec.tokens.grid = {1000, 1000, 9};
  EXPECT_EQ(folder->create_collection(spec).status().code(), Code::kLimit);
  spec = small_spec("spaces");
  spec.spaces.clear();
  EXPECT_EQ(folder->create_collection(spec).status().code(), Code::kInvalid);
}

TEST_F(DataFolderTest, a_dropped_collection_is_gone_and_its_name_is_free) {
  auto folder = open();
  auto collection = must(folder->create_collection(small_spec()));
  must(collection->commit({"one", {testing::item_of(small_spec(), 0)}, {}}));
  EXPECT_EQ(folder->drop_collection("cats").code(), Code::kBusy) << "it is in use";
  auto snapshot = must(collection->snapshot());
  collection.reset();
  EXPECT_EQ(folder->drop_collection("cats").code(), Code::kBusy) << "a snapshot is in use";
  snapshot.reset();
  must(folder->drop_collection("cats"));
  EXPECT_FALSE(there("collections/cats"));
  collection = must(folder->create_collection(small_spec()));
  EXPECT_EQ(must(collection->snapshot())->size(), 0U);
}

TEST_F(DataFolderTest, a_loss_of_power_while_dropping_leaves_all_of_it_or_nothing) {
  for (std::uint64_t n = 1;; ++n) {
    SimulatedEnv env(n);
    const auto item = testing::item_of(small_spec(), 0);
    bool dropped = false;
    {
      const auto folder = must(DataFolder::open(env, "/data"));
      must(must(folder->create_collection(small_spec()))->commit({"one", {item}, {}}));
      env.set_fault_after(n);
      dropped = folder->drop_collection("cats").is_ok();
    }
    if (!env.power_is_out()) break;
    env.power_loss();
    const auto folder = must(DataFolder::open(env, "/data"));
    const auto collection = folder->collection("cats");
    if (!collection.is_ok()) {
      EXPECT_EQ(collection.status().code(), Code::kNotFound) << n;
      EXPECT_FALSE(exists(env, "/data/collections/cats")) << "leftovers stay, operation " << n;
      must(folder->create_collection(small_spec()));
      continue;
    }
    EXPECT_FALSE(dropped) << n;
    EXPECT_TRUE(testing::same_item(must(must((*collection)->snapshot())->find("item0", true))->data, item)) << n;
    EXPECT_EQ(testing::faults_of(**collection), "") << n;
  }
}

TEST_F(DataFolderTest, a_folder_that_is_not_ours_is_left_alone) {
  { must(open()->create_collection(small_spec())); }
  must(env_.make_dirs("/home/data/collections/mine"));
  must(write_file_atomic(env_, "/home/data/collections/mine/diary.txt", as_bytes("dear")));
  const auto folder = open();
  EXPECT_TRUE(there("collections/mine/diary.txt"));
  const auto status = folder->create_collection(small_spec("mine")).status();
  EXPECT_EQ(status.code(), Code::kExists);
  EXPECT_NE(status.message().find("move it away"), std::string::npos);
}

TEST_F(DataFolderTest, a_lost_catalogue_is_not_replaced_by_an_empty_one) {
  { must(open()->create_collection(small_spec())); }
  must(env_.remove("/home/data/catalogue.db"));
  const auto status = DataFolder::open(env_, "/home/data").status();
  EXPECT_EQ(status.code(), Code::kCorrupt);
  EXPECT_NE(status.message().find("restore the catalogue"), std::string::npos);
  EXPECT_TRUE(there("collections/cats/collection.db"));
}

TEST_F(DataFolderTest, a_second_opening_is_refused_while_anybody_holds_a_collection) {
  auto folder = open();
  auto collection = must(folder->create_collection(small_spec()));
  const auto status = DataFolder::open(env_, "/home/data").status();
  EXPECT_EQ(status.code(), Code::kBusy);
  EXPECT_NE(status.message().find("open in another process"), std::string::npos);
  folder.reset();
  EXPECT_EQ(DataFolder::open(env_, "/home/data").status().code(), Code::kBusy) << "the collection still writes there";
  collection.reset();
  EXPECT_TRUE(DataFolder::open(env_, "/home/data").is_ok());
}

TEST_F(DataFolderTest, a_missing_folder_is_made_only_when_asked) {
  const auto status = DataFolder::open(env_, "/home/data", false).status();
  EXPECT_EQ(status.code(), Code::kNotFound);
  EXPECT_FALSE(exists(env_, "/home/data"));
}

TEST_F(DataFolderTest, a_newer_data_folder_is_refused_with_advice) {
  { must(open()->create_collection(small_spec())); }
  const auto pretend = [&](const std::string& file) {
    must(must(Database::open(env_, "/home/data/" + file))->exec("PRAGMA user_version = 99"));
  };
  pretend("collections/cats/collection.db");
  auto status = open()->collection("cats").status();
  EXPECT_EQ(status.code(), Code::kMismatch);
  EXPECT_NE(status.message().find("collection 'cats'"), std::string::npos) << status.message();
  EXPECT_NE(status.message().find("version 99"), std::string::npos) << status.message();
  pretend("catalogue.db");
  status = DataFolder::open(env_, "/home/data").status();
  EXPECT_EQ(status.code(), Code::kMismatch);
  EXPECT_NE(status.message().find("use the version of Pictor that wrote it"), std::string::npos) << status.message();
}

TEST_F(DataFolderTest, a_folder_from_before_tokens_is_upgraded) {
  auto spec = small_spec();
  spec.tokens = {};
  { must(must(open()->create_collection(spec))->commit({"one", {testing::item_of(spec, 1)}, {}})); }
  const auto back = [&](const std::string& file, const std::string& sql) {
    must(must(Database::open(env_, "/home/data/" + file))->exec(sql + "; PRAGMA user_version = 1"));
  };
  back("collections/cats/collection.db",
       "DROP TABLE tokens; DROP TABLE commits; DROP TABLE settings; DROP TABLE doomed; DROP TABLE doomed_blobs; DROP "
       "TABLE purges;"
       "DROP TABLE erased; DROP TABLE erasure_salt; DROP INDEX rows_by_blob; ALTER TABLE state DROP COLUMN "
       "history_from");
  std::string drop = "DROP TABLE folder; DROP TABLE backups;";
  for (const char* column : {"codec", "height", "width", "dim"}) {
    drop += std::string("ALTER TABLE collections DROP COLUMN tokens_") + column + ";";
  }
  back("catalogue.db", drop);
  const auto folder = open();
  const auto collection = must(folder->collection("cats"));
  EXPECT_EQ(collection->spec().tokens, TokensSpec{});
  env_.advance_us(1'000'000);
  must(collection->commit({"two", {testing::item_of(spec, 2)}, {"item1"}}));
  EXPECT_EQ(testing::faults_of(*collection), "");
  // Its past can be read, too: the time of its commit is that of its item.
  AsOf first{AsOf::Kind::kTime, 0, must(collection->versions("item1")).at(0).item.created_us, ""};
  const auto then = must(collection->snapshot_as_of(first));
  EXPECT_EQ(then->sequence(), 1U);
  EXPECT_EQ(then->size(), 1U);
}

TEST_F(DataFolderTest, a_read_only_folder_is_told) {
  { must(open()->create_collection(small_spec())); }
  env_.set_read_only("/home/data", true);
  const auto folder = DataFolder::open(env_, "/home/data");
  const auto status = folder.is_ok() ? (*folder)->collection("cats").status() : folder.status();
  EXPECT_EQ(status.code(), Code::kDenied) << status.to_string();
  EXPECT_NE(status.message().find("/home/data"), std::string::npos) << status.message();
}

}  // namespace
}  // namespace pictor
