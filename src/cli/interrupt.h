// Signals as flags. InterruptGuard: Ctrl-C (SIGINT) and SIGTERM while it lives: the first one sets a flag, the second
// one ends the process. HangupGuard: SIGHUP, which tells a server to read its configuration again.
//
// At most one of each at a time, from the main thread.
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

class HangupGuard {
 public:
  HangupGuard();
  ~HangupGuard();
  HangupGuard(const HangupGuard&) = delete;
  HangupGuard& operator=(const HangupGuard&) = delete;

  // Whether one came since the last call.
  bool take();
  // A closed terminal sends the same signal to what runs in it, to end it; nohup says that it is to go on.
  bool terminal_is_gone() const;

 private:
  struct sigaction before_ {};
  bool had_terminal_ = false;
};

}  // namespace pictor
