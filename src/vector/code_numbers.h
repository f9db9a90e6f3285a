// The numbers that codes stand for: scaled, less the centre; and codes of plain numbers. Inside vector/ only.
#pragma once

#include <vector>

#include "vector/codes.h"

namespace pictor::detail {

// Of a query; what it was multiplied by, or 0 when it cannot be coded.
double code_numbers_of_query(const CodeSpace& space, const float* vector, float inverse_norm,
                             std::vector<float>& numbers);

// Bytes -127 to 127 of numbers, and their scale: the largest magnitude / 127. 0 where there is none.
float encode_numbers(std::span<const float> numbers, std::int8_t* out);
// The same with 128 added, and 128 in what is left of `out`.
float encode_numbers_from_128(std::span<const float> numbers, std::span<std::uint8_t> out);
// What codes from 128 add to a sum with these.
std::int32_t offset_of(std::span<const std::int8_t> codes);

}  // namespace pictor::detail
