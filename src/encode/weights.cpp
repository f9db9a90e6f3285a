#include "encode/weights.h"

#include <algorithm>
#include <map>

namespace pictor {
namespace {

constexpr std::uint64_t kStampBytesMax = limits::kMiB;
constexpr std::uint64_t kHashChunkBytes = 4 * limits::kMiB;

#ifdef PICTOR_INSTALLED
constexpr std::string_view kAdvice = " install a package that carries it, or name its folder with --weights";
#else
constexpr std::string_view kAdvice = " run `make setup`, or `tools/setup models`";
#endif

// One line a file: hash, size, time of change, name. A stamp is a memory aid, no proof: what is odd in it is ignored.
std::string stamp_of(const CardFile& file, const FileInfo& info) {
  return file.hash.hex() + " " + std::to_string(info.size) + " " + std::to_string(info.modified_us) + " " + file.path;
}

std::string stamps_path(const std::string& folder) { return join_path(folder, ".checked"); }

std::string read_stamps(Env& env, const std::string& folder) {
  const auto bytes = read_file(env, stamps_path(folder), kStampBytesMax);
  std::string lines("\n");
  if (bytes.is_ok()) lines += as_text(*bytes);
  return lines;
}

Result<Hash256> hash_of_file(Env& env, const std::string& path) {
  PICTOR_ASSIGN(const auto file, env.open(path, OpenMode::kRead));
  Sha256Stream hash;
  Bytes chunk(kHashChunkBytes);
  for (std::uint64_t at = 0;;) {
    PICTOR_ASSIGN(const auto count, file->read_at(at, chunk));
    if (count == 0) return hash.finish();
    hash.add(ByteView(chunk).first(count));
    at += count;
  }
}

Status check_hash(Env& env, const CardFile& file, const std::string& path) {
  PICTOR_ASSIGN(const auto seen, hash_of_file(env, path));
  if (seen == file.hash) return Status::ok();
  return {Code::kCorrupt, "weight file '" + path + "' has SHA-256 " + seen.hex() + ", the card says " +
                              file.hash.hex() + ": remove it, then" + std::string(kAdvice)};
}

Result<FileInfo> check_size(Env& env, const CardFile& file, const std::string& path) {
  const auto info = env.info(path);
  if (!info.is_ok() && info.status().code() == Code::kNotFound) {
    return Status(Code::kNotFound, "weight file '" + path + "' is missing:" + std::string(kAdvice));
  }
  if (!info.is_ok()) return info.status();
  if (info->kind == FileKind::kFile && info->size == file.bytes) return *info;
  return Status(Code::kCorrupt, "weight file '" + path + "' has " + std::to_string(info->size) +
                                    " bytes, the card says " + std::to_string(file.bytes) + ": remove it, then" +
                                    std::string(kAdvice));
}

}  // namespace

Status check_weights(Env& env, const EncoderCard& card, const std::string& folder, bool hashes, bool again) {
  const std::string known = hashes && !again ? read_stamps(env, folder) : std::string();
  std::string stamps;
  bool has_news = false;
  for (const auto& file : card.files) {
    const auto path = join_path(folder, file.path);
    PICTOR_ASSIGN(const auto info, check_size(env, file, path));
    if (!hashes) continue;
    const auto stamp = stamp_of(file, info) + "\n";
    if (known.find(std::string("\n").append(stamp)) == std::string::npos) {
      PICTOR_TRY(check_hash(env, file, path));
      has_news = true;
    }
    stamps += stamp;
  }
  // The folder may be read-only: then the files are read again next time.
  if (has_news) static_cast<void>(write_file_atomic(env, stamps_path(folder), as_bytes(stamps)).is_ok());
  return Status::ok();
}

Result<Bytes> read_weights(Env& env, const CardFile& file, const std::string& folder) {
  const auto path = join_path(folder, file.path);
  PICTOR_ASSIGN(auto bytes, read_file(env, path, file.bytes));
  if (bytes.size() == file.bytes) return bytes;
  return Status(Code::kCorrupt, "weight file '" + path + "' has " + std::to_string(bytes.size()) +
                                    " bytes, the card says " + std::to_string(file.bytes));
}

}  // namespace pictor
