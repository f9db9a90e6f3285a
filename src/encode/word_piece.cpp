#include <algorithm>

#include "encode/token_model.h"
#include "encode/trie.h"

namespace pictor {
namespace {

class WordPiece final : public TokenModel {
 public:
  WordPiece(const Vocabulary& vocabulary, const WordPieceParts& parts, std::int64_t unknown)
      : word_chars_max_(parts.word_chars_max), unknown_(unknown) {
    std::vector<TokenTrie::Entry> starts;
    std::vector<TokenTrie::Entry> continuations;
    for (const auto& [token, id] : vocabulary) {
      starts.emplace_back(token, id);
      if (token.starts_with(parts.continuing_prefix)) {
        continuations.emplace_back(token.substr(parts.continuing_prefix.size()), id);
      }
    }
    starts_ = TokenTrie(std::move(starts));
    continuations_ = TokenTrie(std::move(continuations));
  }

  bool add_ids(std::string_view word, std::vector<std::int64_t>& ids) const override {
    const auto chars = std::ranges::count_if(word, [](char byte) { return (byte & 0xC0) != 0x80; });
    const std::size_t kept = ids.size();
    if (static_cast<std::size_t>(chars) > word_chars_max_) {
      ids.push_back(unknown_);
      return true;
    }
    for (std::size_t at = 0; at < word.size();) {
      std::size_t longest = 0;
      std::int64_t id = -1;
      (at == 0 ? starts_ : continuations_).prefixes(word.substr(at), [&](std::size_t bytes, std::int64_t token) {
        longest = bytes;
        id = token;
      });
      if (longest == 0) {
        ids.resize(kept);
        ids.push_back(unknown_);
        return true;
      }
      ids.push_back(id);
      at += longest;
    }
    return true;
  }

 private:
  std::size_t word_chars_max_;
  std::int64_t unknown_;
  TokenTrie starts_;         // tokens as they are written
  TokenTrie continuations_;  // without their prefix
};

}  // namespace

Result<std::unique_ptr<TokenModel>> make_word_piece(const SharedVocabulary& vocabulary, const WordPieceParts& parts) {
  const auto unknown = vocabulary->find(parts.unknown);
  if (unknown == vocabulary->end()) {
    return Status(Code::kUnreadable, "the vocabulary has no '" + parts.unknown + "', the unknown token");
  }
  return std::unique_ptr<TokenModel>(std::make_unique<WordPiece>(*vocabulary, parts, unknown->second));
}

}  // namespace pictor
