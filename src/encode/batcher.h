// One encoder for many callers at once: what waits together is computed together, the urgent first.
//
// While a stream is free and nothing waits, a caller computes on its own thread, at no cost. Else it waits in a bounded
// queue of its priority, and when its turn comes it computes what waits, for all; a submitted request, whose caller
// does not wait, is computed by threads of the batcher's own. Who shares a batch changes no bit of a vector (encode.h).
//
// Interactive requests go before bulk ones, but after so many turns in a row bulk has one; a large request is taken in
// parts, so that it holds nobody up for longer than one part.
//
// Thread safety: all calls from any thread. The destructor refuses what waits; no call may come after it has begun.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/base.h"

namespace pictor {

class Encoder;

enum class EncodePriority : std::uint8_t { kInteractive, kBulk };

struct EncodeTerms {
  EncodePriority priority = EncodePriority::kInteractive;
  // On Env::monotonic_us; 0: none. What cannot be done by then is refused before it is computed, what waits too long is
  // dropped, and what is done too late is not given out: kCancelled each time.
  std::int64_t deadline_us = 0;
};

struct BatcherOptions {
  std::size_t streams = 1;         // batches computed at once: EncoderOptions::parallel
  std::size_t batch_pictures = 0;  // 0: Encoder::pass_pictures(), beyond which nothing is gained
  std::size_t batch_texts = limits::kEncodeTextsMax;
  std::int64_t bulk_wait_us = 2000;      // how long a bulk request waits for others where a batch is more than one
  std::size_t interactive_in_a_row = 8;  // batches, while a bulk request waits
  std::size_t queue_items = limits::kEncodeQueueItemsMax;    // of each priority
  std::uint64_t queue_bytes = limits::kEncodeQueueBytesMax;  // of each priority
};

struct EncodeRequest;
struct BatcherCore;

// The answer to a submitted request, now or later. Outlives its batcher. Dropping it does not cancel.
class EncodeTicket {
 public:
  EncodeTicket(std::shared_ptr<BatcherCore> core, std::shared_ptr<EncodeRequest> request);
  bool ready() const;
  // Waits. Pictures: n * dim numbers for each head with images; texts: one entry. Gives them out once.
  Result<std::vector<std::vector<float>>> get();
  // What has not begun is not computed: get answers kCancelled. No effect on what is done.
  void cancel();

 private:
  std::shared_ptr<BatcherCore> core_;
  std::shared_ptr<EncodeRequest> request_;
};

class Batcher {
 public:
  // REQUIRES: options.streams and options.batch_texts are not 0.
  Batcher(Env& env, std::shared_ptr<const Encoder> encoder, const BatcherOptions& options);
  ~Batcher();
  Batcher(const Batcher&) = delete;
  Batcher& operator=(const Batcher&) = delete;

  const Encoder& encoder() const;

  // As Encoder's, on terms. kBusy: the queue is full; says how full, the limit, and when to come again. kLimit: one
  // text, or a submitted request, is more than the queue ever holds (what waits goes into it in parts); or there is not
  // enough memory. kCancelled: the deadline, or the batcher is stopped.
  Result<std::vector<std::vector<float>>> encode_images(std::span<const float> tensors, std::size_t n,
                                                        const EncodeTerms& terms);
  Result<std::vector<float>> encode_texts(std::span<const std::string> texts, std::string_view head,
                                          const EncodeTerms& terms);
  EncodeTicket submit_images(std::vector<float> tensors, std::size_t n, const EncodeTerms& terms);
  EncodeTicket submit_texts(std::vector<std::string> texts, std::string_view head, const EncodeTerms& terms);

  enum class Stop { kDrain, kRefuse };
  // Takes no more, then computes what waits or refuses it; returns when nothing runs. The second call finds it done.
  void stop(Stop how);

 private:
  std::shared_ptr<BatcherCore> core_;
};

}  // namespace pictor
