// Manifests and archives of any bytes: every entry has bytes or a problem, memory is bounded, nothing crashes.
#include "base/base.h"
#include "cli/source.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pictor;
  if (size == 0) return 0;
  constexpr const char* kNames[] = {"/in/m.csv", "/in/m.tsv", "/in/m.jsonl", "/in/a.zip", "/in/a.tar", "/in/a.tar.gz"};
  const std::string path = kNames[data[0] % std::size(kNames)];
  SimulatedEnv env(1);
  const bool made = env.make_dirs("/in").is_ok() &&
                    write_file_atomic(env, path, std::as_bytes(std::span(data, size).subspan(1))).is_ok() &&
                    write_file_atomic(env, "/in/a.png", {}).is_ok();
  if (!made) std::abort();
  SourceOptions options;
  options.id_from = static_cast<IdFrom>(data[0] / std::size(kNames) % 4);
  options.text_from_sidecar = options.metadata_from_path = (data[0] & 0x80) != 0;
  const auto source = open_inputs(env, {path}, options);
  if (!source.is_ok()) return 0;
  for (int i = 0; i < 1000; ++i) {
    IngestSource::Entry entry;
    const auto more = (*source)->next(entry);
    if (!more.is_ok() || !*more) break;
    if (entry.problem.is_ok() && entry.read) static_cast<void>(entry.read());
  }
  return 0;
}
