// Sources: ITU-T T.81 annex F.2.2 (decoding of DC and AC coefficients), annex C (canonical codes) and B.1.1.2
// (markers).
#include "image/jpeg_thin.h"

#include <cstdio>  // jpeglib.h needs FILE
#include <cstring>

#include <jpeglib.h>

#include <algorithm>
#include <array>
#include <memory>
#include <tuple>
#include <utility>

#include "base/base.h"

namespace pictor {
namespace {

constexpr unsigned kPeekBits = 13;    // looked up at once: a table of 2^13 entries stays in the nearest caches
constexpr unsigned kWindowBits = 57;  // valid in a window, wherever it begins
constexpr unsigned kLast = 63;        // the last coefficient of a block
constexpr unsigned kEnd = 128;        // added to `advance` by an end of block
constexpr unsigned kEscape = 64;      // `advance` of a look-up that holds no whole symbol

struct Symbol {
  unsigned length = 0;  // of its code, in bits; 0: there is no such code
  unsigned value = 0;   // zeros before the coefficient in the upper four bits, bits of the coefficient in the lower
};

// What the next kPeekBits hold: the whole symbols with their coefficient's bits.
struct Entry {
  std::uint8_t bits = 0;
  std::uint8_t advance = kEscape;  // coefficients gone by
};

// One Huffman table of the file.
class Codes {
 public:
  bool set(const JHUFF_TBL& table);
  void fill_peeks(bool dc);

  // The symbol that the 16 bits begin with.
  Symbol symbol(unsigned next16) const {
    for (unsigned length = 1; length <= 16; ++length) {
      if (next16 < ends_[length]) {
        const unsigned at = offsets_[length] + (next16 >> (16 - length)) - (firsts_[length] >> (16 - length));
        return {length, values_[at]};
      }
    }
    return {};
  }
  const Entry& peek(std::uint64_t window) const { return peeks_[window >> (64 - kPeekBits)]; }
  // The code of a value, as libjpeg would write it; length 0 when the table lacks it.
  std::pair<unsigned, unsigned> code_of(unsigned value) const;

 private:
  Entry peek_dc(unsigned next16) const;
  Entry peek_ac(unsigned next) const;

  // Of each length: the first code and the end of the codes, both moved to the upper end of 16 bits.
  std::array<std::uint32_t, 17> firsts_ = {}, ends_ = {}, offsets_ = {};
  std::array<std::uint8_t, 256> values_ = {};
  std::size_t count_ = 0;
  std::vector<Entry> peeks_;
};

bool Codes::set(const JHUFF_TBL& table) {
  std::uint32_t code = 0;
  for (unsigned length = 1; length <= 16; ++length) {
    const std::uint32_t codes = table.bits[length];
    offsets_[length] = static_cast<std::uint32_t>(count_);
    firsts_[length] = code << (16 - length);
    code += codes;
    count_ += codes;
    if (code > (1U << length) || count_ > values_.size()) return false;
    ends_[length] = code << (16 - length);
    code <<= 1;
  }
  std::copy_n(table.huffval, count_, values_.begin());
  return true;
}

std::pair<unsigned, unsigned> Codes::code_of(unsigned value) const {
  for (unsigned length = 1; length <= 16; ++length) {
    const std::uint32_t first = firsts_[length] >> (16 - length);
    for (std::uint32_t code = first; code << (16 - length) < ends_[length]; ++code) {
      if (values_[offsets_[length] + code - first] == value) return {code, length};
    }
  }
  return {0, 0};
}

Entry Codes::peek_dc(unsigned next16) const {
  const Symbol found = symbol(next16);
  const unsigned bits = found.length + found.value;
  if (found.length == 0 || bits > kPeekBits) return {};
  return {static_cast<std::uint8_t>(bits), 0};
}

Entry Codes::peek_ac(unsigned next) const {
  unsigned used = 0;
  unsigned advance = 0;
  while (used < kPeekBits) {
    const Symbol found = symbol((next << used << (16 - kPeekBits)) & 0xFFFF);
    const unsigned size = found.value & 15;
    const unsigned run = found.value >> 4;
    if (found.length == 0 || used + found.length + size > kPeekBits) break;
    if (size == 0 && run != 15) {  // the end of the block
      used += found.length;
      advance += kEnd;
      break;
    }
    if (advance + run + 1 > kLast) break;
    used += found.length + size;
    advance += run + 1;
  }
  if (used == 0) return {};
  return {static_cast<std::uint8_t>(used), static_cast<std::uint8_t>(advance)};
}

void Codes::fill_peeks(bool dc) {
  peeks_.resize(std::size_t{1} << kPeekBits);
  for (unsigned next = 0; next < peeks_.size(); ++next) {
    peeks_[next] = dc ? peek_dc(next << (16 - kPeekBits)) : peek_ac(next);
  }
}

// The bits of the scan without the zero that follows each 0xFF, a stretch between two markers at a time.
class Reader {
 public:
  explicit Reader(std::span<const std::uint8_t> coded) : coded_(coded), bytes_(kHeldBytes + sizeof(std::uint64_t)) {}

