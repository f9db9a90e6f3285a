// Finds the recall that a collection is to be searched with, by asking items of its own for their neighbours.
//
// All settings are asked the same questions, one setting after the other for each question, so that what else the
// machine does falls on all of them alike. What is right is the exact answer, which is one of the settings.
#include <algorithm>
#include <numeric>
#include <random>

#include "engine/live_recall.h"
#include "engine/plan.h"
#include "engine/settings.h"
#include "engine/vector_tools.h"
#include "vector/vector.h"

namespace pictor {
namespace {

constexpr double kAsked[] = {0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999, 1};
constexpr std::size_t kWarmUp = 8;  // questions that are not counted: pages are read, memory is taken
constexpr std::int64_t kProgressEveryUs = 100'000;

Status check_request(const TuneRequest& request) {
  if (!(request.recall > 0 && request.recall <= 1)) {
    return {Code::kInvalid, "a recall of " + recall_text(request.recall) +
                                " was asked for, it must be above 0 and at "
                                "most 1"};
  }
  if (request.latency_ms.has_value() && !(*request.latency_ms > 0)) {
    return {Code::kInvalid, "the latency must be above 0 ms"};
  }
  if (request.deadline_ms.has_value() &&
      (*request.deadline_ms < 0 || *request.deadline_ms > limits::kQueryDeadlineMsMax)) {
    return {Code::kInvalid, "the deadline must be 0 (none) to " + std::to_string(limits::kQueryDeadlineMsMax) + " ms"};
  }
  if (request.k == 0 || request.k >= limits::kQueryKMax) {
    return {Code::kInvalid,
            "k is " + std::to_string(request.k) + ", it must be 1 to " + std::to_string(limits::kQueryKMax - 1)};
  }
  if (request.queries > 0 && request.queries <= limits::kTuneQueriesMax) return Status::ok();
  return {Code::kInvalid, std::to_string(request.queries) + " questions were asked for, it must be 1 to " +
                              std::to_string(limits::kTuneQueriesMax)};
}

struct Question {
  std::string id;
  std::vector<float> vector;
};

// Drawn without repetition from the items that have a vector, in one pass (Algorithm R, Vitter 1985).
Result<std::vector<Question>> draw(const Snapshot& snapshot, std::size_t position, std::size_t count,
                                   std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<RowId> rows;
  std::uint64_t seen = 0;
  PICTOR_TRY(snapshot.scan(false, [&](const Item& item) {
    ++seen;
    if (rows.size() < count) {
      rows.push_back(item.row);
    } else if (const std::uint64_t at = random() % seen; at < count) {
      rows[at] = item.row;
    }
    return Status::ok();
  }));
  std::ranges::sort(rows);
  PICTOR_ASSIGN(auto items, snapshot.items(rows, true));
  std::vector<Question> questions;
  for (auto& item : items) {
    auto& vectors = item.data.vectors;
    if (position >= vectors.size() || vectors[position].empty()) continue;
    questions.push_back({std::move(item.data.id), std::move(vectors[position])});
  }
  return questions;
}

struct Answer {
  std::vector<std::string> ids;
  std::vector<float> scores;
  double ms = 0;
  std::uint64_t distances = 0;
  bool exact = false;
};

// The share of the true hits that were found. One that is just as near as the last true one is as right as it.
double recall_of(const Answer& answer, const Answer& truth) {
  if (truth.ids.empty()) return 1;
  const float last = truth.scores.back();
  const auto good = std::ranges::count_if(answer.scores, [last](float score) { return score >= last; });
  return std::min(1.0, static_cast<double>(good) / static_cast<double>(truth.ids.size()));
}

struct Sums {
  double recall = 0, distances = 0;
  std::uint64_t exact = 0;
  std::vector<double> ms;
};

double quantile(std::vector<double>& sorted, double share) {
  if (sorted.empty()) return 0;
  const auto at = static_cast<std::size_t>(std::ceil(share * static_cast<double>(sorted.size())));
  return sorted[std::clamp<std::size_t>(at, 1, sorted.size()) - 1];
}

TuneSetting setting_of(double asked, Sums& sums, const TuneRequest& request) {
  TuneSetting out;
  const auto count = static_cast<double>(sums.ms.size());
  std::ranges::sort(sums.ms);
  out.asked = asked;
  out.recall = sums.recall / count;
  const auto interval = wilson_interval(sums.recall, sums.ms.size());
  out.low = interval.low;
  out.high = interval.high;
  out.p50_ms = quantile(sums.ms, 0.5);
  out.p99_ms = quantile(sums.ms, 0.99);
  out.distances = sums.distances / count;
  out.exact_share = static_cast<double>(sums.exact) / count;
  out.meets = out.recall >= request.recall && (!request.latency_ms.has_value() || out.p99_ms <= *request.latency_ms);
  return out;
}

std::string ms_text(double ms) {
  std::string text = std::to_string(ms);
  return text.substr(0, text.find('.') + 3) + " ms";
}

// Of the settings that an index answers the fastest that meets both, and among those as fast to a twentieth the one
// that promises more. Where only looking at every row meets them, the recall that was asked for: as quick as any other
// now, and left to an index as soon as there is one that can.
void choose(const TuneRequest& request, TuneReport& report) {
  const auto& settings = report.settings;
  for (std::size_t i = 0; i < settings.size(); ++i) {
    const bool may_be = settings[i].meets && settings[i].exact_share < 1;
    if (may_be && (!report.chosen.has_value() || settings[i].p50_ms < settings[*report.chosen].p50_ms))
      report.chosen = i;
  }
  if (report.chosen.has_value()) {
    const double fastest = settings[*report.chosen].p50_ms;
    for (std::size_t i = *report.chosen + 1; i < settings.size(); ++i) {
      if (settings[i].meets && settings[i].exact_share < 1 && settings[i].p50_ms <= 1.05 * fastest) report.chosen = i;
    }
    return;
  }
  for (std::size_t i = 0; i < settings.size() && !report.chosen.has_value(); ++i) {
    if (settings[i].meets && settings[i].asked >= request.recall) report.chosen = i;
  }
  if (report.chosen.has_value()) return;
  // An exact answer always has the recall, so it is the latency that is not met.
  const TuneSetting* nearest = nullptr;
  for (const auto& setting : report.settings) {
    if (setting.recall >= request.recall && (nearest == nullptr || setting.p99_ms < nearest->p99_ms))
      nearest = &setting;
  }
  if (nearest == nullptr) return;
  report.why = "no setting has a recall of " + recall_text(request.recall) + " and answers 99 of 100 queries within " +
               ms_text(*request.latency_ms) + ": the fastest with that recall takes " + ms_text(nearest->p99_ms) +
               " (recall " + recall_text(nearest->asked) + ")";
}

class Tuner {
 public:
  Tuner(const VectorToolsImpl::Parts& parts, const TuneRequest& request) : parts_(parts), request_(request) {}

