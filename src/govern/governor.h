// Keys and tenants: DATA/govern.db.
//
// A key is "pk_ID_SECRET": twelve hexadecimal digits that name it, and 32 random bytes. Only their SHA-256 is kept, so
// the file tells no key; a slow hash would add nothing to 256 random bits. Secrets are compared in constant time, and
// an id that does not exist costs what one does that exists.
//
// Thread safety: all calls from any thread. The data folder's lock must be held by this process.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/base.h"
#include "govern/audit.h"
#include "govern/rights.h"

namespace pictor {

struct KeySpec {
  std::string name;  // for people
  Role role = Role::kReader;
  std::string tenant;                    // empty: the main one
  std::vector<std::string> collections;  // as Caller::collections
  std::optional<std::int64_t> expires_us;
  double requests_per_second = 0;      // 0: no limit
  std::uint64_t requests_per_day = 0;  // of UTC; 0: no limit
};

struct KeyInfo {
  std::string id;
  KeySpec spec;
  std::int64_t created_us = 0;
  std::optional<std::int64_t> revoked_us;
  std::uint64_t requests_today = 0;

  bool is_live(std::int64_t now_us) const { return !revoked_us && (!spec.expires_us || *spec.expires_us > now_us); }
};

struct NewKey {
  KeyInfo info;
  std::string key;  // told this once
};

struct TenantInfo {
  std::string name;
  std::int64_t created_us = 0;
  std::uint64_t items_max = 0;  // in all its collections; 0: no limit
};

class Governor {
 public:
  // Makes the file when it does not exist.
  static Result<std::unique_ptr<Governor>> open(Env& env, const std::string& data_folder);
  virtual ~Governor() = default;

  // Was any key ever made? Until then nobody needs one; that the last one expires opens nothing.
  virtual bool needs_keys() const = 0;
  virtual bool has_live_keys() const = 0;
  // Quick: nothing is read from a disk. kDenied: no such key, or it is revoked or expired. kBusy: it has used up what
  // it may, and `retry_after_s` says for how long.
  virtual Result<std::shared_ptr<const Caller>> admit(std::string_view key, std::int64_t* retry_after_s) = 0;

  // Whose key that is, live or not, without counting it; null: there is no such key. For what is written of who was
  // refused, never to let anybody in.
  virtual std::shared_ptr<const Caller> holder_of(std::string_view key) const = 0;

  // kInvalid, kLimit; kNotFound: no such tenant.
  virtual Result<NewKey> create_key(const KeySpec& spec) = 0;
  // A new key like that one, which goes on for `overlap_s`. kNotFound; kInvalid: it is revoked or expired.
  virtual Result<NewKey> rotate_key(const std::string& id, std::int64_t overlap_s) = 0;
  virtual Result<KeyInfo> revoke_key(const std::string& id) = 0;
  virtual std::vector<KeyInfo> keys() const = 0;  // oldest first

  // Makes it, or changes what it may hold.
  virtual Result<TenantInfo> put_tenant(const std::string& name, std::uint64_t items_max) = 0;
  virtual std::vector<TenantInfo> tenants() const = 0;  // by name; the main one is not among them
  virtual std::optional<TenantInfo> tenant(std::string_view name) const = 0;

  virtual AuditLog& audit() = 0;
};

// Letters, digits, '-', '_' and '.', as of collections.
Status check_tenant_name(std::string_view name);

}  // namespace pictor
