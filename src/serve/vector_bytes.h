// Vectors as plain bytes: application/octet-stream; dtype=f32, f16 or int8, little-endian, row after row. Inside serve/
// only. Thread safety: pure functions.
//
// An answer says what its bytes are: X-Pictor-Dtype, X-Pictor-Shape (rows,dim) and, of int8, X-Pictor-Scale: a number
// times the scale is what it stands for.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "serve/http.h"

namespace pictor {

enum class Dtype : std::uint8_t { kF32, kF16, kInt8 };

// Of "application/octet-stream; dtype=f16"; nothing: it is another type, or names none. kInvalid: a dtype that is none.
Result<std::optional<Dtype>> dtype_of(std::string_view media_type);
// Of a request's vector; int8 numbers are divided by 127. kInvalid: no whole number of them, or one that is not finite.
Result<std::vector<float>> vector_of_bytes(Dtype dtype, std::string_view bytes);
// REQUIRES: all rows are as long.
HttpReply vectors_reply(Dtype dtype, std::span<const std::vector<float>> rows);

}  // namespace pictor
