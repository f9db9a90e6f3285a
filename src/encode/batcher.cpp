#include "encode/batcher.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <mutex>
#include <new>
#include <thread>

#include "encode/encode.h"
#include "encode/encode_queue.h"
#include "observe/observe.h"

namespace pictor {
namespace {

using Vectors = std::vector<std::vector<float>>;

constexpr std::int64_t kWaitUsMax = 3'600'000'000;  // at once: the clocks of a wait cannot count to every deadline

Status refusal(EncodeRefusal cause, const char* message) {
  Metrics::global().add(metric::kEncodeRefused, cause);
  return {Code::kCancelled, message};
}

Status stopped() { return refusal(EncodeRefusal::kStopped, "the encoder is being closed: nothing was computed"); }
Status late() { return refusal(EncodeRefusal::kLate, "the deadline passed before the vectors were there"); }
Status cancelled() { return refusal(EncodeRefusal::kCancelled, "cancelled before it was computed"); }

Result<Vectors> as_heads(Result<std::vector<float>> made) {
  if (!made.is_ok()) return made.status();
  return Vectors{std::move(made).value()};
}

// What the memory or a network throws is an answer, and not the end of whoever computes for others.
template <typename Work>
auto caught(const Work& work) -> decltype(work()) {
  try {
    return work();
  } catch (const std::bad_alloc&) {
    return Status(Code::kLimit, "there is not enough memory to compute this: send less at once, or come again later");
  } catch (const std::exception& error) {
    return Status(Code::kInternal, std::string("the encoder threw: ") + error.what());
  } catch (...) {
    return Status(Code::kInternal, "the encoder threw something that says nothing of itself");
  }
}

EncodeRequestPtr request_of(std::size_t count, std::string_view head, const EncodeTerms& terms) {
  auto request = std::make_shared<EncodeRequest>();
  request->count = count;
  request->head = head;
  request->terms = terms;
  return request;
}

std::size_t chosen_batch(const Encoder& encoder, const BatcherOptions& options) {
  const std::size_t wanted = options.batch_pictures == 0 ? encoder.pass_pictures() : options.batch_pictures;
  return std::clamp<std::size_t>(wanted, 1, limits::kEncodeBatchMax);
}

}  // namespace

// Everything a batcher shares with its threads and tickets.
struct BatcherCore {
  BatcherCore(Env& its_env, std::shared_ptr<const Encoder> its_encoder, const BatcherOptions& its_options)
      : env(its_env),
        encoder(std::move(its_encoder)),
        options(its_options),
        queue(options, chosen_batch(*encoder, options)) {}

  // The whole life of a caller who waits; a request larger than the queue goes in parts.
  Result<Vectors> answer(const EncodeRequestPtr& request);
  Result<Vectors> answer_one(const EncodeRequestPtr& request);
  // What goes into the queue of a request that is larger than it: as much from `first` as is computed together.
  EncodeRequestPtr part_of(const EncodeRequest& whole, std::size_t first) const;
  void submit(const EncodeRequestPtr& request);
  void stop(Batcher::Stop how);
  void work();  // of a thread of the batcher's own

  using Lock = std::unique_lock<std::mutex>;
  // Refused: the request is done, with its cause.
  bool admitted(const EncodeRequestPtr& request);
  // Computes one batch of what waits. Unlocks meanwhile.
  void run_batch(Lock& lock);
  class Running;
  class Caller;
  Result<Vectors> compute(const EncodeRequest& like, std::span<const float> tensors,
                          std::span<const std::string> texts);
  std::vector<Result<Vectors>> compute(std::span<const EncodeSlice> batch);
  Result<Vectors> compute_together(std::span<const EncodeSlice> batch);
  void take_in(const EncodeSlice& slice, std::size_t offset, const Result<Vectors>& made, std::size_t of);
  void answer_all(std::span<const EncodeSlice> batch, const Result<std::vector<Result<Vectors>>>& made);
  void finish(EncodeRequest& request);
  void drop(const EncodeRequestPtr& request, const Status& why);
  // Tells whoever should compute next. Called whenever a stream or the queue changes.
  void wake_next();
  bool can_start() const { return running < options.streams && !queue.empty(); }
  // Whether the next batch should be computed now, by whoever asks.
  bool is_due() const { return can_start() && (stopping || queue.due_in_us(env.monotonic_us()) == 0); }
  // Until `changed`, the deadline (0: none), or, for one who `helps`, until bulk has waited long enough.
  void wait(Lock& lock, std::condition_variable& changed, std::int64_t deadline_us, bool helps);

  Env& env;
  const std::shared_ptr<const Encoder> encoder;
  const BatcherOptions options;

