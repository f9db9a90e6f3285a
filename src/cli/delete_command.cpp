// pictor delete: items by id or by filter, or a whole collection; asks before it does.
#include <CLI/CLI.hpp>

#include "cli/json_output.h"
#include "cli/session.h"
#include "cli/text.h"

namespace pictor {
namespace {

struct Options {
  std::vector<std::string> ids;
  std::string collection = "default", where;
  bool all = false, yes = false;
};

Status check(const Options& options) {
  const int ways = (options.ids.empty() ? 0 : 1) + (options.where.empty() ? 0 : 1) + (options.all ? 1 : 0);
  if (ways == 1) return Status::ok();
  return {Code::kInvalid, ways == 0 ? "nothing to delete: give ids, --where FILTER or --all"
                                    : "give only one of ids, --where FILTER and --all"};
}

Result<std::uint64_t> count_items(Engine& engine, const Options& options) {
  if (options.all) {
    PICTOR_ASSIGN(const CollectionInfo info, engine.stats(options.collection));
    return info.items;
  }
  std::uint64_t found = 0;
  PICTOR_TRY(engine.scan(options.collection, options.where, false, [&](const StoredItem&) {
    ++found;
    return Status::ok();
  }));
  return found;
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

Status run(Session& session, const Options& options) {
  PICTOR_TRY(check(options));
  PICTOR_ASSIGN(Engine * engine, session.engine());
  PICTOR_ASSIGN(const std::uint64_t deleted, remove(session, *engine, options));
  if (session.json())
    session.out() << deleted_json(deleted) << "\n";
  else if (!session.options().quiet)
    session.out() << "Deleted " << plural(deleted, "item", "items") << "\n";
  if (!options.ids.empty() && deleted < options.ids.size()) {
    return {Code::kNotFound, plural(options.ids.size() - deleted, "id is", "ids are") + " not in collection '" +
                                 options.collection + "'"};
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
  app.add_flag("-y,--yes", options->yes, "Do not ask");
  set_examples(app, {"pictor delete photos/cat.jpg", "pictor delete --where 'year < 2000' --yes",
                     "pictor delete --all --collection old"});
  return {&app, [options](Session& session) { return run(session, *options); }};
}

}  // namespace pictor
