// An HTTP/1.1 answer as its bytes come from a socket, and the ids that are in it.
#pragma once

#include <algorithm>
#include <cctype>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/base.h"

namespace pictor::load {

inline constexpr std::size_t kAnswerHeadBytesMax = 64 * limits::kKiB;
inline constexpr std::size_t kAnswerBytesMax = 64 * limits::kMiB;

class AnswerReader {
 public:
  // Takes what came. true: the answer is whole. An error: this is no HTTP/1.1 answer.
  Result<bool> take(std::string_view bytes) {
    in_ += bytes;
    if (in_.size() > kAnswerBytesMax) return wrong("is longer than 64 MiB");
    if (body_at_ == 0) {
      PICTOR_ASSIGN(const bool there, take_head());
      if (!there) return false;
    }
    if (chunked_) return take_chunks();
    if (in_.size() < body_at_ + length_) return false;
    body_ = in_.substr(body_at_, length_);
    return true;
  }

  bool begun() const { return !in_.empty(); }
  int status() const { return status_; }
  const std::string& body() const { return body_; }
  bool keep_alive() const { return keep_alive_; }

 private:
  static Status wrong(const std::string& how) { return {Code::kUnreadable, "the answer " + how}; }

  static bool same(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
      return std::tolower(static_cast<unsigned char>(x)) == std::tolower(static_cast<unsigned char>(y));
    });
  }

  // false: its end has not come.
  Result<bool> take_head() {
    const std::size_t end = in_.find("\r\n\r\n");
    if (end == std::string::npos) {
      if (in_.size() > kAnswerHeadBytesMax) return wrong("has a head without an end");
      return false;
    }
    std::string_view head(in_.data(), end + 2);
    const auto status = head.size() > 12 ? number(head.substr(9, 3), 10) : std::nullopt;
    if (head.substr(0, 7) != "HTTP/1." || !status) return wrong("begins with '" + in_.substr(0, 20) + "'");
    status_ = static_cast<int>(*status);
    bool has_length = status_ == 204 || status_ == 304;
    for (head.remove_prefix(head.find("\r\n") + 2); !head.empty(); head.remove_prefix(head.find("\r\n") + 2)) {
      const std::string_view line = head.substr(0, head.find("\r\n"));
      const std::size_t colon = std::min(line.find(':'), line.size());
      std::string_view value = line.substr(std::min(colon + 1, line.size()));
      while (!value.empty() && value.front() == ' ') value.remove_prefix(1);
      const std::string_view name = line.substr(0, colon);
      if (same(name, "content-length")) {
        const auto length = number(value, 10);
        if (!length || *length > kAnswerBytesMax) return wrong("has a length of '" + std::string(value) + "'");
        length_ = static_cast<std::size_t>(*length);
        has_length = true;
      }
      if (same(name, "transfer-encoding")) chunked_ = same(value, "chunked");
      if (same(name, "connection")) keep_alive_ = !same(value, "close");
    }
    if (!has_length && !chunked_) return wrong("says neither how long it is nor that it is chunked");
    body_at_ = next_ = end + 4;
    return true;
  }

  // Chunk after chunk from next_ on; what is not whole yet is looked at again. Trailers are not read: nobody here sends
  // any.
  Result<bool> take_chunks() {
    while (true) {
      const std::size_t line = in_.find("\r\n", next_);
      if (line == std::string::npos) return false;
      const std::string_view digits = std::string_view(in_).substr(next_, line - next_);
      const auto size = number(digits.substr(0, digits.find(';')), 16);
      if (!size || *size > kAnswerBytesMax) return wrong("has a chunk of '" + std::string(digits) + "' bytes");
      const std::size_t end = line + 2 + static_cast<std::size_t>(*size) + 2;
      if (in_.size() < end) return false;
      if (*size == 0) return true;
      body_ += std::string_view(in_).substr(line + 2, static_cast<std::size_t>(*size));
      next_ = end;
    }
  }

  static std::optional<std::uint64_t> number(std::string_view text, int base) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
    return value;
  }

  std::string in_, body_;
  std::size_t body_at_ = 0, length_ = 0, next_ = 0;
  int status_ = 0;
  bool chunked_ = false, keep_alive_ = true;
};

// The texts after every `"id":`, as both services write their hits. Ids of the loads have no escapes.
inline std::vector<std::string_view> ids_of(std::string_view json) {
  constexpr std::string_view kKey = "\"id\"";
  std::vector<std::string_view> ids;
  for (std::size_t at = json.find(kKey); at != std::string_view::npos; at = json.find(kKey, at)) {
    at = std::min(json.find_first_not_of(" \t\r\n", at + kKey.size()), json.size());
    if (at == json.size() || json[at] != ':') continue;
    at = std::min(json.find_first_not_of(" \t\r\n", at + 1), json.size());
    if (at == json.size() || json[at] != '"') continue;
    const std::size_t end = json.find('"', at + 1);
    if (end == std::string_view::npos) break;
    ids.push_back(json.substr(at + 1, end - at - 1));
    at = end + 1;
  }
  return ids;
}

}  // namespace pictor::load
