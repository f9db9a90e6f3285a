// What key, tenant and audit have together.
#pragma once

#include <memory>

#include "cli/session.h"
#include "govern/govern.h"

namespace pictor {

// Of the session's data folder, whose lock the engine holds meanwhile; made when it does not exist.
Result<std::unique_ptr<Governor>> open_governor(Session& session);

}  // namespace pictor
