#include "store/filter_scan.h"

#include <algorithm>

namespace pictor::filter {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_name_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || static_cast<unsigned char>(c) >= 0x80;
}
bool is_name_part(char c) { return is_name_start(c) || is_digit(c) || c == '-'; }

bool same_word(std::string_view a, std::string_view keyword) {
  return std::equal(a.begin(), a.end(), keyword.begin(), keyword.end(),
                    [](char x, char y) { return (x >= 'A' && x <= 'Z' ? x + ('a' - 'A') : x) == y; });
}

}  // namespace

bool Token::is_keyword(std::string_view keyword) const { return kind == TokenKind::kWord && same_word(raw, keyword); }

Status fault(std::string_view filter, std::size_t position, const std::string& what) {
  constexpr std::size_t kAround = 40;
  std::size_t begin = position > kAround ? position - kAround : 0;
  while (begin < position && (filter[begin] & 0xC0) == 0x80) ++begin;
  std::size_t end = std::min(filter.size(), position + kAround);
  while (end > position && end < filter.size() && (filter[end] & 0xC0) == 0x80) --end;
  std::string line(filter.substr(begin, end - begin));
  std::replace_if(
      line.begin(), line.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
  const auto columns =
      std::count_if(filter.begin() + static_cast<std::ptrdiff_t>(begin),
                    filter.begin() + static_cast<std::ptrdiff_t>(position), [](char c) { return (c & 0xC0) != 0x80; });
  return {Code::kInvalid, "filter, character " + std::to_string(position + 1) + ": " + what + "\n  " + line + "\n  " +
                              std::string(static_cast<std::size_t>(columns), ' ') + "^"};
}

Result<Token> Scanner::next() {
  while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r'))
    ++at_;
  Token token;
  token.position = at_;
  if (at_ == text_.size()) return token;
  const char c = text_[at_];
  if (c == '\'') return quoted(std::move(token), TokenKind::kString, '\'');
  if (c == '"') return quoted(std::move(token), TokenKind::kQuotedName, '"');
  if (is_digit(c) || c == '-') return number(std::move(token));
  if (is_name_start(c)) return word(std::move(token), TokenKind::kWord, at_);
  if (c == '@') return word(std::move(token), TokenKind::kBuiltIn, at_ + 1);
  return sign(std::move(token));
}

Token Scanner::finish(Token token, TokenKind kind, std::size_t end) {
  token.kind = kind;
  token.raw = text_.substr(token.position, end - token.position);
  at_ = end;
  return token;
}

Result<Token> Scanner::quoted(Token token, TokenKind kind, char quote) {
  for (std::size_t i = at_ + 1; i < text_.size(); ++i) {
    if (text_[i] == '\0') return fault(text_, i, "a zero byte cannot be part of a filter");
    if (text_[i] != quote) {
      token.text.push_back(text_[i]);
    } else if (i + 1 < text_.size() && text_[i + 1] == quote) {
      token.text.push_back(quote);
      ++i;
    } else {
      return finish(std::move(token), kind, i + 1);
    }
  }
  return fault(text_, at_, std::string("this quote is not closed: expected another ") + quote);
}

std::size_t Scanner::digits(std::size_t i) const {
  while (i < text_.size() && is_digit(text_[i])) ++i;
  return i;
}

// As in JSON: -12.5e3, no leading zeros.
Result<Token> Scanner::number(Token token) {
  std::size_t i = at_ + (text_[at_] == '-' ? 1 : 0);
  const std::size_t whole = i;
  i = digits(i);
  bool good = i > whole && (text_[whole] != '0' || i == whole + 1);
  if (good && i < text_.size() && text_[i] == '.') {
    const std::size_t fraction = i + 1;
    i = digits(fraction);
    good = i > fraction;
  }
  if (good && i < text_.size() && (text_[i] == 'e' || text_[i] == 'E')) {
    std::size_t exponent = i + 1;
    if (exponent < text_.size() && (text_[exponent] == '+' || text_[exponent] == '-')) ++exponent;
    i = digits(exponent);
    good = i > exponent;
  }
  if (!good || (i < text_.size() && is_name_start(text_[i]))) {
    return fault(text_, token.position, "expected a number such as 20, -1.5 or 2e6");
  }
  token.text = text_.substr(at_, i - at_);
  return finish(std::move(token), TokenKind::kNumber, i);
}

Token Scanner::word(Token token, TokenKind kind, std::size_t begin) {
  std::size_t i = begin;
  while (i < text_.size() && is_name_part(text_[i])) ++i;
  token.text = text_.substr(begin, i - begin);
  return finish(std::move(token), kind, i);
}

Result<Token> Scanner::sign(Token token) {
  for (const std::string_view sign : {"!=", "<=", ">=", "=", "<", ">", "(", ")", ",", ".", "[", "]"}) {
    if (text_.substr(at_).starts_with(sign)) return finish(std::move(token), TokenKind::kSign, at_ + sign.size());
  }
  return fault(text_, at_, "this character has no meaning here (strings stand in 'single quotes')");
}

}  // namespace pictor::filter
