#include "net/reach.h"

#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

namespace pictor {
namespace {

constexpr std::size_t kHostBytesMax = 253;  // RFC 1035

struct Rule {
  std::string host;    // of "*.example.org": "example.org"
  bool below = false;  // names below it, and not itself
  std::string port;    // empty: 80 and 443
};

bool is_host(std::string_view text) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  };
  const auto fits_v6 = [](char c) { return (c >= 'a' && c <= 'f') || (c >= '0' && c <= '9') || c == ':' || c == '.'; };
  if (text.empty() || text.size() > kHostBytesMax) return false;
  if (text.front() == '[') {
    return text.size() > 3 && text.back() == ']' && std::ranges::all_of(text.substr(1, text.size() - 2), fits_v6);
  }
  return text.front() != '.' && text.back() != '.' && text.find("..") == std::string_view::npos &&
         std::ranges::all_of(text, fits);
}

bool is_port(std::string_view text) {
  std::uint16_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() && number > 0 && text.front() != '0';
}

Result<Rule> rule_of(const std::string& text) {
  Rule rule;
  std::string_view left = text;
  if (left.starts_with("*.")) {
    rule.below = true;
    left.remove_prefix(2);
  }
  const std::size_t colon = left.rfind(':');
  const bool has_port = colon != std::string_view::npos && !left.ends_with(']');
  rule.host = left.substr(0, has_port ? colon : left.size());
  for (char& c : rule.host) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  if (has_port) rule.port = left.substr(colon + 1);
  if (is_host(rule.host) && (!has_port || is_port(rule.port)) && !(rule.below && rule.host.front() == '[')) return rule;
  return Status(Code::kInvalid, "'" + shown_url(text) + "' is no host, wanted images.example.org or *.example.org, " +
                                    "with :8080 for another port than 80 and 443");
}

bool has_host(const Rule& rule, const std::string& host) {
  if (!rule.below) return host == rule.host;
  return host.size() > rule.host.size() + 1 && host.ends_with("." + rule.host);
}

bool has_port(const Rule& rule, const std::string& port) {
  return rule.port.empty() ? port == "80" || port == "443" : port == rule.port;
}

struct Range {
  std::array<std::uint8_t, 16> first;
  unsigned bits;  // of `first`, that an address has to be in it
};

// What IANA's registries of special addresses (RFC 6890) do not call reachable from everywhere.
constexpr std::array kNotPublic4 = {
    Range{{0}, 8},                  // this network
    Range{{10}, 8},                 // private
    Range{{100, 64}, 10},           // between a carrier and its customers
    Range{{127}, 8},                // this machine
    Range{{168, 63, 129, 16}, 32},  // in no registry: what runs the virtual machines of Azure
    Range{{169, 254}, 16},          // one link; where clouds tell machines their secrets
    Range{{172, 16}, 12},           // private
    Range{{192, 0, 0}, 24},         // protocols
    Range{{192, 0, 2}, 24},         // for documents
    Range{{192, 88, 99}, 24},       // 6to4
    Range{{192, 168}, 16},          // private
    Range{{198, 18}, 15},           // benchmarks
    Range{{198, 51, 100}, 24},      // for documents
    Range{{203, 0, 113}, 24},       // for documents
    Range{{224}, 4},                // multicast
    Range{{240}, 4},                // reserved, and broadcast
};
// Of IPv6 all is refused that is not given out (2000::/3): this machine, IPv4 within IPv6, local addresses of every
// kind, multicast. Of what is given out, these:
constexpr Range kGlobal6{{0x20}, 3};
constexpr std::array kNotPublic6 = {
    Range{{0x20, 0x01}, 23},              // protocols: Teredo, benchmarks, ORCHID
    Range{{0x20, 0x01, 0x0d, 0xb8}, 32},  // for documents
    Range{{0x20, 0x02}, 16},              // 6to4: an IPv4 address within
    Range{{0x3f, 0xff}, 20},              // for documents
};
// An IPv4 address of the public internet, for machines that have IPv6 alone (RFC 6052).
constexpr Range kNat64{{0x00, 0x64, 0xff, 0x9b}, 96};

bool is_in(const std::uint8_t* address, const Range& range) {
  const unsigned whole = range.bits / 8, rest = range.bits % 8;
  if (std::memcmp(address, range.first.data(), whole) != 0) return false;
  return rest == 0 || (address[whole] ^ range.first[whole]) >> (8 - rest) == 0;
}

template <typename Ranges>
bool is_in_none(const std::uint8_t* address, const Ranges& ranges) {
  return std::ranges::none_of(ranges, [&](const Range& range) { return is_in(address, range); });
}

}  // namespace

Status check_host_rule(const std::string& rule) { return rule_of(rule).status(); }

Status check_reach(const HttpReach& reach, const Url& url) {
  bool has_that_host = false;
  for (const std::string& text : reach.hosts) {
    PICTOR_ASSIGN(const Rule rule, rule_of(text));
    if (!has_host(rule, url.host)) continue;
    if (has_port(rule, url.port)) return Status::ok();
    has_that_host = true;
  }
  const std::string host = "'" + shown_url(url.host) + "'";
  if (has_that_host) return {Code::kDenied, "port " + url.port + " of " + host + " may not be asked"};
  return {Code::kDenied, host + " is not among the hosts that may be asked"};
}

Status check_reach(const HttpReach& reach, const std::string& url) {
  PICTOR_ASSIGN(const Url parsed, parse_url(url));
  return check_reach(reach, parsed);
}

bool is_public_address(const sockaddr* address, std::size_t bytes) {
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  if (bytes >= sizeof(v4) && address->sa_family == AF_INET) {
    std::memcpy(&v4, address, sizeof(v4));
    return is_in_none(reinterpret_cast<const std::uint8_t*>(&v4.sin_addr), kNotPublic4);
  }
  if (bytes < sizeof(v6) || address->sa_family != AF_INET6) return false;
  std::memcpy(&v6, address, sizeof(v6));
  const std::uint8_t* numbers = v6.sin6_addr.s6_addr;
  if (is_in(numbers, kNat64)) return is_in_none(numbers + 12, kNotPublic4);
  return is_in(numbers, kGlobal6) && is_in_none(numbers, kNotPublic6);
}

}  // namespace pictor
