// Ed25519 (RFC 8032): signatures that anyone who has the public key can check, and keys as PEM files that other tools
// read. The same key and bytes always give the same signature.
//
// Thread safety: values; const calls from any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "pictor/status.h"

namespace pictor {

struct Signature {
  std::array<std::uint8_t, 64> bytes{};

  bool operator==(const Signature&) const = default;
  std::string base64() const;  // 88 characters
  static Result<Signature> from_base64(std::string_view text);
};

struct PublicKey {
  std::array<std::uint8_t, 32> bytes{};

  bool operator==(const PublicKey&) const = default;
  bool verifies(const Signature& signature, ByteView message) const;
  // SubjectPublicKeyInfo, as `openssl pkey -pubin` reads it.
  std::string pem() const;
  // kCorrupt when the text is not byte for byte what pem() gives.
  static Result<PublicKey> from_pem(std::string_view text);
};

class SigningKey {
 public:
  using Seed = std::array<std::byte, 32>;  // random bytes; whoever has them can sign

  static Result<SigningKey> from_seed(const Seed& seed);
  // PKCS #8, as `openssl pkey` reads it. kCorrupt when the text is not byte for byte what pem() gives.
  static Result<SigningKey> from_pem(std::string_view text);
  std::string pem() const;
  const PublicKey& public_key() const { return public_key_; }
  Result<Signature> sign(ByteView message) const;

 private:
  struct Key;
  explicit SigningKey(std::shared_ptr<const Key> key) : key_(std::move(key)) {}

  std::shared_ptr<const Key> key_;
  PublicKey public_key_;
};

}  // namespace pictor
