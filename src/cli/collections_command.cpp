// pictor collections: what the data folder holds.
#include <CLI/CLI.hpp>

#include "cli/json_output.h"
#include "cli/session.h"
#include "cli/table.h"
#include "cli/text.h"

namespace pictor {
namespace {

Status run(Session& session) {
  PICTOR_ASSIGN(Engine * engine, session.engine());
  PICTOR_ASSIGN(const std::vector<CollectionInfo> collections, engine->collections());
  if (session.json()) {
    session.out() << collections_json(collections) << "\n";
    return Status::ok();
  }
  if (collections.empty()) {
    session.out() << "There is no collection yet.\n";
    return Status::ok();
  }
  Table table({{"collection", TableColumn::Kind::kText, 12},
               {"items", TableColumn::Kind::kNumber},
               {"encoder", TableColumn::Kind::kText, 12},
               {"keep", TableColumn::Kind::kText},
               {"size", TableColumn::Kind::kNumber}});
  for (const CollectionInfo& info : collections) {
    table.add({info.name, with_commas(info.items), info.encoder, info.keep,
               bytes_text(info.database_bytes + info.segment_bytes + info.blob_bytes)});
  }
  session.out() << table.text(session.terminal().width);
  return Status::ok();
}

}  // namespace

Command add_collections_command(CLI::App& parent) {
  CLI::App& app = *parent.add_subcommand("collections", "List the collections");
  set_examples(app, {"pictor collections", "pictor collections --json"});
  return {&app, [](Session& session) { return run(session); }};
}

}  // namespace pictor
