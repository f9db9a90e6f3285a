#include "engine/receipt.h"

#include <nlohmann/json.hpp>

#include "engine/engine.h"
#include "image/image.h"

namespace pictor {
namespace {

using Json = nlohmann::json;

std::string text_of(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::map<std::string, std::string> texts_of(const Json& object, const char* name) {
  std::map<std::string, std::string> texts;
  const auto found = object.find(name);
  if (found == object.end() || !found->is_object()) return texts;
  for (const auto& [key, value] : found->items()) texts[key] = value.is_string() ? value.get<std::string>() : "";
  return texts;
}

Json hashes_of(const CollectionSpec& spec, std::span<const std::vector<float>> vectors) {
  Json hashes = Json::object();
  for (std::size_t i = 0; i < vectors.size() && i < spec.spaces.size(); ++i) {
    if (!vectors[i].empty()) hashes[spec.spaces[i].head] = vector_hash(vectors[i]);
  }
  return hashes;
}

CheckedReceipt wrong(std::string_view text, Status problem) {
  return {ReceiptState::kWrong, std::string(text), std::move(problem)};
}

Result<std::string> signed_by(const SigningKey& key, Json receipt) {
  PICTOR_ASSIGN(const auto signature, key.sign(as_bytes(receipt.dump())));
  receipt["signature"] = signature.base64();
  return receipt.dump();
}

// Also of text that is laid out for people.
Result<Receipt> read_receipt(std::string_view text) {
  if (text.size() > limits::kReceiptBytesMax) {
    return Status(Code::kCorrupt, "the receipt has " + std::to_string(text.size()) + " bytes, at most " +
                                      std::to_string(limits::kReceiptBytesMax) + " are read");
  }
  if (const Status fit = check_json_object(text); !fit.is_ok()) {
    return Status(Code::kCorrupt, "the receipt " + fit.message());
  }
  Json object = Json::parse(text, nullptr, false);
  Receipt receipt;
  receipt.input = text_of(object, "input");
  receipt.card = text_of(object, "card");
  receipt.code = text_of(object, "code");
  receipt.decoders = text_of(object, "decoders");
  receipt.runtime = text_of(object, "runtime");
  receipt.isa = text_of(object, "isa");
  receipt.encoder = text_of(object, "encoder");
  receipt.key = text_of(object, "key");
  receipt.spaces = texts_of(object, "spaces");
  receipt.vectors = texts_of(object, "vectors");
  const bool is_signed = object.contains("signature");
  if (is_signed) {
    PICTOR_ASSIGN(receipt.signature, Signature::from_base64(text_of(object, "signature")));
    object.erase("signature");
  } else {
    for (const auto* name : {"key", "vectors", "card", "parents"}) {
      if (!object.contains(name)) continue;
      return Status(Code::kCorrupt, "the receipt has no signature, and '" + std::string(name) +
                                        "', which only signed ones have: the signature was taken off");
    }
  }
  receipt.signed_text = object.dump(-1, ' ', false, Json::error_handler_t::replace);
  return receipt;
}

bool is_key_name(std::string_view name) {
  return name.size() == 16 && name.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

CheckedReceipt checked(std::string_view text, const Result<Receipt>& receipt, const PublicKey& key) {
  if (!receipt.is_ok()) return wrong(text, receipt.status());
  if (!receipt->signature.has_value()) return {ReceiptState::kUnsigned, std::string(text), Status::ok()};
  if (receipt->key != key_name(key)) {
    return wrong(text, {Code::kMismatch,
                        "the receipt was signed by key " + receipt->key + ", the public key is " + key_name(key)});
  }
  if (!key.verifies(*receipt->signature, as_bytes(receipt->signed_text))) {
    return wrong(text, {Code::kCorrupt, "the receipt's signature by key " + receipt->key +
                                            " does not fit what the receipt says: one of them was changed"});
  }
  return {ReceiptState::kSigned, std::string(text), Status::ok()};
}

}  // namespace

Result<Receipt> parse_receipt(std::string_view text) {
  PICTOR_ASSIGN(auto receipt, read_receipt(text));
  const Json object = Json::parse(text, nullptr, false);
  if (object.dump(-1, ' ', false, Json::error_handler_t::replace) == text) return receipt;
  return Status(Code::kCorrupt, "the receipt is not in the form in which receipts are written: it was changed");
}

CheckedReceipt check_receipt(std::string_view text, const KnownKeys& keys) {
  const auto receipt = parse_receipt(text);
  if (!receipt.is_ok()) return wrong(text, receipt.status());
  if (!receipt->signature.has_value()) return {ReceiptState::kUnsigned, std::string(text), Status::ok()};
  if (!is_key_name(receipt->key))
    return wrong(text, {Code::kCorrupt, "the receipt names no key that could have signed it"});
  const auto found = keys.by_name.find(receipt->key);
  if (found != keys.by_name.end()) return checked(text, receipt, found->second);
  return {ReceiptState::kUnknownKey, std::string(text),
          Status(Code::kNotFound, "the receipt was signed by key " + receipt->key +
                                      ", which is not here: put its public half at keys/former/" + receipt->key +
                                      ".pub in the data folder, or index the picture again with --force")};
}

CheckedReceipt check_receipt(std::string_view receipt, std::string_view public_key_pem) {
  const auto key = PublicKey::from_pem(public_key_pem);
  if (!key.is_ok()) return wrong(receipt, key.status().in("the public key"));
  return checked(receipt, read_receipt(receipt), *key);
}

std::string key_name(const PublicKey& key) { return sha256(std::as_bytes(std::span(key.bytes))).hex().substr(0, 16); }

std::string vector_hash(std::span<const float> vector) { return sha256(std::as_bytes(vector)).hex(); }

Status check_vectors(const Receipt& receipt, const CollectionSpec& spec, std::span<const std::vector<float>> vectors) {
  for (std::size_t i = 0; i < spec.spaces.size(); ++i) {
    const auto& space = spec.spaces[i];
    const bool has_vector = i < vectors.size() && !vectors[i].empty();
    const auto named = receipt.spaces.find(space.head);
    if (named != receipt.spaces.end() && named->second != space.id) {
      return {Code::kCorrupt, "the receipt names space " + named->second.substr(0, 16) + "... for head '" + space.head +
                                  "', the collection's is " + space.id.substr(0, 16) + "..."};
    }
    if (!receipt.signature.has_value()) continue;
    const auto wanted = receipt.vectors.find(space.head);
    if (has_vector != (wanted != receipt.vectors.end())) {
      return {Code::kCorrupt, "head '" + space.head + "' has " + (has_vector ? "a vector" : "no vector") +
                                  ", by its receipt it has " + (has_vector ? "none" : "one")};
    }
    if (!has_vector) continue;
    if (const auto seen = vector_hash(vectors[i]); seen != wanted->second) {
      return {Code::kCorrupt,
              "the vector of head '" + space.head + "' has SHA-256 " + seen + ", its receipt says " + wanted->second};
    }
  }
  return Status::ok();
}

ReceiptMaker::ReceiptMaker(const Encoder& encoder, const CollectionSpec& spec, SigningKey key, KnownKeys former)
    : spec_(spec), key_(std::move(key)), key_name_(pictor::key_name(key_.public_key())), keys_(std::move(former)) {
  keys_.by_name.insert_or_assign(key_name_, key_.public_key());
  Json origin = {{"card", sha256(as_bytes(encoder.card().json)).hex()},
                 {"code", "pictor " + version_text()},
                 {"decoders", decoder_versions()},
                 {"encoder", spec.encoder},
                 {"isa", encoder.isa_class()},
                 {"key", key_name_},
                 {"runtime", encoder.runtime_name()}};
  for (const auto& space : spec.spaces) origin["spaces"][space.head] = space.id;
  origin_ = origin.dump();
}

Result<std::string> ReceiptMaker::made(const Hash256& content, std::span<const std::vector<float>> vectors,
                                       std::int64_t now_us) const {
  Json receipt = Json::parse(origin_, nullptr, false);
  receipt["input"] = content.hex();
  receipt["time_us"] = now_us;
  receipt["vectors"] = hashes_of(spec_, vectors);
  return signed_by(key_, std::move(receipt));
}

Result<std::string> ReceiptMaker::reused(const KnownVectors& from, const Hash256& content, std::int64_t now_us) const {
  const Json parent = Json::parse(from.receipt, nullptr, false);
  if (!parent.is_object()) return Status(Code::kInternal, "a receipt that is none was to be kept");
  Json receipt = Json::object();
  for (const auto* name : {"card", "code", "decoders", "encoder", "isa", "runtime", "spaces"}) {
    if (const auto found = parent.find(name); found != parent.end()) receipt[name] = *found;
  }
  receipt["input"] = content.hex();
  receipt["key"] = key_name_;
  receipt["parents"] =
      Json::array({{{"receipt", sha256(as_bytes(from.receipt)).hex()}, {"signed", parent.contains("signature")}}});
  receipt["time_us"] = now_us;
  receipt["vectors"] = hashes_of(spec_, from.vectors);
  return signed_by(key_, std::move(receipt));
}

ImportReceiptMaker::ImportReceiptMaker(const CollectionSpec& spec, const VectorOrigin& origin, bool declared,
                                       SigningKey key)
    : spec_(spec), key_(std::move(key)) {
  Json imported = {{"declared", declared}, {"file", origin.file}, {"format", origin.format}, {"sha256", origin.sha256}};
  if (!origin.ids.empty()) imported["ids"] = origin.ids;
  Json fields = {{"code", "pictor " + version_text()},
                 {"encoder", spec.encoder},
                 {"imported", imported},
                 {"key", key_name(key_.public_key())}};
  for (const auto& space : spec.spaces) fields["spaces"][space.head] = space.id;
  // A file's name may have any bytes.
  origin_ = fields.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<std::string> ImportReceiptMaker::made(const std::string& place, std::span<const std::vector<float>> vectors,
                                             std::int64_t now_us) const {
  Json receipt = Json::parse(origin_, nullptr, false);
  receipt["imported"]["place"] = place;
  receipt["time_us"] = now_us;
  receipt["vectors"] = hashes_of(spec_, vectors);
  return signed_by(key_, std::move(receipt));
}

Status ReceiptMaker::may_reuse(const KnownVectors& from, const Hash256& content) const {
  PICTOR_ASSIGN(const auto receipt, parse_receipt(from.receipt));
  // What `reused` says of a signed parent is signed again: so its signature must be right, not only be there.
  PICTOR_TRY(check_receipt(from.receipt, keys_).problem);
  if (!receipt.input.empty() && receipt.input != content.hex()) {
    return {Code::kCorrupt, "the receipt is of content " + receipt.input + ", the item's is " + content.hex()};
  }
  return check_vectors(receipt, spec_, from.vectors);
}

}  // namespace pictor
