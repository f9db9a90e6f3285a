// Segments that are missing or not what was written: left out, told, made whole again, forgotten.
#include <gtest/gtest.h>

#include "store/segment.h"
#include "store/store_testing.h"

namespace pictor {
namespace {

using testing::faults_of;
using testing::item_of;
using testing::must;

constexpr const char* kSegments = "/data/collections/cats/segments/";

class DamagedTest : public ::testing::Test {
 protected:
  // Three segments of two items each, and one fresh item.
  void SetUp() override {
    open();
    for (std::uint64_t i = 0; i < 6; ++i) {
      put(i);
      if (i % 2 == 1) must(collection_->seal());
    }
    put(6);
  }
  void open() {
    folder_ = must(DataFolder::open(env_, "/data"));
    auto known = folder_->collection("cats");
    collection_ = known.is_ok() ? std::move(known).value() : must(folder_->create_collection(spec_));
  }
  void close() {
    collection_.reset();
    folder_.reset();
  }
  void reopen() {
    close();
    open();
  }
  void put(std::uint64_t number, std::uint64_t version = 0) {
    must(collection_->commit(
        {"put" + std::to_string(number) + "v" + std::to_string(version), {item_of(spec_, number, version)}, {}}));
  }
  static std::string path(int segment) { return kSegments + std::to_string(segment) + ".seg"; }
  void flip(const std::string& path, std::uint64_t offset, unsigned bit = 0) {
    const auto file = must(env_.open(path, OpenMode::kReadWrite));
    std::byte byte{};
    must(file->read_at(offset, {&byte, 1}));
    byte ^= std::byte{1} << bit;
    must(file->write_at(offset, {&byte, 1}));
  }
  std::uint64_t offset_of_vectors(const std::string& path) {
    const auto file = must(read_file(env_, path, limits::kMiB));
    const auto* vectors = must(parse_segment(file)).spaces[0].vectors.data();
    return static_cast<std::uint64_t>(reinterpret_cast<const std::byte*>(vectors) - file.data());
  }
  // The numbers of items whose vectors are lost; every other has the vectors that were put.
  std::string lost(std::uint64_t items = 7) {
    std::string numbers;
    const auto snapshot = must(collection_->snapshot());
    for (std::uint64_t i = 0; i < items; ++i) {
      const auto item = must(snapshot->find("item" + std::to_string(i), true));
      EXPECT_TRUE(item.has_value()) << i;
      if (!item.has_value()) continue;
      if (item->vectors_lost) {
        numbers += std::to_string(i);
      } else {
        const auto version = item->data.source.substr(item->data.source.find('v') + 1, 1);
        EXPECT_EQ(item->data.vectors, item_of(spec_, i, std::stoull(version)).vectors) << i;
      }
    }
    EXPECT_EQ(snapshot->whole(), numbers.empty());
    return numbers;
  }

