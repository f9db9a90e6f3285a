// Text for terminals: widths in columns, cutting, wrapping, numbers for people; and text that others made, made safe.
//
// Thread safety: free functions. Widths follow the terminal's rule: wide East Asian letters and emoji take two columns,
// combining marks none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pictor {

bool is_utf8(std::string_view text);
// The text with each byte that is not valid UTF-8 written as \xNN, so that a file name of any bytes becomes an id.
std::string to_utf8(std::string_view text);
// One line that a terminal shows as it is: control characters (escape sequences, new lines, direction overrides)
// become '?'. Everything from outside passes here before it is printed.
std::string printable(std::string_view text);

std::size_t display_width(std::string_view text);
// At most `columns` wide; what is cut is replaced by "..." at the end, or in the middle (for paths).
std::string cut_end(std::string_view text, std::size_t columns);
std::string cut_middle(std::string_view text, std::size_t columns);
std::string pad_right(std::string_view text, std::size_t columns);
std::string pad_left(std::string_view text, std::size_t columns);
// Lines of at most `columns`; a word that is longer stands alone. Line ends in the text are kept.
std::vector<std::string> wrap(std::string_view text, std::size_t columns);

std::string with_commas(std::uint64_t number);  // 1,234,567
std::string bytes_text(std::uint64_t bytes);    // 1.4 MiB
// "2GiB", "1.5 MiB", "512KiB" or a plain number of bytes. Nothing when it is no such size, or past 2^63.
std::optional<std::uint64_t> parse_bytes(std::string_view text);
// "90d", "12h", "30m", "45s": seconds. Nothing when it is no such time, or past a thousand years.
std::optional<std::int64_t> parse_duration(std::string_view text);
std::string duration_text(double seconds);                                             // 0:07, 12:34, 1:02:03
std::string fixed(double number, int digits);                                          // 0.812
std::string date_text(std::int64_t us);                                                // 2024-05-31 13:02:11 UTC
std::string plural(std::uint64_t count, std::string_view one, std::string_view many);  // "1 picture", "2 pictures"

std::vector<std::string> split(std::string_view text, char separator);
std::string lower_ascii(std::string_view text);

// Safe between tags and inside quoted attributes.
std::string html_escape(std::string_view text);

}  // namespace pictor
