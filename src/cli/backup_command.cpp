// pictor backup and pictor restore: a whole copy of the data folder, and the way back.
#include <CLI/CLI.hpp>
#include <filesystem>

#include "cli/copy_output.h"
#include "cli/interrupt.h"
#include "cli/table.h"
#include "cli/text.h"

namespace pictor {
namespace {

struct Options {
  std::string folder, collection, to, forget;
  RateOption rate;
  bool list = false, recheck = false, no_progress = false;
};

// A place is remembered: its path must mean the same wherever the next command is run.
Result<std::string> absolute_path(const std::string& path) {
  std::error_code error;
  auto whole = std::filesystem::absolute(path, error).lexically_normal().string();
  if (error || path.empty()) return Status(Code::kInvalid, "'" + path + "' is no path of a folder");
  while (whole.size() > 1 && whole.back() == '/') whole.pop_back();
  return whole;
}

Status list(Session& session) {
  PICTOR_ASSIGN(Engine * engine, session.engine());
  PICTOR_ASSIGN(const std::vector<BackupPlace> places, engine->backups());
  if (session.json()) {
    session.out() << places_json(places) << "\n";
    return Status::ok();
  }
  if (places.empty()) {
    session.out() << "No backup was made of this data folder.\n";
    return Status::ok();
  }
  Table table({{"backup", TableColumn::Kind::kPath, 20},
               {"of", TableColumn::Kind::kText},
               {"made", TableColumn::Kind::kText, 23}});
  for (const BackupPlace& place : places) {
    const std::string of = place.of_parent ? "all tenants" : place.collection.empty() ? "all" : place.collection;
    table.add({place.path, of, place.made_us ? date_text(*place.made_us) : "never whole"});
  }
  session.out() << table.text(session.terminal().width);
  return Status::ok();
}

Status forget(Session& session, const std::string& path) {
  PICTOR_ASSIGN(const std::string place, absolute_path(path));
  PICTOR_ASSIGN(Engine * engine, session.engine());
  return engine->forget_backup(place);
}

Status check_backup(const Options& options) {
  const int ways = (options.folder.empty() ? 0 : 1) + (options.list ? 1 : 0) + (options.forget.empty() ? 0 : 1);
  if (ways == 1) return Status::ok();
  return {Code::kInvalid, ways == 0 ? "nothing to do: give the folder of the backup, or --list"
                                    : "give only one of a folder, --list and --forget"};
}

Status run_backup(Session& session, const Options& options) {
  PICTOR_TRY(check_backup(options));
  if (options.list) return list(session);
  if (!options.forget.empty()) return forget(session, options.forget);
  BackupRequest request;
  PICTOR_ASSIGN(request.path, absolute_path(options.folder));
  request.collection = options.collection;
  request.recheck = options.recheck;
  request.copy.bytes_per_second = options.rate.bytes();
  PICTOR_ASSIGN(Engine * engine, session.engine());
  const InterruptGuard interrupt;
  request.copy.cancel = &interrupt.flag();
  Result<CopyReport> report = Status(Code::kInternal, "not begun");
  {
    CopyPrinter printer(session, options.no_progress);
    request.copy.progress = printer.function();
    report = engine->backup(request);
  }
  PICTOR_TRY(report.status());
  if (session.json())
    session.out() << copied_json(*report) << "\n";
  else
    print_copied(session, "Backed up", *report);
  return Status::ok();
}

Status run_restore(Session& session, const Options& options) {
  RestoreRequest request;
  request.backup = options.folder;
  request.target = options.to.empty() ? session.options().data : options.to;
  while (request.target.size() > 1 && request.target.back() == '/') request.target.pop_back();
  request.collection = options.collection;
  request.copy.bytes_per_second = options.rate.bytes();
  const InterruptGuard interrupt;
  request.copy.cancel = &interrupt.flag();
  Result<CopyReport> report = Status(Code::kInternal, "not begun");
  {
    CopyPrinter printer(session, options.no_progress);
    request.copy.progress = printer.function();
    report = restore_backup(session.env(), request);
  }
  PICTOR_TRY(report.status());
  if (session.json())
    session.out() << copied_json(*report) << "\n";
  else
    print_copied(session, "Restored", *report);
  return Status::ok();
}

}  // namespace

Command add_backup_command(CLI::App& parent) {
  CLI::App& app = *parent.add_subcommand("backup", "Copy the data folder to a backup, while it is in use");
  auto options = std::make_shared<Options>();
  app.add_option("folder", options->folder, "Where: an empty or new folder, or an earlier backup, which is brought up")
      ->type_name("DIR");
  app.add_option("-c,--collection", options->collection,
                 "Only this collection; else all, with tenants, keys and the audit log")
      ->type_name("NAME");
  add_rate_option(app, options->rate);
  app.add_flag("--recheck", options->recheck, "Read what lies in the backup already, instead of trusting it");
  app.add_flag("--no-progress", options->no_progress, "No progress bar or lines");
  app.add_flag("--list", options->list, "Show where backups of this data folder were made");
  app.add_option("--forget", options->forget, "Do not remember this backup any more: it was removed")->type_name("DIR");
  set_examples(app,
               {"pictor backup /mnt/disk/pictor-backup", "pictor backup /mnt/disk/shop --collection shop --rate 50",
                "pictor verify --backup /mnt/disk/pictor-backup"});
  return {&app, [options](Session& session) { return run_backup(session, *options); }};
}

Command add_restore_command(CLI::App& parent) {
  CLI::App& app = *parent.add_subcommand("restore", "Restore a backup to an empty folder");
  auto options = std::make_shared<Options>();
  app.add_option("folder", options->folder, "The backup")->required()->type_name("DIR");
  app.add_option("--to", options->to, "The new data folder; else the one of --data. It must be empty or missing")
      ->type_name("FOLDER");
  app.add_option("-c,--collection", options->collection, "Only this collection; else all of them")->type_name("NAME");
  add_rate_option(app, options->rate);
  app.add_flag("--no-progress", options->no_progress, "No progress bar or lines");
  set_examples(app,
               {"pictor restore /mnt/disk/pictor-backup --to ~/pictor-again", "pictor --data ~/pictor-again verify"});
  return {&app, [options](Session& session) { return run_restore(session, *options); }};
}

}  // namespace pictor
