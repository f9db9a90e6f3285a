#include <algorithm>
#include <limits>

#include "encode/token_model.h"
#include "encode/trie.h"
#include "encode/unicode.h"

namespace pictor {
namespace {

constexpr double kUnknownPenalty = 10.0;  // below the worst token, as in SentencePiece

class Unigram final : public TokenModel {
 public:
  Unigram(SharedVocabulary vocabulary, const UnigramParts& parts)
      : ids_(std::move(vocabulary)), byte_fallback_(parts.byte_fallback) {
    double worst = std::numeric_limits<double>::infinity();
    std::vector<TokenTrie::Entry> entries;
    for (const auto& [text, score] : parts.pieces) {
      entries.emplace_back(text, static_cast<std::int64_t>(scores_.size()));
      scores_.push_back(score);
      worst = std::min(worst, score);
    }
    unknown_score_ = worst - kUnknownPenalty;
    if (parts.unknown) unknown_ = static_cast<std::int64_t>(*parts.unknown);
    pieces_ = TokenTrie(std::move(entries));
  }

  bool add_ids(std::string_view word, std::vector<std::int64_t>& ids) const override {
    std::vector<Step> steps;
    if (!find_best(word, steps)) return false;
    std::vector<std::string_view> pieces;  // the last first; what is unknown in a row is one
    bool is_unknown_run = false;
    for (std::size_t end = word.size(); end > 0; end = steps[end].begin) {
      const auto& step = steps[end];
      const bool is_unknown = step.id == unknown_;
      if (is_unknown && is_unknown_run) {
        pieces.back() = word.substr(step.begin, pieces.back().size() + end - step.begin);
      } else {
        pieces.push_back(word.substr(step.begin, end - step.begin));
      }
      is_unknown_run = is_unknown;
    }
    return std::all_of(pieces.rbegin(), pieces.rend(), [&](std::string_view piece) { return add_piece(piece, ids); });
  }

 private:
  // How the best path reaches a place of the word.
  struct Step {
    double score = 0.0;
    std::size_t begin = kNowhere;
    std::int64_t id = 0;
  };
  static constexpr std::size_t kNowhere = SIZE_MAX;

  // Viterbi; `steps` gets one for each byte that a character ends at. Of equal paths the one found first stands.
  bool find_best(std::string_view word, std::vector<Step>& steps) const {
    steps.assign(word.size() + 1, {});
    const auto offer = [&](std::size_t begin, std::size_t end, double score, std::int64_t id) {
      const double sum = score + steps[begin].score;
      if (steps[end].begin == kNowhere || sum > steps[end].score) steps[end] = {sum, begin, id};
    };
    for (std::size_t at = 0; at < word.size();) {
      const std::size_t point_end = at + unicode::point_bytes(word[at]);
      bool has_point = false;
      pieces_.prefixes(word.substr(at), [&](std::size_t bytes, std::int64_t id) {
        offer(at, at + bytes, scores_[static_cast<std::size_t>(id)], id);
        has_point = has_point || at + bytes == point_end;
      });
      if (!has_point) {
        const auto& there = steps[point_end];
        const bool is_better = there.begin == kNowhere || unknown_score_ + steps[at].score > there.score;
        if (is_better && unknown_ < 0) return false;
        offer(at, point_end, unknown_score_, unknown_);
      }
      at = point_end;
    }
    return true;
  }

  bool add_piece(std::string_view piece, std::vector<std::int64_t>& ids) const {
    if (const auto found = ids_->find(piece); found != ids_->end()) {
      ids.push_back(found->second);
      return true;
    }
    if (byte_fallback_) {
      const std::size_t kept = ids.size();
      for (const char byte : piece) {
        const auto found = ids_->find(byte_token(static_cast<unsigned char>(byte)));
        if (found == ids_->end()) break;
        ids.push_back(found->second);
      }
      if (ids.size() == kept + piece.size()) return true;
      ids.resize(kept);
    }
    if (unknown_ < 0) return false;
    ids.push_back(unknown_);
    return true;
  }

  TokenTrie pieces_;
  SharedVocabulary ids_;
  std::vector<double> scores_;
  double unknown_score_ = 0.0;
  std::int64_t unknown_ = -1;
  bool byte_fallback_;
};

}  // namespace

std::unique_ptr<TokenModel> make_unigram(SharedVocabulary vocabulary, const UnigramParts& parts) {
  return std::make_unique<Unigram>(std::move(vocabulary), parts);
}

std::string byte_token(unsigned char byte) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  return {'<', '0', 'x', kDigits[byte >> 4], kDigits[byte & 15], '>'};
}

}  // namespace pictor
