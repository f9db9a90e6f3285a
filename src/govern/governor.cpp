#include "govern/governor.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "govern/audit_log.h"

namespace pictor {
namespace {

constexpr const char* kTables = R"sql(
CREATE TABLE settings(one INTEGER PRIMARY KEY CHECK(one = 1), audit_secret BLOB NOT NULL) STRICT;
CREATE TABLE tenants(name TEXT PRIMARY KEY, created_us INTEGER NOT NULL, items_max INTEGER NOT NULL) STRICT;
CREATE TABLE keys(
  number INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  secret BLOB NOT NULL,
  name TEXT NOT NULL,
  role TEXT NOT NULL,
  tenant TEXT NOT NULL,
  collections TEXT NOT NULL,
  expires_us INTEGER,
  requests_per_second REAL NOT NULL,
  requests_per_day INTEGER NOT NULL,
  created_us INTEGER NOT NULL,
  revoked_us INTEGER
) STRICT;
CREATE TABLE key_days(id TEXT PRIMARY KEY, day INTEGER NOT NULL, requests INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE audit(number INTEGER PRIMARY KEY, text TEXT NOT NULL, hash BLOB NOT NULL) STRICT;
)sql";
constexpr Migration kMigrations[] = {{1, kTables}};

constexpr std::int64_t kDayUs = std::int64_t{86'400} * 1'000'000;
constexpr std::size_t kIdDigits = 12, kSecretBytes = 32;
constexpr std::string_view kPrefix = "pk_";

struct Presented {
  std::string_view id;
  Hash256 secret;  // hashed
};

// Of anything at all; what is no key gets an id that no key has.
Presented taken_apart(std::string_view key) {
  Presented out;
  out.secret = sha256(as_bytes(key));
  const bool shaped = key.size() == kPrefix.size() + kIdDigits + 1 + 2 * kSecretBytes && key.substr(0, 3) == kPrefix;
  if (shaped) out.id = key.substr(kPrefix.size(), kIdDigits);
  return out;
}

// At most 64 digits.
std::string random_hex(Env& env, std::size_t digits) {
  Hash256 random;
  env.random(std::as_writable_bytes(std::span(random.bytes)));
  return random.hex().substr(0, digits);
}

// What a key may use, as time goes on.
struct Meter {
  double tokens = 0;
  std::optional<std::int64_t> at_us;  // monotonic; none: never used
  std::int64_t day = 0;
  std::uint64_t today = 0;
  bool changed = false;  // since `today` was written down
};

struct Held {
  KeyInfo info;
  Hash256 secret;
  std::shared_ptr<const Caller> caller;
  Meter meter;
};

using Keys = std::map<std::string, Held, std::less<>>;

std::shared_ptr<const Caller> caller_of(const KeyInfo& info) {
  return std::make_shared<const Caller>(Caller{info.id, info.spec.tenant, info.spec.role, info.spec.collections});
}

Status check_pattern(const std::string& pattern) {
  const bool good =
      !pattern.empty() && pattern.size() <= limits::kCollectionNameBytesMax && pattern.find('\0') == std::string::npos;
  if (good) return Status::ok();
  return {Code::kInvalid, "'collections' has a name of " + std::to_string(pattern.size()) + " bytes, wanted 1 to " +
                              std::to_string(limits::kCollectionNameBytesMax)};
}

Status check_key_spec(const KeySpec& spec, std::int64_t now_us) {
  if (spec.name.size() > limits::kKeyNameBytesMax) {
    return {Code::kLimit, "the key's name has " + std::to_string(spec.name.size()) + " bytes, wanted at most " +
                              std::to_string(limits::kKeyNameBytesMax)};
  }
  if (spec.name.find('\0') != std::string::npos) return {Code::kInvalid, "the key's name has a zero byte"};
  if (spec.collections.size() > limits::kKeyCollectionsMax) {
    return {Code::kLimit, "a key for " + std::to_string(spec.collections.size()) +
                              " names of collections, wanted at most " + std::to_string(limits::kKeyCollectionsMax) +
                              "; a name may end in '*'"};
  }
  for (const std::string& pattern : spec.collections) PICTOR_TRY(check_pattern(pattern));
  if (spec.role == Role::kAdmin && !spec.collections.empty()) {
    return {Code::kInvalid, "an admin's key is for all collections: it could make itself another"};
  }
  if (spec.expires_us && *spec.expires_us <= now_us) {
    return {Code::kInvalid, "the key would expire before it exists"};
  }
  if (!std::isfinite(spec.requests_per_second) || spec.requests_per_second < 0 ||
      spec.requests_per_second > limits::kKeyRequestsPerSecondMax) {
    return {Code::kInvalid,
            "the key's requests a second must be 0 (no limit) to " + std::to_string(limits::kKeyRequestsPerSecondMax)};
  }
  if (spec.requests_per_day > limits::kKeyRequestsPerDayMax) {
    return {Code::kInvalid,
            "the key's requests a day must be 0 (no limit) to " + std::to_string(limits::kKeyRequestsPerDayMax)};
  }
  return Status::ok();
}

class StoredGovernor final : public Governor {
 public:
  explicit StoredGovernor(Env& env) : env_(env) {}
  ~StoredGovernor() override { audit_.reset(); }

  Status open_at(const std::string& path) {
    PICTOR_ASSIGN(database_, Database::open(env_, path));
    PICTOR_TRY(database_->migrate(kMigrations).in("'" + path + "'"));
    PICTOR_TRY(env_.sync_dir(parent_path(path)));
    PICTOR_ASSIGN(Bytes secret, audit_secret());
    PICTOR_TRY(load_tenants());
    PICTOR_TRY(load_keys());
    PICTOR_ASSIGN(audit_, StoredAuditLog::open(env_, path, std::move(secret), [this] { write_days(); }));
    return Status::ok();
  }

  bool needs_keys() const override {
    const std::lock_guard lock(mutex_);
    return !keys_.empty();
  }

  bool has_live_keys() const override {
    const std::int64_t now = env_.wall_us();
    const std::lock_guard lock(mutex_);
    return std::any_of(keys_.begin(), keys_.end(), [now](const auto& one) { return one.second.info.is_live(now); });
  }

  Result<std::shared_ptr<const Caller>> admit(std::string_view key, std::int64_t* retry_after_s) override {
    const Presented given = taken_apart(key);
    const std::int64_t now = env_.wall_us();
    const std::lock_guard lock(mutex_);
    const auto found = shown_key(given);
    if (found == keys_.end()) return Status(Code::kDenied, "there is no such key");
    Held& held = keys_.at(found->first);
    if (!held.info.is_live(now)) return Status(Code::kDenied, "the key is revoked or has expired");
    PICTOR_TRY(count(held, now, retry_after_s));
    return held.caller;
  }

  std::shared_ptr<const Caller> holder_of(std::string_view key) const override {
    const Presented given = taken_apart(key);
    const std::lock_guard lock(mutex_);
    const auto found = shown_key(given);
    return found == keys_.end() ? nullptr : found->second.caller;
  }

  Result<NewKey> create_key(const KeySpec& spec) override {
    PICTOR_TRY(check_key_spec(spec, env_.wall_us()));
    if (!spec.tenant.empty() && !tenant(spec.tenant)) {
      return Status(Code::kNotFound, "there is no tenant '" + spec.tenant + "': make it first");
    }
    const std::lock_guard change(change_mutex_);
    return add_key(spec);
  }

  Result<NewKey> rotate_key(const std::string& id, std::int64_t overlap_s) override {
    if (overlap_s < 0 || overlap_s > limits::kKeyOverlapSecondsMax) {
      return Status(Code::kInvalid, "the overlap is " + std::to_string(overlap_s) + " s, wanted 0 to " +
                                        std::to_string(limits::kKeyOverlapSecondsMax));
    }
    const std::lock_guard change(change_mutex_);
    PICTOR_ASSIGN(const KeyInfo old, known(id));
    const std::int64_t now = env_.wall_us();
    if (!old.is_live(now)) return Status(Code::kInvalid, "key '" + id + "' is revoked or has expired");
    PICTOR_ASSIGN(auto made, add_key(old.spec));
    const std::int64_t end = now + overlap_s * 1'000'000;
    const std::int64_t expires = std::min(end, old.spec.expires_us.value_or(end));
    PICTOR_TRY(set_time("UPDATE keys SET expires_us = ?2 WHERE id = ?1", id, expires));
    const std::lock_guard lock(mutex_);
    keys_.at(id).info.spec.expires_us = expires;
    return made;
  }

  Result<KeyInfo> revoke_key(const std::string& id) override {
    const std::lock_guard change(change_mutex_);
    PICTOR_ASSIGN(KeyInfo key, known(id));
    if (key.revoked_us) return key;
    key.revoked_us = env_.wall_us();
    PICTOR_TRY(set_time("UPDATE keys SET revoked_us = ?2 WHERE id = ?1", id, *key.revoked_us));
    const std::lock_guard lock(mutex_);
    keys_.at(id).info.revoked_us = key.revoked_us;
    return key;
  }

  std::vector<KeyInfo> keys() const override {
    const std::lock_guard lock(mutex_);
    std::vector<KeyInfo> all;
    for (const auto& [id, held] : keys_) all.push_back(shown(held));
    std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.created_us < b.created_us; });
    return all;
  }

