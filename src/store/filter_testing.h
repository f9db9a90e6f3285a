// What tests of filters share: a small collection that is filled with metadata and asked.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "store/filter.h"
#include "store/store_testing.h"

namespace pictor::testing {

class FilterTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = must(DataFolder::open(env_, "/data"));
    collection_ = must(folder_->create_collection(testing::small_spec()));
  }
  const ItemWrite& add(const std::string& metadata) {
    ItemWrite item = testing::item_of(collection_->spec(), ++count_);
    item.metadata = metadata;
    item.text = count_ % 3 == 0 ? "Acme" : "red";
    item.width = static_cast<std::uint32_t>(count_ % 3);
    batch_.puts.push_back(std::move(item));
    return batch_.puts.back();
  }
  void store() {
    batch_.id = std::to_string(count_);
    must(collection_->commit(batch_));
    batch_.puts.clear();
    snapshot_ = must(collection_->snapshot());
  }
  std::uint64_t matches(std::string_view filter) { return must(snapshot_->matching(filter)).size(); }
  std::string fault(std::string_view filter) {
    const auto result = parse_filter(filter);
    return result.is_ok() ? "no fault" : result.status().message();
  }

  SimulatedEnv env_{3};
  std::unique_ptr<DataFolder> folder_;
  std::shared_ptr<Collection> collection_;
  Batch batch_;
  std::uint64_t count_ = 0;
  std::unique_ptr<Snapshot> snapshot_;
};

}  // namespace pictor::testing
