// The items of a bulk upload, read while it comes: a line of JSON each, or a part of a form each. Inside serve/ only;
// in .cpp files alone. Not for use from several threads at once.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "serve/put_lanes.h"

namespace pictor {

// One line of a bulk upload: what came, or why it cannot be used.
struct BulkLine {
  PutItem put;
  Status problem;
};

class BulkLines {
 public:
  using Sink = std::function<void(BulkLine)>;

  // kInvalid: a form without a boundary. A picture has at most `picture_bytes_max` bytes. It holds an item at a time:
  // at most line_bytes_max of them.
  static Result<std::unique_ptr<BulkLines>> of(std::string_view content_type, std::uint64_t picture_bytes_max,
                                               Sink sink);
  static std::uint64_t line_bytes_max(std::uint64_t picture_bytes_max);
  virtual ~BulkLines() = default;

  virtual Status take(std::string_view text) = 0;  // kInvalid: this is no form
  virtual Status end() = 0;                        // nothing more comes. kInvalid: it is not whole
};

}  // namespace pictor
