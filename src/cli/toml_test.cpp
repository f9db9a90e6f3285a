// The reader of configuration files: what of TOML it takes, and what it says of the rest.
#include "cli/toml.h"

#include <gtest/gtest.h>

namespace pictor {
namespace {

std::string told(const TomlFile& file) {
  return file.faults.empty() ? "" : std::to_string(file.faults[0].line) + ": " + file.faults[0].message;
}

TEST(Toml, takes_tables_dotted_keys_and_values_of_every_kind) {
  const TomlFile file = read_toml(
      "\xEF\xBB\xBF# a comment\r\n"
      "text = \"a \\\"b\\\" \\u00e9 \\U0001F600 \\t\" # behind it\n"
      "literal='C:\\no'\n\n"
      "  number = -1_000\n"
      "half = +2.5e-1\n"
      "yes = true\n"
      "[ encoder . pull ]\n"
      "endpoint = \"x\"\n"
      "list = [ \"a\", # one\n"
      "  'b',\n"
      "]\n"
      "under.it = false");
  ASSERT_EQ(told(file), "");
  ASSERT_EQ(file.entries.size(), 8U);
  EXPECT_EQ(file.entries[0].value.text, "a \"b\" \xC3\xA9 \xF0\x9F\x98\x80 \t");
  EXPECT_EQ(file.entries[0].line, 2U);
  EXPECT_EQ(file.entries[1].value.text, "C:\\no");
  EXPECT_EQ(file.entries[2].value.text, "-1000");
  EXPECT_TRUE(file.entries[2].value.whole);
  EXPECT_EQ(file.entries[3].value.text, "2.5e-1");
  EXPECT_FALSE(file.entries[3].value.whole);
  EXPECT_EQ(file.entries[4].value.kind, TomlValue::Kind::kFlag);
  EXPECT_EQ(file.entries[5].tables, (std::vector<std::string>{"encoder", "pull"}));
  ASSERT_EQ(file.entries[6].value.list.size(), 2U);
  EXPECT_EQ(file.entries[6].value.list[1].text, "b");
  EXPECT_EQ(file.entries[6].line, 10U);
  EXPECT_EQ(file.entries[7].tables, (std::vector<std::string>{"encoder", "pull", "under"}));
  EXPECT_EQ(file.entries[7].line, 13U);
  EXPECT_TRUE(read_toml("").entries.empty());
  EXPECT_EQ(told(read_toml("\n# only\n")), "");
}

TEST(Toml, says_line_and_reason_of_what_is_wrong) {
  const auto wrong = [](std::string_view text, const std::string& line, const std::string& reason) {
    const std::string said = told(read_toml(text));
    EXPECT_TRUE(said.starts_with(line + ": ")) << text << " -> " << said;
    EXPECT_NE(said.find(reason), std::string::npos) << text << " -> " << said;
  };
  wrong("a = 1\na = 2", "2", "key 'a' stands in line 1 already");
  wrong("[t]\n[t]", "2", "table 't' stands in line 1 already");
  wrong("t = 1\n[t]", "2", "table 't' stands in line 1 already");
  wrong("[t]\nx.y = 1\nx.y = 2", "3", "key 't.x.y' stands in line 2");
  wrong("a = \"open\nb = 1", "1", "not closed");
  wrong("a = 'open", "1", "not closed");
  wrong("a = [1,\n2,\n", "1", "a list is not closed");
  wrong("a = [1 2]", "1", "',' is missing");
  wrong("a = [[1]]", "1", "lists in lists");
  wrong("a = {b = 1}", "1", "tables in braces");
  wrong("[[a]]", "1", "lists of tables");
  wrong("[a", "1", "']' is missing");
  wrong("a = \"\"\"x\"\"\"", "1", "several lines");
  wrong("a = '''x'''", "1", "several lines");
  wrong("\"a\" = 1", "1", "keys in quotes");
  wrong("a = \"\\q\"", "1", "no escape");
  wrong("a = \"\\u12\"", "1", "no escape");
  wrong("a = \"\\uD800\"", "1", "no escape");
  wrong("a", "1", "'=' is missing");
  wrong("a =", "1", "a value is missing");
  wrong("= 1", "1", "begins no key");
  wrong("a. = 1", "1", "begins no key");
  wrong("a = 1 b = 2", "1", "'b = 2' is too much");
  wrong("\n\na = 1\x01", "3", "control character 0x01");
  wrong("a = 1\rb = 2", "1", "control character 0x0D");
  wrong("a = 1\nb = \"\xFF\"", "2", "not UTF-8");
  wrong(std::string_view("a = 1\0", 6), "1", "control character 0x00");
  for (const char* none : {"yes", "007", "1_", "_1", "1__0", "1.", ".5", "1e", "0x10", "--1", "nan", "2024-05-31"}) {
    wrong(std::string("a = ") + none, "1", "'" + std::string(none) + "' is no value");
  }
}

TEST(Toml, is_bounded_in_bytes_and_in_names) {
  const std::string whole(kTomlBytesMax, '#');
  EXPECT_EQ(told(read_toml(whole)), "");
  EXPECT_EQ(told(read_toml(whole + "#")), "0: the file has 1048577 bytes, wanted at most 1048576");
  EXPECT_EQ(told(read_toml(std::string(128, 'a') + " = 1")), "");
  EXPECT_NE(told(read_toml(std::string(129, 'a') + " = 1")), "");
  EXPECT_EQ(told(read_toml("a.b.c.d.e.f.g.h = 1")), "");
  EXPECT_NE(told(read_toml("a.b.c.d.e.f.g.h.i = 1")), "");
  EXPECT_NE(told(read_toml("[a.b.c.d.e.f.g.h]\ni = 1")), "") << "the table's names count";
}

}  // namespace
}  // namespace pictor
