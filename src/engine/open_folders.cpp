#include "engine/open_folders.h"

namespace pictor {

Result<std::shared_ptr<DataFolder>> OpenFolders::open(const std::string& path, bool create) {
  std::unique_lock lock(state_->mutex);
  for (auto found = state_->folders.find(path); found != state_->folders.end(); found = state_->folders.find(path)) {
    if (auto folder = found->second.lock()) return folder;
    state_->closed.wait(lock);  // somebody is closing it, and its lock is still held
  }
  PICTOR_ASSIGN(auto opened, DataFolder::open(env_, path, create));
  const auto close = [state = state_, path](DataFolder* folder) {
    delete folder;
    {
      const std::lock_guard closing(state->mutex);
      state->folders.erase(path);
    }
    state->closed.notify_all();
  };
  std::shared_ptr<DataFolder> folder(opened.release(), close);
  state_->folders[path] = folder;
  return folder;
}

}  // namespace pictor
