// pictor delete: items by id or by filter, or a whole collection; asks before it does. --purge: so that no file has
// them.
#include <CLI/CLI.hpp>

#include "cli/json_output.h"
#include "cli/output_file.h"
#include "cli/provenance_output.h"
#include "cli/session.h"
#include "cli/text.h"

namespace pictor {
namespace {

struct Options {
  std::vector<std::string> ids;
  std::string collection = "default", where, certificate;
  bool all = false, yes = false, purge = false;
};

Status check(const Options& options) {
  const int ways = (options.ids.empty() ? 0 : 1) + (options.where.empty() ? 0 : 1) + (options.all ? 1 : 0);
  if (options.purge && options.all) {
    return {Code::kInvalid, "--purge is for items: --all removes the files of a collection with all that is in them"};
  }
  if (!options.purge && !options.certificate.empty()) {
    return {Code::kInvalid, "a certificate is written of what --purge deletes: add it"};
  }
  if (ways == 1) return Status::ok();
  return {Code::kInvalid, ways == 0 ? "nothing to delete: give ids, --where FILTER or --all"
                                    : "give only one of ids, --where FILTER and --all"};
}

Result<std::uint64_t> count_items(Engine& engine, const Options& options) {
  if (options.all) {
    PICTOR_ASSIGN(const CollectionInfo info, engine.stats(options.collection));
    return info.items;
  }
  return engine.count(options.collection, options.where);
}

Result<std::uint64_t> remove(Session& session, Engine& engine, const Options& options) {
  const std::string& name = options.collection;
  if (!options.ids.empty()) {
    PICTOR_TRY(session.confirm("Delete " + plural(options.ids.size(), "item", "items") + " from '" + name + "'?",
                               options.yes));
    return engine.remove(name, options.ids);
  }
  PICTOR_ASSIGN(const std::uint64_t found, count_items(engine, options));
  if (!options.all && found == 0) return found;
  const std::string count = plural(found, "item", "items");
  PICTOR_TRY(session.confirm(options.all ? "Delete the collection '" + name + "' with " + count + "?"
                                         : "Delete " + count + " from '" + name + "'?",
                             options.yes));
  if (!options.all) return engine.remove_where(name, options.where);
  PICTOR_TRY(engine.drop(name));
  return found;
}

Result<std::vector<std::string>> ids_of(Engine& engine, const Options& options) {
  if (!options.ids.empty()) return options.ids;
  std::vector<std::string> ids;
  PICTOR_TRY(engine.scan({options.collection, options.where}, [&](const StoredItem& item) {
    ids.push_back(item.id);
    return Status::ok();
  }));
  return ids;
}

Status missing(const Options& options, std::uint64_t count) {
  return {Code::kNotFound, plural(count, "id is", "ids are") + " not in collection '" + options.collection + "'"};
}

Status print_purge(Session& session, const Options& options, const Purge& purge) {
  if (session.json())
    session.out() << purged_json(purge) << "\n";
  else if (!session.options().quiet) {
    session.out() << "Deleted " << plural(purge.erased, "item", "items")
                  << " for good: " << plural(purge.rows, "row", "rows") << ", "
                  << plural(purge.segments, "segment", "segments") << " written again, "
                  << plural(purge.blobs, "picture", "pictures") << "\n";
    if (purge.snapshots_held > 0) {
      session.out() << plural(purge.snapshots_held, "search", "searches") << " that began before still had them\n";
    }
    for (const std::string& path : purge.backups_renewed) {
      session.out() << "The backup in " << printable(path) << " was made anew without them\n";
    }
  }
  for (const BackupLeft& left : purge.backups_left) {
    session.log(Verbosity::kWarn, "the backup in '" + left.path + "' still has them: " + left.cause.message() +
                                      ". Back up to it again (pictor backup), or remove it");
  }
  return options.ids.empty() || purge.unknown.empty() ? Status::ok() : missing(options, purge.unknown.size());
}

Status purge(Session& session, Engine& engine, const Options& options) {
  PurgeRequest request;
  request.collection = options.collection;
  PICTOR_ASSIGN(request.ids, ids_of(engine, options));
  if (request.ids.empty()) return print_purge(session, options, {});
  PICTOR_TRY(session.confirm("Delete " + plural(request.ids.size(), "item", "items") + " from '" + options.collection +
                                 "' for good, with history?",
                             options.yes));
  // Before anything is deleted: a certificate that cannot be written would be lost.
  std::unique_ptr<OutputFile> file;
  if (!options.certificate.empty()) {
    PICTOR_ASSIGN(file, OutputFile::create(session.env(), options.certificate, false));
  }
  Result<Purge> made = [&] {
    WorkBar bar(session);
    request.progress = bar.function();
    return engine.upkeep().purge(request);
  }();
  PICTOR_TRY(made.status());
  if (made->segments > 0) PICTOR_TRY(make_missing_indexes(session, engine, options.collection));
  if (file != nullptr && !made->certificate.empty()) {
    PICTOR_TRY(file->write(made->certificate + "\n"));
    PICTOR_TRY(file->finish());
  }
  return print_purge(session, options, *made);
}

Status run(Session& session, const Options& options) {
  PICTOR_TRY(check(options));
  PICTOR_ASSIGN(Engine * engine, session.engine());
  if (options.purge) return purge(session, *engine, options);
  PICTOR_ASSIGN(const std::uint64_t deleted, remove(session, *engine, options));
  if (session.json())
    session.out() << deleted_json(deleted) << "\n";
  else if (!session.options().quiet)
    session.out() << "Deleted " << plural(deleted, "item", "items") << "\n";
  if (!options.ids.empty() && deleted < options.ids.size()) {
    return missing(options, options.ids.size() - deleted);
  }
  return Status::ok();
}

}  // namespace

Command add_delete_command(CLI::App& parent) {
  CLI::App& app = *parent.add_subcommand("delete", "Delete items or a whole collection");
  auto options = std::make_shared<Options>();
  app.add_option("ids", options->ids, "Ids of the items")->type_name("ID");
  add_collection_option(app, options->collection);
  add_where_option(app, options->where);
  app.add_flag("--all", options->all, "The collection itself, with everything in it");
  app.add_flag("--purge", options->purge, "For good: rewrite what holds them, so that no file has them, history too");
  app.add_option("--certificate", options->certificate, "--purge: write a signed statement of it to this new file")
      ->type_name("FILE");
  app.add_flag("-y,--yes", options->yes, "Do not ask");
  set_examples(app, {"pictor delete photos/cat.jpg", "pictor delete --where 'year < 2000' --yes",
                     "pictor delete --all --collection old", "pictor delete me.jpg --purge --certificate erased.json"});
  return {&app, [options](Session& session) { return run(session, *options); }};
}

}  // namespace pictor
