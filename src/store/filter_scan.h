// The words, values and signs of a filter's text, one after the other.
//
// Thread safety: pure functions; a Scanner belongs to one thread. It looks into the text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/base.h"

namespace pictor::filter {

enum class TokenKind { kEnd, kWord, kQuotedName, kBuiltIn, kString, kNumber, kSign };

struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::size_t position = 0;
  std::string_view raw;  // as it stands in the filter
  std::string text;      // unquoted

  bool is_sign(std::string_view sign) const { return kind == TokenKind::kSign && raw == sign; }
  bool is_keyword(std::string_view keyword) const;  // in any case
};

// kInvalid, as one line about the fault, then the place: the text around it with a caret below.
Status fault(std::string_view filter, std::size_t position, const std::string& what);

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}
  Result<Token> next();

 private:
  Token finish(Token token, TokenKind kind, std::size_t end);
  Result<Token> quoted(Token token, TokenKind kind, char quote);
  Result<Token> number(Token token);
  Token word(Token token, TokenKind kind, std::size_t begin);
  Result<Token> sign(Token token);
  std::size_t digits(std::size_t i) const;

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace pictor::filter
