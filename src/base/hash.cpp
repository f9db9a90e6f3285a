#include "base/hash.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>

namespace pictor {
namespace {

constexpr std::array<std::uint32_t, 256> make_crc_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? 0x82F63B78U : 0U);
    table[i] = value;
  }
  return table;
}

constexpr auto kCrcTable = make_crc_table();

std::uint32_t crc32c_plain(const std::uint8_t* data, std::size_t size, std::uint32_t crc) {
  for (std::size_t i = 0; i < size; ++i) crc = kCrcTable[(crc ^ data[i]) & 0xFF] ^ (crc >> 8);
  return crc;
}

#if defined(__x86_64__)
// The instruction gives a result every cycle but takes three: three streams side by side keep it busy.
constexpr std::size_t kStreamBytes = 4096;

// What kStreamBytes zeros do to a sum. Linear over GF(2), so a table for each of the sum's four bytes says all.
using ZerosTable = std::array<std::array<std::uint32_t, 256>, 4>;

__attribute__((target("sse4.2"))) ZerosTable make_zeros_table() {
  std::array<std::uint32_t, 32> of_bit;
  for (std::size_t bit = 0; bit < 32; ++bit) {
    std::uint64_t sum = 1ULL << bit;
    for (std::size_t i = 0; i < kStreamBytes / 8; ++i) sum = __builtin_ia32_crc32di(sum, 0);
    of_bit[bit] = static_cast<std::uint32_t>(sum);
  }
  ZerosTable table{};
  for (std::size_t byte = 0; byte < 4; ++byte) {
    for (std::size_t value = 0; value < 256; ++value) {
      for (std::size_t bit = 0; bit < 8; ++bit) {
        if (((value >> bit) & 1) != 0) table[byte][value] ^= of_bit[8 * byte + bit];
      }
    }
  }
  return table;
}

std::uint32_t after_zeros(const ZerosTable& table, std::uint32_t sum) {
  return table[0][sum & 255] ^ table[1][(sum >> 8) & 255] ^ table[2][(sum >> 16) & 255] ^ table[3][sum >> 24];
}

std::uint64_t word_at(const std::uint8_t* data) {
  std::uint64_t word;
  std::memcpy(&word, data, 8);
  return word;
}

__attribute__((target("sse4.2"))) std::uint32_t crc32c_sse42(const std::uint8_t* data, std::size_t size,
                                                             std::uint32_t crc) {
  std::uint64_t first = crc;
  if (size >= 3 * kStreamBytes) {
    static const ZerosTable kZeros = make_zeros_table();
    for (; size >= 3 * kStreamBytes; data += 3 * kStreamBytes, size -= 3 * kStreamBytes) {
      std::uint64_t second = 0;
      std::uint64_t third = 0;
      for (const auto* at = data; at != data + kStreamBytes; at += 8) {
        first = __builtin_ia32_crc32di(first, word_at(at));
        second = __builtin_ia32_crc32di(second, word_at(at + kStreamBytes));
        third = __builtin_ia32_crc32di(third, word_at(at + 2 * kStreamBytes));
      }
      first = after_zeros(kZeros, static_cast<std::uint32_t>(first)) ^ second;
      first = after_zeros(kZeros, static_cast<std::uint32_t>(first)) ^ third;
    }
  }
  for (; size >= 8; data += 8, size -= 8) first = __builtin_ia32_crc32di(first, word_at(data));
  crc = static_cast<std::uint32_t>(first);
  while (size-- > 0) crc = __builtin_ia32_crc32qi(crc, *data++);
  return crc;
}
#endif

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string to_hex(std::span<const std::uint8_t> bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes.size());
  for (const auto byte : bytes) {
    text.push_back(kDigits[byte >> 4]);
    text.push_back(kDigits[byte & 15]);
  }
  return text;
}

}  // namespace

std::string Hash256::hex() const { return to_hex(bytes); }

Result<Hash256> Hash256::from_hex(std::string_view text) {
  if (text.size() != 64) {
    return Status(Code::kInvalid, "a hash has 64 hexadecimal digits, this one has " + std::to_string(text.size()));
  }
  Hash256 hash;
  for (std::size_t i = 0; i < 32; ++i) {
    const int high = hex_digit(text[2 * i]);
    const int low = hex_digit(text[2 * i + 1]);
    if (high < 0 || low < 0) return Status(Code::kInvalid, "a hash has hexadecimal digits only");
    hash.bytes[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return hash;
}

struct Sha256Stream::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  State() { EVP_DigestInit_ex(context, EVP_sha256(), nullptr); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { EVP_MD_CTX_free(context); }
};

Sha256Stream::Sha256Stream() : state_(std::make_unique<State>()) {}
Sha256Stream::~Sha256Stream() = default;
Sha256Stream::Sha256Stream(Sha256Stream&&) noexcept = default;
Sha256Stream& Sha256Stream::operator=(Sha256Stream&&) noexcept = default;

void Sha256Stream::add(ByteView bytes) { EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()); }

void Sha256Stream::add_field(std::string_view bytes) {
  const std::uint64_t size = bytes.size();
  add(std::as_bytes(std::span(&size, 1)));
  add(as_bytes(bytes));
}

Hash256 Sha256Stream::finish() {
  Hash256 hash;
  EVP_DigestFinal_ex(state_->context, hash.bytes.data(), nullptr);
  return hash;
}

struct Sha1Stream::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  State() { EVP_DigestInit_ex(context, EVP_sha1(), nullptr); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { EVP_MD_CTX_free(context); }
};

Sha1Stream::Sha1Stream() : state_(std::make_unique<State>()) {}
Sha1Stream::~Sha1Stream() = default;

void Sha1Stream::add(ByteView bytes) { EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()); }

std::string Sha1Stream::finish() {
  std::array<std::uint8_t, 20> digest{};
  EVP_DigestFinal_ex(state_->context, digest.data(), nullptr);
  return to_hex(digest);
}

Hash256 sha256(ByteView bytes) {
  Sha256Stream stream;
  stream.add(bytes);
  return stream.finish();
}

Hash256 hmac_sha256(ByteView key, ByteView message) {
  Hash256 out;
  unsigned size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), as_u8(message), message.size(), out.bytes.data(), &size);
  return out;
}

bool equal_in_constant_time(ByteView a, ByteView b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::uint32_t crc32c(ByteView bytes, std::uint32_t crc) {
  const auto* data = as_u8(bytes);
#if defined(__x86_64__)
  static const bool has_sse42 = __builtin_cpu_supports("sse4.2") != 0;
  if (has_sse42) return ~crc32c_sse42(data, bytes.size(), ~crc);
#endif
  return ~crc32c_plain(data, bytes.size(), ~crc);
}

}  // namespace pictor
