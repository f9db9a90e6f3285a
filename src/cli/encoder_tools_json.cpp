#include "cli/encoder_tools_json.h"

#include <nlohmann/json.hpp>

namespace pictor {
namespace {

using Json = nlohmann::ordered_json;

std::string dumped(const Json& json) { return json.dump(2, ' ', false, Json::error_handler_t::replace); }

}  // namespace

std::string encoder_bench_json(const EncoderBench& bench) {
  Json rows = Json::array();
  for (const auto& row : bench.rows) {
    rows.push_back({{"what", row.what},
                    {"batch", row.batch},
                    {"threads", row.threads},
                    {"calls", row.calls},
                    {"per_second", row.per_second},
                    {"per_cpu_second", row.per_cpu_second},
                    {"cpu_seconds", row.cpu_seconds},
                    {"p50_ms", row.p50_ms},
                    {"p99_ms", row.p99_ms},
                    {"bits_equal", row.bits_equal}});
  }
  Json out = {{"encoder", bench.encoder},
              {"precision", bench.precision},
              {"runtime", bench.runtime},
              {"isa_class", bench.isa_class},
              {"cold_ms", bench.cold_ms}};
  out["warm_ms"] = bench.warm_ms > 0 ? Json(bench.warm_ms) : Json();
  out["rows"] = rows;
  out["notes"] = bench.notes;
  return dumped(out);
}

std::string warmed_json(const std::vector<WarmedEncoder>& warmed) {
  Json encoders = Json::array();
  for (const auto& one : warmed) {
    encoders.push_back({{"encoder", one.encoder},
                        {"runtime", one.runtime},
                        {"seconds", one.seconds},
                        {"compiled", one.compiled},
                        {"bytes", one.bytes},
                        {"kept", one.kept},
                        {"kept_max", one.kept_max}});
  }
  return dumped({{"warmed", encoders}});
}

std::string foreign_json(const ForeignReport& report) {
  Json stages = Json::array();
  for (const auto& row : report.stages) {
    stages.push_back({{"kind", row.kind},
                      {"stage", row.stage},
                      {"head", row.head},
                      {"items", row.items},
                      {"equal", row.equal},
                      {"close", row.close},
                      {"differ", row.differ},
                      {"worst", row.worst},
                      {"max_abs", row.max_abs},
                      {"cosine", row.cosine},
                      {"first_index", row.first_index},
                      {"numbers_ours", row.numbers_ours},
                      {"numbers_theirs", row.numbers_theirs}});
  }
  Json departures = Json::array();
  for (const auto& cause : report.departures) {
    departures.push_back({{"kind", cause.kind},
                          {"stage", cause.stage},
                          {"changes", cause.changes},
                          {"tried", cause.tried},
                          {"explained", cause.explained}});
  }
  return dumped({{"encoder", report.encoder},
                 {"ok", report.departures.empty()},
                 {"stages", stages},
                 {"departures", departures},
                 {"notes", report.notes}});
}

std::string derived_json(const DerivedEncoder& made) {
  Json out = {{"encoder", made.encoder},
              {"head", made.head},
              {"dim_before", made.dim_before},
              {"dim", made.dim},
              {"pictures_fitted", made.pictures_fitted},
              {"texts_fitted", made.texts_fitted},
              {"pictures_measured", made.pictures_measured},
              {"pictures_unreadable", made.pictures_unreadable},
              {"kept", made.kept},
              {"neighbours", made.neighbours}};
  out["overlap"] = made.neighbours > 0 ? Json(made.overlap) : Json();
  out["notes"] = made.notes;
  return dumped(out);
}

}  // namespace pictor
