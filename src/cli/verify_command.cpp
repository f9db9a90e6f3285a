// pictor verify: reads everything that is stored and compares; --rederive makes the vectors again.
#include <CLI/CLI.hpp>

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
  std::string collection;
  bool rederive = false, reproducible = false;
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
    session.out() << session.red("fault") << " in '" << printable(fault.collection) << "', " << printable(fault.where)
                  << ": " << printable(fault.what) << "\n";
    if (!fault.advice.empty()) session.out() << "  try: " << printable(fault.advice) << "\n";
  }
}

Status print(Session& session, const Options& options, std::size_t collections, const std::vector<FaultInfo>& faults,
             const std::vector<Rederived>& rederived) {
  if (session.json()) {
    session.out() << (options.rederive ? verify_json(faults, rederived) : faults_json(faults)) << "\n";
  } else {
    print_faults(session, faults);
    if (!session.options().quiet) {
      for (const Rederived& one : rederived) print_rederived(session, one);
      if (faults.empty()) {
        session.out() << "All is well: " << plural(collections, "collection", "collections") << " read and compared\n";
      }
    }
  }
  for (const Rederived& one : rederived) {
    if (one.report.cancelled) return {Code::kCancelled, "stopped before all items were looked at"};
  }
  if (faults.empty()) return Status::ok();
  return {Code::kCorrupt, plural(faults.size(), "fault was", "faults were") + " found"};
}

Status run(Session& session, const Options& options) {
  if (!options.rederive && (options.sample != 0 || options.reproducible)) {
    return {Code::kInvalid, "--sample and --reproducible say how --rederive works: add it"};
  }
  session.options().reproducible = options.reproducible;
  PICTOR_ASSIGN(Engine * engine, session.engine());
  PICTOR_ASSIGN(const std::vector<std::string> names, names_of(*engine, options.collection));
  std::vector<FaultInfo> faults;
  std::vector<Rederived> rederived;
  for (const std::string& name : names) {
    Result<std::vector<FaultInfo>> found = engine->verify(name, counter(session, name));
    if (session.terminal().err_is_tty && !session.options().quiet) session.err() << "\r\x1b[2K" << std::flush;
    PICTOR_TRY(found.status());
    faults.insert(faults.end(), found->begin(), found->end());
    if (!options.rederive) continue;
    PICTOR_ASSIGN(auto report, rederive(session, *engine, name, options));
    faults.insert(faults.end(), report.faults.begin(), report.faults.end());
    rederived.push_back({name, std::move(report)});
    if (rederived.back().report.cancelled) break;
  }
  return print(session, options, names.size(), faults, rederived);
}

}  // namespace

Command add_verify_command(CLI::App& parent) {
  CLI::App& app = *parent.add_subcommand("verify", "Check everything that is stored");
  auto options = std::make_shared<Options>();
  app.add_option("-c,--collection", options->collection, "Only this collection; else all of them")->type_name("NAME");
  app.add_flag("--rederive", options->rederive,
               "Also make vectors again from their pictures and compare bit for bit; check receipts and their "
               "signatures, keys, weights and cards");
  app.add_option("--sample", options->sample, "--rederive: only so many items of a collection, drawn at random")
      ->check(CLI::Range(std::uint64_t{0}, std::uint64_t{UINT32_MAX}).description(""))
      ->type_name("N");
  app.add_option("--seed", options->seed, "--sample: draw the same items again")->type_name("N");
  add_reproducible_option(app, options->reproducible);
  set_examples(app, {"pictor verify", "pictor verify --collection shop", "pictor verify --rederive --sample 100"});
  return {&app, [options](Session& session) { return run(session, *options); }};
}

}  // namespace pictor
