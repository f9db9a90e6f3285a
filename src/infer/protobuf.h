// Reads the wire format of protocol buffers, field by field, without copying: what infer needs of it to look into an
// ONNX file before a run time does.
//
// Thread safety: values. A field's bytes are a part of those that were given. Cost: one field a call, in constant
// memory; a length that goes past the end is refused, never followed.
#pragma once

#include <cstdint>

#include "base/base.h"

namespace pictor {

struct WireField {
  enum Type : std::uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

  std::uint32_t number = 0;
  Type type = kVarint;
  std::uint64_t value = 0;  // of a varint or a fixed number
  ByteView bytes;           // of kBytes, kFixed64 and kFixed32
  ByteView whole;           // with its tag, to be copied as it is
};

class WireReader {
 public:
  explicit WireReader(ByteView bytes) : bytes_(bytes) {}

  // False at the end and at the first field that is none; fault() tells which.
  [[nodiscard]] bool next(WireField& field);
  // Empty when all was well so far; otherwise what is wrong, and at which byte.
  const std::string& fault() const { return fault_; }

 private:
  bool get_varint(std::uint64_t& value);
  bool fail(const std::string& cause);

  ByteView bytes_;
  std::size_t position_ = 0;
  std::string fault_;
};

// How many varints lie packed in `bytes`.
std::size_t count_packed_varints(ByteView bytes);
// The next varint of a packed run, which is cut off the front; false at the end or when it is none.
bool take_packed_varint(ByteView& bytes, std::uint64_t& value);

void put_varint(ByteWriter& out, std::uint64_t value);
void put_bytes_field(ByteWriter& out, std::uint32_t number, ByteView bytes);

}  // namespace pictor
