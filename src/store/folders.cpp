#include "store/folders.h"

namespace pictor {
namespace {

Status sync_parents(Env& env, const std::string& path, const std::string& first_existing) {
  for (std::string at = path; at != first_existing && at != "/" && at != "."; at = parent_path(at)) {
    PICTOR_TRY(env.sync_dir(parent_path(at)));
  }
  return Status::ok();
}

}  // namespace

Status make_durable_folder(Env& env, const std::string& path) {
  std::string existing = path;
  while (!exists(env, existing) && existing != "/" && existing != ".") existing = parent_path(existing);
  PICTOR_TRY(env.make_dirs(path));
  return sync_parents(env, path, existing);
}

}  // namespace pictor
