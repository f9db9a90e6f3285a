// What a backup or a restore shows: a bar while it works, and its result.
#pragma once

#include <ostream>
#include <string>

#include "cli/session.h"
#include "pictor/backup.h"

namespace pictor {

// "[#####-----]  52%  1.2 GiB of 2.3 GiB  38.2 MiB/s  0:10 left  'cats'", at most `width` columns.
std::string copy_bar(const CopyProgress& progress, std::size_t width);

// A bar on a terminal, a plain line every few seconds elsewhere, nothing with --quiet.
class CopyPrinter {
 public:
  CopyPrinter(Session& session, bool off);
  ~CopyPrinter();
  CopyPrinter(const CopyPrinter&) = delete;
  CopyPrinter& operator=(const CopyPrinter&) = delete;
  std::function<void(const CopyProgress&)> function();

 private:
  enum class Mode { kOff, kBar, kLines };

  std::ostream& err_;
  Mode mode_ = Mode::kOff;
  std::size_t width_;
  double printed_seconds_ = 0;
  bool bar_shown_ = false;
};

// `verb`: "Backed up", "Restored".
void print_copied(Session& session, const std::string& verb, const CopyReport& report);
std::string copied_json(const CopyReport& report);
std::string places_json(const std::vector<BackupPlace>& places);

struct RateOption {
  double mib = 0;  // a second; 0: none
  std::uint64_t bytes() const { return static_cast<std::uint64_t>(mib * 1048576.0); }
};
void add_rate_option(CLI::App& app, RateOption& rate);

}  // namespace pictor
