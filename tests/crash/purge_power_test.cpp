// Power fails at every operation of a purge: what was acknowledged is gone from every file, what was begun is ended
// when the folder is opened, nothing that is gone returns, and all else is there.
#include <gtest/gtest.h>

#include "power.h"
#include "store/needles_testing.h"

namespace pictor {
namespace {

using crash::Acknowledged;
using crash::NeededSync;
using crash::Operation;

constexpr std::uint64_t kBatches = 6;
const std::vector<std::string> kDoomed = {"item0", "item1", "item2", "item3", "item4", "item5"};

bool is_purging = false;
bool is_purged = false;  // acknowledged

Status work(SimulatedEnv& env, std::uint64_t seed, Acknowledged& acknowledged) {
  const auto spec = testing::small_spec();
  is_purging = false;
  is_purged = false;
  PICTOR_ASSIGN(const auto folder, DataFolder::open(env, "/home/data"));
  PICTOR_ASSIGN(const auto collection, folder->create_collection(spec));
  acknowledged.collection = true;
  for (std::uint64_t number = 1; number <= kBatches; ++number) {
    PICTOR_TRY(collection->commit(crash::batch_of(spec, seed, number)).status());
    acknowledged.batches = number;
    if (number % 2 == 0 && number < kBatches) PICTOR_TRY(collection->seal());
  }
  is_purging = true;
  const auto purged = collection->purge(kDoomed, {});
  is_purging = false;
  is_purged = purged.is_ok();
  return purged.status();
}

testing::Needles needles_of(std::uint64_t seed) {
  const auto spec = testing::small_spec();
  testing::Needles needles;
  for (std::uint64_t number = 1; number <= kBatches; ++number) {
    for (const auto& item : crash::batch_of(spec, seed, number).puts) {
      if (std::ranges::find(kDoomed, item.id) != kDoomed.end()) needles.add_item(item);
    }
  }
  return needles;
}

std::string check(SimulatedEnv& env, std::uint64_t seed, const Acknowledged& acknowledged) {
  is_purging = false;
  if (acknowledged.batches < kBatches) return "";  // power_test.cpp's
  const auto spec = testing::small_spec();
  const auto needles = needles_of(seed);
  if (is_purged) {
    const auto hits = needles.found(env, "/home/data");
    if (!hits.empty()) return "after an acknowledged purge, " + testing::named(hits);
  }
  const auto folder = DataFolder::open(env, "/home/data");
  if (!folder.is_ok()) return folder.status().to_string();
  const auto collection = (*folder)->collection(spec.name);
  if (!collection.is_ok()) return collection.status().to_string();
  auto model = crash::model_after(spec, seed, kBatches);
  int gone = 0;
  for (const auto& id : kDoomed) {
    const auto erased = (*collection)->erased(id);
    if (!erased.is_ok()) return erased.status().to_string();
    gone += erased->has_value() ? 1 : 0;
  }
  if (is_purged && gone == 0) return "history does not say that they were erased";
  if (gone != 0) {
    for (const auto& id : kDoomed) model.erase(std::stoull(id.substr(4)));
    const auto hits = needles.found(env, "/home/data");
    if (!hits.empty()) return "after opening, " + testing::named(hits);
    const auto stats = (*collection)->stats();
    if (!stats.is_ok()) return stats.status().to_string();
    if (stats->purges_begun != 0) return "the purge is not ended";
  }
  if (auto wrong = crash::difference(**collection, model); !wrong.empty()) return wrong;
  // Life goes on, and the same again is no error.
  const auto again = (*collection)->purge(kDoomed, {});
  if (!again.is_ok()) return again.status().to_string();
  for (const auto& id : kDoomed) model.erase(std::stoull(id.substr(4)));
  if (auto wrong = crash::difference(**collection, model); !wrong.empty()) return wrong;
  return testing::named(needles.found(env, "/home/data"));
}

const crash::Workload kWorkload{work, check};

// The operations before the purge are those of power_test.cpp.
std::uint64_t first_of_purge(std::uint64_t seed) {
  SimulatedEnv env(seed);
  std::uint64_t first = 0;
  env.ignore_syncs([&](Operation, const std::string&) {
    first += is_purging ? 0 : 1;
    return false;
  });
  Acknowledged acknowledged;
  static_cast<void>(work(env, seed, acknowledged));
  return first;  // syncs only, so not too many
}

TEST(PurgePowerLoss, at_every_operation_ends_as_it_was_begun) {
  for (int i = 0; i < crash::scale(); ++i) {
    const std::uint64_t seed = crash::first_seed() + static_cast<std::uint64_t>(i);
    const auto outcome = crash::fail_everywhere(kWorkload, seed, nullptr, first_of_purge(seed));
    ASSERT_EQ(outcome.wrong, "");
    EXPECT_GT(outcome.points, 200U) << "the workload does less than it should";
    RecordProperty("operations_of_seed_" + std::to_string(seed), static_cast<int>(outcome.points));
  }
}

bool is_purge_of(const std::string& path, std::string_view what) {
  return is_purging && path.find(what) != std::string::npos;
}

const NeededSync kNeededSyncs[] = {
    {"new_segment", Operation::kSync, [](const std::string& p) { return is_purge_of(p, "/segments/"); }},
    {"segments_folder", Operation::kSyncDir,
     [](const std::string& p) { return is_purging && p.ends_with("/segments"); }},
    {"blob_shard", Operation::kSyncDir, [](const std::string& p) { return is_purge_of(p, "/blobs/"); }},
    {"log", Operation::kSync, [](const std::string& p) { return is_purging && p.ends_with("collection.db-wal"); }},
    {"database", Operation::kSync, [](const std::string& p) { return is_purging && p.ends_with("collection.db"); }},
};

class WithoutPurgeSync : public ::testing::TestWithParam<NeededSync> {};

TEST_P(WithoutPurgeSync, a_loss_or_a_return_is_found) {
  EXPECT_TRUE(crash::is_missed(kWorkload, GetParam(), 4))
      << "nothing is wrong without the sync of " << GetParam().name << ": it is not needed, or not checked";
}

INSTANTIATE_TEST_SUITE_P(Each, WithoutPurgeSync, ::testing::ValuesIn(kNeededSyncs),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace pictor
