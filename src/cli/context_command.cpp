// pictor context: what a search finds, as a pack for a language model that sees pictures.
#include <CLI/CLI.hpp>

#include "cli/session.h"
#include "engine/engine.h"
#include "pictor/context.h"

namespace pictor {
namespace {

struct Options {
  std::string collection = "default", format = "pack", pictures = "inline", where, as_of;
  std::vector<std::string> texts, images, ids;
  ContextRequest request;
  std::vector<std::string> rights_fields, rights_refused;  // empty: as they are
};

Result<Query> query_of(Session& session, const Options& options) {
  Query query;
  query.collection = options.collection;
  query.where = options.where;
  PICTOR_ASSIGN(query.as_of, parse_as_of(options.as_of));
  const auto add = [&](QueryPart::Kind kind, const std::string& text) -> QueryPart& {
    query.parts.emplace_back();
    query.parts.back().kind = kind;
    query.parts.back().text = text;
    return query.parts.back();
  };
  for (const std::string& text : options.texts) add(QueryPart::Kind::kText, text);
  for (const std::string& id : options.ids) add(QueryPart::Kind::kId, id);
  for (const std::string& path : options.images) {
    PICTOR_ASSIGN(add(QueryPart::Kind::kImage, "").image, read_file(session.env(), path, limits::kImageFileBytesMax));
  }
  return query;
}

Status run(Session& session, const Options& options) {
  ContextRequest request = options.request;
  PICTOR_ASSIGN(request.query, query_of(session, options));
  request.format = context_format_of(options.format).value_or(ContextFormat::kPack);
  request.pictures = options.pictures == "inline" ? ContextPictures::kInline
                     : options.pictures == "link" ? ContextPictures::kLink
                                                  : ContextPictures::kNone;
  if (!options.rights_fields.empty()) request.rights.fields = options.rights_fields;
  if (!options.rights_refused.empty()) request.rights.refused = options.rights_refused;
  PICTOR_ASSIGN(Engine * engine, session.engine());
  PICTOR_ASSIGN(const ContextPack pack, make_context(*engine, request));
  for (const std::string& warning : pack.warnings) session.log(Verbosity::kWarn, warning);
  session.out() << context_json(pack) << "\n";
  return Status::ok();
}

void add_names(CLI::App& app, const char* name, std::vector<std::string>& value, const char* what) {
  app.add_option(name, value, what)->delimiter(',')->type_name("NAME,...");
}

void add_query_options(CLI::App& app, Options& options) {
  const auto add = [&](const char* name, std::vector<std::string>& value, const char* what, const char* type) {
    app.add_option(name, value, what)
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
        ->type_name(type)
        ->group("Query");
  };
  add("-t,--text", options.texts, "What the words say", "WORDS");
  add("-i,--image", options.images, "Like this picture file", "FILE");
  add("--id", options.ids, "Like this item of the collection", "ID");
  add_collection_option(app, options.collection);
  add_where_option(app, options.where);
  add_as_of_option(app, options.as_of);
}

void add_rights_options(CLI::App& app, Options& options) {
  add_names(app, "--rights-field", options.rights_fields,
            "Fields of the metadata that say what an item may be used for; else rights, licence, license, consent");
  add_names(app, "--rights-refused", options.rights_refused, "What they say of items that are left out");
  add_names(app, "--rights-allowed", options.request.rights.allowed, "Only items of which they say one of these");
}

}  // namespace

Command add_context_command(CLI::App& parent) {
  CLI::App& app = *parent.add_subcommand("context", "Make a pack of pictures and words for an assistant");
  auto options = std::make_shared<Options>();
  ContextRequest& request = options->request;
  add_query_options(app, *options);
  app.add_option("--format", options->format, "Whose message it is to be, or a pack of our own")
      ->check(CLI::IsMember({"pack", "openai", "openai_responses", "anthropic", "gemini"}).description(""))
      ->type_name("pack|openai|openai_responses|anthropic|gemini")
      ->capture_default_str();
  app.add_option("--budget", request.budget_tokens, "Tokens that it may take, never more")
      ->check(CLI::Range(std::uint64_t{1}, limits::kContextTokensMax).description(""))
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--items", request.items, "Entries at most")
      ->check(CLI::Range(std::size_t{1}, std::size_t{limits::kContextItemsMax}).description(""))
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--pictures", options->pictures, "JPEG in base64, the address of a thumbnail, or none")
      ->check(CLI::IsMember({"inline", "link", "none"}).description(""))
      ->type_name("inline|link|none")
      ->capture_default_str();
  app.add_option("--side", request.side, "The longer side of a picture, in pixels")
      ->check(CLI::Range(std::uint32_t{16}, limits::kContextSideMax).description(""))
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--link-base", request.link_base, "Where links begin, as https://pictures.example.org")
      ->type_name("URL");
  app.add_option("--caption-bytes", request.caption_bytes, "A longer description is cut")
      ->check(CLI::Range(std::size_t{0}, std::size_t{limits::kContextCaptionBytesMax}).description(""))
      ->type_name("N")
      ->capture_default_str();
  add_names(app, "--caption", request.captions,
            "Fields of the metadata, the first of which that has a text is the description; else the item's text, "
            "caption, description, title, name");
  add_names(app, "--field", request.fields, "Fields of the metadata that are shown beside it");
  add_rights_options(app, *options);
  app.add_option("--near-duplicate", request.near_duplicate,
                 "Leave out what is as like to an entry before it; 1: only what is equal")
      ->type_name("COSINE")
      ->capture_default_str();
  set_examples(app, {"pictor context --text \"a red boat\" --budget 4000",
                     "pictor context --id photos/cat.jpg --format anthropic --items 5",
                     "pictor context --where \"year >= 2020\" --field year --rights-allowed cc0"});
  return {&app, [options](Session& session) { return run(session, *options); }};
}

}  // namespace pictor
