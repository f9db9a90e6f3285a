// A batch: checked, its blobs durable, its rows durable in one transaction, then shown to readers.
#include <algorithm>

#include "observe/observe.h"
#include "store/collection.h"
#include "store/schema.h"

namespace pictor {
namespace {

std::int64_t mask_of(const ItemWrite& item) {
  std::int64_t mask = 0;
  for (std::size_t i = 0; i < item.vectors.size(); ++i) {
    if (!item.vectors[i].empty()) mask |= std::int64_t{1} << i;
  }
  if (!item.tokens.empty()) mask |= std::int64_t{1} << kTokensBit;
  return mask;
}

bool is_full(const State& state) {
  return state.fresh_rows() >= limits::kFreshRowsMax || state.fresh_bytes >= limits::kFreshBytesMax;
}

}  // namespace

Result<CommitResult> CollectionStore::commit(const Batch& batch) {
  const Stopwatch stopwatch(env_);
  PICTOR_ASSIGN(const auto json, check_batch(spec_, batch));
  const std::lock_guard lock(writing_);
  PICTOR_ASSIGN(const auto before, repeated(batch.id));
  if (before) return *before;
  // Full only when the last attempt to seal failed: its cause is told before more is taken.
  if (is_full(*state())) PICTOR_TRY(seal_locked());
  PICTOR_ASSIGN(const auto blobs, put_blobs(batch));
  const auto now = state();
  PICTOR_ASSIGN(auto changes, store_batch(batch, json, blobs, *now));
  show(batch, changes, *now);
  // The batch is durable: a failure here is told by the next commit, which needs the room.
  if (is_full(*state())) changes.result.sealed = seal_locked().is_ok();
  Metrics::global().add(metric::kStoreCommits);
  Metrics::global().observe(metric::kStoreCommitSeconds, stopwatch.wall_seconds());
  return changes.result;
}

Result<std::optional<CommitResult>> CollectionStore::applied(const std::string& batch_id) const {
  const std::lock_guard lock(writing_);
  return repeated(batch_id);
}

Result<std::optional<CommitResult>> CollectionStore::repeated(const std::string& batch_id) const {
  Use select(*writer_.known_batch);
  select->bind(0, std::string_view(batch_id));
  PICTOR_ASSIGN(const bool found, select->step());
  if (!found) return std::optional<CommitResult>();
  CommitResult result;
  result.sequence = static_cast<Sequence>(select->integer(0));
  result.added = static_cast<std::uint64_t>(select->integer(1));
  result.replaced = static_cast<std::uint64_t>(select->integer(2));
  result.deleted = static_cast<std::uint64_t>(select->integer(3));
  result.repeated = true;
  return std::optional(result);
}

Result<std::vector<Hash256>> CollectionStore::put_blobs(const Batch& batch) {
  std::vector<Hash256> hashes(batch.puts.size());
  std::vector<Blob> blobs;
  for (std::size_t i = 0; i < batch.puts.size(); ++i) {
    if (batch.puts[i].blob.empty()) continue;
    hashes[i] = sha256(batch.puts[i].blob);
    blobs.push_back({hashes[i], batch.puts[i].blob});
  }
  PICTOR_TRY(blobs_.put(blobs));
  return hashes;
}

Result<CollectionStore::Changes> CollectionStore::store_batch(const Batch& batch, const std::vector<CheckedJson>& json,
                                                              const std::vector<Hash256>& blobs, const State& now) {
  Changes changes;
  CommitResult& result = changes.result;
  result.sequence = now.sequence + 1;
  PICTOR_ASSIGN(auto transaction, Transaction::begin(*writer_.database));
  for (const auto& id : batch.deletes) PICTOR_TRY(bury_alive(id, result.sequence, changes.dead));
  result.deleted = changes.dead.size();
  RowId row = now.last_row;
  for (std::size_t i = 0; i < batch.puts.size(); ++i) {
    PICTOR_TRY(bury_alive(batch.puts[i].id, result.sequence, changes.dead));
    PICTOR_TRY(store_item(batch.puts[i], json[i], blobs[i], ++row, result.sequence));
  }
  result.replaced = changes.dead.size() - result.deleted;
  result.added = batch.puts.size() - result.replaced;
  PICTOR_TRY(finish_batch(batch.id, result, now));
  PICTOR_TRY(transaction.commit());
  return changes;
}

Status CollectionStore::bury_alive(std::string_view id, Sequence at, std::vector<RowId>& dead) {
  std::int64_t row = 0;
  {
    Use select(*writer_.alive);
    select->bind(0, id);
    PICTOR_ASSIGN(const bool found, select->step());
    if (!found) return Status::ok();
    row = select->integer(0);
  }
  Use update(*writer_.bury);
  update->bind(0, row);
  update->bind(1, static_cast<std::int64_t>(at));
  PICTOR_TRY(update->step().status());
  if (spec_.tokens.codec != TokenCodec::kNone) {
    Use remove(*writer_.delete_tokens);
    remove->bind(0, row);
    PICTOR_TRY(remove->step().status());
  }
  dead.push_back(static_cast<RowId>(row));
  return Status::ok();
}

Status CollectionStore::store_item(const ItemWrite& item, const CheckedJson& json, const Hash256& blob, RowId row,
                                   Sequence born) {
  Use insert(*writer_.insert_row);
  insert->bind(0, static_cast<std::int64_t>(row));
  insert->bind(1, std::string_view(item.id));
  insert->bind(2, static_cast<std::int64_t>(born));
  insert->bind(3, mask_of(item));
  insert->bind(4, std::int64_t{item.width});
  insert->bind(5, std::int64_t{item.height});
  insert->bind(6, std::string_view(item.format));
  insert->bind(7, bytes_of(item.content));
  insert->bind(8, static_cast<std::int64_t>(item.source_bytes));
  insert->bind(9, item.source_modified_us);
  insert->bind(10, env_.wall_us());
  if (!item.blob.empty()) insert->bind(11, bytes_of(blob));
  insert->bind(12, std::string_view(item.source));
  insert->bind(13, std::string_view(json.metadata));
  insert->bind(14, std::string_view(item.text));
  insert->bind(15, std::string_view(json.receipt));
  PICTOR_TRY(insert->step().status());
  if (writer_.put_words != nullptr) {
    Use put(*writer_.put_words);
    put->bind(0, static_cast<std::int64_t>(row));
    PICTOR_TRY(put->step().status());
  }
  for (std::size_t i = 0; i < item.vectors.size(); ++i) {
    if (item.vectors[i].empty()) continue;
    Use insert_vector(*writer_.insert_vector);
    insert_vector->bind(0, static_cast<std::int64_t>(row) * kSlotsPerRow + static_cast<std::int64_t>(i));
    insert_vector->bind(1, std::as_bytes(std::span(item.vectors[i])));
    PICTOR_TRY(insert_vector->step().status());
  }
  if (!item.tokens.empty()) {
    Use insert_tokens(*writer_.insert_tokens);
    insert_tokens->bind(0, static_cast<std::int64_t>(row));
    insert_tokens->bind(1, std::int64_t{tokens_crc(row, item.tokens)});
    insert_tokens->bind(2, ByteView(item.tokens));
    PICTOR_TRY(insert_tokens->step().status());
  }
  if (item.blob.empty()) return Status::ok();
  Use insert_blob(*writer_.insert_blob);
  insert_blob->bind(0, bytes_of(blob));
  insert_blob->bind(1, static_cast<std::int64_t>(item.blob.size()));
  return insert_blob->step().status();
}

Status CollectionStore::finish_batch(const std::string& id, const CommitResult& result, const State& now) {
  Use insert(*writer_.insert_batch);
  insert->bind(0, std::string_view(id));
  insert->bind(1, static_cast<std::int64_t>(result.sequence));
  insert->bind(2, static_cast<std::int64_t>(result.added));
  insert->bind(3, static_cast<std::int64_t>(result.replaced));
  insert->bind(4, static_cast<std::int64_t>(result.deleted));
  PICTOR_TRY(insert->step().status());
  if (result.sequence > limits::kBatchesRemembered) {
    Use forget(*writer_.forget_batches);
    forget->bind(0, static_cast<std::int64_t>(result.sequence - limits::kBatchesRemembered));
    PICTOR_TRY(forget->step().status());
  }
  State next;
  next.sequence = result.sequence;
  next.items = now.items + result.added - result.deleted;
  next.sealed_row = now.sealed_row;
  next.history_from = now.history_from;
  writer_.last_commit_us = std::max(writer_.last_commit_us, env_.wall_us());
  Use commit(*writer_.insert_commit);
  commit->bind(0, static_cast<std::int64_t>(next.sequence));
  commit->bind(1, writer_.last_commit_us);
  commit->bind(2, static_cast<std::int64_t>(next.items));
  PICTOR_TRY(commit->step().status());
  return set_state(next);
}

void CollectionStore::show(const Batch& batch, const Changes& changes, const State& now) {
  auto next = std::make_shared<State>(now);
  next->sequence = changes.result.sequence;
  next->items += changes.result.added - changes.result.deleted;
  for (const auto& item : batch.puts) {
    ++next->last_row;
    for (std::size_t i = 0; i < item.vectors.size(); ++i) {
      if (item.vectors[i].empty()) continue;
      next->spaces[i].append(spec_.spaces[i].dim, next->last_row, next->sequence, item.vectors[i]);
      next->fresh_bytes += item.vectors[i].size() * sizeof(float);
    }
  }
  for (const RowId row : changes.dead) next->bury(row, next->sequence);
  publish(std::move(next));
}

}  // namespace pictor
