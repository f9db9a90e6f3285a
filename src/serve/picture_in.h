// Pictures within requests. Inside serve/ only; in .cpp files alone.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "base/base.h"

namespace pictor {

struct GivenPicture {
  Bytes bytes;
  std::string address;  // where it is to be fetched (PictureFetcher); empty: the bytes are there
};

// A picture as text: base64, also as a data URL ("data:image/png;base64,..."), or an address ("https://..."), which is
// not looked at here. kLimit: more than `bytes_max`.
Result<GivenPicture> picture_of_text(std::string_view text, std::uint64_t bytes_max);
Bytes bytes_of(std::string_view raw);

}  // namespace pictor
