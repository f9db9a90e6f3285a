// pictor audit: what was done over the server, and whether the log of it is whole.
#include <CLI/CLI.hpp>

#include "cli/govern_output.h"
#include "cli/text.h"

namespace pictor {
namespace {

struct Options {
  std::string head, tenant, collection, item, before;
  std::uint64_t after = 0;
  bool yes = false;
};

Status verify(Session& session, const Options& options) {
  std::optional<AuditHead> known;
  if (!options.head.empty()) {
    PICTOR_ASSIGN(known, AuditHead::parse(options.head));
  }
  PICTOR_ASSIGN(const auto governor, open_governor(session));
  PICTOR_ASSIGN(const AuditCheck check, governor->audit().verify(known));
  if (session.json()) {
    session.out() << audit_check_json(check) << "\n";
    return check.problem;
  }
  if (!check.problem.is_ok() || session.options().quiet) return check.problem;
  session.out() << "The audit log is whole: " << plural(check.lines, "line", "lines");
  if (check.pruned > 0) session.out() << ", after " << with_commas(check.pruned) << " that were pruned";
  session.out() << "\n"
                << "head " << check.head.text() << "\n"
                << "Keep the head elsewhere; `pictor audit verify --head HEAD` then shows that nothing before it was "
                   "changed or cut off\n";
  return Status::ok();
}

Status list(Session& session, const Options& options, bool has_tenant) {
  AuditFilter filter;
  filter.after = options.after;
  if (has_tenant) filter.tenant = options.tenant;
  filter.collection = options.collection;
  if (!options.item.empty()) filter.item = options.item;
  if (filter.item && filter.collection.empty()) {
    return {Code::kInvalid, "--item without --collection: an id is one of a collection"};
  }
  PICTOR_ASSIGN(const auto governor, open_governor(session));
  return governor->audit().read(filter, [&session](const AuditLine& line) {
    session.out() << line.text << "\n";
    return session.out().good();
  });
}

// A time with its zone, or how long ago.
Result<std::int64_t> time_before(Session& session, const std::string& text) {
  if (const auto seconds = parse_duration(text)) return session.env().wall_us() - *seconds * 1'000'000;
  const auto at = parse_as_of("time:" + text);
  if (at.is_ok()) return at->time_us;
  return Status(Code::kInvalid,
                "--before is '" + text + "', wanted a time with its zone (2026-05-31T13:02:11Z) or how long ago (90d)");
}

Status prune(Session& session, const Options& options) {
  PICTOR_ASSIGN(const std::int64_t before_us, time_before(session, options.before));
  PICTOR_ASSIGN(const auto governor, open_governor(session));
  PICTOR_TRY(
      session.confirm("Remove the lines of the audit log before " + date_text(before_us) + " for good?", options.yes));
  PICTOR_ASSIGN(const AuditPruned pruned, governor->audit().prune(before_us, {}));
  if (session.json()) {
    session.out() << audit_pruned_json(pruned) << "\n";
  } else if (!session.options().quiet) {
    session.out() << "Removed " << plural(pruned.lines, "line", "lines") << "\n";
    if (pruned.lines > 0) session.out() << "the last of them: " << pruned.last.text() << "\n";
  }
  return Status::ok();
}

Command add_prune_action(CLI::App& parent) {
  CLI::App& app = *parent.add_subcommand("prune", "Remove old lines; the rest stays a chain that can be checked");
  auto options = std::make_shared<Options>();
  app.add_option("--before", options->before, "Lines before this time (2026-05-31T13:02:11Z), or so long ago (90d)")
      ->required()
      ->type_name("TIME");
  app.add_flag("-y,--yes", options->yes, "Do not ask");
  set_examples(app, {"pictor audit list > audit-2026.jsonl", "pictor audit prune --before 365d --yes"});
  return {&app, [options](Session& session) { return prune(session, *options); }};
}

Command add_verify_action(CLI::App& parent) {
  CLI::App& app = *parent.add_subcommand("verify", "Check that no line was changed, left out or put in");
  auto options = std::make_shared<Options>();
  app.add_option("--head", options->head, "An earlier head, as this command prints it, that must still be in the log")
      ->type_name("NUMBER:HASH");
  set_examples(app, {"pictor audit verify", "pictor audit verify --head 1024:9f86d081884c7d65..."});
  return {&app, [options](Session& session) { return verify(session, *options); }};
}

Command add_list_action(CLI::App& parent) {
  CLI::App& app = *parent.add_subcommand("list", "Print its lines, oldest first, one JSON object each");
  auto options = std::make_shared<Options>();
  app.add_option("--after", options->after, "Only lines with a greater number")->type_name("NUMBER");
  CLI::Option* tenant = app.add_option("--tenant", options->tenant, "Only lines of this tenant; '' is the main one");
  tenant->type_name("NAME");
  app.add_option("--collection", options->collection, "The collection of --item")->type_name("NAME");
  app.add_option("--item", options->item, "Only lines about this item, of the main tenant unless --tenant names one")
      ->type_name("ID");
  set_examples(app, {"pictor audit list > audit.jsonl", "pictor audit list --collection photos --item boats/1.jpg"});
  return {&app, [options, tenant](Session& session) { return list(session, *options, tenant->count() > 0); }};
}

}  // namespace

Command add_audit_command(CLI::App& parent) {
  CLI::App& app = *parent.add_subcommand("audit", "What was done over the server: list it, check it, prune it");
  Command command{&app, nullptr, {}};
  command.actions.push_back(add_verify_action(app));
  command.actions.push_back(add_list_action(app));
  command.actions.push_back(add_prune_action(app));
  app.require_subcommand(0, 1);
  set_examples(app, {"pictor audit verify", "pictor audit list"});
  return command;
}

}  // namespace pictor
