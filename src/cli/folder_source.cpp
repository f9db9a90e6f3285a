// Folders, walked in byte order of their names.
#include <filesystem>
#include <set>

#include "cli/source.h"
#include "cli/text.h"

namespace pictor {
namespace {

bool is_link(const std::string& path) {
  std::error_code error;
  return std::filesystem::is_symlink(std::filesystem::symlink_status(path, error));
}

std::string real_path(const std::string& path) {
  std::error_code error;
  const auto found = std::filesystem::canonical(path, error);
  return error ? path : found.string();
}

// "./a" and "a//b/" as people write them: "a", "a/b"; "." stays.
std::string tidy(const std::string& path) {
  std::string text = std::filesystem::path(path).lexically_normal().string();
  if (text.size() > 1 && text.back() == '/') text.pop_back();
  return text;
}

class FolderSource : public RawSource {
 public:
  FolderSource(Env& env, const std::string& folder, const SourceOptions& options, SkipCounts* skipped)
      : env_(env), folder_(tidy(folder)), options_(options), skipped_(skipped) {}

  bool next(RawEntry& out) override {
    if (!started_) {
      started_ = true;
      if (enter(folder_, out)) return true;
    }
    while (!levels_.empty()) {
      if (levels_.back().next == levels_.back().entries.size()) {
        levels_.pop_back();
        continue;
      }
      Level& level = levels_.back();
      const DirEntry entry = level.entries[level.next++];
      if (take(level.path, entry, out)) return true;
    }
    return false;
  }

  std::optional<std::uint64_t> count() override {
    SkipCounts unused;
    FolderSource walk(env_, folder_, options_, &unused);
    walk.only_count_ = true;
    RawEntry entry;
    std::uint64_t found = 0;
    while (walk.next(entry)) ++found;
    return found;
  }

 private:
  struct Level {
    std::string path;
    std::vector<DirEntry> entries;
    std::size_t next = 0;
  };

  std::string below(const std::string& path) const {
    if (folder_ == ".") return path;
    return path.substr(folder_.size() + (folder_.back() == '/' ? 0 : 1));
  }

  // True when `out` holds an entry.
  bool take(const std::string& folder, const DirEntry& entry, RawEntry& out) {
    if (entry.name.front() == '.' && !options_.hidden) {
      ++skipped_->hidden;
      return false;
    }
    const std::string path = folder == "." ? entry.name : join_path(folder, entry.name);
    if (entry.kind == FileKind::kFolder) return go_down(path, out);
    if (entry.kind != FileKind::kFile || (!options_.all_files && !is_picture_name(entry.name))) {
      ++skipped_->not_pictures;
      return false;
    }
    if (!only_count_) out = file_entry(env_, path, below(path), options_);
    return true;
  }

  bool go_down(const std::string& path, RawEntry& out) {
    if (!options_.follow_links && is_link(path)) {
      ++skipped_->linked_folders;
      return false;
    }
    if (levels_.size() > limits::kFolderDepthMax) {
      return refuse(path,
                    {Code::kLimit, "folder is more than " + std::to_string(limits::kFolderDepthMax) +
                                       " folders deep; index it by itself"},
                    out);
    }
    return enter(path, out);
  }

  bool enter(const std::string& path, RawEntry& out) {
    // With links the same folder can be met many times, and a loop of two links has endless names.
    if (options_.follow_links && !visited_.insert(real_path(path)).second) {
      ++skipped_->linked_folders;
      return false;
    }
    Result<std::vector<DirEntry>> entries = env_.list(path);
    if (!entries.is_ok()) return refuse(path, entries.status(), out);
    levels_.push_back({path, std::move(entries).value(), 0});
    return false;
  }

  static bool refuse(const std::string& path, Status problem, RawEntry& out) {
    out = {};
    out.path = out.full_path = path;
    out.entry.item.source = to_utf8(absolute_path(path));
    out.entry.problem = std::move(problem);
    return true;
  }

  Env& env_;
  std::string folder_;
  SourceOptions options_;
  SkipCounts* skipped_;
  std::vector<Level> levels_;
  std::set<std::string> visited_;
  bool started_ = false;
  bool only_count_ = false;
};

class FileSource : public RawSource {
 public:
  FileSource(Env& env, std::vector<std::string> files, const SourceOptions& options)
      : env_(env), files_(std::move(files)), options_(options) {}

  bool next(RawEntry& out) override {
    if (next_ == files_.size()) return false;
    const std::string& path = files_[next_++];
    out = file_entry(env_, tidy(path), tidy(path), options_);
    return true;
  }
  std::optional<std::uint64_t> count() override { return files_.size(); }

 private:
  Env& env_;
  std::vector<std::string> files_;
  SourceOptions options_;
  std::size_t next_ = 0;
};

}  // namespace

std::unique_ptr<RawSource> make_folder_source(Env& env, const std::string& folder, const SourceOptions& options,
                                              SkipCounts* skipped) {
  return std::make_unique<FolderSource>(env, folder, options, skipped);
}

std::unique_ptr<RawSource> make_file_source(Env& env, std::vector<std::string> files, const SourceOptions& options) {
  return std::make_unique<FileSource>(env, std::move(files), options);
}

std::string absolute_path(const std::string& path) {
  std::error_code error;
  const auto absolute = std::filesystem::absolute(path, error);
  return (error ? std::filesystem::path(path) : absolute).lexically_normal().string();
}

}  // namespace pictor
