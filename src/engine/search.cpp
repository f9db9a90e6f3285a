// The life of a query, a call a row of the table in ARCHITECTURE.md:
//   parts -> vector -> plan -> candidates -> hits.
#include <algorithm>
#include <cmath>

#include "engine/engine_impl.h"
#include "engine/external.h"
#include "engine/matching.h"
#include "engine/plan.h"
#include "engine/score.h"
#include "engine/second_stages.h"
#include "engine/settings.h"
#include "engine/stages.h"
#include "observe/observe.h"
#include "vector/vector.h"

namespace pictor {
namespace {

Status check_query(const Query& query) {
  if (query.k == 0 || query.k > limits::kQueryKMax) {
    return {Code::kInvalid,
            "k is " + std::to_string(query.k) + ", it must be 1 to " + std::to_string(limits::kQueryKMax)};
  }
  if (query.recall.has_value() && !(*query.recall > 0 && *query.recall <= 1)) {
    return {Code::kInvalid, "a recall of " + recall_text(*query.recall) +
                                " was asked for, it must be above 0 and at most 1 (1: an exact answer)"};
  }
  if ((query.parts.empty() && query.words.words.empty()) || query.parts.size() > limits::kQueryPartsMax) {
    return {Code::kInvalid, "a query has 1 to " + std::to_string(limits::kQueryPartsMax) + " parts, this one has " +
                                std::to_string(query.parts.size())};
  }
  PICTOR_TRY(check_stages(query));
  for (const auto& part : query.parts) {
    if (!std::isfinite(part.weight) || part.weight == 0.0) {
      return {Code::kInvalid, "a part's weight is a number that is not zero"};
    }
    if (part.kind == QueryPart::Kind::kText && part.text.size() > limits::kTextQueryBytesMax) {
      return {Code::kLimit, "the text has " + std::to_string(part.text.size()) + " bytes, at most " +
                                std::to_string(limits::kTextQueryBytesMax) + " are read"};
    }
  }
  return Status::ok();
}

// What the query takes where it says nothing.
struct Terms {
  double recall;
  std::int64_t deadline_us;  // 0: none
};

Terms terms_of(const Query& query, const Settings& settings, std::int64_t now_us) {
  const auto own = search_settings(settings);
  const std::int64_t by_setting = own.deadline_ms.has_value() ? now_us + *own.deadline_ms * 1000 : 0;
  return {query.recall.value_or(own.recall.value_or(kRecallOfSearches)), query.deadline_us.value_or(by_setting)};
}

// Vectors from elsewhere can be asked for by other vectors alone.
Status check_kinds(const Query& query, const CollectionSpec& spec) {
  if (!is_external(spec)) return Status::ok();
  const bool embeds = std::any_of(query.parts.begin(), query.parts.end(), [](const QueryPart& part) {
    return part.kind == QueryPart::Kind::kImage || part.kind == QueryPart::Kind::kText;
  });
  if (!embeds) return Status::ok();
  return without_encoder(spec, "searched by picture or by words",
                         "search by an item (--id) or by a vector that the same encoder made (--vector)");
}

bool has_text(const Query& query) {
  return std::any_of(query.parts.begin(), query.parts.end(),
                     [](const auto& part) { return part.kind == QueryPart::Kind::kText; });
}

// Whether the query's vector may be one of a text: a vector that is given may come from anywhere.
bool is_strange(const Query& query, const Result<EncoderCard>& card, const std::string& head) {
  const CardHead* of_card = card.is_ok() ? card->head(head) : nullptr;
  if (of_card == nullptr || !of_card->texts) return false;
  return std::any_of(query.parts.begin(), query.parts.end(), [](const QueryPart& part) {
    return part.kind == QueryPart::Kind::kText || part.kind == QueryPart::Kind::kVector;
  });
}

// The position in spec.spaces that the query is answered in.
Result<std::size_t> choose_space(const Query& query, const CollectionSpec& spec, const EncoderCard* card) {
  std::string known;
  for (std::size_t i = 0; i < spec.spaces.size(); ++i) {
    const auto& space = spec.spaces[i];
    known += (i == 0 ? "" : ", ") + space.head;
    if (!query.head.empty()) {
      if (space.head == query.head) return i;
      continue;
    }
    const auto* head = card == nullptr ? nullptr : card->head(space.head);
    if (!has_text(query) || (head != nullptr && head->texts)) return i;
  }
  if (query.head.empty()) {
    return Status(Code::kMismatch, "collection '" + spec.name + "' has no head that takes texts (heads: " + known +
                                       "): search by picture or by id");
  }
  return Status(Code::kNotFound, "collection '" + spec.name + "' has no head '" + query.head + "'; it has: " + known);
}

struct QueryMaker {
  const CollectionSpec& spec;
  const Snapshot& snapshot;
  std::size_t space;
  std::function<Result<std::shared_ptr<Batcher>>()> encoder;
  VectorCache& cache;
  std::int64_t deadline_us;

