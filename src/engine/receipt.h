// Receipts: where an item's vectors came from, signed, so that a vector can be traced and made again.
//
// A receipt is a JSON object with its names in order and no spaces. What is signed is that text without "signature".
// docs/decisions/0010-receipts.md has the reasons, docs/formats/data-folder.md the fields. Thread safety: values, and
// const calls from any thread.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/base.h"
#include "encode/encode.h"
#include "pictor/provenance.h"
#include "pictor/vectors.h"
#include "store/store.h"

namespace pictor {

struct Receipt {
  std::string input;  // SHA-256 of the picture file
  std::string card;   // SHA-256 of the encoder's card; empty: an old receipt
  std::string code, decoders, runtime, isa, encoder;
  std::map<std::string, std::string> spaces;   // by head
  std::map<std::string, std::string> vectors;  // by head: SHA-256 of its numbers, f32 little-endian
  std::string key;                             // name of the key that signed it
  std::optional<Signature> signature;          // none: of before receipts were signed
  std::string signed_text;
};

// kCorrupt when the text is not byte for byte a receipt as we write them.
Result<Receipt> parse_receipt(std::string_view text);
// The public keys of a data folder, by name: its own, and the former ones that it keeps.
struct KnownKeys {
  std::map<std::string, PublicKey> by_name;
  std::vector<Status> problems;  // files of keys that are not what their names say
};

// kUnsigned, kSigned, kUnknownKey, or kWrong with what is wrong.
CheckedReceipt check_receipt(std::string_view text, const KnownKeys& keys);
// Of the key file, for receipts and messages: 16 hexadecimal digits.
std::string key_name(const PublicKey& key);
std::string vector_hash(std::span<const float> vector);

// Ok when each vector is the one that the receipt names. Old receipts name none.
Status check_vectors(const Receipt& receipt, const CollectionSpec& spec, std::span<const std::vector<float>> vectors);

// Writes the receipts of one run.
class ReceiptMaker {
 public:
  // `former`: the keys whose receipts count as signed, too.
  ReceiptMaker(const Encoder& encoder, const CollectionSpec& spec, SigningKey key, KnownKeys former = {});

  // Of vectors that were made here and now; vectors[i] belongs to spec.spaces[i].
  Result<std::string> made(const Hash256& content, std::span<const std::vector<float>> vectors,
                           std::int64_t now_us) const;
  // Of vectors taken from another item of the same content: keeps what made them, and names that item's receipt.
  Result<std::string> reused(const KnownVectors& from, const Hash256& content, std::int64_t now_us) const;
  // Vectors whose receipt is wrong, or signed by a key that is not here, are not taken.
  Status may_reuse(const KnownVectors& from, const Hash256& content) const;

 private:
  const CollectionSpec& spec_;
  const SigningKey key_;
  const std::string key_name_;
  KnownKeys keys_;
  std::string origin_;  // the fields that all receipts of the run share, JSON
};

// Writes the receipts of one import: they say which file the vectors came from and who is said to have made them, and
// nothing of how.
class ImportReceiptMaker {
 public:
  // `declared`: the user named the encoder; else nobody did.
  ImportReceiptMaker(const CollectionSpec& spec, const VectorOrigin& origin, bool declared, SigningKey key);

  // `place`: where in the file.
  Result<std::string> made(const std::string& place, std::span<const std::vector<float>> vectors,
                           std::int64_t now_us) const;

 private:
  const CollectionSpec spec_;
  const SigningKey key_;
  std::string origin_;  // the fields that all receipts of the run share, JSON
};

// --- keys: keys/receipts.key, keys/receipts.pub and keys/former/NAME.pub of a data folder ---

// Whether there is a key, or half of one: else open_signing_key makes one.
bool has_signing_key(Env& env, const std::string& data_folder);
// Made by the first call; one call at a time. kCorrupt when the two do not belong together, or one is not as it was
// written.
Result<SigningKey> open_signing_key(Env& env, const std::string& data_folder);
// kNotFound when nothing was ever signed here. Checks the private key too when it is there.
Result<PublicKey> read_public_key(Env& env, const std::string& data_folder);
// The former ones and, when it can be read, the folder's own. What cannot be read is among the problems.
KnownKeys read_known_keys(Env& env, const std::string& data_folder);

}  // namespace pictor
