// pictor encoder: its actions; list, show and remove are here.
#include <CLI/CLI.hpp>
#include <iomanip>
#include <sstream>

#include "cli/encoder_actions.h"
#include "cli/json_output.h"
#include "cli/text.h"

namespace pictor {
namespace {

Status list(Session& session) {
  PICTOR_ASSIGN(Engine * engine, session.engine(true));
  PICTOR_ASSIGN(const auto all, engine->encoders());
  if (session.json()) {
    session.out() << encoders_json(all) << "\n";
    return Status::ok();
  }
  for (const auto& info : all) {
    session.out() << session.bold(printable(info.name)) << "  " << printable(info.precision) << "  "
                  << mebibytes(info.bytes) << (info.added ? "  added" : "") << (info.ready ? "" : "  not ready")
                  << "\n";
    print_heads(session, info);
  }
  return Status::ok();
}

Result<EncoderInfo> named(Engine& engine, const std::string& name) {
  PICTOR_ASSIGN(const auto all, engine.encoders());
  std::string known;
  for (const auto& info : all) {
    if (info.name == name) return info;
    known += (known.empty() ? "" : ", ") + info.name;
  }
  return Status(Code::kNotFound, "encoder '" + name + "' is not known; known are: " + known);
}

Status show(Session& session, const std::string& name) {
  PICTOR_ASSIGN(Engine * engine, session.engine(true));
  PICTOR_ASSIGN(const auto info, named(*engine, name));
  if (session.json()) {
    session.out() << encoders_json({info}) << "\n";
    return Status::ok();
  }
  session.out() << session.bold(printable(info.name)) << "  " << printable(info.precision) << "  "
                << mebibytes(info.bytes) << (info.ready ? "" : "  not ready") << "\n"
                << "  source: " << printable(info.source) << ", licence: " << printable(info.licence) << "\n"
                << "  files: " << printable(info.folder) << "\n";
  print_heads(session, info);
  print_losses(session, info);
  session.out() << "card:\n" << info.card << (info.card.ends_with("\n") ? "" : "\n");
  return Status::ok();
}

Status remove(Session& session, const std::string& name, bool yes) {
  PICTOR_ASSIGN(Engine * engine, session.engine(true));
  PICTOR_ASSIGN(const auto info, named(*engine, name));
  PICTOR_TRY(session.confirm("Remove encoder '" + info.name + "' (" + mebibytes(info.bytes) + ")?", yes));
  return engine->remove_encoder(name);
}

Command add_encoder_list_action(CLI::App& encoder) {
  CLI::App& app = *encoder.add_subcommand("list", "List the encoders: precision, size, heads");
  set_examples(app, {"pictor encoder list", "pictor encoder list --json"});
  return {&app, list};
}

Command add_encoder_show_action(CLI::App& encoder) {
  CLI::App& app = *encoder.add_subcommand("show", "Show an encoder: heads, files, what it lost, its card");
  auto name = std::make_shared<std::string>();
  add_encoder_argument(app, *name);
  set_examples(app, {"pictor encoder show clip"});
  return {&app, [name](Session& session) { return show(session, *name); }};
}

Command add_encoder_remove_action(CLI::App& encoder) {
  CLI::App& app = *encoder.add_subcommand("remove", "Remove an encoder that was added, and its files");
  auto name = std::make_shared<std::string>();
  auto yes = std::make_shared<bool>(false);
  add_encoder_argument(app, *name);
  app.add_flag("-y,--yes", *yes, "Do not ask");
  set_examples(app, {"pictor encoder remove clip", "pictor encoder remove clip-int8 --yes"});
  return {&app, [name, yes](Session& session) { return remove(session, *name, *yes); }};
}

}  // namespace

std::string mebibytes(std::uint64_t bytes) {
  std::ostringstream out;
  out << std::fixed << std::setprecision(1) << static_cast<double>(bytes) / static_cast<double>(limits::kMiB) << " MiB";
  return out.str();
}

void print_heads(Session& session, const EncoderInfo& info) {
  for (const HeadInfo& head : info.heads) {
    const char* takes = head.images && head.texts ? "pictures and words" : head.images ? "pictures" : "words";
    session.out() << "  head " << head.name << ": " << head.dim << " numbers, " << takes << ", space "
                  << head.space.substr(0, 12) << "\n";
  }
}

CLI::Option* add_encoder_argument(CLI::App& app, std::string& value) {
  return app.add_option("encoder", value, "Name of the encoder; see pictor encoder list")
      ->required()
      ->type_name("NAME");
}

Command add_encoder_command(CLI::App& parent) {
  CLI::App& app = *parent.add_subcommand("encoder", "Add, pull, show, verify, quantize, measure or remove an encoder");
  Command command{&app, nullptr, {}};
  for (const auto add :
       {add_encoder_add_action, add_encoder_pull_action, add_encoder_list_action, add_encoder_show_action,
        add_encoder_verify_action, add_encoder_fingerprint_action, add_encoder_quantize_action,
        add_encoder_derive_action, add_encoder_bench_action, add_encoder_warm_action, add_encoder_remove_action}) {
    command.actions.push_back(add(app));
  }
  // One at most: the name of an action may be the name of an encoder. That none was named is said where commands run.
  app.require_subcommand(0, 1);
  set_examples(app, {"pictor encoder add ~/models/clip-vit-base-patch32 --name clip", "pictor encoder show clip",
                     "pictor encoder quantize clip --calibration ~/Pictures"});
  return command;
}

}  // namespace pictor