  Result<std::vector<float>> vector_of(const QueryPart& part) const {
    switch (part.kind) {
      case QueryPart::Kind::kText: return of_text(part.text);
      case QueryPart::Kind::kImage: return of_image(part.image);
      case QueryPart::Kind::kId: return of_id(part.text);
      case QueryPart::Kind::kVector: return of_vector(part.vector);
    }
    return Status(Code::kInternal, "a part of an unknown kind");
  }

  // One part is taken as it is; several are normalised, weighted, added and normalised again.
  Result<std::vector<float>> mix(std::span<const QueryPart> parts) const {
    if (parts.size() == 1 && parts[0].weight > 0) return vector_of(parts[0]);
    std::vector<double> sum(spec.spaces[space].dim);
    for (const auto& part : parts) {
      PICTOR_ASSIGN(auto vector, vector_of(part));
      PICTOR_TRY(normalize_l2(vector));
      for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += part.weight * static_cast<double>(vector[i]);
    }
    std::vector<float> mixed(sum.begin(), sum.end());
    PICTOR_TRY(normalize_l2(mixed).in("the weighted parts cancel each other"));
    return mixed;
  }

 private:
  const SpaceSpec& wanted() const { return spec.spaces[space]; }

  Result<std::vector<float>> of_text(const std::string& text) const {
    PICTOR_ASSIGN(const auto opened, encoder());
    return QueryEmbedder{*opened, cache, deadline_us}.texts(std::span(&text, 1), wanted().head);
  }

  Result<std::vector<float>> of_image(ByteView file) const {
    PICTOR_ASSIGN(const auto opened, encoder());
    auto vector = QueryEmbedder{*opened, cache, deadline_us}.picture(file, wanted().head);
    if (!vector.is_ok()) return vector.status().in("the query picture");
    return vector;
  }

  Result<std::vector<float>> of_id(const std::string& id) const {
    PICTOR_ASSIGN(const auto item, snapshot.find(id, true));
    if (!item.has_value()) {
      return Status(Code::kNotFound, "collection '" + spec.name + "' has no item '" + id + "'");
    }
    if (item->vectors_lost) {
      return Status(Code::kCorrupt,
                    "the vectors of item '" + id + "' are in a damaged segment: index its picture again");
    }
    if (item->data.vectors.size() <= space || item->data.vectors[space].empty()) {
      return Status(Code::kNotFound, "item '" + id + "' has no vector in head '" + wanted().head + "'");
    }
    return item->data.vectors[space];
  }