  Result<TenantInfo> put_tenant(const std::string& name, std::uint64_t items_max) override {
    PICTOR_TRY(check_tenant_name(name));
    if (items_max > limits::kTenantItemsMax) {
      return Status(Code::kInvalid, "'items_max' is " + std::to_string(items_max) + ", wanted at most " +
                                        std::to_string(limits::kTenantItemsMax));
    }
    const std::lock_guard change(change_mutex_);
    const auto known = tenant(name);
    const std::size_t count = tenants().size();
    if (!known && count >= limits::kTenantsMax) {
      return Status(Code::kLimit, "there are " + std::to_string(count) + " tenants, the most there can be");
    }
    const TenantInfo info{name, known ? known->created_us : env_.wall_us(), items_max};
    PICTOR_ASSIGN(const auto put, database_->prepare("INSERT INTO tenants(name, created_us, items_max) VALUES(?1, ?2, "
                                                     "?3) ON CONFLICT(name) DO UPDATE SET items_max = ?3"));
    put->bind(0, std::string_view(name));
    put->bind(1, info.created_us);
    put->bind(2, static_cast<std::int64_t>(items_max));
    PICTOR_TRY(put->step().status());
    const std::lock_guard lock(mutex_);
    tenants_[name] = info;
    return info;
  }

