// The door of rank: what follows the nearest vectors. Candidates get another order, or are dropped; none is added.
//
// A re-ranker may be late, fail, throw or lie: RerankRunner keeps the order that was there, and says so. It costs no
// more than its time. Thread safety: pure functions and values; RerankRunner from any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/base.h"
#include "pictor/types.h"
#include "rank/boost.h"
#include "vector/vector.h"

namespace pictor {

// A row, and what the stage that ranked it last thinks of it; larger is better.
struct ScoredRow {
  RowId row = 0;
  double score = 0;
  bool judged = true;  // false: it could not be judged, and follows those that were, in the order they came in
  friend bool operator==(const ScoredRow&, const ScoredRow&) = default;
};

// A list of one stage, best first, and how much it counts.
struct WeightedRows {
  double weight = 1;
  std::vector<ScoredRow> rows;
};
// Reciprocal rank fusion (Cormack, Clarke and Buettcher, SIGIR 2009): a row's score is the sum of weight / (60 + its
// place), over the lists that have it. Best first, equal ones by row.
inline constexpr double kReciprocalRankStart = 60;
std::vector<ScoredRow> fuse_ranks(std::span<const WeightedRows> lists);
// The sum of weight x score, over the lists that have it.
std::vector<ScoredRow> fuse_scores(std::span<const WeightedRows> lists);

// Maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998): the first `wanted` are taken one after the other,
// each the one with the most of (1 - share) x its score in 0..1 - share x its cosine to the likest of those taken; the
// rest follows as it was. vectors[i] is that of rows[i]; an empty one is like nothing. Scores stay as they were.
std::vector<ScoredRow> diversify(std::span<const ScoredRow> rows, std::span<const std::vector<float>> vectors,
                                 double share, std::size_t wanted);
// The best `most` of each group; groups[i] is that of rows[i], an empty one is none.
std::vector<ScoredRow> collapse(std::span<const ScoredRow> rows, std::span<const std::string> groups, std::size_t most);

// Contract: same candidates, same order out, best first; each row at most once, none that was not given; scores are
// finite. What cannot be done by the deadline (on Env::monotonic_us) ends with kCancelled soon after it. Const calls
// from any thread, also after the query that made it has ended.
class Reranker {
 public:
  virtual ~Reranker() = default;
  virtual std::string name() const = 0;
  virtual Result<std::vector<ScoredRow>> rank(std::span<const ScoredRow> candidates,
                                              std::int64_t deadline_us) const = 0;
};

// Ok, or what a re-ranker's answer has that its contract forbids.
Status check_ranking(std::span<const ScoredRow> candidates, std::span<const ScoredRow> ranked);

struct RerankOutcome {
  std::vector<ScoredRow> rows;
  bool applied = false;  // false: rows are the candidates as they came
  std::string warning;   // why not, or of how many candidates nothing is known; empty: all is well
};

class RerankRunner {
 public:
  explicit RerankRunner(Env& env);
  // Waits for those that are late, limits::kRerankersLateMs at most.
  ~RerankRunner();
  RerankRunner(const RerankRunner&) = delete;
  RerankRunner& operator=(const RerankRunner&) = delete;

  // On a thread of its own, which is left to itself when the deadline has passed: what the re-ranker uses it must own.
  RerankOutcome run(std::shared_ptr<const Reranker> reranker, std::vector<ScoredRow> candidates,
                    std::int64_t deadline_us);
  std::size_t late() const;  // that were given up and are still at work

 private:
  struct Work;
  struct Shared;
  Env& env_;
  const std::shared_ptr<Shared> shared_;
};

// Late interaction (max_sim of room vector) of stored patch tokens.
struct TokenQuery {
  QueryTokens tokens;
  double weight = 1;  // of this part of the query; below 0 it leads away
};
struct TokenSource {
  TokenCodec codec = TokenCodec::kNone;
  TokenGrid grid;
  // Of a row, as they are kept; nothing when it has none. From several threads at once.
  std::function<Result<std::optional<Bytes>>(RowId)> of;
};
// The score: the mean over the query's parts, by the size of their weights. Rows whose tokens are gone or damaged are
// not judged. `pool` may be null. REQUIRES: parts is not empty; env and pool outlive the runner that it is given to.
std::shared_ptr<const Reranker> make_token_reranker(Env& env, std::vector<TokenQuery> parts, TokenSource source,
                                                    ThreadPool* pool);

}  // namespace pictor
