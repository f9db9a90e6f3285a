#include "infer/model_cache.h"

#include <algorithm>
#include <cstring>
#include <filesystem>

namespace pictor {
namespace {

constexpr std::uint64_t kMagic = 0x324C444D54434950;  // "PICTMDL2"
constexpr std::size_t kHeaderBytes = 64;              // keeps what follows aligned for vector loads
constexpr std::string_view kSuffix = ".compiled";
constexpr std::string_view kSumSuffix = ".sum";
constexpr std::size_t kSumBytesMax = 512;
constexpr std::size_t kSamples = 64;
constexpr std::size_t kSampleBytes = 4096;
constexpr std::size_t kPartBytes = 8 * limits::kMiB;
constexpr std::size_t kSumThreadsMax = 4;  // memory gives no more

std::string entry_path(const std::string& folder, const Hash256& key) {
  return join_path(folder, key.hex().substr(0, 32) + std::string(kSuffix));
}

void remove_oldest(Env& env, const std::string& folder, std::string_view suffix) {
  const auto entries = env.list(folder);
  if (!entries.is_ok()) return;
  std::vector<std::pair<std::int64_t, std::string>> models;
  for (const auto& entry : *entries) {
    const auto path = join_path(folder, entry.name);
    if (entry.kind != FileKind::kFile || !entry.name.ends_with(suffix)) continue;
    if (const auto info = env.info(path); info.is_ok()) models.emplace_back(info->modified_us, path);
  }
  std::ranges::sort(models);
  for (std::size_t i = 0; i + limits::kCompiledModelsMax < models.size(); ++i) {
    static_cast<void>(env.remove(models[i].second).is_ok());
  }
}

// The first page, which holds what the network is, and others all over the file.
std::uint32_t crc_of_samples(ByteView bytes) {
  std::uint32_t crc = 0;
  for (std::size_t i = 0; i < kSamples; ++i) {
    const std::size_t at = bytes.size() / kSamples * i;
    crc = crc32c(bytes.subspan(at, std::min(kSampleBytes, bytes.size() - at)), crc);
  }
  return crc;
}

// The CRC-32C of the sums of its parts. In a network of 350 MB this is most of what reading it costs, since every page
// is touched for the first time: so it is done on several processors.
std::uint32_t crc_of_parts(ByteView bytes) {
  std::vector<std::uint32_t> sums((bytes.size() + kPartBytes - 1) / kPartBytes);
  const auto sum = [&](std::size_t i) {
    const std::size_t at = i * kPartBytes;
    sums[i] = crc32c(bytes.subspan(at, std::min(kPartBytes, bytes.size() - at)));
  };
  const std::size_t threads = std::min({available_processors(), sums.size(), kSumThreadsMax});
  if (threads > 1) {
    ThreadPool(threads - 1).parallel_for(sums.size(), sum);  // the caller works along
  } else {
    for (std::size_t i = 0; i < sums.size(); ++i) sum(i);
  }
  return crc32c(std::as_bytes(std::span(sums)));
}

}  // namespace

std::string content_name(Env& env, const std::string& folder, const std::string& path, ByteView bytes) {
  const auto compute = [&bytes] { return std::to_string(bytes.size()) + " " + std::to_string(crc32c(bytes)); };
  std::error_code failed;
  const std::string absolute = std::filesystem::absolute(path, failed).string();
  const auto info = env.info(path);
  if (failed || !info.is_ok()) return compute();
  const auto remembered = join_path(folder, sha256(as_bytes(absolute)).hex().substr(0, 32) + std::string(kSumSuffix));
  const std::string known = std::to_string(bytes.size()) + " " + std::to_string(info->modified_us) + " " +
                            std::to_string(crc_of_samples(bytes)) + "\n";
  // "SIZE TIME SAMPLES\nSIZE CRC CRC_OF_THE_LINES_BEFORE"
  if (const auto file = read_file(env, remembered, kSumBytesMax); file.is_ok()) {
    const auto text = as_text(*file);
    const auto last = text.rfind(' ');
    const bool whole = last != std::string_view::npos &&
                       text.substr(last + 1) == std::to_string(crc32c(as_bytes(text.substr(0, last))));
    if (whole && text.starts_with(known)) return std::string(text.substr(known.size(), last - known.size()));
  }
  auto content = compute();
  const auto lines = known + content;
  const auto text = lines + " " + std::to_string(crc32c(as_bytes(lines)));
  if (env.make_dirs(folder).is_ok() && write_file_atomic(env, remembered, as_bytes(text)).is_ok()) {
    remove_oldest(env, folder, kSumSuffix);
  }
  return content;
}

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
  if (crc_of_parts(bytes) != crc) return nullptr;
  return std::make_unique<CachedModel>(std::move(mapping).value(), bytes);
}

void keep_cached_model(Env& env, const std::string& folder, const Hash256& key, std::string_view bytes) {
  const std::uint64_t size = bytes.size();
  const std::uint32_t crc = crc_of_parts(as_bytes(bytes));
  Bytes entry(kHeaderBytes + bytes.size());
  std::memcpy(entry.data(), &kMagic, sizeof(kMagic));
  std::memcpy(entry.data() + 8, &size, sizeof(size));
  std::memcpy(entry.data() + 16, &crc, sizeof(crc));
  std::ranges::copy(as_bytes(bytes), entry.begin() + kHeaderBytes);
  if (!env.make_dirs(folder).is_ok()) return;
  if (write_file_atomic(env, entry_path(folder, key), entry).is_ok()) remove_oldest(env, folder, kSuffix);
}

}  // namespace pictor