  // Begins the next stretch. REQUIRES: marker() of the former one was there, and at_end().
  void next() {
    marker_ = kNotReached;
    position_ = bits_ = 0;
  }
  // Makes a whole block readable, as far as the stretch has one.
  void hold_block() {
    if (bits_ - position_ < kBlockBitsMax && marker_ == kNotReached) hold_more();
  }
  // The bits at a position, the first of them uppermost; kWindowBits of them count. REQUIRES: position within the bits.
  std::uint64_t window(std::size_t position) const {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes_.data() + position / 8, sizeof(word));
    return __builtin_bswap64(word) << (position % 8);
  }
  std::size_t position() const { return position_; }
  // False past the end: the data lacks bits.
  bool move_to(std::size_t position) {
    position_ = position;
    return position <= bits_;
  }
  // Less than a byte is left, as padding: nothing that libjpeg would warn of.
  bool at_end() {
    hold_block();
    return bits_ - position_ < 8;
  }
  // The marker that ends the stretch, once it is reached; kNoMarker where the data end without one.
  int marker() const { return marker_; }

 private:
  static constexpr int kNotReached = -1;
  static constexpr int kNoMarker = -2;
  static constexpr std::size_t kHeldBytes = std::size_t{32} * 1024;
  static constexpr std::size_t kBlockBitsMax = std::size_t{64} * 32;  // a code and its bits, for each coefficient

  void hold_more() {
    const std::size_t gone = position_ / 8;
    std::size_t held = bits_ / 8 - gone;
    std::memmove(bytes_.data(), bytes_.data() + gone, held);
    position_ %= 8;
    while (held < kHeldBytes && marker_ == kNotReached) {
      const std::size_t most = std::min(kHeldBytes - held, coded_.size());
      const void* found = most == 0 ? nullptr : std::memchr(coded_.data(), 0xFF, most);
      const std::size_t plain =
          found == nullptr ? most : static_cast<std::size_t>(static_cast<const std::uint8_t*>(found) - coded_.data());
      std::memcpy(bytes_.data() + held, coded_.data(), plain);
      held += plain;
      coded_ = coded_.subspan(plain);
      if (coded_.size() < 2) {
        marker_ = kNoMarker;
      } else if (found != nullptr) {
        if (coded_[1] == 0) bytes_[held++] = 0xFF;
        if (coded_[1] != 0) marker_ = coded_[1];
        coded_ = coded_.subspan(2);
      }
    }
    bits_ = held * 8;
  }

  std::span<const std::uint8_t> coded_;  // what was not read yet
  std::vector<std::uint8_t> bytes_;      // and eight more, so that a window may be read anywhere in the bits
  std::size_t bits_ = 0;
  std::size_t position_ = 0;
  int marker_ = kNotReached;
};

class Writer {
 public:
  explicit Writer(std::size_t expected) : bytes_(expected + kRoom) {}

  void put(std::uint32_t value, unsigned count) {  // REQUIRES: count <= 32, value < 2^count
    held_ = held_ << count | value;
    count_ += count;
    if (count_ < 32) return;
    count_ -= 32;
    write(static_cast<std::uint32_t>(held_ >> count_));
  }
  void copy(const Reader& reader, std::size_t begin, std::size_t end) {
    while (begin < end) {
      const auto count = static_cast<unsigned>(std::min<std::size_t>(32, end - begin));
      put(static_cast<std::uint32_t>(reader.window(begin) >> (64 - count)), count);
      begin += count;
    }
  }
  // Fills the last byte up with ones, as every encoder does.
  void marker(std::uint8_t code) {
    if (count_ % 8 != 0) put((1U << (8 - count_ % 8)) - 1, 8 - count_ % 8);
    for (; count_ > 0; count_ -= 8) byte(static_cast<std::uint8_t>(held_ >> (count_ - 8)));
    bytes_[size_++] = 0xFF;
    bytes_[size_++] = code;
    make_room();
  }
  std::vector<std::uint8_t> take() {
    bytes_.resize(size_);
    return std::move(bytes_);
  }

