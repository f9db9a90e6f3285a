// The keys that sign receipts: keys/receipts.key, which only the owner reads, and keys/receipts.pub for everybody;
// keys/former/NAME.pub of those that signed before.
#include "engine/receipt.h"

namespace pictor {
namespace {

constexpr std::uint64_t kKeyFileBytesMax = 4 * limits::kKiB;

std::string keys_folder(const std::string& data_folder) { return join_path(data_folder, "keys"); }
std::string private_path(const std::string& data_folder) { return join_path(keys_folder(data_folder), "receipts.key"); }
std::string public_path(const std::string& data_folder) { return join_path(keys_folder(data_folder), "receipts.pub"); }

constexpr std::string_view kPublicSuffix = ".pub";

constexpr const char* kAdvice =
    ": restore it from a backup, or begin with a new pair: move keys/receipts.pub to keys/former/NAME.pub, NAME being "
    "the key that receipts name, and keys/receipts.key away";

Result<SigningKey> read_private(Env& env, const std::string& path) {
  PICTOR_ASSIGN(const auto bytes, read_file(env, path, kKeyFileBytesMax));
  auto key = SigningKey::from_pem(as_text(bytes));
  if (key.is_ok()) return key;
  return Status(key.status().code(), "'" + path + "' " + key.status().message() + kAdvice);
}

Result<PublicKey> read_public(Env& env, const std::string& path) {
  PICTOR_ASSIGN(const auto bytes, read_file(env, path, kKeyFileBytesMax));
  auto key = PublicKey::from_pem(as_text(bytes));
  if (key.is_ok()) return key;
  return Status(key.status().code(), "'" + path + "' " + key.status().message() + kAdvice);
}

// As write_file_atomic, but nobody else may ever read it, not even for a moment.
Status write_private(Env& env, const std::string& path, ByteView bytes) {
  const std::string aside = path + ".tmp";
  if (exists(env, aside)) PICTOR_TRY(env.remove(aside));  // of a crash
  {
    PICTOR_ASSIGN(const auto file, env.open(aside, OpenMode::kCreatePrivate));
    PICTOR_TRY(file->write_at(0, bytes));
    PICTOR_TRY(file->sync());
  }
  PICTOR_TRY(env.rename(aside, path));
  return env.sync_dir(parent_path(path));
}

Status check_pair(const SigningKey& key, const PublicKey& half, const std::string& data_folder) {
  if (key.public_key() == half) return Status::ok();
  return {Code::kCorrupt, "'" + private_path(data_folder) + "' is the key " + key_name(key.public_key()) + ", '" +
                              public_path(data_folder) + "' says " + key_name(half) + ": one of them was changed" +
                              kAdvice};
}

Result<SigningKey> make_key(Env& env, const std::string& data_folder) {
  SigningKey::Seed seed{};
  env.random(seed);
  PICTOR_ASSIGN(auto key, SigningKey::from_seed(seed));
  PICTOR_TRY(env.make_dirs(keys_folder(data_folder)));
  PICTOR_TRY(env.sync_dir(data_folder));
  PICTOR_TRY(write_private(env, private_path(data_folder), as_bytes(key.pem())));
  return key;
}

// One file of keys/former.
Status add_former(Env& env, const std::string& folder, const DirEntry& entry, KnownKeys& keys) {
  const auto path = join_path(folder, entry.name);
  PICTOR_ASSIGN(const auto half, read_public(env, path));
  const auto name = key_name(half);
  if (entry.name != name + std::string(kPublicSuffix)) {
    return {Code::kCorrupt, "'" + path + "' is the key " + name + ": name it " + name + std::string(kPublicSuffix)};
  }
  keys.by_name.emplace(name, half);
  return Status::ok();
}

}  // namespace

bool has_signing_key(Env& env, const std::string& data_folder) {
  return exists(env, private_path(data_folder)) || exists(env, public_path(data_folder));
}

KnownKeys read_known_keys(Env& env, const std::string& data_folder) {
  KnownKeys keys;
  const auto own = read_public_key(env, data_folder);
  if (own.is_ok()) keys.by_name.emplace(key_name(*own), *own);
  if (!own.is_ok() && own.status().code() != Code::kNotFound) keys.problems.push_back(own.status());
  const auto folder = join_path(keys_folder(data_folder), "former");
  if (!exists(env, folder)) return keys;
  const auto entries = env.list(folder);
  if (!entries.is_ok()) keys.problems.push_back(entries.status());
  if (!entries.is_ok()) return keys;
  for (const auto& entry : *entries) {
    if (!entry.name.ends_with(kPublicSuffix)) continue;
    if (keys.by_name.size() > limits::kFormerKeysMax) {
      keys.problems.emplace_back(
          Code::kLimit,
          "'" + folder + "' has more than " + std::to_string(limits::kFormerKeysMax) + " keys: the rest is not read");
      break;
    }
    const Status added = add_former(env, folder, entry, keys);
    if (!added.is_ok() && keys.problems.size() < limits::kFaultsMax) keys.problems.push_back(added);
  }
  return keys;
}

Result<SigningKey> open_signing_key(Env& env, const std::string& data_folder) {
  const bool has_private = exists(env, private_path(data_folder));
  if (exists(env, public_path(data_folder))) {
    if (!has_private) {
      return Status(Code::kNotFound, "'" + private_path(data_folder) + "' is missing beside its public key" + kAdvice);
    }
    PICTOR_ASSIGN(auto key, read_private(env, private_path(data_folder)));
    PICTOR_ASSIGN(const auto half, read_public(env, public_path(data_folder)));
    PICTOR_TRY(check_pair(key, half, data_folder));
    return key;
  }
  // The private key is written first, so one alone is what a crash left between the two.
  PICTOR_ASSIGN(auto key, has_private ? read_private(env, private_path(data_folder)) : make_key(env, data_folder));
  PICTOR_TRY(write_file_atomic(env, public_path(data_folder), as_bytes(key.public_key().pem())));
  return key;
}

Result<PublicKey> read_public_key(Env& env, const std::string& data_folder) {
  PICTOR_ASSIGN(const auto half, read_public(env, public_path(data_folder)));
  if (!exists(env, private_path(data_folder))) return half;
  PICTOR_ASSIGN(const auto key, read_private(env, private_path(data_folder)));
  PICTOR_TRY(check_pair(key, half, data_folder));
  return half;
}

}  // namespace pictor
