// One SHA-256 over the vectors of generated inputs, for each head: what two machines compare without sharing a file.
#include <algorithm>
#include <deque>
#include <future>

#include <nlohmann/json.hpp>

#include "engine/engine_impl.h"
#include "engine/generated.h"
#include "observe/observe.h"

namespace pictor {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kChunk = 8;
constexpr const char* kFileName = "fingerprints.json";

// A fingerprint, the space that it is of, and the generator that made its inputs.
struct Entry {
  Fingerprint print;
  SpaceId space;
  int generator = kGeneratedVersion;
};

bool same_question(const Entry& a, const Entry& b) {
  const auto& p = a.print;
  const auto& q = b.print;
  return a.space == b.space && a.generator == b.generator && p.head == q.head && p.of == q.of &&
         p.precision == q.precision && p.runtime == q.runtime && p.isa_class == q.isa_class && p.count == q.count;
}

Json json_of(const Entry& entry) {
  const auto& print = entry.print;
  return {{"head", print.head},       {"of", print.of},         {"precision", print.precision},
          {"runtime", print.runtime}, {"isa", print.isa_class}, {"count", print.count},
          {"sha256", print.sha256},   {"space", entry.space},   {"generator", entry.generator}};
}

Result<std::vector<Entry>> read_entries(Env& env, const std::string& path) {
  std::vector<Entry> entries;
  const auto bytes = read_file(env, path, limits::kCardBytesMax);
  if (bytes.status().code() == Code::kNotFound) return entries;
  if (!bytes.is_ok()) return bytes.status();
  const Json file = Json::parse(as_text(*bytes), nullptr, false);
  const Status odd(Code::kUnreadable, "'" + path + "' is no file of fingerprints: remove it to have it made anew");
  if (!file.is_object() || !file.contains("fingerprints") || !file["fingerprints"].is_array()) return odd;
  for (const auto& one : file["fingerprints"]) {
    Entry entry;
    try {
      auto& print = entry.print;
      print.head = one.at("head").get<std::string>();
      print.of = one.at("of").get<std::string>();
      print.precision = one.at("precision").get<std::string>();
      print.runtime = one.at("runtime").get<std::string>();
      print.isa_class = one.at("isa").get<std::string>();
      print.count = one.at("count").get<std::uint64_t>();
      print.sha256 = one.at("sha256").get<std::string>();
      print.kept_in = path;
      entry.space = one.at("space").get<std::string>();
      entry.generator = one.at("generator").get<int>();
    } catch (const Json::exception&) {
      return odd;
    }
    entries.push_back(std::move(entry));
  }
  return entries;
}

Status write_entries(Env& env, const std::string& path, const std::vector<Entry>& entries) {
  Json file = {{"fingerprints", Json::array()}};
  for (const auto& entry : entries) file["fingerprints"].push_back(json_of(entry));
  const Status written = write_file_atomic(env, path, as_bytes(file.dump(1) + "\n"));
  return written.in("the fingerprints cannot be kept");
}

// Vectors of the inputs first, first + 1, ... of all heads of one kind, in the order of the heads.
using Made = Result<std::vector<std::vector<float>>>;

Made vectors_of_images(const Encoder& encoder, std::uint64_t first, std::size_t count) {
  const auto& card = encoder.card();
  const std::size_t size = prepared_size(card.prepare);
  std::vector<float> tensors(count * size);
  for (std::size_t i = 0; i < count; ++i) {
    const auto slot = std::span(tensors).subspan(i * size, size);
    PICTOR_TRY(prepare_image(generated_image(first + i), card.decode, card.prepare, slot));
  }
  return encoder.encode_images(tensors, count);
}

Made vectors_of_texts(const Encoder& encoder, const std::string& head, std::uint64_t first, std::size_t count) {
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < count; ++i) texts.push_back(generated_text(first + i));
  PICTOR_ASSIGN(auto vectors, encoder.encode_texts(texts, head));
  return std::vector<std::vector<float>>{std::move(vectors)};
}

// Runs `work` over chunks of the inputs on all threads, and hashes each head's vectors in the inputs' order.
class Hasher {
 public:
  Hasher(const FingerprintRequest& request, ThreadPool& pool, std::uint64_t total)
      : request_(request), pool_(pool), total_(total) {}

