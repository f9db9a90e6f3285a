// Bodies of several parts: multipart/form-data (RFC 7578). Inside serve/ only.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/base.h"

namespace pictor {

struct FormPart {
  std::string name;
  std::string file_name;   // empty: a plain field
  std::string type;        // in lower case, without parameters; empty: not said
  std::string_view bytes;  // within the body
};

bool is_form(std::string_view content_type);
// kInvalid: no boundary, a part without a name, or an end that is missing; kLimit: more than limits::kServerPartsMax.
Result<std::vector<FormPart>> parse_form(std::string_view content_type, std::string_view body);
// The value of a parameter, its name in lower case: of "form-data; name=\"a\"", or of a media type.
std::optional<std::string> parameter_of(std::string_view value, std::string_view name);
// "image/jpeg" of "Image/JPEG; q=1".
std::string media_type(std::string_view content_type);

}  // namespace pictor
