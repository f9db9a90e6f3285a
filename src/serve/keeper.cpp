#include "serve/keeper.h"

#include <chrono>

#include "observe/observe.h"

namespace pictor {
namespace {

constexpr std::int64_t kQuietUs = 3'000'000;   // without a write: then indexes are made
constexpr std::int64_t kWaitsUs = 30'000'000;  // or after that, however much is written
constexpr std::chrono::milliseconds kLook{500};

}  // namespace

Keeper::Keeper(Env& env, Engine& engine) : env_(env), engine_(engine), thread_([this] { run(); }) {}

Keeper::~Keeper() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Keeper::written(const std::string& collection) {
  const std::int64_t now = env_.monotonic_us();
  const std::lock_guard lock(mutex_);
  auto& due = due_.try_emplace(collection, Due{now, now}).first->second;
  due.last_us = now;
}

std::string Keeper::next_due(std::int64_t now_us) {
  for (const auto& [collection, due] : due_) {
    if (now_us - due.last_us >= kQuietUs || now_us - due.first_us >= kWaitsUs) return collection;
  }
  return {};
}

void Keeper::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    const std::string collection = next_due(env_.monotonic_us());
    if (collection.empty()) {
      changed_.wait_for(lock, kLook);
      continue;
    }
    due_.erase(collection);
    lock.unlock();
    IndexesRequest request;
    request.collection = collection;
    request.cancel = &stopping_;
    const auto made = engine_.build_indexes(request);
    if (!made.is_ok() && made.status().code() != Code::kNotFound) {
      log(LogLevel::kWarning, "indexes_not_made", {{"collection", collection}, {"cause", made.status().message()}});
    }
    lock.lock();
  }
}

}  // namespace pictor
