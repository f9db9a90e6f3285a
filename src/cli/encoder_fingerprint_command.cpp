#include <CLI/CLI.hpp>

#include "cli/encoder_fingerprint.h"
#include "cli/interrupt.h"
#include "cli/provenance_output.h"

namespace pictor {
namespace {

Status outcome(const std::string& encoder, const FingerprintReport& report, bool check) {
  for (const Fingerprint& print : report.fingerprints) {
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
  }
  return Status::ok();
}

}  // namespace

void add_fingerprint_options(CLI::App& app, FingerprintOptions& options) {
  app.add_option("--count", options.images, "fingerprint: so many generated pictures, and texts")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{limits::kFingerprintMax}).description(""))
      ->type_name("N")
      ->capture_default_str();
  app.add_flag("--check", options.check, "fingerprint: compare with the known one, keep nothing");
  app.add_flag("--fingerprint", options.with_verify, "verify: make the vectors of generated inputs, too, and compare");
}

Status encoder_fingerprint(Session& session, const std::string& encoder, const FingerprintOptions& options) {
  const bool check = options.check || options.with_verify;
  PICTOR_ASSIGN(Engine * engine, session.engine(true));
  const InterruptGuard interrupt;
  FingerprintRequest request;
  request.encoder = encoder;
  request.images = options.images;
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

}  // namespace pictor
