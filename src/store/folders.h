// Folders whose names are durable.
#pragma once

#include <string>

#include "base/base.h"

namespace pictor {

// Made with its parents where it is missing; each name that was made is durable.
Status make_durable_folder(Env& env, const std::string& path);

}  // namespace pictor
