#include "observe/process.h"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>
#include <optional>
#include <sstream>

namespace pictor {
namespace {

double page_bytes() { return static_cast<double>(::sysconf(_SC_PAGESIZE)); }
double ticks_per_second() { return static_cast<double>(::sysconf(_SC_CLK_TCK)); }

// Ticks from the start of the machine to that of the process: field 22 of /proc/self/stat. The second is the process's
// name in parentheses, which may hold anything.
std::optional<double> start_ticks() {
  std::ifstream in("/proc/self/stat");
  std::string line;
  if (!std::getline(in, line) || line.rfind(')') == std::string::npos) return std::nullopt;
  std::istringstream fields(line.substr(line.rfind(')') + 1));
  std::string skipped;
  for (int field = 3; field < 22; ++field) fields >> skipped;
  double ticks = 0;
  if (!(fields >> ticks)) return std::nullopt;
  return ticks;
}

// When the machine began, in seconds since 1970.
std::optional<double> boot_seconds() {
  std::ifstream in("/proc/stat");
  for (std::string line; std::getline(in, line);) {
    if (line.rfind("btime ", 0) != 0) continue;
    std::istringstream fields(line.substr(6));
    double seconds = 0;
    if (fields >> seconds) return seconds;
  }
  return std::nullopt;
}

std::optional<double> open_files() {
  DIR* folder = ::opendir("/proc/self/fd");
  if (folder == nullptr) return std::nullopt;
  double count = -3;                             // ".", ".." and the folder itself
  while (::readdir(folder) != nullptr) ++count;  // NOLINT(concurrency-mt-unsafe): of a folder of its own
  ::closedir(folder);
  return count;
}

}  // namespace

void add_process_samples(MetricSamples& samples) {
  std::ifstream memory("/proc/self/statm");
  double all = 0, resident = 0;
  if (memory >> all >> resident) {
    samples.add(metric::kProcessVirtualBytes, all * page_bytes());
    samples.add(metric::kProcessResidentBytes, resident * page_bytes());
  }
  rusage used{};
  if (::getrusage(RUSAGE_SELF, &used) == 0) {
    const auto seconds = [](const timeval& time) {
      return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
    };
    samples.add(metric::kProcessCpuSeconds, seconds(used.ru_utime) + seconds(used.ru_stime));
  }
  static const auto began = [] {
    const auto boot = boot_seconds();
    const auto ticks = start_ticks();
    return boot && ticks ? std::optional(*boot + *ticks / ticks_per_second()) : std::nullopt;
  }();
  if (began) samples.add(metric::kProcessStartSeconds, *began);
  if (const auto files = open_files()) samples.add(metric::kProcessOpenFiles, *files);
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur != RLIM_INFINITY) {
    samples.add(metric::kProcessFilesMax, static_cast<double>(files.rlim_cur));
  }
}

}  // namespace pictor
