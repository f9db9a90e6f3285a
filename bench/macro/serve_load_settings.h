// What serve_load was told on its command line.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "base/base.h"

namespace pictor::load {

inline constexpr std::size_t kConnectionsMax = 1024;

struct Settings {
  std::uint16_t port = 0;
  std::string requests, log, answers;
  bool open = false, poisson = true;
  std::map<std::string, double> shares;  // of each class: a second, or its weight
  std::size_t connections = 256;
  double seconds = 10, warm = 0;
  std::uint64_t requests_max = UINT64_MAX, serial = 1, first = 0, seed = 1;
};

inline Status take_shares(const std::string& text, std::map<std::string, double>& out) {
  std::istringstream parts(text);
  for (std::string part; std::getline(parts, part, ',');) {
    const std::size_t sign = part.find('=');
    const double share = sign == std::string::npos ? -1 : std::atof(part.c_str() + sign + 1);
    if (!(share > 0)) return {Code::kInvalid, "'" + part + "' is no share of a class, wanted NAME=NUMBER above 0"};
    out[part.substr(0, sign)] = share;
  }
  return out.empty() ? Status(Code::kInvalid, "no class was named") : Status::ok();
}

inline Status take(const std::string& name, const std::string& value, Settings& out) {
  const double number = std::atof(value.c_str());
  if (name == "--open" || name == "--closed") {
    out.open = name == "--open";
    return take_shares(value, out.shares);
  }
  if (name == "--arrivals") {
    out.poisson = value == "poisson";
    return out.poisson || value == "constant"
               ? Status::ok()
               : Status(Code::kInvalid, "--arrivals is '" + value + "', wanted poisson or constant");
  }
  if (name == "--log" || name == "--answers") {
    (name == "--log" ? out.log : out.answers) = value;
    return Status::ok();
  }
  if (value.empty() || value.find_first_not_of("0123456789.") != std::string::npos) {
    return {Code::kInvalid, name + " is '" + value + "', wanted a number"};
  }
  if (name == "--connections") {
    out.connections = static_cast<std::size_t>(number);
  } else if (name == "--seconds") {
    out.seconds = number;
  } else if (name == "--warm") {
    out.warm = number;
  } else if (name == "--requests") {
    out.requests_max = std::strtoull(value.c_str(), nullptr, 10);
  } else if (name == "--serial") {
    out.serial = std::strtoull(value.c_str(), nullptr, 10);
  } else if (name == "--first") {
    out.first = std::strtoull(value.c_str(), nullptr, 10);
  } else if (name == "--seed") {
    out.seed = std::strtoull(value.c_str(), nullptr, 10);
  } else {
    return {Code::kInvalid, "'" + name + "' is no option"};
  }
  return Status::ok();
}

inline Status read_settings(const std::vector<std::string>& words, Settings& out) {
  if (words.size() < 4 || words.size() % 2 != 0) {
    return {Code::kInvalid, "usage: serve_load PORT REQUESTS --open|--closed CLASS=NUMBER,... [--OPTION VALUE]..."};
  }
  out.port = static_cast<std::uint16_t>(std::strtoul(words[0].c_str(), nullptr, 10));
  out.requests = words[1];
  for (std::size_t i = 2; i < words.size(); i += 2) PICTOR_TRY(take(words[i], words[i + 1], out));
  if (out.port == 0) return {Code::kInvalid, "PORT is '" + words[0] + "'"};
  if (out.shares.empty()) return {Code::kInvalid, "wanted --open or --closed"};
  if (out.connections == 0 || out.connections > kConnectionsMax) {
    return {Code::kInvalid,
            "--connections is " + std::to_string(out.connections) + ", wanted 1 to " + std::to_string(kConnectionsMax)};
  }
  if (out.warm >= out.seconds) return {Code::kInvalid, "--warm must be less than --seconds"};
  return Status::ok();
}

}  // namespace pictor::load
