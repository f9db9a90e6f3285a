#include "cli/interrupt.h"

#include <fcntl.h>
#include <unistd.h>

namespace pictor {
namespace {

std::atomic<bool> interrupted = false;
std::atomic<bool> hung_up = false;
static_assert(std::atomic<bool>::is_always_lock_free, "the flag is set in a signal handler");

void on_signal(int) { interrupted.store(true); }
void on_hangup(int) { hung_up.store(true); }

bool has_terminal() {
  const int terminal = ::open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (terminal < 0) return false;
  ::close(terminal);
  return true;
}

}  // namespace

InterruptGuard::InterruptGuard() {
  interrupted.store(false);
  struct sigaction action {};
  action.sa_handler = on_signal;
  sigemptyset(&action.sa_mask);
  // The handler stands for one signal only: the second ends the process as usual.
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_RESTART);
  sigaction(SIGINT, &action, &before_int_);
  sigaction(SIGTERM, &action, &before_term_);
}

InterruptGuard::~InterruptGuard() {
  sigaction(SIGINT, &before_int_, nullptr);
  sigaction(SIGTERM, &before_term_, nullptr);
}

const std::atomic<bool>& InterruptGuard::flag() const { return interrupted; }

HangupGuard::HangupGuard() {
  hung_up.store(false);
  struct sigaction action {};
  action.sa_handler = on_hangup;
  sigemptyset(&action.sa_mask);
  action.sa_flags = static_cast<int>(SA_RESTART);
  sigaction(SIGHUP, &action, &before_);
  had_terminal_ = before_.sa_handler == SIG_DFL && has_terminal();
}

HangupGuard::~HangupGuard() { sigaction(SIGHUP, &before_, nullptr); }

bool HangupGuard::take() { return hung_up.exchange(false); }

bool HangupGuard::terminal_is_gone() const { return had_terminal_ && !has_terminal(); }

}  // namespace pictor
