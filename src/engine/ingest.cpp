// The life of an image, a call a row of the table in ARCHITECTURE.md:
//   source -> read -> hash -> known? -> decode -> prepare -> encode -> write -> commit.
//
// A chunk of pictures is one task of one thread from reading to vectors, so that threads never wait for each other; the
// caller commits finished chunks in the source's order, so that rows come in the same order whatever the threads.
#include <algorithm>
#include <deque>
#include <future>
#include <mutex>
#include <set>

#include "engine/engine_impl.h"
#include "engine/external.h"
#include "engine/receipt.h"
#include "image/image.h"
#include "observe/observe.h"

namespace pictor {
namespace {

constexpr std::size_t kChunkPictures = 8;                 // at most, if a forward pass is not more
constexpr std::uint64_t kChunksPerThread = 6;             // at least, so that no thread is left waiting at the end
constexpr std::uint64_t kChunkBytes = 16 * limits::kMiB;  // of files: camera pictures go in small chunks
constexpr std::size_t kCommitItems = 128;                 // written in one transaction
constexpr std::int64_t kProgressEveryUs = 100'000;
constexpr std::int64_t kClockDoubtUs = 2'000'000;  // a file changed this shortly before is read again
constexpr std::uint32_t kThumbnailSide = 256;

enum class Outcome { kQuarantined, kUnchanged, kReused, kEncoded };

struct Picture {
  IngestSource::Entry entry;
  Outcome outcome = Outcome::kQuarantined;
  Status problem;
  ItemWrite write;
  std::optional<KnownVectors> known;  // of kReused: whose vectors
  bool existed = false;               // an item of this id
};

struct Chunk {
  std::vector<Picture> pictures;
  std::map<std::string, double> seconds;
  Status fatal;  // an error that is not a picture's
};

class StageClock {
 public:
  // `trace`: where the caller's is, who may be another thread.
  StageClock(Env& env, std::map<std::string, double>& seconds, TraceLink trace)
      : env_(env), seconds_(seconds), trace_(trace) {}
  template <typename Work>
  auto time(IngestStage stage, Work work) {
    const Stopwatch stopwatch(env_);
    const TraceSpan span(name_of(stage), trace_);
    auto result = work();
    const double seconds = stopwatch.wall_seconds();
    seconds_[std::string(name_of(stage))] += seconds;
    Metrics::global().observe(metric::kIngestStageSeconds, stage, seconds);
    return result;
  }

 private:
  Env& env_;
  std::map<std::string, double>& seconds_;
  TraceLink trace_;
};

// Input tensors that chunks hand on to each other: memory that is new each time costs a page fault for every 4 KiB.
class Tensors {
 public:
  std::vector<float> take(std::size_t numbers) {
    std::vector<float> tensors;
    {
      const std::lock_guard lock(mutex_);
      if (!spare_.empty()) {
        tensors = std::move(spare_.back());
        spare_.pop_back();
      }
    }
    if (tensors.size() < numbers) tensors.resize(numbers);
    return tensors;
  }
  void give_back(std::vector<float> tensors) {
    const std::lock_guard lock(mutex_);
    spare_.push_back(std::move(tensors));
  }

 private:
  std::mutex mutex_;
  std::vector<std::vector<float>> spare_;
};

// What every task of a run shares. Read-only but for members that are thread-safe.
struct Run {
  Env& env;
  const IngestRequest& request;
  Collection& collection;
  const Encoder& encoder;
  const ReceiptMaker& receipts;
  const TraceLink trace = TraceLink::current();  // of the caller, who waits for all threads
  mutable Tensors tensors = {};

  void process(Chunk& chunk) const;

