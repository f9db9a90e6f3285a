#include "engine/json_output.h"

#include <charconv>
#include <nlohmann/json.hpp>

#include "engine/encoders.h"
#include "engine/engine.h"

namespace pictor {
namespace {

using Json = nlohmann::ordered_json;

std::string dumped(const Json& json, bool pretty) {
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
  if (hit.probability) object["probability"] = *hit.probability;
  if (!hit.vector.empty()) object["vector"] = numbers(hit.vector);
  for (const ScorePart& part : hit.parts) {
    object["parts"].push_back({{"name", part.name}, {"value", part.value}, {"rank", part.rank}});
  }
  if (!hit.words.empty()) object["words"] = hit.words;
  return object;
}

}  // namespace

std::string hits_json(const Hits& hits, bool pretty) {
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
  if (hits.nothing_found) object["nothing_found"] = *hits.nothing_found;
  if (hits.reranked) object["reranked"] = *hits.reranked;
  if (!hits.stages.empty()) {
    object["stages"] = Json::array();
    for (const SearchStage& stage : hits.stages) {
      object["stages"].push_back({{"room", stage.room}, {"what", stage.what}, {"ms", stage.ms}});
    }
  }
  return dumped(object, pretty);
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

std::string vector_json(const std::vector<float>& vector) { return dumped(numbers(vector), false); }

std::string indexes_json(const IndexesReport& report, bool pretty) { return dumped(indexes_object(report), pretty); }

std::string history_json(const std::vector<StoredVersion>& versions, bool pretty) {
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
  return dumped({{"versions", array}}, pretty);
}

std::string collections_json(const std::vector<CollectionInfo>& collections, bool pretty) {
  Json array = Json::array();
  for (const CollectionInfo& info : collections) array.push_back(collection_object(info));
  return dumped({{"collections", array}}, pretty);
}

std::string collection_json(const CollectionInfo& collection, bool pretty) {
  return dumped(collection_object(collection), pretty);
}

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
              {"default", info.name == kDefaultEncoder},
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

std::string encoder_json(const EncoderInfo& info, bool pretty) { return dumped(encoder_object(info), pretty); }

std::string encoders_json(const std::vector<EncoderInfo>& encoders, bool pretty) {
  Json array = Json::array();
  for (const EncoderInfo& info : encoders) array.push_back(encoder_object(info));
  return dumped({{"encoders", array}}, pretty);
}

std::string faults_json(const std::vector<FaultInfo>& faults, bool pretty) {
  Json array = Json::array();
  for (const FaultInfo& fault : faults) {
    array.push_back(
        {{"collection", fault.collection}, {"where", fault.where}, {"what", fault.what}, {"advice", fault.advice}});
  }
  return dumped({{"ok", faults.empty()}, {"faults", array}}, pretty);
}

std::string purged_json(const Purge& purge, bool pretty) {
  Json json = {{"deleted", purge.erased},    {"unknown", purge.unknown}, {"rows", purge.rows},
               {"segments", purge.segments}, {"blobs", purge.blobs},     {"snapshots_held", purge.snapshots_held},
               {"certificate", nullptr}};
  if (!purge.certificate.empty()) json["certificate"] = Json::parse(purge.certificate, nullptr, false);
  json["backups_renewed"] = purge.backups_renewed;
  json["backups_left"] = Json::array();
  for (const BackupLeft& left : purge.backups_left) {
    json["backups_left"].push_back({{"path", left.path}, {"cause", left.cause.message()}});
  }
  return dumped(json, pretty);
}

std::string compaction_json(const Compaction& made, bool pretty) {
  return dumped({{"segments_before", made.segments_before},
                 {"segments_after", made.segments_after},
                 {"bytes_before", made.bytes_before},
                 {"bytes_after", made.bytes_after},
                 {"bytes_written", made.bytes_written},
                 {"rows_dropped", made.rows_dropped},
                 {"blobs_dropped", made.blobs_dropped},
                 {"history_from", made.history_from},
                 {"stopped", made.stopped}},
                pretty);
}

std::string facets_json(const Facets& facets, bool pretty) {
  Json array = Json::array();
  for (const Facet& facet : facets.facets) {
    Json values = Json::array();
    for (const FacetValue& one : facet.values) {
      values.push_back({{"value", Json::parse(one.value, nullptr, false)}, {"items", one.items}});
    }
    Json one = {{"field", facet.field}, {"items", facet.items}, {"distinct", facet.distinct},
                {"least", nullptr},     {"greatest", nullptr},  {"values", std::move(values)}};
    if (facet.least) one["least"] = *facet.least;
    if (facet.greatest) one["greatest"] = *facet.greatest;
    array.push_back(std::move(one));
  }
  return dumped({{"items", facets.items}, {"facets", std::move(array)}}, pretty);
}

namespace {

Json calibrations_array(const std::vector<Calibration>& calibrations) {
  Json array = Json::array();
  for (const Calibration& one : calibrations) {
    array.push_back({{"head", one.head},
                     {"space", one.space},
                     {"kind", one.kind},
                     {"learnt", one.learnt},
                     {"made_us", one.made_us},
                     {"seed", one.seed},
                     {"items", one.items},
                     {"queries", one.queries},
                     {"pairs", one.pairs},
                     {"held_out", one.held_out},
                     {"calibration_error", one.calibration_error},
                     {"auroc", one.auroc},
                     {"threshold", one.threshold},
                     {"refused", one.refused},
                     {"lost", one.lost}});
  }
  return array;
}

}  // namespace

std::string calibrations_json(const std::vector<Calibration>& calibrations, bool pretty) {
  return dumped({{"calibrations", calibrations_array(calibrations)}}, pretty);
}

std::string calibration_json(const CalibrationReport& report, bool pretty) {
  return dumped({{"calibrations", calibrations_array(report.made)},
                 {"notes", report.notes},
                 {"seed", report.seed},
                 {"seconds", report.seconds},
                 {"cancelled", report.cancelled}},
                pretty);
}

std::string quarantined_json(const Quarantined& refused) {
  return dumped(
      {{"source", refused.source}, {"code", code_name(refused.cause.code())}, {"cause", refused.cause.message()}},
      false);
}

}  // namespace pictor
