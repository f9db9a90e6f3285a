// Power fails at every write, sync, rename and removal of a workload on a simulated machine.
#pragma once

#include <cstdlib>
#include <functional>
#include <string>

#include "base/base.h"
#include "script.h"
#include "store/store_testing.h"

namespace pictor::crash {

using Operation = SimulatedEnv::Operation;
using Ignored = std::function<bool(Operation, const std::string&)>;

// What was acknowledged before the power failed.
struct Acknowledged {
  bool collection = false;
  std::uint64_t batches = 0;
};

struct Workload {
  // Returns at the first error.
  std::function<Status(SimulatedEnv&, std::uint64_t seed, Acknowledged&)> work;
  // What is wrong after the power came back; empty when all is well.
  std::function<std::string(SimulatedEnv&, std::uint64_t seed, const Acknowledged&)> check;
};

struct Outcome {
  std::uint64_t points = 0;  // at which power was made to fail
  std::string wrong;         // the first thing found wrong, and where
};

struct NeededSync {
  const char* name;
  Operation operation;
  bool (*is_it)(const std::string& path);
};

inline int scale() {
  const char* text = std::getenv("PICTOR_CRASH_SCALE");  // NOLINT(concurrency-mt-unsafe)
  return text == nullptr ? 1 : std::max(1, std::atoi(text));
}

// The first seed; PICTOR_SEED draws others.
inline std::uint64_t first_seed() {
  const char* text = std::getenv("PICTOR_SEED");  // NOLINT(concurrency-mt-unsafe)
  return text == nullptr ? 1 : std::strtoull(text, nullptr, 10) % 1'000'000 + 1;
}

// What is wrong with the batches of the script, numbered as they are committed; empty when all is well.
inline std::string check_batches(SimulatedEnv& env, std::uint64_t seed, const Acknowledged& acknowledged) {
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
  auto model = model_after(spec, seed, sequence);
  if (auto wrong = difference(**collection, model); !wrong.empty()) return wrong;
  // Life goes on.
  const auto batch = batch_of(spec, seed, sequence + 1);
  const auto committed = (*collection)->commit(batch);
  if (!committed.is_ok()) return committed.status().to_string();
  const Status sealed = (*collection)->seal();
  if (!sealed.is_ok()) return sealed.to_string();
  apply(batch, sequence + 1, model);
  return difference(**collection, model);
}

// Power fails at every operation of the workload (at every `stride`-th, from the first) and once after the last, or
// until something is found wrong.
inline Outcome fail_everywhere(const Workload& workload, std::uint64_t seed, const Ignored& ignored,
                               std::uint64_t first = 1, std::uint64_t stride = 1) {
  Outcome outcome;
  for (std::uint64_t n = first;; n += stride) {
    SimulatedEnv env(seed * 100'003 + n);
    env.ignore_syncs(ignored);
    env.set_fault_after(n);
    Acknowledged acknowledged;
    const Status worked = workload.work(env, seed, acknowledged);
    const bool is_last = !env.power_is_out();
    if (is_last && !worked.is_ok()) {
      outcome.wrong = "without a failure of power: " + worked.to_string();
      return outcome;
    }
    ++outcome.points;
    const std::string where = is_last ? "after the last" : env.fault();
    env.power_loss();
    const std::string wrong = workload.check(env, seed, acknowledged);
    if (!wrong.empty()) {
      outcome.wrong = "seed " + std::to_string(seed) + ", operation " + std::to_string(n) + ", " + where + ", after " +
                      std::to_string(acknowledged.batches) + " acknowledged batches: " + wrong;
      return outcome;
    }
    if (is_last) return outcome;
  }
}

// Whether without that sync something is found wrong.
inline bool is_missed(const Workload& workload, const NeededSync& sync, std::uint64_t seeds, std::uint64_t first = 1) {
  const Ignored ignored = [&sync](Operation operation, const std::string& path) {
    return operation == sync.operation && sync.is_it(path);
  };
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    if (!fail_everywhere(workload, seed, ignored, first).wrong.empty()) return true;
  }
  return false;
}

}  // namespace pictor::crash
