// libFuzzer: any bytes as a card. Whatever is accepted keeps its promises.
#include <cstdlib>

#include "encode/card.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto details = pictor::parse_card_details({reinterpret_cast<const char*>(data), size});
  if (!details.is_ok()) return 0;
  if (details->card.heads.empty() || details->heads.size() != details->card.heads.size()) std::abort();
  for (const auto& head : details->card.heads) {
    if (head.space.size() != 64 || head.dim == 0 || !(head.images || head.texts)) std::abort();
  }
  for (const auto& file : details->card.files) {
    if (file.path.find('/') != std::string::npos || file.path.front() == '.') std::abort();
  }
  return 0;
}
