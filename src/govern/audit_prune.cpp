// Old lines of the audit log go, and the rest stays a chain: the line that tells of it has the head of the last one.
#include <nlohmann/json.hpp>
#include <utility>

#include "govern/audit_log.h"

namespace pictor {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kOperation = "auditPruned";
// No text within a line has these bytes: its quotes are escaped.
constexpr const char* kNewestPruned =
    "SELECT text FROM audit WHERE instr(text, '\"operation\":\"auditPruned\"') > 0 ORDER BY number DESC LIMIT 1";

std::optional<std::int64_t> time_of(std::string_view text) {
  const Json line = Json::parse(text, nullptr, false);
  const bool has_time = line.is_object() && line.contains("time_us") && line["time_us"].is_number_integer();
  return has_time ? std::optional(line["time_us"].get<std::int64_t>()) : std::nullopt;
}

}  // namespace

Result<AuditHead> chain_begin(Database& database) {
  std::uint64_t first = 1;
  {
    PICTOR_ASSIGN(const auto select, database.prepare("SELECT number FROM audit ORDER BY number LIMIT 1"));
    PICTOR_ASSIGN(const bool found, select->step());
    if (found) first = static_cast<std::uint64_t>(select->integer(0));
  }
  if (first == 1) return AuditHead{};
  PICTOR_ASSIGN(const auto select, database.prepare(kNewestPruned));
  PICTOR_ASSIGN(const bool found, select->step());
  if (!found) return AuditHead{};
  const Json line = Json::parse(select->text(0), nullptr, false);
  if (!line.is_object() || !line.contains("last") || !line["last"].is_string()) return AuditHead{};
  const auto last = AuditHead::parse(line["last"].get_ref<const std::string&>());
  // Lines that went without being told of are missing.
  return last.is_ok() && last->number + 1 == first ? *last : AuditHead{};
}

Result<AuditPruned> StoredAuditLog::prune(std::int64_t before_us, const AuditEntry& by) {
  if (before_us > env_.wall_us()) {
    return Status(Code::kInvalid, "the time up to which lines are removed has not come: " + std::to_string(before_us) +
                                      " us since 1970, it is " + std::to_string(env_.wall_us()));
  }
  AuditEntry entry = by;
  entry.operation = kOperation;
  PruneOrder order{before_us, body_of(entry)};
  std::unique_lock lock(mutex_);
  done_.wait(lock, [this] { return !next_->prune; });
  const std::shared_ptr<Turn> mine = next_;
  mine->prune = std::move(order);
  work_.notify_one();
  done_.wait(lock, [&] { return mine->done; });
  PICTOR_TRY(mine->status);
  return mine->pruned;
}

Status StoredAuditLog::prune_lines(const PruneOrder& order, Statement& insert, AuditHead& head, AuditPruned& pruned) {
  PICTOR_ASSIGN(AuditHead at, chain_begin(*database_));
  {
    PICTOR_ASSIGN(const auto rows, database_->prepare(kAuditRows));
    while (true) {
      PICTOR_ASSIGN(const bool found, rows->step());
      if (!found) break;
      const auto time = time_of(rows->text(1));
      if (time && *time >= order.before_us) break;
      if (!follows(*rows, at)) return broken_chain(at.number + 1);
      pruned.last = at;
      ++pruned.lines;
    }
  }
  if (pruned.lines == 0) return Status::ok();
  Json line = Json::parse(order.body);
  line.erase("status");
  line["before_us"] = order.before_us;
  line["lines"] = pruned.lines;
  line["last"] = pruned.last.text();
  PICTOR_TRY(append_line(insert, line.dump(-1, ' ', false, Json::error_handler_t::replace), head));
  PICTOR_ASSIGN(const auto remove, database_->prepare("DELETE FROM audit WHERE number <= ?1"));
  remove->bind(0, static_cast<std::int64_t>(pruned.last.number));
  return remove->step().status();
}

}  // namespace pictor