  Result<std::vector<float>> of_vector(const std::vector<float>& vector) const {
    if (vector.size() != wanted().dim) {
      return Status(Code::kMismatch, "the query vector has " + std::to_string(vector.size()) +
                                         " numbers, collection '" + spec.name + "' head '" + wanted().head +
                                         "' takes " + std::to_string(wanted().dim));
    }
    PICTOR_TRY(check_finite(vector));
    return vector;
  }
};

// Items that the query names are not answers to it.
std::size_t named_items(const Query& query) {
  return static_cast<std::size_t>(std::count_if(query.parts.begin(), query.parts.end(),
                                                [](const auto& part) { return part.kind == QueryPart::Kind::kId; }));
}

bool is_named(const Query& query, const std::string& id) {
  return std::any_of(query.parts.begin(), query.parts.end(),
                     [&](const auto& part) { return part.kind == QueryPart::Kind::kId && part.text == id; });
}

Status fill_hits(const Query& query, const Snapshot& snapshot, std::span<const Neighbor> neighbors,
                 const SpaceSpec& space, std::size_t position, Hits& hits) {
  std::vector<RowId> rows;
  for (const auto& neighbor : neighbors) rows.push_back(neighbor.row);
  PICTOR_ASSIGN(const auto items, snapshot.items(rows, query.with_vectors));
  for (std::size_t i = 0; i < items.size() && hits.hits.size() < query.k; ++i) {
    if (is_named(query, items[i].data.id)) continue;
    hits.hits.push_back(hit_of(items[i], score_of(neighbors[i].distance, space.metric)));
    if (query.with_vectors) hits.hits.back().vector = items[i].data.vectors[position];
  }
  return Status::ok();
}

// How near answers lie tells how dense the space is where it is asked.
void observe_similarity(const Hits& hits, Metric of_space) {
  if (of_space != Metric::kCosine) return;
  const auto observe = [&](HitRank rank, std::size_t at) {
    if (hits.hits.size() <= at) return;
    Metrics::global().observe(metric::kSearchSimilarity, rank, static_cast<double>(hits.hits[at].score.value));
  };
  observe(HitRank::kFirst, 0);
  observe(HitRank::kTenth, 9);
}

QueryKind kind_of(const Query& query) {
  if (query.parts.size() != 1) return QueryKind::kMixed;
  switch (query.parts[0].kind) {
    case QueryPart::Kind::kText: return QueryKind::kText;
    case QueryPart::Kind::kImage: return QueryKind::kImage;
    case QueryPart::Kind::kId: return QueryKind::kId;
    case QueryPart::Kind::kVector: return QueryKind::kVector;
  }
  return QueryKind::kMixed;
}

}  // namespace

Result<Hits> EngineImpl::search(const Query& query) {
  auto& metrics = Metrics::global();
  auto hits = answer(query, true);
  if (!hits.is_ok()) {
    metrics.add(metric::kSearchFailures);
    log(LogLevel::kWarning, "search_failed",
        {{"collection", query.collection},
         {"code", code_name(hits.status().code())},
         {"cause", hits.status().message()}});
    return hits;
  }
  metrics.add(metric::kSearchQueries, kind_of(query));
  metrics.observe(metric::kSearchSeconds, kind_of(query), hits->ms * 1e-3);
  metrics.add(metric::kSearchDistances, static_cast<double>(hits->distances));
  return hits;
}

// The exact answer later, on its own copies of the vector and of the allowed rows.
void EngineImpl::compare_live(const std::string& collection, const std::shared_ptr<const Snapshot>& snapshot,
                              const BackendQuery& asked, const Candidates& found) {
  std::optional<RowSet> allowed;
  if (asked.allowed != nullptr) allowed = *asked.allowed;
  live_recall_.saw(collection, found.neighbors,
                   [this, snapshot, asked, vector = std::vector<float>(asked.vector.begin(), asked.vector.end()),
                    allowed = std::move(allowed)]() -> Result<std::vector<Neighbor>> {
                     BackendQuery exactly = asked;
                     exactly.vector = vector;
                     exactly.allowed = allowed.has_value() ? &*allowed : nullptr;
                     exactly.recall = 1;  // of rows: distances that came from codes are not compared
                     exactly.deadline_us = env_.monotonic_us() + limits::kLiveRecallUsMax;
                     exactly.alone = true;  // and at the lowest priority: others are being waited for
                     PICTOR_ASSIGN(auto truth, backend_->search(*snapshot, exactly));
                     if (!truth.complete) return Status(Code::kCancelled, "the exact answer took too long");
                     return std::move(truth.neighbors);
                   });
}

// What a query is asked with, as far as it is known.
struct EngineImpl::Asked {
  const Query& query;
  const CollectionSpec& spec;
  std::shared_ptr<const Snapshot> snapshot;
  Terms terms;
  Result<EncoderCard> card;
  std::size_t position = 0;  // of the space
  std::optional<StoredMatch> match = {};
  std::optional<RowSet> allowed = {};
  std::vector<float> vector = {};

