// Base64 (RFC 4648, section 4).
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"
#include "pictor/status.h"

namespace pictor {

std::string base64_of(ByteView bytes);
// kInvalid: a character that is none of the alphabet, its place, or a length that cannot be. Padding may be left out;
// white space may not stand anywhere.
Result<Bytes> bytes_of_base64(std::string_view text);

}  // namespace pictor
