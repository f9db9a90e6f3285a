#include "serve/conditional.h"

#include <algorithm>

namespace pictor {
namespace {

constexpr std::size_t kTagDigits = 32;

// Weak, since the same answer may travel packed.
std::string tag_of(const std::string& body) {
  return "W/\"" + sha256(as_bytes(body)).hex().substr(0, kTagDigits) + "\"";
}

// By the weak comparison: W/ makes no difference.
bool names(std::string_view list, std::string_view tag) {
  tag.remove_prefix(2);
  while (!list.empty()) {
    std::string_view one = list.substr(0, list.find(','));
    list.remove_prefix(std::min(list.size(), one.size() + 1));
    while (!one.empty() && one.front() == ' ') one.remove_prefix(1);
    while (!one.empty() && one.back() == ' ') one.remove_suffix(1);
    if (one.starts_with("W/")) one.remove_prefix(2);
    if (one == "*" || one == tag) return true;
  }
  return false;
}

bool has(const HttpFields& fields, std::string_view name) {
  return std::any_of(fields.begin(), fields.end(), [&](const auto& field) { return field.first == name; });
}

}  // namespace

void make_conditional(const HttpHead& head, HttpReply& reply) {
  const bool reads = head.method == "GET" || head.method == "HEAD";
  if (!reads || reply.status != 200 || reply.type.starts_with("text/plain")) return;
  const std::string tag = tag_of(reply.body);
  reply.fields.emplace_back("ETag", tag);
  if (!has(reply.fields, "Cache-Control")) reply.fields.emplace_back("Cache-Control", "private, no-cache");
  if (!names(head.field("if-none-match"), tag)) return;
  reply.status = 304;
  reply.body.clear();
  reply.type.clear();
}

}  // namespace pictor
