#include "infer/protobuf.h"

#include <algorithm>

namespace pictor {
namespace {

constexpr std::size_t kVarintBytesMax = 10;
constexpr std::uint32_t kFieldNumberMax = (1U << 29) - 1;

}  // namespace

bool take_packed_varint(ByteView& bytes, std::uint64_t& value) {
  value = 0;
  const std::size_t size = std::min(bytes.size(), kVarintBytesMax);
  for (std::size_t i = 0; i < size; ++i) {
    const auto byte = std::to_integer<std::uint64_t>(bytes[i]);
    value |= (byte & 0x7F) << (7 * i);
    if (byte < 0x80) {
      bytes = bytes.subspan(i + 1);
      return true;
    }
  }
  return false;
}

bool WireReader::get_varint(std::uint64_t& value) {
  ByteView rest = bytes_.subspan(position_);
  if (!take_packed_varint(rest, value)) return false;
  position_ = bytes_.size() - rest.size();
  return true;
}

bool WireReader::fail(const std::string& cause) {
  fault_ = "at byte " + std::to_string(position_) + " " + cause;
  position_ = bytes_.size();
  return false;
}

bool WireReader::next(WireField& field) {
  if (position_ == bytes_.size()) return false;
  const std::size_t begin = position_;
  std::uint64_t tag = 0;
  if (!get_varint(tag)) return fail("a number is cut off");
  if (tag >> 3 == 0 || tag >> 3 > kFieldNumberMax) return fail("is no field");
  field.number = static_cast<std::uint32_t>(tag >> 3);
  field.type = static_cast<WireField::Type>(tag & 7);
  field.value = 0;
  std::uint64_t size = 0;
  switch (field.type) {
    case WireField::kVarint:
      if (!get_varint(field.value)) return fail("a number is cut off");
      break;
    case WireField::kFixed64: size = sizeof(std::uint64_t); break;
    case WireField::kFixed32: size = sizeof(std::uint32_t); break;
    case WireField::kBytes:
      if (!get_varint(size)) return fail("a number is cut off");
      break;
    default: return fail("is no field");
  }
  if (size > bytes_.size() - position_) {
    return fail("a field claims " + std::to_string(size) + " bytes, " + std::to_string(bytes_.size() - position_) +
                " are left");
  }
  field.bytes = bytes_.subspan(position_, size);
  position_ += size;
  if (field.type == WireField::kFixed64 || field.type == WireField::kFixed32) {
    std::memcpy(&field.value, field.bytes.data(), size);
  }
  field.whole = bytes_.subspan(begin, position_ - begin);
  return true;
}

std::size_t count_packed_varints(ByteView bytes) {
  return static_cast<std::size_t>(
      std::ranges::count_if(bytes, [](std::byte byte) { return std::to_integer<unsigned>(byte) < 0x80; }));
}

void put_varint(ByteWriter& out, std::uint64_t value) {
  while (value >= 0x80) {
    out.put(static_cast<std::uint8_t>(value | 0x80));
    value >>= 7;
  }
  out.put(static_cast<std::uint8_t>(value));
}

void put_bytes_field(ByteWriter& out, std::uint32_t number, ByteView bytes) {
  put_varint(out, std::uint64_t{number} << 3 | WireField::kBytes);
  put_varint(out, bytes.size());
  out.put(bytes);
}

}  // namespace pictor
