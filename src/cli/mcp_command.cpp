// pictor mcp: an assistant speaks to the engine over standard input and output.
#include <CLI/CLI.hpp>

#include "cli/session.h"

namespace pictor {
namespace {

Status run(Session& session, const std::string& collection) {
  const Services& services = session.services();
  if (!services.serve_mcp || services.in == nullptr) {
    return {Code::kUnsupported, "this program was built without assistants"};
  }
  PICTOR_ASSIGN(Engine * engine, session.engine());
  return services.serve_mcp(*engine, *services.in, session.out(), {collection, services.version});
}

}  // namespace

Command add_mcp_command(CLI::App& parent) {
  CLI::App& app = *parent.add_subcommand("mcp", "Speak to an assistant by the Model Context Protocol");
  auto collection = std::make_shared<std::string>();
  app.add_option("-c,--collection", *collection, "Collection of calls that name none")
      ->envname("PICTOR_COLLECTION")
      ->type_name("NAME");
  set_examples(app, {"pictor mcp --collection photos", "pictor mcp --server https://pictures.example.org"});
  return {&app, [collection](Session& session) { return run(session, *collection); }};
}

}  // namespace pictor
