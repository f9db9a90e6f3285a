// Centres of lists: k-means over a sample of rows, all by codes of 8 bits, and the centre nearest to a row. Inside
// index/ only.
//
// Sums of codes are whole numbers and every mean is added up in the order of its rows, so centres have the same bits
// whatever the threads and the SIMD level.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/base.h"
#include "vector/vector.h"

namespace pictor {

// Vectors as codes of 8 bits with a scale each.
class CodedVectors {
 public:
  CodedVectors() = default;
  CodedVectors(std::size_t width, std::size_t count) : width_(width), codes_(width * count), terms_(count) {}

  std::size_t size() const { return terms_.size(); }
  std::size_t width() const { return width_; }
  void set(std::size_t i, std::span<const float> numbers);
  void copy(std::size_t i, const CodedVectors& from, std::size_t of);
  const std::uint8_t* codes(std::size_t i) const { return codes_.data() + i * width_; }
  std::span<const std::uint8_t> all_codes() const { return codes_; }
  CodeTerms terms(std::size_t i) const { return terms_[i]; }  // bias: -|v|^2 / 2 of what the codes say
  // sum[j] += number j.
  void add_to(std::size_t i, std::span<float> sum) const;

 private:
  std::size_t width_ = 0;
  std::vector<std::uint8_t> codes_;
  std::vector<CodeTerms> terms_;
};

// A row that is compared with centres.
struct CodedRow {
  std::vector<std::int8_t> codes;
  float scale = 0;
  std::int32_t sum = 0;
  explicit CodedRow(std::size_t width) : codes(width) {}
  void set(std::span<const float> numbers);
  void set(const CodedVectors& vectors, std::size_t i);
};

struct Nearest {
  std::uint32_t index = 0;
  float likeness = 0;  // (|row|^2 - |row - centre|^2) / 2
};
// The nearest of vectors begin to end - 1; the first of several. REQUIRES: begin < end.
Nearest nearest_of(const CodedVectors& vectors, std::size_t begin, std::size_t end, const CodedRow& row);

// Centres, and when there are many, groups of neighbouring ones: a row is compared with the groups first, and then with
// the centres of the nearest groups alone.
class Centres {
 public:
  std::size_t size() const { return coded_.size(); }
  std::span<const float> vector(std::size_t i) const { return std::span(vectors_).subspan(i * width_, width_); }
  std::span<const float> vectors() const { return vectors_; }
  const CodedVectors& coded() const { return coded_; }
  std::uint32_t nearest(const CodedRow& row) const;

  // k-means over `rows`; about `count` centres, at most as many as rows. The result depends on rows and count alone.
  static Centres train(const CodedVectors& rows, std::size_t count, ThreadPool* pool);
  // Each so many times, one after the other: 0 leaves it out. Without groups: no longer for `nearest`.
  Centres repeated(std::span<const std::uint32_t> times) const;

 private:
  void set_vectors(std::vector<float> vectors, std::size_t width);
  void refine(const CodedVectors& rows, ThreadPool* pool);

  std::size_t width_ = 0;
  std::vector<float> vectors_;
  CodedVectors coded_;
  CodedVectors groups_;                     // none: every centre is compared
  std::vector<std::uint32_t> group_first_;  // groups + 1
};

}  // namespace pictor
