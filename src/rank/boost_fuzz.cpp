// Whatever is written as a boost is a tree or a fault, and its value is a number.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "rank/rank.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pictor;
  const auto boost = Boost::parse({reinterpret_cast<const char*>(data), size});
  if (!boost.is_ok()) return 0;
  BoostRow row;
  row.score = 0.5;
  row.now_us = 1'700'000'000'000'000;
  row.column = [](std::string_view name) -> BoostValue {
    if (name.size() % 3 == 0) return {};
    if (name.size() % 3 == 1) return static_cast<double>(name.size()) * 1e300;
    return std::string(name);
  };
  std::vector<BoostTerm> terms;
  if (!std::isfinite(boost->value(row, &terms)) || terms.empty()) std::abort();
  return 0;
}
