// One file on disk as an entry, and what its name and its neighbours say about it.
#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "cli/source.h"
#include "cli/text.h"

namespace pictor {
namespace {

constexpr std::array<std::string_view, 17> kPictureEndings = {".jpg",  ".jpeg", ".jpe", ".jfif", ".png", ".apng",
                                                              ".webp", ".gif",  ".bmp", ".dib",  ".tif", ".tiff",
                                                              ".heic", ".heif", ".hif", ".avif", ".jps"};
constexpr std::array<std::string_view, 11> kArchiveEndings = {
    ".zip", ".tar", ".tar.gz", ".tgz", ".tar.zst", ".tzst", ".tar.xz", ".txz", ".tar.bz2", ".tbz2", ".cbz"};
constexpr std::array<std::string_view, 4> kManifestEndings = {".csv", ".tsv", ".jsonl", ".ndjson"};

constexpr std::size_t kSidecarBytesMax = 64 * limits::kKiB;  // the first line lies within these

template <std::size_t N>
bool ends_in(std::string_view name, const std::array<std::string_view, N>& endings) {
  const std::string lower = lower_ascii(name);
  return std::any_of(endings.begin(), endings.end(),
                     [&](std::string_view ending) { return lower.size() > ending.size() && lower.ends_with(ending); });
}

std::string sidecar_text(Env& env, const std::string& path) {
  const std::size_t dot = path.find_last_of('.');
  const std::size_t slash = path.find_last_of('/');
  if (dot == std::string::npos || (slash != std::string::npos && dot < slash)) return "";
  const auto file = env.open(path.substr(0, dot) + ".txt", OpenMode::kRead);
  if (!file.is_ok()) return "";
  Bytes bytes(kSidecarBytesMax);
  const auto got = file.value()->read_at(0, bytes);
  if (!got.is_ok()) return "";
  std::string_view text = as_text(ByteView(bytes).first(got.value()));
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  text = text.substr(0, text.find_first_of("\r\n"));
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return "";
  return to_utf8(text.substr(first, text.find_last_not_of(" \t") - first + 1));
}

}  // namespace

bool is_picture_name(std::string_view name) { return ends_in(name, kPictureEndings); }
bool is_archive_name(std::string_view name) { return ends_in(name, kArchiveEndings); }
bool is_manifest_name(std::string_view name) { return ends_in(name, kManifestEndings); }

std::string path_metadata(const std::string& path, const std::string& text, const SourceOptions& options) {
  nlohmann::json metadata = nlohmann::json::object();
  if (options.text_from_sidecar && !text.empty()) metadata["description"] = text;
  if (options.metadata_from_path) {
    const std::size_t slash = path.find_last_of('/');
    metadata["folder"] = slash == std::string::npos ? "" : to_utf8(path.substr(0, slash));
    metadata["name"] = to_utf8(file_name(path));
  }
  return metadata.dump();
}

RawEntry file_entry(Env& env, const std::string& path, const std::string& name, const SourceOptions& options) {
  RawEntry out;
  out.path = name;
  out.full_path = path;
  IngestSource::Entry& entry = out.entry;
  entry.item.source = to_utf8(absolute_path(path));
  const Result<FileInfo> info = env.info(path);
  if (!info.is_ok()) {
    entry.problem = info.status();
    return out;
  }
  if (info->kind != FileKind::kFile) {
    entry.problem = {Code::kUnreadable, info->kind == FileKind::kFolder ? "is a folder, not a picture"
                                                                        : "is a device or a pipe, not a file"};
    return out;
  }
  entry.bytes = info->size;
  entry.modified_us = info->modified_us;
  entry.item.modified_us = static_cast<std::uint64_t>(std::max<std::int64_t>(0, info->modified_us));
  entry.read = [&env, path] { return read_file(env, path, limits::kImageFileBytesMax); };
  if (options.text_from_sidecar) entry.item.text = sidecar_text(env, path);
  return out;
}

}  // namespace pictor
