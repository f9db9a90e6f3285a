#include "engine/second_stages.h"

#include <algorithm>

#include "engine/metadata_columns.h"
#include "engine/score.h"

namespace pictor {
namespace {

constexpr std::string_view kByTokens = "tokens";

std::int64_t rerank_deadline(const Query& query, std::int64_t now_us, std::int64_t deadline_us) {
  const std::int64_t ms = query.rerank.budget_ms == 0 ? limits::kRerankMsDefault : query.rerank.budget_ms;
  const std::int64_t own = now_us + ms * 1000;
  return deadline_us == 0 ? own : std::min(own, deadline_us);
}

}  // namespace

bool has_stages(const Query& query) {
  return !query.rerank.by.empty() || !query.words.words.empty() || !query.boost.empty() || query.diversity != 0 ||
         !query.group_by.empty() || query.group_size != 1 || query.offset != 0;
}

namespace {

Status check_order(const Query& query) {
  if (!(query.diversity >= 0 && query.diversity <= 1)) {
    return {Code::kInvalid, "diversity is a number of 0 to 1"};
  }
  if (query.group_by.empty() && query.group_size != 1) {
    return {Code::kInvalid, "a size of groups is for hits that are grouped: say by which name of the metadata"};
  }
  if (query.group_size == 0) return {Code::kInvalid, "a group of no hits was asked for, it has 1 at least"};
  if (query.group_by.size() > limits::kGroupNameBytesMax) {
    return {Code::kLimit, "the name to group by has " + std::to_string(query.group_by.size()) + " bytes, at most " +
                              std::to_string(limits::kGroupNameBytesMax) + " are read"};
  }
  // Another number of candidates may give another order, in which pages would repeat hits.
  if (query.offset != 0 && (query.offset > limits::kCandidatesMax || query.offset + query.k > candidates_of(query))) {
    return {Code::kInvalid, "hits " + std::to_string(query.offset) + " to " + std::to_string(query.offset + query.k) +
                                " were asked for, of " + std::to_string(candidates_of(query)) +
                                " candidates: ask for more candidates, the same on every page"};
  }
  if (query.boost.empty()) return Status::ok();
  return Boost::parse(query.boost).status();
}

}  // namespace

Status check_stages(const Query& query) {
  if (query.candidates > limits::kCandidatesMax) {
    return {Code::kInvalid, "candidates are " + std::to_string(query.candidates) + ", they must be 1 to " +
                                std::to_string(limits::kCandidatesMax)};
  }
  if (!has_stages(query)) {
    if (query.candidates == 0) return Status::ok();
    return {Code::kInvalid,
            "candidates are those of a second stage, and none is asked for: re-rank, look for words, boost, group, or "
            "leave them out"};
  }
  if (query.k > limits::kCandidatesMax) {
    return {Code::kInvalid, "k is " + std::to_string(query.k) + ", of a query of several stages it must be 1 to " +
                                std::to_string(limits::kCandidatesMax)};
  }
  if (!(query.words.weight >= 0 && query.words.weight <= 1)) {
    return {Code::kInvalid, "the weight of words is a number of 0 to 1"};
  }
  if (!query.rerank.by.empty() && query.rerank.by != kByTokens) {
    return {Code::kInvalid, "there is no re-ranker '" + query.rerank.by + "': wanted 'tokens'"};
  }
  if (query.rerank.budget_ms < 0 || query.rerank.budget_ms > limits::kRerankMsMax) {
    return {Code::kInvalid, "re-ranking is given " + std::to_string(query.rerank.budget_ms) + " ms, wanted 1 to " +
                                std::to_string(limits::kRerankMsMax)};
  }
  return check_order(query);
}

std::size_t candidates_of(const Query& query) {
  if (!has_stages(query)) return query.k;
  const std::size_t asked = query.candidates == 0 ? limits::kCandidatesDefault : query.candidates;
  return std::max(query.k, asked);
}

Hit hit_of(const Item& item, Score score) {
  Hit hit;
  hit.id = item.data.id;
  hit.score = score;
  hit.source = item.data.source;
  hit.metadata = item.data.metadata;
  hit.text = item.data.text;
  hit.width = item.data.width;
  hit.height = item.data.height;
  hit.format = item.data.format;
  return hit;
}

// Those of an item as they are kept; those of a picture are made, and packed as they would be kept.
Result<ItemTokens> SecondStages::tokens_of(const QueryPart& part, const QueryTokenMaker& maker) const {
  ItemTokens out;
  if (part.kind == QueryPart::Kind::kId) {
    PICTOR_ASSIGN(const auto item, snapshot_->find(part.text, false));
    if (!item.has_value()) {
      return Status(Code::kNotFound, "collection '" + spec_.name + "' has no item '" + part.text + "'");
    }
    PICTOR_ASSIGN(const auto packed, snapshot_->tokens(item->row));
    if (!packed.has_value()) return Status(Code::kNotFound, "item '" + part.text + "' has no patch tokens");
    PICTOR_TRY(item_tokens(spec_.tokens.codec, spec_.tokens.grid, *packed, out));
    return out;
  }
  PICTOR_ASSIGN(const auto batcher, maker.encoder());
  PICTOR_TRY(check_grid(spec_, batcher->encoder().card()));
  const QueryEmbedder embedder{*batcher, maker.cache, maker.deadline_us};
  auto numbers = embedder.picture_tokens(part.image);
  if (!numbers.is_ok()) return numbers.status().in("the query picture");
  PICTOR_ASSIGN(const auto packed,
                pack_tokens(TokenCodec::kInt8, spec_.tokens.grid, *numbers, batcher->encoder().card().grid.dim));
  PICTOR_TRY(item_tokens(TokenCodec::kInt8, spec_.tokens.grid, packed, out));
  return out;
}

Status SecondStages::make_query_tokens(const QueryTokenMaker& maker) {
  if (query_.rerank.by != kByTokens) return Status::ok();
  if (spec_.tokens.codec == TokenCodec::kNone) {
    return {Code::kMismatch, "collection '" + spec_.name +
                                 "' keeps no patch tokens to re-rank by: that is decided when "
                                 "it is made (pictor index --tokens int8)"};
  }
  for (const auto& part : query_.parts) {
    if (part.kind != QueryPart::Kind::kId && part.kind != QueryPart::Kind::kImage) continue;
    PICTOR_ASSIGN(const auto tokens, tokens_of(part, maker));
    tokens_.push_back({query_tokens(tokens), part.weight});
  }
  if (!tokens_.empty()) return Status::ok();
  return {Code::kInvalid, "re-ranking by tokens compares pictures: the query has no picture and no item"};
}

Status SecondStages::find_named() {
  for (const auto& part : query_.parts) {
    if (part.kind != QueryPart::Kind::kId) continue;
    PICTOR_ASSIGN(const auto item, snapshot_->find(part.text, false));
    if (item.has_value()) named_.push_back(item->row);
  }
  return Status::ok();
}

bool SecondStages::is_named(RowId row) const { return std::ranges::find(named_, row) != named_.end(); }

ScoredRow SecondStages::ranked(const Neighbor& neighbor) const {
  const Score score = score_of(neighbor.distance, spec_.spaces[space_].metric);
  return {neighbor.row, static_cast<double>(score.value), true};
}

std::vector<ScoredRow> SecondStages::first_stage(std::span<const Neighbor> neighbors) {
  std::vector<ScoredRow> rows;
  for (const auto& neighbor : neighbors) {
    if (!is_named(neighbor.row) && rows.size() < candidates_of(query_)) rows.push_back(ranked(neighbor));
  }
  note("vector", rows);
  return rows;
}

Status SecondStages::find_words(const RowSet* allowed, Stages& stages) {
  PICTOR_TRY(find_named());
  const std::string& words = query_.words.words;
  if (words.empty()) return Status::ok();
  PICTOR_TRY(collection_.index_words(false));
  const std::size_t wanted = candidates_of(query_);
  PICTOR_ASSIGN(const auto found, snapshot_->by_words(words, allowed, wanted + named_.size()));
  for (const auto& hit : found) {
    if (!is_named(hit.row) && by_words_.size() < wanted) by_words_.push_back({hit.row, hit.score, true});
  }
  stages.done(kWordsFound, "words: " + std::to_string(by_words_.size()) + " items found");
  return Status::ok();
}

// By words alone, or of both. What only the words found has no distance yet, which a sum of scores needs.
Status SecondStages::fuse(const DistancesOf& distances_of, std::vector<ScoredRow>& rows, Stages& stages) {
  const WordTerms& terms = query_.words;
  if (terms.words.empty()) return Status::ok();
  note("words", by_words_);
  if (query_.parts.empty()) {
    rows = by_words_;
    return Status::ok();
  }
  std::vector<WeightedRows> lists{{1 - terms.weight, rows}, {terms.weight, by_words_}};
  if (terms.fusion == Fusion::kScores) {
    for (auto& row : lists[1].rows) row.score /= by_words_[0].score;
    std::vector<RowId> unknown;
    for (const auto& row : by_words_) {
      if (std::ranges::find(rows, row.row, &ScoredRow::row) == rows.end()) unknown.push_back(row.row);
    }
    std::ranges::sort(unknown);
    if (!unknown.empty()) {
      PICTOR_ASSIGN(const auto found, distances_of(RowSet::of(unknown)));
      for (const auto& neighbor : found) lists[0].rows.push_back(ranked(neighbor));
    }
  }
  rows = terms.fusion == Fusion::kScores ? fuse_scores(lists) : fuse_ranks(lists);
  if (rows.size() > candidates_of(query_)) rows.resize(candidates_of(query_));
  note("fused", rows);
  stages.done(kFused, std::string(terms.fusion == Fusion::kScores ? "scores" : "ranks") +
                          " of vectors and words: " + std::to_string(rows.size()) + " candidates");
  return Status::ok();
}

void SecondStages::note(const std::string& stage, std::span<const ScoredRow> rows) {
  if (!query_.explain) return;
  std::uint64_t rank = 0;
  for (const auto& row : rows) {
    if (row.judged) parts_[row.row].push_back({stage, row.score, ++rank});
  }
}

void SecondStages::rerank(std::vector<ScoredRow>& rows, std::int64_t deadline_us, Stages& stages, Hits& hits) {
  if (query_.rerank.by.empty()) return;
  const TokenSource source{spec_.tokens.codec, spec_.tokens.grid,
                           [snapshot = snapshot_](RowId row) { return snapshot->tokens(row); }};
  auto reranker = make_token_reranker(env_, tokens_, source, pool_);
  auto outcome =
      reranks_.run(std::move(reranker), std::move(rows), rerank_deadline(query_, env_.monotonic_us(), deadline_us));
  rows = std::move(outcome.rows);
  hits.reranked = outcome.applied;
  if (outcome.applied) note(query_.rerank.by, rows);
  if (!outcome.warning.empty()) hits.warnings.push_back(outcome.warning);
  stages.done(kReranked, query_.rerank.by + " of " + std::to_string(rows.size()) + " candidates" +
                             (outcome.applied ? "" : ", fell back"));
}

Status SecondStages::boost(std::vector<ScoredRow>& rows, Stages& stages) {
  if (query_.boost.empty() || rows.empty()) return Status::ok();
  PICTOR_ASSIGN(const auto expression, Boost::parse(query_.boost));
  std::vector<RowId> all;
  all.reserve(rows.size());
  for (const auto& row : rows) all.push_back(row.row);
  PICTOR_ASSIGN(const auto items, snapshot_->items(all, false));
  const std::int64_t now_us = env_.wall_us();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const MetadataColumns columns(items[i].data.metadata);
    std::vector<BoostTerm> terms;
    const BoostRow row{rows[i].score, [&](std::string_view name) { return columns.value(name); }, now_us};
    rows[i].score = expression.value(row, query_.explain ? &terms : nullptr);
    rows[i].judged = true;
    for (const auto& term : terms) parts_[rows[i].row].push_back({term.text, term.value, 0});
  }
  std::ranges::stable_sort(rows, [](const ScoredRow& a, const ScoredRow& b) { return a.score > b.score; });
  note("boost", rows);
  stages.done(kBoosted, "boost of " + std::to_string(rows.size()) + " candidates");
  return Status::ok();
}

