#include "base/env.h"

namespace pictor {

Result<Bytes> read_file(Env& env, const std::string& path, std::uint64_t bytes_max) {
  PICTOR_ASSIGN(const auto file, env.open(path, OpenMode::kRead));
  PICTOR_ASSIGN(const auto size, file->size());
  if (size > bytes_max) {
    return Status(Code::kLimit, "'" + path + "' has " + std::to_string(size) + " bytes, at most " +
                                    std::to_string(bytes_max) + " are read");
  }
  Bytes bytes(size);
  PICTOR_ASSIGN(const auto got, file->read_at(0, bytes));
  bytes.resize(got);
  return bytes;
}

Status write_file_atomic(Env& env, const std::string& path, ByteView bytes) {
  const std::string aside = path + ".tmp";
  {
    PICTOR_ASSIGN(const auto file, env.open(aside, OpenMode::kReadWriteCreate));
    PICTOR_TRY(file->truncate(0));
    PICTOR_TRY(file->write_at(0, bytes));
    PICTOR_TRY(file->sync());
  }
  PICTOR_TRY(env.rename(aside, path));
  return env.sync_dir(parent_path(path));
}

bool exists(Env& env, const std::string& path) { return env.info(path).is_ok(); }

std::string join_path(std::string_view folder, std::string_view name) {
  std::string path(folder);
  if (!path.empty() && path.back() != '/') path.push_back('/');
  return path.append(name);
}

std::string parent_path(std::string_view path) {
  const auto slash = path.rfind('/');
  if (slash == std::string_view::npos) return ".";
  return slash == 0 ? "/" : std::string(path.substr(0, slash));
}

std::string file_name(std::string_view path) {
  const auto slash = path.rfind('/');
  return std::string(slash == std::string_view::npos ? path : path.substr(slash + 1));
}

}  // namespace pictor
