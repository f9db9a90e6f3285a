// What is refused, what is said, and that nothing has changed then; what verify finds.
#include <gtest/gtest.h>

#include <cmath>

#include "base/base.h"
#include "db/db.h"
#include "store/metadata.h"
#include "store/segment.h"
#include "store/store_testing.h"

namespace pictor {
namespace {

using testing::faults_of;
using testing::item_of;
using testing::must;

constexpr const char* kFolder = "/data/collections/cats/";

class StoreErrors : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = must(DataFolder::open(env_, "/data"));
    collection_ = must(folder_->create_collection(spec_));
    Batch batch{"first", {item_of(spec_, 0), item_of(spec_, 1), item_of(spec_, 2)}, {}};
    must(collection_->commit(batch));
  }
  Status reopen() {
    collection_.reset();
    folder_.reset();
    auto folder = DataFolder::open(env_, "/data");
    if (!folder.is_ok()) return folder.status();
    folder_ = std::move(folder).value();
    auto collection = folder_->collection("cats");
    if (!collection.is_ok()) return collection.status();
    collection_ = std::move(collection).value();
    return Status::ok();
  }
  // The error of a batch with item 7 changed so; nothing of it may be there afterwards.
  template <typename Change>
  Status refused(const Change& change) {
    Batch batch{"bad", {item_of(spec_, 6), item_of(spec_, 7)}, {}};
    change(batch);
    const Status status = collection_->commit(batch).status();
    EXPECT_FALSE(status.is_ok());
    EXPECT_EQ(must(collection_->snapshot())->sequence(), 1U);
    EXPECT_FALSE(must(must(collection_->snapshot())->find("item6", false)).has_value());
    return status;
  }
  void damage(const std::string& path, std::uint64_t offset) {
    const auto file = must(env_.open(path, OpenMode::kReadWrite));
    std::byte byte{};
    must(file->read_at(offset, {&byte, 1}));
    byte ^= std::byte{1};
    must(file->write_at(offset, {&byte, 1}));
  }
  void change_database(const std::string& sql) {
    collection_.reset();
    folder_.reset();
    must(must(Database::open(env_, std::string(kFolder) + "collection.db"))->exec(sql));
  }

  SimulatedEnv env_{5};
  CollectionSpec spec_ = testing::small_spec();
  std::unique_ptr<DataFolder> folder_;
  std::shared_ptr<Collection> collection_;
};

TEST_F(StoreErrors, a_vector_of_another_length_is_told_with_both_lengths) {
  const auto status = refused([](Batch& batch) { batch.puts[1].vectors[0].resize(512); });
  EXPECT_EQ(status.code(), Code::kMismatch);
  EXPECT_EQ(status.message(), "item 'item7': vector has 512 numbers, collection 'cats' space 'visual' takes 12");
  EXPECT_EQ(refused([](Batch& batch) { batch.puts[1].vectors.pop_back(); }).code(), Code::kMismatch);
}

TEST_F(StoreErrors, numbers_that_are_not_finite_are_refused) {
  for (const float number : {NAN, INFINITY, -INFINITY}) {
    const auto status = refused([&](Batch& batch) { batch.puts[1].vectors[0][3] = number; });
    EXPECT_EQ(status.code(), Code::kInvalid);
    EXPECT_NE(status.message().find("item 'item7': vector of space 'visual': number 3"), std::string::npos)
        << status.message();
  }
}

TEST_F(StoreErrors, ids_are_checked_within_the_batch_and_at_their_limit) {
  EXPECT_EQ(refused([](Batch& batch) { batch.puts[1].id = "item6"; }).message(),
            "item id 'item6' is twice in one batch");
  EXPECT_EQ(refused([](Batch& batch) { batch.deletes = {"item7"}; }).code(), Code::kInvalid);
  EXPECT_EQ(refused([](Batch& batch) { batch.puts[1].id = ""; }).code(), Code::kInvalid);
  EXPECT_EQ(refused([](Batch& batch) { batch.puts[1].id = std::string("a\0b", 3); }).code(), Code::kInvalid);
  EXPECT_EQ(refused([](Batch& batch) { batch.id = ""; }).code(), Code::kInvalid);
  const auto status = refused([](Batch& batch) { batch.puts[1].id = std::string(limits::kItemIdBytesMax + 1, 'x'); });
  EXPECT_EQ(status.code(), Code::kLimit);
  EXPECT_NE(status.message().find("has 1025 bytes, at most 1024"), std::string::npos) << status.message();
  Batch batch{"good", {item_of(spec_, 6)}, {}};
  batch.puts[0].id = std::string(limits::kItemIdBytesMax, 'x');
  EXPECT_TRUE(collection_->commit(batch).is_ok());
}

