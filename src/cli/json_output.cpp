#include "cli/json_output.h"

#include <charconv>
#include <nlohmann/json.hpp>

#include "engine/engine.h"

namespace pictor {
namespace {

using Json = nlohmann::ordered_json;

std::string dumped(const Json& json, bool pretty = true) {
  return json.dump(pretty ? 2 : -1, ' ', false, Json::error_handler_t::replace);
}

// The double whose shortest decimal is the float's: 0.1 is printed as 0.1, and reads back as the same float.
double shortest(float number) {
  char text[32];
  const auto written = std::to_chars(text, text + sizeof text, number);
  double value = number;
  std::from_chars(text, written.ptr, value);
  return value;
}

Json numbers(const std::vector<float>& vector) {
  Json array = Json::array();
  for (const float number : vector) array.push_back(shortest(number));
  return array;
}

// Stored JSON as JSON; what is not JSON stays a string, so that nothing is lost.
Json embedded(const std::string& text) {
  if (!check_json_object(text).is_ok()) return text;
  Json value = Json::parse(text, nullptr, false);
  return value.is_discarded() ? Json(text) : value;
}

Json head_object(const HeadInfo& head) {
  constexpr const char* kMetrics[] = {"", "cosine", "inner_product", "l2"};
  return {
      {"name", head.name},     {"dim", head.dim},     {"metric", kMetrics[static_cast<std::size_t>(head.metric) & 3]},
      {"images", head.images}, {"texts", head.texts}, {"space", head.space}};
}

Json heads_array(const std::vector<HeadInfo>& heads) {
  Json array = Json::array();
  for (const HeadInfo& head : heads) array.push_back(head_object(head));
  return array;
}

// null when there is none.
Json grid_object(const TokenGrid& grid) {
  if (grid.numbers() == 0) return nullptr;
  return {{"height", grid.height}, {"width", grid.width}, {"dim", grid.dim}};
}

Json recall_array(const std::vector<MeasuredRecall>& measured) {
  Json array = Json::array();
  for (const MeasuredRecall& one : measured) {
    array.push_back(
        {{"at", one.at}, {"queries", one.queries}, {"recall", one.recall}, {"low", one.low}, {"high", one.high}});
  }
  return array;
}

Json indexes_object(const IndexesReport& report) {
  return {{"type", report.kind},          {"why", report.why},     {"memory_budget", report.memory_bytes},
          {"made", report.made},          {"kept", report.kept},   {"small", report.small},
          {"rows", report.rows},          {"bytes", report.bytes}, {"seconds", report.seconds},
          {"cancelled", report.cancelled}};
}

Json collection_object(const CollectionInfo& info) {
  return {{"name", info.name},
          {"encoder", info.encoder},
          {"isa_class", info.isa_class},
          {"keep", info.keep},
          {"heads", heads_array(info.heads)},
          {"sequence", info.sequence},
          {"items", info.items},
          {"rows_dead", info.rows_dead},
          {"rows_fresh", info.rows_fresh},
          {"segments", info.segments},
          {"segments_damaged", info.segments_damaged},
          {"items_damaged", info.items_damaged},
          {"purges_begun", info.purges_begun},
          {"database_bytes", info.database_bytes},
          {"segment_bytes", info.segment_bytes},
          {"graphs", info.graphs},
          {"graph_bytes", info.graph_bytes},
          {"lists", info.lists},
          {"list_bytes", info.list_bytes},
          {"vectors", info.vectors},
          {"index_type", info.index_type},
          {"memory",
           {{"budget", info.memory_budget_bytes},
            {"budget_given", info.memory_budget_given},
            {"mapped", info.mapped_bytes},
            {"resident", info.resident_bytes}}},
          {"recall", recall_array(info.recall)},
          {"external", info.external},
          {"search",
           {{"recall", info.search_recall ? Json(*info.search_recall) : Json(nullptr)},
            {"deadline_ms", info.search_deadline_ms ? Json(*info.search_deadline_ms) : Json(nullptr)}}},
          {"blob_bytes", info.blob_bytes},
          {"tokens",
           {{"codec", info.tokens},
            {"grid", grid_object(info.token_grid)},
            {"items", info.tokens_items},
            {"item_bytes", info.tokens_item_bytes},
            {"bytes", info.tokens_bytes}}}};
}

Json hit_object(const Hit& hit, std::size_t rank) {
  Json object = {{"rank", rank},         {"id", hit.id},         {"score", shortest(hit.score.value)},
                 {"source", hit.source}, {"text", hit.text},     {"width", hit.width},
                 {"height", hit.height}, {"format", hit.format}, {"metadata", embedded(hit.metadata)}};
  if (!hit.vector.empty()) object["vector"] = numbers(hit.vector);
  return object;
}

}  // namespace

std::string hits_json(const Hits& hits) {
  Json array = Json::array();
  for (const Hit& hit : hits.hits) array.push_back(hit_object(hit, array.size() + 1));
  Json object = {{"hits", array},
                 {"complete", hits.complete},
                 {"recall", hits.recall},
                 {"distance_error", hits.distance_error},
                 {"head", hits.head},
                 {"space", hits.space},
                 {"sequence", hits.sequence},
                 {"candidates", hits.candidates},
                 {"distances", hits.distances},
                 {"ms", hits.ms},
                 {"warnings", hits.warnings}};
  if (!hits.stages.empty()) {
    object["stages"] = Json::array();
    for (const SearchStage& stage : hits.stages) {
      object["stages"].push_back({{"room", stage.room}, {"what", stage.what}, {"ms", stage.ms}});
    }
  }
  return dumped(object);
}

std::string item_json(const StoredItem& item, bool pretty) {
  Json object = {{"id", item.id},
                 {"source", item.source},
                 {"text", item.text},
                 {"metadata", embedded(item.metadata)},
                 {"content", item.content.empty() ? Json(nullptr) : Json(item.content)},
                 {"format", item.format},
                 {"width", item.width},
                 {"height", item.height},
                 {"born", item.born},
                 {"created_us", item.created_us},
                 {"receipt", embedded(item.receipt)}};
  for (const auto& [head, vector] : item.vectors) object["vectors"][head] = numbers(vector);
  return dumped(object, pretty);
}

std::string indexes_json(const IndexesReport& report) { return dumped(indexes_object(report)); }

std::string history_json(const std::vector<StoredVersion>& versions) {
  Json array = Json::array();
  for (const StoredVersion& version : versions) {
    Json object = {{"id", version.id}, {"born", version.born}};
    object["died"] = version.died ? Json(*version.died) : Json(nullptr);
    object["born_us"] = version.born_us ? Json(*version.born_us) : Json(nullptr);
    object["died_us"] = version.died_us ? Json(*version.died_us) : Json(nullptr);
    object["batch"] = version.batch.empty() ? Json(nullptr) : Json(version.batch);
    object["content"] = version.content.empty() ? Json(nullptr) : Json(version.content);
    object["source"] = version.source;
    object["spaces"] = Json::object();
    for (const auto& [head, space] : version.spaces) object["spaces"][head] = space;
    array.push_back(object);
  }
  return dumped({{"versions", array}});
}

std::string collections_json(const std::vector<CollectionInfo>& collections) {
  Json array = Json::array();
  for (const CollectionInfo& info : collections) array.push_back(collection_object(info));
  return dumped({{"collections", array}});
}

std::string collection_json(const CollectionInfo& collection) { return dumped(collection_object(collection)); }

namespace {

Json loss_object(const EncoderLoss& loss) {
  return {{"head", loss.head},
          {"of", loss.of},
          {"count", loss.count},
          {"among", loss.among},
          {"cosine_mean", loss.cosine_mean},
          {"cosine_least", loss.cosine_least},
          {"overlap_at_10", loss.overlap_at_10},
          {"nearest_agrees", loss.nearest_agrees}};
}

Json encoder_object(const EncoderInfo& info) {
  Json out = {{"name", info.name},
              {"description", info.description},
              {"licence", info.licence},
              {"source", info.source},
              {"precision", info.precision},
              {"ready", info.ready},
              {"advice", info.advice},
              {"added", info.added},
              {"folder", info.folder},
              {"bytes", info.bytes},
              {"grid", grid_object(info.grid)},
              {"heads", heads_array(info.heads)}};
  if (!info.quantized_from.empty()) {
    out["quantized_from"] = info.quantized_from;
    out["losses"] = Json::array();
    for (const EncoderLoss& loss : info.losses) out["losses"].push_back(loss_object(loss));
  }
  return out;
}

}  // namespace

std::string encoders_json(const std::vector<EncoderInfo>& encoders) {
  Json array = Json::array();
  for (const EncoderInfo& info : encoders) array.push_back(encoder_object(info));
  return dumped({{"encoders", array}});
}

std::string added_encoder_json(const AddedEncoder& added) {
  Json out = encoder_object(added.info);
  out["preprocessing"] = added.preprocessing;
  out["notes"] = added.notes;
  out["bytes_received"] = added.bytes_received;
  return dumped(out);
}

std::string quantized_encoder_json(const QuantizedEncoder& made) {
  Json out = encoder_object(made.info);
  out["pictures"] = made.pictures;
  out["texts"] = made.texts;
  out["unreadable"] = made.unreadable;
  out["kept_float"] = made.kept_float;
  return dumped(out);
}

std::string faults_json(const std::vector<FaultInfo>& faults) {
  Json array = Json::array();
  for (const FaultInfo& fault : faults) {
    array.push_back(
        {{"collection", fault.collection}, {"where", fault.where}, {"what", fault.what}, {"advice", fault.advice}});
  }
  return dumped({{"ok", faults.empty()}, {"faults", array}});
}

std::string quarantined_json(const Quarantined& refused) {
  return dumped(
      {{"source", refused.source}, {"code", code_name(refused.cause.code())}, {"cause", refused.cause.message()}},
      false);
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
    array.push_back({{"input", inputs[i]}, {"dim", vectors[i].size()}, {"vector", numbers(vectors[i])}});
  }
  return dumped({{"head", head}, {"vectors", array}}, false);
}