// Groups first: what is left out is not worth its place among the varied.
Status SecondStages::vary(std::vector<ScoredRow>& rows, Stages& stages) {
  if ((query_.group_by.empty() && query_.diversity == 0) || rows.empty()) return Status::ok();
  std::vector<RowId> all;
  all.reserve(rows.size());
  for (const auto& row : rows) all.push_back(row.row);
  PICTOR_ASSIGN(auto items, snapshot_->items(all, query_.diversity != 0));
  std::map<RowId, std::vector<float>> vectors;
  std::vector<std::string> groups;
  for (auto& item : items) {
    if (!query_.group_by.empty()) groups.push_back(MetadataColumns(item.data.metadata).text(query_.group_by));
    if (item.data.vectors.size() > space_) vectors[item.row] = std::move(item.data.vectors[space_]);
  }
  if (!query_.group_by.empty()) rows = collapse(rows, groups, query_.group_size);
  if (query_.diversity != 0) {
    std::vector<std::vector<float>> of_rows;
    of_rows.reserve(rows.size());
    for (const auto& row : rows) of_rows.push_back(std::move(vectors[row.row]));
    // All of them: the first page must not depend on how long it is.
    rows = diversify(rows, of_rows, query_.diversity, rows.size());
  }
  stages.done(kVaried, std::to_string(rows.size()) + " of " + std::to_string(all.size()) + " candidates" +
                           (query_.group_by.empty() ? "" : ", grouped by " + query_.group_by) +
                           (query_.diversity == 0 ? "" : ", diversified"));
  return Status::ok();
}

