// pictor verify: reads everything that is stored and compares; --rederive makes the vectors again.
#include <CLI/CLI.hpp>

#include "cli/copy_output.h"
#include "cli/interrupt.h"
#include "cli/json_output.h"
#include "cli/provenance_output.h"
#include "cli/text.h"

namespace pictor {
namespace {

// A counter on a terminal, nothing elsewhere.
std::function<void(std::uint64_t, std::uint64_t)> counter(Session& session, const std::string& name) {
  if (!session.terminal().err_is_tty || session.options().quiet) return [](std::uint64_t, std::uint64_t) {};
  return [&session, name](std::uint64_t done, std::uint64_t total) {
    const int percent =
        total == 0 ? 100 : static_cast<int>(100.0 * static_cast<double>(done) / static_cast<double>(total));
    session.err() << "\r\x1b[2K" << cut_end("verifying " + printable(name), 60) << " " << percent << "%" << std::flush;
  };
}

Result<std::vector<std::string>> names_of(Engine& engine, const std::string& collection) {
  if (!collection.empty()) return std::vector<std::string>{collection};
  PICTOR_ASSIGN(const std::vector<CollectionInfo> all, engine.collections());
  std::vector<std::string> names;
  names.reserve(all.size());
  for (const CollectionInfo& info : all) names.push_back(info.name);
  return names;
}

struct Options {
  std::string collection, backup;
  bool rederive = false, reproducible = false, quarantine = false;
  std::uint64_t sample = 0, seed = 0;
};

Result<RederiveReport> rederive(Session& session, Engine& engine, const std::string& name, const Options& options) {
  const InterruptGuard interrupt;
  WorkBar bar(session);
  RederiveRequest request;
  request.collection = name;
  request.sample = options.sample;
  request.seed = options.seed;
  request.progress = bar.function();
  request.cancel = &interrupt.flag();
  return engine.rederive(request);
}

void print_faults(Session& session, const std::vector<FaultInfo>& faults) {
  for (const FaultInfo& fault : faults) {
    session.out() << session.red("fault") << " in ";
    if (!fault.collection.empty()) session.out() << "'" << printable(fault.collection) << "', ";
    session.out() << printable(fault.where) << ": " << printable(fault.what) << "\n";
    if (!fault.advice.empty()) session.out() << "  try: " << printable(fault.advice) << "\n";
  }
}

struct Found {
  std::vector<FaultInfo> faults;
  std::vector<Rederived> rederived;
  std::size_t collections = 0;  // that were looked at
};

Status outcome(const Found& found) {
  std::uint64_t unknown_key = 0;
  for (const Rederived& one : found.rederived) {
    if (one.report.cancelled) return {Code::kCancelled, "stopped before all items were looked at"};
    unknown_key += one.report.unknown_key;
  }
  if (!found.faults.empty()) {
    return {Code::kCorrupt, plural(found.faults.size(), "fault was", "faults were") + " found"};
  }
  if (unknown_key == 0) return Status::ok();
  return {Code::kNotFound, plural(unknown_key, "receipt is", "receipts are") +
                               " signed by a key that is not here: put its public half into keys/former of the data "
                               "folder, or index the pictures again with --force"};
}

// `stopped`: what kept the rest from being looked at.
Status print(Session& session, const Options& options, const Found& found, const Status& stopped) {
  Status status = stopped.is_ok() ? outcome(found) : stopped;
  const bool has_nothing = found.faults.empty() && found.rederived.empty();
  if (!stopped.is_ok() && has_nothing) return stopped;
  if (session.json()) {
    session.out() << (options.rederive ? verify_json(found.faults, found.rederived) : faults_json(found.faults))
                  << "\n";
    return status;
  }
  print_faults(session, found.faults);
  if (session.options().quiet) return status;
  for (const Rederived& one : found.rederived) print_rederived(session, one);
  if (status.is_ok()) {
    session.out() << "All is well: " << plural(found.collections, "collection", "collections")
                  << " read and compared\n";
  }
  return status;
}

Status look(Session& session, Engine& engine, const Options& options, const std::string& name, Found& found) {
  const Result<std::vector<FaultInfo>> faults = engine.verify(name, counter(session, name));
  if (session.terminal().err_is_tty && !session.options().quiet) session.err() << "\r\x1b[2K" << std::flush;
  PICTOR_TRY(faults.status());
  found.faults.insert(found.faults.end(), faults->begin(), faults->end());
  ++found.collections;
  if (options.quarantine && !faults->empty()) {
    PICTOR_ASSIGN(const std::uint64_t moved, engine.quarantine(name));
    if (moved > 0 && !session.options().quiet) {
      session.err() << "'" << printable(name) << "': " << plural(moved, "damaged segment was", "damaged segments were")
                    << " moved aside; `pictor index` makes its vectors again\n";
    }
  }
  if (!options.rederive) return Status::ok();
  PICTOR_ASSIGN(auto report, rederive(session, engine, name, options));
  found.faults.insert(found.faults.end(), report.faults.begin(), report.faults.end());
  found.rederived.push_back({name, std::move(report)});
  return Status::ok();
}

// A backup needs no data folder to be read.
Status run_backup(Session& session, const Options& options) {
  if (options.rederive || options.quarantine || !options.collection.empty()) {
    return {Code::kInvalid,
            "--backup reads the whole backup: leave --collection, --quarantine and --rederive out, or "
            "restore it first"};
  }
  const InterruptGuard interrupt;
  CopyOptions copy;
  copy.cancel = &interrupt.flag();
  Result<std::vector<FaultInfo>> faults = Status(Code::kInternal, "not begun");
  {
    CopyPrinter printer(session, false);
    copy.progress = printer.function();
    faults = verify_backup(session.env(), options.backup, copy);
  }
  PICTOR_TRY(faults.status());
  if (session.json()) session.out() << faults_json(*faults) << "\n";
  if (!session.json()) print_faults(session, *faults);
  if (!faults->empty()) {
    return {Code::kCorrupt, plural(faults->size(), "fault was", "faults were") + " found in the backup"};
  }
  if (!session.json() && !session.options().quiet) session.out() << "All is well: the backup was read and compared\n";
  return Status::ok();
}

Status run(Session& session, const Options& options) {
  if (!options.backup.empty()) return run_backup(session, options);
  if (!options.rederive && (options.sample != 0 || options.reproducible)) {
    return {Code::kInvalid, "--sample and --reproducible say how --rederive works: add it"};
  }
  session.options().reproducible = options.reproducible;
  PICTOR_ASSIGN(Engine * engine, session.engine());
  PICTOR_ASSIGN(const std::vector<std::string> names, names_of(*engine, options.collection));
  Found found;
  Status stopped;
  for (const std::string& name : names) {
    stopped = look(session, *engine, options, name, found);
    if (!stopped.is_ok() || (!found.rederived.empty() && found.rederived.back().report.cancelled)) break;
  }
  return print(session, options, found, stopped);
}

}  // namespace

Command add_verify_command(CLI::App& parent) {
  CLI::App& app = *parent.add_subcommand("verify", "Check everything that is stored");
  auto options = std::make_shared<Options>();
  app.add_option("-c,--collection", options->collection, "Only this collection; else all of them")->type_name("NAME");
  app.add_option("--backup", options->backup, "Check this backup instead of the data folder")->type_name("DIR");
  app.add_flag("--quarantine", options->quarantine,
               "Move damaged segments aside: answers leave their vectors out and say so, and index makes them again");
  app.add_flag("--rederive", options->rederive,
               "Also make vectors again from their pictures and compare bit for bit; check receipts and their "
               "signatures, keys, weights and cards");
  app.add_option("--sample", options->sample, "--rederive: only so many items of a collection, drawn at random")
      ->check(CLI::Range(std::uint64_t{0}, std::uint64_t{UINT32_MAX}).description(""))
      ->type_name("N");
  app.add_option("--seed", options->seed, "--sample: draw the same items again")->type_name("N");
  add_reproducible_option(app, options->reproducible);
  set_examples(app, {"pictor verify", "pictor verify --collection shop", "pictor verify --rederive --sample 100",
                     "pictor verify --quarantine", "pictor verify --backup /mnt/disk/pictor-backup"});
  return {&app, [options](Session& session) { return run(session, *options); }};
}

}  // namespace pictor
