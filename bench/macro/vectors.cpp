// vectors CARDS WEIGHTS ENCODER BATCH THREADS PICTURES TEXTS OUT: vectors of pictures and texts through encode's door.
//
// PICTURES and TEXTS are files with a path or a text a line. Writes OUT.HEAD.images.f32 and OUT.HEAD.texts.f32, rows of
// float32 in the order of the lines, and prints "HEAD DIM" for each head. bench/prove compares the files of different
// batches, threads and processes bit for bit, and ranks with them.
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <span>
#include <string>
#include <vector>

#include "base/base.h"
#include "encode/encode.h"

namespace {

using namespace pictor;

struct Job {
  EncoderPlaces places;
  std::string encoder;
  std::size_t batch = 1;
  std::size_t threads = 1;
  std::vector<std::string> pictures, texts;
  std::string out;
};

std::vector<std::string> lines_of(const char* path) {
  std::ifstream in(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

void append(const std::string& path, std::span<const float> numbers) {
  std::ofstream out(path, std::ios::binary | std::ios::app);
  out.write(reinterpret_cast<const char*>(numbers.data()), static_cast<std::streamsize>(numbers.size_bytes()));
}

Status prepare_file(const std::string& path, const EncoderCard& card, std::span<float> tensor) {
  PICTOR_ASSIGN(const Bytes file, read_file(Env::real(), path, limits::kImageFileBytesMax));
  PICTOR_ASSIGN(const DecodedImage decoded, decode_image(file, card.decode, &card.prepare));
  return prepare_image(decoded.image, card.decode, card.prepare, tensor);
}

Status encode_pictures(const Job& job, const Encoder& encoder) {
  const EncoderCard& card = encoder.card();
  const std::size_t size = prepared_size(card.prepare);
  std::vector<float> tensors(job.batch * size);
  for (std::size_t first = 0; first < job.pictures.size(); first += job.batch) {
    const std::size_t n = std::min(job.batch, job.pictures.size() - first);
    for (std::size_t i = 0; i < n; ++i) {
      const std::string& path = job.pictures[first + i];
      const Status status = prepare_file(path, card, std::span(tensors).subspan(i * size, size));
      if (!status.is_ok()) return status.in(path);
    }
    PICTOR_ASSIGN(const auto by_head, encoder.encode_images(std::span(tensors).first(n * size), n));
    std::size_t at = 0;
    for (const CardHead& head : card.heads) {
      if (head.images) append(job.out + "." + head.name + ".images.f32", by_head[at++]);
    }
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
  if (argc != 9) {
    std::cerr << "usage: vectors CARDS WEIGHTS ENCODER BATCH THREADS PICTURES TEXTS OUT\n";
    return 2;
  }
  Job job;
  job.places = {argv[1], argv[2]};
  job.encoder = argv[3];
  job.batch = std::max(1UL, std::strtoul(argv[4], nullptr, 10));
  job.threads = std::max(1UL, std::strtoul(argv[5], nullptr, 10));
  job.pictures = lines_of(argv[6]);
  job.texts = lines_of(argv[7]);
  job.out = argv[8];
  const Status status = run(job);
  if (!status.is_ok()) std::cerr << "vectors: " << status.to_string() << '\n';
  return static_cast<int>(status.code());
}
