#include "base/sign.h"

#include <gtest/gtest.h>

#include <random>

#include "base/hash.h"

namespace pictor {
namespace {

SigningKey key_of(unsigned number) {
  SigningKey::Seed seed{};
  for (auto& byte : seed) byte = static_cast<std::byte>(number++);
  return SigningKey::from_seed(seed).value();
}

std::string hex(const auto& bytes) {
  std::string text;
  for (const auto byte : bytes) {
    constexpr char kDigits[] = "0123456789abcdef";
    text += kDigits[static_cast<unsigned>(byte) >> 4U];
    text += kDigits[static_cast<unsigned>(byte) & 15U];
  }
  return text;
}

TEST(Sign, the_first_vector_of_rfc_8032) {
  SigningKey::Seed seed{};
  const auto bytes =
      Hash256::from_hex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60").value().bytes;
  for (std::size_t i = 0; i < seed.size(); ++i) seed[i] = static_cast<std::byte>(bytes[i]);
  const auto key = SigningKey::from_seed(seed).value();
  EXPECT_EQ(hex(key.public_key().bytes), "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
  EXPECT_EQ(
      hex(key.sign({}).value().bytes),
      "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595b"
      "be24655141438e7a100b");
}

TEST(Sign, a_flipped_bit_of_message_signature_or_key_is_found) {
  const auto key = key_of(1);
  std::string message = "where a vector came from";
  const auto signature = key.sign(as_bytes(message)).value();
  ASSERT_TRUE(key.public_key().verifies(signature, as_bytes(message)));
  EXPECT_FALSE(key_of(2).public_key().verifies(signature, as_bytes(message)));
  for (std::size_t bit = 0; bit < message.size() * 8; ++bit) {
    auto other = message;
    other[bit / 8] = static_cast<char>(other[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(key.public_key().verifies(signature, as_bytes(other))) << bit;
  }
  for (std::size_t bit = 0; bit < signature.bytes.size() * 8; ++bit) {
    auto other = signature;
    other.bytes[bit / 8] = static_cast<std::uint8_t>(other.bytes[bit / 8] ^ (1U << (bit % 8)));
    EXPECT_FALSE(key.public_key().verifies(other, as_bytes(message))) << bit;
  }
}

TEST(Sign, keys_and_signatures_come_back_from_text_and_no_other_text_is_taken) {
  const auto key = key_of(3);
  const auto signature = key.sign(as_bytes("x")).value();
  EXPECT_EQ(SigningKey::from_pem(key.pem()).value().public_key(), key.public_key());
  EXPECT_EQ(PublicKey::from_pem(key.public_key().pem()).value(), key.public_key());
  EXPECT_EQ(Signature::from_base64(signature.base64()).value(), signature);
  const auto flips = [](const std::string& text, const auto& same) {
    for (std::size_t bit = 0; bit < text.size() * 8; ++bit) {
      auto other = text;
      other[bit / 8] = static_cast<char>(other[bit / 8] ^ (1 << (bit % 8)));
      EXPECT_FALSE(same(other)) << "bit " << bit << " of " << text;
    }
  };
  // A flip may give another key, which is a key too, but never the same one.
  flips(key.pem(), [&](const std::string& text) {
    const auto other = SigningKey::from_pem(text);
    return other.is_ok() && other->public_key() == key.public_key();
  });
  flips(key.public_key().pem(), [&](const std::string& text) {
    const auto other = PublicKey::from_pem(text);
    return other.is_ok() && *other == key.public_key();
  });
  flips(signature.base64(), [&](const std::string& text) {
    const auto other = Signature::from_base64(text);
    return other.is_ok() && *other == signature;
  });
}

TEST(Sign, text_that_is_no_key_is_refused) {
  for (const std::string text : {"", "x", "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n",
                                 "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"}) {
    EXPECT_EQ(SigningKey::from_pem(text).status().code(), Code::kCorrupt);
    EXPECT_EQ(PublicKey::from_pem(text).status().code(), Code::kCorrupt);
    EXPECT_EQ(Signature::from_base64(text).status().code(), Code::kCorrupt);
  }
  EXPECT_EQ(PublicKey::from_pem(key_of(4).public_key().pem() + "\n").status().code(), Code::kCorrupt);
}

}  // namespace
}  // namespace pictor
