// The door of backend: where a collection's vectors live and are searched.
//
// The local backend, the default, searches the store's own snapshot. Others hold vectors and filterable fields in a
// foreign engine; items, receipts and pictures stay in the store. The contract of all of them: for exact search the
// same hits as one local store with all rows, or complete = false; a repeated batch id changes nothing.
//
// Thread safety: all calls from any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/base.h"
#include "pictor/types.h"
#include "store/store.h"
#include "vector/vector.h"

namespace pictor {

struct BackendQuery {
  SpaceId space;
  std::span<const float> vector;
  Metric metric = Metric::kCosine;
  std::size_t k = 10;
  const RowSet* allowed = nullptr;  // rows that may be returned; null: every row alive in the snapshot
  std::int64_t deadline_us = 0;     // on Env::monotonic_us; 0: none
};

struct Candidates {
  std::vector<Neighbor> neighbors;  // at most k, nearest first by (distance, row)
  // false: the deadline passed, or a part did not answer; neighbors are the nearest of what was seen.
  bool complete = true;
  std::uint64_t distances = 0;  // how many were computed
  std::string recall;           // how it was assured: "exact"
};

class Backend {
 public:
  virtual ~Backend() = default;
  virtual std::string describe() const = 0;  // "local, exact, avx2"
  // Makes the batch (puts and deletes) durable in the collection and in the backend, then visible. On error nothing
  // changed, or the same batch may be sent again.
  virtual Result<CommitResult> apply(Collection& collection, const Batch& batch) = 0;
  // kNotFound: the collection has no such space. kInvalid: as check_query of index.
  virtual Result<Candidates> search(const Snapshot& snapshot, const BackendQuery& query) const = 0;
};

// Exact search over the snapshot's blocks, shared out among the pool's threads when there is enough to do; the same
// bits whatever the threads, the blocks and the machine. The deadline is looked at about every megabyte. `pool` may be
// null: everything is done by the caller. Both must outlive the backend.
std::unique_ptr<Backend> make_local_backend(Env& env, ThreadPool* pool);

}  // namespace pictor
