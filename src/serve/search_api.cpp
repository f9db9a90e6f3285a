// Searching: the query as JSON, as a picture with parameters in the address, or as a form.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "engine/engine.h"
#include "serve/api.h"
#include "serve/json_reader.h"
#include "serve/multipart.h"
#include "serve/picture_in.h"
#include "serve/vector_bytes.h"

namespace pictor {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kDefaultK = 10;

// A query as it is read: pictures that it gives as addresses are still to be fetched.
struct ReadQuery {
  struct Missing {
    std::size_t part = 0;
    std::string address;
  };
  Query query;
  std::vector<Missing> missing;
};

Status take_settings(JsonReader& json, Query& query) {
  const auto k = json.count("k");
  query.k = k ? static_cast<std::size_t>(std::min<std::uint64_t>(*k, limits::kQueryKMax + 1)) : kDefaultK;
  query.where = json.text("where").value_or("");
  query.head = json.text("head").value_or("");
  query.recall = json.number("recall");
  if (json.flag("exact").value_or(false)) {
    if (query.recall) return {Code::kInvalid, "'exact' and 'recall' do not go together"};
    query.recall = 1.0;
  }
  query.min_probability = json.number("min_probability");
  query.explain = json.flag("explain").value_or(false);
  query.with_vectors = json.flag("vectors").value_or(false);
  query.coded_scores = json.flag("coded_scores").value_or(false);
  PICTOR_ASSIGN(query.as_of, parse_as_of(json.text("as_of").value_or("")));
  return Status::ok();
}

// {"by": "tokens", "budget_ms": 200}; a text alone is what it is by.
Status take_rerank(JsonReader& json, Query& query) {
  const auto candidates = json.count("candidates");
  if (candidates == std::uint64_t{0}) {
    return {Code::kInvalid, "'candidates' is 0, wanted 1 to " + std::to_string(limits::kCandidatesMax)};
  }
  query.candidates = static_cast<std::size_t>(std::min<std::uint64_t>(candidates.value_or(0), UINT32_MAX));
  const Json* given = json.any("rerank");
  if (given == nullptr) return Status::ok();
  Json object = *given;
  if (given->is_string()) {
    object = Json::object();
    object["by"] = *given;
  }
  JsonReader reader(object, "rerank");
  query.rerank.by = reader.text("by").value_or("");
  const auto budget = reader.count("budget_ms");
  PICTOR_TRY(reader.status());
  if (query.rerank.by.empty()) return {Code::kInvalid, "'rerank' does not say 'by' what: wanted 'tokens'"};
  if (budget && (*budget == 0 || *budget > static_cast<std::uint64_t>(limits::kRerankMsMax))) {
    return {Code::kInvalid, "'rerank.budget_ms' is " + std::to_string(*budget) + ", wanted 1 to " +
                                std::to_string(limits::kRerankMsMax)};
  }
  query.rerank.budget_ms = static_cast<std::int64_t>(budget.value_or(0));
  return Status::ok();
}

// "words": what is looked for; "fusion": {"by": "ranks" or "scores", "weight": 0.5}.
Status take_words(JsonReader& json, Query& query) {
  const auto words = json.text("words");
  if (words && words->empty()) return {Code::kInvalid, "'words' is empty: leave it out"};
  query.words.words = words.value_or("");
  const Json* given = json.any("fusion");
  if (given == nullptr) return Status::ok();
  if (!words) return {Code::kInvalid, "'fusion' is of vectors and 'words', and there are no 'words'"};
  JsonReader reader(*given, "fusion");
  const std::string by = reader.text("by").value_or("ranks");
  query.words.weight = reader.number("weight").value_or(query.words.weight);
  PICTOR_TRY(reader.status());
  if (by != "ranks" && by != "scores") {
    return {Code::kInvalid, "'fusion.by' is '" + by + "', wanted 'ranks' or 'scores'"};
  }
  query.words.fusion = by == "scores" ? Fusion::kScores : Fusion::kRanks;
  return Status::ok();
}

void take_order(JsonReader& json, Query& query) {
  const auto bounded = [&](const char* name, std::uint64_t otherwise) {
    return static_cast<std::size_t>(std::min<std::uint64_t>(json.count(name).value_or(otherwise), UINT32_MAX));
  };
  query.boost = json.text("boost").value_or("");
  query.diversity = json.number("diversity").value_or(0);
  query.group_by = json.text("group_by").value_or("");
  query.group_size = bounded("group_size", 1);
  query.offset = bounded("offset", 0);
}

// A deadline counts from when the request was there: what waited for a thread has less left.
Status take_deadline(JsonReader& json, const Call& call, const ServerOptions& options, Query& query) {
  const std::uint64_t ms = json.count("deadline_ms").value_or(static_cast<std::uint64_t>(options.deadline_ms));
  if (ms == 0 || ms > static_cast<std::uint64_t>(limits::kQueryDeadlineMsMax)) {
    return {Code::kInvalid,
            "'deadline_ms' is " + std::to_string(ms) + ", wanted 1 to " + std::to_string(limits::kQueryDeadlineMsMax)};
  }
  query.deadline_us = call.request.received_us + static_cast<std::int64_t>(ms) * 1000;
  return Status::ok();
}

// Settings that came as texts (address, form), as the JSON that they would be.
Json json_of(const HttpFields& fields) {
  Json out = Json::object();
  for (const auto& [name, value] : fields) {
    const bool is_text = name == "where" || name == "head" || name == "as_of" || name == "text" || name == "id" ||
                         name == "rerank" || name == "words" || name == "boost" || name == "group_by";
    Json typed = is_text ? Json(value) : Json::parse(value, nullptr, false);
    out[name] = typed.is_discarded() ? Json(value) : std::move(typed);
  }
  return out;
}

Status fetch_missing(const Call& call, ReadQuery& out) {
  std::vector<WantedPicture> wanted;
  for (const ReadQuery::Missing& one : out.missing) wanted.push_back({one.address});
  FetchTerms terms{call.options};
  terms.deadline_us = out.query.deadline_us.value_or(0);
  terms.bytes_max = call.options.body_bytes_max;
  call.api.pictures.fetch(wanted, terms);
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    PICTOR_TRY(wanted[i].status);
    out.query.parts[out.missing[i].part].image = std::move(wanted[i].bytes);
  }
  return Status::ok();
}

