// Tenants: each has a data folder of its own below the server's, and what a server holds for one. Inside serve/ only.
//
// What one tenant stores, caches, indexes and measures is in other objects and other files than another's; they have
// the encoders and the threads together. Thread safety: all calls from any thread.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "pictor/engine.h"
#include "serve/jobs.h"
#include "serve/keeper.h"
#include "serve/put_lanes.h"

namespace pictor {

struct Tenant {
  Tenant(Env& env, Engine& main, const std::string& folder)
      : engine(main), lanes(main), keeper(env, main), jobs(env, folder, job_runner(engine)) {}
  Tenant(Env& env, std::unique_ptr<Engine> own, const std::string& folder)
      : owned(std::move(own)),
        engine(*owned),
        lanes(engine),
        keeper(env, engine),
        jobs(env, folder, job_runner(engine)) {}

  const std::unique_ptr<Engine> owned;  // null: the main tenant's belongs to whoever made the server
  Engine& engine;
  PutLanes lanes;
  Keeper keeper;
  Jobs jobs;
};

class Tenants {
 public:
  Tenants(Env& env, Engine& main, const std::string& data_folder);

  // Opened when it is first asked for; "" is the main one. At most limits::kTenantsOpenMax stay open: one that nobody
  // uses is closed for another.
  Result<std::shared_ptr<Tenant>> open(const std::string& name);

 private:
  struct Open {
    std::shared_ptr<Tenant> tenant;
    std::uint64_t used = 0;  // turn of its last use
  };
  void make_room();  // REQUIRES: the lock is held

  Env& env_;
  Engine& main_engine_;
  const std::string folder_;
  const std::shared_ptr<Tenant> main_;
  std::mutex mutex_;
  std::map<std::string, Open> open_;
  std::uint64_t turns_ = 0;
};

}  // namespace pictor
