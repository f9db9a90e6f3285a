#include "cli/text.h"

#include <gtest/gtest.h>

#include "cli/progress.h"
#include "cli/table.h"

namespace pictor {
namespace {

TEST(Text, a_time_is_a_number_and_a_unit) {
  EXPECT_EQ(parse_duration("45s"), 45);
  EXPECT_EQ(parse_duration("30m"), 1800);
  EXPECT_EQ(parse_duration("12h"), 43'200);
  EXPECT_EQ(parse_duration("90d"), 90 * 86'400);
  EXPECT_EQ(parse_duration("0s"), 0);
  for (const char* wrong :
       {"", "d", "90", "-1d", "1.5h", "1 d", "1w", "99999999999999999999d", "9223372036854775807d"}) {
    EXPECT_FALSE(parse_duration(wrong).has_value()) << wrong;
  }
}

TEST(Text, width_counts_wide_letters_twice_and_marks_not_at_all) {
  EXPECT_EQ(display_width("cat"), 3U);
  EXPECT_EQ(display_width("\xE7\x8C\xAB"), 2U);      // 猫
  EXPECT_EQ(display_width("e\xCC\x81"), 1U);         // e and a combining acute
  EXPECT_EQ(display_width("\xF0\x9F\x90\xB1"), 2U);  // a cat's face
  EXPECT_EQ(display_width("\xFF\xFE"), 2U);          // not UTF-8: one column a byte
}

TEST(Text, cutting_never_passes_the_width_nor_halves_a_letter) {
  const std::string path = "photos/\xE7\x8C\xAB\xE7\x8C\xAB\xE7\x8C\xAB/2024/summer/e\xCC\x81t\xC3\xA9/picture.jpg";
  for (std::size_t width = 0; width <= display_width(path) + 1; ++width) {
    for (const std::string& cut : {cut_end(path, width), cut_middle(path, width)}) {
      EXPECT_LE(display_width(cut), width);
      EXPECT_TRUE(is_utf8(cut)) << cut;
    }
  }
  EXPECT_EQ(cut_middle("photos/2024/summer/cat.jpg", 16), "phot...r/cat.jpg");
  EXPECT_EQ(cut_end("a red car", 6), "a r...");
  EXPECT_EQ(cut_end("short", 5), "short");
}

TEST(Text, what_could_steer_the_terminal_is_made_harmless) {
  EXPECT_EQ(printable("a\x1b[31mred\x07\n"), "a?[31mred??");
  EXPECT_EQ(printable("gpj.\xE2\x80\xAEtac"), "gpj.?tac");  // right-to-left override
  EXPECT_EQ(printable("\xC2\x9B"
                      "31m"),
            "?31m");  // the one-letter CSI
  EXPECT_EQ(printable("caf\xC3\xA9"), "caf\xC3\xA9");
  EXPECT_EQ(printable("\xFF"), "?");
}

TEST(Text, names_of_any_bytes_become_utf8) {
  EXPECT_EQ(to_utf8("caf\xE9.jpg"), "caf\\xE9.jpg");
  EXPECT_EQ(to_utf8("caf\xC3\xA9.jpg"), "caf\xC3\xA9.jpg");
  EXPECT_FALSE(is_utf8("\xED\xA0\x80"));  // a surrogate
  EXPECT_FALSE(is_utf8("\xC0\xAF"));      // an overlong slash
  EXPECT_FALSE(is_utf8("\xE7\x8C"));      // cut short
}

TEST(Text, html_escape_leaves_no_way_out_of_text_or_attribute) {
  EXPECT_EQ(html_escape("<script>alert('x' & \"y\")</script>"),
            "&lt;script&gt;alert(&#39;x&#39; &amp; &quot;y&quot;)&lt;/script&gt;");
  EXPECT_EQ(html_escape(std::string("a\0b", 3)),
            "a\xEF\xBF\xBD"
            "b");
}

TEST(Text, numbers_are_written_for_people) {
  EXPECT_EQ(with_commas(0), "0");
  EXPECT_EQ(with_commas(999), "999");
  EXPECT_EQ(with_commas(1234567), "1,234,567");
  EXPECT_EQ(bytes_text(1023), "1023 bytes");
  EXPECT_EQ(bytes_text(1536), "1.5 KiB");
  EXPECT_EQ(bytes_text(52428800), "50 MiB");
  EXPECT_EQ(parse_bytes("50 MiB"), 52428800U);
  EXPECT_EQ(parse_bytes("1.5GiB"), 1610612736U);
  EXPECT_EQ(parse_bytes("0"), 0U);
  EXPECT_EQ(parse_bytes("17"), 17U);
  for (const char* wrong : {"", "GiB", "1.5", "2GB", "2 gib", "-1", "inf", "nan", "1e3", "9999999999TiB", "2GiB x"}) {
    EXPECT_FALSE(parse_bytes(wrong).has_value()) << wrong;
  }
  EXPECT_EQ(duration_text(7), "0:07");
  EXPECT_EQ(duration_text(754), "12:34");
  EXPECT_EQ(duration_text(3723), "1:02:03");
  EXPECT_EQ(duration_text(-1), "0:00");
  EXPECT_EQ(date_text(1700000000'000000), "2023-11-14 22:13:20 UTC");
}

TEST(Text, wrap_breaks_at_spaces_and_keeps_line_ends) {
  EXPECT_EQ(wrap("one two three", 7), (std::vector<std::string>{"one two", "three"}));
  EXPECT_EQ(wrap("abcdefghij k", 4), (std::vector<std::string>{"abcdefghij", "k"}));
  EXPECT_EQ(wrap("a\nb", 80), (std::vector<std::string>{"a", "b"}));
}

TEST(Table, lines_fit_the_width_and_the_path_gives_way_in_its_middle) {
  Table table({{"#", TableColumn::Kind::kNumber},
               {"score", TableColumn::Kind::kNumber},
               {"id", TableColumn::Kind::kPath, 16},
               {"text", TableColumn::Kind::kText, 12}});
  table.add({"1", "0.812",
             "photos/2024/a-very-long-folder-name/and-another-one/\xE7\x8C\xAB\xE7\x8C\xAB\xE7\x8C\xAB.jpg",
             "a picture of a cat that sits on a wall in the sun and looks at you"});
  table.add({"2", "0.7", "b.jpg", "evil\x1b[2Jtext"});
  const std::string text = table.text(80);
  for (const std::string& line : split(text, '\n')) EXPECT_LE(display_width(line), 80U) << line;
  EXPECT_NE(text.find("..."), std::string::npos);
  EXPECT_NE(text.find(".jpg"), std::string::npos);  // the end of the path stays
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
}

TEST(Table, columns_are_aligned_under_wide_letters) {
  Table table({{"name", TableColumn::Kind::kText}, {"n", TableColumn::Kind::kNumber}});
  table.add({"\xE7\x8C\xAB", "1"});
  table.add({"cat", "22"});
  EXPECT_EQ(table.text(80), "name   n\n\xE7\x8C\xAB     1\ncat   22\n");
}

IngestProgress progress_of(std::uint64_t seen, std::optional<std::uint64_t> total, double seconds) {
  IngestProgress progress;
  progress.seen = seen;
  progress.total = total;
  progress.seconds = seconds;
  return progress;
}

TEST(Progress, bar_shows_share_rate_and_time_left) {
  IngestProgress progress = progress_of(408, 785, 10);
  progress.quarantined = 2;
  EXPECT_EQ(progress_bar(progress, 38.24, 100),
            "[##########----------]  51%  408/785  38.2 img/s  0:10 left  2 refused");
  EXPECT_EQ(progress_line(progress, 38.24), "408 of 785 pictures (51%), 38.2 img/s, 0:10 left, 2 refused");
  EXPECT_LE(display_width(progress_bar(progress, 38.24, 40)), 40U);
}

TEST(Progress, without_a_total_there_is_no_share) {
  EXPECT_EQ(progress_bar(progress_of(1, std::nullopt, 1), 1, 80), "1 picture  1.0 img/s");
  EXPECT_EQ(progress_line(progress_of(0, 0, 0), 0), "0 of 0 pictures (0%), 0.0 img/s");
}

TEST(Progress, lines_come_every_five_seconds_at_the_rate_of_late) {
  std::ostringstream out;
  ProgressPrinter printer(out, ProgressPrinter::Mode::kLines, 80);
  // A thousand unchanged pictures in the first second, then ten a second.
  printer.update(progress_of(1000, 2000, 1));
  for (int second = 2; second <= 40; ++second) {
    printer.update(progress_of(1000 + static_cast<std::uint64_t>(second - 1) * 10, 2000, second));
  }
  const std::vector<std::string> lines = split(out.str(), '\n');
  EXPECT_EQ(lines.size(), 9U);  // eight, and what follows the last line end
  EXPECT_NE(lines[7].find(" 10.0 img/s"), std::string::npos) << lines[7];
}

TEST(Progress, a_line_takes_the_bar_away_first) {
  std::ostringstream out;
  ProgressPrinter printer(out, ProgressPrinter::Mode::kBar, 80);
  printer.update(progress_of(1, 2, 1));
  printer.line("refused: a.png: empty");
  printer.finish();
  EXPECT_TRUE(out.str().ends_with("\r\x1b[2Krefused: a.png: empty\n")) << out.str();
}

}  // namespace
}  // namespace pictor
