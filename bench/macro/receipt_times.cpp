// receipt_times CARDS WEIGHTS ENCODERS ENCODER COUNT: what the receipts of so many rows cost, and nothing else.
//
// Makes and signs COUNT receipts, as indexing makes one a row, of random vectors of the encoder's own dimensions.
// Prints microseconds of this thread's processor time a receipt, and the bytes of one.
#include <cstdlib>
#include <ctime>
#include <iostream>
#include <random>
#include <string>
#include <vector>

#include "engine/receipt.h"
#include "infer/infer.h"

namespace {

using namespace pictor;

double cpu_now() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

Status run(const EncoderPlaces& places, const std::string& name, std::size_t count) {
  const auto runtime = make_openvino_runtime();
  PICTOR_ASSIGN(const auto encoder, open_encoder(Env::real(), places, name, *runtime, {}));
  std::mt19937 random(1);
  CollectionSpec spec;
  spec.encoder = name;
  std::vector<std::vector<float>> vectors;
  for (const auto& head : encoder->card().heads) {
    if (!head.images) continue;
    spec.spaces.push_back({head.space, head.name, head.dim, head.metric});
    auto& vector = vectors.emplace_back(head.dim);
    for (auto& number : vector) number = static_cast<float>(random()) * 1e-9F;
  }
  SigningKey::Seed seed{};
  Env::real().random(seed);
  PICTOR_ASSIGN(auto key, SigningKey::from_seed(seed));
  const ReceiptMaker receipts(*encoder, spec, std::move(key));
  std::size_t bytes = 0;
  const double begin = cpu_now();
  for (std::size_t i = 0; i < count; ++i) {
    vectors[0][0] = static_cast<float>(i);
    const Hash256 content = sha256(as_bytes(std::to_string(i)));
    PICTOR_ASSIGN(const auto receipt, receipts.made(content, vectors, static_cast<std::int64_t>(i)));
    bytes += receipt.size();
  }
  std::cout << 1e6 * (cpu_now() - begin) / static_cast<double>(count) << ' ' << bytes / count << '\n';
  return Status::ok();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) {
    std::cerr << "usage: receipt_times CARDS WEIGHTS ENCODERS ENCODER COUNT\n";
    return 2;
  }
  const Status status = run({argv[1], argv[2], argv[3]}, argv[4], std::max(1UL, std::strtoul(argv[5], nullptr, 10)));
  if (!status.is_ok()) std::cerr << "receipt_times: " << status.to_string() << '\n';
  return static_cast<int>(status.code());
}
