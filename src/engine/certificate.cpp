#include "engine/certificate.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "pictor/engine.h"

namespace pictor {
namespace {

using Json = nlohmann::json;

constexpr const char* kFormat = "pictor-erasure-1";
constexpr std::size_t kSaltBytes = 32;

std::string hex_of(ByteView bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const std::byte byte : bytes) {
    text += kDigits[std::to_integer<unsigned>(byte) >> 4];
    text += kDigits[std::to_integer<unsigned>(byte) & 15];
  }
  return text;
}

// The salt's digits, as they stand in the certificate, then the id: any tool can say it.
std::string hash_of_id(std::string_view salt_digits, std::string_view id) {
  return sha256(as_bytes(std::string(salt_digits).append(id))).hex();
}

Status corrupt(const std::string& what) { return {Code::kCorrupt, "the certificate " + what}; }

bool is_text(const Json& object, const char* name) { return object.contains(name) && object[name].is_string(); }
bool is_count(const Json& object, const char* name) {
  return object.contains(name) && object[name].is_number_integer();
}

bool is_digits(const Json& value, std::size_t length) {
  if (!value.is_string()) return false;
  const auto& text = value.get_ref<const std::string&>();
  return text.size() == length && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

// Byte for byte as one is written, so that no other reading of it is possible; a line's end behind it is allowed.
Result<Json> read_certificate(std::string_view text) {
  while (text.ends_with('\n') || text.ends_with('\r')) text.remove_suffix(1);
  if (text.size() > limits::kCertificateBytesMax) {
    return Status(Code::kLimit, "a certificate of " + std::to_string(text.size()) + " bytes is not read, at most " +
                                    std::to_string(limits::kCertificateBytesMax) + " are");
  }
  Json object = Json::parse(text, nullptr, false);
  if (!object.is_object()) return corrupt("is not a JSON object");
  if (object.dump(-1, ' ', false, Json::error_handler_t::replace) != text) {
    return corrupt("is not in the form in which certificates are written: it was changed");
  }
  if (!is_text(object, "format") || object["format"] != kFormat) {
    return corrupt("does not say that it is one, of format '" + std::string(kFormat) + "'");
  }
  const bool whole = is_text(object, "collection") && is_text(object, "key") && is_text(object, "signature") &&
                     object.contains("salt") && is_digits(object["salt"], 2 * kSaltBytes) &&
                     is_count(object, "begun_us") && is_count(object, "done_us") && object.contains("ids") &&
                     object["ids"].is_array();
  if (!whole) return corrupt("lacks a field");
  for (const auto& id : object["ids"]) {
    if (!is_digits(id, 64)) return corrupt("has an id that is not a SHA-256 of 64 hexadecimal digits");
  }
  return object;
}

CheckedCertificate described(const Json& object) {
  CheckedCertificate checked;
  checked.collection = object["collection"];
  checked.key = object["key"];
  checked.items = object["ids"].size();
  checked.begun_us = object["begun_us"];
  checked.done_us = object["done_us"];
  return checked;
}

CheckedCertificate checked_by(Json object, const PublicKey& key) {
  CheckedCertificate checked = described(object);
  if (checked.key != key_name(key)) {
    checked.problem = {Code::kMismatch,
                       "the certificate was signed by key " + checked.key + ", the key given is " + key_name(key)};
    return checked;
  }
  const auto signature = Signature::from_base64(object["signature"].get_ref<const std::string&>());
  object.erase("signature");
  if (!signature.is_ok()) {
    checked.problem = signature.status().in("the certificate's signature");
  } else if (!key.verifies(*signature, as_bytes(object.dump()))) {
    checked.problem =
        corrupt("has a signature by key " + checked.key + " that does not fit what it says: it was changed");
  }
  return checked;
}

}  // namespace

Result<std::string> make_certificate(Env& env, const std::string& collection, const PurgeReport& report,
                                     const SigningKey& key) {
  std::array<std::byte, kSaltBytes> salt{};
  env.random(salt);
  const std::string digits = hex_of(salt);
  std::vector<std::string> ids;
  for (const auto& id : report.erased) ids.push_back(hash_of_id(digits, id));
  std::sort(ids.begin(), ids.end());  // so that their order says nothing
  Json object = {{"begun_us", report.begun_us},
                 {"blobs", report.blobs},
                 {"code", "pictor " + version_text()},
                 {"collection", collection},
                 {"covers", {"blobs", "caches", "database", "derived", "history", "log", "segments"}},
                 {"done_us", report.done_us},
                 {"format", kFormat},
                 {"ids", ids},
                 {"key", key_name(key.public_key())},
                 {"rows", report.rows},
                 {"salt", digits},
                 {"segments", report.segments}};
  PICTOR_ASSIGN(const auto signature, key.sign(as_bytes(object.dump())));
  object["signature"] = signature.base64();
  return object.dump();
}

CheckedCertificate check_certificate(std::string_view certificate, const KnownKeys& keys) {
  auto object = read_certificate(certificate);
  if (!object.is_ok()) return {object.status(), "", "", 0, 0, 0};
  const auto found = keys.by_name.find(std::string((*object)["key"]));
  if (found != keys.by_name.end()) return checked_by(std::move(object).value(), found->second);
  CheckedCertificate checked = described(*object);
  checked.problem = {Code::kNotFound, "the certificate was signed by key " + checked.key +
                                          ", which is not here: give the public half with --public-key"};
  return checked;
}

CheckedCertificate check_certificate(std::string_view certificate, std::string_view public_key_pem) {
  const auto key = PublicKey::from_pem(public_key_pem);
  if (!key.is_ok()) return {key.status().in("the public key"), "", "", 0, 0, 0};
  auto object = read_certificate(certificate);
  if (!object.is_ok()) return {object.status(), "", "", 0, 0, 0};
  return checked_by(std::move(object).value(), *key);
}

Result<bool> is_certified(std::string_view certificate, std::string_view id) {
  PICTOR_ASSIGN(const auto object, read_certificate(certificate));
  const Json wanted = hash_of_id(object["salt"].get_ref<const std::string&>(), id);
  return std::find(object["ids"].begin(), object["ids"].end(), wanted) != object["ids"].end();
}

}  // namespace pictor
