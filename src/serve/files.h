// Files that are part of the program: the pages of ui/ and the contract of api/. Inside serve/ only.
#pragma once

#include <string_view>

namespace pictor {

struct BuiltInFile {
  std::string_view name;  // "index.html", "openapi.yaml"
  std::string_view bytes;
};
// Null when there is none of that name.
const BuiltInFile* built_in_file(std::string_view name);

}  // namespace pictor
