// Certificates of erasure: what was deleted for good, when, said so that only who knows an id can find it in one, and
// signed as receipts are. docs/formats/certificate.md has the fields, docs/decisions/0014-erasure.md the reasons.
//
// Thread safety: pure functions.
#pragma once

#include <string>
#include <string_view>

#include "base/base.h"
#include "engine/receipt.h"
#include "pictor/upkeep.h"
#include "store/store.h"

namespace pictor {

// Draws a salt that is kept nowhere else.
Result<std::string> make_certificate(Env& env, const std::string& collection, const PurgeReport& report,
                                     const SigningKey& key);
CheckedCertificate check_certificate(std::string_view certificate, const KnownKeys& keys);

}  // namespace pictor
