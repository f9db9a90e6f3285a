// The header of a .npy file (NumPy's format 1.0 to 3.0).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "exchange/cursor.h"

namespace pictor {

struct NpyHeader {
  char kind = 'f';          // 'f' floats, 'i' and 'u' integers
  std::uint32_t bytes = 4;  // of one number
  std::vector<std::uint64_t> shape;
};

// The cursor then stands at the first number. kUnsupported names what is not read: another byte order, Fortran order,
// other kinds of numbers.
Result<NpyHeader> read_npy_header(Cursor& cursor);

}  // namespace pictor
