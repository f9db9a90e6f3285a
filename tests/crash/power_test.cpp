// Power fails at every write, sync, rename and removal of a workload; after each, everything acknowledged is there and
// nothing is halved. And: without any one of the syncs, this check finds a loss, so each is needed and each is checked.
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/base.h"
#include "script.h"

namespace pictor {
namespace {

using Operation = SimulatedEnv::Operation;
using Ignored = std::function<bool(Operation, const std::string&)>;

constexpr std::uint64_t kBatches = 14;

int scale() {
  const char* text = std::getenv("PICTOR_CRASH_SCALE");  // NOLINT(concurrency-mt-unsafe)
  return text == nullptr ? 1 : std::max(1, std::atoi(text));
}

// The first seed; PICTOR_SEED draws others.
std::uint64_t first_seed() {
  const char* text = std::getenv("PICTOR_SEED");  // NOLINT(concurrency-mt-unsafe)
  return text == nullptr ? 1 : std::strtoull(text, nullptr, 10) % 1'000'000 + 1;
}

struct Acknowledged {
  bool collection = false;
  std::uint64_t batches = 0;
};

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

// What is wrong after the power came back; empty when all is well.
std::string check(SimulatedEnv& env, std::uint64_t seed, const Acknowledged& acknowledged) {
  auto folder = DataFolder::open(env, "/home/data");
  if (!folder.is_ok()) return folder.status().to_string();
  const auto spec = testing::small_spec();
  auto collection = (*folder)->collection(spec.name);
  if (!collection.is_ok()) {
    const bool not_made = collection.status().code() == Code::kNotFound && !acknowledged.collection;
    if (!not_made) return collection.status().to_string();
    const auto made = (*folder)->create_collection(spec);
    return made.is_ok() ? testing::faults_of(**made) : made.status().to_string();
  }
  const auto snapshot = (*collection)->snapshot();
  if (!snapshot.is_ok()) return snapshot.status().to_string();
  const Sequence sequence = (*snapshot)->sequence();
  if (sequence < acknowledged.batches || sequence > acknowledged.batches + 1) {
    return std::to_string(sequence) + " batches are there, " + std::to_string(acknowledged.batches) +
           " were acknowledged";
  }
  auto model = crash::model_after(spec, seed, sequence);
  if (auto wrong = crash::difference(**collection, model); !wrong.empty()) return wrong;
  // Life goes on.
  const auto batch = crash::batch_of(spec, seed, sequence + 1);
  const auto committed = (*collection)->commit(batch);
  if (!committed.is_ok()) return committed.status().to_string();
  const Status sealed = (*collection)->seal();
  if (!sealed.is_ok()) return sealed.to_string();
  crash::apply(batch, sequence + 1, model);
  return crash::difference(**collection, model);
}

struct Outcome {
  std::uint64_t points = 0;  // at which power was made to fail
  std::string wrong;         // the first thing found wrong, and where
};

// Power fails at every operation of the workload, or until something is found wrong.
Outcome fail_everywhere(std::uint64_t seed, const Ignored& ignored) {
  Outcome outcome;
  for (std::uint64_t n = 1;; ++n) {
    SimulatedEnv env(seed * 100'003 + n);
    env.ignore_syncs(ignored);
    env.set_fault_after(n);
    Acknowledged acknowledged;
    const Status worked = work(env, seed, acknowledged);
    if (!env.power_is_out()) {
      if (!worked.is_ok()) outcome.wrong = "without a failure of power: " + worked.to_string();
      return outcome;
    }
    outcome.points = n;
    const std::string where = env.fault();
    env.power_loss();
    const std::string wrong = check(env, seed, acknowledged);
    if (wrong.empty()) continue;
    outcome.wrong = "seed " + std::to_string(seed) + ", operation " + std::to_string(n) + ", " + where + ", after " +
                    std::to_string(acknowledged.batches) + " acknowledged batches: " + wrong;
    return outcome;
  }
}

TEST(PowerLoss, at_every_operation_loses_nothing_acknowledged_and_halves_nothing) {
  for (int i = 0; i < scale(); ++i) {
    const std::uint64_t seed = first_seed() + static_cast<std::uint64_t>(i);
    const auto outcome = fail_everywhere(seed, nullptr);
    ASSERT_EQ(outcome.wrong, "");
    EXPECT_GT(outcome.points, 200U) << "the workload does less than it should";
    RecordProperty("operations_of_seed_" + std::to_string(seed), static_cast<int>(outcome.points));
  }
}

struct NeededSync {
  const char* name;
  Operation operation;
  bool (*is_it)(const std::string& path);
};

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
  const auto& sync = GetParam();
  const Ignored ignored = [&sync](Operation operation, const std::string& path) {
    return operation == sync.operation && sync.is_it(path);
  };
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    if (!fail_everywhere(seed, ignored).wrong.empty()) return;
  }
  ADD_FAILURE() << "nothing is lost without the sync of " << sync.name << ": it is not needed, or not checked";
}

INSTANTIATE_TEST_SUITE_P(Each, WithoutSync, ::testing::ValuesIn(kNeededSyncs),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace pictor
