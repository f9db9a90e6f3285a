// decode_times LIST CARD_SIDE: how long each file of LIST takes from its bytes to a tensor, and how it ends.
//
// Standard output, a line a file as soon as it is done: milliseconds, the code's name, the path, and the cause when
// there is no tensor; separated by tabs. One thread, so that the largest resident set is that of one picture.
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include "base/base.h"
#include "image/image.h"

namespace {

using namespace pictor;

Status decode_and_prepare(const std::string& path, const PrepareSpec& spec, std::vector<float>& tensor) {
  const DecodeSpec decode;
  PICTOR_ASSIGN(const Bytes file, read_file(Env::real(), path, limits::kImageFileBytesMax));
  PICTOR_ASSIGN(const DecodedImage decoded, decode_image(file, decode, &spec));
  return prepare_image(decoded.image, decode, spec, tensor);
}

std::string one_line(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](unsigned char letter) { return letter < ' '; }, ' ');
  return text;
}

}  // namespace

int main(int argc, char** argv) {
  PrepareSpec spec;
  spec.fit = Fit::kCropThenResize;
  spec.width = spec.height = argc == 3 ? static_cast<std::uint32_t>(std::strtoul(argv[2], nullptr, 10)) : 0;
  if (spec.width == 0 || spec.width > limits::kPrepareSideMax) {
    std::cerr << "usage: decode_times LIST CARD_SIDE\n";
    return 2;
  }
  std::vector<float> tensor(prepared_size(spec));
  std::ifstream list(argv[1]);
  std::string path;
  while (std::getline(list, path)) {
    const auto started = std::chrono::steady_clock::now();
    const Status status = decode_and_prepare(path, spec, tensor);
    const std::chrono::duration<double, std::milli> taken = std::chrono::steady_clock::now() - started;
    std::cout << taken.count() << '\t' << code_name(status.code()) << '\t' << path << '\t' << one_line(status.message())
              << std::endl;
  }
  return 0;
}
