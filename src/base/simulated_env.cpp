#include "base/simulated_env.h"

#include <algorithm>
#include <mutex>
#include <optional>
#include <set>

#include "base/simulated_disk.h"

namespace pictor {

using simulated::Node;
using simulated::NodePtr;

namespace {

constexpr std::int64_t kWallStartUs = 1'700'000'000'000'000;  // some day in 2023
constexpr std::uint64_t kFileBytesMax = 1ULL << 32;           // a wild offset is an error, not an allocation

std::string_view name_of(SimulatedEnv::Operation operation) {
  switch (operation) {
    case SimulatedEnv::Operation::kWrite: return "write";
    case SimulatedEnv::Operation::kTruncate: return "truncate";
    case SimulatedEnv::Operation::kSync: return "sync";
    case SimulatedEnv::Operation::kSyncDir: return "sync folder";
    case SimulatedEnv::Operation::kCreate: return "create";
    case SimulatedEnv::Operation::kRename: return "rename";
    case SimulatedEnv::Operation::kRemove: return "remove";
  }
  return "";
}

Status power_is_out_at(const std::string& path) {
  return {Code::kIo, "cannot use '" + path + "': power is out (simulated)"};
}

Status not_found(const std::string& path) {
  return {Code::kNotFound, "cannot find '" + path + "': No such file or directory"};
}

bool is_folder(const NodePtr& node) { return node && node->kind == FileKind::kFolder; }

}  // namespace

struct SimulatedEnv::State {
  explicit State(std::uint64_t seed) : disk(seed) {}

  enum class Turn { kGo, kTorn, kOut };

  // Counts an operation and says whether it happens, is the one at which power fails, or comes after that.
  Turn turn(Operation operation, const std::string& path) {
    if (out) return Turn::kOut;
    ++operations;
    if (operations != fault_at) return Turn::kGo;
    out = true;
    fault = std::string(name_of(operation)) + " '" + path + "'";
    return Turn::kTorn;
  }

  Status writable(const std::string& path) const {
    const auto parts = simulated::split_path(path);
    for (const auto& closed : read_only) {
      if (closed.size() <= parts.size() && std::equal(closed.begin(), closed.end(), parts.begin())) {
        return {Code::kDenied,
                "cannot change '" + path + "': Read-only file system; choose a folder that can be written"};
      }
    }
    return Status::ok();
  }

  bool is_ignored(Operation operation, const std::string& path) const { return ignored && ignored(operation, path); }

  // Makes an entry, counting it; null and an error when power fails (the entry may be there all the same).
  Result<NodePtr> create(const NodePtr& folder, const std::string& name, const std::string& path, FileKind kind) {
    PICTOR_TRY(writable(path));
    const Turn now = turn(Operation::kCreate, path);
    if (now == Turn::kTorn && disk.coin()) disk.create(folder, name, kind);
    if (now != Turn::kGo) return power_is_out_at(path);
    auto node = disk.create(folder, name, kind);
    node->modified_us = kWallStartUs + clock_us;
    return node;
  }

  // Takes `growth` bytes from the disk's free space, or as many as there are.
  std::uint64_t take(std::uint64_t growth) {
    const auto taken = free ? std::min(*free, growth) : growth;
    if (free) *free -= taken;
    return taken;
  }
  void give(std::uint64_t bytes) {
    if (free) *free += bytes;
  }

  mutable std::mutex mutex;
  simulated::Disk disk;
  std::uint64_t operations = 0;
  std::uint64_t fault_at = 0;  // 0: never
  bool out = false;
  std::string fault;
  std::uint64_t boots = 0;  // files and locks of an earlier boot are dead
  std::function<bool(Operation, const std::string&)> ignored;
  std::optional<std::uint64_t> free;
  std::set<std::vector<std::string>> read_only;
  std::set<const Node*> locked;
  std::int64_t clock_us = 0;
};

namespace {

using State = SimulatedEnv::State;
using Operation = SimulatedEnv::Operation;

class SimulatedMapping : public Mapping {
 public:
  explicit SimulatedMapping(std::shared_ptr<const Bytes> bytes) : bytes_(std::move(bytes)) {}
  ByteView bytes() const override { return *bytes_; }

 private:
  std::shared_ptr<const Bytes> bytes_;
};

class SimulatedFile : public File {
 public:
  SimulatedFile(std::shared_ptr<State> state, NodePtr node, std::string path, bool may_write)
      : state_(std::move(state)),
        node_(std::move(node)),
        path_(std::move(path)),
        may_write_(may_write),
        boot_(state_->boots) {}

  Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    const std::lock_guard lock(state_->mutex);
    PICTOR_TRY(alive());
    const Bytes& content = *node_->content;
    if (offset >= content.size()) return std::size_t{0};
    const auto count = std::min<std::size_t>(out.size(), content.size() - offset);
    std::copy_n(content.begin() + static_cast<std::ptrdiff_t>(offset), count, out.begin());
    return count;
  }