  std::mutex mutex;  // guards all below
  EncodeQueue queue;
  std::size_t running = 0;  // batches
  std::size_t callers = 0;  // inside `answer`
  bool stopping = false;
  std::condition_variable workers_wake;
  std::condition_variable idle;
  std::vector<std::jthread> workers;
};

// A batch that is computed: counted, and without the lock, for as long as this lives.
class BatcherCore::Running {
 public:
  Running(BatcherCore& core, Lock& lock) : core_(core), lock_(lock) {
    ++core_.running;
    core_.wake_next();  // another stream may take what is left
    lock_.unlock();
  }
  ~Running() {
    lock_.lock();
    --core_.running;
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

 private:
  BatcherCore& core_;
  Lock& lock_;
};

// One who is inside `answer`, with the lock at both ends.
class BatcherCore::Caller {
 public:
  explicit Caller(BatcherCore& core) : core_(core) { ++core_.callers; }
  ~Caller() {
    --core_.callers;
    core_.wake_next();
    if (core_.callers == 0) core_.idle.notify_all();
  }
  Caller(const Caller&) = delete;
  Caller& operator=(const Caller&) = delete;

 private:
  BatcherCore& core_;
};

bool BatcherCore::admitted(const EncodeRequestPtr& request) {
  request->queued_us = env.monotonic_us();
  request->status = stopping ? stopped() : queue.admit(*request, request->queued_us, running);
  request->done = !request->status.is_ok();
  return !request->done;
}

Result<Vectors> BatcherCore::compute(const EncodeRequest& like, std::span<const float> tensors,
                                     std::span<const std::string> texts) {
  const std::int64_t begin = env.monotonic_us();
  const std::size_t items = like.of_pictures() ? tensors.size() / (like.tensors.size() / like.count) : texts.size();
  auto made =
      like.of_pictures() ? encoder->encode_images(tensors, items) : as_heads(encoder->encode_texts(texts, like.head));
  const auto each = static_cast<double>(env.monotonic_us() - begin) / static_cast<double>(items);
  const std::lock_guard lock(mutex);
  if (made.is_ok()) queue.time_of(like.of_pictures()).add(each);
  return made;
}

Result<Vectors> BatcherCore::compute_together(std::span<const EncodeSlice> batch) {
  std::vector<float> tensors;
  std::vector<std::string> texts;
  for (const auto& [request, first, count] : batch) {
    if (request->of_pictures()) {
      const std::size_t numbers = request->tensors.size() / request->count;
      const auto some = request->tensors.subspan(first * numbers, count * numbers);
      tensors.insert(tensors.end(), some.begin(), some.end());
    } else {
      const auto some = request->texts.subspan(first, count);
      texts.insert(texts.end(), some.begin(), some.end());
    }
  }
  return compute(*batch.front().request, tensors, texts);
}

// One result for each slice, or a single one for all.
std::vector<Result<Vectors>> BatcherCore::compute(std::span<const EncodeSlice> batch) {
  std::vector<Result<Vectors>> made;
  if (batch.size() > 1) {
    made.push_back(caught([&] { return compute_together(batch); }));
    if (made.front().is_ok()) return made;
    made.clear();  // one of them is wrong: each alone, so that it spoils its own answer only
  }
  for (const auto& [request, first, count] : batch) {
    const std::size_t numbers = request->tensors.size() / request->count;
    const bool pictures = request->of_pictures();
    const auto tensors = pictures ? request->tensors.subspan(first * numbers, count * numbers) : request->tensors;
    const auto texts = pictures ? request->texts : request->texts.subspan(first, count);
    made.push_back(caught([&, &like = *request] { return compute(like, tensors, texts); }));
  }
  return made;
}

// Of `of` items' vectors those from `offset`, to where the slice belongs.
Status put(const EncodeSlice& slice, std::size_t offset, const Vectors& made, std::size_t of) {
  auto& request = *slice.request;
  request.vectors.resize(made.size());
  for (std::size_t head = 0; head < made.size(); ++head) {
    const std::size_t dim = made[head].size() / of;
    request.vectors[head].resize(request.count * dim);
    std::copy_n(made[head].data() + offset * dim, slice.count * dim, request.vectors[head].data() + slice.first * dim);
  }
  return Status::ok();
}

// `made` has the vectors of `of` items, this slice's from `offset`.
void BatcherCore::take_in(const EncodeSlice& slice, std::size_t offset, const Result<Vectors>& made, std::size_t of) {
  auto& request = *slice.request;
  request.in_flight -= slice.count;
  const Status status = made.is_ok() ? caught([&] { return put(slice, offset, *made, of); }) : made.status();
  if (!status.is_ok() && request.status.is_ok()) {
    request.status = status;
    queue.remove(slice.request);
    request.taken = request.count;
  }
  if (request.in_flight == 0 && request.taken == request.count) finish(request);
}

void BatcherCore::answer_all(std::span<const EncodeSlice> batch, const Result<std::vector<Result<Vectors>>>& made) {
  std::size_t items = 0, offset = 0;
  for (const auto& slice : batch) items += slice.count;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    if (!made.is_ok()) {
      take_in(batch[i], 0, made.status(), items);
      continue;
    }
    const bool alone = made->size() == batch.size();
    take_in(batch[i], alone ? 0 : offset, (*made)[alone ? i : 0], alone ? batch[i].count : items);
    offset += batch[i].count;
  }
}

void BatcherCore::finish(EncodeRequest& request) {
  const auto deadline = request.terms.deadline_us;
  if (request.status.is_ok() && deadline != 0 && deadline <= env.monotonic_us()) request.status = late();
  request.done = true;
  request.changed.notify_all();
}

// REQUIRES: nothing of the request waits any more.
void BatcherCore::drop(const EncodeRequestPtr& request, const Status& why) {
  if (request->status.is_ok()) request->status = why;
  request->taken = request->count;
  if (request->in_flight == 0) finish(*request);
}

void BatcherCore::run_batch(Lock& lock) {
  std::vector<EncodeRequestPtr> dropped;
  const auto batch =
      caught([&]() -> Result<std::vector<EncodeSlice>> { return queue.take(env.monotonic_us(), dropped); });
  for (const auto& request : dropped) drop(request, late());
  if (!batch.is_ok()) {  // nothing was taken
    const auto first = queue.front();
    queue.remove(first);
    drop(first, batch.status());
  } else if (!batch->empty()) {
    const auto made = [&]() -> Result<std::vector<Result<Vectors>>> {
      const Running running_now(*this, lock);
      return caught([&]() -> Result<std::vector<Result<Vectors>>> { return compute(std::span(*batch)); });
    }();
    answer_all(*batch, made);
  }
  wake_next();
}

void BatcherCore::wake_next() {
  if (running == 0 && queue.empty()) idle.notify_all();
  if (!can_start()) return;
  const auto idle_one = queue.first_idle();
  if (idle_one != nullptr && idle_one->helps) {
    idle_one->changed.notify_all();
  } else {
    workers_wake.notify_one();
  }
}

void BatcherCore::wait(Lock& lock, std::condition_variable& changed, std::int64_t deadline_us, bool helps) {
  const std::int64_t now = env.monotonic_us();
  auto until = deadline_us == 0 ? INT64_MAX : saturating_difference(deadline_us, now);
  if (helps && can_start()) until = std::min(until, *queue.due_in_us(now));
  if (until == INT64_MAX) {
    changed.wait(lock);
  } else {
    changed.wait_for(lock, std::chrono::microseconds(std::clamp<std::int64_t>(until, 1, kWaitUsMax)));
  }
}

EncodeRequestPtr BatcherCore::part_of(const EncodeRequest& whole, std::size_t first) const {
  const std::size_t numbers = whole.tensors.size() / whole.count;
  const auto bytes_of = [&](std::size_t item) {
    return whole.of_pictures() ? numbers * sizeof(float) : whole.texts[item].size() + sizeof(std::string);
  };
  const std::size_t most = std::min({queue.batch_of(whole), options.queue_items, whole.count - first});
  std::size_t count = 1;
  std::uint64_t bytes = bytes_of(first);
  while (count < most && bytes + bytes_of(first + count) <= options.queue_bytes) bytes += bytes_of(first + count++);
  auto part = request_of(count, whole.head, whole.terms);
  if (whole.of_pictures()) {
    part->tensors = whole.tensors.subspan(first * numbers, count * numbers);
  } else {
    part->texts = whole.texts.subspan(first, count);
  }
  return part;
}

Result<Vectors> BatcherCore::answer(const EncodeRequestPtr& request) {
  if (request->count <= options.queue_items && request->bytes() <= options.queue_bytes) return answer_one(request);
  Vectors all;
  for (std::size_t first = 0; first < request->count;) {
    const auto part = part_of(*request, first);
    PICTOR_ASSIGN(const auto made, answer_one(part));
    all.resize(made.size());
    for (std::size_t head = 0; head < made.size(); ++head) {
      all[head].insert(all[head].end(), made[head].begin(), made[head].end());
    }
    first += part->count;
  }
  return all;
}

Result<Vectors> BatcherCore::answer_one(const EncodeRequestPtr& request) {
  Lock lock(mutex);
  if (!admitted(request)) return request->status;
  const Caller caller(*this);
  request->helps = true;
  auto deadline = request->terms.deadline_us;
  queue.push(request);
  while (!request->done) {
    // Once all of its own is taken it waits for that alone: other work would only keep it.
    const bool helps = request->taken < request->count;
    if (helps && is_due()) {
      run_batch(lock);
    } else if (deadline != 0 && deadline <= env.monotonic_us()) {
      if (queue.remove(request)) drop(request, late());
      deadline = 0;
    } else {
      request->asleep = true;
      wait(lock, request->changed, deadline, helps);
      request->asleep = false;
    }
  }
  if (request->begun_us != 0) add_trace_span("encode_wait", request->queued_us, request->begun_us);
  if (!request->status.is_ok()) return request->status;
  return std::move(request->vectors);
}

void BatcherCore::submit(const EncodeRequestPtr& request) {
  const Lock lock(mutex);
  if (!admitted(request)) return;
  while (workers.size() < options.streams) workers.emplace_back([this] { work(); });
  queue.push(request);
  wake_next();
}

void BatcherCore::work() {
  Lock lock(mutex);
  while (!stopping || !queue.empty()) {
    if (is_due()) {
      run_batch(lock);
    } else {
      wait(lock, workers_wake, 0, true);
    }
  }
}

void BatcherCore::stop(Batcher::Stop how) {
  std::vector<std::jthread> ending;
  {
    Lock lock(mutex);
    stopping = true;
    if (how == Batcher::Stop::kRefuse) {
      for (const auto& request : queue.take_all()) drop(request, stopped());
    }
    wake_next();
    workers_wake.notify_all();
    idle.wait(lock, [this] { return running == 0 && callers == 0 && queue.empty(); });
    workers_wake.notify_all();
    ending.swap(workers);
  }
}

EncodeTicket::EncodeTicket(std::shared_ptr<BatcherCore> core, std::shared_ptr<EncodeRequest> request)
    : core_(std::move(core)), request_(std::move(request)) {}

bool EncodeTicket::ready() const {
  const std::lock_guard lock(core_->mutex);
  return request_->done;
}

Result<Vectors> EncodeTicket::get() {
  std::unique_lock lock(core_->mutex);
  request_->changed.wait(lock, [this] { return request_->done; });
  if (!request_->status.is_ok()) return request_->status;
  return std::move(request_->vectors);
}

void EncodeTicket::cancel() {
  const std::lock_guard lock(core_->mutex);
  if (request_->done || !core_->queue.remove(request_)) return;
  core_->drop(request_, cancelled());
  core_->wake_next();
}

Batcher::Batcher(Env& env, std::shared_ptr<const Encoder> encoder, const BatcherOptions& options)
    : core_(std::make_shared<BatcherCore>(env, std::move(encoder), options)) {}

Batcher::~Batcher() { stop(Stop::kRefuse); }

const Encoder& Batcher::encoder() const { return *core_->encoder; }

namespace {

// What is not as the encoder takes it does not ride with others: the encoder itself says what is wrong.
bool is_whole(const Encoder& encoder, std::size_t numbers, std::size_t n) {
  const auto& prepare = encoder.card().prepare;
  return n != 0 && numbers == n * 3 * prepare.width * prepare.height;
}

void answer_now(EncodeRequest& request, Result<Vectors> made) {
  request.status = made.status();
  if (made.is_ok()) request.vectors = std::move(made).value();
  request.done = true;
}

}  // namespace

Result<Vectors> Batcher::encode_images(std::span<const float> tensors, std::size_t n, const EncodeTerms& terms) {
  if (!is_whole(encoder(), tensors.size(), n)) return encoder().encode_images(tensors, n);
  const auto request = request_of(n, "", terms);
  request->tensors = tensors;
  return core_->answer(request);
}

Result<std::vector<float>> Batcher::encode_texts(std::span<const std::string> texts, std::string_view head,
                                                 const EncodeTerms& terms) {
  if (texts.empty() || head.empty()) return encoder().encode_texts(texts, head);
  const auto request = request_of(texts.size(), head, terms);
  request->texts = texts;
  PICTOR_ASSIGN(auto vectors, core_->answer(request));
  return std::move(vectors.front());
}

EncodeTicket Batcher::submit_images(std::vector<float> tensors, std::size_t n, const EncodeTerms& terms) {
  const auto request = request_of(n, "", terms);
  request->own_tensors = std::move(tensors);
  request->tensors = request->own_tensors;
  if (is_whole(encoder(), request->tensors.size(), n)) {
    core_->submit(request);
  } else {
    answer_now(*request, encoder().encode_images(request->tensors, n));
  }
  return {core_, request};
}

EncodeTicket Batcher::submit_texts(std::vector<std::string> texts, std::string_view head, const EncodeTerms& terms) {
  const auto request = request_of(texts.size(), head, terms);
  request->own_texts = std::move(texts);
  request->texts = request->own_texts;
  if (request->texts.empty() || head.empty()) {
    answer_now(*request, as_heads(encoder().encode_texts(request->texts, head)));
  } else {
    core_->submit(request);
  }
  return {core_, request};
}

void Batcher::stop(Stop how) { core_->stop(how); }

}  // namespace pictor
