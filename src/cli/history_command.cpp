// pictor history: the versions of one item, and when each came and went.
#include <CLI/CLI.hpp>

#include "cli/json_output.h"
#include "cli/session.h"
#include "cli/table.h"
#include "cli/text.h"

namespace pictor {
namespace {

struct Options {
  std::string id, collection = "default";
};

std::string moment_text(const std::optional<std::int64_t>& us, Sequence sequence) {
  return (us ? date_text(*us) + ", " : "") + with_commas(sequence);
}

std::string space_text(const StoredVersion& version) {
  std::string text;
  for (const auto& [head, space] : version.spaces) {
    text += (text.empty() ? "" : ", ") + head + " " + space.substr(0, 8);
  }
  return text;
}

void print_versions(Session& session, const Options& options, const std::vector<StoredVersion>& versions) {
  std::ostream& out = session.out();
  out << session.bold(printable(options.id) + " in '" + printable(options.collection) + "'") << "\n";
  for (const StoredVersion& version : versions) {
    const auto row = [&](const char* name, const std::string& value) {
      if (!value.empty()) out << "  " << pad_right(name, 10) << printable(value) << "\n";
    };
    out << "sequence " << with_commas(version.born) << (version.died ? "" : session.bold(", alive")) << "\n";
    row("from", moment_text(version.born_us, version.born));
    if (version.died) row("until", moment_text(version.died_us, *version.died));
    row("batch", version.batch);
    row("content", version.content);
    row("source", version.source);
    row("spaces", space_text(version));
  }
  if (versions.size() == limits::kVersionsListedMax) {
    out << session.dim("Only the newest " + with_commas(versions.size()) + " versions are listed.") << "\n";
  }
}

Status run(Session& session, const Options& options) {
  PICTOR_ASSIGN(Engine * engine, session.engine());
  const Result<std::vector<StoredVersion>> found = engine->history(options.collection, options.id);
  if (found.status().code() == Code::kNotFound) {
    const auto erased = engine->upkeep().erased(options.collection, options.id);
    if (erased.is_ok() && erased->has_value()) {
      return {Code::kNotFound, "item '" + options.id + "' of collection '" + options.collection + "' was erased at " +
                                   date_text(**erased) + ", with its history"};
    }
  }
  PICTOR_TRY(found.status());
  const std::vector<StoredVersion>& versions = *found;
  if (session.json())
    session.out() << history_json(versions) << "\n";
  else
    print_versions(session, options, versions);
  return Status::ok();
}

}  // namespace

Command add_history_command(CLI::App& parent) {
  CLI::App& app = *parent.add_subcommand("history", "Show the versions of one item, newest first");
  auto options = std::make_shared<Options>();
  app.add_option("id", options->id, "The item's id")->required()->type_name("ID");
  add_collection_option(app, options->collection);
  set_examples(app, {"pictor history photos/cat.jpg", "pictor history photos/cat.jpg --json"});
  return {&app, [options](Session& session) { return run(session, *options); }};
}

}  // namespace pictor
