#include "serve/put_lanes.h"

#include <set>
#include <utility>

#include "observe/observe.h"

namespace pictor {
namespace {

class PutSource final : public IngestSource {
 public:
  explicit PutSource(std::vector<PutItem*> items) : items_(std::move(items)) {}

  Result<bool> next(Entry& out) override {
    if (at_ == items_.size()) return false;
    PutItem* item = items_[at_++];
    out = Entry{};
    out.item = item->item;
    out.bytes = item->picture.size();
    out.read = [item]() -> Result<Bytes> { return std::move(item->picture); };
    return true;
  }
  std::optional<std::uint64_t> total() const override { return items_.size(); }

 private:
  std::vector<PutItem*> items_;
  std::size_t at_ = 0;
};

}  // namespace

// As many as go into one batch: of one target, no id twice, so that each result finds its item.
std::vector<PutLanes::Part> PutLanes::take_batch(const Lane& lane) const {
  std::vector<Part> batch;
  std::set<std::string_view> ids;
  for (Waiting* waiting : lane.waiting) {
    if (!(waiting->target == lane.waiting.front()->target)) break;
    for (std::size_t i = waiting->done; i < waiting->items.size(); ++i) {
      if (batch.size() == limits::kServerBatchItems || !ids.insert(waiting->items[i].item.id).second) return batch;
      batch.push_back({waiting, i});
    }
  }
  return batch;
}

std::string PutLanes::keep_of_new(const std::string& collection) {
  {
    const std::lock_guard lock(mutex_);
    if (there_.contains(collection)) return "";
  }
  if (engine_.stats(collection).status().code() == Code::kNotFound) return "thumbnail";
  const std::lock_guard lock(mutex_);
  there_.insert(collection);
  return "";
}

void PutLanes::forget(const std::string& collection) {
  const std::lock_guard lock(mutex_);
  there_.erase(collection);
}

void PutLanes::ingest(const PutTarget& target, const std::vector<Part>& batch) {
  std::vector<PutItem*> items;
  std::map<std::string, PutResult*> results;
  for (const Part& part : batch) {
    items.push_back(&part.of->items[part.at]);
    results[items.back()->item.id] = &part.of->results[part.at];
  }
  TraceSpan span("put_batch");
  span.note("pictor.items", std::to_string(items.size()));
  Metrics::global().observe(metric::kPutBatchItems, static_cast<double>(items.size()));
  PutSource source(std::move(items));
  IngestRequest request;
  request.collection = target.collection;
  request.encoder = target.encoder;
  request.keep = target.keep.empty() ? keep_of_new(target.collection) : target.keep;
  request.tokens = target.tokens;
  std::set<std::string> settled;
  request.settled = [&](const std::string& id, IngestOutcome outcome, const Status& cause) {
    *results.at(id) = {outcome, cause};
    settled.insert(id);
  };
  const auto report = engine_.ingest(request, source);
  for (const auto& [id, result] : results) {
    if (settled.contains(id)) continue;
    result->cause = report.is_ok() ? Status(Code::kInternal, "the item was passed over") : report.status();
  }
}

std::vector<PutResult> PutLanes::put(const PutTarget& target, std::vector<PutItem> items) {
  if (items.empty()) return {};
  Waiting mine{target, std::move(items), {}, 0};
  mine.results.resize(mine.items.size());
  std::unique_lock lock(mutex_);
  auto& slot = lanes_[target.collection];
  if (slot == nullptr) slot = std::make_shared<Lane>();
  const std::shared_ptr<Lane> held = slot;  // one that was told its results may still be waking up when it is erased
  Lane& lane = *held;
  lane.waiting.push_back(&mine);
  while (mine.done < mine.items.size()) {
    if (lane.led) {
      const TraceSpan span("put_wait");
      lane.changed.wait(lock);
      continue;
    }
    lane.led = true;
    const auto batch = take_batch(lane);
    const PutTarget now = lane.waiting.front()->target;
    lock.unlock();
    ingest(now, batch);
    lock.lock();
    for (const Part& part : batch) part.of->done = part.at + 1;
    while (!lane.waiting.empty() && lane.waiting.front()->done == lane.waiting.front()->items.size()) {
      lane.waiting.pop_front();
    }
    lane.led = false;
    lane.changed.notify_all();
  }
  const auto mapped = lanes_.find(target.collection);
  if (lane.waiting.empty() && !lane.led && mapped != lanes_.end() && mapped->second == held) lanes_.erase(mapped);
  return std::move(mine.results);
}

}  // namespace pictor