  Status run(std::span<const Question> questions, const std::string& head, TuneReport& report) {
    std::vector<Sums> sums(std::size(kAsked));
    for (std::size_t i = 0; i < std::min(kWarmUp, questions.size()); ++i) {
      std::vector<Answer> unused;
      PICTOR_TRY(ask_all(questions[i], head, unused));
    }
    for (const auto& question : questions) {
      report.cancelled = request_.cancel != nullptr && request_.cancel->load();
      if (report.cancelled) return Status::ok();
      std::vector<Answer> answers;
      PICTOR_TRY(ask_all(question, head, answers));
      for (std::size_t i = 0; i < answers.size(); ++i) {
        sums[i].recall += recall_of(answers[i], answers.back());
        sums[i].distances += static_cast<double>(answers[i].distances);
        sums[i].exact += answers[i].exact ? 1 : 0;
        sums[i].ms.push_back(answers[i].ms);
      }
      tell(sums.front().ms.size(), questions.size());
    }
    for (std::size_t i = 0; i < sums.size(); ++i) report.settings.push_back(setting_of(kAsked[i], sums[i], request_));
    return Status::ok();
  }

 private:
  Status ask_all(const Question& question, const std::string& head, std::vector<Answer>& answers) const {
    for (const double recall : kAsked) {
      PICTOR_ASSIGN(auto answer, ask(question, head, recall));
      answers.push_back(std::move(answer));
    }
    return Status::ok();
  }

