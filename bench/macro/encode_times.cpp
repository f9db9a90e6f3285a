// encode_times CARDS WEIGHTS ENCODERS ENCODER THREADS [CACHE]: our side of bench/macro/encode.
//
// Reads commands from standard input and answers each with one line of JSON; encode_peer.py speaks the same.
//   forward BATCH SECONDS TENSORS     forward passes over the first BATCH tensors of a file, for so long
//   vectors BATCH TENSORS COUNT OUT   the vectors of COUNT tensors, BATCH a call, rows of f32 to OUT
//   files LIST SECONDS                picture files to vectors, THREADS of them at once, over and over for so long
//   peak SECONDS                      multiply-adds of one core that do nothing else: VNNI, f32
// Vectors are those of the encoder's first head that takes pictures.
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iostream>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "base/base.h"
#include "encode/encode.h"
#include "inputs.h"

namespace {

using namespace pictor;

double now() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

double cpu_now() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

struct Bench {
  const Encoder& whole;  // all threads in one forward pass: what a caller waits for
  const Encoder& bulk;   // a thread a forward pass, several passes at once: what fills the processors
  std::size_t threads;
};

Result<std::vector<float>> tensors_of(const std::string& path, std::size_t count, std::size_t size) {
  std::vector<float> tensors(count * size);
  std::ifstream in(path, std::ios::binary);
  in.read(reinterpret_cast<char*>(tensors.data()), static_cast<std::streamsize>(tensors.size() * sizeof(float)));
  if (!in) return Status(Code::kInvalid, path + " holds fewer than " + std::to_string(count) + " tensors");
  return tensors;
}

double percentile(std::vector<double>& values, double share) {
  std::ranges::sort(values);
  return values[std::min(values.size() - 1, static_cast<std::size_t>(share * static_cast<double>(values.size())))];
}

Status forward(const Bench& bench, std::istream& in) {
  std::size_t batch = 1;
  double seconds = 1;
  std::string path;
  in >> batch >> seconds >> path;
  PICTOR_ASSIGN(const auto tensors, tensors_of(path, batch, prepared_size(bench.whole.card().prepare)));
  PICTOR_TRY(bench.whole.encode_images(tensors, batch).status());
  std::vector<double> latencies;
  const double cpu = cpu_now();
  const double begin = now();
  for (double last = begin; last - begin < seconds;) {
    PICTOR_TRY(bench.whole.encode_images(tensors, batch).status());
    const double end = now();
    latencies.push_back(1000 * (end - last));
    last = end;
  }
  const double wall = now() - begin;
  std::cout << "{\"images\": " << latencies.size() * batch << ", \"wall\": " << wall << ", \"cpu\": " << cpu_now() - cpu
            << ", \"p50_ms\": " << percentile(latencies, 0.5) << ", \"p99_ms\": " << percentile(latencies, 0.99) << "}"
            << std::endl;
  return Status::ok();
}

Status vectors(const Bench& bench, std::istream& in) {
  std::size_t batch = 1;
  std::size_t count = 0;
  std::string path;
  std::string out;
  in >> batch >> path >> count >> out;
  const std::size_t size = prepared_size(bench.whole.card().prepare);
  PICTOR_ASSIGN(const auto tensors, tensors_of(path, count, size));
  std::ofstream file(out, std::ios::binary);
  for (std::size_t first = 0; first < count; first += batch) {
    const std::size_t n = std::min(batch, count - first);
    PICTOR_ASSIGN(const auto heads, bench.whole.encode_images(std::span(tensors).subspan(first * size, n * size), n));
    file.write(reinterpret_cast<const char*>(heads[0].data()),
               static_cast<std::streamsize>(heads[0].size() * sizeof(float)));
  }
  std::cout << "{\"rows\": " << count << "}" << std::endl;
  return Status::ok();
}

// As indexing does it: a thread prepares as many pictures as a forward pass of this encoder takes, then runs the pass.
Status encode_files(const Encoder& encoder, std::span<const std::string> paths, std::size_t first,
                    std::span<float> tensors) {
  const std::size_t size = prepared_size(encoder.card().prepare);
  const std::size_t count = tensors.size() / size;
  for (std::size_t i = 0; i < count; ++i) {
    PICTOR_TRY(prepare_file(paths[(first + i) % paths.size()], encoder.card(), tensors.subspan(i * size, size)));
  }
  return encoder.encode_images(tensors, count).status();
}

Status files(const Bench& bench, std::istream& in) {
  std::string list;
  double seconds = 1;
  in >> list >> seconds;
  const auto paths = lines_of(list);
  if (paths.empty()) return {Code::kInvalid, list + " names no file"};
  const std::size_t pass = bench.bulk.pass_pictures();
  std::atomic<std::size_t> next{0};
  std::mutex mutex;
  Status failed;
  const double cpu = cpu_now();
  const double begin = now();
  const auto work = [&] {
    std::vector<float> tensors(pass * prepared_size(bench.bulk.card().prepare));
    while (now() - begin < seconds) {
      const Status status = encode_files(bench.bulk, paths, next.fetch_add(pass), tensors);
      if (status.is_ok()) continue;
      const std::lock_guard lock(mutex);
      failed = status;
      return;
    }
  };
  std::vector<std::thread> workers;
  for (std::size_t i = 0; i < bench.threads; ++i) workers.emplace_back(work);
  for (auto& worker : workers) worker.join();
  PICTOR_TRY(failed);
  std::cout << "{\"images\": " << next.load() << ", \"wall\": " << now() - begin << ", \"cpu\": " << cpu_now() - cpu
            << "}" << std::endl;
  return Status::ok();
}

#if defined(__x86_64__)
// Sixteen independent sums, more than latency times ports, named one by one so that they stay in registers.
constexpr std::size_t kSums = 16;
constexpr std::size_t kRounds = 100'000;
#define PICTOR_SIXTEEN(one) \
  one(a) one(b) one(c) one(d) one(e) one(f) one(g) one(h) one(i) one(j) one(k) one(l) one(m) one(n) one(o) one(p)

__attribute__((target("avx512f,avx512vnni"))) double vnni_operations() {
  const __m512i left = _mm512_set1_epi8(3);
  const __m512i right = _mm512_set1_epi8(1);
#define PICTOR_ZERO(sum) __m512i sum = _mm512_setzero_si512();
#define PICTOR_ADD(sum) asm volatile("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(left), "v"(right));
  PICTOR_SIXTEEN(PICTOR_ZERO)
  for (std::size_t round = 0; round < kRounds; ++round) {
    PICTOR_SIXTEEN(PICTOR_ADD)
  }
#undef PICTOR_ZERO
#undef PICTOR_ADD
  return 2.0 * 64 * kSums * kRounds;
}

__attribute__((target("avx512f"))) double f32_operations_avx512() {
  const __m512 left = _mm512_set1_ps(1.0F);
#define PICTOR_ZERO(sum) __m512 sum = _mm512_setzero_ps();
#define PICTOR_ADD(sum) asm volatile("vfmadd231ps %1, %1, %0" : "+v"(sum) : "v"(left));
  PICTOR_SIXTEEN(PICTOR_ZERO)
  for (std::size_t round = 0; round < kRounds; ++round) {
    PICTOR_SIXTEEN(PICTOR_ADD)
  }
#undef PICTOR_ZERO
#undef PICTOR_ADD
  return 2.0 * 16 * kSums * kRounds;
}
#undef PICTOR_SIXTEEN
#endif

double per_second(double (*operations)(), double seconds) {
  double best = 0;
  for (const double begin = cpu_now(); cpu_now() - begin < seconds;) {
    const double from = cpu_now();
    const double done = operations();
    best = std::max(best, done / (cpu_now() - from));
  }
  return best;
}

Status peak(std::istream& in) {
  double seconds = 1;
  in >> seconds;
  double int8 = 0;
  double f32 = 0;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512vnni") != 0) int8 = per_second(vnni_operations, seconds);
  if (__builtin_cpu_supports("avx512f") != 0) f32 = per_second(f32_operations_avx512, seconds);
#endif
  std::cout << "{\"vnni_per_second\": " << int8 << ", \"f32_per_second\": " << f32 << "}" << std::endl;
  return Status::ok();
}

Status serve(const Bench& bench) {
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream in(line);
    std::string command;
    in >> command;
    if (command == "forward")
      PICTOR_TRY(forward(bench, in));
    else if (command == "vectors")
      PICTOR_TRY(vectors(bench, in));
    else if (command == "files")
      PICTOR_TRY(files(bench, in));
    else if (command == "peak")
      PICTOR_TRY(peak(in));
    else
      return {Code::kInvalid, "no such command: " + line};
  }
  return Status::ok();
}

