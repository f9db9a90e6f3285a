#include <array>
#include <charconv>
#include <cmath>

#include "observe/log.h"

namespace pictor {
namespace {

std::string_view level_name(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug: return "debug";
    case LogLevel::kInfo: return "info";
    case LogLevel::kWarning: return "warning";
    case LogLevel::kError: return "error";
    case LogLevel::kOff: return "off";
  }
  return "off";
}

// Length of the UTF-8 sequence at the front, 0 when it is none (overlong forms, surrogates and what is past U+10FFFF
// are none: RFC 3629).
std::size_t utf8_length(std::string_view text) {
  const auto at = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const auto follows = [&](std::size_t i) { return (at(i) & 0xC0U) == 0x80U; };
  const unsigned lead = at(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return follows(1) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    const bool bad = (lead == 0xE0 && at(1) < 0xA0) || (lead == 0xED && at(1) > 0x9F);
    return !bad && follows(1) && follows(2) ? 3 : 0;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    const bool bad = (lead == 0xF0 && at(1) < 0x90) || (lead == 0xF4 && at(1) > 0x8F);
    return !bad && follows(1) && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

void append_quoted(std::string& out, std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  const bool cut = text.size() > limits::kLogTextBytesMax;
  if (cut) text = text.substr(0, limits::kLogTextBytesMax);
  out += '"';
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    const auto byte = static_cast<unsigned char>(text[0]);
    if (length == 0) {
      out += "\xEF\xBF\xBD";
    } else if (byte == '"' || byte == '\\') {
      out += '\\';
      out += text[0];
    } else if (byte == '\n') {
      out += "\\n";
    } else if (byte < 0x20 || byte == 0x7F) {
      out += "\\u00";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  out += cut ? "...\"" : "\"";
}

template <typename T>
void append_number(std::string& out, T value) {
  std::array<char, 32> buffer;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
  out.append(buffer.data(), end);
}

void append_value(std::string& out, const LogField::Value& value) {
  if (const auto* text = std::get_if<std::string_view>(&value)) return append_quoted(out, *text);
  if (const auto* number = std::get_if<std::int64_t>(&value)) return append_number(out, *number);
  if (const auto* number = std::get_if<std::uint64_t>(&value)) return append_number(out, *number);
  if (const auto* flag = std::get_if<bool>(&value)) {
    out += *flag ? "true" : "false";
    return;
  }
  const double number = std::get<double>(value);
  // JSON has no word for these.
  if (!std::isfinite(number)) return append_quoted(out, std::isnan(number) ? "nan" : number > 0 ? "inf" : "-inf");
  append_number(out, number);
}

// "2026-11-21T04:31:23.123456Z". The date is Howard Hinnant's civil_from_days.
std::string time_text(std::int64_t wall_us) {
  constexpr std::int64_t kDayUs = 86'400'000'000;
  std::int64_t days = wall_us / kDayUs;
  std::int64_t us = wall_us % kDayUs;
  if (us < 0) {
    us += kDayUs;
    --days;
  }
  days += 719'468;
  const std::int64_t era = (days >= 0 ? days : days - 146'096) / 146'097;
  const std::int64_t day_of_era = days - era * 146'097;
  const std::int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const std::int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const std::int64_t shifted_month = (5 * day_of_year + 2) / 153;
  const std::int64_t month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
  const std::int64_t year = year_of_era + era * 400 + (month <= 2 ? 1 : 0);
  const std::int64_t day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
  std::string out;
  const auto append = [&](std::int64_t value, int width, char end) {
    const std::string digits = std::to_string(value);
    if (digits.size() < static_cast<std::size_t>(width))
      out.append(static_cast<std::size_t>(width) - digits.size(), '0');
    out += digits;
    out += end;
  };
  append(year, 4, '-');
  append(month, 2, '-');
  append(day, 2, 'T');
  append(us / 3'600'000'000, 2, ':');
  append(us / 60'000'000 % 60, 2, ':');
  append(us / 1'000'000 % 60, 2, '.');
  append(us % 1'000'000, 6, 'Z');
  return out;
}

}  // namespace

std::string log_line(LogFormat format, std::int64_t wall_us, LogLevel level, std::string_view event,
                     std::initializer_list<LogField> fields) {
  const bool json = format == LogFormat::kJson;
  std::string line;
  if (json) {
    line = "{\"time\":\"" + time_text(wall_us) + "\",\"level\":\"";
    line += level_name(level);
    line += "\",\"event\":";
    append_quoted(line, event);
  } else {
    line = time_text(wall_us) + " ";
    line += level_name(level);
    line += ' ';
    line += event;
  }
  for (const auto& field : fields) {
    line += json ? ',' : ' ';
    if (json) {
      append_quoted(line, field.name());
    } else {
      line += field.name();
    }
    line += json ? ':' : '=';
    append_value(line, field.value());
  }
  if (json) line += '}';
  return line;
}

}  // namespace pictor
