#include "govern/json.h"

#include <nlohmann/json.hpp>

namespace pictor {
namespace {

using Json = nlohmann::ordered_json;

std::string dumped(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

Json json_of(const KeyInfo& key, std::int64_t now_us) {
  const KeySpec& spec = key.spec;
  return {{"id", key.id},
          {"name", spec.name},
          {"role", role_name(spec.role)},
          {"tenant", spec.tenant},
          {"collections", spec.collections},
          {"live", key.is_live(now_us)},
          {"created_us", key.created_us},
          {"expires_us", spec.expires_us ? Json(*spec.expires_us) : Json()},
          {"revoked_us", key.revoked_us ? Json(*key.revoked_us) : Json()},
          {"requests_per_second", spec.requests_per_second},
          {"requests_per_day", spec.requests_per_day},
          {"requests_today", key.requests_today}};
}

Json json_of(const TenantInfo& tenant) {
  return {{"name", tenant.name}, {"created_us", tenant.created_us}, {"items_max", tenant.items_max}};
}

}  // namespace

std::string key_json(const KeyInfo& key, std::int64_t now_us) { return dumped(json_of(key, now_us)); }

std::string keys_json(const std::vector<KeyInfo>& keys, std::int64_t now_us) {
  Json list = Json::array();
  for (const KeyInfo& key : keys) list.push_back(json_of(key, now_us));
  return dumped({{"keys", list}});
}

std::string new_key_json(const NewKey& made, std::int64_t now_us) {
  Json json = json_of(made.info, now_us);
  json["key"] = made.key;
  return dumped(json);
}

std::string tenant_json(const TenantInfo& tenant) { return dumped(json_of(tenant)); }

std::string tenants_json(const std::vector<TenantInfo>& tenants) {
  Json list = Json::array();
  for (const TenantInfo& tenant : tenants) list.push_back(json_of(tenant));
  return dumped({{"tenants", list}});
}

std::string audit_pruned_json(const AuditPruned& pruned) {
  return dumped({{"lines", pruned.lines}, {"last", pruned.lines == 0 ? Json() : Json(pruned.last.text())}});
}

std::string audit_check_json(const AuditCheck& check) {
  return dumped({{"whole", check.problem.is_ok()},
                 {"lines", check.lines},
                 {"pruned", check.pruned},
                 {"head", check.head.text()},
                 {"problem", check.problem.is_ok() ? Json() : Json(check.problem.message())}});
}

}  // namespace pictor
