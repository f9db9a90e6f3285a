// same_bits CARDS WEIGHTS ENCODERS ENCODER THREADS LOAD BATCHES PICTURES TEXTS: one hash of all vectors a batch size.
//
// Encodes the pictures and texts of two lists at every batch size from 1 to BATCHES, while LOAD other threads use the
// same encoder for other batches. Prints the class of instruction sets, then "HEAD KIND BATCH VECTORS SHA256" a line:
// the hashes are equal if the vectors' bits are. A list named "generated:N" is of the first N inputs of
// `pictor encoder fingerprint`, whose hashes are then the same as these.
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
#include "engine/generated.h"
#include "inputs.h"

namespace {

using namespace pictor;

struct Work {
  const Encoder& encoder;
  std::vector<float> tensors;  // of the pictures, one after the other
  std::vector<std::string> texts;
  std::size_t size = 0;  // numbers of one tensor

  std::size_t pictures() const { return tensors.size() / size; }
};

constexpr std::string_view kGenerated = "generated:";

std::size_t generated_count(std::string_view list) {
  return list.starts_with(kGenerated) ? std::strtoul(list.data() + kGenerated.size(), nullptr, 10) : 0;
}

Result<std::vector<float>> tensors_of(const char* list, const EncoderCard& card) {
  const std::size_t count = generated_count(list);
  if (count == 0) return prepare_files(lines_of(list), card);
  const std::size_t size = prepared_size(card.prepare);
  std::vector<float> tensors(count * size);
  for (std::size_t i = 0; i < count; ++i) {
    const auto slot = std::span(tensors).subspan(i * size, size);
    PICTOR_TRY(prepare_image(generated_image(i), card.decode, card.prepare, slot));
  }
  return tensors;
}

std::vector<std::string> texts_of(const char* list) {
  const std::size_t count = generated_count(list);
  if (count == 0) return lines_of(list);
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < count; ++i) texts.push_back(generated_text(i));
  return texts;
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
  Work work{*encoder, {}, texts_of(argv[9]), prepared_size(encoder->card().prepare)};
  PICTOR_ASSIGN(work.tensors, tensors_of(argv[8], encoder->card()));
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