Status SecondStages::fill(std::span<const ScoredRow> rows, Hits& hits) {
  std::vector<RowId> first;
  rows = rows.subspan(std::min(rows.size(), query_.offset));
  for (const auto& row : rows.first(std::min(rows.size(), query_.k))) first.push_back(row.row);
  PICTOR_ASSIGN(auto items, snapshot_->items(first, query_.with_vectors));
  for (std::size_t i = 0; i < items.size(); ++i) {
    Hit hit = hit_of(items[i], {static_cast<float>(rows[i].score)});
    if (query_.with_vectors && items[i].data.vectors.size() > space_) {
      hit.vector = std::move(items[i].data.vectors[space_]);
    }
    if (query_.explain) hit.parts = std::move(parts_[first[i]]);
    if (query_.explain && !query_.words.words.empty()) {
      PICTOR_ASSIGN(hit.words, snapshot_->words_of(first[i], query_.words.words));
    }
    hits.hits.push_back(std::move(hit));
  }
  return Status::ok();
}

Status SecondStages::rank(std::span<const Neighbor> neighbors, const DistancesOf& distances_of,
                          std::int64_t deadline_us, Stages& stages, Hits& hits) {
  auto rows = first_stage(neighbors);
  PICTOR_TRY(fuse(distances_of, rows, stages));
  rerank(rows, deadline_us, stages, hits);
  PICTOR_TRY(boost(rows, stages));
  PICTOR_TRY(vary(rows, stages));
  return fill(rows, hits);
}

}  // namespace pictor
