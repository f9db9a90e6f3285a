#include "cli/json_output.h"

#include <nlohmann/json.hpp>

namespace pictor {
namespace {

using Json = nlohmann::ordered_json;

std::string dumped(const Json& json, bool pretty = true) {
  return json.dump(pretty ? 2 : -1, ' ', false, Json::error_handler_t::replace);
}

// Stored JSON as JSON; what is not JSON stays a string, so that nothing is lost.
Json embedded(const std::string& text) {
  if (!check_json_object(text).is_ok()) return text;
  Json value = Json::parse(text, nullptr, false);
  return value.is_discarded() ? Json(text) : value;
}

}  // namespace

std::string added_encoder_json(const AddedEncoder& added) {
  Json out = Json::parse(encoder_json(added.info));
  out["preprocessing"] = added.preprocessing;
  out["notes"] = added.notes;
  out["bytes_received"] = added.bytes_received;
  return dumped(out);
}

std::string quantized_encoder_json(const QuantizedEncoder& made) {
  Json out = Json::parse(encoder_json(made.info));
  out["pictures"] = made.pictures;
  out["texts"] = made.texts;
  out["unreadable"] = made.unreadable;
  out["kept_float"] = made.kept_float;
  return dumped(out);
}

std::string error_json(const Status& status, const std::string& hint) {
  Json error = {
      {"code", code_name(status.code())}, {"status", static_cast<int>(status.code())}, {"message", status.message()}};
  if (!hint.empty()) error["try"] = hint;
  return dumped({{"error", error}});
}

std::string vectors_json(const std::string& head, const std::vector<std::string>& inputs,
                         const std::vector<std::vector<float>>& vectors) {
  Json array = Json::array();
  for (std::size_t i = 0; i < vectors.size(); ++i) {
    array.push_back(
        {{"input", inputs[i]}, {"dim", vectors[i].size()}, {"vector", Json::parse(vector_json(vectors[i]))}});
  }
  return dumped({{"head", head}, {"vectors", array}}, false);
}

std::string deleted_json(std::uint64_t deleted) { return dumped({{"deleted", deleted}}); }

std::string certificate_json(const CheckedCertificate& checked, const std::vector<CertifiedId>& ids) {
  Json json = {{"ok", checked.problem.is_ok()}};
  if (!checked.problem.is_ok()) json["problem"] = checked.problem.message();
  json.update(Json{{"collection", checked.collection},
                   {"key", checked.key},
                   {"items", checked.items},
                   {"begun_us", checked.begun_us},
                   {"done_us", checked.done_us},
                   {"ids", Json::array()}});
  for (const auto& id : ids) json["ids"].push_back({{"id", id.id}, {"erased", id.erased}});
  return dumped(json);
}

std::string version_json(const std::string& version, const std::vector<std::string>& details) {
  return dumped({{"version", version}, {"build", details}});
}

std::string json_string(const std::string& text) { return dumped(Json(text), false); }

double core_seconds(const IngestReport& report) {
  double sum = 0;
  for (const auto& [stage, seconds] : report.stage_seconds) sum += seconds;
  return sum;
}

std::string index_json(const IndexSummary& summary) {
  const IngestProgress& counts = summary.report.counts;
  Json refused = Json::object();
  for (const auto& [cause, count] : summary.refused_by_cause) refused[cause] = count;
  const double rate = counts.seconds > 0 ? static_cast<double>(counts.seen) / counts.seconds : 0;
  return dumped({{"collection", summary.collection},
                 {"seen", counts.seen},
                 {"added", counts.added},
                 {"replaced", counts.replaced},
                 {"unchanged", counts.unchanged},
                 {"reused", counts.reused},
                 {"quarantined", counts.quarantined},
                 {"quarantined_by_cause", refused},
                 {"skipped",
                  {{"not_pictures", summary.skipped.not_pictures},
                   {"hidden", summary.skipped.hidden},
                   {"linked_folders", summary.skipped.linked_folders},
                   {"same_content", summary.skipped.same_content}}},
                 {"bytes", counts.bytes},
                 {"seconds", counts.seconds},
                 {"images_per_second", rate},
                 {"core_seconds", core_seconds(summary.report)},
                 {"stage_seconds", summary.report.stage_seconds},
                 {"graphs", Json::parse(indexes_json(summary.graphs))},
                 {"warnings", summary.report.warnings},
                 {"cancelled", summary.report.cancelled}});
}

std::string bench_json(const BenchFigures& figures) {
  const double rate = figures.seconds > 0 ? static_cast<double>(figures.pictures) / figures.seconds : 0;
  Json object = {{"encoder", figures.encoder}};
  if (figures.pictures > 0) {
    object["embed"] = {{"pictures", figures.pictures},
                       {"seconds", figures.seconds},
                       {"images_per_second", rate},
                       {"median_ms", figures.median_ms},
                       {"p95_ms", figures.p95_ms}};
  }
  if (!figures.collection.empty()) {
    object["search"] = {{"collection", figures.collection},
                        {"items", figures.items},
                        {"queries", figures.queries},
                        {"median_ms", figures.search_median_ms},
                        {"p95_ms", figures.search_p95_ms}};
  }
  return dumped(object);
}

std::vector<std::pair<std::string, std::string>> metadata_pairs(const std::string& metadata) {
  std::vector<std::pair<std::string, std::string>> pairs;
  const Json object = embedded(metadata);
  if (!object.is_object()) return {{"metadata", metadata}};
  for (const auto& [key, value] : object.items()) {
    pairs.emplace_back(key, value.is_string() ? value.get<std::string>() : dumped(value, false));
  }
  return pairs;
}

}  // namespace pictor