  std::vector<TenantInfo> tenants() const override {
    const std::lock_guard lock(mutex_);
    std::vector<TenantInfo> all;
    for (const auto& [name, info] : tenants_) all.push_back(info);
    return all;
  }

  std::optional<TenantInfo> tenant(std::string_view name) const override {
    const std::lock_guard lock(mutex_);
    const auto found = tenants_.find(name);
    return found == tenants_.end() ? std::nullopt : std::optional(found->second);
  }

  AuditLog& audit() override { return *audit_; }

 private:
  Result<Bytes> audit_secret() {
    {
      PICTOR_ASSIGN(const auto select, database_->prepare("SELECT audit_secret FROM settings"));
      PICTOR_ASSIGN(const bool found, select->step());
      if (found) return Bytes(select->blob(0).begin(), select->blob(0).end());
    }
    Bytes secret(kSecretBytes);
    env_.random(secret);
    PICTOR_ASSIGN(const auto insert, database_->prepare("INSERT INTO settings VALUES(1, ?1)"));
    insert->bind(0, ByteView(secret));
    PICTOR_TRY(insert->step().status());
    return secret;
  }

  Status load_tenants() {
    PICTOR_ASSIGN(const auto rows, database_->prepare("SELECT name, created_us, items_max FROM tenants"));
    while (true) {
      PICTOR_ASSIGN(const bool found, rows->step());
      if (!found) return Status::ok();
      TenantInfo info{std::string(rows->text(0)), rows->integer(1), static_cast<std::uint64_t>(rows->integer(2))};
      tenants_[info.name] = info;
    }
  }

  static Result<Held> key_in(const Statement& row) {
    Held held;
    held.info.id = row.text(0);
    PICTOR_ASSIGN(held.secret, hash_in(row, 1));
    KeySpec& spec = held.info.spec;
    spec.name = row.text(2);
    PICTOR_ASSIGN(spec.role, parse_role(row.text(3)));
    spec.tenant = row.text(4);
    const auto names = nlohmann::json::parse(row.text(5), nullptr, false);
    for (const auto& name : names) spec.collections.push_back(name.is_string() ? name.get<std::string>() : "");
    if (!row.is_null(6)) spec.expires_us = row.integer(6);
    spec.requests_per_second = row.real(7);
    spec.requests_per_day = static_cast<std::uint64_t>(row.integer(8));
    held.info.created_us = row.integer(9);
    if (!row.is_null(10)) held.info.revoked_us = row.integer(10);
    if (!row.is_null(11)) held.meter.day = row.integer(11);
    if (!row.is_null(12)) held.meter.today = static_cast<std::uint64_t>(row.integer(12));
    held.caller = caller_of(held.info);
    return held;
  }

