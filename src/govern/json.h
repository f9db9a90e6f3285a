// Keys, tenants and the audit log as JSON: the same for every door.
#pragma once

#include <string>

#include "govern/governor.h"

namespace pictor {

std::string key_json(const KeyInfo& key, std::int64_t now_us);
std::string keys_json(const std::vector<KeyInfo>& keys, std::int64_t now_us);
// With the key itself, which is told this once.
std::string new_key_json(const NewKey& made, std::int64_t now_us);
std::string tenant_json(const TenantInfo& tenant);
std::string tenants_json(const std::vector<TenantInfo>& tenants);
std::string audit_check_json(const AuditCheck& check);
std::string audit_pruned_json(const AuditPruned& pruned);

}  // namespace pictor
