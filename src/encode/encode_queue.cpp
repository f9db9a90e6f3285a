#include "encode/encode_queue.h"

#include <algorithm>
#include <cmath>

#include "observe/observe.h"

namespace pictor {
namespace {

QueueKind kind_of(EncodePriority priority) {
  return priority == EncodePriority::kInteractive ? QueueKind::kInteractive : QueueKind::kBulk;
}

const char* name_of(EncodePriority priority) {
  return priority == EncodePriority::kInteractive ? "interactive" : "bulk";
}

// Whole milliseconds, at least 1: what a person or a client waits.
std::string milliseconds(double us) {
  return std::to_string(std::max<std::int64_t>(std::llround(std::ceil(us / 1000)), 1)) + " ms";
}

Status refuse(EncodeRefusal cause, Code code, std::string message) {
  Metrics::global().add(metric::kEncodeRefused, cause);
  return {code, std::move(message)};
}

}  // namespace

std::uint64_t EncodeRequest::bytes() const {
  std::uint64_t sum = tensors.size_bytes();
  for (const auto& text : texts) sum += text.size() + sizeof(std::string);
  return sum;
}

void ItemTime::add(double us) {
  times_.push_back(us);
  if (times_.size() > kKept) times_.pop_front();
}

void ItemTime::forget_one() {
  if (!times_.empty()) times_.pop_front();
}

double ItemTime::least_us() const { return times_.empty() ? 0 : *std::ranges::min_element(times_); }

// Until the request's own first item, if nothing comes that goes before it.
double EncodeQueue::wait_us(const EncodeRequest& request, std::size_t running) const {
  double sum = 0;
  for (const auto priority : {EncodePriority::kInteractive, EncodePriority::kBulk}) {
    if (priority > request.terms.priority) break;
    for (const auto& waiting : queue(priority)) {
      const auto& time = times_[waiting->of_pictures() ? 0 : 1];
      sum += time.least_us() * static_cast<double>(waiting->count - waiting->taken);
    }
  }
  // Half of a batch is still to come of each that runs, if a stream has to be waited for at all.
  const auto& own = times_[request.of_pictures() ? 0 : 1];
  if (running >= options_.streams) sum += own.least_us() / 2;
  return sum / static_cast<double>(options_.streams);
}

Status EncodeQueue::full(const EncodeRequest& request, const Load& load, double wait) const {
  const std::uint64_t bytes = request.bytes();
  const std::string limits =
      std::to_string(options_.queue_items) + " items and " + std::to_string(options_.queue_bytes) + " bytes";
  if (request.count > options_.queue_items || bytes > options_.queue_bytes) {
    return refuse(EncodeRefusal::kTooLarge, Code::kLimit,
                  "the request has " + std::to_string(request.count) + " items, " + std::to_string(bytes) +
                      " bytes, and the queue of an encoder holds at most " + limits + ": send several smaller ones");
  }
  if (load.items + request.count <= options_.queue_items && load.bytes + bytes <= options_.queue_bytes) {
    return Status::ok();
  }
  return refuse(EncodeRefusal::kFull, Code::kBusy,
                std::string("the ") + name_of(request.terms.priority) + " queue of the encoder is full: " +
                    std::to_string(load.items) + " items, " + std::to_string(load.bytes) + " bytes wait, at most " +
                    limits + " do: come again in about " + milliseconds(wait));
}

Status EncodeQueue::admit(const EncodeRequest& request, std::int64_t now_us, std::size_t running) {
  const double wait = wait_us(request, running);
  PICTOR_TRY(full(request, loads_[static_cast<std::size_t>(request.terms.priority)], wait));
  if (request.terms.deadline_us == 0) return Status::ok();
  const auto left = saturating_difference(request.terms.deadline_us, now_us);
  if (left <= 0) {
    return refuse(EncodeRefusal::kLate, Code::kCancelled,
                  "the deadline passed " + milliseconds(-static_cast<double>(left)) + " before the request came");
  }
  auto& time = time_of(request.of_pictures());
  const double needed = wait + time.least_us() * static_cast<double>(request.count);
  // With nothing before it a request is tried: only what is measured keeps the measurements true.
  if (wait == 0 || needed <= static_cast<double>(left)) return Status::ok();
  time.forget_one();
  return refuse(EncodeRefusal::kHopeless, Code::kCancelled,
                "it cannot be done in time: about " + milliseconds(needed) + " are needed, the deadline is in " +
                    milliseconds(static_cast<double>(left)) + ": allow more time, or come again when less waits");
}

void EncodeQueue::push(const EncodeRequestPtr& request) {
  const auto priority = request->terms.priority;
  auto& load = loads_[static_cast<std::size_t>(priority)];
  queue(priority).push_back(request);
  load.items += request->count;
  load.bytes += request->bytes();
  Metrics::global().add(metric::kEncodeQueueItems, kind_of(priority), static_cast<double>(request->count));
}

// Bytes go with the last item: a caller's memory is held until then.
void EncodeQueue::count(EncodePriority priority, std::size_t items_gone, std::uint64_t bytes_gone) {
  auto& load = loads_[static_cast<std::size_t>(priority)];
  load.items -= items_gone;
  load.bytes -= bytes_gone;
  Metrics::global().add(metric::kEncodeQueueItems, kind_of(priority), -static_cast<double>(items_gone));
}

bool EncodeQueue::remove(const EncodeRequestPtr& request) {
  auto& from = queue(request->terms.priority);
  const auto found = std::ranges::find(from, request);
  if (found == from.end()) return false;
  count(request->terms.priority, request->count - request->taken, request->bytes());
  from.erase(found);
  return true;
}

std::vector<EncodeRequestPtr> EncodeQueue::take_all() {
  std::vector<EncodeRequestPtr> all;
  for (const auto& from : queues_) all.insert(all.end(), from.begin(), from.end());
  for (const auto& request : all) remove(request);
  return all;
}

EncodePriority EncodeQueue::turn() const {
  const bool urgent = !queue(EncodePriority::kInteractive).empty();
  const bool bulk = !queue(EncodePriority::kBulk).empty();
  const bool bulk_s_turn = bulk && interactive_in_a_row_ >= options_.interactive_in_a_row;
  return urgent && !bulk_s_turn ? EncodePriority::kInteractive : EncodePriority::kBulk;
}

EncodeRequestPtr EncodeQueue::front() const { return empty() ? nullptr : queue(turn()).front(); }

EncodeRequestPtr EncodeQueue::first_idle() const {
  const auto first = turn();
  const auto other = first == EncodePriority::kBulk ? EncodePriority::kInteractive : EncodePriority::kBulk;
  for (const auto priority : {first, other}) {
    for (const auto& waiting : queue(priority)) {
      if (!waiting->helps || waiting->asleep) return waiting;
    }
  }
  return nullptr;
}

// How long a bulk request waits for company: no longer than half of the time that its deadline leaves it, so that it is
// in time even if it then takes longer than it did lately.
std::int64_t EncodeQueue::patience_us(const EncodeRequest& waiting) const {
  const auto deadline = waiting.terms.deadline_us;
  if (deadline == 0) return options_.bulk_wait_us;
  const double needed =
      times_[waiting.of_pictures() ? 0 : 1].least_us() * static_cast<double>(waiting.count - waiting.taken);
  const double spare = static_cast<double>(saturating_difference(deadline, waiting.queued_us)) - needed;
  if (spare / 2 >= static_cast<double>(options_.bulk_wait_us)) return options_.bulk_wait_us;
  return std::max<std::int64_t>(std::llround(spare / 2), 0);
}

std::optional<std::int64_t> EncodeQueue::due_in_us(std::int64_t now_us) const {
  if (empty()) return std::nullopt;
  if (!queue(EncodePriority::kInteractive).empty()) return 0;
  const auto& first = *queue(EncodePriority::kBulk).front();
  const std::size_t most = batch_of(first);
  std::size_t items = 0;
  std::int64_t due = options_.bulk_wait_us;
  for (const auto& waiting : queue(EncodePriority::kBulk)) {
    if (waiting->goes_with(first)) items += waiting->count - waiting->taken;
    if (items >= most) return 0;
    due = std::min(due, waiting->queued_us - now_us + patience_us(*waiting));  // who goes later waits for the first
  }
  return std::max<std::int64_t>(due, 0);
}

void EncodeQueue::drop_late(std::int64_t now_us, std::vector<EncodeRequestPtr>& late) {
  const std::size_t before = late.size();
  late.reserve(before + queues_[0].size() + queues_[1].size());
  for (const auto& from : queues_) {
    for (const auto& waiting : from) {
      const auto deadline = waiting->terms.deadline_us;
      if (deadline != 0 && deadline <= now_us) late.push_back(waiting);
    }
  }
  for (std::size_t i = before; i < late.size(); ++i) remove(late[i]);
}

void EncodeQueue::gather(EncodePriority priority, std::size_t most, std::vector<EncodeSlice>& batch,
                         std::size_t& items) {
  auto& from = queue(priority);
  for (auto at = from.begin(); at != from.end() && items < most;) {
    EncodeRequest& request = **at;
    if (!batch.empty() && !request.goes_with(*batch.front().request)) {
      ++at;
      continue;
    }
    const std::size_t some = std::min(most - items, request.count - request.taken);
    batch.push_back({*at, request.taken, some});
    items += some;
    request.taken += some;
    request.in_flight += some;
    const bool all = request.taken == request.count;
    count(priority, some, all ? request.bytes() : 0);
    at = all ? from.erase(at) : std::next(at);
  }
}

std::vector<EncodeSlice> EncodeQueue::take(std::int64_t now_us, std::vector<EncodeRequestPtr>& late) {
  std::vector<EncodeSlice> batch;
  batch.reserve(queues_[0].size() + queues_[1].size());  // no memory: nothing is taken out yet
  drop_late(now_us, late);
  if (empty()) return batch;
  const auto first = turn();
  const auto other = first == EncodePriority::kBulk ? EncodePriority::kInteractive : EncodePriority::kBulk;
  const bool bulk_waits = !queue(EncodePriority::kBulk).empty();
  interactive_in_a_row_ = first == EncodePriority::kInteractive && bulk_waits ? interactive_in_a_row_ + 1 : 0;
  const std::size_t most = batch_of(*queue(first).front());
  std::size_t items = 0;
  gather(first, most, batch, items);
  gather(other, most, batch, items);
  Metrics::global().observe(metric::kEncodeTogether, static_cast<double>(items));
  for (const auto& slice : batch) {
    if (slice.first != 0) continue;
    slice.request->begun_us = now_us;
    Metrics::global().observe(metric::kEncodeWaitSeconds, kind_of(slice.request->terms.priority),
                              static_cast<double>(now_us - slice.request->queued_us) * 1e-6);
  }
  return batch;
}

}  // namespace pictor
