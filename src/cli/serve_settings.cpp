#include "cli/serve_settings.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "base/base.h"
#include "cli/text.h"
#include "cli/vectors_output.h"
#include "net/net.h"

namespace pictor {
namespace {

using Kind = ServeSetting::Kind;

constexpr std::uint64_t kBodyBytesMin = 64 * limits::kKiB, kBytesMost = std::uint64_t{1} << 62;

constexpr std::array<ServeSetting, 18> kSettings = {{
    {"listen", "ADDRESS:PORT", "Where to listen; port 0 takes any that is free", Kind::kListen, false},
    {"workers", "N", "Requests that are worked on at once", Kind::kCount, false, &ServeValues::workers, 2,
     limits::kThreadsMax},
    {"queue", "N", "Requests that wait; past them the answer is 429", Kind::kCount, true, &ServeValues::queue_max, 1,
     100'000},
    {"connections", "N", "Connections that are open at once", Kind::kCount, true, &ServeValues::connections_max, 1,
     1'000'000},
    {"body-max", "SIZE", "Largest picture of a request", Kind::kBytes, true, &ServeValues::body_bytes_max,
     kBodyBytesMin, kBytesMost},
    {"bulk-max", "SIZE", "Largest bulk upload", Kind::kBytes, true, &ServeValues::bulk_bytes_max, kBodyBytesMin,
     kBytesMost},
    {"bodies-max", "SIZE", "Memory of the bodies of all requests together", Kind::kBytes, true,
     &ServeValues::bodies_bytes_max, kBodyBytesMin, kBytesMost},
    {"deadline-ms", "MS", "Deadline of a query that names none", Kind::kCount, true, &ServeValues::deadline_ms, 1,
     static_cast<std::uint64_t>(limits::kQueryDeadlineMsMax)},
    {"drain-s", "S", "How long requests under way may take when it is stopped", Kind::kCount, true,
     &ServeValues::drain_s, 0, 3600},
    {"lazy-encoders", "", "Load encoders when they are first needed, not at the start", Kind::kFlag, false,
     &ServeValues::lazy_encoders},
    {"log-file", "FILE", "Requests are told there, one line of JSON each", Kind::kText, true, &ServeValues::log_file},
    {"audit-reads", "", "Write down searches and reads too; see pictor audit", Kind::kFlag, true,
     &ServeValues::audit_reads},
    {"image-urls", "HOST", "Fetch pictures that requests give as addresses, from these hosts alone", Kind::kHosts, true,
     &ServeValues::image_urls},
    {"image-urls-private", "", "Also where such a host has an address that is not of the public internet", Kind::kFlag,
     true, &ServeValues::image_urls_private},
    {"tls-cert", "FILE", "Speak HTTPS: a PEM file of the certificate and its chain", Kind::kText, true,
     &ServeValues::tls_certificate},
    {"tls-key", "FILE", "The certificate's key, a PEM file", Kind::kText, true, &ServeValues::tls_key},
    {"otlp-endpoint", "URL", "Send traces there: OTLP over HTTP, as http://127.0.0.1:4318", Kind::kText, false,
     &ServeValues::otlp_endpoint},
    {"trace-sample", "SHARE", "Requests that are traced, from 0 to 1; of a caller who is traced, all", Kind::kShare,
     false, &ServeValues::trace_sample},
}};

// "127.0.0.1:7733", "[::1]:7733", or a port alone.
bool take_listen(const std::string& text, ServeValues& out) {
  const std::size_t colon = text.rfind(':');
  const bool has_address = colon != std::string::npos && text.back() != ']';
  std::string address = has_address ? text.substr(0, colon) : std::string("127.0.0.1");
  const std::string port = has_address ? text.substr(colon + 1) : text;
  if (address.size() > 2 && address.front() == '[' && address.back() == ']')
    address = address.substr(1, address.size() - 2);
  std::uint16_t number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (error != std::errc() || end != port.data() + port.size() || port.empty()) return false;
  out.address = address == "localhost" ? "127.0.0.1" : address;
  out.port = number;
  return true;
}

bool take_number(const ServeSetting& setting, std::uint64_t number, ServeValues& out) {
  if (number < setting.least || number > setting.most) return false;
  if (const auto* place = std::get_if<std::uint64_t ServeValues::*>(&setting.place)) out.*(*place) = number;
  if (const auto* place = std::get_if<std::int64_t ServeValues::*>(&setting.place)) {
    out.*(*place) = static_cast<std::int64_t>(number);
  }
  return true;
}

std::uint64_t number_of(const ServeSetting& setting, const ServeValues& values) {
  if (const auto* place = std::get_if<std::uint64_t ServeValues::*>(&setting.place)) return values.*(*place);
  const auto* place = std::get_if<std::int64_t ServeValues::*>(&setting.place);
  return place == nullptr ? 0 : static_cast<std::uint64_t>(values.*(*place));
}

// Exactly that many: "20MiB", "1536KiB".
std::string size_text(std::uint64_t bytes) {
  constexpr std::array<const char*, 5> kUnits = {"", "KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  for (; bytes > 0 && bytes % 1024 == 0 && unit + 1 < kUnits.size(); ++unit) bytes /= 1024;
  return std::to_string(bytes) + kUnits[unit];
}

// "images.example.org,*.example.net:8080"; nothing: none.
bool take_hosts(const std::string& text, std::vector<std::string>& out) {
  out.clear();
  if (text.find_first_not_of(' ') == std::string::npos) return true;
  for (std::string host : split(text, ',')) {
    host.erase(0, std::min(host.size(), host.find_first_not_of(' ')));
    host.erase(host.find_last_not_of(' ') + 1);
    if (!check_host_rule(host).is_ok() || out.size() == limits::kHttpReachHostsMax) return false;
    out.push_back(std::move(host));
  }
  return true;
}

std::string hosts_text(const std::vector<std::string>& hosts) {
  std::string out;
  for (const std::string& host : hosts) out += (out.empty() ? "" : ",") + host;
  return out;
}

std::optional<bool> flag_of(const std::string& text) {
  const std::string word = lower_ascii(text);
  if (word == "true" || word == "1" || word == "yes" || word == "on") return true;
  if (word == "false" || word == "0" || word == "no" || word == "off") return false;
  return std::nullopt;
}

}  // namespace

std::string ServeSetting::flag() const { return "--" + std::string(name); }

std::string ServeSetting::environment() const {
  std::string out = "PICTOR_";
  for (const char c : name) out += c == '-' ? '_' : static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  return out;
}

std::string ServeSetting::wanted() const {
  switch (kind) {
    case Kind::kListen: return "ADDRESS:PORT, as 127.0.0.1:7733 or [::1]:7733";
    case Kind::kCount: return "a whole number from " + with_commas(least) + " to " + with_commas(most);
    case Kind::kBytes: return "a size from " + size_text(least) + ", as 20MiB";
    case Kind::kFlag: return "true or false";
    case Kind::kText: return "a text";
    case Kind::kShare: return "a number from 0 to 1";
    case Kind::kHosts: return "hosts, as images.example.org or *.example.org:8080";
  }
  return "";
}

bool ServeSetting::take(const std::string& text, ServeValues& out) const {
  switch (kind) {
    case Kind::kListen: return take_listen(text, out);
    case Kind::kCount: {
      std::uint64_t number = 0;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
      return error == std::errc() && end == text.data() + text.size() && take_number(*this, number, out);
    }
    case Kind::kBytes: {
      const auto bytes = parse_bytes(text);
      return bytes && take_number(*this, *bytes, out);
    }
    case Kind::kFlag: {
      const auto flag = flag_of(text);
      if (flag) out.*std::get<bool ServeValues::*>(place) = *flag;
      return flag.has_value();
    }
    case Kind::kHosts: return take_hosts(text, out.*std::get<std::vector<std::string> ServeValues::*>(place));
    case Kind::kText: out.*std::get<std::string ServeValues::*>(place) = text; return true;
    case Kind::kShare: {
      double share = 0;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), share);
      if (error != std::errc() || end != text.data() + text.size() || !(share >= 0 && share <= 1)) return false;
      out.*std::get<double ServeValues::*>(place) = share;
      return true;
    }
  }
  return false;
}

std::string ServeSetting::text_of(const ServeValues& values) const {
  switch (kind) {
    case Kind::kListen: {
      const bool is_v6 = values.address.find(':') != std::string::npos;
      return (is_v6 ? "[" + values.address + "]" : values.address) + ":" + std::to_string(values.port);
    }
    case Kind::kCount: return std::to_string(number_of(*this, values));
    case Kind::kBytes: return size_text(number_of(*this, values));
    case Kind::kFlag: return values.*std::get<bool ServeValues::*>(place) ? "true" : "false";
    case Kind::kText: return values.*std::get<std::string ServeValues::*>(place);
    case Kind::kHosts: return hosts_text(values.*std::get<std::vector<std::string> ServeValues::*>(place));
    case Kind::kShare: return short_number(values.*std::get<double ServeValues::*>(place));
  }
  return "";
}

std::span<const ServeSetting> serve_settings() { return kSettings; }

const ServeSetting* find_serve_setting(std::string_view name) {
  const auto* const found = std::find_if(kSettings.begin(), kSettings.end(),
                                         [&](const ServeSetting& setting) { return setting.name == name; });
  return found == kSettings.end() ? nullptr : &*found;
}

}  // namespace pictor
