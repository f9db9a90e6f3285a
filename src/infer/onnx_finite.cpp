// Whether the weights of an ONNX file are numbers: one pass over them, in whatever way the file keeps them.
#include <algorithm>
#include <array>
#include <map>

#include "infer/infer.h"
#include "infer/onnx_file.h"
#include "infer/protobuf.h"

namespace pictor {
namespace {

// What the numbers of one tensor are, apart from finite and not zero.
struct Seen {
  bool nan = false;
  bool above = false;  // plus infinity
  bool below = false;  // minus infinity
  bool other = false;  // finite and not zero
};

// `Exponent` and `Sign` are masks of the format's bits. Without a branch, so that compilers use vectors.
template <typename Bits, Bits Exponent, Bits Sign>
void look_at(ByteView bytes, Seen& seen) {
  constexpr std::size_t kBlock = 4096;
  std::array<Bits, kBlock> block;
  while (bytes.size() >= sizeof(Bits)) {
    const std::size_t count = std::min(kBlock, bytes.size() / sizeof(Bits));
    std::memcpy(block.data(), bytes.data(), count * sizeof(Bits));
    bool odd = false;  // the exponent is all ones
    bool other = false;
    for (std::size_t i = 0; i < count; ++i) {
      const bool one = (block[i] & Exponent) == Exponent;
      odd |= one;
      other |= !one & ((block[i] & static_cast<Bits>(~Sign)) != 0);
    }
    seen.other |= other;
    for (std::size_t i = 0; odd && i < count; ++i) {
      if ((block[i] & Exponent) != Exponent) continue;
      const bool infinite = (block[i] & static_cast<Bits>(~(Exponent | Sign))) == 0;
      if (!infinite) seen.nan = true;
      if (infinite) ((block[i] & Sign) != 0 ? seen.below : seen.above) = true;
    }
    bytes = bytes.subspan(count * sizeof(Bits));
  }
}

void look_at_numbers(std::int32_t type, ByteView bytes, Seen& seen) {
  switch (type) {
    case onnx_type::kF32: return look_at<std::uint32_t, 0x7F800000, 0x80000000>(bytes, seen);
    case onnx_type::kF16: return look_at<std::uint16_t, 0x7C00, 0x8000>(bytes, seen);
    case onnx_type::kBf16: return look_at<std::uint16_t, 0x7F80, 0x8000>(bytes, seen);
    case onnx_type::kF64: return look_at<std::uint64_t, 0x7FF0000000000000, 0x8000000000000000>(bytes, seen);
    default: return;
  }
}

// Numbers in fields of their type: float_data (4), int32_data (5, where 16-bit floats lie as bits), double_data (10).
void look_at_fields(const OnnxTensor& tensor, Seen& seen) {
  WireReader reader(tensor.body);
  WireField field;
  while (reader.next(field)) {
    if (field.number == 4 && tensor.type == onnx_type::kF32) look_at_numbers(tensor.type, field.bytes, seen);
    if (field.number == 10 && tensor.type == onnx_type::kF64) look_at_numbers(tensor.type, field.bytes, seen);
    if (field.number != 5) continue;
    ByteView packed = field.bytes;
    std::uint64_t value = field.value;
    do {
      if (field.type == WireField::kBytes && !take_packed_varint(packed, value)) break;
      const auto bits = static_cast<std::uint16_t>(value);
      look_at_numbers(tensor.type, std::as_bytes(std::span(&bits, 1)), seen);
    } while (field.type == WireField::kBytes);
  }
}

bool is_float(std::int32_t type) {
  return type == onnx_type::kF32 || type == onnx_type::kF16 || type == onnx_type::kBf16 || type == onnx_type::kF64;
}

}  // namespace

Status check_tensors_finite(Env& env, const OnnxFile& file, const std::string& path) {
  std::map<std::string_view, std::unique_ptr<Mapping>> outer;
  for (const auto& tensor : file.network().tensors) {
    if (!is_float(tensor.type)) continue;
    Seen seen;
    if (tensor.external) {
      auto& mapping = outer[tensor.location];
      if (mapping == nullptr) {
        PICTOR_ASSIGN(const auto opened, env.open(join_path(parent_path(path), tensor.location), OpenMode::kRead));
        PICTOR_ASSIGN(mapping, opened->map());
      }
      const ByteView all = mapping->bytes();
      if (tensor.offset > all.size() || tensor.bytes > all.size() - tensor.offset) {
        return {Code::kUnreadable, "'" + path + "': the file of tensor '" + shown_name(tensor.name) + "' has shrunk"};
      }
      look_at_numbers(tensor.type, all.subspan(tensor.offset, tensor.bytes), seen);
    } else {
      look_at_numbers(tensor.type, tensor.raw, seen);
      look_at_fields(tensor, seen);
    }
    // Minus infinity beside nothing but zeros is how exporters write an attention mask.
    if (!seen.nan && !seen.above && (!seen.below || !seen.other)) continue;
    return {Code::kUnreadable, "'" + path + "': tensor '" + shown_name(tensor.name) + "' has numbers that are " +
                                   (seen.nan ? "not numbers (NaN)" : "infinite") +
                                   ": the file is damaged or was exported wrongly, every vector from it would be too"};
  }
  return Status::ok();
}

}  // namespace pictor
