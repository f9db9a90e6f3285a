// pictor tenant: whose data is kept apart.
#include <CLI/CLI.hpp>

#include "cli/govern_output.h"
#include "cli/table.h"
#include "cli/text.h"

namespace pictor {
namespace {

struct Options {
  std::string name;
  std::uint64_t items_max = 0;
};

Status put(Session& session, const Options& options) {
  PICTOR_ASSIGN(const auto governor, open_governor(session));
  PICTOR_ASSIGN(const TenantInfo tenant, governor->put_tenant(options.name, options.items_max));
  if (session.json()) session.out() << tenant_json(tenant) << "\n";
  if (session.json() || session.options().quiet) return Status::ok();
  session.out() << "Tenant " << printable(tenant.name) << " may hold "
                << (tenant.items_max == 0 ? "any number of" : with_commas(tenant.items_max)) << " items\n";
  return Status::ok();
}

Status list(Session& session) {
  PICTOR_ASSIGN(const auto governor, open_governor(session));
  const auto tenants = governor->tenants();
  if (session.json()) {
    session.out() << tenants_json(tenants) << "\n";
    return Status::ok();
  }
  if (tenants.empty()) {
    session.out() << "There is no tenant but the main one\n";
    return Status::ok();
  }
  Table table({{"NAME"}, {"ITEMS AT MOST", TableColumn::Kind::kNumber}, {"SINCE", TableColumn::Kind::kNumber}});
  for (const TenantInfo& tenant : tenants) {
    table.add({tenant.name, tenant.items_max == 0 ? "-" : with_commas(tenant.items_max), date_text(tenant.created_us)});
  }
  session.out() << table.text(session.terminal().width);
  return Status::ok();
}

}  // namespace

Command add_tenant_command(CLI::App& parent) {
  CLI::App& app = *parent.add_subcommand("tenant", "Tenants of the server, whose data is kept apart");
  Command command{&app, nullptr, {}};
  CLI::App& put_app = *app.add_subcommand("put", "Make a tenant, or change what it may hold");
  auto options = std::make_shared<Options>();
  put_app.add_option("name", options->name, "Its name")->required()->type_name("NAME");
  put_app.add_option("--items-max", options->items_max, "Items that it may hold in all; 0: any number")->type_name("N");
  set_examples(put_app, {"pictor tenant put acme --items-max 100000"});
  command.actions.push_back({&put_app, [options](Session& session) { return put(session, *options); }});
  CLI::App& list_app = *app.add_subcommand("list", "List the tenants");
  set_examples(list_app, {"pictor tenant list"});
  command.actions.push_back({&list_app, [](Session& session) { return list(session); }});
  app.require_subcommand(0, 1);
  set_examples(app, {"pictor tenant put acme", "pictor tenant list"});
  return command;
}

}  // namespace pictor