  Result<Answer> ask(const Question& question, const std::string& head, double recall) const {
    Query query;
    query.collection = request_.collection;
    query.head = head;
    query.k = request_.k + 1;
    query.recall = recall;
    query.deadline_us = 0;
    query.parts.resize(1);
    query.parts[0].kind = QueryPart::Kind::kVector;
    query.parts[0].vector = question.vector;
    const std::int64_t begin = parts_.env.monotonic_us();
    PICTOR_ASSIGN(const auto hits, parts_.search(query));
    Answer answer;
    answer.ms = static_cast<double>(parts_.env.monotonic_us() - begin) * 1e-3;
    answer.distances = hits.distances;
    answer.exact = hits.recall == "exact";
    for (const auto& hit : hits.hits) {
      if (hit.id == question.id || answer.ids.size() == request_.k) continue;
      answer.ids.push_back(hit.id);
      answer.scores.push_back(hit.score.value);
    }
    return answer;
  }

  void tell(std::size_t done, std::size_t total) {
    const std::int64_t now = parts_.env.monotonic_us();
    if (!request_.progress || (done < total && now - told_us_ < kProgressEveryUs)) return;
    told_us_ = now;
    request_.progress(done, total);
  }

  const VectorToolsImpl::Parts& parts_;
  const TuneRequest& request_;
  std::int64_t told_us_ = 0;
};

Result<std::size_t> position_of(const CollectionSpec& spec, const std::string& head) {
  if (head.empty()) return std::size_t{0};
  std::string names;
  for (std::size_t i = 0; i < spec.spaces.size(); ++i) {
    if (spec.spaces[i].head == head) return i;
    names += (i == 0 ? "" : ", ") + spec.spaces[i].head;
  }
  return Status(Code::kNotFound, "collection '" + spec.name + "' has no head '" + head + "'; it has: " + names);
}

std::uint64_t seed_of(Env& env, std::uint64_t wanted) {
  if (wanted != 0) return wanted;
  std::uint64_t drawn = 0;
  env.random(std::as_writable_bytes(std::span(&drawn, 1)));
  return drawn >> 11 | 1;  // JSON's numbers hold 53 bits
}

}  // namespace

Result<TuneReport> VectorToolsImpl::tune(const TuneRequest& request) {
  PICTOR_TRY(check_request(request));
  PICTOR_ASSIGN(const auto collection, parts_.folder.collection(request.collection));
  const auto& spec = collection->spec();
  PICTOR_ASSIGN(const auto position, position_of(spec, request.head));
  TuneReport report;
  report.head = spec.spaces[position].head;
  report.seed = seed_of(parts_.env, request.seed);
  report.recall_before = search_settings(*collection->settings()).recall;
  {
    PICTOR_ASSIGN(const auto snapshot, collection->snapshot());
    report.items = snapshot->size();
    PICTOR_ASSIGN(const auto questions, draw(*snapshot, position, request.queries, report.seed));
    report.queries = questions.size();
    if (questions.size() < 2) {
      return Status(Code::kInvalid, "collection '" + spec.name + "' has " + std::to_string(questions.size()) +
                                        " items with a vector in head '" + report.head + "': there is nothing to find");
    }
    PICTOR_TRY(Tuner(parts_, request).run(questions, report.head, report));
  }
  if (report.cancelled) return report;
  choose(request, report);
  if (!report.chosen.has_value() || request.dry_run) return report;
  Settings changes = {{kRecallSetting, recall_text(report.settings[*report.chosen].asked)}};
  if (request.deadline_ms.has_value()) {
    changes[kDeadlineSetting] = *request.deadline_ms == 0 ? "" : std::to_string(*request.deadline_ms);
  }
  PICTOR_TRY(collection->set(changes));
  report.written = true;
  return report;
}

}  // namespace pictor
