#include "infer/model_cache.h"

#include <algorithm>
#include <cstring>

namespace pictor {
namespace {

constexpr std::uint64_t kMagic = 0x314C444D54434950;  // "PICTMDL1"
constexpr std::size_t kHeaderBytes = 64;              // keeps what follows aligned for vector loads
constexpr std::string_view kSuffix = ".compiled";

std::string entry_path(const std::string& folder, const Hash256& key) {
  return join_path(folder, key.hex().substr(0, 32) + std::string(kSuffix));
}

void remove_oldest(Env& env, const std::string& folder) {
  const auto entries = env.list(folder);
  if (!entries.is_ok()) return;
  std::vector<std::pair<std::int64_t, std::string>> models;
  for (const auto& entry : *entries) {
    const auto path = join_path(folder, entry.name);
    if (entry.kind != FileKind::kFile || !entry.name.ends_with(kSuffix)) continue;
    if (const auto info = env.info(path); info.is_ok()) models.emplace_back(info->modified_us, path);
  }
  std::ranges::sort(models);
  for (std::size_t i = 0; i + limits::kCompiledModelsMax < models.size(); ++i) {
    static_cast<void>(env.remove(models[i].second).is_ok());
  }
}

}  // namespace

std::unique_ptr<CachedModel> find_cached_model(Env& env, const std::string& folder, const Hash256& key) {
  auto file = env.open(entry_path(folder, key), OpenMode::kRead);
  if (!file.is_ok()) return nullptr;
  auto mapping = (*file)->map();
  if (!mapping.is_ok()) return nullptr;
  const ByteView all = (*mapping)->bytes();
  ByteReader header(all);
  std::uint64_t magic = 0;
  std::uint64_t size = 0;
  std::uint32_t crc = 0;
  if (!header.get(magic) || !header.get(size) || !header.get(crc) || magic != kMagic) return nullptr;
  if (all.size() < kHeaderBytes || all.size() - kHeaderBytes != size) return nullptr;
  const ByteView bytes = all.subspan(kHeaderBytes);
  if (crc32c(bytes) != crc) return nullptr;
  return std::make_unique<CachedModel>(std::move(mapping).value(), bytes);
}

void keep_cached_model(Env& env, const std::string& folder, const Hash256& key, std::string_view bytes) {
  const std::uint64_t size = bytes.size();
  const std::uint32_t crc = crc32c(as_bytes(bytes));
  Bytes entry(kHeaderBytes + bytes.size());
  std::memcpy(entry.data(), &kMagic, sizeof(kMagic));
  std::memcpy(entry.data() + 8, &size, sizeof(size));
  std::memcpy(entry.data() + 16, &crc, sizeof(crc));
  std::ranges::copy(as_bytes(bytes), entry.begin() + kHeaderBytes);
  if (!env.make_dirs(folder).is_ok()) return;
  if (write_file_atomic(env, entry_path(folder, key), entry).is_ok()) remove_oldest(env, folder);
}

}  // namespace pictor
