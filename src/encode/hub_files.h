// What a pull reads and writes beside the files themselves, as text: pulled.json, and pulling.json, which says what a
// pull that has not ended wants.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "encode/hub.h"

namespace pictor {

inline constexpr std::string_view kPulledFile = "pulled.json";
inline constexpr std::string_view kPullingFile = "pulling.json";

// Why a path from outside is not used; empty when it is: relative, with '/' between plain parts.
std::string path_fault(std::string_view path);

std::string pulled_json(const PulledRepo& repo);
Result<PulledRepo> parse_pulled(std::string_view json);

// Of the files only path and size are kept.
std::string pulling_json(const std::vector<HubFile>& files);
Result<std::vector<HubFile>> parse_pulling(std::string_view json);

}  // namespace pictor
