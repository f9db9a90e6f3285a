// pictor encoder bench: what one encoder does on this machine, call by call, and whether its bits hold while it does.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <ctime>
#include <functional>
#include <memory>

#include "engine/encoder_tools.h"
#include "image/image.h"
#include "observe/observe.h"

namespace pictor {
namespace {

constexpr std::size_t kBatches[] = {1, 8, 32};
constexpr std::size_t kThreads[] = {1, 2};
constexpr std::size_t kBatchMax = 32;
constexpr std::uint64_t kTensorBytesMax = limits::kIngestInFlightBytesMax;

// Of all threads, those of the run time included.
double process_cpu_seconds() {
  std::timespec time{};
  if (::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time) != 0) return 0;
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

double percentile(const std::vector<double>& sorted, double share) {
  return sorted[static_cast<std::size_t>(std::ceil(share * static_cast<double>(sorted.size()))) - 1];
}

// The vectors of the first `batch` inputs, of one head, one after the other.
using Call = std::function<Result<std::vector<float>>(std::size_t first, std::size_t count)>;

// Several calls of one thread each, side by side, as indexing does it; a single input has all threads in one pass.
Result<std::vector<float>> call_side_by_side(const Call& call, std::size_t batch, std::size_t threads,
                                             ThreadPool& pool) {
  if (batch == 1 || threads == 1) return call(0, batch);
  std::vector<Result<std::vector<float>>> parts(threads, Status(Code::kInternal, "not run"));
  pool.parallel_for(threads, [&](std::size_t i) {
    const std::size_t first = batch * i / threads, end = batch * (i + 1) / threads;
    parts[i] = call(first, end - first);
  });
  std::vector<float> all;
  for (auto& part : parts) {
    PICTOR_TRY(part.status());
    all.insert(all.end(), part->begin(), part->end());
  }
  return all;
}

bool same_bits(const std::vector<float>& made, const std::vector<float>& wanted) {
  return made.size() <= wanted.size() && std::memcmp(made.data(), wanted.data(), made.size() * sizeof(float)) == 0;
}

Status go_on(const EncoderBenchRequest& request) {
  if (request.cancel == nullptr || !*request.cancel) return Status::ok();
  return {Code::kCancelled, "stopped while measuring encoder '" + request.name + "'"};
}

Status measure(Env& env, const std::function<Result<std::vector<float>>()>& call, const std::vector<float>& wanted,
               double seconds, EncoderBenchRow& row) {
  PICTOR_ASSIGN(const auto first, call());  // loads and prepares
  row.bits_equal = same_bits(first, wanted);
  std::vector<double> times;
  const double cpu = process_cpu_seconds();
  const Stopwatch all(env);
  do {
    const Stopwatch one(env);
    PICTOR_ASSIGN(const auto made, call());
    times.push_back(one.wall_seconds() * 1000);
    row.bits_equal = row.bits_equal && same_bits(made, wanted);
  } while (all.wall_seconds() < seconds);
  const double wall = all.wall_seconds();
  row.cpu_seconds = process_cpu_seconds() - cpu;
  row.calls = times.size();
  const double done = static_cast<double>(row.calls * row.batch);
  row.per_second = done / std::max(wall, 1e-9);
  row.per_cpu_second = done / std::max(row.cpu_seconds, 1e-9);
  std::ranges::sort(times);
  row.p50_ms = percentile(times, 0.50);
  row.p99_ms = percentile(times, 0.99);
  return Status::ok();
}

// What is measured with: inputs, and which tower takes them.
struct Inputs {
  std::string what;  // "pictures", "texts"
  std::vector<float> tensors;
  std::vector<std::string> texts;
  std::string head;  // of the texts
  std::size_t count = 0;

