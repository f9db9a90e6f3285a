#include "store/column_maker.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "store/iso_time.h"

namespace pictor {
namespace {

constexpr std::uint64_t kEntryCost = 8;
constexpr std::uint64_t kValueCost = 64;  // of a value in a hash table

// Equal numbers get equal bits: 1.0 is 1, and there is one zero.
StoredNumber stored(const FilterNumber& number) {
  if (!number.is_real) return {1, std::bit_cast<std::uint64_t>(number.integer)};
  const bool whole = number.real >= -0x1p63 && number.real < 0x1p63 && std::trunc(number.real) == number.real;
  if (whole) return {1, std::bit_cast<std::uint64_t>(static_cast<std::int64_t>(number.real))};
  return {2, std::bit_cast<std::uint64_t>(number.real)};
}

FilterNumber number_of(const StoredNumber& number) {
  if (number.kind == 1) return {false, std::bit_cast<std::int64_t>(number.bits), 0.0};
  return {true, 0, std::bit_cast<double>(number.bits)};
}

}  // namespace

void ColumnMaker::add_number(std::uint32_t position, const FilterNumber& number) {
  const auto known = numbers_.emplace(stored(number), next_);
  add_value(position, known.first->second, known.second, 0);
}

void ColumnMaker::add_text(std::uint32_t position, std::string_view text) {
  if (dropped_) return;
  if (text.size() > limits::kColumnTextBytesMax) return drop();
  const auto known = texts_.emplace(std::string(text), next_);
  add_value(position, known.first->second, known.second, text.size());
}

void ColumnMaker::drop() {
  dropped_ = true;
  cost_ = 0;
  entries_ = {};
  numbers_ = {};
  texts_ = {};
}

void ColumnMaker::add(std::uint32_t position, ColumnCode code) {
  if (dropped_) return;
  entries_.emplace_back(position, code);
  cost_ += kEntryCost;
}

void ColumnMaker::add_value(std::uint32_t position, ColumnCode code, bool is_new, std::size_t bytes) {
  if (is_new) {
    ++next_;
    cost_ += kValueCost + bytes;
    if (next_ - kCodesFixed > values_max_) return drop();
  }
  add(position, code);
}

// Writes numbers, times and ends of texts, and which code each value has from now on.
void ColumnMaker::number_in_order(std::vector<ColumnCode>& codes, ColumnsEntry& entry, ByteWriter& out) const {
  std::vector<std::pair<StoredNumber, ColumnCode>> numbers(numbers_.begin(), numbers_.end());
  std::sort(numbers.begin(), numbers.end(),
            [](const auto& a, const auto& b) { return compare(number_of(a.first), number_of(b.first)) < 0; });
  std::vector<std::pair<std::string_view, ColumnCode>> texts(texts_.begin(), texts_.end());
  std::sort(texts.begin(), texts.end());
  ColumnCode code = kCodesFixed;
  for (const auto& [number, old] : numbers) {
    out.put(number.kind);
    out.put(number.bits);
    codes[old] = code++;
  }
  std::vector<std::int64_t> times;
  times.reserve(texts.size());
  for (const auto& text : texts) times.push_back(iso_time_us(text.first).value_or(kNoTime));
  if (std::all_of(times.begin(), times.end(), [](auto time) { return time == kNoTime; })) times.clear();
  for (const auto time : times) out.put(time);
  for (const auto& [text, old] : texts) {
    entry.text_bytes += static_cast<std::uint32_t>(text.size());
    out.put(entry.text_bytes);
    codes[old] = code++;
  }
  entry.numbers = static_cast<std::uint32_t>(numbers.size());
  entry.times = static_cast<std::uint32_t>(times.size());
  entry.texts = static_cast<std::uint32_t>(texts.size());
}

ColumnEncoding ColumnMaker::encoding_for(std::size_t rows, std::size_t code_count) const {
  if (kind_ == ColumnKind::kElements) return ColumnEncoding::kLists;
  const auto dense = code_count <= 0x100     ? ColumnEncoding::kDense8
                     : code_count <= 0x10000 ? ColumnEncoding::kDense16
                                             : ColumnEncoding::kDense32;
  const std::size_t lists = (entries_.size() + code_count) * sizeof(std::uint32_t);
  return lists < rows * code_bytes(dense) ? ColumnEncoding::kLists : dense;
}

template <typename Code>
void ColumnMaker::put_dense(std::size_t rows, const std::vector<ColumnCode>& codes, ByteWriter& out) const {
  std::vector<Code> dense(rows, Code{kCodeAbsent});
  for (const auto& [position, code] : entries_) dense[position] = static_cast<Code>(codes[code]);
  out.put(std::as_bytes(std::span(dense)));
}

// A value that an array has twice is listed once.
void ColumnMaker::put_lists(const std::vector<ColumnCode>& codes, ByteWriter& out) {
  for (auto& [position, code] : entries_) code = codes[code];
  std::sort(entries_.begin(), entries_.end(), [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second < b.second : a.first < b.first;
  });
  entries_.erase(std::unique(entries_.begin(), entries_.end()), entries_.end());
  std::size_t end = 0;
  for (ColumnCode code = 0; code < next_; ++code) {
    while (end < entries_.size() && entries_[end].second == code) ++end;
    out.put(static_cast<std::uint32_t>(end));
  }
  for (const auto& entry : entries_) out.put(entry.first);
}

ColumnsEntry ColumnMaker::finish(std::size_t rows, ByteWriter& out) {
  ColumnsEntry entry;
  entry.kind = static_cast<std::uint32_t>(kind_);
  entry.path_bytes = static_cast<std::uint32_t>(path_.size());
  if (dropped_) return entry;
  std::vector<ColumnCode> codes(next_);
  for (ColumnCode code = 0; code < kCodesFixed; ++code) codes[code] = code;
  number_in_order(codes, entry, out);
  const auto encoding = encoding_for(rows, next_);
  entry.encoding = static_cast<std::uint32_t>(encoding);
  switch (encoding) {
    case ColumnEncoding::kDense8: put_dense<std::uint8_t>(rows, codes, out); break;
    case ColumnEncoding::kDense16: put_dense<std::uint16_t>(rows, codes, out); break;
    case ColumnEncoding::kDense32: put_dense<std::uint32_t>(rows, codes, out); break;
    default: put_lists(codes, out); break;
  }
  entry.count = static_cast<std::uint32_t>(encoding == ColumnEncoding::kLists ? entries_.size() : rows);
  std::vector<std::string_view> texts;
  for (const auto& text : texts_) texts.push_back(text.first);
  std::sort(texts.begin(), texts.end());
  for (const auto text : texts) out.put(as_bytes(text));
  return entry;
}

}  // namespace pictor