Status run(const EncoderPlaces& places, const std::string& name, std::size_t threads, const std::string& cache) {
  const auto runtime = make_openvino_runtime();
  const double begin = now();
  EncoderOptions options;
  options.cache_folder = cache;
  options.threads = threads;
  PICTOR_ASSIGN(const auto whole, open_encoder(Env::real(), places, name, *runtime, options));
  options.threads = 1;
  options.parallel = threads;
  PICTOR_ASSIGN(const auto bulk, open_encoder(Env::real(), places, name, *runtime, options));
  const auto& card = whole->card();
  std::vector<float> zeros(prepared_size(card.prepare));
  PICTOR_TRY(whole->encode_images(zeros, 1).status());
  PICTOR_TRY(bulk->encode_images(zeros, 1).status());
  const auto head = std::ranges::find_if(card.heads, &CardHead::images);
  if (head == card.heads.end()) return {Code::kInvalid, "encoder " + name + " takes no pictures"};
  std::cout << "{\"ready\": true, \"seconds\": " << now() - begin << ", \"width\": " << card.prepare.width
            << ", \"height\": " << card.prepare.height << ", \"dim\": " << head->dim
            << ", \"pass\": " << whole->pass_pictures() << ", \"isa\": \"" << whole->isa_class()
            << "\", \"runtime\": \"" << whole->runtime_name() << "\"}" << std::endl;
  return serve({*whole, *bulk, threads});
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6 && argc != 7) {
    std::cerr << "usage: encode_times CARDS WEIGHTS ENCODERS ENCODER THREADS [CACHE]\n";
    return 2;
  }
  const Status status = run({argv[1], argv[2], argv[3]}, argv[4], std::max(1UL, std::strtoul(argv[5], nullptr, 10)),
                            argc == 7 ? argv[6] : "");
  if (!status.is_ok()) std::cerr << "encode_times: " << status.to_string() << '\n';
  return static_cast<int>(status.code());
}
