// pictor facets: what values fields of the metadata have, and how many items have each.
#include <CLI/CLI.hpp>

#include "cli/json_output.h"
#include "cli/session.h"
#include "cli/table.h"
#include "cli/text.h"
#include "cli/vectors_output.h"

namespace pictor {
namespace {

// A string as people write it; anything else as JSON.
std::string value_text(const std::string& json) {
  const bool quoted = json.size() >= 2 && json.front() == '"' && json.find('\\') == std::string::npos;
  return quoted ? json.substr(1, json.size() - 2) : json;
}

void print_facet(Session& session, const Facet& facet) {
  std::ostream& out = session.out();
  out << session.bold(printable(facet.field)) << "  " << plural(facet.items, "item", "items") << ", "
      << plural(facet.distinct, "value", "values");
  if (facet.least && facet.greatest) {
    out << ", numbers from " << short_number(*facet.least) << " to " << short_number(*facet.greatest);
  }
  out << "\n";
  if (facet.values.empty()) return;
  Table table({{"value", TableColumn::Kind::kText, 20}, {"items", TableColumn::Kind::kNumber}});
  for (const FacetValue& one : facet.values) table.add({value_text(one.value), with_commas(one.items)});
  out << table.text(session.terminal().width);
  const std::uint64_t more = facet.distinct - facet.values.size();
  if (more > 0) out << "and " << plural(more, "value", "values") << " more (--limit shows more)\n";
}

Status run(Session& session, const FacetRequest& request) {
  PICTOR_ASSIGN(Engine * engine, session.engine());
  PICTOR_ASSIGN(const Facets facets, engine->facets(request));
  if (session.json()) {
    session.out() << facets_json(facets) << "\n";
    return Status::ok();
  }
  bool first = true;
  for (const Facet& facet : facets.facets) {
    if (!first) session.out() << "\n";
    first = false;
    print_facet(session, facet);
  }
  return Status::ok();
}

}  // namespace

Command add_facets_command(CLI::App& parent) {
  CLI::App& app = *parent.add_subcommand("facets", "Count the values that fields of the metadata have");
  auto request = std::make_shared<FacetRequest>();
  request->collection = "default";
  app.add_option("field", request->fields, "As filters name it: brand, size.w, @format")
      ->required()
      ->type_name("FIELD...");
  add_collection_option(app, request->collection);
  add_where_option(app, request->where);
  app.add_option("--limit", request->most, "Values of a field that are shown, those of most items first")
      ->check(CLI::Range(std::size_t{0}, std::size_t{limits::kFacetValuesMax}).description(""))
      ->type_name("N")
      ->capture_default_str();
  set_examples(app, {"pictor facets brand tags", "pictor facets @format --where \"year >= 2020\"",
                     "pictor facets brand --collection shop --limit 100 --json"});
  return {&app, [request](Session& session) { return run(session, *request); }};
}

}  // namespace pictor
