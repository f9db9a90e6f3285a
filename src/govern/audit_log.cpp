#include "govern/audit_log.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <nlohmann/json.hpp>
#include <utility>

#include "observe/observe.h"

namespace pictor {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::chrono::milliseconds kTurn{1000};

std::string dumped(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

std::string shortened(const std::string& text) { return text.substr(0, limits::kAuditTextBytesMax); }

// The line's text begins with its number, so that no line can stand in another's place.
std::string line_begin(std::uint64_t number) { return "{\"line\":" + std::to_string(number) + ","; }
std::string numbered(std::uint64_t number, const std::string& body) { return line_begin(number) + body.substr(1); }

Hash256 chained(const Hash256& before, std::string_view text) {
  Sha256Stream stream;
  stream.add(std::as_bytes(std::span(before.bytes)));
  stream.add(as_bytes(text));
  return stream.finish();
}

// The first of them, how many there are, and if there are more one digest over the digests of all, in their order.
Json items_object(const std::vector<std::string>& ids, const std::function<std::string(const std::string&)>& digest) {
  Json items = {{"count", ids.size()}, {"first", Json::array()}};
  Sha256Stream all;
  for (const std::string& id : ids) {
    const std::string one = digest(id);
    all.add(as_bytes(one));
    if (items["first"].size() < limits::kAuditItemsNamed) items["first"].push_back(one);
  }
  if (ids.size() > limits::kAuditItemsNamed) items["all"] = all.finish().hex();
  return items;
}

bool is_text(const Json& json, const char* name, const std::string& wanted) {
  const auto found = json.find(name);
  return found != json.end() ? found->is_string() && found->get_ref<const std::string&>() == wanted : wanted.empty();
}

bool names_item(const Json& json, const std::string& digest) {
  if (json.contains("item")) return is_text(json, "item", digest);
  const auto items = json.find("items");
  if (items == json.end() || !items->is_object() || !items->contains("first")) return false;
  const Json& first = (*items)["first"];
  return std::find(first.begin(), first.end(), Json(digest)) != first.end();
}

}  // namespace

Result<Hash256> hash_in(const Statement& row, int column) {
  const ByteView bytes = row.blob(column);
  Hash256 hash;
  if (bytes.size() != hash.bytes.size())
    return Status(Code::kCorrupt, "column " + std::to_string(column) + " of a row of govern.db is no hash");
  std::transform(bytes.begin(), bytes.end(), hash.bytes.begin(),
                 [](std::byte byte) { return std::to_integer<std::uint8_t>(byte); });
  return hash;
}

bool follows(const Statement& row, AuditHead& head) {
  const std::uint64_t number = head.number + 1;
  const std::string_view text = row.text(1);
  const auto hash = hash_in(row, 2);
  const bool whole = static_cast<std::uint64_t>(row.integer(0)) == number && text.starts_with(line_begin(number)) &&
                     hash.is_ok() && chained(head.hash, text) == *hash;
  if (whole) head = {number, *hash};
  return whole;
}

Status append_line(Statement& insert, const std::string& body, AuditHead& head) {
  const std::string text = numbered(++head.number, body);
  head.hash = chained(head.hash, text);
  insert.bind(0, static_cast<std::int64_t>(head.number));
  insert.bind(1, std::string_view(text));
  insert.bind(2, std::as_bytes(std::span(head.hash.bytes)));
  PICTOR_TRY(insert.step().status());
  insert.reset();
  return Status::ok();
}

Status broken_chain(std::uint64_t line) {
  return {Code::kCorrupt, "line " + std::to_string(line) +
                              " of the audit log is missing or is not what was written: keep a copy of the file, and "
                              "compare it with a backup"};
}

std::string AuditHead::text() const { return std::to_string(number) + ":" + hash.hex(); }

Result<AuditHead> AuditHead::parse(std::string_view text) {
  AuditHead head;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), head.number);
  if (read.ec != std::errc() || read.ptr == text.data() + text.size() || *read.ptr != ':') {
    return Status(Code::kInvalid,
                  "a head is a number, a colon and 64 hexadecimal digits, as `pictor audit verify` "
                  "prints it; this is '" +
                      std::string(text.substr(0, 80)) + "'");
  }
  PICTOR_ASSIGN(head.hash, Hash256::from_hex(text.substr(static_cast<std::size_t>(read.ptr - text.data()) + 1)));
  return head;
}

