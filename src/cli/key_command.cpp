// pictor key: who may use the server.
#include <CLI/CLI.hpp>

#include "cli/govern_output.h"
#include "cli/table.h"
#include "cli/text.h"

namespace pictor {
namespace {

constexpr const char* kRoles = "reader, writer, reviewer, operator or admin";

struct Options {
  KeySpec spec;
  std::string role = "reader", expires, overlap = "1d", id;
};

Result<std::int64_t> seconds_of(const char* name, const std::string& text) {
  if (const auto seconds = parse_duration(text)) return *seconds;
  return Status(Code::kInvalid, std::string(name) + " is '" + text + "', wanted a time as 90d, 12h, 30m or 45s");
}

std::string limits_text(const KeySpec& spec) {
  std::string text;
  if (spec.requests_per_second > 0) text += fixed(spec.requests_per_second, 1) + "/s ";
  if (spec.requests_per_day > 0) text += with_commas(spec.requests_per_day) + "/day";
  return text.empty() ? "-" : text;
}

std::string state_of(const KeyInfo& key, std::int64_t now_us) {
  if (key.revoked_us) return "revoked";
  if (!key.is_live(now_us)) return "expired";
  return key.spec.expires_us ? "until " + date_text(*key.spec.expires_us).substr(0, 16) : "live";
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

Status tell_new(Session& session, const NewKey& made) {
  if (session.json()) {
    session.out() << new_key_json(made, session.env().wall_us()) << "\n";
    return Status::ok();
  }
  session.out() << made.key << "\n";
  if (session.options().quiet) return Status::ok();
  session.err() << "Key " << made.info.id << ", role " << role_name(made.info.spec.role)
                << (made.info.spec.tenant.empty() ? "" : ", tenant " + printable(made.info.spec.tenant))
                << ". It is shown this once; send it as 'Authorization: Bearer KEY'.\n";
  return Status::ok();
}

Status create(Session& session, Options options) {
  PICTOR_ASSIGN(options.spec.role, parse_role(options.role));
  if (!options.expires.empty()) {
    PICTOR_ASSIGN(const std::int64_t seconds, seconds_of("--expires", options.expires));
    options.spec.expires_us = session.env().wall_us() + seconds * 1'000'000;
  }
  PICTOR_ASSIGN(const auto governor, open_governor(session));
  PICTOR_ASSIGN(const NewKey made, governor->create_key(options.spec));
  return tell_new(session, made);
}

Status list(Session& session) {
  PICTOR_ASSIGN(const auto governor, open_governor(session));
  const auto keys = governor->keys();
  const std::int64_t now = session.env().wall_us();
  if (session.json()) {
    session.out() << keys_json(keys, now) << "\n";
    return Status::ok();
  }
  if (keys.empty()) {
    session.out() << "There is no key: whoever reaches the server on this machine may do all\n";
    return Status::ok();
  }
  Table table({{"ID", TableColumn::Kind::kNumber},
               {"NAME"},
               {"ROLE", TableColumn::Kind::kNumber},
               {"TENANT"},
               {"COLLECTIONS"},
               {"LIMITS"},
               {"STATE"}});
  for (const KeyInfo& key : keys) {
    table.add({key.id, key.spec.name, std::string(role_name(key.spec.role)), key.spec.tenant,
               key.spec.collections.empty() ? "all" : joined(key.spec.collections), limits_text(key.spec),
               state_of(key, now)});
  }
  session.out() << table.text(session.terminal().width);
  return Status::ok();
}

Status rotate(Session& session, const Options& options) {
  PICTOR_ASSIGN(const std::int64_t seconds, seconds_of("--overlap", options.overlap));
  PICTOR_ASSIGN(const auto governor, open_governor(session));
  PICTOR_ASSIGN(const NewKey made, governor->rotate_key(options.id, seconds));
  return tell_new(session, made);
}

Status revoke(Session& session, const Options& options) {
  PICTOR_ASSIGN(const auto governor, open_governor(session));
  PICTOR_ASSIGN(const KeyInfo revoked, governor->revoke_key(options.id));
  if (session.json()) session.out() << key_json(revoked, session.env().wall_us()) << "\n";
  if (!session.json() && !session.options().quiet) session.out() << "Key " << revoked.id << " is revoked\n";
  return Status::ok();
}

Command add_create_action(CLI::App& parent) {
  CLI::App& app = *parent.add_subcommand("create", "Make a key, which is printed this once");
  auto options = std::make_shared<Options>();
  app.add_option("--role", options->role, std::string("What it may do: ") + kRoles)
      ->type_name("ROLE")
      ->capture_default_str();
  app.add_option("--name", options->spec.name, "Whose it is, for people")->type_name("TEXT");
  app.add_option("--tenant", options->spec.tenant, "Of this tenant; see pictor tenant put")->type_name("NAME");
  app.add_option("--collections", options->spec.collections, "For these alone; a name may end in '*'")
      ->delimiter(',')
      ->type_name("NAME,...");
  app.add_option("--expires", options->expires, "Ends after this time: 90d, 12h, 30m")->type_name("TIME");
  app.add_option("--rate", options->spec.requests_per_second, "Requests a second at most; 0: no limit")
      ->check(CLI::NonNegativeNumber.description(""))
      ->type_name("N");
  app.add_option("--per-day", options->spec.requests_per_day, "Requests a day (UTC) at most; 0: no limit")
      ->type_name("N");
  set_examples(app, {"pictor key create --role admin --name ops",
                     "pictor key create --name shop --collections 'shop-*' --rate 20 --expires 90d"});
  return {&app, [options](Session& session) { return create(session, *options); }};
}

Command add_list_action(CLI::App& parent) {
  CLI::App& app = *parent.add_subcommand("list", "List the keys, without their secrets");
  set_examples(app, {"pictor key list", "pictor key list --json"});
  return {&app, [](Session& session) { return list(session); }};
}

Command add_rotate_action(CLI::App& parent) {
  CLI::App& app = *parent.add_subcommand("rotate", "Make a key like another, which goes on for a while");
  auto options = std::make_shared<Options>();
  app.add_option("id", options->id, "The key's id: the twelve characters after 'pk_'")->required()->type_name("ID");
  app.add_option("--overlap", options->overlap, "How long the old one goes on")
      ->type_name("TIME")
      ->capture_default_str();
  set_examples(app, {"pictor key rotate 3fa85f6457ab --overlap 2d"});
  return {&app, [options](Session& session) { return rotate(session, *options); }};
}

Command add_revoke_action(CLI::App& parent) {
  CLI::App& app = *parent.add_subcommand("revoke", "End a key at once");
  auto options = std::make_shared<Options>();
  app.add_option("id", options->id, "The key's id: the twelve characters after 'pk_'")->required()->type_name("ID");
  set_examples(app, {"pictor key revoke 3fa85f6457ab"});
  return {&app, [options](Session& session) { return revoke(session, *options); }};
}

}  // namespace

Result<std::unique_ptr<Governor>> open_governor(Session& session) {
  PICTOR_TRY(session.own_engine(true).status());
  return Governor::open(session.env(), session.options().data);
}

Command add_key_command(CLI::App& parent) {
  CLI::App& app = *parent.add_subcommand("key", "Keys for the server: make, list, rotate, revoke");
  Command command{&app, nullptr, {}};
  command.actions.push_back(add_create_action(app));
  command.actions.push_back(add_list_action(app));
  command.actions.push_back(add_rotate_action(app));
  command.actions.push_back(add_revoke_action(app));
  app.require_subcommand(0, 1);
  set_examples(app, {"pictor key create --role admin --name ops", "pictor key list"});
  return command;
}

}  // namespace pictor
