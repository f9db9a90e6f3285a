#include <gtest/gtest.h>

#include "base/base.h"
#include "store/store.h"
#include "store/store_testing.h"

namespace pictor {
namespace {

using testing::item_of;
using testing::must;
using testing::small_spec;

class SettingsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = must(DataFolder::open(env_, "/data"));
    collection_ = must(folder_->create_collection(spec_));
  }
  void reopen() {
    collection_.reset();
    folder_.reset();
    folder_ = must(DataFolder::open(env_, "/data"));
    collection_ = must(folder_->collection(spec_.name));
  }

  SimulatedEnv env_{1};
  CollectionSpec spec_ = small_spec();
  std::unique_ptr<DataFolder> folder_;
  std::shared_ptr<Collection> collection_;
};

TEST_F(SettingsTest, settings_stay_through_a_loss_of_power_and_an_empty_text_takes_one_away) {
  EXPECT_TRUE(collection_->settings()->empty());
  must(collection_->set({{"search.recall", "0.99"}, {"search.deadline_ms", "20"}}));
  const auto held = collection_->settings();
  must(collection_->set({{"search.recall", "0.9"}, {"search.deadline_ms", ""}, {"nothing", ""}}));
  EXPECT_EQ(*held, (Settings{{"search.recall", "0.99"}, {"search.deadline_ms", "20"}}));
  EXPECT_EQ(*collection_->settings(), (Settings{{"search.recall", "0.9"}}));
  collection_.reset();
  folder_.reset();
  env_.power_loss();
  reopen();
  EXPECT_EQ(*collection_->settings(), (Settings{{"search.recall", "0.9"}}));
}

TEST_F(SettingsTest, what_is_too_long_or_too_many_is_refused_and_changes_nothing) {
  must(collection_->set({{"a", "1"}}));
  const std::string longest(limits::kShortTextBytesMax, 'x');
  EXPECT_EQ(collection_->set({{"b", longest + "x"}}).code(), Code::kInvalid);
  EXPECT_EQ(collection_->set({{"", "1"}}).code(), Code::kInvalid);
  EXPECT_EQ(collection_->set({{"b", std::string("\0", 1)}}).code(), Code::kInvalid);
  Settings many;
  for (std::uint32_t i = 0; i < limits::kSettingsMax; ++i) many["n" + std::to_string(i)] = "1";
  EXPECT_EQ(collection_->set(many).code(), Code::kLimit);
  EXPECT_EQ(*collection_->settings(), (Settings{{"a", "1"}}));
  many["n0"] = "";
  must(collection_->set({{"b", longest}, {"a", ""}}));
  must(collection_->set(many));
  reopen();
  EXPECT_EQ(collection_->settings()->size(), limits::kSettingsMax);
}

TEST_F(SettingsTest, a_batch_that_was_applied_is_known_by_its_id) {
  Batch batch;
  batch.id = "one";
  batch.puts = {item_of(spec_, 1), item_of(spec_, 2)};
  EXPECT_FALSE(must(collection_->applied("one")).has_value());
  must(collection_->commit(batch));
  reopen();
  const auto known = must(collection_->applied("one"));
  ASSERT_TRUE(known.has_value());
  EXPECT_EQ(known->added, 2U);
  EXPECT_TRUE(known->repeated);
  EXPECT_FALSE(must(collection_->applied("two")).has_value());
}

}  // namespace
}  // namespace pictor
