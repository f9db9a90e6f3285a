// same_bits CARDS WEIGHTS ENCODERS ENCODER THREADS LOAD BATCHES PICTURES TEXTS: one hash of all vectors a batch size.
//
// Encodes the pictures and texts of two lists at every batch size from 1 to BATCHES, while LOAD other threads use the
// same encoder for other batches. Prints the class of instruction sets, then "HEAD KIND BATCH VECTORS SHA256" a line:
// the hashes are equal if the vectors' bits are.
#include <atomic>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/base.h"
#include "encode/encode.h"

namespace {

using namespace pictor;

struct Work {
  const Encoder& encoder;
  std::vector<float> tensors;  // of the pictures, one after the other
  std::vector<std::string> texts;
  std::size_t size = 0;  // numbers of one tensor

  std::size_t pictures() const { return tensors.size() / size; }
};

std::vector<std::string> lines_of(const char* path) {
  std::ifstream in(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

Status read_pictures(const std::vector<std::string>& paths, Work& work) {
  const auto& card = work.encoder.card();
  work.size = prepared_size(card.prepare);
  work.tensors.resize(paths.size() * work.size);
  for (std::size_t i = 0; i < paths.size(); ++i) {
    PICTOR_ASSIGN(const Bytes file, read_file(Env::real(), paths[i], limits::kImageFileBytesMax));
    const auto decoded = decode_image(file, card.decode, &card.prepare);
    if (!decoded.is_ok()) return decoded.status().in(paths[i]);
    PICTOR_TRY(prepare_image(decoded->image, card.decode, card.prepare,
                             std::span(work.tensors).subspan(i * work.size, work.size)));
  }
  return Status::ok();
}

void print(const std::string& head, const char* kind, std::size_t batch, std::size_t vectors, Sha256Stream& hash) {
  std::cout << head << ' ' << kind << ' ' << batch << ' ' << vectors << ' ' << hash.finish().hex() << std::endl;
}

Status hash_pictures(const Work& work, std::size_t batch) {
  const auto& heads = work.encoder.card().heads;
  std::vector<Sha256Stream> hashes(heads.size());
  for (std::size_t first = 0; first < work.pictures(); first += batch) {
    const std::size_t n = std::min(batch, work.pictures() - first);
    const auto tensors = std::span(work.tensors).subspan(first * work.size, n * work.size);
    PICTOR_ASSIGN(const auto rows, work.encoder.encode_images(tensors, n));
    for (std::size_t at = 0; at < rows.size(); ++at) hashes[at].add(as_bytes(std::span(rows[at])));
  }
  std::size_t at = 0;
  for (const CardHead& head : heads) {
    if (head.images) print(head.name, "images", batch, work.pictures(), hashes[at++]);
  }
  return Status::ok();
}

Status hash_texts(const Work& work, std::size_t batch) {
  for (const CardHead& head : work.encoder.card().heads) {
    if (!head.texts) continue;
    Sha256Stream hash;
    for (std::size_t first = 0; first < work.texts.size(); first += batch) {
      const std::size_t n = std::min(batch, work.texts.size() - first);
      PICTOR_ASSIGN(const auto rows, work.encoder.encode_texts(std::span(work.texts).subspan(first, n), head.name));
      hash.add(as_bytes(std::span(rows)));
    }
    print(head.name, "texts", batch, work.texts.size(), hash);
  }
  return Status::ok();
}

// What others do meanwhile: batches of other sizes, of pictures and texts in turn.
void disturb(const Work& work, std::size_t number, const std::atomic<bool>& stop) {
  for (std::size_t turn = number; !stop; ++turn) {
    const std::size_t pictures = std::min<std::size_t>(1 + turn % 5, work.pictures());
    static_cast<void>(
        work.encoder.encode_images(std::span(work.tensors).first(pictures * work.size), pictures).is_ok());
    for (const CardHead& head : work.encoder.card().heads) {
      const auto texts = std::span(work.texts).first(std::min<std::size_t>(1 + turn % 7, work.texts.size()));
      if (head.texts) static_cast<void>(work.encoder.encode_texts(texts, head.name).is_ok());
    }
  }
}

Status run(char** argv) {
  const auto runtime = make_openvino_runtime();
  EncoderOptions options;
  options.threads = std::max(1UL, std::strtoul(argv[5], nullptr, 10));
  const std::size_t load = std::strtoul(argv[6], nullptr, 10);
  options.parallel = 1 + load;
  PICTOR_ASSIGN(const auto encoder, open_encoder(Env::real(), {argv[1], argv[2], argv[3]}, argv[4], *runtime, options));
  Work work{*encoder, {}, lines_of(argv[9])};
  PICTOR_TRY(read_pictures(lines_of(argv[8]), work));
  std::cout << encoder->isa_class() << std::endl;
  std::atomic<bool> stop{false};
  std::vector<std::thread> others;
  for (std::size_t i = 0; i < load; ++i) others.emplace_back([&work, &stop, i] { disturb(work, i, stop); });
  const auto all = [&] {
    for (std::size_t batch = 1; batch <= std::strtoul(argv[7], nullptr, 10); ++batch) {
      PICTOR_TRY(hash_pictures(work, batch));
      PICTOR_TRY(hash_texts(work, batch));
    }
    return Status::ok();
  };
  const Status status = all();
  stop = true;
  for (auto& other : others) other.join();
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 10) {
    std::cerr << "usage: same_bits CARDS WEIGHTS ENCODERS ENCODER THREADS LOAD BATCHES PICTURES TEXTS\n";
    return 2;
  }
  const Status status = run(argv);
  if (!status.is_ok()) std::cerr << "same_bits: " << status.to_string() << '\n';
  return static_cast<int>(status.code());
}
