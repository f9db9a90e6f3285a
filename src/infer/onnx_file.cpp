#include "infer/onnx_file.h"

#include <algorithm>
#include <map>

namespace pictor {
namespace {

// The name under which ONNX Runtime takes an offset for an address in its own memory.
constexpr std::string_view kMemoryLocation = "_ORT_MEM_ADDR_";

bool stays_in_folder(std::string_view location) {
  if (location.empty() || location.front() == '/' || location.size() > limits::kPathBytesMax) return false;
  if (location.find('\\') != std::string_view::npos || location.find('\0') != std::string_view::npos) return false;
  if (location.find(kMemoryLocation) != std::string_view::npos) return false;
  for (std::size_t at = 0; at <= location.size();) {
    const std::size_t end = std::min(location.find('/', at), location.size());
    if (location.substr(at, end - at) == "..") return false;
    at = end + 1;
  }
  return true;
}

std::int64_t opset_of(const OnnxNetwork& network, std::string_view domain) {
  const auto found = std::ranges::find(network.opsets, domain, &OnnxOpset::domain);
  return found == network.opsets.end() ? 0 : found->version;
}

bool is_word(char c) { return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// As a word of its own: "Relu" is not in "LeakyRelu".
bool names_word(std::string_view text, std::string_view word) {
  if (word.empty()) return false;
  for (auto at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1)) {
    const std::size_t end = at + word.size();
    if ((at == 0 || !is_word(text[at - 1])) && (end == text.size() || !is_word(text[end]))) return true;
  }
  return false;
}

}  // namespace

std::string shown_name(std::string_view name) {
  constexpr std::size_t kShownBytesMax = 200;
  std::string shown(name.substr(0, kShownBytesMax));
  for (char& c : shown) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '?';
  }
  return name.size() > kShownBytesMax ? shown + "..." : shown;
}

Result<OnnxFile> OnnxFile::open(Env& env, const std::string& path) {
  PICTOR_ASSIGN(const auto info, env.info(path));
  if (info.kind != FileKind::kFile) return Status(Code::kInvalid, "'" + path + "' is not a file");
  if (info.size > limits::kModelBytesMax) {
    return Status(Code::kLimit, "'" + path + "' has " + std::to_string(info.size) + " bytes, at most " +
                                    std::to_string(limits::kModelBytesMax) + " are read");
  }
  OnnxFile out;
  PICTOR_ASSIGN(const auto file, env.open(path, OpenMode::kRead));
  PICTOR_ASSIGN(out.mapping_, file->map());
  PICTOR_ASSIGN(out.network_, parse_onnx(out.mapping_->bytes(), path));
  PICTOR_TRY(out.check_external(env, path));
  return out;
}

namespace {

// `sizes` are those of the files that were found before, by their paths.
Status check_outer(Env& env, const OnnxTensor& tensor, const std::string& path,
                   std::map<std::string, std::uint64_t>& sizes) {
  const std::string which = "'" + path + "': tensor '" + shown_name(tensor.name) + "' ";
  const std::string shown = "'" + shown_name(tensor.location) + "'";
  if (!stays_in_folder(tensor.location)) {
    return {Code::kInvalid, which + "lies in " + shown +
                                ", which is not within the network's folder: do not use this file, it may be hostile"};
  }
  const auto outer = join_path(parent_path(path), tensor.location);
  auto known = sizes.find(outer);
  if (known == sizes.end()) {
    const auto info = env.info(outer);
    if (!info.is_ok() || info->kind != FileKind::kFile) {
      return {Code::kNotFound, which + "lies in the file " + shown +
                                   ", which is missing beside the network: fetch it too, under that name"};
    }
    known = sizes.emplace(outer, info->size).first;
  }
  const std::uint64_t size = known->second;
  const bool fits = tensor.offset <= size && tensor.bytes <= size - tensor.offset;
  if (fits && (tensor.length == 0 || tensor.length == tensor.bytes)) return Status::ok();
  return {Code::kUnreadable, which + "claims " + std::to_string(tensor.bytes) + " bytes from byte " +
                                 std::to_string(tensor.offset) + " of " + shown + ", which has " +
                                 std::to_string(size) + (fits ? " and gives it " + std::to_string(tensor.length) : "")};
}

std::vector<std::string> paths_of(const std::map<std::string, std::uint64_t>& sizes) {
  std::vector<std::string> paths;
  paths.reserve(sizes.size());
  for (const auto& [path, size] : sizes) paths.push_back(path);
  return paths;
}

}  // namespace

Status OnnxFile::check_external(Env& env, const std::string& path) {
  std::map<std::string, std::uint64_t> sizes;
  for (const auto& tensor : network_.tensors) {
    if (tensor.external) PICTOR_TRY(check_outer(env, tensor, path, sizes));
  }
  external_files_ = paths_of(sizes);
  return Status::ok();
}

std::string named_operations(const OnnxNetwork& network, std::string_view cause) {
  std::string named;
  for (const auto& [domain, operation] : network.operations) {
    if (!names_word(cause, operation)) continue;
    // A domain of its own is named too by those who complain; without it the word is somebody else's.
    if (!domain.empty() && !names_word(cause, domain)) continue;
    named += (named.empty() ? "'" : ", '") + shown_name(operation) + "' of " +
             (domain.empty() ? "ONNX itself" : "domain '" + shown_name(domain) + "'") + " (opset " +
             std::to_string(opset_of(network, domain)) + ")";
  }
  return named;
}

}  // namespace pictor
