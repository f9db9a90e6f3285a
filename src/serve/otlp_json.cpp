#include "serve/otlp_json.h"

#include <charconv>
#include <nlohmann/json.hpp>

#include "engine/engine.h"

namespace pictor {
namespace {

using Json = nlohmann::ordered_json;

// enum Span.SpanKind and Status.StatusCode of the protocol.
constexpr int kInternal = 1;
constexpr int kServer = 2;
constexpr int kError = 2;

Json value_of(const std::variant<std::string, std::int64_t, double, bool>& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return {{"stringValue", *text}};
  // 64-bit numbers are strings: a double of JSON does not hold them all.
  if (const auto* number = std::get_if<std::int64_t>(&value)) return {{"intValue", std::to_string(*number)}};
  if (const auto* number = std::get_if<double>(&value)) return {{"doubleValue", *number}};
  return {{"boolValue", std::get<bool>(value)}};
}

Json attributes_of(const std::vector<TraceAttribute>& attributes) {
  Json list = Json::array();
  for (const TraceAttribute& attribute : attributes) {
    list.push_back({{"key", attribute.name}, {"value", value_of(attribute.value)}});
  }
  return list;
}

std::string nanoseconds(std::int64_t us) { return std::to_string(us) + "000"; }

Json span_of(const FinishedTrace& trace, const Span& span) {
  const bool is_request = span.parent == 0;
  const std::string parent = is_request ? trace.context.parent_id : span_id_text(span.parent);
  Json json = {{"traceId", trace.context.trace_id}, {"spanId", span_id_text(span.id)}};
  if (!parent.empty()) json["parentSpanId"] = parent;
  if (!trace.context.state.empty()) json["traceState"] = trace.context.state;
  json["name"] = span.name;
  json["kind"] = is_request ? kServer : kInternal;
  json["startTimeUnixNano"] = nanoseconds(span.begin_us);
  json["endTimeUnixNano"] = nanoseconds(span.end_us);
  if (!span.attributes.empty()) json["attributes"] = attributes_of(span.attributes);
  if (is_request && trace.failed) json["status"] = {{"code", kError}};
  return json;
}

}  // namespace

std::string otlp_json(std::span<const FinishedTrace> traces) {
  Json spans = Json::array();
  for (const FinishedTrace& trace : traces) {
    for (const Span& span : trace.spans) spans.push_back(span_of(trace, span));
  }
  const std::vector<TraceAttribute> resource = {{"service.name", std::string("pictor")},
                                                {"service.version", version_text()}};
  const Json scope = {{"scope", {{"name", "pictor"}, {"version", version_text()}}}, {"spans", std::move(spans)}};
  Json of_resource = {{"resource", {{"attributes", attributes_of(resource)}}}};
  of_resource["scopeSpans"] = Json::array({scope});
  Json request = Json::object();
  request["resourceSpans"] = Json::array({of_resource});
  return request.dump(-1, ' ', false, Json::error_handler_t::replace);
}

OtlpRejected otlp_rejected(const std::string& answer) {
  OtlpRejected rejected;
  const Json json = Json::parse(answer, nullptr, false);
  if (!json.is_object() || !json.contains("partialSuccess")) return rejected;
  const Json& partial = json["partialSuccess"];
  if (!partial.is_object()) return rejected;
  const auto why = partial.find("errorMessage");
  if (why != partial.end() && why->is_string()) rejected.why = why->get<std::string>();
  const auto count = partial.find("rejectedSpans");
  if (count == partial.end()) return rejected;
  if (count->is_number_unsigned()) rejected.spans = count->get<std::uint64_t>();
  if (count->is_string()) {
    const auto text = count->get<std::string>();
    std::from_chars(text.data(), text.data() + text.size(), rejected.spans);
  }
  return rejected;
}

}  // namespace pictor
