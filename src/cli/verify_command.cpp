// pictor verify: reads everything that is stored and compares.
#include <CLI/CLI.hpp>

#include "cli/json_output.h"
#include "cli/session.h"
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

Status run(Session& session, const std::string& collection) {
  PICTOR_ASSIGN(Engine * engine, session.engine());
  PICTOR_ASSIGN(const std::vector<std::string> names, names_of(*engine, collection));
  std::vector<FaultInfo> faults;
  for (const std::string& name : names) {
    Result<std::vector<FaultInfo>> found = engine->verify(name, counter(session, name));
    if (session.terminal().err_is_tty && !session.options().quiet) session.err() << "\r\x1b[2K" << std::flush;
    PICTOR_TRY(found.status());
    faults.insert(faults.end(), found->begin(), found->end());
  }
  std::ostream& out = session.out();
  if (session.json()) {
    out << faults_json(faults) << "\n";
  } else {
    for (const FaultInfo& fault : faults) {
      out << session.red("fault") << " in '" << printable(fault.collection) << "', " << printable(fault.where) << ": "
          << printable(fault.what) << "\n";
      if (!fault.advice.empty()) out << "  try: " << printable(fault.advice) << "\n";
    }
    if (faults.empty() && !session.options().quiet) {
      out << "All is well: " << plural(names.size(), "collection", "collections") << " read and compared\n";
    }
  }
  if (faults.empty()) return Status::ok();
  return {Code::kCorrupt, plural(faults.size(), "fault was", "faults were") + " found"};
}

}  // namespace

Command add_verify_command(CLI::App& parent) {
  CLI::App& app = *parent.add_subcommand("verify", "Check everything that is stored");
  auto collection = std::make_shared<std::string>();
  app.add_option("-c,--collection", *collection, "Only this collection; else all of them")->type_name("NAME");
  set_examples(app, {"pictor verify", "pictor verify --collection shop"});
  return {&app, [collection](Session& session) { return run(session, *collection); }};
}

}  // namespace pictor
