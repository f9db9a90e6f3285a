// libFuzzer: any bytes as a hub's listing, as pulled.json and as a reference. Whatever is accepted stays in its folder.
#include <cstdlib>
#include <set>

#include "encode/hub_files.h"

namespace {

bool stays_inside(const std::string& path) {
  if (path.empty() || path.front() == '/' || path.back() == '/') return false;
  for (const char c : path) {
    if (static_cast<unsigned char>(c) < 32 || c == '\\' || c == 127) return false;
  }
  const auto whole = "/" + path + "/";
  return whole.find("/../") == std::string::npos && whole.find("/./") == std::string::npos &&
         whole.find("//") == std::string::npos;
}

void check(bool promise) {
  if (!promise) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto listing = pictor::parse_hub_listing(text); listing.is_ok()) {
    check(listing->commit.size() == 40);
    for (const auto& file : listing->files) check(stays_inside(file.path));
    for (const char* variant : {"", "fp16"}) {
      const auto files = pictor::choose_hub_files(*listing, variant);
      if (!files.is_ok()) continue;
      check(!files->empty() && files->size() <= pictor::limits::kHubFilesMax);
      std::uint64_t bytes = 0;
      std::set<std::string> names;
      for (const auto& file : *files) {
        check(file.sha256.has_value() || file.git_sha1.size() == 40);
        check(names.insert(file.path).second);
        bytes += file.bytes;
      }
      check(bytes <= pictor::limits::kHubEncoderBytesMax);
    }
  }
  if (const auto pulled = pictor::parse_pulled(text); pulled.is_ok()) {
    for (const auto& file : pulled->files) check(stays_inside(file.path));
    check(pictor::pulled_json(*pulled).size() > 1);
  }
  if (const auto ref = pictor::parse_hub_ref(text); ref.is_ok()) {
    check(stays_inside(ref->repository) && stays_inside(ref->revision));
  }
  return 0;
}
