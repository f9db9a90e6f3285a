#include "base/sign.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <algorithm>
#include <span>

#include "base/base64.h"

namespace pictor {
namespace {

struct Free {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using Bio = std::unique_ptr<BIO, Free>;
using Pkey = std::unique_ptr<EVP_PKEY, Free>;
using Context = std::unique_ptr<EVP_MD_CTX, Free>;

constexpr std::size_t kBase64Chars = 88;

Status unusable(const std::string& what) { return {Code::kInternal, "OpenSSL cannot " + what}; }

template <typename Write>
std::string written(const Write& write) {
  const Bio bio(BIO_new(BIO_s_mem()));
  if (bio == nullptr || write(bio.get()) != 1) return {};
  char* data = nullptr;
  const auto size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

Bio reader_of(std::string_view text) {
  // A key has some hundred bytes; what does not fit an int is none.
  const int size = text.size() > 1U << 20U ? 0 : static_cast<int>(text.size());
  return Bio(BIO_new_mem_buf(text.data(), size));
}

Pkey public_pkey(const PublicKey& key) {
  return Pkey(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key.bytes.data(), key.bytes.size()));
}

}  // namespace

std::string Signature::base64() const { return base64_of(std::as_bytes(std::span(bytes))); }

Result<Signature> Signature::from_base64(std::string_view text) {
  const Status wrong(Code::kCorrupt, "a signature has 88 characters of base64, this one has " +
                                         std::to_string(text.size()) + " or others than base64's");
  if (text.size() != kBase64Chars) return wrong;
  const auto decoded = bytes_of_base64(text);
  Signature signature;
  if (!decoded.is_ok() || decoded->size() != signature.bytes.size()) return wrong;
  std::copy_n(as_u8(*decoded), signature.bytes.size(), signature.bytes.begin());
  // Bits of the last character that stand for nothing are not let through.
  if (signature.base64() != text) return wrong;
  return signature;
}

bool PublicKey::verifies(const Signature& signature, ByteView message) const {
  const auto key = public_pkey(*this);
  const Context context(EVP_MD_CTX_new());
  if (key == nullptr || context == nullptr) return false;
  if (EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) != 1) return false;
  return EVP_DigestVerify(context.get(), signature.bytes.data(), signature.bytes.size(), as_u8(message),
                          message.size()) == 1;
}

std::string PublicKey::pem() const {
  const auto key = public_pkey(*this);
  return key == nullptr ? std::string() : written([&key](BIO* bio) { return PEM_write_bio_PUBKEY(bio, key.get()); });
}

Result<PublicKey> PublicKey::from_pem(std::string_view text) {
  const Status wrong(Code::kCorrupt, "is no Ed25519 public key as PEM");
  const auto bio = reader_of(text);
  const Pkey key(bio == nullptr ? nullptr : PEM_read_bio_PUBKEY(bio.get(), nullptr, nullptr, nullptr));
  PublicKey found;
  std::size_t size = found.bytes.size();
  if (key == nullptr || EVP_PKEY_id(key.get()) != EVP_PKEY_ED25519 ||
      EVP_PKEY_get_raw_public_key(key.get(), found.bytes.data(), &size) != 1 || found.pem() != text) {
    return wrong;
  }
  return found;
}

struct SigningKey::Key {
  Pkey pkey;
};

Result<SigningKey> SigningKey::from_seed(const Seed& seed) {
  auto key = std::make_shared<Key>();
  key->pkey.reset(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr,
                                               reinterpret_cast<const unsigned char*>(seed.data()), seed.size()));
  if (key->pkey == nullptr) return unusable("make an Ed25519 key");
  PublicKey half;
  std::size_t size = half.bytes.size();
  if (EVP_PKEY_get_raw_public_key(key->pkey.get(), half.bytes.data(), &size) != 1) {
    return unusable("derive a public key");
  }
  SigningKey made(std::move(key));
  made.public_key_ = half;
  return made;
}

Result<SigningKey> SigningKey::from_pem(std::string_view text) {
  const Status wrong(Code::kCorrupt, "is no Ed25519 private key as PEM");
  const auto bio = reader_of(text);
  // An empty password, so that an encrypted key is refused and nobody is asked on the terminal.
  std::string password;
  const Pkey key(bio == nullptr ? nullptr : PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, password.data()));
  Seed seed{};
  std::size_t size = seed.size();
  if (key == nullptr || EVP_PKEY_id(key.get()) != EVP_PKEY_ED25519 ||
      EVP_PKEY_get_raw_private_key(key.get(), reinterpret_cast<unsigned char*>(seed.data()), &size) != 1) {
    return wrong;
  }
  PICTOR_ASSIGN(auto made, from_seed(seed));
  if (made.pem() != text) return wrong;
  return made;
}

std::string SigningKey::pem() const {
  return written([this](BIO* bio) {
    return PEM_write_bio_PKCS8PrivateKey(bio, key_->pkey.get(), nullptr, nullptr, 0, nullptr, nullptr);
  });
}

Result<Signature> SigningKey::sign(ByteView message) const {
  const Context context(EVP_MD_CTX_new());
  Signature signature;
  std::size_t size = signature.bytes.size();
  if (context == nullptr || EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_->pkey.get()) != 1 ||
      EVP_DigestSign(context.get(), signature.bytes.data(), &size, as_u8(message), message.size()) != 1) {
    return unusable("sign");
  }
  return signature;
}

}  // namespace pictor