  Status write_at(std::uint64_t offset, ByteView bytes) override {
    const std::lock_guard lock(state_->mutex);
    PICTOR_TRY(may_change());
    PICTOR_TRY(fits(offset, bytes.size()));
    const auto now = state_->turn(Operation::kWrite, path_);
    if (now == State::Turn::kTorn) state_->disk.write_torn(*node_, offset, bytes);
    if (now != State::Turn::kGo) return power_is_out_at(path_);
    const std::uint64_t end = offset + bytes.size();
    const std::uint64_t size = node_->content->size();
    const std::uint64_t growth = end > size ? end - size : 0;
    const std::uint64_t taken = state_->take(growth);
    const std::uint64_t missing = growth - taken;
    if (missing < bytes.size() || bytes.empty()) {
      state_->disk.write(*node_, offset, bytes.first(bytes.size() - missing));
    } else {
      state_->give(taken);
    }
    touch();
    if (missing > 0) return disk_is_full();
    return Status::ok();
  }

  Status truncate(std::uint64_t size) override {
    const std::lock_guard lock(state_->mutex);
    PICTOR_TRY(may_change());
    PICTOR_TRY(fits(0, size));
    const auto now = state_->turn(Operation::kTruncate, path_);
    if (now == State::Turn::kTorn && state_->disk.coin()) state_->disk.truncate(*node_, size);
    if (now != State::Turn::kGo) return power_is_out_at(path_);
    const std::uint64_t before = node_->content->size();
    if (size < before) state_->give(before - size);
    if (size > before) {
      const auto taken = state_->take(size - before);
      if (taken < size - before) {
        state_->give(taken);
        return disk_is_full();
      }
    }
    state_->disk.truncate(*node_, size);
    touch();
    return Status::ok();
  }

  Status sync() override {
    const std::lock_guard lock(state_->mutex);
    PICTOR_TRY(alive());
    if (state_->turn(Operation::kSync, path_) != State::Turn::kGo) return power_is_out_at(path_);
    if (!state_->is_ignored(Operation::kSync, path_)) state_->disk.sync(*node_);
    return Status::ok();
  }

  Result<std::uint64_t> size() const override {
    const std::lock_guard lock(state_->mutex);
    PICTOR_TRY(alive());
    return static_cast<std::uint64_t>(node_->content->size());
  }

  Result<std::unique_ptr<Mapping>> map(Access) const override {
    const std::lock_guard lock(state_->mutex);
    PICTOR_TRY(alive());
    node_->mapped = true;
    return std::unique_ptr<Mapping>(std::make_unique<SimulatedMapping>(node_->content));
  }

 private:
  Status alive() const {
    if (state_->out || boot_ != state_->boots) return power_is_out_at(path_);
    return Status::ok();
  }
  Status may_change() const {
    PICTOR_TRY(alive());
    if (!may_write_) return {Code::kIo, "cannot change '" + path_ + "': it was opened for reading"};
    return state_->writable(path_);
  }
  Status fits(std::uint64_t offset, std::uint64_t bytes) const {
    if (offset <= kFileBytesMax && bytes <= kFileBytesMax - offset) return Status::ok();
    return {Code::kLimit, "cannot write '" + path_ + "': File too large"};
  }
  Status disk_is_full() const {
    return {Code::kLimit, "cannot write '" + path_ + "': No space left on device; free some space and try again"};
  }
  void touch() { node_->modified_us = kWallStartUs + state_->clock_us; }

  std::shared_ptr<State> state_;
  NodePtr node_;
  std::string path_;
  bool may_write_;
  std::uint64_t boot_;
};

class SimulatedLock : public FileLock {
 public:
  SimulatedLock(std::shared_ptr<State> state, NodePtr node)
      : state_(std::move(state)), node_(std::move(node)), boot_(state_->boots) {}
  ~SimulatedLock() override {
    const std::lock_guard lock(state_->mutex);
    if (boot_ == state_->boots) state_->locked.erase(node_.get());
  }
  SimulatedLock(const SimulatedLock&) = delete;
  SimulatedLock& operator=(const SimulatedLock&) = delete;

