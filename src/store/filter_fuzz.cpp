// Any text whatever, through the filter's parser; what it accepts is compiled and run on a table.
#include <cstdlib>

#include "base/base.h"
#include "db/db.h"
#include "store/filter.h"

namespace {

pictor::Database& table() {
  static pictor::SimulatedEnv env(1);
  static const auto database = [] {
    auto opened = pictor::Database::open(env, "/f.db");
    if (!opened.is_ok()) std::abort();
    const auto status = (*opened)->exec(
        "CREATE TABLE rows(row INTEGER PRIMARY KEY, id TEXT, source TEXT, text TEXT, format TEXT, width INTEGER, "
        "height "
        "INTEGER, metadata TEXT);"
        R"(INSERT INTO rows VALUES(1, 'a', 's', 't', 'jpeg', 1, 2, '{"a": {"b": [1, "x"]}, "c": 1.5, "d": null}'))");
    if (!status.is_ok() || !pictor::add_filter_functions(**opened).is_ok()) std::abort();
    return std::move(opened).value();
  }();
  return *database;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto filter = pictor::parse_filter({reinterpret_cast<const char*>(data), size});
  if (!filter.is_ok()) return 0;
  const auto sql = pictor::compile_filter(*filter, 1);
  const auto select = table().prepare("SELECT row FROM rows WHERE " + sql.where);
  if (!select.is_ok()) std::abort();
  for (std::size_t i = 0; i < sql.parameters.size(); ++i) {
    (*select)->bind(static_cast<int>(i), std::string_view(sql.parameters[i]));
  }
  if (!(*select)->step().is_ok()) std::abort();
  return 0;
}