  const SpaceSpec& space() const { return spec.spaces[position]; }
  const RowSet* only() const { return allowed.has_value() ? &*allowed : nullptr; }
  Status filter(Stages& stages) {
    if (query.where.empty()) return Status::ok();
    PICTOR_ASSIGN(allowed, snapshot->matching(query.where));
    stages.done(kFiltered, "filter by " + describe(allowed->work()) + ": " + std::to_string(allowed->size()) + " of " +
                               std::to_string(snapshot->size()) + " rows allowed");
    return Status::ok();
  }
  BackendQuery of_backend(std::size_t k) const {
    return {space().id,
            vector,
            space().metric,
            k,
            only(),
            terms.deadline_us,
            terms.recall,
            query.explain,
            query.coded_scores,
            is_strange(query, card, space().head)};
  }
};

Result<std::shared_ptr<Batcher>> EngineImpl::encoder_of(const Asked& asked, std::vector<std::string>& warnings) {
  const auto& spec = asked.spec;
  PICTOR_TRY(asked.card.status());
  PICTOR_TRY(check_spaces(spec, *asked.card));
  PICTOR_TRY(keep_to_class_of(spec));
  PICTOR_ASSIGN(auto opened, encoders_.batcher(spec.encoder));
  const auto isa_class = opened->encoder().isa_class();
  if (isa_class != spec.isa_class && warnings.empty()) {
    warnings.push_back("the collection was begun under " + spec.isa_class + ", this run is under " + isa_class +
                       ": scores may differ in their last digits");
  }
  return opened;
}

// The vectors nearest to those of the query's parts.
Result<std::vector<Neighbor>> EngineImpl::nearest(const Asked& asked, bool live, Stages& stages, Hits& hits) {
  const auto& snapshot = *asked.snapshot;
  const auto& space = asked.space();
  const std::size_t least = asked.match.has_value() ? kMatchFirstHits : 0;
  const std::size_t k = std::max(candidates_of(asked.query), least) + named_items(asked.query);
  const Plan plan{
      asked.allowed ? PlanKind::kFilterFirst : PlanKind::kAll, space.id,          space.head, space.metric, k,
      asked.allowed ? asked.allowed->size() : snapshot.size(), asked.terms.recall};
  stages.done(kPlanned, plan.describe());
  const BackendQuery query = asked.of_backend(k);
  PICTOR_ASSIGN(auto found, backend_->search(snapshot, query));
  if (live && !found.exact && found.complete) compare_live(asked.query.collection, asked.snapshot, query, found);
  hits.complete = found.complete;
  hits.recall = found.exact ? "exact" : "recall " + recall_text(asked.terms.recall) + " by calibration";
  hits.distance_error = found.distance_error;
  hits.distances = found.distances;
  hits.head = space.head;
  hits.space = space.id;
  std::string ways;
  for (const std::string& way : found.ways) ways += "; " + way;
  stages.done(kCandidatesFound,
              std::to_string(found.neighbors.size()) + " of " + std::to_string(found.distances) + " distances" + ways);
  return std::move(found.neighbors);
}

Result<Hits> EngineImpl::answer(const Query& query, bool live) {
  Hits hits;
  Stages stages(env_, query, hits);
  PICTOR_TRY(check_query(query));
  PICTOR_ASSIGN(const auto collection, folder_->collection(query.collection));
  const auto& spec = collection->spec();
  PICTOR_TRY(check_kinds(query, spec));
  const Terms terms = terms_of(query, *collection->settings(), env_.monotonic_us());
  PICTOR_ASSIGN(auto taken, collection->snapshot_as_of(query.as_of));
  const std::shared_ptr<const Snapshot> snapshot = std::move(taken);
  stages.done(kSnapshotTaken, "snapshot " + std::to_string(snapshot->sequence()));

  auto card = is_external(spec) ? Result<EncoderCard>(Status(Code::kNotFound, "vectors from elsewhere"))
                                : encoders_.card(spec.encoder);
  PICTOR_ASSIGN(const auto position, choose_space(query, spec, card.is_ok() ? &card.value() : nullptr));
  Asked asked{query, spec, snapshot, terms, std::move(card), position};
  PICTOR_ASSIGN(asked.match, match_for(query, spec, *collection->settings(), asked.space()));
  const std::function<Result<std::shared_ptr<Batcher>>()> encoder = [&] { return encoder_of(asked, hits.warnings); };
  // Tokens first, as the same forward pass gives the vectors of pictures, which are then remembered.
  SecondStages second{env_, query, *collection, snapshot, position, reranks_, &pool_};
  PICTOR_TRY(second.make_query_tokens(QueryTokenMaker{encoder, vectors_, terms.deadline_us}));
  if (!query.rerank.by.empty()) stages.done(kTokensMade, "patch tokens of the query");
  if (!query.parts.empty()) {
    PICTOR_ASSIGN(asked.vector,
                  (QueryMaker{spec, *snapshot, position, encoder, vectors_, terms.deadline_us}.mix(query.parts)));
    stages.done(kVectorMade, std::to_string(query.parts.size()) + " part(s) in head '" + asked.space().head + "'");
  }
  PICTOR_TRY(asked.filter(stages));
  hits.candidates = asked.allowed ? asked.allowed->size() : snapshot->size();
  hits.sequence = snapshot->sequence();
  hits.recall = "exact";  // of words
  std::vector<Neighbor> neighbors;
  if (!query.parts.empty()) {
    PICTOR_ASSIGN(neighbors, nearest(asked, live, stages, hits));
  }
  if (has_stages(query)) {
    PICTOR_TRY(second.find_words(asked.only(), stages));
    const auto distances_of = [&](const RowSet& rows) -> Result<std::vector<Neighbor>> {
      BackendQuery of_rows = asked.of_backend(rows.size());
      of_rows.allowed = &rows;
      of_rows.recall = 1;
      PICTOR_ASSIGN(auto found, backend_->search(*snapshot, of_rows));
      return std::move(found.neighbors);
    };
    PICTOR_TRY(second.rank(neighbors, distances_of, terms.deadline_us, stages, hits));
  } else {
    PICTOR_TRY(fill_hits(query, *snapshot, neighbors, asked.space(), position, hits));
  }
  stages.done(kItemsRead, std::to_string(hits.hits.size()) + " items read");
  if (asked.match.has_value()) {
    const Answered answered{query, *collection, *snapshot, position, asked.vector, neighbors};
    PICTOR_TRY(grade_hits(answered, *asked.match, cohorts_, hits));
    stages.done(kGraded, std::to_string(hits.hits.size()) + " hits with a probability");
  }
  stages.all_done();
  if (live && !has_stages(query)) observe_similarity(hits, asked.space().metric);
  return hits;
}

}  // namespace pictor
