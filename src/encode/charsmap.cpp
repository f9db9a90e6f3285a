#include "encode/charsmap.h"

#include <algorithm>
#include <array>

#include "encode/unicode.h"

namespace pictor {
namespace {

std::uint32_t little_endian(std::string_view bytes) {
  std::uint32_t value = 0;
  for (std::size_t i = 4; i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

// The parts of a unit of a Darts array (its documentation calls them has_leaf, label, offset and value).
bool has_leaf(std::uint32_t unit) { return (unit >> 8 & 1) == 1; }
std::uint32_t label(std::uint32_t unit) { return unit & (1U << 31 | 0xFF); }
std::uint64_t offset(std::uint32_t unit) { return static_cast<std::uint64_t>(unit >> 10) << ((unit & 1U << 9) >> 6); }
std::uint32_t value(std::uint32_t unit) { return unit & ((1U << 31) - 1); }

}  // namespace

Result<Charsmap> Charsmap::parse(std::string_view base64) {
  const auto bytes = bytes_of_base64(base64);
  if (!bytes.is_ok()) return Status(Code::kUnreadable, "the map of characters is not base64");
  const std::string_view all = as_text(*bytes);
  const auto trie_bytes = all.size() < 4 ? 0 : little_endian(all) / 4 * 4;
  if (trie_bytes == 0 || trie_bytes > bytes->size() - 4) {
    return Status(Code::kUnreadable, "the map of characters has " + std::to_string(bytes->size()) +
                                         " bytes and says that its trie has " + std::to_string(trie_bytes));
  }
  Charsmap out;
  for (std::size_t at = 4; at < 4 + trie_bytes; at += 4) out.units_.push_back(little_endian(all.substr(at)));
  out.texts_ = all.substr(4 + trie_bytes);
  std::size_t bad_at = 0;
  if (!unicode::is_utf8(out.texts_, bad_at)) {
    return Status(Code::kUnreadable,
                  "the texts of the map of characters are not UTF-8 at byte " + std::to_string(bad_at));
  }
  return out;
}

std::optional<std::string_view> Charsmap::replacement(std::string_view text) const {
  std::uint64_t at = offset(units_[0]);
  for (const char character : text) {
    const auto byte = static_cast<unsigned char>(character);
    if (byte == 0) return std::nullopt;
    at ^= byte;
    if (at >= units_.size() || label(units_[at]) != byte) return std::nullopt;
    const auto unit = units_[at];
    at ^= offset(unit);
    if (!has_leaf(unit)) continue;
    if (at >= units_.size()) return std::nullopt;
    const std::size_t begin = value(units_[at]);
    if (begin >= texts_.size()) return begin == texts_.size() ? std::optional(std::string_view()) : std::nullopt;
    if ((static_cast<unsigned char>(texts_[begin]) & 0xC0) == 0x80) return std::nullopt;  // inside a character
    const auto rest = std::string_view(texts_).substr(begin);
    return rest.substr(0, rest.find('\0'));
  }
  return std::nullopt;
}

}  // namespace pictor
