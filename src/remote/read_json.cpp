#include "remote/read_json.h"

#include <nlohmann/json.hpp>

namespace pictor {
namespace {

using Json = nlohmann::json;

const Json& at(const Json& json, const char* name) {
  static const Json kNone;
  if (!json.is_object()) return kNone;
  const auto found = json.find(name);
  return found == json.end() ? kNone : *found;
}

void read(const Json& json, const char* name, std::string& out) {
  if (at(json, name).is_string()) out = at(json, name).get<std::string>();
}
void read(const Json& json, const char* name, bool& out) {
  if (at(json, name).is_boolean()) out = at(json, name).get<bool>();
}
template <typename Number>
void read(const Json& json, const char* name, Number& out) {
  if (at(json, name).is_number()) out = at(json, name).get<Number>();
}
template <typename Value>
void read(const Json& json, const char* name, std::optional<Value>& out) {
  Value value{};
  if (at(json, name).is_null()) return;
  read(json, name, value);
  out = value;
}
void read(const Json& json, const char* name, std::vector<std::string>& out) {
  for (const Json& one : at(json, name)) {
    if (one.is_string()) out.push_back(one.get<std::string>());
  }
}

std::vector<float> numbers_of(const Json& json) {
  std::vector<float> numbers;
  if (!json.is_array()) return numbers;
  for (const Json& one : json) numbers.push_back(one.is_number() ? one.get<float>() : 0.0F);
  return numbers;
}

std::string text_of(const Json& json) {
  return json.is_null() ? std::string() : json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Metric metric_of(const Json& json) {
  std::string name;
  read(json, "metric", name);
  return name == "l2" ? Metric::kL2 : name == "inner_product" ? Metric::kInnerProduct : Metric::kCosine;
}

std::vector<HeadInfo> heads_of(const Json& json) {
  std::vector<HeadInfo> heads;
  for (const Json& one : at(json, "heads")) {
    HeadInfo head;
    read(one, "name", head.name);
    read(one, "dim", head.dim);
    head.metric = metric_of(one);
    read(one, "images", head.images);
    read(one, "texts", head.texts);
    read(one, "space", head.space);
    heads.push_back(std::move(head));
  }
  return heads;
}

TokenGrid grid_of(const Json& json) {
  TokenGrid grid;
  const Json& given = at(json, "grid");
  read(given, "height", grid.height);
  read(given, "width", grid.width);
  read(given, "dim", grid.dim);
  return grid;
}

Hit hit_of(const Json& json) {
  Hit hit;
  read(json, "id", hit.id);
  read(json, "score", hit.score.value);
  read(json, "source", hit.source);
  read(json, "text", hit.text);
  read(json, "width", hit.width);
  read(json, "height", hit.height);
  read(json, "format", hit.format);
  read(json, "probability", hit.probability);
  hit.metadata = text_of(at(json, "metadata"));
  hit.vector = numbers_of(at(json, "vector"));
  for (const Json& one : at(json, "parts")) {
    ScorePart part;
    read(one, "name", part.name);
    read(one, "value", part.value);
    read(one, "rank", part.rank);
    hit.parts.push_back(std::move(part));
  }
  read(json, "words", hit.words);
  return hit;
}

}  // namespace

Hits hits_of(const Json& json) {
  Hits hits;
  for (const Json& one : at(json, "hits")) hits.hits.push_back(hit_of(one));
  read(json, "complete", hits.complete);
  read(json, "recall", hits.recall);
  read(json, "distance_error", hits.distance_error);
  read(json, "head", hits.head);
  read(json, "space", hits.space);
  read(json, "sequence", hits.sequence);
  read(json, "candidates", hits.candidates);
  read(json, "distances", hits.distances);
  read(json, "ms", hits.ms);
  read(json, "warnings", hits.warnings);
  read(json, "nothing_found", hits.nothing_found);
  read(json, "reranked", hits.reranked);
  for (const Json& one : at(json, "stages")) {
    SearchStage stage;
    read(one, "room", stage.room);
    read(one, "what", stage.what);
    read(one, "ms", stage.ms);
    hits.stages.push_back(std::move(stage));
  }
  return hits;
}

StoredItem item_of(const Json& json) {
  StoredItem item;
  read(json, "id", item.id);
  read(json, "source", item.source);
  read(json, "text", item.text);
  item.metadata = text_of(at(json, "metadata"));
  read(json, "content", item.content);
  read(json, "format", item.format);
  read(json, "width", item.width);
  read(json, "height", item.height);
  read(json, "born", item.born);
  read(json, "created_us", item.created_us);
  item.receipt = text_of(at(json, "receipt"));
  const Json& vectors = at(json, "vectors");
  if (vectors.is_object()) {
    for (const auto& [head, vector] : vectors.items()) item.vectors[head] = numbers_of(vector);
  }
  return item;
}

StoredVersion version_of(const Json& json) {
  StoredVersion version;
  read(json, "id", version.id);
  read(json, "born", version.born);
  read(json, "died", version.died);
  read(json, "born_us", version.born_us);
  read(json, "died_us", version.died_us);
  read(json, "batch", version.batch);
  read(json, "content", version.content);
  read(json, "source", version.source);
  const Json& spaces = at(json, "spaces");
  if (spaces.is_object()) {
    for (const auto& [head, space] : spaces.items())
      version.spaces[head] = space.is_string() ? space.get<std::string>() : "";
  }
  return version;
}

CollectionInfo collection_of(const Json& json) {
  CollectionInfo info;
  read(json, "name", info.name);
  read(json, "encoder", info.encoder);
  read(json, "isa_class", info.isa_class);
  read(json, "keep", info.keep);
  info.heads = heads_of(json);
  read(json, "sequence", info.sequence);
  read(json, "items", info.items);
  read(json, "rows_dead", info.rows_dead);
  read(json, "rows_fresh", info.rows_fresh);
  read(json, "segments", info.segments);
  read(json, "segments_damaged", info.segments_damaged);
  read(json, "items_damaged", info.items_damaged);
  read(json, "purges_begun", info.purges_begun);
  read(json, "database_bytes", info.database_bytes);
  read(json, "segment_bytes", info.segment_bytes);
  read(json, "graphs", info.graphs);
  read(json, "graph_bytes", info.graph_bytes);
  read(json, "lists", info.lists);
  read(json, "list_bytes", info.list_bytes);
  read(json, "vectors", info.vectors);
  read(json, "index_type", info.index_type);
  read(json, "external", info.external);
  read(json, "blob_bytes", info.blob_bytes);
  const Json& memory = at(json, "memory");
  read(memory, "budget", info.memory_budget_bytes);
  read(memory, "budget_given", info.memory_budget_given);
  read(memory, "mapped", info.mapped_bytes);
  read(memory, "resident", info.resident_bytes);
  const Json& search = at(json, "search");
  read(search, "recall", info.search_recall);
  read(search, "deadline_ms", info.search_deadline_ms);
  const Json& tokens = at(json, "tokens");
  read(tokens, "codec", info.tokens);
  info.token_grid = grid_of(tokens);
  read(tokens, "items", info.tokens_items);
  read(tokens, "item_bytes", info.tokens_item_bytes);
  read(tokens, "bytes", info.tokens_bytes);
  for (const Json& one : at(json, "recall")) {
    MeasuredRecall measured;
    read(one, "at", measured.at);
    read(one, "queries", measured.queries);
    read(one, "recall", measured.recall);
    read(one, "low", measured.low);
    read(one, "high", measured.high);
    info.recall.push_back(measured);
  }
  return info;
}

EncoderInfo encoder_of(const Json& json) {
  EncoderInfo info;
  read(json, "name", info.name);
  read(json, "description", info.description);
  read(json, "licence", info.licence);
  read(json, "source", info.source);
  read(json, "precision", info.precision);
  read(json, "ready", info.ready);
  read(json, "advice", info.advice);
  read(json, "added", info.added);
  read(json, "folder", info.folder);
  read(json, "bytes", info.bytes);
  info.grid = grid_of(json);
  info.heads = heads_of(json);
  read(json, "quantized_from", info.quantized_from);
  return info;
}

Facets facets_of(const Json& json) {
  Facets facets;
  read(json, "items", facets.items);
  for (const Json& one : at(json, "facets")) {
    Facet facet;
    read(one, "field", facet.field);
    read(one, "items", facet.items);
    read(one, "distinct", facet.distinct);
    read(one, "least", facet.least);
    read(one, "greatest", facet.greatest);
    for (const Json& value : at(one, "values")) {
      FacetValue counted{at(value, "value").dump(-1, ' ', false, Json::error_handler_t::replace), 0};
      read(value, "items", counted.items);
      facet.values.push_back(std::move(counted));
    }
    facets.facets.push_back(std::move(facet));
  }
  return facets;
}

Purge purge_of(const Json& json) {
  Purge purge;
  read(json, "deleted", purge.erased);
  read(json, "unknown", purge.unknown);
  read(json, "rows", purge.rows);
  read(json, "segments", purge.segments);
  read(json, "blobs", purge.blobs);
  read(json, "snapshots_held", purge.snapshots_held);
  purge.certificate = text_of(at(json, "certificate"));
  read(json, "backups_renewed", purge.backups_renewed);
  for (const Json& one : at(json, "backups_left")) {
    std::string path, cause;
    read(one, "path", path);
    read(one, "cause", cause);
    purge.backups_left.push_back({path, Status(Code::kIo, cause)});
  }
  return purge;
}

IndexesReport indexes_of(const Json& json) {
  IndexesReport report;
  read(json, "type", report.kind);
  read(json, "why", report.why);
  read(json, "memory_budget", report.memory_bytes);
  read(json, "made", report.made);
  read(json, "kept", report.kept);
  read(json, "small", report.small);
  read(json, "rows", report.rows);
  read(json, "bytes", report.bytes);
  read(json, "seconds", report.seconds);
  read(json, "cancelled", report.cancelled);
  return report;
}

CalibrationReport calibration_of(const Json& json) {
  CalibrationReport report;
  for (const Json& one : at(json, "calibrations")) {
    Calibration made;
    read(one, "head", made.head);
    read(one, "space", made.space);
    read(one, "kind", made.kind);
    read(one, "learnt", made.learnt);
    read(one, "made_us", made.made_us);
    read(one, "seed", made.seed);
    read(one, "items", made.items);
    read(one, "queries", made.queries);
    read(one, "pairs", made.pairs);
    read(one, "held_out", made.held_out);
    read(one, "calibration_error", made.calibration_error);
    read(one, "auroc", made.auroc);
    read(one, "threshold", made.threshold);
    read(one, "refused", made.refused);
    read(one, "lost", made.lost);
    report.made.push_back(std::move(made));
  }
  read(json, "notes", report.notes);
  read(json, "seed", report.seed);
  read(json, "seconds", report.seconds);
  read(json, "cancelled", report.cancelled);
  return report;
}

Compaction compaction_of(const Json& json) {
  Compaction made;
  read(json, "segments_before", made.segments_before);
  read(json, "segments_after", made.segments_after);
  read(json, "bytes_before", made.bytes_before);
  read(json, "bytes_after", made.bytes_after);
  read(json, "bytes_written", made.bytes_written);
  read(json, "rows_dropped", made.rows_dropped);
  read(json, "blobs_dropped", made.blobs_dropped);
  read(json, "history_from", made.history_from);
  read(json, "stopped", made.stopped);
  return made;
}

std::vector<FaultInfo> faults_of(const Json& json) {
  std::vector<FaultInfo> faults;
  for (const Json& one : at(json, "faults")) {
    FaultInfo fault;
    read(one, "collection", fault.collection);
    read(one, "where", fault.where);
    read(one, "what", fault.what);
    read(one, "advice", fault.advice);
    faults.push_back(std::move(fault));
  }
  return faults;
}

CheckedReceipt receipt_of(const Json& json) {
  CheckedReceipt checked;
  std::string state, problem;
  read(json, "state", state);
  read(json, "problem", problem);
  checked.receipt = text_of(at(json, "receipt"));
  checked.state = state == "signed"     ? ReceiptState::kSigned
                  : state == "wrong"    ? ReceiptState::kWrong
                  : state == "unsigned" ? ReceiptState::kUnsigned
                                        : ReceiptState::kUnknownKey;
  if (!problem.empty()) {
    checked.problem = {checked.state == ReceiptState::kWrong ? Code::kCorrupt : Code::kNotFound, problem};
  }
  return checked;
}

}  // namespace pictor
