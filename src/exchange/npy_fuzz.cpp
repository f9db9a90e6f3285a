// .npy files, JSON lines and files of ids of any bytes: rows or an error, memory bounded, nothing crashes. The first
// byte of an input chooses: which of them, and whether a good header goes before the rest.
#include <algorithm>

#include "exchange/exchange.h"
#include "exchange/exchange_testing.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pictor;
  if (size == 0) return 0;
  const ByteView rest = std::as_bytes(std::span(data, size).subspan(1));
  Bytes file(rest.begin(), rest.end());
  const bool as_ids = (data[0] & 1) != 0;
  if ((data[0] & 2) != 0) {
    const std::string rows = std::to_string(rest.size() / 8);
    file = as_ids ? testing::npy("<i8", "(" + rows + ",)", rest) : testing::npy("<f2", "(" + rows + ", 4)", rest);
  }
  const std::string path = as_ids ? ((data[0] & 4) != 0 ? "/in/ids.jsonl" : "/in/ids.txt") : "/in/file";
  SimulatedEnv env(1);
  const auto numbers = testing::some_numbers(8);
  const bool made =
      env.make_dirs("/in").is_ok() && write_file_atomic(env, path, file).is_ok() &&
      write_file_atomic(env, "/in/good.npy", testing::npy("<f4", "(4, 2)", std::as_bytes(std::span(numbers)))).is_ok();
  if (!made) std::abort();
  VectorFileOptions options;
  if (as_ids) options.ids = path;
  const auto source = open_vector_file(env, as_ids ? "/in/good.npy" : path, options);
  if (!source.is_ok()) return 0;
  for (int i = 0; i < 10'000; ++i) {
    VectorSource::Entry entry;
    const auto more = (*source)->next(entry);
    if (!more.is_ok() || !*more) break;
    if (entry.vector.id.empty() && entry.problem.is_ok()) std::abort();
  }
  return 0;
}