 private:
  bool unchanged_by_clock(const Picture& picture, const Item& item) const;
  void prepare_and_encode(Chunk& chunk, std::span<float> room) const;
  // Reads, names and looks up one picture; true when it still needs pixels.
  Result<bool> look_up(Picture& picture, const Snapshot& snapshot, Bytes& file, StageClock& clock) const;
  // What is known of equal content, unless it was changed: then nothing is known, and the picture is embedded anew.
  Status take_known(Picture& picture) const;
  Status decode_into(Picture& picture, ByteView file, std::span<float> tensor, StageClock& clock) const;
  Status encode(Chunk& chunk, std::span<const float> tensors, std::span<Picture* const> prepared,
                StageClock& clock) const;
};

bool same_words(const IngestItem& wanted, const Item& item) {
  return item.data.metadata == wanted.metadata && item.data.text == wanted.text && item.data.source == wanted.source;
}

bool Run::unchanged_by_clock(const Picture& picture, const Item& item) const {
  const auto& entry = picture.entry;
  return !request.force && entry.modified_us != 0 && entry.modified_us == item.data.source_modified_us &&
         entry.bytes == item.data.source_bytes && item.created_us > entry.modified_us + kClockDoubtUs &&
         same_words(entry.item, item);
}

Result<bool> Run::look_up(Picture& picture, const Snapshot& snapshot, Bytes& file, StageClock& clock) const {
  const auto& wanted = picture.entry.item;
  PICTOR_ASSIGN(auto known, clock.time(IngestStage::kLookUp, [&] { return snapshot.find(wanted.id, false); }));
  picture.existed = known.has_value();
  if (known.has_value() && known->vectors_lost) known.reset();
  if (known.has_value() && unchanged_by_clock(picture, *known)) {
    picture.outcome = Outcome::kUnchanged;
    return false;
  }
  auto read = clock.time(IngestStage::kRead, [&] { return picture.entry.read(); });
  if (!read.is_ok()) {
    picture.problem = read.status();
    return false;
  }
  file = std::move(read).value();
  auto& write = picture.write;
  write.id = wanted.id;
  write.source = wanted.source;
  write.metadata = wanted.metadata;
  write.text = wanted.text;
  write.source_bytes = file.size();
  write.source_modified_us = picture.entry.modified_us;
  write.content = clock.time(IngestStage::kHash, [&] { return sha256(file); });
  if (request.force) return true;
  if (known.has_value() && known->data.content == write.content && same_words(wanted, *known)) {
    picture.outcome = Outcome::kUnchanged;
    return false;
  }
  PICTOR_ASSIGN(picture.known,
                clock.time(IngestStage::kLookUp, [&] { return collection.vectors_of_content(write.content); }));
  if (picture.known.has_value()) PICTOR_TRY(take_known(picture));
  return true;
}

Status Run::take_known(Picture& picture) const {
  const Status fit = receipts.may_reuse(*picture.known, picture.write.content);
  if (!fit.is_ok()) {
    log(LogLevel::kWarning, "vectors_not_reused", {{"source", picture.write.source}, {"cause", fit.message()}});
    picture.known.reset();
    return Status::ok();
  }
  PICTOR_ASSIGN(const bool has_tokens, reuse_tokens(collection, picture.write));
  if (has_tokens) picture.write.vectors = picture.known->vectors;
  // The receipt says of known vectors that they were taken over: those that are made here must not have it.
  if (!has_tokens) picture.known.reset();
  return Status::ok();
}

Status Run::decode_into(Picture& picture, ByteView file, std::span<float> tensor, StageClock& clock) const {
  const auto& card = encoder.card();
  auto decoded = clock.time(IngestStage::kDecode, [&] { return decode_image(file, card.decode, &card.prepare); });
  if (!decoded.is_ok()) return decoded.status();
  auto& write = picture.write;
  const bool turned = decoded->info.orientation >= 5 && card.decode.orientation == Orientation::kApply;
  write.width = turned ? decoded->info.height : decoded->info.width;
  write.height = turned ? decoded->info.width : decoded->info.height;
  write.format = format_name(decoded->info.format);
  if (collection.spec().keep == Keep::kOriginal) write.blob.assign(file.begin(), file.end());
  if (collection.spec().keep == Keep::kThumbnail) {
    PICTOR_ASSIGN(write.blob,
                  clock.time(IngestStage::kThumbnail, [&] { return make_thumbnail(decoded->image, kThumbnailSide); }));
  }
  if (!write.vectors.empty()) return Status::ok();
  return clock.time(IngestStage::kPrepare,
                    [&] { return prepare_image(decoded->image, card.decode, card.prepare, tensor); });
}

Status Run::encode(Chunk& chunk, std::span<const float> tensors, std::span<Picture* const> prepared,
                   StageClock& clock) const {
  if (!prepared.empty()) {
    const auto& kept = collection.spec().tokens;
    PICTOR_ASSIGN(const auto made, clock.time(IngestStage::kEncode,
                                              [&] { return encode_for(encoder, kept, tensors, prepared.size()); }));
    for (std::size_t i = 0; i < prepared.size(); ++i) {
      prepared[i]->problem = keep_tokens(made, encoder, kept, i, prepared[i]->write.tokens);
      if (!prepared[i]->problem.is_ok()) prepared[i]->outcome = Outcome::kQuarantined;
      for (const auto& head : made.heads) {
        const std::size_t dim = head.size() / prepared.size();
        const auto begin = head.begin() + static_cast<std::ptrdiff_t>(i * dim);
        prepared[i]->write.vectors.emplace_back(begin, begin + static_cast<std::ptrdiff_t>(dim));
      }
    }
  }
  for (auto& picture : chunk.pictures) {
    auto& write = picture.write;
    if (write.vectors.empty()) continue;
    const auto& known = picture.known;
    PICTOR_ASSIGN(write.receipt, known.has_value() ? receipts.reused(*known, write.content, env.wall_us())
                                                   : receipts.made(write.content, write.vectors, env.wall_us()));
  }
  return Status::ok();
}

void Run::process(Chunk& chunk) const {
  auto room = tensors.take(chunk.pictures.size() * prepared_size(encoder.card().prepare));
  prepare_and_encode(chunk, room);
  tensors.give_back(std::move(room));
}

void Run::prepare_and_encode(Chunk& chunk, std::span<float> room) const {
  StageClock clock(env, chunk.seconds, trace);
  const std::size_t tensor_size = prepared_size(encoder.card().prepare);
  std::vector<Picture*> prepared;
  const auto snapshot = collection.snapshot();
  if (!snapshot.is_ok()) {
    chunk.fatal = snapshot.status();
    return;
  }
  for (auto& picture : chunk.pictures) {
    picture.problem = picture.entry.problem;
    if (!picture.problem.is_ok()) continue;
    Bytes file;
    const auto wanted = look_up(picture, **snapshot, file, clock);
    if (!wanted.is_ok()) {
      chunk.fatal = wanted.status();
      return;
    }
    picture.entry.read = nullptr;
    if (!*wanted) continue;
    const auto slot = room.subspan(prepared.size() * tensor_size, tensor_size);
    picture.problem = decode_into(picture, file, slot, clock);
    if (!picture.problem.is_ok()) continue;
    picture.outcome = picture.write.vectors.empty() ? Outcome::kEncoded : Outcome::kReused;
    if (picture.outcome == Outcome::kEncoded) prepared.push_back(&picture);
  }
  chunk.fatal = encode(chunk, room.first(prepared.size() * tensor_size), prepared, clock);
}

// Gathers finished pictures into batches, commits them and keeps the counts. Belongs to the caller's thread.
class Committer {
 public:
  Committer(Env& env, Backend& backend, Collection& collection, const IngestRequest& request,
            std::function<std::string()> batch_id, Merger& merger)
      : env_(env),
        backend_(backend),
        collection_(collection),
        request_(request),
        batch_id_(std::move(batch_id)),
        merger_(merger) {
    start_us_ = env_.monotonic_us();
  }

