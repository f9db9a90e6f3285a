// The settings of `pictor serve` as one table: its flags, its environment variables, what stands under [serve] of the
// configuration file, the sample of that file, its check and docs/reference/config.md all come from it. Defaults are
// those of ServerOptions.
//
// Thread safety: free functions.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "pictor/server.h"

namespace pictor {

struct ServeValues : ServerOptions {
  std::int64_t drain_s = 30;   // how long requests under way may take when it is stopped
  bool lazy_encoders = false;  // encoders are loaded when first needed, not at the start
};

struct ServeSetting {
  enum class Kind : std::uint8_t { kListen, kCount, kBytes, kFlag, kText, kShare, kHosts };
  using Place = std::variant<std::monostate, std::uint64_t ServeValues::*, std::int64_t ServeValues::*,
                             std::string ServeValues::*, bool ServeValues::*, double ServeValues::*,
                             std::vector<std::string> ServeValues::*>;

  std::string_view name;  // "body-max": --body-max, PICTOR_BODY_MAX, and body-max under [serve]
  std::string_view type;  // as the help shows it; empty: a flag
  std::string_view description;
  Kind kind = Kind::kText;
  bool live = false;  // can change while the server runs
  Place place{};
  std::uint64_t least = 0, most = 0;

  std::string flag() const;
  std::string environment() const;
  std::string wanted() const;  // "a whole number from 1 to 100,000"
  // False: the text is not what is wanted.
  bool take(const std::string& text, ServeValues& out) const;
  std::string text_of(const ServeValues& values) const;
};

std::span<const ServeSetting> serve_settings();
const ServeSetting* find_serve_setting(std::string_view name);  // null: there is none

}  // namespace pictor
