// Database::copy_to, which says what it does.
#pragma once

#include <functional>

#include "db/connection.h"

namespace pictor::db {

Status copy_database(Connection& source, const std::string& path,
                     const std::function<Status(std::uint64_t done, std::uint64_t total)>& step);

}  // namespace pictor::db
