// How many refused requests are written down: whoever has no key must not fill the disk. Inside serve/ only.
#pragma once

#include <cstdint>
#include <optional>

namespace pictor {

// Thread safety: one thread.
class RefusalMeter {
 public:
  // How many before this one were only counted, if this one is written; none: it is only counted too. `now_us` is
  // monotonic.
  std::optional<std::uint64_t> take(std::int64_t now_us);

 private:
  struct Span {
    std::int64_t number = -1;
    std::uint32_t written = 0;
  };
  static bool has_room(Span& span, std::int64_t number, std::uint32_t most);

  Span second_, hour_;
  std::uint64_t left_out_ = 0;
};

}  // namespace pictor
