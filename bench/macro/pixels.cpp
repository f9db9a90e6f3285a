// pixels LIST OUT: pictures to tensors by the product's own path (decode_image, prepare_image), for bench/prove to
// compare with Pillow.
//
// A line of LIST: fit filter width height resize crop_fraction mean std path, separated by one space (the path is the
// rest of the line; mean and std are three numbers joined by commas). OUT: the float32 tensors one after the other; a
// picture that cannot be read leaves none. Standard output: a line a picture, "ok NUMBERS" or "bad CAUSE".
#include <array>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "base/base.h"
#include "image/image.h"

namespace {

using namespace pictor;

const std::map<std::string, Fit> kFits = {{"shortest_edge_crop", Fit::kShortestEdgeCrop},
                                          {"crop_then_resize", Fit::kCropThenResize},
                                          {"squash", Fit::kSquash},
                                          {"pad", Fit::kPad}};
const std::map<std::string, Filter> kFilters = {{"bilinear", Filter::kBilinear}, {"bicubic", Filter::kBicubic},
                                                {"lanczos", Filter::kLanczos},   {"nearest", Filter::kNearest},
                                                {"box", Filter::kBox},           {"hamming", Filter::kHamming}};

bool parse_three(const std::string& text, std::array<float, 3>& out) {
  std::istringstream in(text);
  char comma = 0;
  return static_cast<bool>(in >> out[0] >> comma >> out[1] >> comma >> out[2]);
}

bool parse_line(const std::string& line, PrepareSpec& spec, std::string& path) {
  std::istringstream in(line);
  std::string fit, filter, mean, std_dev;
  if (!(in >> fit >> filter >> spec.width >> spec.height >> spec.resize >> spec.crop_fraction >> mean >> std_dev)) {
    return false;
  }
  if (!kFits.contains(fit) || !kFilters.contains(filter)) return false;
  spec.fit = kFits.at(fit);
  spec.filter = kFilters.at(filter);
  in.get();  // the space before the path
  return parse_three(mean, spec.mean) && parse_three(std_dev, spec.std) && std::getline(in, path) && !path.empty();
}

Result<std::vector<float>> tensor_of(const std::string& path, const PrepareSpec& spec) {
  const DecodeSpec decode;
  PICTOR_ASSIGN(const Bytes file, read_file(Env::real(), path, limits::kImageFileBytesMax));
  PICTOR_ASSIGN(const DecodedImage decoded, decode_image(file, decode, &spec));
  std::vector<float> tensor(prepared_size(spec));
  PICTOR_TRY(prepare_image(decoded.image, decode, spec, tensor));
  return tensor;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: pixels LIST OUT\n";
    return 2;
  }
  std::ifstream list(argv[1]);
  std::ofstream out(argv[2], std::ios::binary);
  std::string line;
  while (std::getline(list, line)) {
    PrepareSpec spec;
    std::string path;
    if (!parse_line(line, spec, path)) {
      std::cerr << "pixels: cannot read the line '" << line << "'\n";
      return 2;
    }
    const auto tensor = tensor_of(path, spec);
    if (!tensor.is_ok()) {
      std::cout << "bad " << tensor.status().to_string() << "\n";
      continue;
    }
    out.write(reinterpret_cast<const char*>(tensor->data()),
              static_cast<std::streamsize>(tensor->size() * sizeof(float)));
    std::cout << "ok " << tensor->size() << "\n";
  }
  return out.flush().good() ? 0 : 1;
}
