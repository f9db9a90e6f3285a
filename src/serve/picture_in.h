// Pictures within requests. Inside serve/ only; in .cpp files alone.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "base/base.h"

namespace pictor {

// A picture as text: base64, also as a data URL ("data:image/png;base64,..."). Addresses of pictures are refused: this
// server fetches nothing. kLimit: more than `bytes_max`.
Result<Bytes> picture_of_text(std::string_view text, std::uint64_t bytes_max);
Bytes bytes_of(std::string_view raw);

}  // namespace pictor