  Result<std::vector<float>> encode(const Encoder& encoder, std::size_t first, std::size_t n) const {
    if (!texts.empty()) return encoder.encode_texts(std::span(texts).subspan(first, n), head);
    const std::size_t size = tensors.size() / count;
    PICTOR_ASSIGN(auto heads, encoder.encode_images(std::span(tensors).subspan(first * size, n * size), n));
    return std::move(heads.front());
  }
};

Result<std::vector<Inputs>> inputs_of(const EncoderCard& card, std::vector<std::string>& notes) {
  std::vector<Inputs> out;
  if (std::ranges::any_of(card.heads, &CardHead::images)) {
    Inputs inputs;
    inputs.what = "pictures";
    inputs.count = std::min<std::size_t>(kBatchMax, kTensorBytesMax / (prepared_size(card.prepare) * sizeof(float)));
    if (inputs.count < kBatchMax) {
      notes.push_back("batches of more than " + std::to_string(inputs.count) + " pictures would not fit in " +
                      std::to_string(kTensorBytesMax / limits::kMiB) + " MiB and are left out");
    }
    PICTOR_ASSIGN(inputs.tensors, sample_tensors(card, inputs.count));
    out.push_back(std::move(inputs));
  }
  const auto head = std::ranges::find_if(card.heads, &CardHead::texts);
  if (head != card.heads.end()) out.push_back({"texts", {}, sample_texts(kBatchMax), head->name, kBatchMax});
  return out;
}

// A folder for compiled networks that goes away: the one of every day keeps so many, and these are not for every day.
// What a run that was killed left there goes when the next one begins: its lock went with it.
class ScratchCache {
 public:
  static Result<ScratchCache> open(Env& env, const std::string& cache_folder) {
    ScratchCache out(env);
    if (cache_folder.empty()) return out;
    PICTOR_TRY(env.make_dirs(cache_folder));
    auto lock = env.lock(join_path(cache_folder, "bench.lock"));
    if (lock.status().code() == Code::kBusy) {
      return Status(Code::kBusy, "another `pictor encoder bench` measures with '" + cache_folder +
                                     "': each would slow the other; try again when it is done");
    }
    PICTOR_TRY(lock.status());
    out.lock_ = std::move(lock).value();
    out.folder_ = join_path(cache_folder, "bench");
    out.clear();
    return out;
  }
  ~ScratchCache() {
    if (lock_ != nullptr) clear();
  }
  ScratchCache(ScratchCache&&) = default;
  ScratchCache& operator=(ScratchCache&&) = delete;
  const std::string& folder() const { return folder_; }

 private:
  explicit ScratchCache(Env& env) : env_(&env) {}
  void clear() const {
    const auto entries = env_->list(folder_);
    if (!entries.is_ok()) return;
    for (const auto& entry : *entries) static_cast<void>(env_->remove(join_path(folder_, entry.name)).is_ok());
    static_cast<void>(env_->remove(folder_).is_ok());
  }

  Env* env_;
  std::string folder_;
  std::unique_ptr<FileLock> lock_;  // null after a move: nothing to clear
};

}  // namespace

Result<double> EncoderToolsImpl::time_start(const std::string& name, const std::string& cache) {
  const Stopwatch stopwatch(env_);
  PICTOR_ASSIGN(const auto encoder, open_for(name, EncodeFor::kQuery, threads_, cache));
  PICTOR_TRY(encode_once(*encoder));
  return stopwatch.wall_seconds() * 1000;
}

Result<EncoderBench> EncoderToolsImpl::bench(const EncoderBenchRequest& request) {
  if (!(request.seconds > 0)) return Status(Code::kInvalid, "seconds of measuring must be above 0");
  PICTOR_ASSIGN(const auto cache, ScratchCache::open(env_, cache_folder_));
  EncoderBench out;
  PICTOR_ASSIGN(out.cold_ms, time_start(request.name, cache.folder()));
  PICTOR_TRY(go_on(request));
  if (!cache.folder().empty()) {
    PICTOR_ASSIGN(out.warm_ms, time_start(request.name, cache.folder()));
  }
  PICTOR_ASSIGN(const auto alone, open_for(request.name, EncodeFor::kQuery, 1, cache.folder()));
  out.encoder = request.name;
  out.precision = precision_name(alone->card().precision);
  out.runtime = alone->runtime_name();
  out.isa_class = alone->isa_class();
  PICTOR_ASSIGN(const auto all, inputs_of(alone->card(), out.notes));
  const double seconds = request.seconds / static_cast<double>(all.size() * std::size(kBatches) * std::size(kThreads));
  for (const auto& inputs : all) {
    std::vector<float> wanted;
    for (std::size_t i = 0; i < inputs.count; ++i) {
      PICTOR_TRY(go_on(request));
      PICTOR_ASSIGN(const auto one, inputs.encode(*alone, i, 1));
      wanted.insert(wanted.end(), one.begin(), one.end());
    }
    for (const std::size_t threads : kThreads) {
      PICTOR_ASSIGN(const auto query, open_for(request.name, EncodeFor::kQuery, threads, cache.folder()));
      PICTOR_ASSIGN(const auto bulk, open_for(request.name, EncodeFor::kBulk, threads, cache.folder()));
      ThreadPool pool(threads);
      for (const std::size_t batch : kBatches) {
        if (batch > inputs.count) continue;
        const Encoder& encoder = batch == 1 ? *query : *bulk;
        const Call call = [&](std::size_t first, std::size_t n) -> Result<std::vector<float>> {
          PICTOR_TRY(go_on(request));
          return inputs.encode(encoder, first, n);
        };
        EncoderBenchRow row;
        row.what = inputs.what;
        row.batch = batch;
        row.threads = threads;
        PICTOR_TRY(measure(
            env_, [&] { return call_side_by_side(call, batch, threads, pool); }, wanted, seconds, row));
        out.rows.push_back(std::move(row));
      }
    }
  }
  return out;
}

}  // namespace pictor
