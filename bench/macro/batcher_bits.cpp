// batcher_bits CARDS WEIGHTS ENCODERS DATA ENCODER CALLERS ROUNDS SEED PICTURES TEXTS: what callers get who ask at
// once.
//
// CALLERS threads ask ROUNDS times each for random pictures and texts of two lists; every answer is compared, bit for
// bit, with the vector of that input alone on one thread. First through an Engine (DATA is its folder) that remembers
// no vectors, then through a Batcher with random priorities, sizes, and callers that do not wait. Prints "engine
// ANSWERS EQUAL" and "batcher ANSWERS EQUAL", then the first answer that was not.
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <iostream>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "base/base.h"
#include "encode/encode.h"
#include "inputs.h"
#include "pictor/engine.h"

namespace pictor {
namespace {

// Of every input alone, by head: rows of pictures and of texts.
struct Alone {
  std::vector<std::string> paths, texts;
  std::vector<Bytes> files;
  std::vector<float> tensors;
  std::size_t size = 0;  // numbers of a tensor
  std::vector<CardHead> image_heads, text_heads;
  std::vector<std::vector<std::vector<float>>> pictures;   // [head][picture]
  std::vector<std::vector<std::vector<float>>> text_rows;  // [head][text]
};

Status fill(const Encoder& encoder, Alone& alone) {
  const auto& card = encoder.card();
  alone.size = prepared_size(card.prepare);
  PICTOR_ASSIGN(alone.tensors, prepare_files(alone.paths, card));
  for (const auto& head : card.heads) {
    if (head.images) alone.image_heads.push_back(head);
    if (head.texts) alone.text_heads.push_back(head);
  }
  alone.pictures.resize(alone.image_heads.size());
  for (std::size_t i = 0; i < alone.paths.size(); ++i) {
    PICTOR_ASSIGN(auto file, read_file(Env::real(), alone.paths[i], limits::kImageFileBytesMax));
    alone.files.push_back(std::move(file));
    const auto tensor = std::span(alone.tensors).subspan(i * alone.size, alone.size);
    PICTOR_ASSIGN(auto heads, encoder.encode_images(tensor, 1));
    for (std::size_t at = 0; at < heads.size(); ++at) alone.pictures[at].push_back(std::move(heads[at]));
  }
  for (const auto& head : alone.text_heads) {
    auto& rows = alone.text_rows.emplace_back();
    for (const auto& text : alone.texts) {
      PICTOR_ASSIGN(auto row, encoder.encode_texts(std::span(&text, 1), head.name));
      rows.push_back(std::move(row));
    }
  }
  return Status::ok();
}

using Random = std::mt19937_64;

std::size_t below(Random& random, std::size_t count) { return static_cast<std::size_t>(random() % count); }

std::vector<std::size_t> some(Random& random, std::size_t most, std::size_t count) {
  std::vector<std::size_t> chosen(1 + below(random, most));
  for (auto& one : chosen) one = below(random, count);
  return chosen;
}

std::vector<float> joined(const std::vector<std::vector<float>>& rows, const std::vector<std::size_t>& chosen) {
  std::vector<float> out;
  for (const auto i : chosen) out.insert(out.end(), rows[i].begin(), rows[i].end());
  return out;
}

bool same(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

// Counts the answers of all callers.
class Tally {
 public:
  void add(bool equal, const std::string& what) {
    const std::lock_guard lock(mutex_);
    ++answers_;
    if (equal) ++equal_;
    if (!equal && first_.empty()) first_ = what;
  }
  void add(const Result<std::vector<float>>& seen, const std::vector<float>& wanted, const std::string& what) {
    if (!seen.is_ok()) return add(false, what + ": " + seen.status().to_string());
    add(same(*seen, wanted), what + " has other bits than alone");
  }
  void print(const char* name) const {
    std::cout << name << ' ' << answers_ << ' ' << equal_ << '\n';
    if (!first_.empty()) std::cout << "first " << first_ << '\n';
  }

 private:
  std::mutex mutex_;
  std::size_t answers_ = 0, equal_ = 0;
  std::string first_;
};

void at_once(std::size_t callers, std::uint64_t seed, const std::function<void(Random&)>& work) {
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < callers; ++i)
    threads.emplace_back([&work, seed, i] {
      Random random(seed * 1000 + i);
      work(random);
    });
  for (auto& thread : threads) thread.join();
}

void ask_engine(Engine& engine, const std::string& name, const Alone& alone, Random& random, Tally& tally) {
  if (alone.text_heads.empty() || below(random, 2) == 0) {
    const std::size_t head = below(random, alone.image_heads.size());
    const std::size_t at = below(random, alone.files.size());
    tally.add(engine.embed_picture(name, alone.image_heads[head].name, alone.files[at]), alone.pictures[head][at],
              alone.paths[at]);
    return;
  }
  const std::size_t head = below(random, alone.text_heads.size());
  const auto chosen = some(random, 5, alone.texts.size());
  std::vector<std::string> texts;
  for (const auto i : chosen) texts.push_back(alone.texts[i]);
  tally.add(engine.embed_texts(name, alone.text_heads[head].name, texts), joined(alone.text_rows[head], chosen),
            "texts from '" + texts[0] + "' on");
}

void ask_pictures(Batcher& batcher, const Alone& alone, Random& random, const EncodeTerms& terms, Tally& tally) {
  const auto chosen = some(random, 9, alone.files.size());
  std::vector<float> tensors;
  for (const auto i : chosen) {
    const auto tensor = std::span(alone.tensors).subspan(i * alone.size, alone.size);
    tensors.insert(tensors.end(), tensor.begin(), tensor.end());
  }
  const auto seen = below(random, 2) == 0 ? batcher.encode_images(tensors, chosen.size(), terms)
                                          : batcher.submit_images(tensors, chosen.size(), terms).get();
  for (std::size_t head = 0; head < alone.image_heads.size(); ++head) {
    const std::string what = alone.paths[chosen[0]] + " and " + std::to_string(chosen.size() - 1) + " more";
    const auto wanted = joined(alone.pictures[head], chosen);
    if (seen.is_ok()) tally.add((*seen)[head], wanted, what);
    if (!seen.is_ok()) tally.add(seen.status(), wanted, what);
  }
}

void ask_batcher(Batcher& batcher, const Alone& alone, Random& random, Tally& tally) {
  const EncodeTerms terms{below(random, 2) == 0 ? EncodePriority::kInteractive : EncodePriority::kBulk, 0};
  if (alone.text_heads.empty() || below(random, 2) == 0) return ask_pictures(batcher, alone, random, terms, tally);
  const std::size_t head = below(random, alone.text_heads.size());
  const auto chosen = some(random, 5, alone.texts.size());
  std::vector<std::string> texts;
  for (const auto i : chosen) texts.push_back(alone.texts[i]);
  tally.add(batcher.encode_texts(texts, alone.text_heads[head].name, terms), joined(alone.text_rows[head], chosen),
            "texts from '" + texts[0] + "' on");
}

struct Settings {
  EncoderPlaces places;
  std::string data, encoder;
  std::size_t callers = 1, rounds = 1;
  std::uint64_t seed = 0;
};

Status through_engine(const Settings& given, const Alone& alone) {
  EngineOptions options;
  options.data_folder = given.data;
  options.cards_folder = given.places.cards_folder;
  options.weights_folder = given.places.weights_folder;
  options.encoders_folder = given.places.encoders_folder;
  options.threads = 2;
  options.vector_cache_bytes = 0;
  PICTOR_ASSIGN(const auto engine, Engine::open(real_env(), options));
  Tally tally;
  at_once(given.callers, given.seed, [&](Random& random) {
    for (std::size_t i = 0; i < given.rounds; ++i) ask_engine(*engine, given.encoder, alone, random, tally);
  });
  tally.print("engine");
  return Status::ok();
}

Status through_batcher(const Settings& given, const Runtime& runtime, const Alone& alone) {
  EncoderOptions options;
  options.parallel = 2;
  PICTOR_ASSIGN(std::shared_ptr<const Encoder> encoder,
                open_encoder(Env::real(), given.places, given.encoder, runtime, options));
  BatcherOptions queues;
  queues.streams = 2;
  Batcher batcher(Env::real(), encoder, queues);
  Tally tally;
  at_once(given.callers, given.seed + 1, [&](Random& random) {
    for (std::size_t i = 0; i < given.rounds; ++i) ask_batcher(batcher, alone, random, tally);
  });
  tally.print("batcher");
  return Status::ok();
}

Status run(const Settings& given, const char* pictures, const char* texts) {
  const auto runtime = make_openvino_runtime();
  Alone alone;
  alone.paths = lines_of(pictures);
  alone.texts = lines_of(texts);
  if (alone.paths.empty() || alone.texts.empty()) return {Code::kInvalid, "a list is empty"};
  {
    PICTOR_ASSIGN(const auto encoder, open_encoder(Env::real(), given.places, given.encoder, *runtime, {}));
    PICTOR_TRY(fill(*encoder, alone));
  }
  PICTOR_TRY(through_engine(given, alone));
  return through_batcher(given, *runtime, alone);
}

}  // namespace
}  // namespace pictor

int main(int argc, char** argv) {
  if (argc != 11) {
    std::cerr << "usage: batcher_bits CARDS WEIGHTS ENCODERS DATA ENCODER CALLERS ROUNDS SEED PICTURES TEXTS\n";
    return 2;
  }
  pictor::Settings given;
  given.places = {argv[1], argv[2], argv[3]};
  given.data = argv[4];
  given.encoder = argv[5];
  given.callers = std::max(1UL, std::strtoul(argv[6], nullptr, 10));
  given.rounds = std::strtoul(argv[7], nullptr, 10);
  given.seed = std::strtoull(argv[8], nullptr, 10);
  const pictor::Status status = pictor::run(given, argv[9], argv[10]);
  if (!status.is_ok()) std::cerr << "batcher_bits: " << status.to_string() << '\n';
  return static_cast<int>(status.code());
}
