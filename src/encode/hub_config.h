// The configuration files of a hub folder, read as far as an encoder needs them. Unknown fields are passed over, as the
// hub's own readers do; a field of the wrong type is refused with file and path.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "encode/encode.h"

namespace pictor {

// The texts of config.json, preprocessor_config.json, tokenizer_config.json, open_clip_config.json,
// special_tokens_map.json, by name; those that are there.
using HubFiles = std::map<std::string, std::string>;

// One object of one such file. Calls throw ConfigProblem, which stays inside encode's files of import.
struct ConfigProblem {
  Status status;
};

class Config {
 public:
  // Nothing at all when the file is not there. Throws when it is no JSON object.
  static std::optional<Config> read(const HubFiles& files, const std::string& name);
  Config(const Config&) = default;

  bool has(const char* field) const;  // and not null
  std::optional<Config> object(const char* field) const;
  std::string text(const char* field, const std::string& otherwise) const;
  std::uint64_t whole(const char* field, std::uint64_t otherwise) const;
  double number(const char* field, double otherwise) const;
  bool flag(const char* field, bool otherwise) const;
  std::array<float, 3> three(const char* field, const std::array<float, 3>& otherwise) const;
  const nlohmann::json* get(const char* field) const;  // nullptr: not there, or null
  [[noreturn]] void wrong(const char* field, const std::string& wanted) const;
  [[noreturn]] void unsupported(const std::string& what) const;

 private:
  Config(std::shared_ptr<const nlohmann::json> whole, const nlohmann::json& here, std::string where);

  std::shared_ptr<const nlohmann::json> whole_;
  const nlohmann::json* here_;
  std::string where_;  // "config.json: text_config"
};

// How pictures become the network's input, as preprocessor_config.json, open_clip_config.json or timm's pretrained_cfg
// say it. Throws ConfigProblem: kUnsupported names what is not read, kNotFound that nothing says it.
struct HubPreprocessing {
  DecodeSpec decode;
  PrepareSpec prepare;
  std::string rule;  // "CLIPImageProcessor", "timm", "open_clip"
};
HubPreprocessing read_preprocessing(const HubFiles& files);

}  // namespace pictor
