#include "serve/request_id.h"

#include <algorithm>
#include <array>

namespace pictor {
namespace {

constexpr std::size_t kGivenMax = 64;

bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

bool is_plain(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' || c == '.';
}

// "00-TRACE-PARENT-FLAGS" (W3C Trace Context, level 1); a trace of zeros is none.
std::string_view trace_of(std::string_view text) {
  if (text.size() != 55 || text.substr(0, 3) != "00-" || text[35] != '-' || text[52] != '-') return {};
  const std::string_view trace = text.substr(3, 32);
  if (!std::all_of(trace.begin(), trace.end(), is_hex)) return {};
  return trace.find_first_not_of('0') == std::string_view::npos ? std::string_view{} : trace;
}

}  // namespace

std::string request_id_of(Env& env, std::string_view given, std::string_view traceparent) {
  if (!given.empty() && given.size() <= kGivenMax && std::all_of(given.begin(), given.end(), is_plain)) {
    return std::string(given);
  }
  const std::string_view trace = trace_of(traceparent);
  if (!trace.empty()) return std::string(trace);
  std::array<std::byte, 16> drawn{};
  env.random(drawn);
  std::string id;
  for (const std::byte byte : drawn) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    id += kDigits[std::to_integer<unsigned>(byte) >> 4U];
    id += kDigits[std::to_integer<unsigned>(byte) & 15U];
  }
  return id;
}

}  // namespace pictor
