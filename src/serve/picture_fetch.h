// Pictures that requests give as addresses. Inside serve/ only.
//
// Nothing is fetched unless the options name hosts (image_urls), and then only from them: net's HttpReach says how that
// is held. What comes is a picture or it is not: it is decoded as what is uploaded, and nobody is shown it. Thread
// safety: all calls from any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <string>

#include "base/base.h"
#include "pictor/server.h"
#include "serve/work_queue.h"

namespace pictor {

struct WantedPicture {
  std::string address;
  Bytes bytes = {};                                                 // once it is fetched, or
  Status status{Code::kInternal, "the address was not looked at"};  // why there are none
};

struct FetchTerms {
  const ServerOptions& options;     // of the request
  Lane lane = Lane::kInteractive;   // likewise
  std::int64_t deadline_us = 0;     // on Env::monotonic_us, beside limits::kPictureFetchMsMax for each
  std::uint64_t bytes_max = ~0ULL;  // of all of them together
};

class PictureFetcher {
 public:
  explicit PictureFetcher(Env& env) : env_(env) {}

  // Some at once; each gets its bytes or a status. kUnsupported: this server fetches none; kInvalid: no address;
  // kLimit: too large; kCancelled: not there in time; kBusy: too many requests wait for pictures; else kUnreadable.
  // That a request waits for a slow server must not keep others from a thread: of the interactive lane's, a quarter may
  // wait.
  void fetch(std::span<WantedPicture> wanted, const FetchTerms& terms);
  void stop() { stopping_ = true; }  // what is under way ends soon, and nothing is fetched from now on

 private:
  Env& env_;
  std::atomic<bool> stopping_{false};
  std::atomic<std::size_t> waiting_{0};  // requests of the interactive lane
};

}  // namespace pictor
