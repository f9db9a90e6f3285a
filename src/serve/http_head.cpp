#include <algorithm>

#include "serve/http.h"

namespace pictor {
namespace {

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// `plus_is_space`: in queries, as forms are sent.
Result<std::string> decoded(std::string_view text, bool plus_is_space) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      out += ' ';
    } else if (text[i] != '%') {
      out += text[i];
    } else {
      const int high = i + 1 < text.size() ? digit(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? digit(text[i + 2]) : -1;
      if (high < 0 || low < 0) {
        return Status(Code::kInvalid, "the address has '%' without two hexadecimal digits after it: write %25 for '%'");
      }
      out += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  if (out.find('\0') != std::string::npos) return Status(Code::kInvalid, "the address has a zero byte");
  return out;
}

Status take_query(std::string_view query, HttpFields& out) {
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), pair.size() + 1));
    if (pair.empty()) continue;
    const std::size_t equals = pair.find('=');
    PICTOR_ASSIGN(auto name, decoded(pair.substr(0, equals), true));
    PICTOR_ASSIGN(auto value, decoded(equals == std::string_view::npos ? "" : pair.substr(equals + 1), true));
    out.emplace_back(std::move(name), std::move(value));
  }
  return Status::ok();
}

template <typename Fields>
auto find_named(const Fields& fields, std::string_view name) {
  return std::find_if(fields.begin(), fields.end(), [&](const auto& field) { return field.first == name; });
}

}  // namespace

std::string_view HttpHead::field(std::string_view name) const {
  const auto found = find_named(fields, name);
  return found == fields.end() ? std::string_view{} : std::string_view(found->second);
}

std::optional<std::string_view> HttpHead::parameter(std::string_view name) const {
  const auto found = find_named(query, name);
  return found == query.end() ? std::nullopt : std::optional<std::string_view>(found->second);
}

Status parse_target(std::string_view target, HttpHead& head) {
  for (const std::string_view scheme : {"http://", "https://"}) {  // as a proxy sends it
    if (target.substr(0, scheme.size()) != scheme) continue;
    target.remove_prefix(scheme.size());
    target.remove_prefix(std::min(target.size(), target.find('/')));
  }
  if (target.empty() || target.front() != '/') return {Code::kInvalid, "the address has no path: it begins with '/'"};
  const std::size_t question = target.find('?');
  std::string_view path = target.substr(1, question == std::string_view::npos ? question : question - 1);
  head.segments.clear();
  head.query.clear();
  while (true) {
    const std::size_t slash = path.find('/');
    PICTOR_ASSIGN(auto segment, decoded(path.substr(0, slash), false));
    head.segments.push_back(std::move(segment));
    if (slash == std::string_view::npos) break;
    path.remove_prefix(slash + 1);
  }
  return question == std::string_view::npos ? Status::ok() : take_query(target.substr(question + 1), head.query);
}

}  // namespace pictor