StoredAuditLog::StoredAuditLog(Env& env, std::string path, Bytes secret, std::function<void()> each_turn)
    : env_(env), path_(std::move(path)), secret_(std::move(secret)), each_turn_(std::move(each_turn)) {}

Result<std::unique_ptr<StoredAuditLog>> StoredAuditLog::open(Env& env, const std::string& path, Bytes secret,
                                                             std::function<void()> each_turn) {
  std::unique_ptr<StoredAuditLog> log(new StoredAuditLog(env, path, std::move(secret), std::move(each_turn)));
  PICTOR_ASSIGN(log->database_, Database::open(env, path));
  PICTOR_TRY(log->load_head());
  log->thread_ = std::thread([raw = log.get()] { raw->run(); });
  return log;
}

StoredAuditLog::~StoredAuditLog() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  work_.notify_all();
  if (thread_.joinable()) thread_.join();
}

Status StoredAuditLog::load_head() {
  PICTOR_ASSIGN(const auto last, database_->prepare("SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1"));
  PICTOR_ASSIGN(const bool found, last->step());
  if (!found) return Status::ok();
  head_.number = static_cast<std::uint64_t>(last->integer(0));
  PICTOR_ASSIGN(head_.hash, hash_in(*last, 1));
  return Status::ok();
}

std::string StoredAuditLog::item_digest(const std::string& tenant, const std::string& collection,
                                        const std::string& item) const {
  const std::string message =
      std::to_string(tenant.size()) + ":" + tenant + std::to_string(collection.size()) + ":" + collection + item;
  return hmac_sha256(secret_, as_bytes(message)).hex().substr(0, 32);
}

std::string StoredAuditLog::body_of(const AuditEntry& entry) const {
  Json line = {{"time_us", env_.wall_us()}, {"operation", entry.operation}, {"status", entry.status}};
  const auto add = [&line](const char* name, const std::string& text) {
    if (!text.empty()) line[name] = shortened(text);
  };
  add("right", entry.right);
  add("key", entry.key);
  add("role", entry.role);
  add("tenant", entry.tenant);
  add("collection", entry.collection);
  const auto digest = [&](const std::string& id) { return item_digest(entry.tenant, entry.collection, id); };
  if (entry.items.size() == 1) line["item"] = digest(entry.items.front());
  if (entry.items.size() > 1) line["items"] = items_object(entry.items, digest);
  if (entry.items_refused > 0) line["items_refused"] = entry.items_refused;
  if (entry.left_out > 0) line["left_out"] = entry.left_out;
  add("client", entry.client);
  add("request", entry.request);
  return dumped(line);
}

Status StoredAuditLog::write(const AuditEntry& entry) {
  std::string body = body_of(entry);
  std::unique_lock lock(mutex_);
  done_.wait(lock, [this] { return next_->bodies.size() < limits::kAuditWaitingMax; });
  const std::shared_ptr<Turn> mine = next_;
  mine->bodies.push_back(std::move(body));
  work_.notify_one();
  done_.wait(lock, [&] { return mine->done; });
  return mine->status;
}

bool StoredAuditLog::note(const AuditEntry& entry) {
  std::string body = body_of(entry);
  const std::lock_guard lock(mutex_);
  if (next_->bodies.size() >= limits::kAuditWaitingMax) {
    ++left_out_;
    return false;
  }
  next_->bodies.push_back(std::move(body));
  work_.notify_one();
  return true;
}

Status StoredAuditLog::commit(Turn& turn) {
  AuditHead head = head_;
  PICTOR_ASSIGN(auto transaction, Transaction::begin(*database_));
  {
    PICTOR_ASSIGN(const auto insert, database_->prepare("INSERT INTO audit(number, text, hash) VALUES(?1, ?2, ?3)"));
    for (const std::string& body : turn.bodies) PICTOR_TRY(append_line(*insert, body, head));
    if (turn.prune) PICTOR_TRY(prune_lines(*turn.prune, *insert, head, turn.pruned));
  }
  PICTOR_TRY(transaction.commit());
  head_ = head;
  return Status::ok();
}

