#include "govern/repeats.h"

#include <map>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

#include "db/db.h"

namespace pictor {
namespace {

constexpr const char* kTables = R"sql(
CREATE TABLE repeats(
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  name BLOB NOT NULL UNIQUE,
  tenant TEXT NOT NULL,
  request BLOB NOT NULL,
  salt BLOB NOT NULL,
  answer BLOB NOT NULL,
  kept_us INTEGER NOT NULL
) STRICT;
CREATE INDEX repeats_of_tenant ON repeats(tenant, number);
CREATE INDEX repeats_by_time ON repeats(kept_us);
)sql";
constexpr Migration kMigrations[] = {{1, kTables}};

constexpr std::int64_t kKeptUs = limits::kRepeatSeconds * 1'000'000;
constexpr std::size_t kSaltBytes = 32;
constexpr std::uint64_t kRowBytes = 256;  // of a row beside its answer, as limits::kRepeatBytesMax counts it

ByteView view_of(const Hash256& hash) { return std::as_bytes(std::span(hash.bytes)); }

Hash256 hash_of(const RepeatName& name) {
  Sha256Stream stream;
  for (const std::string_view field : {std::string_view("pictor.repeat.name"), std::string_view(name.tenant),
                                       std::string_view(name.caller), std::string_view(name.key)}) {
    stream.add_field(field);
  }
  return stream.finish();
}

// What the file has of a request: from it nobody gets to the cipher's key, which is made of the request's hash.
Hash256 mark_of(const Hash256& request) {
  Sha256Stream stream;
  stream.add_field("pictor.repeat.request");
  stream.add(view_of(request));
  return stream.finish();
}

// Counter mode with HMAC-SHA-256 as the function; the key is of one answer alone, by its salt. Its own inverse.
std::string ciphered(std::string_view text, ByteView salt, const Hash256& request) {
  const Hash256 key = hmac_sha256(salt, view_of(request));
  std::string out(text);
  Hash256 block;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const std::size_t at = i % block.bytes.size();
    if (at == 0) {
      const auto number = static_cast<std::uint64_t>(i / block.bytes.size());
      block = hmac_sha256(view_of(key), std::as_bytes(std::span(&number, 1)));
    }
    out[i] = static_cast<char>(static_cast<unsigned char>(out[i]) ^ block.bytes[at]);
  }
  return out;
}

struct Kept {
  std::uint64_t rows = 0, bytes = 0;
};

struct KeptRow {
  std::int64_t number = 0;
  std::string tenant;
  std::uint64_t bytes = 0;
};

class StoredRepeats final : public Repeats {
 public:
  explicit StoredRepeats(Env& env) : env_(env) {}

  Status open_at(const std::string& path) {
    PICTOR_ASSIGN(database_, Database::open(env_, path));
    PICTOR_TRY(database_->migrate(kMigrations).in("'" + path + "'"));
    PICTOR_TRY(env_.sync_dir(parent_path(path)));
    PICTOR_ASSIGN(const auto rows, database_->prepare("SELECT tenant, count(*), sum(length(answer)) FROM repeats GROUP "
                                                      "BY tenant"));
    while (true) {
      PICTOR_ASSIGN(const bool found, rows->step());
      if (!found) return Status::ok();
      const auto count = static_cast<std::uint64_t>(rows->integer(1));
      kept_[std::string(rows->text(0))] = {count, count * kRowBytes + static_cast<std::uint64_t>(rows->integer(2))};
    }
  }

  bool enter(const RepeatName& name) override {
    const std::lock_guard lock(running_mutex_);
    return running_.insert(hash_of(name)).second;
  }
  void leave(const RepeatName& name) override {
    const std::lock_guard lock(running_mutex_);
    running_.erase(hash_of(name));
  }

  Result<bool> has(const RepeatName& name) override {
    const std::lock_guard lock(mutex_);
    PICTOR_ASSIGN(const auto row, row_of(name, "SELECT 1 FROM repeats WHERE name = ?1 AND kept_us > ?2"));
    return row->step();
  }

  Result<std::optional<KeptAnswer>> find(const RepeatName& name, const Hash256& request) override {
    const std::lock_guard lock(mutex_);
    PICTOR_ASSIGN(const auto row,
                  row_of(name, "SELECT request, salt, answer FROM repeats WHERE name = ?1 AND kept_us > ?2"));
    PICTOR_ASSIGN(const bool found, row->step());
    if (!found) return std::optional<KeptAnswer>();
    if (!equal_in_constant_time(row->blob(0), view_of(mark_of(request)))) return std::optional(KeptAnswer{});
    return std::optional(KeptAnswer{true, ciphered(as_text(row->blob(2)), row->blob(1), request)});
  }

