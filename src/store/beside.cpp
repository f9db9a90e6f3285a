#include "store/beside.h"

#include <algorithm>

#include "db/db.h"
#include "store/backup_manifest.h"

namespace pictor {
namespace {

constexpr std::uint64_t kPageBytes = 4096;

// `holder`: the folder itself, or the one that it is a tenant's of.
Status refuse_copy(Env& env, const std::string& data_folder, const std::string& holder) {
  if (exists(env, join_path(holder, kBackupManifest))) {
    return {Code::kMismatch, "'" + data_folder + "' is a backup, no data folder: restore it to a folder of its own " +
                                 "with pictor restore"};
  }
  if (!exists(env, join_path(holder, kRestoring))) return Status::ok();
  return {Code::kMismatch, "a backup is being restored to '" + holder + "', and that has not ended: run the same " +
                               "pictor restore again"};
}

}  // namespace

Result<std::vector<std::string>> tenants_below(Env& env, const std::string& data_folder) {
  std::vector<std::string> names;
  const std::string folder = join_path(data_folder, kTenantsFolder);
  if (!exists(env, folder)) return names;
  PICTOR_ASSIGN(const auto entries, env.list(folder));
  for (const auto& entry : entries) {
    const std::string catalogue = join_path(join_path(folder, entry.name), "catalogue.db");
    if (entry.kind == FileKind::kFolder && entry.name.front() != '.' && exists(env, catalogue)) {
      names.push_back(entry.name);
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

Result<bool> copy_govern_database(Env& env, const std::string& data_folder, const std::string& to,
                                  const std::function<Status(std::uint64_t bytes)>& step) {
  const std::string path = join_path(data_folder, kGovernDatabase);
  if (!exists(env, path)) return false;
  DatabaseOptions options;
  options.create = false;
  PICTOR_ASSIGN(const auto database, Database::open(env, path, options));
  std::uint64_t copied = 0;
  PICTOR_TRY(database->copy_to(to, [&](std::uint64_t pages, std::uint64_t) {
    const std::uint64_t bytes = (pages - copied) * kPageBytes;
    copied = pages;
    return step(bytes);
  }));
  return true;
}

Status refuse_copies(Env& env, const std::string& data_folder) {
  PICTOR_TRY(refuse_copy(env, data_folder, data_folder));
  std::string folder = data_folder;
  while (folder.size() > 1 && folder.back() == '/') folder.pop_back();
  const std::string above = parent_path(folder);
  return file_name(above) == kTenantsFolder ? refuse_copy(env, data_folder, parent_path(above)) : Status::ok();
}

}  // namespace pictor
