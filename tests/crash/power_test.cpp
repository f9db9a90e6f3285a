// Power fails at every write, sync, rename and removal of a workload; after each, everything acknowledged is there and
// nothing is halved. And: without any one of the syncs, this check finds a loss, so each is needed and each is checked.
#include <gtest/gtest.h>

#include "power.h"

namespace pictor {
namespace {

using crash::Acknowledged;
using crash::NeededSync;
using crash::Operation;

constexpr std::uint64_t kBatches = 14;

// Commits the script; seals and reopens now and then. Returns at the first error.
Status work(SimulatedEnv& env, std::uint64_t seed, Acknowledged& acknowledged) {
  const auto spec = testing::small_spec();
  for (std::uint64_t number = 1; number <= kBatches;) {
    PICTOR_ASSIGN(const auto folder, DataFolder::open(env, "/home/data"));
    auto known = folder->collection(spec.name);
    if (!known.is_ok()) known = folder->create_collection(spec);
    if (!known.is_ok()) return known.status();
    acknowledged.collection = true;
    for (int i = 0; i < 6 && number <= kBatches; ++i, ++number) {
      PICTOR_TRY((*known)->commit(crash::batch_of(spec, seed, number)).status());
      acknowledged.batches = number;
      if (number % 4 == 0) PICTOR_TRY((*known)->seal());
    }
  }
  return Status::ok();
}

const crash::Workload kWorkload{work, crash::check_batches};

TEST(PowerLoss, at_every_operation_loses_nothing_acknowledged_and_halves_nothing) {
  for (int i = 0; i < crash::scale(); ++i) {
    const std::uint64_t seed = crash::first_seed() + static_cast<std::uint64_t>(i);
    const auto outcome = crash::fail_everywhere(kWorkload, seed, nullptr);
    ASSERT_EQ(outcome.wrong, "");
    EXPECT_GT(outcome.points, 200U) << "the workload does less than it should";
    RecordProperty("operations_of_seed_" + std::to_string(seed), static_cast<int>(outcome.points));
  }
}

bool in_blobs(const std::string& path) { return path.find("/blobs/") != std::string::npos; }

const NeededSync kNeededSyncs[] = {
    {"segment_file", Operation::kSync, [](const std::string& p) { return p.find("/segments/") != std::string::npos; }},
    {"segments_folder", Operation::kSyncDir, [](const std::string& p) { return p.ends_with("/segments"); }},
    {"blob_file", Operation::kSync, in_blobs},
    {"blob_shard_folder", Operation::kSyncDir, in_blobs},
    {"blobs_folder", Operation::kSyncDir, [](const std::string& p) { return p.ends_with("/blobs"); }},
    {"write_ahead_log", Operation::kSync, [](const std::string& p) { return p.ends_with("collection.db-wal"); }},
    {"database_at_checkpoint", Operation::kSync, [](const std::string& p) { return p.ends_with("collection.db"); }},
    {"collection_folder", Operation::kSyncDir, [](const std::string& p) { return p.ends_with("/cats"); }},
    {"collections_folder", Operation::kSyncDir, [](const std::string& p) { return p.ends_with("/collections"); }},
    {"data_folder", Operation::kSyncDir, [](const std::string& p) { return p.ends_with("/data"); }},
    {"home_of_data_folder", Operation::kSyncDir, [](const std::string& p) { return p.ends_with("/home"); }},
    {"catalogue_log", Operation::kSync, [](const std::string& p) { return p.ends_with("catalogue.db-wal"); }},
};

class WithoutSync : public ::testing::TestWithParam<NeededSync> {};

TEST_P(WithoutSync, a_loss_is_found) {
  EXPECT_TRUE(crash::is_missed(kWorkload, GetParam(), 5))
      << "nothing is lost without the sync of " << GetParam().name << ": it is not needed, or not checked";
}

INSTANTIATE_TEST_SUITE_P(Each, WithoutSync, ::testing::ValuesIn(kNeededSyncs),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace pictor
