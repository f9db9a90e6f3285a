#include "cli/otlp_environment.h"

#include "cli/services.h"
#include "cli/text.h"

namespace pictor {
namespace {

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// "%20" to " ", as OpenTelemetry writes values in its environment. What is no escape stays.
std::string unescaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const int high = text[i] == '%' && i + 2 < text.size() ? digit(text[i + 1]) : -1;
    const int low = high >= 0 ? digit(text[i + 2]) : -1;
    out += low >= 0 ? static_cast<char>(high * 16 + low) : text[i];
    if (low >= 0) i += 2;
  }
  return out;
}

std::string trimmed(const std::string& text) {
  const std::size_t first = text.find_first_not_of(' ');
  if (first == std::string::npos) return "";
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

}  // namespace

Status take_otlp_environment(ServerOptions& out) {
  if (out.otlp_endpoint.empty()) out.otlp_endpoint = environment("OTEL_EXPORTER_OTLP_ENDPOINT");
  out.otlp_headers.clear();
  if (out.otlp_endpoint.empty()) return Status::ok();
  for (const std::string& pair : split(environment("OTEL_EXPORTER_OTLP_HEADERS"), ',')) {
    if (trimmed(pair).empty()) continue;
    const std::size_t equals = pair.find('=');
    const std::string name = trimmed(pair.substr(0, equals));
    if (equals == std::string::npos || name.empty()) {
      return {Code::kInvalid, "OTEL_EXPORTER_OTLP_HEADERS is no list as 'name=value,name=value'"};
    }
    out.otlp_headers.push_back(name + ": " + unescaped(trimmed(pair.substr(equals + 1))));
  }
  return Status::ok();
}

}  // namespace pictor
