#include <algorithm>
#include <array>
#include <queue>

#include "encode/token_model.h"
#include "encode/unicode.h"

namespace pictor {
namespace {

struct Merge {
  std::uint32_t rank = 0;
  std::int64_t id = 0;
};

// From two ids to their merge: open addressing, at most half full.
class MergeTable {
 public:
  explicit MergeTable(std::size_t count) {
    std::size_t size = 16;
    while (size < 2 * count) size *= 2;
    slots_.resize(size);
  }

  void put(std::int64_t left, std::int64_t right, Merge merge) {
    auto& slot = slots_[place(key(left, right))];
    slot = {key(left, right), merge};
  }
  const Merge* find(std::int64_t left, std::int64_t right) const {
    const auto& slot = slots_[place(key(left, right))];
    return slot.key == kEmpty ? nullptr : &slot.merge;
  }

 private:
  static constexpr std::uint64_t kEmpty = UINT64_MAX;  // no key: ids are at most INT32_MAX
  struct Slot {
    std::uint64_t key = kEmpty;
    Merge merge;
  };

  static std::uint64_t key(std::int64_t left, std::int64_t right) {
    return static_cast<std::uint64_t>(left) << 32 | static_cast<std::uint64_t>(right);
  }
  std::size_t place(std::uint64_t key) const {
    std::size_t at = static_cast<std::size_t>((key * 0x9E3779B97F4A7C15ULL) >> 20) & (slots_.size() - 1);
    while (slots_[at].key != kEmpty && slots_[at].key != key) at = (at + 1) & (slots_.size() - 1);
    return at;
  }

  std::vector<Slot> slots_;
};

// The symbols of a word, a list through an array: merging keeps the left one and skips the right one.
struct Symbol {
  std::int64_t id = 0;
  std::int32_t previous = -1, next = -1;
  bool is_gone = false;
};

class BytePair final : public TokenModel {
 public:
  BytePair(SharedVocabulary vocabulary, BytePairParts parts, MergeTable merges)
      : vocabulary_(std::move(vocabulary)), parts_(std::move(parts)), merges_(std::move(merges)) {
    parts_.merges = {};
    for (std::size_t byte = 0; byte < byte_ids_.size(); ++byte) {
      const auto found = vocabulary_->find(byte_token(static_cast<unsigned char>(byte)));
      byte_ids_[byte] = found == vocabulary_->end() ? -1 : found->second;
    }
    if (parts_.unknown) {
      const auto found = vocabulary_->find(*parts_.unknown);
      if (found != vocabulary_->end()) unknown_ = found->second;
    }
  }

  bool add_ids(std::string_view word, std::vector<std::int64_t>& ids) const override {
    if (parts_.ignore_merges) {
      if (const auto found = vocabulary_->find(word); found != vocabulary_->end()) {
        ids.push_back(found->second);
        return true;
      }
    }
    std::vector<Symbol> symbols;
    if (!take_apart(word, symbols)) return false;
    merge_all(symbols);
    for (const auto& symbol : symbols) {
      if (!symbol.is_gone) ids.push_back(symbol.id);
    }
    return true;
  }

 private:
  struct Candidate {
    std::uint32_t rank;
    std::int32_t left;
    std::int64_t id;
    // The lowest rank first, then the leftmost.
    bool operator<(const Candidate& other) const { return rank != other.rank ? rank > other.rank : left > other.left; }
  };
  using Queue = std::priority_queue<Candidate>;

