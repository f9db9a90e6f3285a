#include "cli/toml.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <optional>

#include "cli/text.h"

namespace pictor {
namespace {

constexpr std::size_t kKeyPartsMax = 8, kKeyBytesMax = 128;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_key(char c) { return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-'; }

// A number of TOML: no '+' or '-' but at its front, no leading zeros, '_' between digits only.
class NumberReader {
 public:
  explicit NumberReader(std::string_view word) : word_(word) {}

  std::optional<TomlValue> read() {
    TomlValue value;
    value.kind = TomlValue::Kind::kNumber;
    if (at_ < word_.size() && (word_[at_] == '-' || word_[at_] == '+')) {
      if (word_[at_++] == '-') plain_ += '-';
    }
    const std::size_t begin = plain_.size();
    if (!digits() || (plain_[begin] == '0' && plain_.size() > begin + 1)) return std::nullopt;
    value.whole = true;
    if (at_ < word_.size() && word_[at_] == '.') {
      plain_ += word_[at_++];
      value.whole = false;
      if (!digits()) return std::nullopt;
    }
    if (at_ < word_.size() && (word_[at_] == 'e' || word_[at_] == 'E')) {
      plain_ += word_[at_++];
      value.whole = false;
      if (at_ < word_.size() && (word_[at_] == '-' || word_[at_] == '+')) plain_ += word_[at_++];
      if (!digits()) return std::nullopt;
    }
    if (at_ != word_.size()) return std::nullopt;
    value.text = plain_;
    return value;
  }

 private:
  bool digits() {
    const std::size_t before = plain_.size();
    for (; at_ < word_.size(); ++at_) {
      if (is_digit(word_[at_])) {
        plain_ += word_[at_];
      } else if (word_[at_] != '_' || plain_.size() == before || word_[at_ - 1] == '_' || at_ + 1 == word_.size() ||
                 !is_digit(word_[at_ + 1])) {
        break;
      }
    }
    return plain_.size() > before;
  }

  std::string_view word_;
  std::size_t at_ = 0;
  std::string plain_;
};

bool append_utf8(std::string& out, std::uint32_t letter) {
  const auto put = [&](std::uint32_t byte) { out += static_cast<char>(byte); };
  if (letter == 0 || letter > 0x10FFFF || (letter >= 0xD800 && letter <= 0xDFFF)) return false;
  if (letter < 0x80) {
    put(letter);
  } else if (letter < 0x800) {
    put(0xC0 | (letter >> 6));
    put(0x80 | (letter & 0x3F));
  } else if (letter < 0x10000) {
    put(0xE0 | (letter >> 12));
    put(0x80 | ((letter >> 6) & 0x3F));
    put(0x80 | (letter & 0x3F));
  } else {
    put(0xF0 | (letter >> 18));
    put(0x80 | ((letter >> 12) & 0x3F));
    put(0x80 | ((letter >> 6) & 0x3F));
    put(0x80 | (letter & 0x3F));
  }
  return true;
}

class TomlReader {
 public:
  explicit TomlReader(std::string_view text) : text_(text) {
    if (text_.starts_with("\xEF\xBB\xBF")) text_.remove_prefix(3);
  }

  TomlFile read() {
    while (file_.faults.empty() && skip_to_content()) {
      if (peek() == '[') {
        read_header();
      } else {
        read_pair();
      }
      if (file_.faults.empty()) read_line_end();
    }
    return std::move(file_);
  }

 private:
  bool at_end() const { return at_ == text_.size(); }
  char peek() const { return at_end() ? '\0' : text_[at_]; }
  // A line of a fault: what a text or a list that is not closed should have ended on may stand far behind it.
  bool fail(std::string message) { return fail_at(line_, std::move(message)); }
  bool fail_at(std::uint64_t line, std::string message) {
    if (file_.faults.empty()) file_.faults.push_back({line, std::move(message)});
    return false;
  }

  void skip_spaces() {
    while (peek() == ' ' || peek() == '\t') ++at_;
  }
  void skip_comment() {
    if (peek() != '#') return;
    while (!at_end() && peek() != '\n') ++at_;
  }
  bool take_new_line() {
    if (peek() == '\r' && at_ + 1 < text_.size() && text_[at_ + 1] == '\n') ++at_;
    if (peek() != '\n') return false;
    ++at_;
    ++line_;
    return true;
  }
  // Past blank lines and comments; false at the end.
  bool skip_to_content() {
    do {
      skip_spaces();
      skip_comment();
    } while (take_new_line());
    return !at_end();
  }
  void read_line_end() {
    skip_spaces();
    skip_comment();
    if (!at_end() && !take_new_line()) fail("'" + rest_of_line() + "' is too much: the line was complete");
  }
  std::string rest_of_line() const {
    const std::string_view rest = text_.substr(at_, text_.find_first_of("\r\n", at_) - at_);
    return cut_end(rest, 40);
  }

  // "encoder.pull": bare words with dots between them.
  bool read_path(std::vector<std::string>& path) {
    do {
      skip_spaces();
      if (peek() == '"' || peek() == '\'') return fail("keys in quotes are not taken: write the key without them");
      const std::size_t begin = at_;
      while (is_key(peek())) ++at_;
      if (at_ == begin) {
        return fail(at_end() || peek() == '\n' || peek() == '\r' ? "a key is missing"
                                                                 : "'" + rest_of_line() + "' begins no key");
      }
      if (at_ - begin > kKeyBytesMax || path.size() == kKeyPartsMax) {
        return fail("a key has at most " + std::to_string(kKeyPartsMax) + " parts of " + std::to_string(kKeyBytesMax) +
                    " bytes");
      }
      path.emplace_back(text_.substr(begin, at_ - begin));
      skip_spaces();
    } while (peek() == '.' && ++at_ > 0);
    return true;
  }

  static std::string joined(const std::vector<std::string>& path) {
    std::string out;
    for (const std::string& part : path) out += (out.empty() ? "" : ".") + part;
    return out;
  }

  // Each name once, be it a key's or a table's.
  bool claim(const std::string& name, const char* kind) {
    const auto [found, is_new] = lines_.emplace(name, line_);
    if (is_new) return true;
    return fail(std::string(kind) + " '" + name + "' stands in line " + std::to_string(found->second) + " already");
  }

  void read_header() {
    ++at_;
    if (peek() == '[') {
      fail("lists of tables, [[...]], are not taken");
      return;
    }
    tables_.clear();
    if (!read_path(tables_)) return;
    if (peek() != ']') {
      fail("']' is missing behind [" + joined(tables_));
      return;
    }
    ++at_;
    if (claim(joined(tables_), "table")) file_.tables.push_back({tables_, line_});
  }

  void read_pair() {
    TomlEntry entry;
    entry.line = line_;
    std::vector<std::string> path = tables_;
    if (!read_path(path)) return;
    if (peek() != '=') {
      fail("'=' is missing behind the key '" + path.back() + "'");
      return;
    }
    ++at_;
    skip_spaces();
    if (!claim(joined(path), "key") || !read_value(entry.value, true)) return;
    entry.key = std::move(path.back());
    path.pop_back();
    entry.tables = std::move(path);
    file_.entries.push_back(std::move(entry));
  }

  bool read_value(TomlValue& out, bool may_be_list) {
    switch (peek()) {
      case '"': return read_basic(out);
      case '\'': return read_literal(out);
      case '[': return may_be_list ? read_list(out) : fail("lists in lists are not taken");
      case '{': return fail("tables in braces are not taken: write a [table]");
      default: return read_word(out);
    }
  }

  bool read_word(TomlValue& out) {
    const std::size_t end = std::min(text_.find_first_of(" \t\r\n,]#", at_), text_.size());
    const std::string word(text_.substr(at_, end - at_));
    if (word.empty()) return fail("a value is missing");
    at_ = end;
    if (word == "true" || word == "false") {
      out.kind = TomlValue::Kind::kFlag;
      out.text = word;
      return true;
    }
    if (auto number = NumberReader(word).read()) {
      out = std::move(*number);
      return true;
    }
    return fail("'" + cut_end(word, 40) + "' is no value: wanted a text in quotes, a number, true, false or a list");
  }

  bool read_literal(TomlValue& out) {
    if (text_.substr(at_).starts_with("'''")) return fail("texts of several lines are not taken");
    const std::size_t end = text_.find_first_of("'\n", at_ + 1);
    if (end == std::string_view::npos || text_[end] == '\n') return fail("a text is not closed: ' is missing");
    out.text = text_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
    return true;
  }

  bool read_basic(TomlValue& out) {
    if (text_.substr(at_).starts_with("\"\"\"")) return fail("texts of several lines are not taken");
    ++at_;
    while (peek() != '"') {
      if (at_end() || peek() == '\n') return fail("a text is not closed: \" is missing");
      if (peek() != '\\') {
        out.text += text_[at_++];
      } else if (!read_escape(out.text)) {
        return false;
      }
    }
    ++at_;
    return true;
  }

  bool read_escape(std::string& out) {
    ++at_;
    const char named = peek();
    constexpr std::string_view kNames = "btnfr\"\\", kLetters = "\b\t\n\f\r\"\\";
    if (const std::size_t known = kNames.find(named); known != std::string_view::npos && !at_end()) {
      out += kLetters[known];
      ++at_;
      return true;
    }
    const std::size_t digits = named == 'u' ? 4 : named == 'U' ? 8 : 0;
    std::uint32_t letter = 0;
    for (std::size_t i = 1; i <= digits; ++i) {
      const char c = at_ + i < text_.size() ? lower_ascii(text_.substr(at_ + i, 1))[0] : '\0';
      const bool is_hex = is_digit(c) || (c >= 'a' && c <= 'f');
      letter = is_hex ? letter * 16 + static_cast<std::uint32_t>(is_digit(c) ? c - '0' : c - 'a' + 10) : 0x110000;
      if (!is_hex) break;
    }
    if (digits == 0 || !append_utf8(out, letter)) {
      return fail("a text has '\\' before what is no escape: write \\\\ for '\\', or the text in '...'");
    }
    at_ += digits + 1;
    return true;
  }

  bool read_list(TomlValue& out) {
    const std::uint64_t begin = line_;
    out.kind = TomlValue::Kind::kList;
    ++at_;
    for (;;) {
      if (!skip_to_content()) return fail_at(begin, "a list is not closed: ']' is missing");
      if (peek() == ']') break;
      TomlValue one;
      if (!read_value(one, false)) return false;
      out.list.push_back(std::move(one));
      if (!skip_to_content()) return fail_at(begin, "a list is not closed: ']' is missing");
      if (peek() != ',' && peek() != ']') return fail("',' is missing between the values of a list");
      if (peek() == ',') ++at_;
    }
    ++at_;
    return true;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::uint64_t line_ = 1;
  std::vector<std::string> tables_;
  std::map<std::string, std::uint64_t> lines_;
  TomlFile file_;
};

// The line of the first byte that is no text: UTF-8 without control characters.
std::optional<TomlFault> find_no_text(std::string_view text) {
  std::uint64_t line = 0;
  for (const std::string& one : split(text, '\n')) {
    ++line;
    if (!is_utf8(one)) return TomlFault{line, "the line has bytes that are not UTF-8"};
    const std::size_t end = one.ends_with('\r') ? one.size() - 1 : one.size();
    for (std::size_t i = 0; i < end; ++i) {
      const auto byte = static_cast<unsigned char>(one[i]);
      if ((byte >= 0x20 && byte != 0x7F) || byte == '\t') continue;
      char code[8];
      std::snprintf(code, sizeof code, "0x%02X", byte);
      return TomlFault{line, std::string("the line has the control character ") + code};
    }
  }
  return std::nullopt;
}

}  // namespace

TomlFile read_toml(std::string_view text) {
  TomlFile wrong;
  if (text.size() > kTomlBytesMax) {
    wrong.faults.push_back(
        {0, "the file has " + std::to_string(text.size()) + " bytes, wanted at most " + std::to_string(kTomlBytesMax)});
    return wrong;
  }
  if (auto fault = find_no_text(text)) {
    wrong.faults.push_back(std::move(*fault));
    return wrong;
  }
  return TomlReader(text).read();
}

}  // namespace pictor
