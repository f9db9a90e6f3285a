// Patterns for file names, for shells that did not expand them and for folders with more files than a command line
// takes.
#include <algorithm>
#include <filesystem>

#include "cli/source.h"
#include "cli/text.h"

namespace pictor {
namespace {

// Matches one letter against "[a-z]" or "[!a]" that begins at pattern[at]; sets `after`. A '[' without ']' is itself.
bool set_matches(std::string_view pattern, std::size_t at, char letter, std::size_t& after) {
  std::size_t i = at + 1;
  const bool inverted = i < pattern.size() && (pattern[i] == '!' || pattern[i] == '^');
  if (inverted) ++i;
  const std::size_t first = i;
  bool found = false;
  for (; i < pattern.size() && (pattern[i] != ']' || i == first); ++i) {
    if (i + 2 < pattern.size() && pattern[i + 1] == '-' && pattern[i + 2] != ']') {
      found = found || (letter >= pattern[i] && letter <= pattern[i + 2]);
      i += 2;
    } else {
      found = found || letter == pattern[i];
    }
  }
  if (i >= pattern.size()) {
    after = at + 1;
    return letter == '[';
  }
  after = i + 1;
  return found != inverted;
}

bool one_matches(std::string_view pattern, std::size_t at, char letter, std::size_t& after) {
  after = at + 1;
  if (pattern[at] == '?') return true;
  if (pattern[at] == '[') return set_matches(pattern, at, letter, after);
  return pattern[at] == letter;
}

class Expansion {
 public:
  Expansion(Env& env, std::vector<std::string> parts) : env_(env), parts_(std::move(parts)) {}

  // Adds what lies under `folder` and matches the parts from `part` on.
  Status add(const std::string& folder, std::size_t part, std::size_t depth) {
    if (depth > limits::kFolderDepthMax) return Status::ok();
    const std::string& pattern = parts_[part];
    const bool last = part + 1 == parts_.size();
    if (pattern == "**") {
      if (!last) PICTOR_TRY(add(folder, part + 1, depth));
      return add_matching(folder, "*", part, last, depth);
    }
    if (has_glob(pattern)) return add_matching(folder, pattern, part + 1, last, depth);
    const std::string path = joined(folder, pattern);
    const Result<FileInfo> info = env_.info(path);
    if (!info.is_ok()) return Status::ok();
    return use(path, info->kind, last, part + 1, depth);
  }

  std::vector<std::string> take() {
    std::sort(found_.begin(), found_.end());
    found_.erase(std::unique(found_.begin(), found_.end()), found_.end());
    return std::move(found_);
  }

 private:
  static std::string joined(const std::string& folder, const std::string& name) {
    return folder.empty() ? name : join_path(folder, name);
  }

  Status add_matching(const std::string& folder, std::string_view pattern, std::size_t next_part, bool files,
                      std::size_t depth) {
    const Result<std::vector<DirEntry>> entries = env_.list(folder.empty() ? "." : folder);
    if (!entries.is_ok()) return Status::ok();  // as a shell does: what cannot be listed has no matches
    const bool deep = next_part < parts_.size() && parts_[next_part] == "**";
    for (const DirEntry& entry : *entries) {
      const bool hidden = entry.name.front() == '.' && pattern.front() != '.';
      if (hidden || !glob_matches(pattern, entry.name)) continue;
      const std::string path = joined(folder, entry.name);
      std::error_code error;
      if (deep && std::filesystem::is_symlink(std::filesystem::symlink_status(path, error)) &&
          entry.kind == FileKind::kFolder) {
        continue;
      }
      PICTOR_TRY(use(path, entry.kind, files, next_part, depth));
    }
    return Status::ok();
  }

  Status use(const std::string& path, FileKind kind, bool files, std::size_t next_part, std::size_t depth) {
    if (files && kind == FileKind::kFile) {
      if (found_.size() == limits::kGlobFilesMax) {
        return {Code::kLimit, "the pattern names more than " + with_commas(limits::kGlobFilesMax) +
                                  " files; index their folder instead"};
      }
      found_.push_back(path);
    }
    if (kind == FileKind::kFolder && next_part < parts_.size()) return add(path, next_part, depth + 1);
    return Status::ok();
  }

  Env& env_;
  std::vector<std::string> parts_;
  std::vector<std::string> found_;
};

}  // namespace

bool has_glob(std::string_view text) { return text.find_first_of("*?[") != std::string_view::npos; }

bool glob_matches(std::string_view pattern, std::string_view name) {
  // Only the last star needs to be tried again, so the time is pattern x name at most.
  std::size_t p = 0, n = 0, star = std::string_view::npos, star_name = 0;
  while (n < name.size()) {
    std::size_t after = 0;
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_name = n;
    } else if (p < pattern.size() && one_matches(pattern, p, name[n], after)) {
      p = after;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++star_name;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

Result<std::vector<std::string>> expand_glob(Env& env, std::string_view pattern) {
  std::vector<std::string> parts;
  for (std::string& part : split(pattern, '/')) {
    const bool repeats = part == "**" && !parts.empty() && parts.back() == "**";
    if (!part.empty() && part != "." && !repeats) parts.push_back(std::move(part));
  }
  if (parts.empty()) return std::vector<std::string>{};
  Expansion expansion(env, std::move(parts));
  PICTOR_TRY(expansion.add(pattern.starts_with("/") ? "/" : "", 0, 0));
  return expansion.take();
}

}  // namespace pictor
