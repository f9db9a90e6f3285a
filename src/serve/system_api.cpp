// What the server says of itself, its encoders, and the pages.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "engine/engine.h"
#include "observe/observe.h"
#include "serve/api.h"
#include "serve/files.h"

namespace pictor {
namespace {

using Json = nlohmann::ordered_json;

HttpReply text_reply(std::string body, std::string type) {
  HttpReply reply;
  reply.type = std::move(type);
  reply.body = std::move(body);
  return reply;
}

std::string_view type_of_name(std::string_view name) {
  const std::string_view ending = name.substr(std::min(name.size(), name.rfind('.')));
  if (ending == ".html") return "text/html; charset=utf-8";
  if (ending == ".css") return "text/css; charset=utf-8";
  if (ending == ".js") return "text/javascript; charset=utf-8";
  if (ending == ".svg") return "image/svg+xml";
  return "application/octet-stream";
}

}  // namespace

Result<HttpReply> list_encoders(const Call& call) {
  PICTOR_TRY(only_parameters(call, {}));
  PICTOR_ASSIGN(const auto all, call.tenant.engine.encoders());
  return json_reply(encoders_json(all, false));
}

Result<HttpReply> get_encoder(const Call& call) {
  PICTOR_TRY(only_parameters(call, {}));
  PICTOR_ASSIGN(const auto all, call.tenant.engine.encoders());
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const auto& info) { return info.name == call.at("encoder"); });
  if (found == all.end()) return Status(Code::kNotFound, "there is no encoder '" + call.at("encoder") + "'");
  Json encoder = Json::parse(encoder_json(*found, false));
  encoder["card"] = nullptr;
  if (check_json_object(found->card).is_ok()) encoder["card"] = Json::parse(found->card, nullptr, false);
  encoder["card_sha256"] = sha256(as_bytes(found->card)).hex();
  return json_reply(encoder.dump(-1, ' ', false, Json::error_handler_t::replace));
}

Result<HttpReply> get_version(const Call& call) {
  PICTOR_TRY(only_parameters(call, {}));
  return json_reply(Json{{"version", version_text()}, {"api", "v1"}, {"build", build_details()}}.dump());
}

Result<HttpReply> get_health(const Call&) { return text_reply("ok\n", "text/plain; charset=utf-8"); }

// Ready: the data folder answers, and some encoder has its weights.
Result<HttpReply> get_ready(const Call& call) {
  std::vector<std::string> why;
  const auto collections = call.tenant.engine.collections();
  if (!collections.is_ok()) why.push_back("the data folder: " + collections.status().message());
  const auto encoders = call.tenant.engine.encoders();
  if (!encoders.is_ok()) {
    why.push_back("the encoders: " + encoders.status().message());
  } else if (std::none_of(encoders->begin(), encoders->end(), [](const auto& info) { return info.ready; })) {
    why.push_back("no encoder has its weights");
  }
  return json_reply(Json{{"ready", why.empty()}, {"why_not", why}}.dump(-1, ' ', false, Json::error_handler_t::replace),
                    why.empty() ? 200 : 503);
}

Result<HttpReply> get_metrics(const Call& call) {
  if (const HttpServer* http = call.api.http; http != nullptr) set_http_gauges(http->counts(), call.options);
  MetricSamples samples;
  call.api.collection_numbers.add(call.tenant.engine, samples);
  samples.add(metric::kBuildInfo, version_text(), build_details().front(), 1);
  add_process_samples(samples);
  return text_reply(Metrics::global().prometheus_text(samples.all()), "text/plain; version=0.0.4; charset=utf-8");
}

Result<HttpReply> get_contract(const Call&) {
  return text_reply(std::string(built_in_file("openapi.yaml")->bytes), "application/yaml; charset=utf-8");
}

Result<HttpReply> go_to_pages(const Call&) {
  HttpReply reply = text_reply("", "");
  reply.status = 302;
  reply.fields.emplace_back("Location", "/ui/index.html");
  return reply;
}

Result<HttpReply> get_page(const Call& call) {
  const BuiltInFile* file = call.at("file") == "openapi.yaml" ? nullptr : built_in_file(call.at("file"));
  if (file == nullptr) return Status(Code::kNotFound, "there is no page '" + call.at("file") + "'");
  HttpReply reply = text_reply(std::string(file->bytes), std::string(type_of_name(file->name)));
  reply.fields.emplace_back("Content-Security-Policy",
                            "default-src 'self'; img-src 'self' data: blob:; frame-ancestors 'none'; base-uri 'none'; "
                            "form-action 'none'");
  reply.fields.emplace_back("Referrer-Policy", "no-referrer");
  reply.fields.emplace_back("Cache-Control", "no-cache");
  return reply;
}

}  // namespace pictor
