// JSON that the commands print with --json, beside that of engine/json_output.h; docs/reference/json.md describes every
// field. All return one document without a line end. Bytes that are not UTF-8 are replaced by U+FFFD.
#pragma once

#include <string>
#include <vector>

#include "cli/source.h"
#include "engine/engine.h"

namespace pictor {

std::string added_encoder_json(const AddedEncoder& added);
std::string quantized_encoder_json(const QuantizedEncoder& made);
std::string error_json(const Status& status, const std::string& hint);
std::string vectors_json(const std::string& head, const std::vector<std::string>& inputs,
                         const std::vector<std::vector<float>>& vectors);
std::string deleted_json(std::uint64_t deleted);
struct CertifiedId {
  std::string id;
  bool erased = false;
};
std::string certificate_json(const CheckedCertificate& checked, const std::vector<CertifiedId>& ids);
std::string version_json(const std::string& version, const std::vector<std::string>& details);
std::string json_string(const std::string& text);  // quoted and escaped

struct IndexSummary {
  std::string collection;
  IngestReport report;
  SkipCounts skipped;
  std::vector<std::pair<std::string, std::uint64_t>> refused_by_cause;  // code name, count
  IndexesReport graphs;
};
std::string index_json(const IndexSummary& summary);

struct BenchFigures {
  std::string encoder;
  std::uint64_t pictures = 0;
  double seconds = 0, median_ms = 0, p95_ms = 0;
  std::string collection;  // empty: no search was measured
  std::uint64_t items = 0, queries = 0;
  double search_median_ms = 0, search_p95_ms = 0;
};
std::string bench_json(const BenchFigures& figures);

// Metadata as "key: value" lines for people, in the order of the keys; values that are not plain stay JSON.
std::vector<std::pair<std::string, std::string>> metadata_pairs(const std::string& metadata);

double core_seconds(const IngestReport& report);

}  // namespace pictor
