// pictor version: what this program is and was built with.
#include <CLI/CLI.hpp>

#include "cli/json_output.h"
#include "cli/session.h"

namespace pictor {

Command add_version_command(CLI::App& parent) {
  CLI::App& app = *parent.add_subcommand("version", "Show the version and what it was built with");
  set_examples(app, {"pictor version", "pictor version --json"});
  return {&app, [](Session& session) {
            const Services& services = session.services();
            if (session.json()) {
              session.out() << version_json(services.version, services.build_details) << "\n";
              return Status::ok();
            }
            if (services.build_details.empty()) session.out() << "pictor " << services.version << "\n";
            for (const std::string& detail : services.build_details) session.out() << detail << "\n";
            return Status::ok();
          }};
}

}  // namespace pictor