  Status load_keys() {
    PICTOR_ASSIGN(const auto rows,
                  database_->prepare("SELECT keys.id, secret, name, role, tenant, collections, expires_us, "
                                     "requests_per_second, requests_per_day, created_us, revoked_us, day, requests "
                                     "FROM keys LEFT JOIN key_days ON keys.id = key_days.id ORDER BY number"));
    while (true) {
      PICTOR_ASSIGN(const bool found, rows->step());
      if (!found) return Status::ok();
      PICTOR_ASSIGN(auto held, key_in(*rows));
      keys_[held.info.id] = std::move(held);
    }
  }

  // In the same time whether there is such an id or not. REQUIRES: mutex_ is held.
  Keys::const_iterator shown_key(const Presented& given) const {
    const auto found = keys_.find(given.id);
    static const Hash256 kNone{};
    const Hash256& wanted = found == keys_.end() ? kNone : found->second.secret;
    const bool same =
        equal_in_constant_time(std::as_bytes(std::span(wanted.bytes)), std::as_bytes(std::span(given.secret.bytes)));
    return same ? found : keys_.end();
  }

  Result<KeyInfo> known(const std::string& id) const {
    const std::lock_guard lock(mutex_);
    const auto found = keys_.find(id);
    if (found != keys_.end()) return shown(found->second);
    return Status(Code::kNotFound, "there is no key '" + id.substr(0, 80) + "'");
  }

  // REQUIRES: mutex_ is held.
  KeyInfo shown(const Held& held) const {
    KeyInfo info = held.info;
    info.requests_today = held.meter.day == env_.wall_us() / kDayUs ? held.meter.today : 0;
    return info;
  }

  // REQUIRES: change_mutex_ is held, as for all that writes.
  Result<NewKey> add_key(const KeySpec& spec) {
    const std::size_t count = keys().size();
    if (count >= limits::kKeysMax) {
      return Status(Code::kLimit, "there are " + std::to_string(count) + " keys, the most there can be");
    }
    NewKey made;
    made.info.id = random_hex(env_, kIdDigits);
    made.info.spec = spec;
    made.info.created_us = env_.wall_us();
    made.key = std::string(kPrefix) + made.info.id + "_" + random_hex(env_, 2 * kSecretBytes);
    Held held;
    held.info = made.info;
    held.secret = sha256(as_bytes(made.key));
    held.caller = caller_of(made.info);
    PICTOR_TRY(insert_key(held));
    const std::lock_guard lock(mutex_);
    keys_[made.info.id] = std::move(held);
    return made;
  }

  Status insert_key(const Held& held) {
    const KeySpec& spec = held.info.spec;
    PICTOR_ASSIGN(const auto insert,
                  database_->prepare("INSERT INTO keys(id, secret, name, role, tenant, collections, expires_us, "
                                     "requests_per_second, requests_per_day, created_us) "
                                     "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"));
    const std::string names =
        nlohmann::json(spec.collections).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    insert->bind(0, std::string_view(held.info.id));
    insert->bind(1, std::as_bytes(std::span(held.secret.bytes)));
    insert->bind(2, std::string_view(spec.name));
    insert->bind(3, role_name(spec.role));
    insert->bind(4, std::string_view(spec.tenant));
    insert->bind(5, std::string_view(names));
    if (spec.expires_us) insert->bind(6, *spec.expires_us);
    if (!spec.expires_us) insert->bind_null(6);
    insert->bind(7, spec.requests_per_second);
    insert->bind(8, static_cast<std::int64_t>(spec.requests_per_day));
    insert->bind(9, held.info.created_us);
    return insert->step().status();
  }

  Status set_time(const char* sql, const std::string& id, std::int64_t time_us) {
    PICTOR_ASSIGN(const auto update, database_->prepare(sql));
    update->bind(0, std::string_view(id));
    update->bind(1, time_us);
    return update->step().status();
  }