  SimulatedEnv env_{11};
  CollectionSpec spec_ = testing::small_spec();
  std::unique_ptr<DataFolder> folder_;
  std::shared_ptr<Collection> collection_;
};

TEST_F(DamagedTest, a_segment_that_cannot_be_opened_is_left_out_and_told) {
  close();
  flip(path(2), 40);  // the header
  open();
  EXPECT_EQ(lost(), "23");
  const auto faults = must(collection_->verify(nullptr));
  ASSERT_FALSE(faults.empty());
  for (const auto& fault : faults) EXPECT_EQ(fault.where, path(2)) << fault.what;
  EXPECT_NE(faults_of(*collection_).find("rows 3 to 4 are left out"), std::string::npos) << faults_of(*collection_);
  const auto stats = must(collection_->stats());
  EXPECT_EQ(stats.segments_damaged, 1U);
  EXPECT_EQ(stats.items_damaged, 2U);
  // All else of the items is there.
  EXPECT_EQ(must(must(collection_->snapshot())->find("item2", false))->data.text, "text of 2v0");
  EXPECT_EQ(must(must(collection_->snapshot())->matching("number = 2")).size(), 1U);
  // The file was not touched: what was no damage of the disk is whole again.
  close();
  flip(path(2), 40);
  open();
  EXPECT_EQ(lost(), "");
  EXPECT_EQ(faults_of(*collection_), "");
}

TEST_F(DamagedTest, a_missing_segment_is_one_too) {
  close();
  must(env_.remove(path(1)));
  open();
  EXPECT_EQ(lost(), "01");
  EXPECT_NE(faults_of(*collection_).find("is missing"), std::string::npos);
}

TEST_F(DamagedTest, quarantine_finds_what_opening_does_not_read) {
  const auto offset = offset_of_vectors(path(3));
  EXPECT_EQ(must(collection_->quarantine()), 0U);
  close();
  flip(path(3), offset + 5);
  open();
  EXPECT_EQ(must(collection_->snapshot())->whole(), true);
  const auto faults = must(collection_->verify(nullptr));
  ASSERT_EQ(faults.size(), 1U);
  EXPECT_NE(faults[0].advice.find("verify --quarantine"), std::string::npos) << faults[0].advice;
  {
    const auto held = must(collection_->snapshot());
    EXPECT_EQ(must(collection_->quarantine()), 1U);
    EXPECT_TRUE(held->whole()) << "it goes on with what it has mapped";
    EXPECT_FALSE(must(held->find("item4", true))->data.vectors[0].empty());
  }
  EXPECT_EQ(lost(), "45");
  EXPECT_FALSE(env_.info(path(3)).is_ok());
  EXPECT_TRUE(env_.info(path(3) + ".damaged").is_ok());
  EXPECT_EQ(must(collection_->quarantine()), 0U);
  reopen();
  EXPECT_EQ(lost(), "45");
  EXPECT_TRUE(env_.info(path(3) + ".damaged").is_ok()) << "somebody may want to look at it";
}

TEST_F(DamagedTest, items_that_are_put_again_are_whole_and_the_segment_is_forgotten_with_its_history) {
  close();
  must(env_.remove(path(2)));
  open();
  // Nothing is taken over from what is lost.
  EXPECT_FALSE(must(collection_->vectors_of_content(item_of(spec_, 2).content)).has_value());
  put(2, 1);
  EXPECT_EQ(must(must(collection_->snapshot())->find("item2", true))->vectors_lost, false);
  EXPECT_EQ(must(must(collection_->snapshot())->find("item3", true))->vectors_lost, true);
  put(3, 1);
  CompactOptions options;
  options.drop_history = must(collection_->snapshot())->sequence();
  must(collection_->compact(options).status());
  EXPECT_EQ(lost(), "");
  EXPECT_EQ(faults_of(*collection_), "");
  EXPECT_EQ(must(collection_->stats()).segments_damaged, 0U);
  reopen();
  EXPECT_EQ(lost(), "");
  EXPECT_EQ(faults_of(*collection_), "");
}

TEST_F(DamagedTest, nothing_is_merged_over_the_place_of_a_damaged_segment) {
  close();
  must(env_.remove(path(2)));
  open();
  CompactOptions options;
  options.everything = true;
  must(collection_->compact(options).status());
  EXPECT_EQ(lost(), "23");
  EXPECT_EQ(must(collection_->stats()).segments_damaged, 1U);
  reopen();
  EXPECT_EQ(lost(), "23");
  put(7);
  must(collection_->seal());
  must(collection_->compact(options).status());
  reopen();
  EXPECT_EQ(lost(8), "23");
}

TEST_F(DamagedTest, what_cannot_be_written_anew_is_not_said_to_be_erased) {
  must(collection_->quarantine().status());
  close();
  flip(path(2), 40);
  open();
  const std::vector<std::string> ids = {"item2"};
  const auto status = collection_->purge(ids, {}).status();
  EXPECT_EQ(status.code(), Code::kCorrupt);
  EXPECT_NE(status.message().find("row 3 lies in a damaged segment"), std::string::npos) << status.message();
  EXPECT_FALSE(must(must(collection_->snapshot())->find("item2", false)).has_value());
  EXPECT_EQ(must(collection_->stats()).purges_begun, 1U);
  // When nothing else needs the segment it goes, and the erasure ends.
  put(3, 1);
  CompactOptions options;
  options.drop_history = must(collection_->snapshot())->sequence();
  must(collection_->compact(options).status());
  EXPECT_FALSE(env_.info(path(2)).is_ok());
  reopen();
  EXPECT_EQ(must(collection_->stats()).purges_begun, 0U);
  EXPECT_EQ(faults_of(*collection_), "");
}

TEST_F(DamagedTest, a_backup_says_why_it_cannot_be_made) {
  close();
  must(env_.remove(path(2)));
  open();
  const auto status = folder_->backup({"/backup", "", false, {}}).status();
  EXPECT_EQ(status.code(), Code::kCorrupt);
  EXPECT_NE(status.message().find("2.seg"), std::string::npos) << status.message();
}

// Wherever a bit of a segment is wrong: no item has other vectors than were put, and verify knows.
TEST_F(DamagedTest, no_flipped_bit_makes_another_vector) {
  const auto size = must(env_.info(path(2))).size;
  const auto whole = must(read_file(env_, path(2), limits::kMiB));
  int at_opening = 0;
  int by_quarantine = 0;
  for (std::uint64_t offset = 0; offset < size; ++offset) {
    close();
    flip(path(2), offset, static_cast<unsigned>(offset % 8));
    open();
    const bool opened = must(collection_->snapshot())->whole();
    const bool told = !faults_of(*collection_).empty();
    const auto moved = must(collection_->quarantine());
    EXPECT_EQ(moved == 1, opened && told) << offset;
    const auto gone = lost();
    if (told) {
      EXPECT_EQ(gone, "23") << offset;
    } else {
      EXPECT_EQ(gone, "") << offset;  // padding
    }
    at_opening += opened ? 0 : 1;
    by_quarantine += moved == 1 ? 1 : 0;
    close();
    static_cast<void>(env_.remove(path(2) + ".damaged"));
    must(write_file_atomic(env_, path(2), whole));
  }
  EXPECT_GT(at_opening, 100);
  EXPECT_GT(by_quarantine, 100);
  open();
  EXPECT_EQ(faults_of(*collection_), "");
}

}  // namespace
}  // namespace pictor