std::string deleted_json(std::uint64_t deleted) { return dumped({{"deleted", deleted}}); }

std::string purged_json(const Purge& purge) {
  Json json = {{"deleted", purge.erased},    {"unknown", purge.unknown}, {"rows", purge.rows},
               {"segments", purge.segments}, {"blobs", purge.blobs},     {"snapshots_held", purge.snapshots_held},
               {"certificate", nullptr}};
  if (!purge.certificate.empty()) json["certificate"] = Json::parse(purge.certificate, nullptr, false);
  json["backups_renewed"] = purge.backups_renewed;
  json["backups_left"] = Json::array();
  for (const BackupLeft& left : purge.backups_left) {
    json["backups_left"].push_back({{"path", left.path}, {"cause", left.cause.message()}});
  }
  return dumped(json);
}

std::string compaction_json(const Compaction& made) {
  return dumped({{"segments_before", made.segments_before},
                 {"segments_after", made.segments_after},
                 {"bytes_before", made.bytes_before},
                 {"bytes_after", made.bytes_after},
                 {"bytes_written", made.bytes_written},
                 {"rows_dropped", made.rows_dropped},
                 {"blobs_dropped", made.blobs_dropped},
                 {"history_from", made.history_from},
                 {"stopped", made.stopped}});
}

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
                 {"graphs", indexes_object(summary.graphs)},
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
