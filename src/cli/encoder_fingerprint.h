// pictor encoder fingerprint, and what encoder verify does with --fingerprint.
#pragma once

#include <string>

#include "cli/session.h"

namespace pictor {

struct FingerprintOptions {
  std::uint64_t images = 1000;
  bool check = false;        // fingerprint: compare only
  bool with_verify = false;  // verify: compare too
};

void add_fingerprint_options(CLI::App& app, FingerprintOptions& options);
// Prints the fingerprints. kCorrupt when one is not as known, kNotFound when one was to be checked and none is known.
Status encoder_fingerprint(Session& session, const std::string& encoder, const FingerprintOptions& options);

}  // namespace pictor
