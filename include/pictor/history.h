// Reading a collection as it was: the moments of its history, and the versions of one item.
//
// Every commit is a moment with a sequence number. A version of an item is there from the commit that bore it until
// the one that replaced or deleted it. Thread safety: values and pure functions.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "pictor/status.h"
#include "pictor/types.h"

namespace pictor {

// Which moment a reading is of.
struct AsOf {
  enum class Kind : std::uint8_t { kNow, kSequence, kTime, kBatch } kind = Kind::kNow;
  Sequence sequence = 0;     // kSequence: as that commit left it
  std::int64_t time_us = 0;  // kTime: microseconds since 1970; as the last commit by then left it
  std::string batch;         // kBatch: as that batch left it

  bool is_now() const { return kind == Kind::kNow; }
};

// "123" is a sequence number, "2026-05-31T13:02:11Z" a time, anything else the id of a batch; "sequence:", "time:" and
// "batch:" before it say which. Empty: now. A time is ISO 8601 with its zone (Z, +02:00), read strictly; seconds and
// their fraction may be left out. kInvalid says what was expected.
Result<AsOf> parse_as_of(std::string_view text);
// "2026-05-31T13:02:11.000125Z": what parse_as_of reads back as the same microsecond.
std::string time_text(std::int64_t us);

// One version of an item, as a history lists it.
struct StoredVersion {
  std::string id;
  Sequence born = 0;
  std::optional<Sequence> died;  // none: it is alive
  // When those commits were; none where that is not known: commits of Pictor before 0.1.0 that only deleted.
  std::optional<std::int64_t> born_us, died_us;
  std::string batch;    // that bore it; empty: no longer remembered
  std::string content;  // SHA-256 of the picture file, 64 hexadecimal digits
  std::string source;
  std::map<std::string, SpaceId> spaces;  // by head, as its receipt says
};

}  // namespace pictor
