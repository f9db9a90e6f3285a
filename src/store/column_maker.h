// One column while it is made: values as they come, put in order at the end.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "store/columns.h"
#include "store/columns_layout.h"

namespace pictor {

struct NumberHash {
  std::size_t operator()(const StoredNumber& number) const {
    return static_cast<std::size_t>((number.bits ^ number.kind) * 0x9E3779B97F4A7C15ULL >> 16);
  }
};
struct SameNumber {
  bool operator()(const StoredNumber& a, const StoredNumber& b) const { return a.kind == b.kind && a.bits == b.bits; }
};

// Values are numbered as they come. Thread safety: one thread.
class ColumnMaker {
 public:
  ColumnMaker(ColumnKind kind, std::string path, std::size_t values_max)
      : kind_(kind), path_(std::move(path)), values_max_(values_max) {}

  ColumnKind kind() const { return kind_; }
  const std::string& path() const { return path_; }
  std::uint64_t cost() const { return cost_; }

  void add_fixed(std::uint32_t position, ColumnCode code) { add(position, code); }
  void add_number(std::uint32_t position, const FilterNumber& number);
  void add_text(std::uint32_t position, std::string_view text);
  void drop();  // what it holds, and what comes: encoding kNone

  // Writes the column; the entry lacks its offset and its sum. REQUIRES: called once, last.
  ColumnsEntry finish(std::size_t rows, ByteWriter& out);

 private:
  void add(std::uint32_t position, ColumnCode code);
  void add_value(std::uint32_t position, ColumnCode code, bool is_new, std::size_t bytes);
  void number_in_order(std::vector<ColumnCode>& codes, ColumnsEntry& entry, ByteWriter& out) const;
  ColumnEncoding encoding_for(std::size_t rows, std::size_t code_count) const;
  template <typename Code>
  void put_dense(std::size_t rows, const std::vector<ColumnCode>& codes, ByteWriter& out) const;
  void put_lists(const std::vector<ColumnCode>& codes, ByteWriter& out);

  ColumnKind kind_;
  std::string path_;
  std::size_t values_max_;
  bool dropped_ = false;
  std::uint64_t cost_ = 0;
  ColumnCode next_ = kCodesFixed;
  std::vector<std::pair<std::uint32_t, ColumnCode>> entries_;
  std::unordered_map<StoredNumber, ColumnCode, NumberHash, SameNumber> numbers_;
  std::unordered_map<std::string, ColumnCode> texts_;
};

}  // namespace pictor
