// vectors CARDS WEIGHTS ENCODERS ENCODER BATCH THREADS PICTURES TEXTS OUT [tokens]: vectors of pictures and texts
// through encode's door.
//
// PICTURES and TEXTS are files with a path or a text a line. Writes OUT.HEAD.images.f32 and OUT.HEAD.texts.f32, rows of
// float32 in the order of the lines, and prints "HEAD DIM" for each head. bench/prove compares the files of different
// batches, threads and processes bit for bit, and ranks with them. "tokens" also writes OUT.tokens.f32, the patch
// tokens of each picture from the same forward pass.
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <span>
#include <string>
#include <vector>

#include "base/base.h"
#include "encode/encode.h"
#include "inputs.h"

namespace {

using namespace pictor;

struct Job {
  EncoderPlaces places;
  std::string encoder;
  std::size_t batch = 1;
  std::size_t threads = 1;
  std::vector<std::string> pictures, texts;
  std::string out;
  bool tokens = false;
};

void append(const std::string& path, std::span<const float> numbers) {
  std::ofstream out(path, std::ios::binary | std::ios::app);
  out.write(reinterpret_cast<const char*>(numbers.data()), static_cast<std::streamsize>(numbers.size_bytes()));
}

Result<EncodedImages> encode(const Job& job, const Encoder& encoder, std::span<const float> tensors, std::size_t n) {
  if (job.tokens) return encoder.encode_images_with_tokens(tensors, n);
  PICTOR_ASSIGN(auto heads, encoder.encode_images(tensors, n));
  return EncodedImages{std::move(heads), {}};
}

Status encode_pictures(const Job& job, const Encoder& encoder) {
  const EncoderCard& card = encoder.card();
  for (std::size_t first = 0; first < job.pictures.size(); first += job.batch) {
    const std::size_t n = std::min(job.batch, job.pictures.size() - first);
    PICTOR_ASSIGN(const auto tensors, prepare_files(std::span(job.pictures).subspan(first, n), card));
    PICTOR_ASSIGN(const auto made, encode(job, encoder, tensors, n));
    std::size_t at = 0;
    for (const CardHead& head : card.heads) {
      if (head.images) append(job.out + "." + head.name + ".images.f32", made.heads[at++]);
    }
    if (job.tokens) append(job.out + ".tokens.f32", made.tokens);
  }
  return Status::ok();
}

Status encode_lines(const Job& job, const Encoder& encoder) {
  for (const CardHead& head : encoder.card().heads) {
    if (!head.texts) continue;
    for (std::size_t first = 0; first < job.texts.size(); first += job.batch) {
      const std::size_t n = std::min(job.batch, job.texts.size() - first);
      PICTOR_ASSIGN(const auto rows, encoder.encode_texts(std::span(job.texts).subspan(first, n), head.name));
      append(job.out + "." + head.name + ".texts.f32", rows);
    }
  }
  return Status::ok();
}

Status run(const Job& job) {
  const auto runtime = make_openvino_runtime();
  EncoderOptions options;
  options.threads = job.threads;
  PICTOR_ASSIGN(const auto encoder, open_encoder(Env::real(), job.places, job.encoder, *runtime, options));
  PICTOR_TRY(encode_pictures(job, *encoder));
  PICTOR_TRY(encode_lines(job, *encoder));
  for (const CardHead& head : encoder->card().heads) std::cout << head.name << ' ' << head.dim << '\n';
  return Status::ok();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 10 && argc != 11) {
    std::cerr << "usage: vectors CARDS WEIGHTS ENCODERS ENCODER BATCH THREADS PICTURES TEXTS OUT [tokens]\n";
    return 2;
  }
  Job job;
  job.places = {argv[1], argv[2], argv[3]};
  job.encoder = argv[4];
  job.batch = std::max(1UL, std::strtoul(argv[5], nullptr, 10));
  job.threads = std::max(1UL, std::strtoul(argv[6], nullptr, 10));
  job.pictures = lines_of(argv[7]);
  job.texts = lines_of(argv[8]);
  job.out = argv[9];
  job.tokens = argc == 11;
  const Status status = run(job);
  if (!status.is_ok()) std::cerr << "vectors: " << status.to_string() << '\n';
  return static_cast<int>(status.code());
}