 private:
  std::shared_ptr<State> state_;
  NodePtr node_;
  std::uint64_t boot_;
};

// The folder that has (or would have) the last part of `path`.
Result<NodePtr> folder_of(const State& state, const std::string& path) {
  const auto folder = state.disk.find(parent_path(path));
  if (path.empty() || simulated::split_path(path).empty() || !is_folder(folder)) return not_found(path);
  return folder;
}

std::string last_part(const std::string& path) { return simulated::split_path(path).back(); }

// REQUIRES: the mutex is held.
Result<NodePtr> open_node(State& state, const std::string& path, OpenMode mode) {
  if (state.out) return power_is_out_at(path);
  auto node = path.empty() ? nullptr : state.disk.find(path);
  const bool must_be_new = mode == OpenMode::kCreateNew || mode == OpenMode::kCreatePrivate;
  if (is_folder(node)) {
    return Status(must_be_new ? Code::kExists : Code::kInvalid, "'" + path + "' is not a regular file");
  }
  if (node && must_be_new) {
    return Status(Code::kExists, "cannot open '" + path + "': File exists");
  }
  if (node) {
    if (mode != OpenMode::kRead) PICTOR_TRY(state.writable(path));
    return node;
  }
  if (mode == OpenMode::kRead || mode == OpenMode::kReadWrite) return not_found(path);
  PICTOR_ASSIGN(const auto folder, folder_of(state, path));
  return state.create(folder, last_part(path), path, FileKind::kFile);
}

}  // namespace

SimulatedEnv::SimulatedEnv(std::uint64_t seed) : state_(std::make_shared<State>(seed)) {}
SimulatedEnv::~SimulatedEnv() = default;

void SimulatedEnv::set_fault_after(std::uint64_t operations) {
  const std::lock_guard lock(state_->mutex);
  state_->fault_at = operations == 0 ? 0 : state_->operations + operations;
}

bool SimulatedEnv::power_is_out() const {
  const std::lock_guard lock(state_->mutex);
  return state_->out;
}

std::string SimulatedEnv::fault() const {
  const std::lock_guard lock(state_->mutex);
  return state_->fault;
}

std::uint64_t SimulatedEnv::operations() const {
  const std::lock_guard lock(state_->mutex);
  return state_->operations;
}

void SimulatedEnv::power_loss() {
  const std::lock_guard lock(state_->mutex);
  state_->disk.lose_power();
  state_->out = false;
  state_->fault_at = 0;
  state_->locked.clear();
  ++state_->boots;
}

void SimulatedEnv::ignore_syncs(std::function<bool(Operation, const std::string&)> ignored) {
  const std::lock_guard lock(state_->mutex);
  state_->ignored = std::move(ignored);
}

void SimulatedEnv::set_free_bytes(std::uint64_t bytes) {
  const std::lock_guard lock(state_->mutex);
  state_->free = bytes;
}

void SimulatedEnv::set_read_only(const std::string& path, bool read_only) {
  const std::lock_guard lock(state_->mutex);
  if (read_only) {
    state_->read_only.insert(simulated::split_path(path));
  } else {
    state_->read_only.erase(simulated::split_path(path));
  }
}

void SimulatedEnv::advance_us(std::int64_t us) {
  const std::lock_guard lock(state_->mutex);
  state_->clock_us += us;
}

Result<std::unique_ptr<File>> SimulatedEnv::open(const std::string& path, OpenMode mode) {
  const std::lock_guard lock(state_->mutex);
  PICTOR_ASSIGN(auto node, open_node(*state_, path, mode));
  return std::unique_ptr<File>(std::make_unique<SimulatedFile>(state_, std::move(node), path, mode != OpenMode::kRead));
}

Result<FileInfo> SimulatedEnv::info(const std::string& path) {
  const std::lock_guard lock(state_->mutex);
  if (state_->out) return power_is_out_at(path);
  const auto node = path.empty() ? nullptr : state_->disk.find(path);
  if (!node) return not_found(path);
  return FileInfo{node->kind, node->content->size(), node->modified_us};
}

Result<std::vector<DirEntry>> SimulatedEnv::list(const std::string& path) {
  const std::lock_guard lock(state_->mutex);
  if (state_->out) return power_is_out_at(path);
  const auto node = path.empty() ? nullptr : state_->disk.find(path);
  if (!is_folder(node)) return not_found(path);
  std::vector<DirEntry> entries;
  for (const auto& [name, child] : node->entries) entries.push_back({name, child->kind});
  return entries;
}

