#include "cli/progress.h"

#include <algorithm>

#include "cli/text.h"

namespace pictor {
namespace {

constexpr double kWindowSeconds = 15;  // the rate is that of the last seconds: a resumed run begins much faster
constexpr double kLineEverySeconds = 5;
constexpr std::size_t kBarWidth = 20;

double share_done(const IngestProgress& progress) {
  if (!progress.total || *progress.total == 0) return 0;
  return std::min(1.0, static_cast<double>(progress.seen) / static_cast<double>(*progress.total));
}

std::string percent(const IngestProgress& progress) {
  return std::to_string(static_cast<int>(share_done(progress) * 100)) + "%";
}

std::string time_left(const IngestProgress& progress, double rate) {
  if (!progress.total || rate <= 0 || progress.seen >= *progress.total) return "";
  return duration_text(static_cast<double>(*progress.total - progress.seen) / rate) + " left";
}

}  // namespace

std::string progress_bar(const IngestProgress& progress, double rate, std::size_t width, const ProgressWords& words) {
  std::string text;
  if (progress.total) {
    const auto full = static_cast<std::size_t>(share_done(progress) * kBarWidth);
    text = "[" + std::string(full, '#') + std::string(kBarWidth - full, '-') + "] " + pad_left(percent(progress), 4) +
           "  " + with_commas(progress.seen) + "/" + with_commas(*progress.total);
  } else {
    text = plural(progress.seen, words.one, words.many);
  }
  text += "  " + fixed(rate, 1) + " " + words.rate;
  if (const std::string left = time_left(progress, rate); !left.empty()) text += "  " + left;
  if (progress.quarantined > 0) text += "  " + with_commas(progress.quarantined) + " refused";
  return cut_end(text, width);
}

std::string progress_line(const IngestProgress& progress, double rate, const ProgressWords& words) {
  std::string text = with_commas(progress.seen);
  text += progress.total ? " of " + plural(*progress.total, words.one, words.many) + " (" + percent(progress) + ")"
                         : " " + (progress.seen == 1 ? words.one : words.many);
  text += ", " + fixed(rate, 1) + " " + words.rate;
  if (const std::string left = time_left(progress, rate); !left.empty()) text += ", " + left;
  if (progress.quarantined > 0) text += ", " + with_commas(progress.quarantined) + " refused";
  return text;
}

double ProgressPrinter::rate(const IngestProgress& progress) {
  samples_.push_back({progress.seconds, progress.seen});
  while (samples_.size() > 2 && progress.seconds - samples_.front().seconds > kWindowSeconds) samples_.pop_front();
  const Sample& first = samples_.front();
  if (samples_.size() > 1 && progress.seconds > first.seconds) {
    return static_cast<double>(progress.seen - first.seen) / (progress.seconds - first.seconds);
  }
  return progress.seconds > 0 ? static_cast<double>(progress.seen) / progress.seconds : 0;
}

void ProgressPrinter::update(const IngestProgress& progress) {
  if (mode_ == Mode::kOff) return;
  const double now_rate = rate(progress);
  if (mode_ == Mode::kBar) {
    // One column is left free: a full line makes some terminals wrap.
    out_ << "\r\x1b[2K" << progress_bar(progress, now_rate, width_ - 1, words_) << std::flush;
    bar_shown_ = true;
  } else if (progress.seconds - printed_seconds_ >= kLineEverySeconds) {
    printed_seconds_ = progress.seconds;
    out_ << progress_line(progress, now_rate, words_) << std::endl;
  }
}

void ProgressPrinter::line(const std::string& text) {
  finish();
  out_ << text << "\n" << std::flush;
}

void ProgressPrinter::finish() {
  if (bar_shown_) out_ << "\r\x1b[2K" << std::flush;
  bar_shown_ = false;
}

}  // namespace pictor
