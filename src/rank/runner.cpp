// A re-ranker at work on a thread of its own, so that one that hangs costs its time and nothing else.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <unordered_set>

#include "rank/rank.h"

namespace pictor {

struct RerankRunner::Shared {
  std::mutex mutex;
  std::condition_variable changed;
  std::size_t late = 0;
};

// One call; whoever is the last to look at it frees it.
struct RerankRunner::Work {
  std::shared_ptr<const Reranker> reranker;
  std::vector<ScoredRow> candidates;
  std::int64_t deadline_us = 0;
  std::optional<Result<std::vector<ScoredRow>>> answer;  // guarded by Shared::mutex, as is the next
  bool given_up = false;
};

namespace {

Result<std::vector<ScoredRow>> guarded(const Reranker& reranker, std::span<const ScoredRow> candidates,
                                       std::int64_t deadline_us) {
  try {
    return reranker.rank(candidates, deadline_us);
  } catch (const std::exception& error) {
    return Status(Code::kInternal, std::string("it threw: ") + error.what());
  } catch (...) {
    return Status(Code::kInternal, "it threw");
  }
}

std::string fallen_back(const std::string& name, const std::string& why) {
  return "re-ranking by " + name + " " + why + ": the order is that of the first stage";
}

}  // namespace

Status check_ranking(std::span<const ScoredRow> candidates, std::span<const ScoredRow> ranked) {
  std::unordered_set<RowId> known;
  for (const auto& candidate : candidates) known.insert(candidate.row);
  for (const auto& row : ranked) {
    if (!std::isfinite(row.score)) return {Code::kInternal, "gave a score that is no number"};
    if (known.erase(row.row) != 0) continue;
    const bool twice = std::ranges::find(candidates, row.row, &ScoredRow::row) != candidates.end();
    return {Code::kInternal, twice ? "gave an item twice" : "gave an item that was no candidate"};
  }
  return Status::ok();
}

RerankRunner::RerankRunner(Env& env) : env_(env), shared_(std::make_shared<Shared>()) {}

RerankRunner::~RerankRunner() {
  std::unique_lock lock(shared_->mutex);
  static_cast<void>(shared_->changed.wait_for(lock, std::chrono::milliseconds(limits::kRerankersLateMs),
                                              [&] { return shared_->late == 0; }));
}

std::size_t RerankRunner::late() const {
  const std::lock_guard lock(shared_->mutex);
  return shared_->late;
}

RerankOutcome RerankRunner::run(std::shared_ptr<const Reranker> reranker, std::vector<ScoredRow> candidates,
                                std::int64_t deadline_us) {
  const std::string name = reranker->name();
  RerankOutcome outcome{std::move(candidates), false, {}};
  const auto gives_way = [&](const std::string& why) {
    outcome.warning = fallen_back(name, why);
    return std::move(outcome);
  };
  outcome.applied = outcome.rows.empty();
  if (outcome.applied) return outcome;
  if (late() >= limits::kRerankersLateMax) {
    return gives_way("was not begun, as " + std::to_string(limits::kRerankersLateMax) + " that are late still work");
  }
  auto work = std::make_shared<Work>(Work{std::move(reranker), outcome.rows, deadline_us, {}, false});
  try {
    std::thread([work, shared = shared_] {
      auto answer = guarded(*work->reranker, work->candidates, work->deadline_us);
      {
        // What the re-ranker owns goes before anybody is told that it has ended.
        const auto ended = std::move(work->reranker);
      }
      const std::lock_guard lock(shared->mutex);
      work->answer = std::move(answer);
      if (work->given_up) --shared->late;
      shared->changed.notify_all();
    }).detach();
  } catch (const std::system_error& error) {
    return gives_way(std::string("found no thread (") + error.what() + ")");
  }
  std::unique_lock lock(shared_->mutex);
  const auto left = std::chrono::microseconds(std::max<std::int64_t>(0, deadline_us - env_.monotonic_us()));
  const bool in_time = shared_->changed.wait_for(lock, left, [&] { return work->answer.has_value(); });
  if (!in_time) {
    work->given_up = true;
    ++shared_->late;
    return gives_way("took longer than it had");
  }
  const auto answer = std::move(*work->answer);
  lock.unlock();
  if (answer.status().code() == Code::kCancelled) return gives_way("took longer than it had");
  if (!answer.is_ok()) return gives_way("failed (" + answer.status().message() + ")");
  const Status honest = check_ranking(outcome.rows, *answer);
  if (!honest.is_ok()) return gives_way(honest.message());
  outcome.rows = *answer;
  outcome.applied = true;
  const auto unjudged = std::ranges::count(outcome.rows, false, &ScoredRow::judged);
  if (unjudged != 0) {
    outcome.warning = "re-ranking by " + name + " knows nothing of " + std::to_string(unjudged) +
                      " candidates: they follow the others";
  }
  return outcome;
}

}  // namespace pictor
