// SQLite's result codes as Pictor's Status.
#pragma once

#include <sqlite3.h>

#include <string>

#include "pictor/status.h"

namespace pictor::db {

// REQUIRES: code is an error. `message` is SQLite's own; an error of the Env beneath (vfs.h) says more and wins.
Status error_of(int code, const std::string& path, const std::string& message);
Status error_of(sqlite3* db, int code, const std::string& path);

}  // namespace pictor::db
