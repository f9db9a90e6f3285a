// Bodies of several parts: multipart/form-data (RFC 7578). Inside serve/ only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
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

// The parts of a form one after the other, while it comes. Not for use from several threads at once.
class FormReader {
 public:
  enum class Found : std::uint8_t { kPart, kMore, kEnd };

  static Result<FormReader> of(std::string_view content_type);  // kInvalid: no boundary

  // `text`: the form from where forget() was called last (at first from its begin), and at least as much as the call
  // before had. kPart: the next one, within it. kMore: none is whole there. kInvalid: a part without a name.
  Result<Found> next(std::string_view text, FormPart& part);
  // Passes the part over that is there in part; gives what there is of it. REQUIRES: next said kMore.
  FormPart pass_over(std::string_view text);
  // How much of the text's begin is needed no more: the caller drops it.
  std::size_t forget();
  bool begun() const { return begun_; }  // its first boundary was seen
  Status cut_short() const;              // kInvalid: what is wrong with a form that ends where it is

 private:
  explicit FormReader(std::string between) : between_(std::move(between)) {}
  bool find_first(std::string_view text);
  std::size_t find_boundary(std::string_view text, std::size_t begin);

  std::string between_;  // two parts
  bool begun_ = false;
  bool passes_over_ = false;  // to the next boundary
  std::size_t at_ = 0;        // behind the last boundary
  std::size_t scanned_ = 0;   // there is no boundary behind `at_` and before this
};

// All of them. kInvalid: no boundary, a part without a name, or an end that is missing; kLimit: more than
// limits::kServerPartsMax.
Result<std::vector<FormPart>> parse_form(std::string_view content_type, std::string_view body);
// The value of a parameter, its name in lower case: of "form-data; name=\"a\"", or of a media type.
std::optional<std::string> parameter_of(std::string_view value, std::string_view name);
// "image/jpeg" of "Image/JPEG; q=1".
std::string media_type(std::string_view content_type);

}  // namespace pictor
