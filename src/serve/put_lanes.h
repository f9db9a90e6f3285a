// Puts of many clients into one collection become one batch: one pass of the encoder, one commit. Inside serve/ only.
//
// Whoever comes first leads: it takes what waits, ingests it, and tells the others; then the next that still waits
// leads. Thread safety: all calls from any thread; put() waits until its items are durable or refused.
#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "base/base.h"
#include "pictor/engine.h"

namespace pictor {

struct PutItem {
  IngestItem item;
  Bytes picture;
  std::string address = {};  // of the picture, where it is fetched
};

struct PutResult {
  IngestOutcome outcome = IngestOutcome::kQuarantined;
  Status cause{Code::kInternal, "the item was not looked at"};  // ok unless it is refused
};

struct PutTarget {
  std::string collection;
  std::string encoder, keep, tokens;  // of a new collection
  friend bool operator==(const PutTarget&, const PutTarget&) = default;
};

class PutLanes {
 public:
  explicit PutLanes(Engine& engine) : engine_(engine) {}

  // One result an item, in their order.
  std::vector<PutResult> put(const PutTarget& target, std::vector<PutItem> items);
  // What a collection keeps that is made now: thumbnails unless it is said, as what is uploaded has no file to refer
  // to. Empty where the collection is there.
  std::string keep_of_new(const std::string& collection);
  void forget(const std::string& collection);  // it was dropped

 private:
  struct Waiting {
    PutTarget target;
    std::vector<PutItem> items;
    std::vector<PutResult> results;
    std::size_t done = 0;  // items that have a result
  };
  struct Lane {
    std::deque<Waiting*> waiting;
    bool led = false;
    std::condition_variable changed;
  };
  struct Part {  // an item of one that waits
    Waiting* of = nullptr;
    std::size_t at = 0;
  };

  std::vector<Part> take_batch(const Lane& lane) const;
  void ingest(const PutTarget& target, const std::vector<Part>& batch);

  Engine& engine_;
  std::mutex mutex_;
  std::set<std::string> there_;                         // collections that were seen
  std::map<std::string, std::shared_ptr<Lane>> lanes_;  // one for each collection that is being put into
};

}  // namespace pictor
