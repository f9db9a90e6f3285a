// The disk inside SimulatedEnv: a tree of files and folders, what of it is durable, and what a loss of power leaves.
//
// Private to base. Not thread-safe: SimulatedEnv holds its mutex around every call. Each file has the content that
// reads see, the durable content, and the changes between them in order; each folder has live and durable entries, and
// the disk one list of changes of names that are not durable yet.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "base/env.h"

namespace pictor::simulated {

inline constexpr std::uint64_t kSectorBytes = 512;

struct Change {
  bool is_truncate = false;
  std::uint64_t offset = 0;  // the new size, for a truncation
  Bytes bytes;
};

struct Node;
using NodePtr = std::shared_ptr<Node>;
using Entries = std::map<std::string, NodePtr, std::less<>>;

struct Node {
  FileKind kind = FileKind::kFile;
  std::int64_t modified_us = 0;

  std::shared_ptr<Bytes> content = std::make_shared<Bytes>();
  bool mapped = false;  // a Mapping shares `content`: the next change copies it first
  Bytes durable;
  std::vector<Change> changes;

  Entries entries;
  Entries durable_entries;
  std::weak_ptr<Node> durable_parent;  // where the durable tree has this node, if anywhere
  std::string durable_name;
};

// A create, rename (`to` and `from` set), or remove (`to` empty). Durable once `committed_by` is synced.
struct NameChange {
  NodePtr node;
  NodePtr from;
  NodePtr to;
  std::string to_name;
  NodePtr committed_by;
  NodePtr replaced;  // by a rename
};

// A path split at '/', without "", "." and "..".
std::vector<std::string> split_path(std::string_view path);

class Disk {
 public:
  explicit Disk(std::uint64_t seed) : random_(seed) {}

  NodePtr find(std::string_view path) const;  // null when there is none
  NodePtr root() const { return root_; }

  // REQUIRES: `folder` is a folder; `name` is free in it.
  NodePtr create(const NodePtr& folder, const std::string& name, FileKind kind);
  void remove(const NodePtr& folder, const std::string& name);
  void rename(const NodePtr& from, const std::string& from_name, const NodePtr& to, const std::string& to_name);
  void write(Node& node, std::uint64_t offset, ByteView bytes);
  // Writes only a part: a prefix, some sectors, nothing or all.
  void write_torn(Node& node, std::uint64_t offset, ByteView bytes);
  void truncate(Node& node, std::uint64_t size);

  void sync(Node& node);
  void sync_folder(const NodePtr& folder);
  // Decides for every change that was not synced whether it was kept, dropped or torn, and starts again from there.
  void lose_power();

  std::uint64_t below(std::uint64_t bound) { return random_() % bound; }
  bool coin() { return below(2) == 0; }
  std::mt19937_64& random() { return random_; }

 private:
  void apply(const NameChange& change);
  void settle_names();
  void settle_content(Node& node);
  void settle_tree(Node& node);

  NodePtr root_ = make_root();
  std::vector<NameChange> names_;
  std::mt19937_64 random_;

  static NodePtr make_root();
};

}  // namespace pictor::simulated
