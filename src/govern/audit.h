// What was done, by whom: lines that are chained, so that none can be changed, left out or put in unseen.
//
// Each line has the SHA-256 of the hash before it and of its own text. Who can write the file can make a whole new
// chain: keep the head (its number and hash) elsewhere from time to time and give it to verify. A line names an item by
// a keyed digest (HMAC-SHA-256), so that the log holds nothing of an item that is erased, and yet answers whether a
// given item is meant. Of many items it names the first, how many there were, and a digest over all of them.
//
// Thread safety: all calls from any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/base.h"

namespace pictor {

struct AuditEntry {
  std::string key;                      // id of the key; empty: none was needed, or none was given
  std::string role;                     // of the key
  std::string tenant;                   // empty: the main one
  std::string client;                   // address
  std::string request;                  // the request's id
  std::string operation;                // as the contract names it
  std::string right;                    // that it asked for: "erase"
  std::string collection;               // empty: not about one
  std::vector<std::string> items = {};  // their ids; only digests are written
  std::uint64_t items_refused = 0;      // others that the request brought, and that were not taken
  std::uint64_t left_out = 0;           // refused requests before this one that were only counted
  int status = 0;                       // of HTTP
};

struct AuditLine {
  std::uint64_t number = 0;  // from 1
  std::string text;          // JSON
  Hash256 hash;
};

struct AuditHead {
  std::uint64_t number = 0;  // 0: the log is empty
  Hash256 hash;

  std::string text() const;  // "12:9f86..."
  static Result<AuditHead> parse(std::string_view text);
};

struct AuditCheck {
  std::uint64_t pruned = 0;  // lines before the first that is there, removed by prune
  std::uint64_t lines = 0;   // that are whole, from the first
  AuditHead head;            // of them
  // kCorrupt: where the chain breaks, or that `known` is not in it; kNotFound: `known` is older than what is there.
  Status problem;
};

struct AuditPruned {
  std::uint64_t lines = 0;  // that were removed
  AuditHead last;           // of the last of them
};

struct AuditFilter {
  std::uint64_t after = 0;  // lines with a greater number
  std::optional<std::string> tenant;
  std::optional<std::string> item;  // with `collection` (and tenant): lines that name it
  std::string collection;
};

class AuditLog {
 public:
  virtual ~AuditLog() = default;

  // Durable when this returns ok. Lines of several callers become durable together.
  virtual Status write(const AuditEntry& entry) = 0;
  // Durable soon; for callers that cannot wait. False: too many wait, and this one is only counted; a line says so
  // later.
  virtual bool note(const AuditEntry& entry) = 0;
  // Lines that pass, oldest first, until `visit` answers false.
  virtual Status read(const AuditFilter& filter, const std::function<bool(const AuditLine&)>& visit) = 0;
  virtual Result<AuditCheck> verify(const std::optional<AuditHead>& known) = 0;
  // Removes the lines before the first one that was written at `before_us` or later, durably. What is left is a whole
  // chain: a line "auditPruned" in it says who did it, how many lines went, and the head of the last of them, on which
  // the first that is left is chained. kCorrupt: what would go is no whole chain, and stays as it is; kInvalid: a time
  // that has not come.
  virtual Result<AuditPruned> prune(std::int64_t before_us, const AuditEntry& by) = 0;
};

}  // namespace pictor
