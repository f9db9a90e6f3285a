// Ctrl-C (SIGINT) and SIGTERM while this lives: the first one sets a flag, the second one ends the process.
//
// At most one at a time, from the main thread.
#pragma once

#include <atomic>
#include <csignal>

namespace pictor {

class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

  const std::atomic<bool>& flag() const;

 private:
  struct sigaction before_int_ {};
  struct sigaction before_term_ {};
};

}  // namespace pictor
