#include <algorithm>
#include <atomic>
#include <cmath>

#include "rank/rank.h"

namespace pictor {
namespace {

class TokenReranker final : public Reranker {
 public:
  TokenReranker(Env& env, std::vector<TokenQuery> parts, TokenSource source, ThreadPool* pool)
      : env_(env), parts_(std::move(parts)), source_(std::move(source)), pool_(pool) {
    for (const auto& part : parts_) weights_ += std::fabs(part.weight);
  }

  std::string name() const override { return "tokens"; }

  Result<std::vector<ScoredRow>> rank(std::span<const ScoredRow> candidates, std::int64_t deadline_us) const override {
    std::vector<ScoredRow> ranked(candidates.begin(), candidates.end());
    std::atomic<bool> late = false;
    const auto judge = [&](std::size_t i) {
      late = late || env_.monotonic_us() >= deadline_us;
      if (!late) judge_one(ranked[i]);
    };
    if (pool_ != nullptr) {
      pool_->parallel_for(ranked.size(), judge);
    } else {
      for (std::size_t i = 0; i < ranked.size(); ++i) judge(i);
    }
    if (late) return Status(Code::kCancelled, "the deadline passed");
    std::ranges::stable_sort(ranked, [](const ScoredRow& a, const ScoredRow& b) {
      return a.judged != b.judged ? a.judged : a.judged && a.score > b.score;
    });
    return ranked;
  }

 private:
  // Damaged tokens are as good as none: `verify` tells of them, and the picture is to be embedded again.
  void judge_one(ScoredRow& row) const {
    const auto packed = source_.of(row.row);
    ItemTokens item;
    row.judged =
        packed.is_ok() && packed->has_value() && item_tokens(source_.codec, source_.grid, **packed, item).is_ok();
    if (!row.judged) return;
    double sum = 0;
    for (const auto& part : parts_) sum += part.weight * max_sim(part.tokens, item);
    row.score = sum / weights_;
  }

  Env& env_;
  const std::vector<TokenQuery> parts_;
  const TokenSource source_;
  ThreadPool* const pool_;
  double weights_ = 0;
};

}  // namespace

std::shared_ptr<const Reranker> make_token_reranker(Env& env, std::vector<TokenQuery> parts, TokenSource source,
                                                    ThreadPool* pool) {
  return std::make_shared<TokenReranker>(env, std::move(parts), std::move(source), pool);
}

}  // namespace pictor
