#include "serve/picture_in.h"

#include "engine/engine.h"

namespace pictor {

Bytes bytes_of(std::string_view raw) {
  const ByteView view = as_bytes(raw);
  return {view.begin(), view.end()};
}

Result<GivenPicture> picture_of_text(std::string_view text, std::uint64_t bytes_max) {
  if (text.starts_with("http://") || text.starts_with("https://")) return GivenPicture{{}, std::string(text)};
  PICTOR_ASSIGN(auto bytes, picture_of_base64(text, bytes_max));
  return GivenPicture{std::move(bytes), {}};
}

}  // namespace pictor
