// Which repository is meant, and which of its files an encoder needs.
#include "encode/hub.h"

#include <algorithm>
#include <array>
#include <map>

#include "encode/hub_files.h"

namespace pictor {
namespace {

constexpr std::array<std::string_view, 6> kConfigurations = {
    "config.json",           "preprocessor_config.json", "tokenizer.json",
    "tokenizer_config.json", "special_tokens_map.json",  "open_clip_config.json"};

bool is_letter_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

bool is_plain(std::string_view text, std::string_view others) {
  return std::ranges::all_of(text,
                             [&](char c) { return is_letter_or_digit(c) || others.find(c) != std::string_view::npos; });
}

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= limits::kHubNameBytesMax && is_plain(text, "-_.") && text.front() != '.' &&
         text.front() != '-' && text.find("..") == std::string_view::npos;
}

bool is_revision(std::string_view text) {
  return text.size() <= limits::kHubRevisionBytesMax && is_plain(text, "-_./+") && path_fault(text).empty() &&
         text.front() != '-' && text.front() != '.' && text.find("..") == std::string_view::npos;
}

std::string lower(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return text;
}

using Variants = std::map<std::string, const HubFile*>;  // of one network: variant to file

// "onnx/model.onnx" is the plain variant of "model" in "onnx/", "onnx/model_int8.onnx" its variant "int8".
Variants variants_of(const HubListing& listing, std::string_view folder, std::string_view network) {
  constexpr std::string_view kEnd = ".onnx";
  const auto begin = std::string(folder) + std::string(network);
  Variants variants;
  for (const auto& file : listing.files) {
    std::string_view rest = file.path;
    if (!rest.starts_with(begin) || !rest.ends_with(kEnd)) continue;
    rest.remove_prefix(begin.size());
    rest.remove_suffix(kEnd.size());
    if (!rest.empty() && (rest.front() != '_' || rest.size() == 1)) continue;
    if (is_plain(rest, "_-")) variants[std::string(rest.substr(rest.empty() ? 0 : 1))] = &file;
  }
  return variants;
}

// "model.onnx_data", "model.onnx_data_1", "model.onnx.data": weights that a network keeps in files of their own.
bool is_data_of(std::string_view path, std::string_view network) {
  if (!path.starts_with(network)) return false;
  path.remove_prefix(network.size());
  if (path == "_data" || path == ".data") return true;
  return path.starts_with("_data_") && path.size() > 6 && path.size() < 12 &&
         path.find_first_not_of("0123456789", 6) == std::string_view::npos;
}

std::string shown(const std::string& variant) { return variant.empty() ? "the plain one" : "'" + variant + "'"; }

class Choice {
 public:
  Choice(const HubListing& listing, std::string_view variant) : listing_(listing), variant_(variant) {}

  Result<std::vector<HubFile>> choose() {
    for (const auto& name : kConfigurations) add(name);
    if (!has("config.json") && !has("open_clip_config.json")) {
      return Status(Code::kNotFound,
                    "the repository has neither config.json nor open_clip_config.json: it is no encoder's");
    }
    PICTOR_TRY(add_networks());
    PICTOR_TRY(check());
    return std::move(chosen_);
  }

 private:
  void add(std::string_view path) {
    const auto found = std::ranges::find(listing_.files, path, &HubFile::path);
    if (found != listing_.files.end()) chosen_.push_back(*found);
  }
  bool has(std::string_view path) const { return std::ranges::find(chosen_, path, &HubFile::path) != chosen_.end(); }

  Status add_networks() {
    for (const std::string_view folder : {"onnx/", ""}) {
      const auto vision = variants_of(listing_, folder, "vision_model");
      const auto text = variants_of(listing_, folder, "text_model");
      const auto both = variants_of(listing_, folder, "model");
      if (vision.empty() && text.empty() && both.empty()) continue;
      if (vision.empty() && !both.empty()) return add_network("model", both);
      if (!vision.empty()) PICTOR_TRY(add_network("vision_model", vision));
      return text.empty() ? Status::ok() : add_network("text_model", text);
    }
    return {Code::kNotFound,
            "the repository has no network in ONNX (onnx/model.onnx, onnx/vision_model.onnx, onnx/text_model.onnx or "
            "the same without 'onnx/'): choose one that has, or export it and add the folder"};
  }

