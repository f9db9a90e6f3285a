#include "db/shared_file.h"

namespace pictor::db {

int SharedFile::lock(ConnectionLocks& mine, int level) {
  const std::lock_guard guard(mutex_);
  if (mine.level >= level) return SQLITE_OK;
  if (level == SQLITE_LOCK_SHARED) {
    if (writer_ != nullptr && writer_->level >= SQLITE_LOCK_PENDING) return SQLITE_BUSY;
    ++shared_count_;
    mine.level = SQLITE_LOCK_SHARED;
    return SQLITE_OK;
  }
  if (writer_ != nullptr && writer_ != &mine) return SQLITE_BUSY;
  writer_ = &mine;
  if (level == SQLITE_LOCK_RESERVED) {
    mine.level = SQLITE_LOCK_RESERVED;
    return SQLITE_OK;
  }
  mine.level = SQLITE_LOCK_PENDING;  // kept when readers remain: no new one may come
  if (shared_count_ > 1) return SQLITE_BUSY;
  mine.level = SQLITE_LOCK_EXCLUSIVE;
  return SQLITE_OK;
}

int SharedFile::unlock(ConnectionLocks& mine, int level) {
  const std::lock_guard guard(mutex_);
  if (mine.level <= level) return SQLITE_OK;
  if (writer_ == &mine) writer_ = nullptr;
  if (level == SQLITE_LOCK_NONE) --shared_count_;
  mine.level = level;
  notify_released();
  return SQLITE_OK;
}

bool SharedFile::is_reserved() const {
  const std::lock_guard guard(mutex_);
  return writer_ != nullptr;
}

int SharedFile::lock_slots(ConnectionLocks& mine, int first, int count, int flags) {
  if (first < 0 || count < 1 || first + count > SQLITE_SHM_NLOCK) return SQLITE_MISUSE;
  const std::lock_guard guard(mutex_);
  const bool exclusive = (flags & SQLITE_SHM_EXCLUSIVE) != 0;
  if ((flags & SQLITE_SHM_UNLOCK) != 0) {
    for (int slot = first; slot < first + count; ++slot) {
      const std::uint32_t bit = 1U << slot;
      if ((mine.exclusive_slots & bit) != 0) slot_exclusive_[slot] = nullptr;
      if ((mine.shared_slots & bit) != 0) --slot_shared_[slot];
      mine.exclusive_slots &= ~bit;
      mine.shared_slots &= ~bit;
    }
    notify_released();
    return SQLITE_OK;
  }
  for (int slot = first; slot < first + count; ++slot) {
    const bool mine_shared = (mine.shared_slots & (1U << slot)) != 0;
    if (slot_exclusive_[slot] != nullptr && slot_exclusive_[slot] != &mine) return SQLITE_BUSY;
    if (exclusive && slot_shared_[slot] > (mine_shared ? 1 : 0)) return SQLITE_BUSY;
  }
  for (int slot = first; slot < first + count; ++slot) {
    const std::uint32_t bit = 1U << slot;
    if (exclusive) {
      slot_exclusive_[slot] = &mine;
      mine.exclusive_slots |= bit;
    } else if ((mine.shared_slots & bit) == 0) {
      ++slot_shared_[slot];
      mine.shared_slots |= bit;
    }
  }
  return SQLITE_OK;
}

void* SharedFile::map(ConnectionLocks& mine, int index, int bytes, bool extend) {
  const std::lock_guard guard(mutex_);
  if (!mine.mapped) {
    mine.mapped = true;
    ++mappers_;
  }
  const auto wanted = static_cast<std::size_t>(index);
  if (wanted >= regions_.size() && !extend) return nullptr;
  while (regions_.size() <= wanted) {
    const auto words = (static_cast<std::size_t>(bytes) + sizeof(std::uint64_t) - 1) / sizeof(std::uint64_t);
    regions_.push_back(std::make_unique<std::uint64_t[]>(words));
  }
  return regions_[wanted].get();
}

void SharedFile::unmap(ConnectionLocks& mine) {
  lock_slots(mine, 0, SQLITE_SHM_NLOCK, SQLITE_SHM_UNLOCK | SQLITE_SHM_SHARED);
  const std::lock_guard guard(mutex_);
  if (!mine.mapped) return;
  mine.mapped = false;
  if (--mappers_ == 0) regions_.clear();
}

void SharedFile::barrier() {
  // Entering and leaving the mutex orders memory between the connections, for the processor and for tools.
  const std::lock_guard guard(mutex_);
}

void SharedFile::add_writer() {
  const std::lock_guard guard(mutex_);
  ++writers_;
}

void SharedFile::remove_writer() {
  const std::lock_guard guard(mutex_);
  --writers_;
}

bool SharedFile::has_writers() const {
  const std::lock_guard guard(mutex_);
  return writers_ > 0;
}

void SharedFile::notify_released() {
  ++releases_;
  released_.notify_all();
}

void SharedFile::wait_for_release(std::chrono::milliseconds longest) {
  std::unique_lock guard(mutex_);
  const std::uint64_t seen = releases_;
  released_.wait_for(guard, longest, [&] { return releases_ != seen; });
}

}  // namespace pictor::db