  // Characters to symbols. An unknown one waits until the next known one, even past bytes that stand for a character,
  // as in the reference.
  bool take_apart(std::string_view word, std::vector<Symbol>& symbols) const {
    const auto add = [&](std::int64_t id) { symbols.push_back({id, -1, -1, false}); };
    bool is_unknown_waiting = false;
    std::string text;
    for (std::size_t at = 0; at < word.size();) {
      const std::size_t end = at + unicode::point_bytes(word[at]);
      text.clear();
      if (at > 0) text += parts_.continuing_prefix;
      text += word.substr(at, end - at);
      if (end == word.size()) text += parts_.end_of_word_suffix;
      at = end;
      if (const auto found = vocabulary_->find(text); found != vocabulary_->end()) {
        if (is_unknown_waiting) add(unknown_);
        is_unknown_waiting = false;
        add(found->second);
        continue;
      }
      const auto byte_id = [&](char byte) { return byte_ids_[static_cast<unsigned char>(byte)]; };
      if (parts_.byte_fallback && std::ranges::all_of(text, [&](char byte) { return byte_id(byte) >= 0; })) {
        for (const char byte : text) add(byte_id(byte));
        continue;
      }
      if (!parts_.unknown) continue;  // a model without an unknown token passes over what it does not know
      if (unknown_ < 0) return false;
      if (is_unknown_waiting && !parts_.fuse_unknown) add(unknown_);
      is_unknown_waiting = true;
    }
    if (is_unknown_waiting) add(unknown_);
    return true;
  }

  void offer(const std::vector<Symbol>& symbols, std::int32_t left, Queue& queue) const {
    const auto& symbol = symbols[static_cast<std::size_t>(left)];
    const auto* merge = merges_.find(symbol.id, symbols[static_cast<std::size_t>(symbol.next)].id);
    if (merge != nullptr) queue.push({merge->rank, left, merge->id});
  }

  void merge_all(std::vector<Symbol>& symbols) const {
    const auto count = static_cast<std::int32_t>(symbols.size());
    Queue queue;
    for (std::int32_t i = 0; i < count; ++i) {
      auto& symbol = symbols[static_cast<std::size_t>(i)];
      symbol.previous = i - 1;
      symbol.next = i + 1 < count ? i + 1 : -1;
    }
    for (std::int32_t i = 0; i + 1 < count; ++i) offer(symbols, i, queue);
    while (!queue.empty()) {
      const auto best = queue.top();
      queue.pop();
      auto& left = symbols[static_cast<std::size_t>(best.left)];
      if (left.is_gone || left.next < 0) continue;
      auto& right = symbols[static_cast<std::size_t>(left.next)];
      // What stood here when the merge was put into the queue may have been merged otherwise since.
      const auto* merge = merges_.find(left.id, right.id);
      if (merge == nullptr || merge->id != best.id) continue;
      left.id = best.id;
      left.next = right.next;
      right.is_gone = true;
      if (left.next >= 0) symbols[static_cast<std::size_t>(left.next)].previous = best.left;
      if (left.previous >= 0) offer(symbols, left.previous, queue);
      if (left.next >= 0) offer(symbols, best.left, queue);
    }
  }

  SharedVocabulary vocabulary_;
  BytePairParts parts_;
  MergeTable merges_;
  std::array<std::int64_t, 256> byte_ids_{};
  std::int64_t unknown_ = -1;
};

}  // namespace

Result<std::unique_ptr<TokenModel>> make_byte_pair(SharedVocabulary vocabulary, BytePairParts parts) {
  MergeTable merges(parts.merges.size());
  const std::size_t prefix = parts.continuing_prefix.size();
  for (std::size_t i = 0; i < parts.merges.size(); ++i) {
    const auto& [left, right] = parts.merges[i];
    const auto lacks = [&](const std::string& token) {
      return Status(Code::kUnreadable,
                    "merges[" + std::to_string(i) + "] needs '" + token + "', which the vocabulary lacks");
    };
    const auto left_id = vocabulary->find(left);
    if (left_id == vocabulary->end()) return lacks(left);
    const auto right_id = vocabulary->find(right);
    if (right_id == vocabulary->end() || right.size() < prefix) return lacks(right);
    const auto whole = left + right.substr(prefix);
    const auto whole_id = vocabulary->find(whole);
    if (whole_id == vocabulary->end()) return lacks(whole);
    merges.put(left_id->second, right_id->second, {static_cast<std::uint32_t>(i), whole_id->second});
  }
  return std::unique_ptr<TokenModel>(
      std::make_unique<BytePair>(std::move(vocabulary), std::move(parts), std::move(merges)));
}

}  // namespace pictor