  Result<std::vector<Hash256>> run(std::size_t heads, const std::function<Made(std::uint64_t, std::size_t)>& work) {
    std::vector<Sha256Stream> streams(heads);
    std::deque<std::future<Made>> running;
    std::uint64_t next = 0;
    Status status;
    while (status.is_ok() && (next < request_.images || !running.empty())) {
      const bool stop = request_.cancel != nullptr && request_.cancel->load();
      if (stop) status = {Code::kCancelled, "stopped; nothing was kept"};
      while (!stop && next < request_.images && running.size() <= pool_.threads()) {
        const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(kChunk, request_.images - next));
        const auto task =
            std::make_shared<std::packaged_task<Made()>>([&work, next, count] { return work(next, count); });
        running.push_back(task->get_future());
        pool_.submit([task] { (*task)(); });
        next += count;
      }
      if (status.is_ok()) status = take(running, streams);
    }
    for (auto& left : running) left.wait();
    PICTOR_TRY(status);
    std::vector<Hash256> hashes;
    hashes.reserve(streams.size());
    for (auto& stream : streams) hashes.push_back(stream.finish());
    return hashes;
  }

 private:
  Status take(std::deque<std::future<Made>>& running, std::vector<Sha256Stream>& streams) {
    auto first = std::move(running.front());
    running.pop_front();
    PICTOR_ASSIGN(const auto made, first.get());
    for (std::size_t i = 0; i < streams.size(); ++i) streams[i].add(std::as_bytes(std::span(made[i])));
    done_ = std::min<std::uint64_t>(done_ + kChunk, total_);
    if (request_.progress) request_.progress(done_, total_);
    return Status::ok();
  }

  const FingerprintRequest& request_;
  ThreadPool& pool_;
  const std::uint64_t total_;
  std::uint64_t done_ = 0;
};

Entry entry_of(const Encoder& encoder, const CardHead& head, const char* of, std::uint64_t count, const Hash256& hash) {
  Entry entry;
  entry.space = head.space;
  entry.print.head = head.name;
  entry.print.of = of;
  entry.print.precision = precision_name(encoder.card().precision);
  entry.print.runtime = encoder.runtime_name();
  entry.print.isa_class = encoder.isa_class();
  entry.print.count = count;
  entry.print.sha256 = hash.hex();
  return entry;
}

Result<std::vector<Entry>> make_entries(const Encoder& encoder, const FingerprintRequest& request, ThreadPool& pool) {
  std::vector<CardHead> images, texts;
  for (const auto& head : encoder.card().heads) {
    if (head.images) images.push_back(head);
    if (head.texts) texts.push_back(head);
  }
  const std::size_t passes = (images.empty() ? 0 : 1) + texts.size();
  Hasher hasher(request, pool, passes * request.images);
  std::vector<Entry> entries;
  if (!images.empty()) {
    PICTOR_ASSIGN(const auto hashes, hasher.run(images.size(), [&](std::uint64_t first, std::size_t count) {
      return vectors_of_images(encoder, first, count);
    }));
    for (std::size_t i = 0; i < images.size(); ++i) {
      entries.push_back(entry_of(encoder, images[i], "images", request.images, hashes[i]));
    }
  }
  for (const auto& head : texts) {
    PICTOR_ASSIGN(const auto hashes, hasher.run(1, [&](std::uint64_t first, std::size_t count) {
      return vectors_of_texts(encoder, head.name, first, count);
    }));
    entries.push_back(entry_of(encoder, head, "texts", request.images, hashes[0]));
  }
  return entries;
}

void compare(Entry& made, const std::vector<Entry>& known) {
  for (const auto& entry : known) {
    if (!same_question(entry, made)) continue;
    made.print.kept_in = entry.print.kept_in;
    made.print.state = entry.print.sha256 == made.print.sha256 ? FingerprintState::kEqual : FingerprintState::kOther;
    if (made.print.state == FingerprintState::kEqual) continue;
    made.print.wanted = entry.print.sha256;
    return;
  }
}

}  // namespace

Result<FingerprintReport> EngineImpl::fingerprint(const FingerprintRequest& request) {
  if (request.images == 0 || request.images > limits::kFingerprintMax) {
    return Status(Code::kInvalid, "a fingerprint is of 1 to " + std::to_string(limits::kFingerprintMax) +
                                      " inputs, not of " + std::to_string(request.images));
  }
  const Stopwatch stopwatch(env_);
  PICTOR_ASSIGN(const auto encoder, encoders_.open(request.encoder, EncodeFor::kBulk));
  const auto beside = join_path(encoder->card().folder, kFileName);
  const auto shipped = join_path(join_path(encoders_.places().cards_folder, "fingerprints"), request.encoder + ".json");
  PICTOR_ASSIGN(auto kept, read_entries(env_, beside));
  PICTOR_ASSIGN(auto known, read_entries(env_, shipped));
  known.insert(known.end(), kept.begin(), kept.end());
  PICTOR_ASSIGN(auto made, make_entries(*encoder, request, pool_));
  FingerprintReport report;
  bool has_news = false;
  for (auto& entry : made) {
    compare(entry, known);
    if (entry.print.state == FingerprintState::kNew && request.keep) {
      entry.print.kept_in = beside;
      kept.push_back(entry);
      has_news = true;
    }
    report.fingerprints.push_back(entry.print);
  }
  const Status written = has_news ? write_entries(env_, beside, kept) : Status::ok();
  if (!written.is_ok()) {
    // Minutes of work: what was found is told, though it is not kept.
    report.note = written.message();
    for (auto& print : report.fingerprints) {
      if (print.state == FingerprintState::kNew) print.kept_in.clear();
    }
  }
  report.seconds = stopwatch.wall_seconds();
  return report;
}

}  // namespace pictor