Status read_query(const Call& call, const ServerOptions& options, ReadQuery& out) {
  Query& query = out.query;
  const std::string type = media_type(call.request.head.field("content-type"));
  HttpFields given = call.request.head.query;
  const auto add_picture = [&](std::string_view bytes) {
    QueryPart part;
    part.kind = QueryPart::Kind::kImage;
    part.image = bytes_of(bytes);
    query.parts.push_back(std::move(part));
  };
  Json body;
  PICTOR_ASSIGN(const auto dtype, dtype_of(call.request.head.field("content-type")));
  if (dtype) {
    QueryPart part;
    part.kind = QueryPart::Kind::kVector;
    PICTOR_ASSIGN(part.vector, vector_of_bytes(*dtype, call.request.body));
    query.parts.push_back(std::move(part));
    body = json_of(given);
  } else if (type.rfind("image/", 0) == 0 || type == "application/octet-stream") {
    if (call.request.body.empty()) return {Code::kInvalid, "the body is empty, wanted a picture"};
    add_picture(call.request.body);
    body = json_of(given);
  } else if (is_form(call.request.head.field("content-type"))) {
    PICTOR_ASSIGN(const auto parts, parse_form(call.request.head.field("content-type"), call.request.body));
    for (const FormPart& part : parts) {
      if (part.name == "image") {
        add_picture(part.bytes);
      } else {
        given.emplace_back(part.name, std::string(part.bytes));
      }
    }
    body = json_of(given);
  } else {
    if (!given.empty()) return {Code::kInvalid, "a query in JSON has its settings in the body, not in the address"};
    PICTOR_ASSIGN(body, parse_request_json(call.request.body));
  }
  for (const QueryPart& part : query.parts) {
    if (part.image.size() > options.body_bytes_max) {
      return {Code::kLimit, "the picture has " + std::to_string(part.image.size()) + " bytes, wanted at most " +
                                std::to_string(options.body_bytes_max)};
    }
  }
  JsonReader json(body, "");
  PICTOR_TRY(take_settings(json, query));
  PICTOR_TRY(take_rerank(json, query));
  PICTOR_TRY(take_words(json, query));
  take_order(json, query);
  PICTOR_TRY(take_deadline(json, call, options, query));
  const auto picture = [&](std::string_view text, QueryPart& part) -> Status {
    PICTOR_ASSIGN(auto given, picture_of_text(text, options.body_bytes_max));
    part.image = std::move(given.bytes);
    if (!given.address.empty()) out.missing.push_back({out.query.parts.size(), std::move(given.address)});
    return Status::ok();
  };
  const bool may_be_none = !out.query.parts.empty() || !out.query.words.words.empty();
  PICTOR_TRY(read_query_parts(json, picture, may_be_none, out.query.parts));
  PICTOR_TRY(json.status());
  return fetch_missing(call, out);
}

// Into an object of JSON, beside its other fields. Both ids are hexadecimal digits.
void add_trace(const TraceContext& trace, std::string& object) {
  object.insert(object.size() - 1, R"(,"trace_id":")" + trace.trace_id + R"(","span_id":")" + trace.span_id() + "\"");
}

}  // namespace

Result<HttpReply> search_collection(const Call& call) {
  ReadQuery read;
  Query& query = read.query;
  query.collection = call.at("collection");
  PICTOR_TRY(read_query(call, call.options, read));
  PICTOR_ASSIGN(const Hits hits, call.tenant.engine.search(query));
  std::string body = hits_json(hits, false);
  if (query.explain) add_trace(call.request.trace, body);
  return json_reply(std::move(body));
}

}  // namespace pictor
