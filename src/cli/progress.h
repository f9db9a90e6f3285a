// What an indexing run shows while it works: a bar on a terminal, a plain line every few seconds elsewhere.
#pragma once

#include <cstddef>
#include <deque>
#include <ostream>
#include <string>

#include "pictor/engine.h"

namespace pictor {

// What is counted.
struct ProgressWords {
  std::string one = "picture", many = "pictures", rate = "img/s";
};

// "[#####-----]  52%  408/785  38.2 img/s  0:10 left  2 refused", at most `width` columns. `rate` in pictures a second.
std::string progress_bar(const IngestProgress& progress, double rate, std::size_t width,
                         const ProgressWords& words = {});
// "408 of 785 pictures (52%), 38.2 img/s, 0:10 left, 2 refused"
std::string progress_line(const IngestProgress& progress, double rate, const ProgressWords& words = {});

class ProgressPrinter {
 public:
  enum class Mode { kOff, kBar, kLines };
  ProgressPrinter(std::ostream& out, Mode mode, std::size_t width, ProgressWords words = {})
      : out_(out), mode_(mode), width_(width), words_(std::move(words)) {}

  void update(const IngestProgress& progress);
  // Prints a line of its own; the bar gives way and is drawn again by the next update.
  void line(const std::string& text);
  // Takes the bar away.
  void finish();

 private:
  struct Sample {
    double seconds;
    std::uint64_t seen;
  };
  double rate(const IngestProgress& progress);

  std::ostream& out_;
  Mode mode_;
  std::size_t width_;
  const ProgressWords words_;
  std::deque<Sample> samples_;
  double printed_seconds_ = 0;
  bool bar_shown_ = false;
};

}  // namespace pictor