 private:
  static constexpr std::size_t kRoom = 16;  // free after every call: four bytes with their zeros, and a marker

  void write(std::uint32_t word) {
    if (((~word - 0x01010101U) & word & 0x80808080U) == 0) {  // no byte is 0xFF
      const std::uint32_t bytes = __builtin_bswap32(word);
      std::memcpy(bytes_.data() + size_, &bytes, sizeof(bytes));
      size_ += sizeof(bytes);
    } else {
      for (unsigned shift = 32; shift > 0; shift -= 8) byte(static_cast<std::uint8_t>(word >> (shift - 8)));
    }
    make_room();
  }
  void byte(std::uint8_t value) {
    bytes_[size_++] = value;
    if (value == 0xFF) bytes_[size_++] = 0;
  }
  void make_room() {
    if (bytes_.size() - size_ < kRoom) bytes_.resize(bytes_.size() * 2);
  }
  std::vector<std::uint8_t> bytes_;
  std::size_t size_ = 0;
  std::uint64_t held_ = 0;
  unsigned count_ = 0;  // of held_'s low bits that wait; below 32
};

struct Part {  // of a picture: a component of the scan
  const Codes* dc = nullptr;
  const Codes* ac = nullptr;
  bool thin = false;
  unsigned end_code = 0, end_length = 0;
  unsigned blocks = 1;  // in one unit of the scan (MCU)
};

// Goes by one symbol that a look-up could not take. `k`: the coefficients gone by, then kEnd after an end of block.
bool step_ac(const Codes& codes, Reader& reader, unsigned& k) {
  const Symbol found = codes.symbol(static_cast<unsigned>(reader.window(reader.position()) >> 48));
  if (found.length == 0) return false;
  const unsigned size = found.value & 15;
  const unsigned run = found.value >> 4;
  if (size == 0 && run != 15) {
    k = kEnd;
  } else {
    k += run + 1;
    if (k > kLast) return false;
  }
  return reader.move_to(reader.position() + found.length + size);
}

// Goes by the AC coefficients of a block.
bool skip_ac(const Codes& codes, Reader& reader) {
  unsigned k = 0;
  while (k < kLast) {
    std::uint64_t window = reader.window(reader.position());
    unsigned used = 0;
    unsigned next = 0;
    // Always as many look-ups as a window is sure to have bits for: a branch that is foreseen.
    for (unsigned i = 0; i < kWindowBits / kPeekBits; ++i) {
      const Entry entry = codes.peek(window);
      next = k + entry.advance;
      if (next >= kLast) break;
      k = next;
      used += entry.bits;
      window <<= entry.bits;
    }
    // A block that its last coefficient ends has no end of block: what follows belongs to the next one.
    if (next == kLast || (next >= kEnd && next < kEnd + kLast)) {
      return reader.move_to(reader.position() + used + codes.peek(window).bits);
    }
    if (!reader.move_to(reader.position() + used)) return false;
    if (next > kLast && !step_ac(codes, reader, k)) return false;
  }
  return true;
}

bool skip_dc(const Codes& codes, Reader& reader) {
  const std::uint64_t window = reader.window(reader.position());
  unsigned bits = codes.peek(window).bits;
  if (bits == 0) {
    const Symbol found = codes.symbol(static_cast<unsigned>(window >> 48));
    if (found.length == 0) return false;
    bits = found.length + found.value;
  }
  return reader.move_to(reader.position() + bits);
}

bool thin_block(const Part& part, Reader& reader, Writer& writer) {
  reader.hold_block();
  const std::size_t begin = reader.position();
  if (!skip_dc(*part.dc, reader)) return false;
  const std::size_t dc_end = reader.position();
  if (!skip_ac(*part.ac, reader)) return false;
  writer.copy(reader, begin, part.thin ? dc_end : reader.position());
  if (part.thin) writer.put(part.end_code, part.end_length);
  return true;
}

bool of_the_common_kind(const jpeg_decompress_struct& info) {
  return !info.progressive_mode && !info.arith_code && info.data_precision == 8 &&
         info.comps_in_scan == info.num_components && info.comps_in_scan <= MAX_COMPS_IN_SCAN;
}

// The Huffman tables of a file, each made ready once.
class Tables {
 public:
  explicit Tables(const jpeg_decompress_struct& info) : info_(info) {}