  IngestReport& report() { return report_; }

  Status take(Chunk chunk) {
    for (const auto& [stage, seconds] : chunk.seconds) report_.stage_seconds[stage] += seconds;
    PICTOR_TRY(chunk.fatal);
    for (auto& picture : chunk.pictures) PICTOR_TRY(take(picture));
    if (batch_.puts.size() >= kCommitItems) PICTOR_TRY(commit());
    tell(false);
    return Status::ok();
  }

  Status commit() {
    if (batch_.puts.empty()) return Status::ok();
    batch_.id = batch_id_();
    StageClock clock(env_, report_.stage_seconds, TraceLink::current());
    PICTOR_ASSIGN(const auto result,
                  clock.time(IngestStage::kCommit, [&] { return backend_.apply(collection_, batch_); }));
    if (result.sealed) merger_.sealed(collection_.spec().name);
    report_.counts.added += result.added;
    report_.counts.replaced += result.replaced;
    Metrics::global().add(metric::kIngestPictures, IngestResult::kAdded, static_cast<double>(result.added));
    Metrics::global().add(metric::kIngestPictures, IngestResult::kReplaced, static_cast<double>(result.replaced));
    settle_batch();
    batch_ = {};
    ids_.clear();
    bytes_ = 0;
    return Status::ok();
  }

