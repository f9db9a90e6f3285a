#include "serve/picture_in.h"

namespace pictor {

Bytes bytes_of(std::string_view raw) {
  const ByteView view = as_bytes(raw);
  return {view.begin(), view.end()};
}

Result<GivenPicture> picture_of_text(std::string_view text, std::uint64_t bytes_max) {
  if (text.starts_with("http://") || text.starts_with("https://")) return GivenPicture{{}, std::string(text)};
  if (text.substr(0, 5) == "data:") {
    const std::size_t comma = text.find(',');
    if (comma == std::string_view::npos || text.substr(0, comma).find(";base64") == std::string_view::npos) {
      return Status(Code::kInvalid, "a data URL of an image looks like data:image/jpeg;base64,...");
    }
    text.remove_prefix(comma + 1);
  }
  if (text.size() / 4 * 3 > bytes_max + 2) {
    return Status(Code::kLimit, "an image has " + std::to_string(text.size() / 4 * 3) + " bytes, wanted at most " +
                                    std::to_string(bytes_max));
  }
  PICTOR_ASSIGN(auto bytes, bytes_of_base64(text));
  if (bytes.empty()) return Status(Code::kInvalid, "an image has no bytes");
  return GivenPicture{std::move(bytes), {}};
}

}  // namespace pictor
