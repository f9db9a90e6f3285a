// Power fails at every operation of a workload that compacts and drops history: what is alive stays, and what is there
// is whole. Without the syncs of compaction a loss is found.
#include <gtest/gtest.h>

#include "power.h"

namespace pictor {
namespace {

using crash::Acknowledged;
using crash::NeededSync;
using crash::Operation;

constexpr std::uint64_t kBatches = 12;

bool is_compacting = false;  // so that the syncs of compaction can be told from others

Status compact(Collection& collection, const CompactOptions& options) {
  is_compacting = true;
  const auto report = collection.compact(options);
  is_compacting = false;
  return report.status();
}

Status look_after(Collection& collection, std::uint64_t number) {
  CompactOptions options;
  options.neighbours_min = 2;
  if (number % 4 == 0) PICTOR_TRY(compact(collection, options));
  options.drop_history = number - 1;
  if (number == 7) PICTOR_TRY(compact(collection, options));
  options.drop_history = std::nullopt;
  options.everything = true;
  return number == 11 ? compact(collection, options) : Status::ok();
}

Status work(SimulatedEnv& env, std::uint64_t seed, Acknowledged& acknowledged) {
  const auto spec = testing::small_spec();
  is_compacting = false;
  for (std::uint64_t number = 1; number <= kBatches;) {
    PICTOR_ASSIGN(const auto folder, DataFolder::open(env, "/home/data"));
    auto known = folder->collection(spec.name);
    if (!known.is_ok()) known = folder->create_collection(spec);
    if (!known.is_ok()) return known.status();
    acknowledged.collection = true;
    for (int i = 0; i < 6 && number <= kBatches; ++i, ++number) {
      PICTOR_TRY((*known)->commit(crash::batch_of(spec, seed, number)).status());
      acknowledged.batches = number;
      if (number % 2 == 0) PICTOR_TRY((*known)->seal());
      PICTOR_TRY(look_after(**known, number));
    }
  }
  return Status::ok();
}

std::string check(SimulatedEnv& env, std::uint64_t seed, const Acknowledged& acknowledged) {
  is_compacting = false;
  if (auto wrong = crash::check_batches(env, seed, acknowledged); !wrong.empty()) return wrong;
  const auto folder = DataFolder::open(env, "/home/data");
  if (!folder.is_ok()) return folder.status().to_string();
  const auto opened = (*folder)->collection(testing::small_spec().name);
  if (!opened.is_ok()) return opened.status().to_string();
  const auto& collection = *opened;
  // What was begun can be ended.
  CompactOptions options;
  options.everything = true;
  options.drop_history = kBatches + 1;
  const auto compacted = collection->compact(options);
  if (!compacted.is_ok()) return compacted.status().to_string();
  const auto stats = collection->stats();
  if (!stats.is_ok()) return stats.status().to_string();
  if (stats->segments > 1) return std::to_string(stats->segments) + " segments are left";
  if (stats->rows_dead != 0 && stats->history_from >= stats->sequence) return "dead rows are left";
  if (stats->leftover_files > 1) return std::to_string(stats->leftover_files) + " blobs are left over";
  return testing::faults_of(*collection);
}

const crash::Workload kWorkload{work, check};

TEST(CompactPowerLoss, at_every_operation_loses_nothing_and_halves_nothing) {
  for (int i = 0; i < crash::scale(); ++i) {
    const std::uint64_t seed = crash::first_seed() + static_cast<std::uint64_t>(i);
    const auto outcome = crash::fail_everywhere(kWorkload, seed, nullptr);
    ASSERT_EQ(outcome.wrong, "");
    EXPECT_GT(outcome.points, 300U) << "the workload does less than it should";
    RecordProperty("operations_of_seed_" + std::to_string(seed), static_cast<int>(outcome.points));
  }
}

const NeededSync kNeededSyncs[] = {
    {"new_segment", Operation::kSync,
     [](const std::string& p) { return is_compacting && p.find("/segments/") != std::string::npos; }},
    {"segments_folder", Operation::kSyncDir,
     [](const std::string& p) { return is_compacting && p.ends_with("/segments"); }},
    {"log_of_the_switch", Operation::kSync,
     [](const std::string& p) { return is_compacting && p.ends_with("collection.db-wal"); }},
};

class WithoutCompactionSync : public ::testing::TestWithParam<NeededSync> {};

TEST_P(WithoutCompactionSync, a_loss_is_found) {
  EXPECT_TRUE(crash::is_missed(kWorkload, GetParam(), 5))
      << "nothing is lost without the sync of " << GetParam().name << ": it is not needed, or not checked";
}

INSTANTIATE_TEST_SUITE_P(Each, WithoutCompactionSync, ::testing::ValuesIn(kNeededSyncs),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace pictor