  // Null when there is none, or it makes no sense.
  const Codes* dc(int number) { return ready(info_.dc_huff_tbl_ptrs, dc_, number, true); }
  const Codes* ac(int number) { return ready(info_.ac_huff_tbl_ptrs, ac_, number, false); }

 private:
  using Ready = std::array<std::unique_ptr<Codes>, NUM_HUFF_TBLS>;

  static const Codes* ready(JHUFF_TBL* const* tables, Ready& made, int number, bool dc) {
    if (number < 0 || number >= NUM_HUFF_TBLS || tables[number] == nullptr) return nullptr;
    auto& codes = made[static_cast<std::size_t>(number)];
    if (codes == nullptr) {
      auto fresh = std::make_unique<Codes>();
      if (!fresh->set(*tables[number])) return nullptr;
      fresh->fill_peeks(dc);
      codes = std::move(fresh);
    }
    return codes.get();
  }

  const jpeg_decompress_struct& info_;
  Ready dc_, ac_;
};

// Empty when there is nothing to leave out, or a table is missing.
std::vector<Part> parts_of(const jpeg_decompress_struct& info, Tables& tables) {
  std::vector<Part> parts;
  bool gain = false;
  for (int i = 0; i < info.comps_in_scan; ++i) gain = gain || info.cur_comp_info[i]->DCT_scaled_size == 1;
  for (int i = 0; gain && i < info.comps_in_scan; ++i) {
    const jpeg_component_info& component = *info.cur_comp_info[i];
    Part part;
    part.dc = tables.dc(component.dc_tbl_no);
    part.ac = tables.ac(component.ac_tbl_no);
    if (part.dc == nullptr || part.ac == nullptr) return {};
    part.thin = component.DCT_scaled_size == 1;
    std::tie(part.end_code, part.end_length) = part.ac->code_of(0);
    if (part.end_length == 0) return {};
    if (info.comps_in_scan > 1) {
      part.blocks = static_cast<unsigned>(component.h_samp_factor) * static_cast<unsigned>(component.v_samp_factor);
    }
    parts.push_back(part);
  }
  return parts;
}

// Units (MCUs) in the scan: blocks, when it has one component.
std::uint64_t units_of(const jpeg_decompress_struct& info) {
  if (info.comps_in_scan == 1) {
    return std::uint64_t{info.cur_comp_info[0]->width_in_blocks} * info.cur_comp_info[0]->height_in_blocks;
  }
  const auto up = [](std::uint64_t size, int factor) {
    const auto unit = static_cast<std::uint64_t>(factor) * DCTSIZE;
    return (size + unit - 1) / unit;
  };
  return up(info.image_width, info.max_h_samp_factor) * up(info.image_height, info.max_v_samp_factor);
}

}  // namespace

std::optional<std::vector<std::uint8_t>> thin_jpeg_scan(const jpeg_decompress_struct& info,
                                                        std::span<const std::uint8_t> coded) {
  if (coded.size() > limits::kImageThinBytesMax || !of_the_common_kind(info)) return {};
  Tables tables(info);
  const std::vector<Part> parts = parts_of(info, tables);
  if (parts.empty()) return {};
  Reader reader(coded);
  Writer writer(coded.size() / 4);
  std::uint64_t left = units_of(info);
  const std::uint64_t stretch = info.restart_interval == 0 ? left : info.restart_interval;
  for (unsigned restart = 0; left > 0; ++restart) {
    const std::uint64_t units = std::min(left, stretch);
    for (std::uint64_t unit = 0; unit < units; ++unit) {
      for (const Part& part : parts) {
        for (unsigned block = 0; block < part.blocks; ++block) {
          if (!thin_block(part, reader, writer)) return {};
        }
      }
    }
    left -= units;
    const bool last = left == 0;
    const int wanted = last ? JPEG_EOI : JPEG_RST0 + static_cast<int>(restart % 8);
    if (!reader.at_end() || reader.marker() != wanted) return {};
    reader.next();
    writer.marker(static_cast<std::uint8_t>(wanted));
  }
  return writer.take();
}

}  // namespace pictor
