// What follows the nearest vectors, as a query asks for it: the last rows of its life. Inside engine/ only.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/engine_impl.h"
#include "engine/stages.h"
#include "rank/rank.h"

namespace pictor {

// False: the nearest vectors are the answer, as they are.
bool has_stages(const Query& query);
Status check_stages(const Query& query);
// How many rows the first stage is to find.
std::size_t candidates_of(const Query& query);

Hit hit_of(const Item& item, Score score);

// The encoder is opened for pictures alone.
struct QueryTokenMaker {
  const std::function<Result<std::shared_ptr<Batcher>>()>& encoder;
  VectorCache& cache;
  std::int64_t deadline_us;
};

// Of one query. REQUIRES: what it is made with outlives it.
class SecondStages {
 public:
  SecondStages(Env& env, const Query& query, Collection& collection, std::shared_ptr<const Snapshot> snapshot,
               std::size_t space, RerankRunner& reranks, ThreadPool* pool)
      : env_(env),
        query_(query),
        collection_(collection),
        spec_(collection.spec()),
        snapshot_(std::move(snapshot)),
        space_(space),
        reranks_(reranks),
        pool_(pool) {}

  // Nothing is done where the query asks for no tokens.
  Status make_query_tokens(const QueryTokenMaker& maker);
  // Distances of rows that were not among the nearest, to the vector that was asked for.
  using DistancesOf = std::function<Result<std::vector<Neighbor>>(const RowSet& rows)>;
  // The items that the query's words find, if it has any; then those take part in the next.
  Status find_words(const RowSet* allowed, Stages& stages);
  Status rank(std::span<const Neighbor> neighbors, const DistancesOf& distances_of, std::int64_t deadline_us,
              Stages& stages, Hits& hits);

 private:
  Result<ItemTokens> tokens_of(const QueryPart& part, const QueryTokenMaker& maker) const;
  Status find_named();
  ScoredRow ranked(const Neighbor& neighbor) const;
  bool is_named(RowId row) const;
  std::vector<ScoredRow> first_stage(std::span<const Neighbor> neighbors);
  Status fuse(const DistancesOf& distances_of, std::vector<ScoredRow>& rows, Stages& stages);
  void note(const std::string& stage, std::span<const ScoredRow> rows);
  void rerank(std::vector<ScoredRow>& rows, std::int64_t deadline_us, Stages& stages, Hits& hits);
  Status boost(std::vector<ScoredRow>& rows, Stages& stages);
  Status vary(std::vector<ScoredRow>& rows, Stages& stages);
  Status fill(std::span<const ScoredRow> rows, Hits& hits);

  Env& env_;
  const Query& query_;
  Collection& collection_;
  const CollectionSpec& spec_;
  const std::shared_ptr<const Snapshot> snapshot_;
  const std::size_t space_;
  RerankRunner& reranks_;
  ThreadPool* const pool_;
  std::vector<TokenQuery> tokens_;
  std::vector<RowId> named_;  // items that the query names are not answers to it
  std::vector<ScoredRow> by_words_;
  std::map<RowId, std::vector<ScorePart>> parts_;  // when asked to explain
};

}  // namespace pictor
