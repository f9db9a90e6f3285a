#include "base/memory.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string_view>

namespace pictor {
namespace {

// "max", a missing file and a number past all memory say that there is none.
std::uint64_t limit_in(const std::string& file) {
  std::ifstream in(file);
  std::uint64_t bytes = 0;
  return in >> bytes && bytes > 0 ? bytes : UINT64_MAX;
}

std::uint64_t limit_upwards(const std::string& root, std::string path, const char* name) {
  std::uint64_t least = UINT64_MAX;
  while (true) {
    while (path.ends_with('/')) path.pop_back();
    least = std::min(least, limit_in(root + path + "/" + name));
    if (path.empty()) return least;
    path.erase(path.rfind('/') == std::string::npos ? 0 : path.rfind('/'));
  }
}

}  // namespace

std::uint64_t group_memory_bytes(const std::string& members, const std::string& root) {
  std::uint64_t least = UINT64_MAX;
  std::istringstream lines(members);
  for (std::string line; std::getline(lines, line);) {
    const auto first = line.find(':');
    const auto second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    const std::string path = line.substr(second + 1);
    if (controllers == ",,") least = std::min(least, limit_upwards(root, path, "memory.max"));
    if (controllers.find(",memory,") != std::string::npos) {
      least = std::min(least, limit_upwards(root + "/memory", path, "memory.limit_in_bytes"));
    }
  }
  return least;
}

std::uint64_t machine_memory_bytes() {
  const auto pages = static_cast<std::uint64_t>(std::max(::sysconf(_SC_PHYS_PAGES), 0L));
  const auto page = static_cast<std::uint64_t>(std::max(::sysconf(_SC_PAGESIZE), 0L));
  std::ifstream in("/proc/self/cgroup");
  std::ostringstream members;
  members << in.rdbuf();
  return std::min(pages * page, group_memory_bytes(members.str(), "/sys/fs/cgroup"));
}

}  // namespace pictor
