// Where backups of a data folder were made, in its catalogue. Thread safety: as the database's.
#pragma once

#include <string>
#include <vector>

#include "db/db.h"
#include "pictor/backup.h"

namespace pictor {

Result<std::string> folder_id(Database& catalogue);
// The place is remembered, whether or not the backup will be whole. kLimit: there are too many.
Status remember_place(Database& catalogue, const BackupPlace& place);
Status note_backup_made(Database& catalogue, const std::string& path, std::int64_t made_us);
Result<std::vector<BackupPlace>> places_of(Database& catalogue);
// kNotFound when it is none.
Status forget_place(Database& catalogue, const std::string& path);

}  // namespace pictor
