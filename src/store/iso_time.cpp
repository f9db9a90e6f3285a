#include "store/iso_time.h"

#include <array>

namespace pictor {
namespace {

constexpr std::int64_t kSecond = 1'000'000;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  bool number(std::size_t digits, std::int64_t& out) {
    if (text_.size() - at_ < digits) return false;
    out = 0;
    for (std::size_t i = 0; i < digits; ++i, ++at_) {
      if (!is_digit(text_[at_])) return false;
      out = out * 10 + (text_[at_] - '0');
    }
    return true;
  }
  bool sign(std::string_view any_of) {
    if (at_ == text_.size() || any_of.find(text_[at_]) == std::string_view::npos) return false;
    ++at_;
    return true;
  }
  bool at_digit() const { return at_ < text_.size() && is_digit(text_[at_]); }
  char last() const { return text_[at_ - 1]; }
  bool at_end() const { return at_ == text_.size(); }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
};

bool is_leap(std::int64_t year) { return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0; }

std::int64_t days_of_month(std::int64_t year, std::int64_t month) {
  constexpr std::array<std::int64_t, 12> kDays = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return kDays[static_cast<std::size_t>(month - 1)] + (month == 2 && is_leap(year) ? 1 : 0);
}

// Days since 1970 of a day of the Gregorian calendar; years begin in March, so that the leap day is the last.
std::int64_t days_since_1970(std::int64_t year, std::int64_t month, std::int64_t day) {
  const std::int64_t y = month <= 2 ? year - 1 : year;
  const std::int64_t era = (y >= 0 ? y : y - 399) / 400;
  const std::int64_t year_of_era = y - era * 400;
  const std::int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return era * 146'097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719'468;
}

bool read_date(Reader& reader, std::int64_t& us) {
  std::int64_t year = 0;
  std::int64_t month = 0;
  std::int64_t day = 0;
  const bool shaped = reader.number(4, year) && reader.sign("-") && reader.number(2, month) && reader.sign("-") &&
                      reader.number(2, day);
  if (!shaped || month < 1 || month > 12 || day < 1 || day > days_of_month(year, month)) return false;
  us = days_since_1970(year, month, day) * 86'400 * kSecond;
  return true;
}

bool read_fraction(Reader& reader, std::int64_t& us) {
  if (!reader.at_digit()) return false;
  std::int64_t digit = 0;
  for (std::int64_t unit = kSecond / 10; reader.at_digit(); unit /= 10) {
    if (!reader.number(1, digit)) return false;
    us += digit * unit;
  }
  return true;
}

bool read_clock(Reader& reader, std::int64_t& us) {
  std::int64_t hour = 0;
  std::int64_t minute = 0;
  std::int64_t second = 0;
  if (!reader.number(2, hour) || !reader.sign(":") || !reader.number(2, minute)) return false;
  const bool has_seconds = reader.sign(":");
  if (has_seconds && !reader.number(2, second)) return false;
  if (hour > 23 || minute > 59 || second > 59) return false;
  us += (hour * 3600 + minute * 60 + second) * kSecond;
  return !has_seconds || !reader.sign(".,") || read_fraction(reader, us);
}

bool read_offset(Reader& reader, std::int64_t& us) {
  if (reader.at_end() || reader.sign("Zz")) return true;
  if (!reader.sign("+-")) return false;
  const std::int64_t sign = reader.last() == '-' ? -1 : 1;
  std::int64_t hour = 0;
  std::int64_t minute = 0;
  if (!reader.number(2, hour)) return false;
  if (reader.sign(":") || reader.at_digit()) {
    if (!reader.number(2, minute)) return false;
  }
  if (hour > 23 || minute > 59) return false;
  us -= sign * (hour * 3600 + minute * 60) * kSecond;
  return true;
}

}  // namespace

std::optional<std::int64_t> iso_time_us(std::string_view text) {
  Reader reader(text);
  std::int64_t us = 0;
  if (!read_date(reader, us)) return std::nullopt;
  if (reader.at_end()) return us;
  if (!reader.sign("Tt ") || !read_clock(reader, us) || !read_offset(reader, us) || !reader.at_end()) {
    return std::nullopt;
  }
  return us;
}

}  // namespace pictor
