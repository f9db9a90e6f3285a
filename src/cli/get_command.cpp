// pictor get: what is known of one item, and its picture.
#include <CLI/CLI.hpp>

#include "cli/json_output.h"
#include "cli/output_file.h"
#include "cli/session.h"
#include "cli/text.h"

namespace pictor {
namespace {

struct Options {
  std::string id, collection = "default", picture, tokens, as_of;
  bool vectors = false, force = false;
};

void print_item(Session& session, const StoredItem& item) {
  std::ostream& out = session.out();
  const auto row = [&](const std::string& name, const std::string& value) {
    if (!value.empty()) out << pad_right(cut_end(printable(name), 16), 18) << printable(value) << "\n";
  };
  out << session.bold(printable(item.id)) << "\n";
  row("source", item.source);
  row("text", item.text);
  row("picture", std::to_string(item.width) + "x" + std::to_string(item.height) + " " + item.format);
  row("content", item.content);
  row("indexed", date_text(item.created_us));
  for (const auto& [key, value] : metadata_pairs(item.metadata)) row("metadata." + key, value);
  for (const auto& [head, vector] : item.vectors) {
    std::string numbers;
    for (std::size_t i = 0; i < vector.size() && i < 5; ++i) numbers += fixed(vector[i], 4) + " ";
    row("vector." + head, numbers + "... (" + std::to_string(vector.size()) + " numbers; --json shows all)");
  }
}

Status write_picture(Session& session, Engine& engine, const AsOf& at, const Options& options) {
  PICTOR_ASSIGN(const std::optional<Bytes> picture, engine.picture_as_of(options.collection, options.id, at));
  if (!picture) {
    return {Code::kNotFound, "no picture of item '" + options.id + "' is kept (see 'keep' in pictor stats)"};
  }
  PICTOR_ASSIGN(const auto file, OutputFile::create(session.env(), options.picture, options.force));
  PICTOR_TRY(file->write(as_text(*picture)));
  return file->finish();
}

// docs/formats/tokens.md: a header of 32 bytes, then the numbers as f32, all little-endian.
Bytes tokens_file(const StoredTokens& tokens) {
  ByteWriter out;
  out.put(as_bytes("PICTOKEN"));
  for (const std::uint32_t number : {1U, tokens.grid.height, tokens.grid.width, tokens.grid.dim, 0U, 0U})
    out.put(number);
  out.put(std::as_bytes(std::span(tokens.numbers)));
  return out.take();
}

Status write_tokens(Session& session, Engine& engine, const Options& options) {
  PICTOR_ASSIGN(const std::optional<StoredTokens> tokens, engine.tokens(options.collection, options.id));
  if (!tokens) {
    return {Code::kNotFound, "no tokens of item '" + options.id + "' are kept (see 'tokens' in pictor stats)"};
  }
  PICTOR_ASSIGN(const auto file, OutputFile::create(session.env(), options.tokens, options.force));
  PICTOR_TRY(file->write(as_text(tokens_file(*tokens))));
  PICTOR_TRY(file->finish());
  if (session.json() || session.options().quiet) return Status::ok();
  session.out() << pad_right("tokens", 18) << tokens->grid.height << " x " << tokens->grid.width << " of "
                << tokens->grid.dim << " numbers, kept as " << tokens->codec << "\n";
  return Status::ok();
}

Status run(Session& session, const Options& options) {
  PICTOR_ASSIGN(const AsOf at, parse_as_of(options.as_of));
  if (!at.is_now() && !options.tokens.empty()) {
    return {Code::kInvalid, "tokens are kept of items that are alive only: leave --as-of or --tokens out"};
  }
  PICTOR_ASSIGN(Engine * engine, session.engine());
  PICTOR_ASSIGN(const std::optional<StoredItem> item,
                engine->get_as_of(options.collection, options.id, options.vectors, at));
  if (!item) {
    PICTOR_ASSIGN(const auto erased, engine->upkeep().erased(options.collection, options.id));
    return {Code::kNotFound, "collection '" + options.collection + "' has no item '" + options.id + "'" +
                                 (at.is_now() ? "" : " as of " + options.as_of) +
                                 (erased.has_value() ? ": it was erased at " + date_text(*erased) : "")};
  }
  if (session.json())
    session.out() << item_json(*item, true) << "\n";
  else
    print_item(session, *item);
  if (!options.tokens.empty()) PICTOR_TRY(write_tokens(session, *engine, options));
  return options.picture.empty() ? Status::ok() : write_picture(session, *engine, at, options);
}

}  // namespace

Command add_get_command(CLI::App& parent) {
  CLI::App& app = *parent.add_subcommand("get", "Show one item");
  auto options = std::make_shared<Options>();
  app.add_option("id", options->id, "The item's id")->required()->type_name("ID");
  add_collection_option(app, options->collection);
  add_as_of_option(app, options->as_of);
  app.add_flag("--vectors", options->vectors, "With its vectors");
  app.add_option("--picture", options->picture, "Write the kept picture to this file")->type_name("FILE");
  app.add_option("--tokens", options->tokens, "Write the kept patch tokens to this file: a header, then f32 numbers")
      ->type_name("FILE");
  app.add_flag("--force", options->force, "Replace a file that exists");
  set_examples(app,
               {"pictor get photos/cat.jpg", "pictor get photos/cat.jpg --vectors --json",
                "pictor get photos/cat.jpg --picture cat-again.jpg", "pictor get photos/cat.jpg --tokens cat.tokens",
                "pictor get photos/cat.jpg --as-of 2026-05-31T13:02:11Z"});
  return {&app, [options](Session& session) { return run(session, *options); }};
}

}  // namespace pictor
