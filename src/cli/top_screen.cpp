#include "cli/top_screen.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>

namespace pictor {
namespace {

constexpr std::size_t kWidth = 80, kHeight = 24;        // of a terminal that does not say
constexpr const char* kEnter = "\x1b[?1049h\x1b[?25l";  // the other screen, no cursor
constexpr const char* kLeave = "\x1b[?25h\x1b[?1049l";

winsize size_of_terminal() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) size = {};
  return size;
}

}  // namespace

std::string top_frame(const std::vector<std::string>& lines, std::size_t height) {
  std::string frame = "\x1b[H";
  const std::size_t count = std::min(lines.size(), height);
  for (std::size_t i = 0; i < count; ++i) {
    frame += i == 0 ? "\x1b[1m" + lines[i] + "\x1b[0m" : "\n" + lines[i];
    frame += "\x1b[K";
  }
  return frame + "\x1b[J";
}

TopScreen::TopScreen(std::ostream& out, bool keys) : out_(out), keys_(keys) {
  keys_ = keys_ && ::tcgetattr(STDIN_FILENO, &before_) == 0;
  if (keys_) {
    termios raw = before_;
    raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    ::tcsetattr(STDIN_FILENO, TCSANOW, &raw);
  }
  out_ << kEnter << std::flush;
}

TopScreen::~TopScreen() {
  out_ << kLeave << std::flush;
  if (keys_) ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
}

// One column is left free: a full line makes some terminals wrap.
std::size_t TopScreen::width() const {
  const std::size_t width = size_of_terminal().ws_col;
  return (width < 20 ? kWidth : width) - 1;
}

std::size_t TopScreen::height() const {
  const std::size_t height = size_of_terminal().ws_row;
  return height == 0 ? kHeight : height;
}

void TopScreen::draw(const std::vector<std::string>& lines) { out_ << top_frame(lines, height()) << std::flush; }

bool TopScreen::quit_pressed(int wait_ms) {
  pollfd in{STDIN_FILENO, POLLIN, 0};
  if (!keys_) {
    ::poll(nullptr, 0, wait_ms);
    return false;
  }
  if (::poll(&in, 1, wait_ms) <= 0) return false;
  char key = 0;
  const ssize_t got = ::read(STDIN_FILENO, &key, 1);
  if (got == 0) return true;  // the terminal is gone
  return got == 1 && (key == 'q' || key == 'Q');
}

}  // namespace pictor
