// faiss files of any bytes, and good ones with changes: rows or an error, memory bounded, nothing crashes. The first
// byte of an input chooses: a number of a good file, whose bytes are changed, four bytes a change (where, two; by what;
// how often), or the bytes as they are.
#include <cstring>

#include "exchange/exchange.h"
#include "exchange/exchange_testing.h"

namespace {

using namespace pictor;
using testing::FaissWriter;

Bytes good_file(unsigned which) {
  const auto numbers = testing::some_numbers(6);
  const std::vector<FaissWriter::List> lists = {{{1, 2}, {7}}, {{}, {}}, {{3, 4, 5, 6}, {0, 2}}};
  FaissWriter out;
  switch (which % 6) {
    case 0: out.flat(2, numbers); break;
    case 1: out.code("IxMp").header(2, 3, 0).flat(2, numbers, true).vector<std::int64_t>({5, -6, 7}); break;
    case 2: out.hnsw(2, numbers); break;
    case 3: out.ivf(lists, false, 1); break;
    case 4: out.ivf(lists, true, 2); break;
    default: out.code("IxM2").header(2, 3, 1).ivf(lists, false).vector<std::int64_t>({5, -6, 7}); break;
  }
  return out.bytes();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  Bytes file;
  if (data[0] % 8 < 6) {
    file = good_file(data[0] % 8);
    for (std::size_t i = 1; i + 4 <= size; i += 4) {
      std::uint16_t at = 0;
      std::memcpy(&at, data + i, sizeof(at));
      for (std::size_t j = 0; j <= data[i + 3] % 8U; ++j) {
        file[(at + j) % file.size()] = static_cast<std::byte>(data[i + 2]);
      }
    }
  } else {
    const auto rest = std::as_bytes(std::span(data, size).subspan(1));
    file.assign(rest.begin(), rest.end());
  }
  SimulatedEnv env(1);
  if (!env.make_dirs("/in").is_ok() || !write_file_atomic(env, "/in/file", file).is_ok()) std::abort();
  const auto source = open_vector_file(env, "/in/file", {});
  if (!source.is_ok()) return 0;
  std::uint64_t rows = 0;
  while (rows < 100'000) {
    VectorSource::Entry entry;
    const auto more = (*source)->next(entry);
    if (!more.is_ok() || !*more) break;
    if (++rows > (*source)->total().value_or(UINT64_MAX)) std::abort();
  }
  return 0;
}
