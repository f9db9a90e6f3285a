// What waits for an encoder: two queues of requests, their bounds, and which of them go together next.
//
// No threads and no clock: the batcher owns it, holds its lock and says what time it is. Not thread-safe.
#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "encode/encode.h"

namespace pictor {

struct EncodeRequest {
  EncodeTerms terms;
  std::string head;                    // of texts; empty: pictures
  std::span<const float> tensors;      // looks into own_tensors, or into the memory of a caller who waits
  std::span<const std::string> texts;  // likewise
  std::vector<float> own_tensors;
  std::vector<std::string> own_texts;
  std::size_t count = 0;  // pictures or texts
  std::int64_t queued_us = 0;
  std::int64_t begun_us = 0;  // its first items were taken; 0: not yet
  bool helps = false;         // its caller waits, and computes when it is this request's turn

  // Under the batcher's lock:
  bool asleep = false;        // its caller, who helps, does not compute at the moment
  std::size_t taken = 0;      // given out by EncodeQueue::take
  std::size_t in_flight = 0;  // of them, not yet come back
  std::vector<std::vector<float>> vectors;
  Status status;
  bool done = false;
  std::condition_variable changed;

  bool of_pictures() const { return head.empty(); }
  std::uint64_t bytes() const;
  bool goes_with(const EncodeRequest& other) const { return head == other.head; }
};

using EncodeRequestPtr = std::shared_ptr<EncodeRequest>;

// `count` items of a request, from `first`.
struct EncodeSlice {
  EncodeRequestPtr request;
  std::size_t first = 0;
  std::size_t count = 0;
};

// Times come from callers, and may be as far away as they like.
constexpr std::int64_t saturating_difference(std::int64_t a, std::int64_t b) {
  std::int64_t difference = 0;
  if (!__builtin_sub_overflow(a, b, &difference)) return difference;
  return a < b ? INT64_MIN : INT64_MAX;
}

// The least time an item took lately: what is refused by it surely could not be done in time. Each refusal forgets a
// measurement, so that a wrong one does not refuse for ever.
class ItemTime {
 public:
  void add(double us);
  void forget_one();
  double least_us() const;  // 0: unknown

 private:
  static constexpr std::size_t kKept = 8;
  std::deque<double> times_;
};

class EncodeQueue {
 public:
  EncodeQueue(const BatcherOptions& options, std::size_t batch_pictures)
      : options_(options), batch_pictures_(batch_pictures) {}
  ~EncodeQueue() { take_all(); }  // what waits no longer is no longer counted
  EncodeQueue(const EncodeQueue&) = delete;
  EncodeQueue& operator=(const EncodeQueue&) = delete;

  // Not ok: the request is to be refused, and why; counted. `running` batches are computed at the moment.
  Status admit(const EncodeRequest& request, std::int64_t now_us, std::size_t running);
  void push(const EncodeRequestPtr& request);
  // Takes what is left of the request out; false when nothing of it waits.
  bool remove(const EncodeRequestPtr& request);
  bool empty() const { return queues_[0].empty() && queues_[1].empty(); }
  // Whose turn it is; null when empty.
  EncodeRequestPtr front() const;
  // In the order of turns the first whose caller can be woken to compute, or that threads of the batcher's own have to;
  // null: none. Whoever is woken takes what is first, his own or not.
  EncodeRequestPtr first_idle() const;
  // 0: take now. Nothing: empty. Else how long bulk requests may still wait for company.
  std::optional<std::int64_t> due_in_us(std::int64_t now_us) const;
  // What is computed next, together; moves requests whose deadline has passed to `late`. Takes all or, when it throws
  // (std::bad_alloc), nothing.
  std::vector<EncodeSlice> take(std::int64_t now_us, std::vector<EncodeRequestPtr>& late);
  std::vector<EncodeRequestPtr> take_all();

  std::size_t batch_of(const EncodeRequest& request) const {
    return request.of_pictures() ? batch_pictures_ : options_.batch_texts;
  }
  ItemTime& time_of(bool pictures) { return times_[pictures ? 0 : 1]; }

 private:
  struct Load {
    std::size_t items = 0;
    std::uint64_t bytes = 0;
  };
  using Queue = std::list<EncodeRequestPtr>;

  Queue& queue(EncodePriority priority) { return queues_[static_cast<std::size_t>(priority)]; }
  const Queue& queue(EncodePriority priority) const { return queues_[static_cast<std::size_t>(priority)]; }
  EncodePriority turn() const;
  std::int64_t patience_us(const EncodeRequest& waiting) const;
  void drop_late(std::int64_t now_us, std::vector<EncodeRequestPtr>& late);
  void gather(EncodePriority priority, std::size_t most, std::vector<EncodeSlice>& batch, std::size_t& items);
  void count(EncodePriority priority, std::size_t items_gone, std::uint64_t bytes_gone);
  double wait_us(const EncodeRequest& request, std::size_t running) const;
  Status full(const EncodeRequest& request, const Load& load, double wait) const;

  const BatcherOptions options_;
  const std::size_t batch_pictures_;
  std::array<Queue, 2> queues_;
  std::array<Load, 2> loads_;
  std::array<ItemTime, 2> times_;
  std::size_t interactive_in_a_row_ = 0;
};

}  // namespace pictor
