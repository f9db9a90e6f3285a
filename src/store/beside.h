// What a data folder has beside its collections: the folders of its tenants, and its keys, tenants and audit log.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/base.h"

namespace pictor {

// Names of the data folders of tenants, sorted.
Result<std::vector<std::string>> tenants_below(Env& env, const std::string& data_folder);
// Copies govern.db as it is at one moment, whoever writes to it meanwhile; `step` gets the bytes of each piece. False:
// there is none. REQUIRES: `to` is free, and whoever else has the database open names it by the same path.
Result<bool> copy_govern_database(Env& env, const std::string& data_folder, const std::string& to,
                                  const std::function<Status(std::uint64_t bytes)>& step);
// What a backup or half a restore holds must not be written to as if it were a data folder; a tenant's in it neither.
Status refuse_copies(Env& env, const std::string& data_folder);

}  // namespace pictor