Status SimulatedEnv::rename(const std::string& from, const std::string& to) {
  const std::lock_guard lock(state_->mutex);
  if (state_->out) return power_is_out_at(from);
  const auto node = state_->disk.find(from);
  if (!node) return not_found(from);
  PICTOR_ASSIGN(const auto old_folder, folder_of(*state_, from));
  PICTOR_ASSIGN(const auto new_folder, folder_of(*state_, to));
  const auto target = state_->disk.find(to);
  if (target == node) return Status::ok();
  const auto from_parts = simulated::split_path(from);
  const auto to_parts = simulated::split_path(to);
  const bool into_itself =
      to_parts.size() > from_parts.size() && std::equal(from_parts.begin(), from_parts.end(), to_parts.begin());
  if (into_itself || (target && is_folder(target) != is_folder(node))) {
    return {Code::kInvalid, "cannot rename '" + from + "' to '" + to + "': Invalid argument"};
  }
  if (target && !target->entries.empty()) return {Code::kIo, "cannot rename '" + from + "': Directory not empty"};
  PICTOR_TRY(state_->writable(from));
  PICTOR_TRY(state_->writable(to));
  const auto now = state_->turn(Operation::kRename, from);
  if (now == State::Turn::kGo || state_->disk.coin()) {
    if (target) state_->give(target->content->size());
    state_->disk.rename(old_folder, from_parts.back(), new_folder, to_parts.back());
  }
  return now == State::Turn::kGo ? Status::ok() : power_is_out_at(from);
}

Status SimulatedEnv::remove(const std::string& path) {
  const std::lock_guard lock(state_->mutex);
  if (state_->out) return power_is_out_at(path);
  const auto node = state_->disk.find(path);
  if (!node) return not_found(path);
  PICTOR_ASSIGN(const auto folder, folder_of(*state_, path));
  if (!node->entries.empty()) return {Code::kIo, "cannot remove '" + path + "': Directory not empty"};
  PICTOR_TRY(state_->writable(path));
  const auto now = state_->turn(Operation::kRemove, path);
  if (now == State::Turn::kGo || state_->disk.coin()) {
    state_->give(node->content->size());
    state_->disk.remove(folder, last_part(path));
  }
  return now == State::Turn::kGo ? Status::ok() : power_is_out_at(path);
}

Status SimulatedEnv::make_dirs(const std::string& path) {
  const std::lock_guard lock(state_->mutex);
  if (state_->out) return power_is_out_at(path);
  NodePtr folder = state_->disk.root();
  std::string made = path.starts_with('/') ? "/" : "";
  for (const auto& part : simulated::split_path(path)) {
    made = join_path(made, part);
    const auto found = folder->entries.find(part);
    if (found == folder->entries.end()) {
      PICTOR_ASSIGN(folder, state_->create(folder, part, made, FileKind::kFolder));
    } else if (is_folder(found->second)) {
      folder = NodePtr(found->second);
    } else {
      return {Code::kExists, "'" + made + "' exists and is not a folder"};
    }
  }
  return Status::ok();
}

Status SimulatedEnv::sync_dir(const std::string& path) {
  const std::lock_guard lock(state_->mutex);
  if (state_->out) return power_is_out_at(path);
  const auto folder = state_->disk.find(path);
  if (!is_folder(folder)) return not_found(path);
  if (state_->turn(Operation::kSyncDir, path) != State::Turn::kGo) return power_is_out_at(path);
  if (!state_->is_ignored(Operation::kSyncDir, path)) state_->disk.sync_folder(folder);
  return Status::ok();
}

Result<std::unique_ptr<FileLock>> SimulatedEnv::lock(const std::string& path) {
  const std::lock_guard lock(state_->mutex);
  PICTOR_ASSIGN(auto node, open_node(*state_, path, OpenMode::kReadWriteCreate));
  if (!state_->locked.insert(node.get()).second) {
    return Status(Code::kBusy, "cannot lock '" + path + "': Resource temporarily unavailable");
  }
  return std::unique_ptr<FileLock>(std::make_unique<SimulatedLock>(state_, std::move(node)));
}

Result<std::uint64_t> SimulatedEnv::free_bytes(const std::string& path) {
  const std::lock_guard lock(state_->mutex);
  if (!state_->disk.find(path)) return not_found(path);
  return state_->free.value_or(1ULL << 40);
}

std::int64_t SimulatedEnv::wall_us() { return kWallStartUs + monotonic_us(); }

std::int64_t SimulatedEnv::monotonic_us() {
  const std::lock_guard lock(state_->mutex);
  return state_->clock_us;
}

void SimulatedEnv::wait_us(std::int64_t us) { advance_us(us); }

void SimulatedEnv::random(std::span<std::byte> out) {
  const std::lock_guard lock(state_->mutex);
  for (auto& byte : out) byte = static_cast<std::byte>(state_->disk.below(256));
}

}  // namespace pictor
