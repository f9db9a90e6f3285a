// same_bits CARDS WEIGHTS ENCODERS ENCODER THREADS LOAD BATCHES PICTURES TEXTS: one hash of all vectors a batch size.
//
// Encodes the pictures and texts of two lists at every batch size of BATCHES ("1,2,64"; the first gives the vectors of
// all), while LOAD other threads use the same encoder for other batches. At each size as many full batches are made as
// the list holds, from another place of it on, and their vectors take the place of the first ones. Prints the class of
// instruction sets, then "HEAD KIND BATCH MADE SHA256" a line: the hashes, of the vectors of the whole list, are equal
// if every vector's bits are. A list named "generated:N" is of the first N inputs of `pictor encoder fingerprint`,
// whose hashes are the same as these.
#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <map>
#include <sstream>
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

using Rows = std::vector<std::vector<float>>;  // of each head, a row an input

void print(const std::string& head, const char* kind, std::size_t batch, std::size_t made,
           const std::vector<float>& rows) {
  std::cout << head << ' ' << kind << ' ' << batch << ' ' << made << ' ' << sha256(as_bytes(std::span(rows))).hex()
            << std::endl;
}

// Makes vectors of `count` inputs in batches by `encode`, which takes the numbers of inputs, and puts them into `rows`.
// The first time all are made, later only full batches. Returns how many.
Result<std::size_t> make(std::size_t count, std::size_t batch, Rows& rows,
                         const std::function<Result<Rows>(const std::vector<std::size_t>&)>& encode) {
  const bool first = rows.empty();
  const std::size_t made = first ? count : count / batch * batch;
  const std::size_t offset = first ? 0 : batch * 7 % count;
  for (std::size_t begin = 0; begin < made; begin += batch) {
    std::vector<std::size_t> inputs;
    for (std::size_t i = begin; i < std::min(begin + batch, made); ++i) inputs.push_back((offset + i) % count);
    PICTOR_ASSIGN(const auto heads, encode(inputs));
    rows.resize(heads.size());
    for (std::size_t head = 0; head < heads.size(); ++head) {
      const std::size_t dim = heads[head].size() / inputs.size();
      rows[head].resize(count * dim);
      for (std::size_t i = 0; i < inputs.size(); ++i) {
        std::copy_n(heads[head].begin() + static_cast<std::ptrdiff_t>(i * dim), dim,
                    rows[head].begin() + static_cast<std::ptrdiff_t>(inputs[i] * dim));
      }
    }
  }
  return made;
}

Status hash_pictures(const Work& work, std::size_t batch, Rows& rows) {
  const auto encode = [&](const std::vector<std::size_t>& inputs) {
    std::vector<float> tensors;
    for (const auto i : inputs) {
      const auto tensor = std::span(work.tensors).subspan(i * work.size, work.size);
      tensors.insert(tensors.end(), tensor.begin(), tensor.end());
    }
    return work.encoder.encode_images(tensors, inputs.size());
  };
  PICTOR_ASSIGN(const auto made, make(work.pictures(), batch, rows, encode));
  std::size_t at = 0;
  for (const CardHead& head : work.encoder.card().heads) {
    if (head.images) print(head.name, "images", batch, made, rows[at++]);
  }
  return Status::ok();
}

Status hash_texts(const Work& work, std::size_t batch, std::map<std::string, Rows>& rows) {
  for (const CardHead& head : work.encoder.card().heads) {
    if (!head.texts) continue;
    const auto encode = [&](const std::vector<std::size_t>& inputs) -> Result<Rows> {
      std::vector<std::string> texts;
      for (const auto i : inputs) texts.push_back(work.texts[i]);
      PICTOR_ASSIGN(auto vectors, work.encoder.encode_texts(texts, head.name));
      return Rows{std::move(vectors)};
    };
    PICTOR_ASSIGN(const auto made, make(work.texts.size(), batch, rows[head.name], encode));
    print(head.name, "texts", batch, made, rows[head.name][0]);
  }
  return Status::ok();
}

Status hash_all(const Work& work, const std::vector<std::size_t>& batches) {
  Rows pictures;
  std::map<std::string, Rows> texts;
  for (const auto batch : batches) {
    if (work.pictures() != 0) PICTOR_TRY(hash_pictures(work, batch, pictures));
    if (!work.texts.empty()) PICTOR_TRY(hash_texts(work, batch, texts));
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

// At least one; none of 0.
Result<std::vector<std::size_t>> batches_of(const std::string& text) {
  std::vector<std::size_t> batches;
  std::istringstream in(text);
  for (std::string one; std::getline(in, one, ',');) batches.push_back(std::strtoul(one.c_str(), nullptr, 10));
  if (!batches.empty() && std::ranges::count(batches, 0U) == 0) return batches;
  return Status(Code::kInvalid, "'" + text + "' is no list of batch sizes: 1,2,64");
}

Status run(char** argv) {
  PICTOR_ASSIGN(const auto batches, batches_of(argv[7]));
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
  const Status status = hash_all(work, batches);
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