void StoredAuditLog::run() {
  std::unique_lock lock(mutex_);
  for (bool last = false; !last;) {
    work_.wait_for(lock, kTurn, [this] { return stopping_ || next_->prune || !next_->bodies.empty(); });
    last = stopping_;
    const std::shared_ptr<Turn> turn = std::exchange(next_, std::make_shared<Turn>());
    if (left_out_ > 0) {
      turn->bodies.push_back(dumped({{"time_us", env_.wall_us()}, {"operation", "leftOut"}, {"lines", left_out_}}));
      left_out_ = 0;
    }
    lock.unlock();
    const bool nothing = turn->bodies.empty() && !turn->prune;
    const Status status = nothing ? Status::ok() : commit(*turn);
    if (!status.is_ok()) log(LogLevel::kError, "audit_not_written", {{"cause", status.message()}});
    each_turn_();
    lock.lock();
    turn->status = status.in("the audit log");
    turn->done = true;
    done_.notify_all();
  }
}

Status StoredAuditLog::read(const AuditFilter& filter, const std::function<bool(const AuditLine&)>& visit) {
  PICTOR_ASSIGN(const auto database, Database::open(env_, path_));
  PICTOR_ASSIGN(const auto rows,
                database->prepare("SELECT number, text, hash FROM audit WHERE number > ?1 ORDER BY number"));
  rows->bind(0, static_cast<std::int64_t>(filter.after));
  const std::string digest =
      filter.item ? item_digest(filter.tenant.value_or(""), filter.collection, *filter.item) : "";
  while (true) {
    PICTOR_ASSIGN(const bool found, rows->step());
    if (!found) return Status::ok();
    AuditLine line;
    line.number = static_cast<std::uint64_t>(rows->integer(0));
    line.text = rows->text(1);
    PICTOR_ASSIGN(line.hash, hash_in(*rows, 2));
    if (filter.tenant || filter.item) {
      const Json json = Json::parse(line.text, nullptr, false);
      if (!json.is_object()) continue;
      if (filter.tenant && !is_text(json, "tenant", *filter.tenant)) continue;
      if (filter.item && !names_item(json, digest)) continue;
    }
    if (!visit(line)) return Status::ok();
  }
}

Result<AuditCheck> StoredAuditLog::verify(const std::optional<AuditHead>& known) {
  PICTOR_ASSIGN(const auto database, Database::open(env_, path_));
  PICTOR_TRY(database->exec("BEGIN"));  // all of it at one moment: lines may be pruned meanwhile
  AuditCheck check;
  PICTOR_ASSIGN(check.head, chain_begin(*database));
  check.pruned = check.head.number;
  PICTOR_ASSIGN(const auto rows, database->prepare(kAuditRows));
  bool seen = !known || known->number == 0;
  if (known && known->number == check.pruned && known->number != 0) seen = known->hash == check.head.hash;
  while (true) {
    PICTOR_ASSIGN(const bool found, rows->step());
    if (!found) break;
    if (!follows(*rows, check.head)) {
      check.problem = broken_chain(check.head.number + 1);
      return check;
    }
    ++check.lines;
    if (known && known->number == check.head.number) seen = known->hash == check.head.hash;
    if (known && known->number == check.head.number && !seen) break;
  }
  if (!seen && known->number < check.pruned) {
    check.problem = {Code::kNotFound, "the head " + known->text() + " is of before line " +
                                          std::to_string(check.pruned + 1) +
                                          ", where the audit log begins since it was pruned: give a later head"};
  } else if (!seen) {
    check.problem = {Code::kCorrupt, "the head " + known->text() + " is not in the audit log, which has " +
                                         std::to_string(check.lines) +
                                         " whole lines: lines were cut off or written anew"};
  }
  return check;
}

}  // namespace pictor