  Status add_network(const std::string& name, const Variants& variants) {
    const auto found = variants.find(variant_);
    if (found == variants.end()) {
      std::string list;
      for (const auto& [variant, unused] : variants) list += (list.empty() ? "" : ", ") + shown(variant);
      return {Code::kNotFound, "the repository has no variant " + shown(variant_) + " of '" + name +
                                   "'; there is: " + list.substr(0, 400)};
    }
    const auto& network = *found->second;
    chosen_.push_back(network);
    for (const auto& file : listing_.files) {
      if (is_data_of(file.path, network.path)) chosen_.push_back(file);
    }
    return Status::ok();
  }

  Status check() const {
    if (chosen_.size() > limits::kHubFilesMax) {
      return {Code::kLimit, "the encoder has " + std::to_string(chosen_.size()) + " files, at most " +
                                std::to_string(limits::kHubFilesMax) + " are pulled"};
    }
    std::uint64_t bytes = 0;
    for (const auto& file : chosen_) {
      PICTOR_TRY(check(file));
      bytes += file.bytes;
    }
    if (bytes <= limits::kHubEncoderBytesMax) return check_cases();
    return {Code::kLimit, "the encoder has " + std::to_string(bytes) + " bytes, at most " +
                              std::to_string(limits::kHubEncoderBytesMax) + " are pulled"};
  }

  static Status check(const HubFile& file) {
    const bool is_text = file.path.ends_with(".json");
    const auto bytes_max = is_text ? limits::kTokenizerBytesMax : limits::kModelBytesMax;
    if (file.bytes > bytes_max) {
      return {Code::kLimit, "'" + file.path + "' has " + std::to_string(file.bytes) + " bytes, at most " +
                                std::to_string(bytes_max) + " are pulled"};
    }
    if (file.sha256 || !file.git_sha1.empty()) return Status::ok();
    return {Code::kUnreadable, "the listing gives no size and hash for '" + file.path + "': it could not be checked"};
  }

  // Where a disk does not tell cases apart, nobody could say which of the two a folder holds.
  Status check_cases() const {
    std::map<std::string, std::string> names;
    for (const auto& file : chosen_) names[lower(file.path)] = file.path;
    for (const auto& file : listing_.files) {
      const auto found = names.find(lower(file.path));
      if (found == names.end() || found->second == file.path) continue;
      return {Code::kUnreadable, "the listing has '" + found->second + "' and '" + file.path +
                                     "', which some disks take for one: it is not pulled"};
    }
    return Status::ok();
  }

  const HubListing& listing_;
  const std::string variant_;
  std::vector<HubFile> chosen_;
};

}  // namespace

Result<HubRef> parse_hub_ref(std::string_view text) {
  constexpr std::string_view kScheme = "hf:";
  const auto wrong = [&](const std::string& why) {
    return Status(Code::kInvalid, "'" + std::string(text.substr(0, 200)) + "': " + why +
                                      "; hf:owner/name or hf:owner/name@revision is wanted");
  };
  if (!text.starts_with(kScheme)) return wrong("does not begin with 'hf:'");
  auto rest = text.substr(kScheme.size());
  HubRef ref;
  if (const auto at = rest.find('@'); at != std::string_view::npos) {
    ref.revision = rest.substr(at + 1);
    rest = rest.substr(0, at);
    if (!is_revision(ref.revision)) return wrong("what follows '@' is no branch, tag or commit");
  }
  const auto slash = rest.find('/');
  if (slash == std::string_view::npos) return wrong("there is no '/' between owner and name");
  const auto owner = rest.substr(0, slash);
  const auto name = rest.substr(slash + 1);
  if (!is_name(owner)) return wrong("the owner is not of letters, digits, '-', '_', '.'");
  if (!is_name(name)) return wrong("the name is not of letters, digits, '-', '_', '.'");
  ref.repository = rest;
  return ref;
}

Result<std::vector<HubFile>> choose_hub_files(const HubListing& listing, std::string_view variant) {
  if (variant.size() > limits::kShortTextBytesMax || !is_plain(variant, "_-")) {
    return Status(Code::kInvalid, "'" + std::string(variant.substr(0, 64)) +
                                      "' is no variant: letters, digits, '_', '-' are wanted, as in fp16 or int8");
  }
  return Choice(listing, variant).choose();
}

}  // namespace pictor
