// The audit log in its database. Inside govern/ only.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "db/db.h"
#include "govern/audit.h"

namespace pictor {

// The hash in a column of a row. kCorrupt: there is none.
Result<Hash256> hash_in(const Statement& row, int column);

// --- the chain, as rows of `SELECT number, text, hash FROM audit ORDER BY number` ---
inline constexpr const char* kAuditRows = "SELECT number, text, hash FROM audit ORDER BY number";
// The head that the first line is chained on: of nothing, or of the last line that was pruned.
Result<AuditHead> chain_begin(Database& database);
// Whether the row is the line after `head`, which then is its own.
bool follows(const Statement& row, AuditHead& head);
// Writes a line after `head`, which then is its own.
Status append_line(Statement& insert, const std::string& body, AuditHead& head);
Status broken_chain(std::uint64_t line);

class StoredAuditLog final : public AuditLog {
 public:
  // `each_turn` is called by the thread that writes, at least once a second and at the end.
  static Result<std::unique_ptr<StoredAuditLog>> open(Env& env, const std::string& path, Bytes secret,
                                                      std::function<void()> each_turn);
  ~StoredAuditLog() override;  // writes what waits
  StoredAuditLog(const StoredAuditLog&) = delete;
  StoredAuditLog& operator=(const StoredAuditLog&) = delete;

  Status write(const AuditEntry& entry) override;
  bool note(const AuditEntry& entry) override;
  Status read(const AuditFilter& filter, const std::function<bool(const AuditLine&)>& visit) override;
  Result<AuditCheck> verify(const std::optional<AuditHead>& known) override;
  Result<AuditPruned> prune(std::int64_t before_us, const AuditEntry& by) override;

 private:
  struct PruneOrder {
    std::int64_t before_us = 0;
    std::string body;  // of the line that tells of it, without what was removed
  };
  // What becomes durable together.
  struct Turn {
    std::vector<std::string> bodies;  // lines without their numbers
    std::optional<PruneOrder> prune = {};
    AuditPruned pruned = {};
    bool done = false;
    Status status;  // once it is done
  };

  StoredAuditLog(Env& env, std::string path, Bytes secret, std::function<void()> each_turn);
  std::string body_of(const AuditEntry& entry) const;
  std::string item_digest(const std::string& tenant, const std::string& collection, const std::string& item) const;
  Status load_head();
  void run();
  Status commit(Turn& turn);
  // Within the transaction that `insert` belongs to.
  Status prune_lines(const PruneOrder& order, Statement& insert, AuditHead& head, AuditPruned& pruned);

  Env& env_;
  const std::string path_;
  const Bytes secret_;
  const std::function<void()> each_turn_;
  std::unique_ptr<Database> database_;  // of the thread that writes
  AuditHead head_;                      // likewise
  std::mutex mutex_;
  std::condition_variable work_, done_;
  std::shared_ptr<Turn> next_ = std::make_shared<Turn>();
  std::uint64_t left_out_ = 0;  // entries that were only counted
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace pictor
