// What bench's programs share that embed listed pictures and texts: the list, and a picture's way to its tensor.
#pragma once

#include <fstream>
#include <span>
#include <string>
#include <vector>

#include "base/base.h"
#include "encode/encode.h"

namespace pictor {

// A path or a text a line; none where the file is not there.
inline std::vector<std::string> lines_of(const std::string& path) {
  std::ifstream in(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

inline Status prepare_file(const std::string& path, const EncoderCard& card, std::span<float> tensor) {
  PICTOR_ASSIGN(const Bytes file, read_file(Env::real(), path, limits::kImageFileBytesMax));
  const auto decoded = decode_image(file, card.decode, &card.prepare);
  if (!decoded.is_ok()) return decoded.status().in(path);
  return prepare_image(decoded->image, card.decode, card.prepare, tensor).in(path);
}

// The tensors of all of them, one after the other.
inline Result<std::vector<float>> prepare_files(std::span<const std::string> paths, const EncoderCard& card) {
  const std::size_t size = prepared_size(card.prepare);
  std::vector<float> tensors(paths.size() * size);
  for (std::size_t i = 0; i < paths.size(); ++i) {
    PICTOR_TRY(prepare_file(paths[i], card, std::span(tensors).subspan(i * size, size)));
  }
  return tensors;
}

}  // namespace pictor
