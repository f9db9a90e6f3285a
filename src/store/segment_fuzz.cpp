// Any bytes whatever, through the parser of segment files; the sums are repaired, or nothing would get past them.
#include <cstring>

#include "store/segment.h"

namespace {

void put(pictor::Bytes& file, std::size_t at, std::uint32_t value) {
  if (at + sizeof(value) <= file.size()) std::memcpy(file.data() + at, &value, sizeof(value));
}

void repair(pictor::Bytes& file) {
  if (file.size() < 128) return;
  std::uint32_t sections = 0;
  std::uint64_t footer = 0;
  std::memcpy(&sections, file.data() + 12, sizeof(sections));
  std::memcpy(&footer, file.data() + 48, sizeof(footer));
  const std::uint64_t table_end = 64 + std::uint64_t{sections} * 32;
  const std::uint64_t sums_end = footer + 16 + std::uint64_t{sections} * 4;
  if (footer >= file.size() || table_end > file.size() || sums_end + 8 > file.size()) return;
  const pictor::ByteView view(file);
  put(file, footer + 8, pictor::crc32c(view.first(table_end)));
  put(file, sums_end, pictor::crc32c(view.subspan(footer, sums_end - footer)));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  pictor::Bytes file(size);
  if (size > 0) std::memcpy(file.data(), data, size);
  for (int round = 0; round < 2; ++round) {
    const auto view = pictor::parse_segment(file);
    if (view.is_ok()) static_cast<void>(pictor::check_segment(file, *view));
    repair(file);
  }
  return 0;
}
