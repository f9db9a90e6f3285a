// Files of columns: written beside their segment, opened, made anew.
#include "store/columns.h"

namespace pictor {
namespace {

Status write_file(Env& env, const std::string& path, ByteView bytes) {
  const std::string aside = path + ".tmp";
  {
    PICTOR_ASSIGN(const auto file, env.open(aside, OpenMode::kReadWriteCreate));
    PICTOR_TRY(file->truncate(0));
    PICTOR_TRY(file->write_at(0, bytes));
    PICTOR_TRY(file->sync());  // or a power cut would leave damaged columns, which verify would have to tell
  }
  return env.rename(aside, path);
}

Result<std::shared_ptr<const Columns>> read_file(Env& env, const std::string& path) {
  PICTOR_ASSIGN(const auto file, env.open(path, OpenMode::kRead));
  PICTOR_ASSIGN(auto mapping, file->map());
  const std::shared_ptr<const Mapping> kept = std::move(mapping);
  return Columns::parse(kept, kept->bytes());
}

}  // namespace

Status write_columns(Env& env, const std::string& path, Database& database, const ColumnsSegment& segment) {
  PICTOR_ASSIGN(const auto bytes, make_columns(database, segment));
  return write_file(env, path, bytes);
}

std::shared_ptr<const Columns> open_columns(Env& env, const std::string& path, Database& database,
                                            const ColumnsSegment& segment) {
  auto columns = read_file(env, path);
  if (columns.is_ok() && (*columns)->segment() == segment) return *columns;
  if (!write_columns(env, path, database, segment).is_ok()) return nullptr;
  columns = read_file(env, path);
  return columns.is_ok() && (*columns)->segment() == segment ? *columns : nullptr;
}

}  // namespace pictor