  void tell(bool last) {
    const auto now = env_.monotonic_us();
    report_.counts.seconds = static_cast<double>(now - start_us_) * 1e-6;
    if (!request_.progress || (!last && now - told_us_ < kProgressEveryUs)) return;
    told_us_ = now;
    request_.progress(report_.counts);
  }

 private:
  Status take(Picture& picture) {
    auto& counts = report_.counts;
    ++counts.seen;
    counts.bytes += picture.write.source_bytes;
    Metrics::global().add(metric::kIngestBytes, static_cast<double>(picture.write.source_bytes));
    switch (picture.outcome) {
      case Outcome::kQuarantined:
        quarantine({picture.entry.item.source, picture.problem});
        settle(picture.entry.item.id, IngestOutcome::kQuarantined, picture.problem);
        return Status::ok();
      case Outcome::kUnchanged:
        ++counts.unchanged;
        Metrics::global().add(metric::kIngestPictures, IngestResult::kUnchanged);
        settle(picture.entry.item.id, IngestOutcome::kUnchanged);
        return Status::ok();
      case Outcome::kReused: ++counts.reused; break;
      case Outcome::kEncoded: break;
    }
    const std::uint64_t bytes = picture.write.blob.size() + picture.write.tokens.size();
    if (ids_.contains(picture.write.id) || bytes_ + bytes > limits::kBatchBytesMax / 2) PICTOR_TRY(commit());
    ids_.insert(picture.write.id);
    bytes_ += bytes;
    existed_.push_back(picture.existed);
    batch_.puts.push_back(std::move(picture.write));
    return Status::ok();
  }

  void settle(const std::string& id, IngestOutcome outcome, const Status& cause = Status::ok()) const {
    if (request_.settled) request_.settled(id, outcome, cause);
  }
  void settle_batch() {
    for (std::size_t i = 0; i < existed_.size(); ++i) {
      settle(batch_.puts[i].id, existed_[i] ? IngestOutcome::kReplaced : IngestOutcome::kAdded);
    }
    existed_.clear();
  }

  void quarantine(Quarantined refused) {
    ++report_.counts.quarantined;
    Metrics::global().add(metric::kIngestPictures, IngestResult::kQuarantined);
    log(LogLevel::kWarning, "picture_quarantined",
        {{"source", refused.source}, {"code", code_name(refused.cause.code())}, {"cause", refused.cause.message()}});
    if (request_.quarantined) request_.quarantined(refused);
    if (report_.quarantine.size() < limits::kQuarantineListMax) report_.quarantine.push_back(std::move(refused));
  }

