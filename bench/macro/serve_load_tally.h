// What serve_load counts of each class: what became of its requests, and every latency, so that percentiles are exact.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <map>
#include <numeric>
#include <string>
#include <vector>

namespace pictor::load {

struct Tally {
  std::uint64_t sent = 0, broken = 0;
  std::uint64_t unanswered = 0;  // at the end
  std::map<int, std::uint64_t> statuses;
  std::vector<float> ms;  // of 2xx after the warm-up

  void add(const Tally& other) {
    sent += other.sent;
    broken += other.broken;
    unanswered += other.unanswered;
    for (const auto& [status, count] : other.statuses) statuses[status] += count;
    ms.insert(ms.end(), other.ms.begin(), other.ms.end());
  }
};

// The smallest value that is no less than that share of all (nearest rank). REQUIRES: ascending, not empty.
inline float percentile(const std::vector<float>& ascending, double share) {
  const double rank = std::ceil(share * static_cast<double>(ascending.size()));
  return ascending[static_cast<std::size_t>(std::max(rank, 1.0)) - 1];
}

inline std::string json_of(Tally tally, double measured_seconds) {
  std::string statuses;
  for (const auto& [status, count] : tally.statuses) {
    statuses += (statuses.empty() ? "\"" : ", \"") + std::to_string(status) + "\": " + std::to_string(count);
  }
  std::string out = "{\"sent\": " + std::to_string(tally.sent) + ", \"broken\": " + std::to_string(tally.broken) +
                    ", \"unanswered\": " + std::to_string(tally.unanswered) + ", \"statuses\": {" + statuses +
                    "}, \"measured\": " + std::to_string(tally.ms.size()) +
                    ", \"per_second\": " + std::to_string(static_cast<double>(tally.ms.size()) / measured_seconds);
  if (!tally.ms.empty()) {
    std::sort(tally.ms.begin(), tally.ms.end());
    const double sum = std::accumulate(tally.ms.begin(), tally.ms.end(), 0.0);
    out += ", \"mean_ms\": " + std::to_string(sum / static_cast<double>(tally.ms.size()));
    for (const int of_100 : {50, 90, 99}) {
      out += ", \"p" + std::to_string(of_100) + "_ms\": " + std::to_string(percentile(tally.ms, of_100 / 100.0));
    }
    out += ", \"max_ms\": " + std::to_string(tally.ms.back());
  }
  return out + "}";
}

}  // namespace pictor::load
