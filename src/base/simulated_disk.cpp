#include "base/simulated_disk.h"

#include <algorithm>
#include <unordered_set>

namespace pictor::simulated {
namespace {

void apply_to(Bytes& content, const Change& change) {
  if (change.is_truncate) {
    content.resize(change.offset);
    return;
  }
  if (change.bytes.empty()) return;
  const std::uint64_t end = change.offset + change.bytes.size();
  if (content.size() < end) content.resize(end);
  std::copy(change.bytes.begin(), change.bytes.end(), content.begin() + static_cast<std::ptrdiff_t>(change.offset));
}

// Cuts a write where the disk's sectors meet.
std::vector<Change> sectors_of(std::uint64_t offset, ByteView bytes) {
  std::vector<Change> sectors;
  while (!bytes.empty()) {
    const std::uint64_t room = kSectorBytes - offset % kSectorBytes;
    const auto part = bytes.first(std::min<std::uint64_t>(room, bytes.size()));
    sectors.push_back({false, offset, Bytes(part.begin(), part.end())});
    offset += part.size();
    bytes = bytes.subspan(part.size());
  }
  return sectors;
}

void detach(const NodePtr& node) {
  if (const auto parent = node->durable_parent.lock()) parent->durable_entries.erase(node->durable_name);
  node->durable_parent.reset();
}

// How likely one loss of power keeps each change: all or nothing are as interesting as a mixture.
std::uint64_t keep_of_four(Disk& disk) {
  static constexpr std::uint64_t kChoices[] = {0, 1, 2, 3, 4};
  return kChoices[disk.below(std::size(kChoices))];
}

}  // namespace

std::vector<std::string> split_path(std::string_view path) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin <= path.size();) {
    const auto end = std::min(path.find('/', begin), path.size());
    const auto part = path.substr(begin, end - begin);
    if (part == ".." && !parts.empty()) parts.pop_back();
    if (!part.empty() && part != "." && part != "..") parts.emplace_back(part);
    begin = end + 1;
  }
  return parts;
}

NodePtr Disk::make_root() {
  auto root = std::make_shared<Node>();
  root->kind = FileKind::kFolder;
  return root;
}

NodePtr Disk::find(std::string_view path) const {
  NodePtr node = root_;
  for (const auto& part : split_path(path)) {
    const auto found = node->entries.find(part);
    if (found == node->entries.end()) return nullptr;
    node = found->second;
  }
  return node;
}

NodePtr Disk::create(const NodePtr& folder, const std::string& name, FileKind kind) {
  auto node = std::make_shared<Node>();
  node->kind = kind;
  folder->entries[name] = node;
  names_.push_back({node, nullptr, folder, name, folder, nullptr});
  return node;
}

void Disk::remove(const NodePtr& folder, const std::string& name) {
  const auto found = folder->entries.find(name);
  names_.push_back({found->second, folder, nullptr, "", folder, nullptr});
  folder->entries.erase(found);
}

void Disk::rename(const NodePtr& from, const std::string& from_name, const NodePtr& to, const std::string& to_name) {
  const NodePtr node = from->entries.at(from_name);
  from->entries.erase(from_name);
  NodePtr& slot = to->entries[to_name];
  names_.push_back({node, from, to, to_name, to, slot});
  slot = node;
}

void Disk::write(Node& node, std::uint64_t offset, ByteView bytes) {
  if (node.mapped) {
    node.content = std::make_shared<Bytes>(*node.content);
    node.mapped = false;
  }
  Change change{false, offset, Bytes(bytes.begin(), bytes.end())};
  apply_to(*node.content, change);
  node.changes.push_back(std::move(change));
}

void Disk::write_torn(Node& node, std::uint64_t offset, ByteView bytes) {
  switch (below(4)) {
    case 0: break;
    case 1: write(node, offset, bytes); break;
    case 2: write(node, offset, bytes.first(below(bytes.size() + 1))); break;
    default:
      for (const auto& sector : sectors_of(offset, bytes)) {
        if (coin()) write(node, sector.offset, sector.bytes);
      }
  }
}

void Disk::truncate(Node& node, std::uint64_t size) {
  if (node.mapped) {
    node.content = std::make_shared<Bytes>(*node.content);
    node.mapped = false;
  }
  Change change{true, size, {}};
  apply_to(*node.content, change);
  node.changes.push_back(std::move(change));
}

void Disk::sync(Node& node) {
  for (const auto& change : node.changes) apply_to(node.durable, change);
  node.changes.clear();
}

void Disk::apply(const NameChange& change) {
  detach(change.node);
  if (!change.to) return;
  const auto replaced = change.to->durable_entries.find(change.to_name);
  if (replaced != change.to->durable_entries.end()) detach(NodePtr(replaced->second));
  change.to->durable_entries[change.to_name] = change.node;
  change.node->durable_parent = change.to;
  change.node->durable_name = change.to_name;
}

void Disk::sync_folder(const NodePtr& folder) {
  // Folders that this sync removes for good: nothing may stay in them, so their own changes are made durable too.
  std::vector<NodePtr> folders{folder};
  for (std::size_t i = 0; i < folders.size(); ++i) {
    for (const auto& change : names_) {
      if (change.committed_by == folders[i] && !change.to && change.node->kind == FileKind::kFolder) {
        folders.push_back(change.node);
      }
    }
  }
  const auto is_removed = [&](const NodePtr& node) {
    return node && std::find(folders.begin() + 1, folders.end(), node) != folders.end();
  };
  const auto is_due = [&](const NameChange& change) {
    return change.committed_by == folder || is_removed(change.committed_by) || is_removed(change.from);
  };
  std::vector<NameChange> later;
  std::unordered_set<const Node*> done;
  for (auto change = names_.rbegin(); change != names_.rend(); ++change) {
    if (is_due(*change)) {
      done.insert(change->node.get());
    } else if (!done.contains(change->node.get())) {
      later.push_back(*change);
    } else if (change->replaced) {
      // A node's older change must not be replayed after a newer one became durable; what it replaced stays replaced.
      later.push_back({change->replaced, change->to, nullptr, "", change->to, nullptr});
    }
  }
  for (const auto& change : names_) {
    if (is_due(change)) apply(change);
  }
  names_.assign(later.rbegin(), later.rend());
}

void Disk::settle_names() {
  const auto keep = keep_of_four(*this);
  for (const auto& change : names_) {
    if (below(4) >= keep) continue;
    const bool lost_content = !change.to && !change.node->durable_entries.empty();
    if (!lost_content) apply(change);
  }
  names_.clear();
}

void Disk::settle_content(Node& node) {
  const auto keep = keep_of_four(*this);
  for (const auto& change : node.changes) {
    const bool torn = keep > 0 && keep < 4 && !change.is_truncate && below(4) == 0;
    if (torn) {
      for (const auto& sector : sectors_of(change.offset, change.bytes)) {
        if (coin()) apply_to(node.durable, sector);
      }
    } else if (below(4) < keep) {
      apply_to(node.durable, change);
    }
  }
  node.changes.clear();
  node.content = std::make_shared<Bytes>(node.durable);
  node.mapped = false;
}

void Disk::settle_tree(Node& node) {
  if (node.kind == FileKind::kFile) return settle_content(node);
  node.entries = node.durable_entries;
  for (const auto& [name, child] : node.entries) settle_tree(*child);
}

void Disk::lose_power() {
  settle_names();
  settle_tree(*root_);
}

}  // namespace pictor::simulated