  Env& env_;
  Backend& backend_;
  Collection& collection_;
  const IngestRequest& request_;
  std::function<std::string()> batch_id_;
  Merger& merger_;
  IngestReport report_;
  Batch batch_;
  std::set<std::string> ids_;
  std::vector<bool> existed_;  // of the batch's puts
  std::uint64_t bytes_ = 0;
  std::int64_t start_us_ = 0;
  std::int64_t told_us_ = 0;
};

bool asked_to_stop(const IngestRequest& request) { return request.cancel != nullptr && request.cancel->load(); }

// How many pictures make a chunk: whole forward passes, few enough that a short run keeps every thread busy to its end.
struct ChunkSize {
  std::size_t pass = 1;
  std::size_t most = 1;
};

ChunkSize chunk_size(const Run& run, std::optional<std::uint64_t> total, std::size_t threads) {
  const std::size_t pass = run.encoder.pass_pictures();
  if (run.request.batch != 0) return {pass, std::min<std::size_t>(run.request.batch, limits::kEncodeBatchMax)};
  const std::size_t passes = std::max<std::size_t>(kChunkPictures / pass, 1);
  if (!total.has_value()) return {pass, pass * passes};
  return {pass, pass * std::clamp<std::size_t>(*total / (kChunksPerThread * threads * pass), 1, passes)};
}

// The next pictures of the source; empty at its end.
Result<Chunk> next_chunk(IngestSource& source, const IngestRequest& request, const ChunkSize& size) {
  Chunk chunk;
  std::uint64_t bytes = 0;
  const auto full = [&] {
    const std::size_t pictures = chunk.pictures.size();
    return pictures >= size.most || (bytes >= kChunkBytes && pictures % size.pass == 0);
  };
  while (!full() && !asked_to_stop(request)) {
    Picture picture;
    PICTOR_ASSIGN(const bool more, source.next(picture.entry));
    if (!more) break;
    auto& item = picture.entry.item;
    if (item.id.empty()) item.id = item.source;
    bytes += picture.entry.bytes;
    chunk.pictures.push_back(std::move(picture));
  }
  return chunk;
}

// Keeps every thread busy with a chunk and one more waiting, and commits in the source's order.
Status run_chunks(const Run& run, ThreadPool& pool, IngestSource& source, Committer& committer) {
  ChunkSize size = chunk_size(run, source.total(), pool.threads());
  size.most = std::min(size.most, pictures_together(run.collection.spec().tokens, run.encoder.card().grid, size.pass));
  std::deque<std::future<Chunk>> running;
  const auto finish_front = [&] {
    Chunk done = running.front().get();
    running.pop_front();
    return committer.take(std::move(done));
  };
  Status status;
  while (status.is_ok()) {
    auto chunk = next_chunk(source, run.request, size);
    if (!chunk.is_ok()) status = chunk.status();
    if (!chunk.is_ok() || chunk->pictures.empty()) break;
    const auto task = std::make_shared<std::packaged_task<Chunk()>>([&run, work = std::move(*chunk)]() mutable {
      run.process(work);
      return std::move(work);
    });
    running.push_back(task->get_future());
    pool.submit([task] { (*task)(); });
    if (running.size() > pool.threads()) status = finish_front();
  }
  while (!running.empty()) {
    const Status finished = finish_front();
    if (status.is_ok()) status = finished;
  }
  return status;
}

}  // namespace

Status check_spaces(const CollectionSpec& spec, const EncoderCard& card) {
  for (const auto& space : spec.spaces) {
    const auto* head = card.head(space.head);
    if (head != nullptr && head->space == space.id) continue;
    return {Code::kMismatch, "collection '" + spec.name + "' holds vectors of space " + space.id.substr(0, 12) +
                                 "... for head '" + space.head + "', encoder '" + card.name + "' makes " +
                                 (head == nullptr ? "no such head" : head->space.substr(0, 12) + "...") +
                                 ": its weights or preprocessing changed; index into a new collection, or put the "
                                 "former card and weights back"};
  }
  return Status::ok();
}

Result<std::shared_ptr<Collection>> EngineImpl::collection_to_write(const IngestRequest& request,
                                                                    std::string& encoder) {
  auto existing = folder_->collection(request.collection);
  if (existing.is_ok()) {
    const auto& spec = (*existing)->spec();
    if (is_external(spec)) return without_encoder(spec, "indexed into", "index pictures into another collection");
    if (!request.encoder.empty() && request.encoder != spec.encoder) {
      return Status(Code::kMismatch, "collection '" + spec.name + "' was made by encoder '" + spec.encoder +
                                         "', not '" + request.encoder + "': index into another collection");
    }
    if (!request.keep.empty() && request.keep != keep_name(spec.keep)) {
      return Status(Code::kMismatch, "collection '" + spec.name + "' keeps '" + keep_name(spec.keep) +
                                         "' of its pictures, not '" + request.keep + "'");
    }
    encoder = spec.encoder;
    PICTOR_ASSIGN(const auto card, encoders_.card(encoder));
    PICTOR_TRY(check_spaces(spec, card));
    PICTOR_TRY(check_tokens(request, spec, card));
    return existing;
  }
  if (existing.status().code() != Code::kNotFound) return existing.status();
  encoder = request.encoder.empty() ? kDefaultEncoder : request.encoder;
  PICTOR_ASSIGN(const auto opened, encoders_.open(encoder, EncodeFor::kBulk));
  CollectionSpec spec;
  spec.name = request.collection;
  spec.encoder = encoder;
  spec.isa_class = opened->isa_class();
  PICTOR_ASSIGN(spec.keep, parse_keep(request.keep.empty() ? "reference" : request.keep));
  PICTOR_ASSIGN(const auto all, encoders_.cards());
  PICTOR_ASSIGN(spec.tokens, tokens_asked(request, opened->card(), all));
  for (const auto& head : opened->card().heads) {
    if (head.images) spec.spaces.push_back({head.space, head.name, head.dim, head.metric});
  }
  // What a collection keeps is decided when it is made: one that nothing could ever be put into must not be.
  if (spec.tokens.codec != TokenCodec::kNone) PICTOR_TRY(try_encoder(*opened, spec.tokens));
  return folder_->create_collection(spec);
}

Result<IngestReport> EngineImpl::ingest(const IngestRequest& request, IngestSource& source) {
  std::string name;
  std::vector<std::string> warnings;
  PICTOR_ASSIGN(auto key, signing_key(warnings));
  PICTOR_ASSIGN(const auto collection, collection_to_write(request, name));
  PICTOR_TRY(keep_to_class_of(collection->spec()));
  PICTOR_ASSIGN(const auto encoder, encoders_.open(name, EncodeFor::kBulk));
  auto known_keys = read_known_keys(env_, folder_->path());
  for (const auto& problem : known_keys.problems) warnings.push_back(problem.message());
  const ReceiptMaker receipts(*encoder, collection->spec(), std::move(key), std::move(known_keys));
  const Run run{env_, request, *collection, *encoder, receipts};
  Committer committer(
      env_, *backend_, *collection, request, [this] { return batch_id(); }, merger_);
  auto& report = committer.report();
  report.counts.total = source.total();
  report.warnings = std::move(warnings);
  if (encoder->isa_class() != collection->spec().isa_class) {
    report.warnings.push_back("collection '" + collection->spec().name + "' was begun under " +
                              collection->spec().isa_class + ", this run is under " + encoder->isa_class() +
                              ": the same picture may differ in its last bits");
  }
  Status status = run_chunks(run, pool_, source, committer);
  const Status last = committer.commit();
  if (status.is_ok()) status = last;
  committer.tell(true);
  if (!status.is_ok()) {
    return status.in("stopped after " + std::to_string(report.counts.added + report.counts.replaced) +
                     " pictures were stored (the same command goes on from there)");
  }
  report.cancelled = asked_to_stop(request);
  log(LogLevel::kInfo, "ingest_finished",
      {{"collection", request.collection},
       {"seen", report.counts.seen},
       {"added", report.counts.added},
       {"replaced", report.counts.replaced},
       {"quarantined", report.counts.quarantined},
       {"wall_s", report.counts.seconds}});
  return std::move(report);
}

}  // namespace pictor
