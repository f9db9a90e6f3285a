// SHA-256 for names of content and CRC-32C for damage; SHA-1 only where git gave the name.
//
// Sha256 is the 256-bit hash everywhere a hash names something (content, space, weights); CRC-32C guards bytes on disk.
// Thread safety: free functions and values; one stream belongs to one thread.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "pictor/status.h"

namespace pictor {

struct Hash256 {
  std::array<std::uint8_t, 32> bytes{};

  auto operator<=>(const Hash256&) const = default;  // NOLINT(modernize-use-nullptr): finds its own code
  // 64 lower-case hexadecimal digits.
  std::string hex() const;
  static Result<Hash256> from_hex(std::string_view text);
};

Hash256 sha256(ByteView bytes);

// HMAC-SHA-256 (RFC 2104).
Hash256 hmac_sha256(ByteView key, ByteView message);

// Takes as long whatever the bytes are; false at once when their numbers differ.
bool equal_in_constant_time(ByteView a, ByteView b);

// Hashes bytes that come in pieces.
class Sha256Stream {
 public:
  Sha256Stream();
  ~Sha256Stream();
  Sha256Stream(Sha256Stream&&) noexcept;
  Sha256Stream& operator=(Sha256Stream&&) noexcept;

  void add(ByteView bytes);
  // Adds the length and then the bytes, so that two lists of fields never hash alike.
  void add_field(std::string_view bytes);
  // REQUIRES: called once, last.
  Hash256 finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Hashes bytes that come in pieces by SHA-1, as git names its blobs. It finds damage; it does not stop a forger.
class Sha1Stream {
 public:
  Sha1Stream();
  ~Sha1Stream();
  Sha1Stream(const Sha1Stream&) = delete;
  Sha1Stream& operator=(const Sha1Stream&) = delete;

  void add(ByteView bytes);
  // 40 lower-case hexadecimal digits. REQUIRES: called once, last.
  std::string finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// CRC-32C (Castagnoli) of the bytes, continuing from `crc` (0 to start).
std::uint32_t crc32c(ByteView bytes, std::uint32_t crc = 0);

}  // namespace pictor
