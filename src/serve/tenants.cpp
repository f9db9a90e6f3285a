#include "serve/tenants.h"

#include <algorithm>

namespace pictor {

Tenants::Tenants(Env& env, Engine& main, const std::string& data_folder)
    : env_(env),
      main_engine_(main),
      folder_(join_path(data_folder, "tenants")),
      main_(std::make_shared<Tenant>(env, main, data_folder)) {}

Result<std::shared_ptr<Tenant>> Tenants::open(const std::string& name) {
  if (name.empty()) return main_;
  const std::lock_guard lock(mutex_);
  if (const auto found = open_.find(name); found != open_.end()) {
    found->second.used = ++turns_;
    return found->second.tenant;
  }
  make_room();
  PICTOR_TRY(env_.make_dirs(folder_));
  PICTOR_TRY(env_.sync_dir(parent_path(folder_)));
  const std::string own = join_path(folder_, name);
  PICTOR_ASSIGN(auto engine, main_engine_.open_beside(own));
  auto tenant = std::make_shared<Tenant>(env_, std::move(engine), own);
  open_[name] = {tenant, ++turns_};
  return tenant;
}

void Tenants::make_room() {
  while (open_.size() >= limits::kTenantsOpenMax) {
    auto oldest = open_.end();
    for (auto it = open_.begin(); it != open_.end(); ++it) {
      const bool idle = it->second.tenant.use_count() == 1 && !it->second.tenant->jobs.busy();
      if (idle && (oldest == open_.end() || it->second.used < oldest->second.used)) oldest = it;
    }
    if (oldest == open_.end()) return;  // all are being used: there are as many as requests at most
    open_.erase(oldest);
  }
}

}  // namespace pictor
