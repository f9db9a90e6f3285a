// pictor encoder fingerprint, and what encoder verify does with --fingerprint.
#include <CLI/CLI.hpp>

#include "cli/encoder_actions.h"
#include "cli/interrupt.h"
#include "cli/provenance_output.h"

namespace pictor {
namespace {

Status outcome(const std::string& encoder, const Fingerprint& print, bool check) {
  const std::string which = "the fingerprint of encoder '" + encoder + "', head '" + print.head + "', " +
                            std::to_string(print.count) + " " + print.of + ", " + print.isa_class;
  if (print.state == FingerprintState::kOther) {
    return {Code::kCorrupt, which + " is " + print.sha256 + ", by '" + print.kept_in + "' it is " + print.wanted +
                                ": the machine, the run time or the weights do not give the bits that they gave"};
  }
  if (check && print.state == FingerprintState::kNew) {
    return {Code::kNotFound, which + " has nothing to be compared with: keep one with pictor encoder fingerprint " +
                                 encoder + " --count " + std::to_string(print.count)};
  }
  return Status::ok();
}

Status outcome(const std::string& encoder, const FingerprintReport& report, bool check) {
  for (const Fingerprint& print : report.fingerprints) PICTOR_TRY(outcome(encoder, print, check));
  return Status::ok();
}

}  // namespace

CLI::Option* add_fingerprint_count_option(CLI::App& app, std::uint64_t& value) {
  return app.add_option("--count", value, "So many generated pictures, and texts")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{limits::kFingerprintMax}).description(""))
      ->type_name("N")
      ->capture_default_str();
}

Status encoder_fingerprint(Session& session, const std::string& encoder, std::uint64_t images, bool check) {
  PICTOR_ASSIGN(Engine * engine, session.engine(true));
  const InterruptGuard interrupt;
  FingerprintRequest request;
  request.encoder = encoder;
  request.images = images;
  request.keep = !check;
  request.cancel = &interrupt.flag();
  const auto report = [&] {
    WorkBar bar(session);
    request.progress = bar.function();
    return engine->fingerprint(request);
  }();
  PICTOR_TRY(report.status());
  if (session.json())
    session.out() << fingerprints_json(encoder, *report) << "\n";
  else if (!session.options().quiet)
    print_fingerprints(session, encoder, *report);
  return outcome(encoder, *report, check);
}

Command add_encoder_fingerprint_action(CLI::App& encoder) {
  CLI::App& app = *encoder.add_subcommand("fingerprint", "Make one SHA-256 a head that machines can compare");
  struct Options {
    std::string encoder;
    std::uint64_t images = 1000;
    bool check = false;
  };
  auto options = std::make_shared<Options>();
  add_encoder_argument(app, options->encoder);
  add_fingerprint_count_option(app, options->images);
  app.add_flag("--check", options->check, "Compare with the known one, keep nothing");
  set_examples(app, {"pictor encoder fingerprint clip", "pictor encoder fingerprint clip --check"});
  return {&app, [options](Session& session) {
            return encoder_fingerprint(session, options->encoder, options->images, options->check);
          }};
}

}  // namespace pictor
