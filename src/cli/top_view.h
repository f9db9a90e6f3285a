// What `pictor top` shows of a server, as numbers; and as text for a terminal or JSON.
//
// Thread safety: values and pure functions.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/top_numbers.h"

namespace pictor {

struct TopTimed {  // an operation, or a stage of a query
  std::string name;
  double rate = 0;  // a second
  std::optional<double> p50_s, p99_s;
};

struct TopCollection {
  std::string name;
  double items = 0, fresh_rows = 0, segments = 0, bytes = 0;
  std::optional<double> recall, recall_low;  // of the first ten hits
};

struct TopView {
  std::string url, version, state;  // state: "ready", or why not
  double seconds = 0;               // that the rates are of
  std::optional<double> up_s;
  double resident_bytes = 0, cores = 0, open_files = 0;
  double answered = 0, refused = 0, failed = 0;                      // requests a second
  double too_many_queue = 0, too_many_bodies = 0, too_many_key = 0;  // 429 a second, by cause
  double working = 0, working_max = 0, waiting = 0, waiting_max = 0, connections = 0, body_bytes = 0;
  std::optional<double> cache_share;                        // of look-ups that hit
  std::optional<double> together_items, encode_wait_p99_s;  // of the encoder's turns
  double encode_waiting = 0, encode_waiting_bulk = 0;       // pictures and texts
  std::vector<TopTimed> operations;                         // those that were asked for, the most first
  std::vector<TopTimed> stages;
  std::vector<TopCollection> collections;  // the largest first
};

TopView top_view(const MetricsChange& change, double seconds, double now_s);
// The metrics that top_view looks at: a test compares with the server's.
std::span<const std::string_view> top_metric_names();

// Lines of at most `width` columns.
std::vector<std::string> top_lines(const TopView& view, std::size_t width);
std::string top_json(const TopView& view);  // one line

}  // namespace pictor
