// Everything of the engine that is not one of the two lines: opening, reading, removing, looking after.
#include "engine/engine.h"

#include <algorithm>

#include "engine/engine_impl.h"
#include "engine/external.h"
#include "engine/index_choice.h"
#include "engine/settings.h"
#include "observe/observe.h"
#include "vector/vector.h"

namespace pictor {
namespace {

CollectionInfo info_of(const CollectionStats& stats) {
  CollectionInfo info;
  info.name = stats.spec.name;
  info.encoder = stats.spec.encoder;
  info.isa_class = stats.spec.isa_class;
  info.keep = keep_name(stats.spec.keep);
  for (const auto& space : stats.spec.spaces) {
    info.heads.push_back({space.head, space.dim, space.metric, !is_external(stats.spec), false, space.id});
  }
  info.external = is_external(stats.spec);
  info.sequence = stats.sequence;
  info.items = stats.items;
  info.rows_dead = stats.rows_dead;
  info.rows_fresh = stats.rows_fresh;
  info.segments = stats.segments;
  info.segments_damaged = stats.segments_damaged;
  info.items_damaged = stats.items_damaged;
  info.purges_begun = stats.purges_begun;
  info.database_bytes = stats.database_bytes;
  info.segment_bytes = stats.segment_bytes;
  info.blob_bytes = stats.blob_bytes;
  info.graphs = stats.graphs;
  info.graph_bytes = stats.graph_bytes;
  info.vectors = stats.vectors;
  info.lists = stats.lists;
  info.list_bytes = stats.list_bytes;
  info.index_type = index_type_name(stats.index_policy.kind);
  info.memory_budget_given = stats.index_policy.memory_bytes != 0;
  info.memory_budget_bytes = info.memory_budget_given ? stats.index_policy.memory_bytes : machine_memory_bytes() / 2;
  info.mapped_bytes = stats.segment_bytes + stats.graph_bytes + stats.list_bytes + stats.column_bytes;
  info.resident_bytes = stats.resident_bytes;
  info.tokens = codec_name(stats.spec.tokens.codec);
  info.token_grid = stats.spec.tokens.grid;
  info.tokens_items = stats.tokens_items;
  info.tokens_bytes = stats.tokens_bytes;
  info.tokens_item_bytes = packed_tokens_bytes(stats.spec.tokens.codec, stats.spec.tokens.grid);
  return info;
}

std::uint64_t segment_rows_max(const Collection& collection) {
  const auto choice = choose_index(collection);
  return choice.is_ok() ? choice->segment_rows_max : limits::kSegmentMergeRowsMax;
}

Status set_index_policy(const IndexesRequest& request, Collection& collection) {
  IndexPolicy policy = collection.index_policy();
  if (!request.index_type.empty()) {
    PICTOR_ASSIGN(policy.kind, parse_index_type(request.index_type));
  }
  if (request.memory_bytes.has_value()) policy.memory_bytes = *request.memory_bytes;
  return collection.set_index_policy(policy);
}

}  // namespace

std::string keep_name(Keep keep) {
  switch (keep) {
    case Keep::kOriginal: return "original";
    case Keep::kThumbnail: return "thumbnail";
    case Keep::kReference: return "reference";
    case Keep::kNone: return "none";
  }
  return "none";
}

Result<Keep> parse_keep(std::string_view name) {
  for (const auto keep : {Keep::kOriginal, Keep::kThumbnail, Keep::kReference, Keep::kNone}) {
    if (keep_name(keep) == name) return keep;
  }
  return Status(Code::kInvalid,
                "keep is 'original', 'thumbnail', 'reference' or 'none', not '" + std::string(name) + "'");
}

Result<std::unique_ptr<Engine>> Engine::open(Env& env, const EngineOptions& options) {
  if (options.threads > limits::kThreadsMax) {
    return Status(Code::kInvalid, std::to_string(options.threads) + " threads were asked for, at most " +
                                      std::to_string(limits::kThreadsMax) + " are used");
  }
  PICTOR_TRY(check_runtime_choice({options.runtime, options.device}));
  PICTOR_ASSIGN(auto folder, DataFolder::open(env, options.data_folder, options.create));
  const std::size_t threads = options.threads == 0 ? available_processors() : options.threads;
  auto parts = std::make_shared<EngineParts>(env, options, threads);
  auto engine = std::make_unique<EngineImpl>(env, parts, std::move(folder), false);
  parts->backup_of_all = [all = engine.get()](const BackupRequest& request) { return all->backup(request); };
  return std::unique_ptr<Engine>(std::move(engine));
}

Result<std::unique_ptr<Engine>> EngineImpl::open_beside(const std::string& data_folder) {
  PICTOR_ASSIGN(auto folder, parts_->folders.open(data_folder, true));
  return std::unique_ptr<Engine>(std::make_unique<EngineImpl>(env_, parts_, std::move(folder), true));
}

Result<CopyReport> EngineImpl::backup(const BackupRequest& request) {
  return folder_->backup(request, [this](const std::string& path) { return parts_->folders.open(path, false); });
}

// What went wrong there may name what is another tenant's.
Status EngineImpl::renew_backup_of_all(const BackupRequest& request) const {
  Status made = parts_->backup_of_all(request).status();
  if (made.is_ok()) return made;
  log(LogLevel::kWarning, "backup_not_renewed", {{"path", request.path}, {"cause", made.message()}});
  return {made.code(), "it holds all tenants, and could not be made again: the server's log says why"};
}

EngineParts::EngineParts(Env& env, const EngineOptions& given, std::size_t threads)
    : options(given),
      pool(threads),
      background(threads, ThreadPriority::kLowest),
      encoders(env, {given.cards_folder, given.weights_folder, given.encoders_folder}, given.cache_folder, threads,
               {given.runtime, given.device}, given.many_callers, given.leave_networks),
      folders(env) {}

EngineImpl::EngineImpl(Env& env, std::shared_ptr<EngineParts> parts, std::shared_ptr<DataFolder> folder,
                       bool beside_another)
    : env_(env),
      parts_(std::move(parts)),
      pool_(parts_->pool),
      encoders_(parts_->encoders),
      folder_(std::move(folder)),
      cache_folder_(parts_->options.cache_folder),
      reproducible_(parts_->options.reproducible),
      tools_(env, encoders_, cache_folder_, pool_.threads()),
      vectors_(parts_->options.vector_cache_bytes),
      backend_(make_local_backend(env, &pool_, &parts_->background)),
      strange_texts_(encoders_),
      merger_(
          *folder_, parts_->options.merge_mib_per_second,
          [this](Collection& collection, const std::function<bool()>& stop) {
            IndexBuild build;
            build.background = true;
            build.tell = [&stop](const IndexProgress&) { return !stop(); };
            return make_indexes(collection, std::move(build)).status();
          },
          &segment_rows_max),
      upkeep_({env_, *folder_, vectors_, merger_,
               [this] {
                 std::vector<std::string> warnings;
                 return signing_key(warnings);
               },
               [this, beside_another](const BackupPlace& place) -> Status {
                 BackupRequest again;
                 again.path = place.path;
                 again.collection = place.collection;
                 if (!place.of_parent) return backup(again).status();
                 if (beside_another) return renew_backup_of_all(again);
                 return {Code::kUnsupported, "it is of the data folder that this one is a tenant of"};
               }}),
      vector_tools_({env_, pool_, *folder_, *backend_, merger_,
                     [this](std::vector<std::string>& warnings) { return signing_key(warnings); },
                     [this](const Query& query) { return answer(query, false); }, encoders_,
                     [this](const std::string& collection, const std::string& id) { return picture(collection, id); }}),
      live_recall_(env, parts_->background),
      reranks_(env) {}

std::string EngineImpl::batch_id() {
  std::array<std::byte, 16> bytes{};
  env_.random(bytes);
  return sha256(bytes).hex().substr(0, 32);
}

Result<std::uint64_t> EngineImpl::remove(const std::string& collection, std::span<const std::string> ids) {
  PICTOR_ASSIGN(const auto found, folder_->collection(collection));
  std::uint64_t removed = 0;
  for (std::size_t begin = 0; begin < ids.size(); begin += limits::kBatchItemsMax) {
    const auto part = ids.subspan(begin, std::min<std::size_t>(limits::kBatchItemsMax, ids.size() - begin));
    Batch batch;
    batch.id = batch_id();
    batch.deletes.assign(part.begin(), part.end());
    PICTOR_ASSIGN(const auto result, backend_->apply(*found, batch));
    if (result.sealed) merger_.sealed(collection);
    removed += result.deleted;
  }
  return removed;
}

Result<std::uint64_t> EngineImpl::remove_where(const std::string& collection, const std::string& where) {
  if (where.empty()) return Status(Code::kInvalid, "a filter is needed to remove by filter");
  std::vector<std::string> ids;
  PICTOR_TRY(scan({collection, where}, [&ids](const StoredItem& item) {
    ids.push_back(item.id);
    return Status::ok();
  }));
  return remove(collection, ids);
}

Result<std::vector<CollectionInfo>> EngineImpl::collections() {
  PICTOR_ASSIGN(const auto specs, folder_->collections());
  std::vector<CollectionInfo> all;
  for (const auto& spec : specs) {
    PICTOR_ASSIGN(auto info, stats(spec.name));
    all.push_back(std::move(info));
  }
  return all;
}

Result<CollectionInfo> EngineImpl::stats(const std::string& collection) {
  PICTOR_ASSIGN(const auto found, folder_->collection(collection));
  PICTOR_ASSIGN(const auto stats, found->stats());
  auto info = info_of(stats);
  info.recall = live_recall_.of(collection);
  const auto settings = search_settings(*found->settings());
  info.search_recall = settings.recall;
  info.search_deadline_ms = settings.deadline_ms;
  if (info.external) return info;
  if (const auto card = encoders_.card(info.encoder); card.is_ok()) {
    for (auto& head : info.heads) {
      const auto* known = card->head(head.name);
      if (known != nullptr) head.texts = known->texts;
    }
  }
  return info;
}

Status EngineImpl::drop(const std::string& collection) {
  merger_.leave(collection);
  warming_.leave(collection);
  live_recall_.wait();
  Status dropped = folder_->drop_collection(collection);
  warming_.give_back(collection);
  return dropped;
}

Result<IndexReport> EngineImpl::make_indexes(Collection& collection, IndexBuild build) {
  PICTOR_ASSIGN(const IndexChoice choice, choose_index(collection));
  build.strange = [&](const SpaceSpec& space) {
    if (!keep_to_class_of(collection.spec()).is_ok()) return std::vector<float>{};
    return strange_texts_.of(collection.spec(), space);
  };
  build.kind = choice.kind;
  build.codes = choice.codes;
  build.memory_bytes = choice.budget_bytes / 2;  // the other half is for what is being searched meanwhile
  return backend_->build_indexes(collection, build);
}

Result<std::uint64_t> EngineImpl::warm_one(const std::string& name, WarmPart part, std::uint64_t bytes_max,
                                           const std::atomic<bool>& stop) {
  PICTOR_ASSIGN(const auto collection, folder_->collection(name));
  PICTOR_ASSIGN(const auto snapshot, collection->snapshot());
  std::uint64_t bytes = 0;
  for (const SpaceSpec& space : collection->spec().spaces) {
    PICTOR_ASSIGN(const auto read, backend_->warm(*snapshot, space, part, bytes_max - bytes,
                                                  [&] { return stop || warming_.is_wanted(name); }));
    bytes += read;
  }
  return bytes;
}

Result<std::uint64_t> EngineImpl::warm(const std::atomic<bool>& stop) {
  PICTOR_ASSIGN(const auto specs, folder_->collections());
  const std::uint64_t bytes_max = machine_memory_bytes() / 2;
  std::uint64_t bytes = 0;
  for (const WarmPart part : {WarmPart::kIndexes, WarmPart::kVectors}) {
    for (const auto& spec : specs) {
      if (!warming_.begin(spec.name)) continue;
      const auto read = warm_one(spec.name, part, bytes_max - bytes, stop);
      warming_.end();
      if (read.is_ok()) bytes += *read;  // else it was dropped meanwhile, or is damaged: who asks it is told
    }
  }
  return bytes;
}

Result<IndexesReport> EngineImpl::build_indexes(const IndexesRequest& request) {
  const std::int64_t begin = env_.monotonic_us();
  PICTOR_ASSIGN(const auto collection, folder_->collection(request.collection));
  PICTOR_ASSIGN(const auto stats, collection->stats());
  if (stats.rows_fresh >= limits::kGraphRowsMin) PICTOR_TRY(collection->seal());
  // First few segments, then their indexes: what the merger has not come to is done here.
  merger_.leave(request.collection);
  PICTOR_TRY(set_index_policy(request, *collection));
  if (request.again) PICTOR_TRY(collection->index_words(true));
  PICTOR_ASSIGN(const IndexChoice choice, choose_index(*collection));
  CompactOptions options;
  options.rows_max = choice.segment_rows_max;
  options.progress = [&](std::uint64_t, std::uint64_t) { return request.cancel == nullptr || !request.cancel->load(); };
  for (bool more = true; more;) {
    PICTOR_ASSIGN(const auto compacted, collection->compact(options));
    more = compacted.merged > 0 && !compacted.stopped;
  }
  const auto tell = [&](const IndexProgress& progress) {
    if (request.progress) request.progress(progress.rows, progress.rows_total);
    return request.cancel == nullptr || !request.cancel->load();
  };
  IndexBuild build;
  build.again = request.again;
  build.tell = tell;
  PICTOR_ASSIGN(const auto made, make_indexes(*collection, std::move(build)));
  IndexesReport report;
  report.kind = index_type_name(choice.kind);
  report.why = choice.why;
  report.memory_bytes = choice.budget_bytes;
  report.made = made.made;
  report.kept = made.kept;
  report.small = made.small;
  report.rows = made.rows;
  report.bytes = made.bytes;
  report.cancelled = made.cancelled;
  report.seconds = static_cast<double>(env_.monotonic_us() - begin) * 1e-6;
  log(LogLevel::kInfo, "indexes_built",
      {{"collection", request.collection},
       {"kind", report.kind},
       {"why", report.why},
       {"made", report.made},
       {"kept", report.kept},
       {"rows", report.rows},
       {"wall_s", report.seconds}});
  return report;
}

Result<std::vector<FaultInfo>> EngineImpl::verify(const std::string& collection,
                                                  const std::function<void(std::uint64_t, std::uint64_t)>& progress) {
  PICTOR_ASSIGN(const auto found, folder_->collection(collection));
  PICTOR_ASSIGN(auto faults, found->verify(progress));
  PICTOR_ASSIGN(const auto of_indexes, backend_->verify_indexes(*found));
  faults.insert(faults.end(), of_indexes.begin(), of_indexes.end());
  std::vector<FaultInfo> out;
  out.reserve(faults.size());
  for (const auto& fault : faults) out.push_back({collection, fault.where, fault.what, fault.advice});
  return out;
}

Result<std::uint64_t> EngineImpl::quarantine(const std::string& collection) {
  PICTOR_ASSIGN(const auto found, folder_->collection(collection));
  return found->quarantine();
}

}  // namespace pictor
