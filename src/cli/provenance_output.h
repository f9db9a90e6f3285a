// What receipt, verify --rederive and encoder fingerprint print: JSON, and lines for people.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/progress.h"
#include "cli/session.h"

namespace pictor {

struct Rederived {
  std::string collection;
  RederiveReport report;
};

std::string verify_json(const std::vector<FaultInfo>& faults, const std::vector<Rederived>& rederived);
std::string receipt_json(const CheckedReceipt& checked);
std::string fingerprints_json(const std::string& encoder, const FingerprintReport& report);

void print_rederived(Session& session, const Rederived& rederived);
void print_receipt(Session& session, const CheckedReceipt& checked);
void print_fingerprints(Session& session, const std::string& encoder, const FingerprintReport& report);

// The receipt in a text: the object itself, or what `pictor receipt --json` and `pictor get --json` print around it.
// kCorrupt, kLimit: no JSON that may be taken for one.
Result<std::string> receipt_within(const std::string& text);

// Indexes of segments that were written anew, with a bar. Ctrl-C leaves them to `pictor rebuild --missing`.
Status make_missing_indexes(Session& session, Engine& engine, const std::string& collection);

// A bar on a terminal while something runs, nothing elsewhere. Must outlive the function it gives.
class WorkBar {
 public:
  explicit WorkBar(Session& session);
  ~WorkBar() { printer_.finish(); }
  WorkBar(const WorkBar&) = delete;
  WorkBar& operator=(const WorkBar&) = delete;
  std::function<void(std::uint64_t, std::uint64_t)> function();

 private:
  Env& env_;
  ProgressPrinter printer_;
  std::int64_t start_us_;
};

}  // namespace pictor