  Status keep(const RepeatName& name, const Hash256& request, std::string_view answer) override {
    if (answer.size() > limits::kRepeatAnswerBytesMax) {
      return {Code::kLimit, "the answer has " + std::to_string(answer.size()) + " bytes, of which at most " +
                                std::to_string(limits::kRepeatAnswerBytesMax) + " are kept"};
    }
    const std::uint64_t bytes = kRowBytes + answer.size();
    const std::int64_t now = env_.wall_us();
    const std::lock_guard lock(mutex_);
    PICTOR_ASSIGN(auto transaction, Transaction::begin(*database_));
    auto kept = kept_;
    PICTOR_TRY(drop(kept, "SELECT number, tenant, length(answer) FROM repeats WHERE name = ?1",
                    [&](Statement& rows) { rows.bind(0, view_of(hash_of(name))); }));
    PICTOR_TRY(drop_expired(kept, now));
    PICTOR_TRY(make_room(kept, name.tenant, bytes));
    PICTOR_TRY(insert(name, request, answer, now));
    PICTOR_TRY(transaction.commit());
    Kept& own = kept[name.tenant];
    own = {own.rows + 1, own.bytes + bytes};
    kept_ = std::move(kept);
    return Status::ok();
  }

 private:
  using KeptOfTenants = std::map<std::string, Kept>;

  Result<std::unique_ptr<Statement>> row_of(const RepeatName& name, const char* sql) {
    PICTOR_ASSIGN(auto row, database_->prepare(sql));
    row->bind(0, view_of(hash_of(name)));
    row->bind(1, env_.wall_us() - kKeptUs);
    return row;
  }

  Status insert(const RepeatName& name, const Hash256& request, std::string_view answer, std::int64_t now) {
    Bytes salt(kSaltBytes);
    env_.random(salt);
    const std::string text = ciphered(answer, salt, request);
    PICTOR_ASSIGN(const auto put,
                  database_->prepare("INSERT INTO repeats(name, tenant, request, salt, answer, kept_us) "
                                     "VALUES(?1, ?2, ?3, ?4, ?5, ?6)"));
    put->bind(0, view_of(hash_of(name)));
    put->bind(1, std::string_view(name.tenant));
    put->bind(2, view_of(mark_of(request)));
    put->bind(3, ByteView(salt));
    put->bind(4, as_bytes(text));
    put->bind(5, now);
    return put->step().status();
  }

  Status drop_expired(KeptOfTenants& kept, std::int64_t now) {
    return drop(kept,
                "SELECT number, tenant, length(answer) FROM repeats WHERE kept_us <= ?1 ORDER BY kept_us LIMIT ?2",
                [&](Statement& rows) {
                  rows.bind(0, now - kKeptUs);
                  rows.bind(1, std::int64_t{limits::kRepeatsDroppedAtOnce});
                });
  }

  // The oldest of the tenant go.
  Status make_room(KeptOfTenants& kept, const std::string& tenant, std::uint64_t bytes) {
    while (kept[tenant].rows >= limits::kRepeatsMax || kept[tenant].bytes + bytes > limits::kRepeatBytesMax) {
      const std::uint64_t rows_before = kept[tenant].rows;
      PICTOR_TRY(drop(kept,
                      "SELECT number, tenant, length(answer) FROM repeats WHERE tenant = ?1 ORDER BY number LIMIT 16",
                      [&](Statement& rows) { rows.bind(0, std::string_view(tenant)); }));
      if (kept[tenant].rows == rows_before) return {Code::kInternal, "repeats.db has fewer rows than were counted"};
    }
    return Status::ok();
  }

  template <typename Bind>
  Status drop(KeptOfTenants& kept, const char* select, const Bind& bind) {
    std::vector<KeptRow> rows;
    {
      PICTOR_ASSIGN(const auto found, database_->prepare(select));
      bind(*found);
      while (true) {
        PICTOR_ASSIGN(const bool more, found->step());
        if (!more) break;
        const auto bytes = static_cast<std::uint64_t>(found->integer(2));
        rows.push_back({found->integer(0), std::string(found->text(1)), kRowBytes + bytes});
      }
    }
    if (rows.empty()) return Status::ok();
    PICTOR_ASSIGN(const auto remove, database_->prepare("DELETE FROM repeats WHERE number = ?1"));
    for (const KeptRow& row : rows) {
      remove->bind(0, row.number);
      PICTOR_TRY(remove->step().status());
      remove->reset();
      Kept& own = kept[row.tenant];
      own = {own.rows - 1, own.bytes - row.bytes};
    }
    return Status::ok();
  }

  Env& env_;
  std::mutex running_mutex_;
  std::set<Hash256> running_;
  std::mutex mutex_;  // over the database, and what it holds
  std::unique_ptr<Database> database_;
  KeptOfTenants kept_;
};

}  // namespace

Result<std::unique_ptr<Repeats>> Repeats::open(Env& env, const std::string& data_folder) {
  auto repeats = std::make_unique<StoredRepeats>(env);
  PICTOR_TRY(repeats->open_at(join_path(data_folder, "repeats.db")));
  return std::unique_ptr<Repeats>(std::move(repeats));
}

}  // namespace pictor
