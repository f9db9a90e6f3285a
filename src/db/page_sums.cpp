#include "db/page_sums.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace pictor::db {
namespace {

constexpr std::size_t kHeaderBytes = 100;
constexpr std::size_t kPageBytesAt = 16;  // u16, big-endian; 1: 65,536
constexpr std::size_t kReservedAt = 20;

// 0: pages without sums.
std::uint32_t page_bytes_in(ByteView header) {
  if (std::to_integer<int>(header[kReservedAt]) != kReservedBytes) return 0;
  const auto bytes = std::to_integer<std::uint32_t>(header[kPageBytesAt]) << 8 |
                     std::to_integer<std::uint32_t>(header[kPageBytesAt + 1]);
  return bytes == 1 ? 65'536 : bytes;
}

std::uint32_t sum_of(ByteView page, std::uint64_t number) {
  return crc32c(page.first(page.size() - kReservedBytes), crc32c(std::as_bytes(std::span(&number, 1))));
}

}  // namespace

std::uint32_t PageSums::page_bytes(const File& file) {
  const auto known = page_bytes_.load(std::memory_order_relaxed);
  if (known != kUnknown) return static_cast<std::uint32_t>(known);
  std::array<std::byte, kHeaderBytes> header{};
  const auto got = file.read_at(0, header);
  if (!got.is_ok() || *got < header.size()) return 0;  // nothing is there yet
  learn(header);
  return static_cast<std::uint32_t>(page_bytes_.load(std::memory_order_relaxed));
}

void PageSums::learn(ByteView first_page) { page_bytes_ = page_bytes_in(first_page); }

void seal_page(std::span<std::byte> page, std::uint64_t number) {
  const std::uint64_t sum = sum_of(page, number);  // its upper half is zero
  std::memcpy(page.data() + page.size() - kReservedBytes, &sum, sizeof(sum));
}

bool is_whole(ByteView page, std::uint64_t number) {
  std::uint64_t sum = 0;
  std::memcpy(&sum, page.data() + page.size() - kReservedBytes, sizeof(sum));
  if (sum == sum_of(page, number)) return true;
  return std::ranges::all_of(page, [](std::byte byte) { return byte == std::byte{0}; });
}

}  // namespace pictor::db
