// The door of backend: where a collection's vectors live and are searched.
//
// The local backend, the default, searches the store's own snapshot. Others hold vectors and filterable fields in a
// foreign engine; items, receipts and pictures stay in the store. The contract of all of them: for exact search the
// same hits as one local store with all rows, or complete = false; a repeated batch id changes nothing.
//
// Thread safety: all calls from any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/base.h"
#include "index/index.h"
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
  double recall = 1.0;              // share of the true k nearest that is wanted, as a mean over queries; 1: exact
  bool explain = false;             // the candidates come with the ways that they were found
  bool coded_distances = false;     // as IndexQuery says
  bool strange = false;             // as IndexQuery says
  bool alone = false;               // the calling thread does all of it: nobody waits for the answer
};

struct Candidates {
  std::vector<Neighbor> neighbors;  // at most k, nearest first by (distance, row)
  // false: the deadline passed, or a part did not answer or is damaged; neighbors are the nearest of what was seen.
  bool complete = true;
  std::uint64_t distances = 0;  // how many were computed
  bool exact = true;            // every row that may be returned was looked at
  // 0: distances have the bits of the flat scan. Else some came from codes: the largest of IndexAnswer's errors.
  double distance_error = 0;
  // One for each way that blocks were searched, where the query asks to explain: "graph, then filter: 2 segments of
  // 40,000 rows, about 48 % allowed: a walk ...".
  std::vector<std::string> ways;
};

struct IndexProgress {
  std::uint64_t rows = 0, rows_total = 0;  // of the indexes that this call makes
};

struct IndexBuild {
  bool again = false;                              // make those anew that are there and whole
  IndexKind kind = IndexKind::kGraph;              // kGraph or kLists
  GraphCodes codes = GraphCodes::kFull;            // of graphs
  std::uint64_t memory_bytes = 0;                  // held while lists are made, about; 0: as much as is of use
  std::function<bool(const IndexProgress&)> tell;  // from the calling thread; false: stop, what is done stays
  // Vectors of strange queries in a space (index.h), one after the other, that its indexes are measured with; asked for
  // before a space's first index is made. Null: none.
  std::function<std::vector<float>(const SpaceSpec&)> strange = {};
  bool background = false;  // shared out among threads that nobody waits for
};

struct IndexReport {
  std::uint64_t made = 0, kept = 0;  // graphs or lists
  std::uint64_t rows = 0;            // of those made
  std::uint64_t small = 0;           // segments and heads with too few rows for an index
  std::uint64_t bytes = 0;           // of all indexes
  bool cancelled = false;
};

// What of a space searches touch at all, and what they touch most.
enum class WarmPart { kIndexes, kVectors };

class Backend {
 public:
  virtual ~Backend() = default;
  virtual std::string describe() const = 0;  // "local, exact, avx2"
  // Makes the batch (puts and deletes) durable in the collection and in the backend, then visible. On error nothing
  // changed, or the same batch may be sent again.
  virtual Result<CommitResult> apply(Collection& collection, const Batch& batch) = 0;
  // kNotFound: the collection has no such space. kInvalid: as check_query of index.
  virtual Result<Candidates> search(const Snapshot& snapshot, const BackendQuery& query) const = 0;
  // Makes the indexes that are missing, or that are not what they should be. Searches go on meanwhile.
  virtual Result<IndexReport> build_indexes(Collection& collection, const IndexBuild& build) = 0;
  // Reads that part of the space's sealed rows, so that searches find it in memory: at most so many bytes, and until
  // `stop` says true. How many it read.
  virtual Result<std::uint64_t> warm(const Snapshot& snapshot, const SpaceSpec& space, WarmPart part,
                                     std::uint64_t bytes_max, const std::function<bool()>& stop) const = 0;
  // Reads all indexes there are, whole. A missing one is no fault.
  virtual Result<std::vector<Fault>> verify_indexes(const Collection& collection) const = 0;
};

// Search over the snapshot's blocks: by the graph or the lists of a sealed block where less than an exact answer is
// wanted and there is one, else by a scan shared out among the pool's threads when there is enough to do; distances
// have the same bits whatever the threads, the blocks and the machine. The deadline is looked at about every megabyte.
// `pool` may be null: everything is done by the caller. `background` is for IndexBuild::background; null: `pool` is.
// All must outlive the backend.
std::unique_ptr<Backend> make_local_backend(Env& env, ThreadPool* pool, ThreadPool* background = nullptr);

}  // namespace pictor
