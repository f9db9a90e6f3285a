// Moments as people write them: ISO 8601 with a zone, read strictly; sequence numbers; ids of batches.
#include <charconv>
#include <chrono>

#include "base/base.h"
#include "pictor/history.h"

namespace pictor {
namespace {

constexpr std::int64_t kSecondUs = 1'000'000;
constexpr const char* kWanted = "wanted is a time with its zone, as 2026-05-31T13:02:11Z or 2026-05-31T15:02+02:00";

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool all_digits(std::string_view text) {
  for (const char c : text) {
    if (!is_digit(c)) return false;
  }
  return !text.empty();
}

// Takes pieces from the front of a text; `good` turns false at the first that is not there.
class Taker {
 public:
  explicit Taker(std::string_view text) : rest_(text) {}

  int number(std::size_t digits) {
    int value = 0;
    if (rest_.size() < digits || !all_digits(rest_.substr(0, digits))) {
      good_ = false;
      return 0;
    }
    std::from_chars(rest_.data(), rest_.data() + digits, value);
    rest_.remove_prefix(digits);
    return value;
  }
  void sign(char wanted) { good_ = take(wanted) && good_; }
  bool take(char wanted) {
    if (rest_.empty() || rest_.front() != wanted) return false;
    rest_.remove_prefix(1);
    return true;
  }
  // Digits after a point, one to six of them, as microseconds.
  int fraction() {
    std::size_t digits = 0;
    while (digits < rest_.size() && is_digit(rest_[digits])) ++digits;
    if (digits == 0 || digits > 6) {
      good_ = false;
      return 0;
    }
    int value = number(digits);
    for (; digits < 6; ++digits) value *= 10;
    return value;
  }
  bool good() const { return good_; }
  bool at_end() const { return rest_.empty(); }

 private:
  std::string_view rest_;
  bool good_ = true;
};

// Minutes east of Greenwich.
int take_zone(Taker& taker, bool& good) {
  if (taker.take('Z')) return 0;
  const bool east = taker.take('+');
  if (!east && !taker.take('-')) {
    good = false;
    return 0;
  }
  const int hours = taker.number(2);
  taker.sign(':');
  const int minutes = taker.number(2);
  good = hours <= 23 && minutes <= 59;
  return (east ? 1 : -1) * (hours * 60 + minutes);
}

Status not_a_time(std::string_view text) {
  return {Code::kInvalid, "'" + std::string(text.substr(0, 100)) + "' is no time: " + kWanted};
}

Result<std::int64_t> parse_time(std::string_view text) {
  Taker taker(text);
  const int year = taker.number(4);
  taker.sign('-');
  const int month = taker.number(2);
  taker.sign('-');
  const int day = taker.number(2);
  taker.sign('T');
  const int hour = taker.number(2);
  taker.sign(':');
  const int minute = taker.number(2);
  const int second = taker.good() && taker.take(':') ? taker.number(2) : 0;
  const int micros = taker.good() && taker.take('.') ? taker.fraction() : 0;
  bool zone_good = true;
  const int zone = take_zone(taker, zone_good);
  const std::chrono::year_month_day date(std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day)));
  if (!taker.good() || !zone_good || !taker.at_end() || !date.ok() || hour > 23 || minute > 59 || second > 59) {
    return not_a_time(text);
  }
  const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  const std::int64_t seconds = ((days * 24 + hour) * 60 + minute - zone) * 60 + second;
  return seconds * kSecondUs + micros;
}

Result<AsOf> of_sequence(std::string_view text) {
  AsOf at;
  at.kind = AsOf::Kind::kSequence;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), at.sequence);
  if (all_digits(text) && read.ec == std::errc() && at.sequence <= INT64_MAX) return at;
  return Status(Code::kInvalid, "'" + std::string(text.substr(0, 100)) + "' is no sequence number: wanted are digits");
}

Result<AsOf> of_time(std::string_view text) {
  AsOf at;
  at.kind = AsOf::Kind::kTime;
  PICTOR_ASSIGN(at.time_us, parse_time(text));
  return at;
}

Result<AsOf> of_batch(std::string_view text) {
  if (text.empty() || text.size() > limits::kShortTextBytesMax) {
    return Status(Code::kInvalid, "the id of a batch has 1 to " + std::to_string(limits::kShortTextBytesMax) +
                                      " bytes, this one has " + std::to_string(text.size()));
  }
  AsOf at;
  at.kind = AsOf::Kind::kBatch;
  at.batch = text;
  return at;
}

// As a date begins: ids of batches do not.
bool looks_like_time(std::string_view text) {
  return text.size() > 4 && all_digits(text.substr(0, 4)) && text[4] == '-' && text.size() > 5 && is_digit(text[5]);
}

constexpr std::size_t kSequenceDigitsMax = 19;  // more are the id of a batch: those are of 32 digits, hexadecimal

std::string padded(std::int64_t number, std::size_t digits) {
  std::string text = std::to_string(number);
  return text.size() < digits ? std::string(digits - text.size(), '0') + text : text;
}

}  // namespace

Result<AsOf> parse_as_of(std::string_view text) {
  if (text.empty()) return AsOf{};
  const auto after = [&](std::string_view word) { return text.substr(word.size()); };
  if (text.starts_with("sequence:")) return of_sequence(after("sequence:"));
  if (text.starts_with("time:")) return of_time(after("time:"));
  if (text.starts_with("batch:")) return of_batch(after("batch:"));
  if (all_digits(text) && text.size() <= kSequenceDigitsMax) return of_sequence(text);
  return looks_like_time(text) ? of_time(text) : of_batch(text);
}

std::string time_text(std::int64_t us) {
  const std::chrono::sys_time<std::chrono::microseconds> time{std::chrono::microseconds(us)};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::int64_t left = (time - day).count();
  const std::int64_t seconds = left / kSecondUs;
  std::string text = padded(static_cast<int>(date.year()), 4) + "-" + padded(static_cast<unsigned>(date.month()), 2) +
                     "-" + padded(static_cast<unsigned>(date.day()), 2) + "T" + padded(seconds / 3600, 2) + ":" +
                     padded(seconds / 60 % 60, 2) + ":" + padded(seconds % 60, 2);
  if (left % kSecondUs != 0) text += "." + padded(left % kSecondUs, 6);
  return text + "Z";
}

}  // namespace pictor
