#include "golden_family.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

namespace pictor::test {
namespace {

// PICTOR_GOLDEN: families that were made anew, with another seed.
const std::string kGolden =
    std::getenv("PICTOR_GOLDEN") != nullptr ? std::getenv("PICTOR_GOLDEN") : PICTOR_DEPS_DIR "/golden";

std::string key_of(const std::string& item, const std::string& stage, const std::string& head) {
  return item + "/" + stage + "/" + head;
}

std::vector<std::string> folders_in(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(folder, none)) {
    if (std::filesystem::exists(entry.path() / "hub") && std::filesystem::exists(entry.path() / "stages")) {
      names.push_back(entry.path().filename());
    }
  }
  std::ranges::sort(names);
  return names;
}

}  // namespace

std::vector<std::string> golden_families() { return folders_in(kGolden); }
std::vector<std::string> golden_preparations() { return folders_in(kGolden + "/prepare"); }

GoldenFamily read_golden_family(const std::string& name) {
  GoldenFamily family;
  family.name = name;
  family.hub = kGolden + "/" + name + "/hub";
  const std::filesystem::path stages = kGolden + "/" + name + "/stages";
  std::ifstream in(stages / "manifest.json");
  const auto manifest = nlohmann::json::parse(in);
  for (const auto& head : manifest.value("heads", nlohmann::json::array())) {
    family.heads.push_back({head["name"], head["tower"], head["output"], head["pool"], head["dim"]});
  }
  for (const auto& item : manifest["items"]) {
    GoldenItem one{item["item"], item["kind"], "", ""};
    if (one.kind == "picture") one.file = (stages / item["file"].get<std::string>()).lexically_normal();
    if (one.kind == "text") one.text = item["text"];
    family.items.push_back(std::move(one));
  }
  for (const auto& record : manifest["records"]) {
    const std::string file = (stages / record["file"].get<std::string>()).lexically_normal();
    const std::string head = record.value("head", "");
    family.records_[key_of(record["item"], record["stage"], head)] = {file, record["offset"], record["bytes"]};
  }
  return family;
}

template <typename T>
std::optional<std::vector<T>> GoldenFamily::numbers(const std::string& item, const std::string& stage,
                                                    const std::string& head) const {
  const auto found = records_.find(key_of(item, stage, head));
  if (found == records_.end()) return std::nullopt;
  std::vector<T> out(found->second.bytes / sizeof(T));
  std::ifstream in(found->second.file, std::ios::binary);
  in.seekg(static_cast<std::streamoff>(found->second.offset));
  in.read(reinterpret_cast<char*>(out.data()), static_cast<std::streamsize>(out.size() * sizeof(T)));
  if (!in) return std::nullopt;
  return out;
}

template std::optional<std::vector<std::uint8_t>> GoldenFamily::numbers(const std::string&, const std::string&,
                                                                        const std::string&) const;
template std::optional<std::vector<std::int64_t>> GoldenFamily::numbers(const std::string&, const std::string&,
                                                                        const std::string&) const;
template std::optional<std::vector<float>> GoldenFamily::numbers(const std::string&, const std::string&,
                                                                 const std::string&) const;

}  // namespace pictor::test