TEST_F(StoreErrors, metadata_must_be_a_bounded_object) {
  const auto with = [&](const std::string& metadata) {
    return refused([&](Batch& batch) { batch.puts[1].metadata = metadata; });
  };
  EXPECT_EQ(with("[1]").message(), "item 'item7': metadata is not a JSON object; write {\"name\": value}");
  EXPECT_EQ(with("{\"a\": }").code(), Code::kInvalid);
  EXPECT_EQ(with("").code(), Code::kInvalid);
  EXPECT_EQ(with("{} x").code(), Code::kInvalid);
  EXPECT_EQ(with("{\"a\": 1e999}").code(), Code::kInvalid);
  EXPECT_EQ(with("{\"a\": \"\xFF\"}").code(), Code::kInvalid);
  EXPECT_EQ(with(R"({"a": "\u0000"})").code(), Code::kInvalid);
  EXPECT_NE(with(R"({"a": 1, "a": 2})").message().find("has the name 'a' twice"), std::string::npos);
  EXPECT_EQ(with("{\"a\": \"" + std::string(limits::kItemMetadataBytesMax, 'x') + "\"}").code(), Code::kLimit);
  EXPECT_EQ(with(std::string(100'000, '[')).code(), Code::kInvalid);
  const auto nested = [](std::uint32_t levels) {
    std::string text = "1";
    for (std::uint32_t i = 0; i < levels; ++i) text = "{\"a\":" + text + "}";
    return text;
  };
  EXPECT_EQ(with(nested(limits::kMetadataDepthMax + 1)).code(), Code::kLimit);
  EXPECT_TRUE(checked_json_object(nested(limits::kMetadataDepthMax)).is_ok());
  EXPECT_EQ(checked_json_object(R"({"\u00e9\u0022": "\n"})").value(), "{\"é\\\"\":\"\\n\"}");
  EXPECT_EQ(refused([](Batch& batch) { batch.puts[1].receipt = "3"; }).message(),
            "item 'item7': receipt is not a JSON object; write {\"name\": value}");
}

TEST_F(StoreErrors, too_many_items_or_bytes_at_once_are_refused) {
  const auto many = refused([&](Batch& batch) {
    for (std::uint32_t i = 0; i < limits::kBatchItemsMax; ++i) batch.deletes.push_back("d" + std::to_string(i));
  });
  EXPECT_EQ(many.code(), Code::kLimit);
  EXPECT_EQ(refused([](Batch& batch) { batch.puts[1].blob.resize(limits::kBatchBytesMax); }).code(), Code::kLimit);
  EXPECT_EQ(refused([](Batch& batch) { batch.puts[1].text.resize(limits::kItemTextBytesMax + 1, 'x'); }).code(),
            Code::kLimit);
  EXPECT_EQ(refused([](Batch& batch) { batch.puts[1].source.resize(limits::kItemSourceBytesMax + 1, 'x'); }).code(),
            Code::kLimit);
}

TEST_F(StoreErrors, a_full_disk_refuses_the_batch_and_it_goes_in_when_there_is_room) {
  env_.set_free_bytes(100);
  const Batch batch{"second", {item_of(spec_, 3)}, {}};
  const auto status = collection_->commit(batch).status();
  EXPECT_EQ(status.code(), Code::kLimit) << status.to_string();
  EXPECT_EQ(collection_->seal().code(), Code::kLimit);
  EXPECT_EQ(must(collection_->snapshot())->size(), 3U);
  env_.set_free_bytes(1ULL << 40);
  EXPECT_EQ(must(collection_->commit(batch)).sequence, 2U);
  must(collection_->seal());
  EXPECT_EQ(faults_of(*collection_), "");
  must(reopen());
  EXPECT_EQ(must(collection_->snapshot())->size(), 4U);
}

TEST_F(StoreErrors, a_space_or_row_that_is_not_there_is_named) {
  const auto snapshot = must(collection_->snapshot());
  EXPECT_EQ(snapshot->blocks("nowhere").status().message(), "collection 'cats' has no space 'nowhere'");
  EXPECT_EQ(snapshot->items(std::vector<RowId>{77}, false).status().message(),
            "collection 'cats' has no row 77 in snapshot 1");
  EXPECT_EQ(snapshot->blob(77).status().code(), Code::kNotFound);
  EXPECT_FALSE(must(snapshot->find("nobody", false)).has_value());
}

TEST_F(StoreErrors, a_damaged_or_missing_blob_is_found) {
  const auto blob = item_of(spec_, 0).blob;
  const std::string hex = sha256(blob).hex();
  const std::string path = std::string(kFolder) + "blobs/" + hex.substr(0, 2) + "/" + hex;
  damage(path, 3);
  EXPECT_NE(faults_of(*collection_).find(path), std::string::npos);
  const auto snapshot = must(collection_->snapshot());
  EXPECT_EQ(snapshot->blob(1).status().code(), Code::kCorrupt);
  must(env_.remove(path));
  EXPECT_NE(faults_of(*collection_).find(path), std::string::npos);
}

TEST_F(StoreErrors, damaged_missing_and_foreign_tokens_are_found) {
  EXPECT_EQ(faults_of(*collection_), "");
  change_database("UPDATE tokens SET packed = zeroblob(66) WHERE row = 1; DELETE FROM tokens WHERE row = 2");
  must(reopen());
  EXPECT_EQ(must(collection_->snapshot())->tokens(1).status().code(), Code::kCorrupt);
  auto faults = faults_of(*collection_);
  EXPECT_NE(
      faults.find("tokens of row 1: the tokens of row 1 of collection 'cats', 66 bytes, are not what was written"),
      std::string::npos)
      << faults;
  EXPECT_NE(faults.find("tokens of row 2: its tokens are missing"), std::string::npos) << faults;
  // Those of another row are whole, and still not its own.
  change_database(
      "DELETE FROM tokens WHERE row < 3; INSERT INTO tokens SELECT 1, crc, packed FROM tokens;"
      "INSERT INTO tokens SELECT 99, crc, packed FROM tokens WHERE row = 3");
  must(reopen());
  EXPECT_EQ(must(collection_->snapshot())->tokens(1).status().code(), Code::kCorrupt);
  faults = faults_of(*collection_);
  EXPECT_NE(faults.find("tokens of row 99: there are tokens, and no item alive"), std::string::npos) << faults;
}

TEST_F(StoreErrors, verify_finds_rows_without_vectors_and_vectors_without_rows) {
  must(collection_->seal());
  change_database("UPDATE rows SET spaces = 0 WHERE row = 1");
  must(reopen());
  EXPECT_NE(faults_of(*collection_).find("row 1, space 'visual': there is a vector that was never given"),
            std::string::npos);
  change_database("UPDATE rows SET spaces = 3 WHERE row = 1; UPDATE state SET items = 4");
  must(reopen());
  EXPECT_NE(faults_of(*collection_).find("counts 4 items, 3 are alive"), std::string::npos) << faults_of(*collection_);
  change_database("UPDATE state SET items = 3; DELETE FROM rows WHERE row = 2");
  must(reopen());
  EXPECT_NE(faults_of(*collection_).find("row 2, space 'visual': there is a vector, and no item"), std::string::npos);
}

TEST_F(StoreErrors, a_fresh_vector_that_is_lost_is_told_at_opening) {
  change_database("DELETE FROM fresh_vectors WHERE slot = 16 * 2");
  const auto status = reopen();
  EXPECT_EQ(status.code(), Code::kCorrupt);
  EXPECT_NE(status.message().find("row 2"), std::string::npos) << status.message();
}

TEST_F(StoreErrors, verify_tells_its_progress) {
  must(collection_->seal());
  std::uint64_t last = 0;
  std::uint64_t total = 0;
  must(collection_->verify([&](std::uint64_t done, std::uint64_t all) {
    EXPECT_GE(done, last);
    EXPECT_LE(done, all);
    last = done;
    total = all;
  }));
  EXPECT_EQ(last, total);
  EXPECT_GT(total, 0U);
}

}  // namespace
}  // namespace pictor
