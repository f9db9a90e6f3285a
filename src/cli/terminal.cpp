// What the terminal is and can.
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/services.h"

namespace pictor {
namespace {

PictureProtocol find_protocol() {
  // A multiplexer swallows the sequences.
  if (!environment("TMUX").empty() || environment("TERM").starts_with("screen")) return PictureProtocol::kNone;
  const std::string program = environment("TERM_PROGRAM");
  if (!environment("KITTY_WINDOW_ID").empty() || environment("TERM") == "xterm-kitty" || program == "ghostty") {
    return PictureProtocol::kKitty;
  }
  if (program == "iTerm.app" || program == "WezTerm" || !environment("ITERM_SESSION_ID").empty()) {
    return PictureProtocol::kIterm;
  }
  return PictureProtocol::kNone;
}

}  // namespace

Terminal find_terminal() {
  Terminal terminal;
  terminal.out_is_tty = ::isatty(STDOUT_FILENO) == 1;
  terminal.err_is_tty = ::isatty(STDERR_FILENO) == 1;
  terminal.in_is_tty = ::isatty(STDIN_FILENO) == 1;
  winsize size{};
  const int tty = terminal.out_is_tty ? STDOUT_FILENO : STDERR_FILENO;
  if (::ioctl(tty, TIOCGWINSZ, &size) == 0 && size.ws_col >= 20) terminal.width = size.ws_col;
  terminal.colour = terminal.out_is_tty && environment("NO_COLOR").empty() && environment("TERM") != "dumb";
  if (terminal.out_is_tty) terminal.pictures = find_protocol();
  return terminal;
}

}  // namespace pictor
