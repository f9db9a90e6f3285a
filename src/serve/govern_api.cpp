// Keys, tenants, the audit log, and sessions of the pages.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "serve/api.h"
#include "serve/json_reader.h"

namespace pictor {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::int64_t kOverlapSeconds = 86'400;
constexpr std::uint64_t kDefaultLines = 100;

std::string dumped(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

HttpReply made_reply(Api& api, const NewKey& made) {
  HttpReply reply = json_reply(new_key_json(made, api.env.wall_us()), 201);
  reply.fields.emplace_back("Cache-Control", "no-store");
  return reply;
}

Result<KeySpec> spec_of(const Call& call, JsonReader& json) {
  KeySpec spec;
  PICTOR_ASSIGN(spec.role, parse_role(json.text("role").value_or("reader")));
  spec.name = json.text("name").value_or("");
  spec.tenant = json.text("tenant").value_or(call.caller.tenant);
  if (const auto expires = json.count("expires_us")) spec.expires_us = static_cast<std::int64_t>(*expires);
  spec.requests_per_second = json.number("requests_per_second").value_or(0);
  spec.requests_per_day = json.count("requests_per_day").value_or(0);
  if (const nlohmann::json* names = json.any("collections"); names != nullptr) {
    const bool texts =
        names->is_array() && std::all_of(names->begin(), names->end(), [](const auto& one) { return one.is_string(); });
    if (!texts) json.refuse("collections", "an array of names");
    if (texts) spec.collections = names->get<std::vector<std::string>>();
  }
  PICTOR_TRY(json.status());
  return spec;
}

// An admin of one tenant has the keys of that one; of others it does not learn whether they exist.
bool is_of_caller(const Call& call, const KeyInfo& key) {
  return call.caller.tenant.empty() || call.caller.tenant == key.spec.tenant;
}

Status find_key(const Call& call) {
  const auto keys = call.api.governor.keys();
  const bool there = std::any_of(keys.begin(), keys.end(), [&](const KeyInfo& key) {
    return key.id == call.at("key") && is_of_caller(call, key);
  });
  return there ? Status::ok() : Status(Code::kNotFound, "there is no key '" + call.at("key").substr(0, 80) + "'");
}

}  // namespace

Result<HttpReply> who_am_i(const Call& call) {
  PICTOR_TRY(only_parameters(call, {}));
  Json rights = Json::array();
  for (const Right right : all_rights()) {
    if (call.caller.may(right)) rights.push_back(right_name(right));
  }
  return json_reply(dumped({{"key", call.caller.key},
                            {"tenant", call.caller.tenant},
                            {"role", role_name(call.caller.role)},
                            {"rights", rights},
                            {"collections", call.caller.collections}}));
}

// The key that came with the request, kept by the browser where no script of a page can read it, and sent by it with
// requests of this server's own pages alone.
Result<HttpReply> begin_session(const Call& call) {
  PICTOR_TRY(only_parameters(call, {}));
  PICTOR_ASSIGN(HttpReply reply, who_am_i(call));
  const std::string_view key = key_of_request(call.request.head);
  if (key.empty()) return reply;
  reply.fields.emplace_back("Set-Cookie", std::string(kSessionCookie) + std::string(key) +
                                              "; HttpOnly; SameSite=Strict; Path=/" +
                                              (call.options.tls() ? "; Secure" : ""));
  reply.fields.emplace_back("Cache-Control", "no-store");
  return reply;
}

Result<HttpReply> end_session(const Call& call) {
  PICTOR_TRY(only_parameters(call, {}));
  HttpReply reply;
  reply.status = 204;
  reply.type.clear();
  reply.fields.emplace_back("Set-Cookie",
                            std::string(kSessionCookie) + "; HttpOnly; SameSite=Strict; Path=/; Max-Age=0");
  return reply;
}

Result<HttpReply> list_keys(const Call& call) {
  PICTOR_TRY(only_parameters(call, {}));
  auto keys = call.api.governor.keys();
  std::erase_if(keys, [&](const KeyInfo& key) { return !is_of_caller(call, key); });
  return json_reply(keys_json(keys, call.api.env.wall_us()));
}

Result<HttpReply> create_key(const Call& call) {
  PICTOR_TRY(only_parameters(call, {}));
  PICTOR_ASSIGN(const auto body, parse_request_json(call.request.body.empty() ? "{}" : call.request.body));
  JsonReader json(body, "");
  PICTOR_ASSIGN(const KeySpec spec, spec_of(call, json));
  if (!call.caller.tenant.empty() && spec.tenant != call.caller.tenant) {
    return forbidden("a key of tenant '" + call.caller.tenant + "' makes keys of that tenant alone");
  }
  PICTOR_ASSIGN(const NewKey made, call.api.governor.create_key(spec));
  return made_reply(call.api, made);
}

Result<HttpReply> rotate_key(const Call& call) {
  PICTOR_TRY(only_parameters(call, {}));
  PICTOR_TRY(find_key(call));
  PICTOR_ASSIGN(const auto body, parse_request_json(call.request.body.empty() ? "{}" : call.request.body));
  JsonReader json(body, "");
  const std::uint64_t overlap = json.count("overlap_s").value_or(kOverlapSeconds);
  PICTOR_TRY(json.status());
  const auto seconds = static_cast<std::int64_t>(std::min<std::uint64_t>(overlap, INT64_MAX));
  PICTOR_ASSIGN(const NewKey made, call.api.governor.rotate_key(call.at("key"), seconds));
  return made_reply(call.api, made);
}

Result<HttpReply> revoke_key(const Call& call) {
  PICTOR_TRY(only_parameters(call, {}));
  PICTOR_TRY(find_key(call));
  PICTOR_ASSIGN(const KeyInfo revoked, call.api.governor.revoke_key(call.at("key")));
  return json_reply(key_json(revoked, call.api.env.wall_us()));
}

Result<HttpReply> list_tenants(const Call& call) {
  PICTOR_TRY(only_parameters(call, {}));
  return json_reply(tenants_json(call.api.governor.tenants()));
}

Result<HttpReply> put_tenant(const Call& call) {
  PICTOR_TRY(only_parameters(call, {}));
  PICTOR_ASSIGN(const auto body, parse_request_json(call.request.body.empty() ? "{}" : call.request.body));
  JsonReader json(body, "");
  const std::uint64_t items_max = json.count("items_max").value_or(0);
  PICTOR_TRY(json.status());
  const bool existed = call.api.governor.tenant(call.at("tenant")).has_value();
  PICTOR_ASSIGN(const TenantInfo tenant, call.api.governor.put_tenant(call.at("tenant"), items_max));
  return json_reply(tenant_json(tenant), existed ? 200 : 201);
}

Result<HttpReply> list_audit(const Call& call) {
  PICTOR_TRY(only_parameters(call, {"after", "limit", "collection", "item"}));
  PICTOR_ASSIGN(const auto after, count_parameter(call, "after", INT64_MAX));
  PICTOR_ASSIGN(const auto limit, count_parameter(call, "limit", limits::kAuditPageMax));
  AuditFilter filter;
  filter.after = after.value_or(0);
  if (!call.caller.tenant.empty()) filter.tenant = call.caller.tenant;
  filter.collection = call.parameter("collection").value_or("");
  if (const auto item = call.parameter("item")) filter.item = std::string(*item);
  if (filter.item && filter.collection.empty()) {
    return Status(Code::kInvalid, "'item' without 'collection': an id is one of a collection");
  }
  const std::uint64_t wanted = std::max<std::uint64_t>(1, limit.value_or(kDefaultLines));
  std::string lines;
  std::uint64_t told = 0, last = filter.after;
  bool more = false;
  PICTOR_TRY(call.api.governor.audit().read(filter, [&](const AuditLine& line) {
    more = told == wanted;
    if (more) return false;
    lines += (lines.empty() ? "" : ",") + line.text;
    last = line.number;
    ++told;
    return true;
  }));
  return json_reply("{\"lines\":[" + lines + "],\"next\":" + (more ? std::to_string(last) : "null") + "}");
}

Result<HttpReply> verify_audit(const Call& call) {
  PICTOR_TRY(only_parameters(call, {"head"}));
  std::optional<AuditHead> known;
  if (const auto text = call.parameter("head")) {
    PICTOR_ASSIGN(known, AuditHead::parse(*text));
  }
  PICTOR_ASSIGN(const AuditCheck check, call.api.governor.audit().verify(known));
  return json_reply(audit_check_json(check));
}

Result<HttpReply> prune_audit(const Call& call) {
  PICTOR_TRY(only_parameters(call, {}));
  PICTOR_ASSIGN(const auto body, parse_request_json(call.request.body));
  JsonReader json(body, "");
  const auto before_us = json.count("before_us");
  if (!before_us || *before_us > INT64_MAX) json.refuse("before_us", "microseconds since 1970");
  PICTOR_TRY(json.status());
  AuditEntry by;
  by.key = call.caller.key;
  by.role = role_name(call.caller.role);
  by.client = call.request.head.client;
  by.request = call.request.id;
  PICTOR_ASSIGN(const AuditPruned pruned, call.api.governor.audit().prune(static_cast<std::int64_t>(*before_us), by));
  return json_reply(audit_pruned_json(pruned));
}

}  // namespace pictor
