// A terminal that is drawn over and over, and keys as they are pressed; put back as it was at the end.
//
// At most one at a time.
#pragma once

#include <termios.h>

#include <cstddef>
#include <ostream>
#include <string>
#include <vector>

namespace pictor {

class TopScreen {
 public:
  // `keys`: standard input is a terminal, and its keys are wanted one by one.
  TopScreen(std::ostream& out, bool keys);
  ~TopScreen();
  TopScreen(const TopScreen&) = delete;
  TopScreen& operator=(const TopScreen&) = delete;

  std::size_t width() const;  // of the terminal now: it may have been made larger or smaller
  // One write for a whole picture, over the former one: nothing is blank between the two. The first line is bold.
  void draw(const std::vector<std::string>& lines);
  // Waits so long for a key. True: it is 'q'.
  bool quit_pressed(int wait_ms);

 private:
  std::size_t height() const;

  std::ostream& out_;
  bool keys_;
  termios before_{};
};

// The picture as it is sent to the terminal: at most `height` lines.
std::string top_frame(const std::vector<std::string>& lines, std::size_t height);

}  // namespace pictor
