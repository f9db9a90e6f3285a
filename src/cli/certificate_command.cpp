// pictor certificate: checks what `pictor delete --purge --certificate` wrote.
#include <CLI/CLI.hpp>

#include "cli/json_output.h"
#include "cli/session.h"
#include "cli/text.h"

namespace pictor {
namespace {

struct Options {
  std::string file, public_key;
  std::vector<std::string> ids;
};

Result<std::string> read_text(Session& session, const std::string& path) {
  PICTOR_ASSIGN(const Bytes bytes, read_file(session.env(), path, limits::kCertificateBytesMax + 2));
  return std::string(as_text(bytes));
}

Result<CheckedCertificate> checked(Session& session, const Options& options, const std::string& text) {
  if (options.public_key.empty()) {
    PICTOR_ASSIGN(Engine * engine, session.engine());
    return engine->upkeep().check(text);
  }
  PICTOR_ASSIGN(const std::string key, read_text(session, options.public_key));
  return check_certificate(text, key);
}

Status check(Session& session, const Options& options) {
  PICTOR_ASSIGN(const std::string text, read_text(session, options.file));
  PICTOR_ASSIGN(const CheckedCertificate found, checked(session, options, text));
  std::vector<CertifiedId> ids;
  Status outcome = found.problem;
  for (const std::string& id : options.ids) {
    if (!found.problem.is_ok()) break;
    PICTOR_ASSIGN(const bool named, is_certified(text, id));
    ids.push_back({id, named});
    if (!named && outcome.is_ok())
      outcome = {Code::kNotFound, "the certificate does not say that '" + id + "' was erased"};
  }
  if (session.json()) {
    session.out() << certificate_json(found, ids) << "\n";
    return outcome;
  }
  if (!found.problem.is_ok() || session.options().quiet) return outcome;
  session.out() << "The certificate is whole, and signed by key " << printable(found.key) << "\n"
                << plural(found.items, "item", "items") << " of '" << printable(found.collection) << "' erased between "
                << date_text(found.begun_us) << " and " << date_text(found.done_us) << "\n";
  for (const CertifiedId& id : ids) {
    session.out() << (id.erased ? "erased      " : "not in it   ") << printable(id.id) << "\n";
  }
  return outcome;
}

Command add_check_action(CLI::App& parent) {
  CLI::App& app = *parent.add_subcommand("check", "Check a certificate, and whether it names an id");
  auto options = std::make_shared<Options>();
  app.add_option("file", options->file, "The certificate")->required()->type_name("FILE");
  app.add_option("--id", options->ids, "Also say whether it says that this item was erased")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->type_name("ID");
  app.add_option("--public-key", options->public_key,
                 "Check without a data folder, by this key: DATA/keys/receipts.pub of whoever signed it")
      ->type_name("FILE");
  set_examples(app, {"pictor certificate check erased.json", "pictor certificate check erased.json --id photos/me.jpg",
                     "pictor certificate check erased.json --public-key receipts.pub"});
  return {&app, [options](Session& session) { return check(session, *options); }};
}

}  // namespace

Command add_certificate_command(CLI::App& parent) {
  CLI::App& app = *parent.add_subcommand("certificate", "Check certificates of erasure");
  Command command{&app, nullptr, {}};
  command.actions.push_back(add_check_action(app));
  app.require_subcommand(0, 1);
  set_examples(app, {"pictor certificate check erased.json"});
  return command;
}

}  // namespace pictor
