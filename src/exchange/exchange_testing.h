// What tests and fuzzers of exchange share: files made of their bytes, as numpy and faiss write them.
#pragma once

#include <string>
#include <vector>

#include "base/base.h"

namespace pictor::testing {

// A .npy of rows * dim numbers of the type, whose bytes follow.
inline Bytes npy(const std::string& descr, const std::string& shape, ByteView numbers, bool fortran = false,
                 int version = 1) {
  std::string text =
      "{'descr': '" + descr + "', 'fortran_order': " + (fortran ? "True" : "False") + ", 'shape': " + shape + ", }";
  const std::size_t begin = version == 1 ? 10 : 12;
  while ((begin + text.size() + 1) % 64 != 0) text += ' ';
  text += '\n';
  ByteWriter out;
  out.put(as_bytes("\x93NUMPY"));
  out.put(static_cast<std::uint8_t>(version));
  out.put(std::uint8_t{0});
  if (version == 1) {
    out.put(static_cast<std::uint16_t>(text.size()));
  } else {
    out.put(static_cast<std::uint32_t>(text.size()));
  }
  out.put(as_bytes(text));
  out.put(numbers);
  return out.take();
}

inline std::vector<float> some_numbers(std::size_t count) {
  std::vector<float> numbers(count);
  for (std::size_t i = 0; i < count; ++i) numbers[i] = static_cast<float>(i) * 0.25F - 3;
  return numbers;
}

// Parts of what faiss writes, as its index_write.cpp lays them out.
class FaissWriter {
 public:
  FaissWriter& code(const std::string& four) {
    out_.put(as_bytes(four));
    return *this;
  }
  FaissWriter& header(std::int32_t dim, std::int64_t rows, std::int32_t metric) {
    out_.put(dim);
    out_.put(rows);
    out_.put(std::int64_t{1} << 20);
    out_.put(std::int64_t{1} << 20);
    out_.put(std::uint8_t{1});
    out_.put(metric);
    return *this;
  }
  template <Number T>
  FaissWriter& number(T value) {
    out_.put(value);
    return *this;
  }
  template <Number T>
  FaissWriter& vector(const std::vector<T>& values) {
    out_.put(static_cast<std::uint64_t>(values.size()));
    out_.put(std::as_bytes(std::span(values)));
    return *this;
  }
  template <Number T>
  FaissWriter& numbers(const std::vector<T>& values) {
    out_.put(std::as_bytes(std::span(values)));
    return *this;
  }
  FaissWriter& flat(std::int32_t dim, const std::vector<float>& numbers, bool inner_product = false) {
    code(inner_product ? "IxFI" : "IxF2");
    header(dim, static_cast<std::int64_t>(numbers.size()) / dim, inner_product ? 0 : 1);
    return vector(numbers);
  }
  FaissWriter& hnsw(std::int32_t dim, const std::vector<float>& numbers) {
    code("IHNf").header(dim, static_cast<std::int64_t>(numbers.size()) / dim, 1);
    vector<double>({0.9, 0.1}).vector<std::int32_t>({0, 4, 6}).vector<std::int32_t>({1, 1, 2});
    vector<std::uint64_t>({0, 4, 8, 14}).vector<std::int32_t>({1, 2, -1, -1, 0, 2});
    for (const std::int32_t value : {2, 1, 40, 16, 1}) number(value);
    return flat(dim, numbers);
  }
  // Lists of dim = 2: the rows of `lists` are numbered as their ids say.
  struct List {
    std::vector<float> numbers;
    std::vector<std::int64_t> ids;
  };
  FaissWriter& ivf(const std::vector<List>& lists, bool sparse, std::uint8_t direct_map = 0) {
    std::int64_t rows = 0;
    for (const auto& list : lists) rows += static_cast<std::int64_t>(list.ids.size());
    code("IwFl").header(2, rows, 1).number<std::uint64_t>(lists.size()).number<std::uint64_t>(1);
    flat(2, some_numbers(2 * lists.size()));
    number(direct_map).vector(std::vector<std::int64_t>(direct_map == 1 ? static_cast<std::size_t>(rows) : 0));
    if (direct_map == 2) number<std::uint64_t>(1).number<std::int64_t>(7).number<std::int64_t>(0);
    code("ilar").number<std::uint64_t>(lists.size()).number<std::uint64_t>(8).code(sparse ? "sprs" : "full");
    std::vector<std::uint64_t> sizes;
    for (std::size_t i = 0; i < lists.size(); ++i) {
      if (sparse && lists[i].ids.empty()) continue;
      if (sparse) sizes.push_back(i);
      sizes.push_back(lists[i].ids.size());
    }
    vector(sizes);
    for (const auto& list : lists) numbers(list.numbers).numbers(list.ids);
    return *this;
  }
  const Bytes& bytes() const { return out_.bytes(); }

 private:
  ByteWriter out_;
};

}  // namespace pictor::testing