  // A bucket that holds what a second gives, and one request at least. REQUIRES: mutex_ is held.
  Status count(Held& held, std::int64_t wall_us, std::int64_t* retry_after_s) const {
    Meter& meter = held.meter;
    const KeySpec& spec = held.info.spec;
    const std::int64_t day = wall_us / kDayUs;
    const std::uint64_t today = meter.day == day ? meter.today : 0;
    if (spec.requests_per_day > 0 && today >= spec.requests_per_day) {
      *retry_after_s = (kDayUs - wall_us % kDayUs) / 1'000'000 + 1;
      return {Code::kBusy, "the key may make " + std::to_string(spec.requests_per_day) +
                               " requests a day, and has made them; the day is that of UTC"};
    }
    if (spec.requests_per_second > 0) {
      const std::int64_t now = env_.monotonic_us();
      const double most = std::max(1.0, spec.requests_per_second);
      const double since = static_cast<double>(now - meter.at_us.value_or(now)) * 1e-6;
      meter.tokens = meter.at_us ? std::min(most, meter.tokens + since * spec.requests_per_second) : most;
      meter.at_us = now;
      if (meter.tokens < 1) {
        *retry_after_s = static_cast<std::int64_t>(std::ceil((1 - meter.tokens) / spec.requests_per_second));
        return {Code::kBusy,
                "the key may make " + nlohmann::json(spec.requests_per_second).dump() + " requests a second"};
      }
      meter.tokens -= 1;
    }
    meter.day = day;
    meter.today = today + 1;
    meter.changed = true;
    return Status::ok();
  }

  // What was used today, so that a restart does not give it back. What cannot be written now is written the next time.
  void write_days() {
    const std::lock_guard change(change_mutex_);
    std::vector<std::pair<std::string, Meter>> changed;
    {
      const std::lock_guard lock(mutex_);
      for (auto& [id, held] : keys_) {
        if (std::exchange(held.meter.changed, false)) changed.emplace_back(id, held.meter);
      }
    }
    if (changed.empty() || put_days(changed).is_ok()) return;
    const std::lock_guard lock(mutex_);
    for (const auto& [id, meter] : changed) keys_.at(id).meter.changed = true;
  }

  Status put_days(const std::vector<std::pair<std::string, Meter>>& changed) {
    PICTOR_ASSIGN(auto transaction, Transaction::begin(*database_));
    {
      PICTOR_ASSIGN(
          const auto put,
          database_->prepare("INSERT INTO key_days VALUES(?1, ?2, ?3) ON CONFLICT(id) DO UPDATE SET day = ?2, "
                             "requests = ?3"));
      for (const auto& [id, meter] : changed) {
        put->bind(0, std::string_view(id));
        put->bind(1, meter.day);
        put->bind(2, static_cast<std::int64_t>(meter.today));
        PICTOR_TRY(put->step().status());
        put->reset();
      }
    }
    return transaction.commit();
  }

  Env& env_;
  // Over the database, and what is changed with it; taken before the other. Nobody is kept from being admitted by a
  // disk.
  std::mutex change_mutex_;
  mutable std::mutex mutex_;  // over what is in memory
  std::unique_ptr<Database> database_;
  std::map<std::string, TenantInfo, std::less<>> tenants_;
  Keys keys_;
  std::unique_ptr<StoredAuditLog> audit_;  // last: its thread uses the others
};

}  // namespace

Status check_tenant_name(std::string_view name) {
  const auto good = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.';
  };
  const bool begins =
      !name.empty() && good(name.front()) && name.front() != '-' && name.front() != '_' && name.front() != '.';
  if (begins && name.size() <= limits::kTenantNameBytesMax && std::all_of(name.begin(), name.end(), good)) {
    return Status::ok();
  }
  return {Code::kInvalid, "tenant name '" + std::string(name.substr(0, 80)) +
                              "' must be letters, digits, '-', '_' or '.', start with a letter or digit, and have at "
                              "most " +
                              std::to_string(limits::kTenantNameBytesMax) + " bytes"};
}

Result<std::unique_ptr<Governor>> Governor::open(Env& env, const std::string& data_folder) {
  auto governor = std::make_unique<StoredGovernor>(env);
  PICTOR_TRY(governor->open_at(join_path(data_folder, "govern.db")));
  return std::unique_ptr<Governor>(std::move(governor));
}

}  // namespace pictor
