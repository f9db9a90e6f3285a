// pictor stats: one collection in numbers.
#include <CLI/CLI.hpp>

#include "cli/json_output.h"
#include "cli/session.h"
#include "cli/table.h"
#include "cli/text.h"
#include "cli/vectors_output.h"

namespace pictor {
namespace {

std::string index_row(std::uint64_t files, std::uint64_t bytes, const CollectionInfo& info) {
  if (files == 0) return "none";
  const std::uint64_t each = info.vectors == 0 ? 0 : bytes / info.vectors;
  return with_commas(files) + ", " + bytes_text(bytes) +
         (each == 0 ? "" : ", " + with_commas(each) + " bytes a vector");
}

Status run(Session& session, const std::string& collection) {
  PICTOR_ASSIGN(Engine * engine, session.engine());
  PICTOR_ASSIGN(const CollectionInfo info, engine->stats(collection));
  std::ostream& out = session.out();
  if (session.json()) {
    out << collection_json(info) << "\n";
    return Status::ok();
  }
  const auto row = [&](const char* name, const std::string& value) {
    out << pad_right(name, 14) << printable(value) << "\n";
  };
  out << session.bold(printable(info.name)) << "\n";
  row("items", with_commas(info.items));
  row("encoder", info.encoder);
  row("keep", info.keep);
  row("isa class", info.isa_class);
  row("sequence", with_commas(info.sequence));
  row("rows", with_commas(info.rows_fresh) + " fresh, " + with_commas(info.rows_dead) + " dead, " +
                  plural(info.segments, "segment", "segments"));
  row("database", bytes_text(info.database_bytes));
  row("segments",
      bytes_text(info.segment_bytes) +
          (info.vectors == 0 ? "" : ", " + with_commas(info.segment_bytes / info.vectors) + " bytes a vector"));
  if (info.segments_damaged > 0) {
    row("damaged", plural(info.segments_damaged, "segment", "segments") + ": " +
                       plural(info.items_damaged, "item is", "items are") + " left out of answers, index them again");
  }
  if (info.purges_begun > 0) row("erasures", plural(info.purges_begun, "was", "were") + " begun and not ended: verify");
  row("graphs", index_row(info.graphs, info.graph_bytes, info));
  if (info.lists > 0) row("lists", index_row(info.lists, info.list_bytes, info));
  row("index type", info.index_type + ", memory budget " + bytes_text(info.memory_budget_bytes) +
                        (info.memory_budget_given ? "" : ", half of what this machine has"));
  row("memory", bytes_text(info.resident_bytes) + " resident; " + bytes_text(info.mapped_bytes) +
                    " mapped, of which the system keeps what it has room for");
  row("pictures", bytes_text(info.blob_bytes));
  if (info.search_recall) row("search", "recall " + short_number(*info.search_recall) + " unless another is asked for");
  if (info.search_deadline_ms)
    row("deadline", with_commas(static_cast<std::uint64_t>(*info.search_deadline_ms)) + " ms");
  for (const MeasuredRecall& at : info.recall) {
    row(("recall@" + std::to_string(at.at)).c_str(), fixed(at.recall, 4) + " (" + fixed(at.low, 4) + " to " +
                                                         fixed(at.high, 4) + ", " +
                                                         plural(at.queries, "live query", "live queries") + ")");
  }
  if (info.token_grid.numbers() > 0) {
    const TokenGrid& grid = info.token_grid;
    row("tokens", info.tokens + ", " + std::to_string(grid.height) + " x " + std::to_string(grid.width) + " of " +
                      std::to_string(grid.dim) + " numbers: " + bytes_text(info.tokens_item_bytes) + " an item, " +
                      bytes_text(info.tokens_bytes) + " in the database");
  }
  Table heads({{"head", TableColumn::Kind::kText},
               {"dim", TableColumn::Kind::kNumber},
               {"metric", TableColumn::Kind::kText},
               {"takes", TableColumn::Kind::kText},
               {"space", TableColumn::Kind::kText, 12}});
  for (const HeadInfo& head : info.heads) {
    const char* takes = info.external               ? "vectors"
                        : head.images && head.texts ? "pictures, words"
                        : head.images               ? "pictures"
                                                    : "words";
    heads.add({head.name, std::to_string(head.dim), metric_text(head.metric), takes, head.space.substr(0, 16)});
  }
  out << "\n" << heads.text(session.terminal().width);
  return Status::ok();
}

}  // namespace

Command add_stats_command(CLI::App& parent) {
  CLI::App& app = *parent.add_subcommand("stats", "Show a collection in numbers");
  auto collection = std::make_shared<std::string>("default");
  add_collection_option(app, *collection);
  set_examples(app, {"pictor stats", "pictor stats --collection shop --json"});
  return {&app, [collection](Session& session) { return run(session, *collection); }};
}

}  // namespace pictor
