// pictor encoders: what can make vectors here, and what is missing for the others.
#include <CLI/CLI.hpp>

#include "cli/json_output.h"
#include "cli/session.h"
#include "cli/text.h"

namespace pictor {
namespace {

std::string head_text(const HeadInfo& head) {
  const char* takes = head.images && head.texts ? "pictures and words" : head.images ? "pictures" : "words";
  return head.name + " (" + std::to_string(head.dim) + " numbers, " + takes + ")";
}

Status run(Session& session) {
  PICTOR_ASSIGN(Engine * engine, session.engine(true));
  PICTOR_ASSIGN(const std::vector<EncoderInfo> encoders, engine->encoders());
  std::ostream& out = session.out();
  if (session.json()) {
    out << encoders_json(encoders) << "\n";
    return Status::ok();
  }
  if (encoders.empty()) out << "There is no encoder card in " << printable(session.options().models) << "\n";
  for (const EncoderInfo& info : encoders) {
    out << session.bold(printable(info.name)) << "  " << printable(info.precision)
        << (info.ready ? "" : session.red("  not ready")) << "\n";
    std::string heads;
    for (const HeadInfo& head : info.heads) heads += (heads.empty() ? "heads: " : ", ") + head_text(head);
    for (const std::string& text : {info.description, heads, "licence: " + info.licence}) {
      for (const std::string& line : wrap(printable(text), session.terminal().width - 2)) {
        if (!line.empty()) out << "  " << line << "\n";
      }
    }
    if (!info.ready && !info.advice.empty()) out << "  try: " << printable(info.advice) << "\n";
  }
  return Status::ok();
}

}  // namespace

Command add_encoders_command(CLI::App& parent) {
  CLI::App& app = *parent.add_subcommand("encoders", "List the encoders and whether their weights are here");
  set_examples(app, {"pictor encoders", "pictor encoders --json"});
  return {&app, [](Session& session) { return run(session); }};
}

}  // namespace pictor
