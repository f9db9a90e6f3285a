// How much memory there is for this process.
#pragma once

#include <cstdint>
#include <string>

namespace pictor {

// What the machine has, or less where a control group of this process (version 1 or 2) allows less. Thread safety: from
// any thread.
std::uint64_t machine_memory_bytes();

// The smallest limit among the groups that `members` (as /proc/self/cgroup) names below `root`, and those above them;
// UINT64_MAX when there is none.
std::uint64_t group_memory_bytes(const std::string& members, const std::string& root);

}  // namespace pictor
