#include <gtest/gtest.h>

#include <iomanip>

#include "encode/test_support.h"
#include "encode/tokenizer.h"
#include "encode/unicode.h"

// Against the reference, which tests/golden runs: the same ids on thousands of lines, the same properties of every code
// point. PICTOR_GOLDEN_SEED draws other lines.

namespace pictor {
namespace {

std::string seed() {
  const char* given = std::getenv("PICTOR_GOLDEN_SEED");
  return given == nullptr ? "20260401" : given;
}

// A sanitizer looks for other faults than wrong ids, and takes its time.
#if defined(PICTOR_SANITIZED)
constexpr int kFamilyLines = 1'000;
#else
constexpr int kFamilyLines = 20'000;
#endif

// A text as a person can read and type it again.
std::string escaped(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const auto point = unicode::next_point(text, at);
    if (point >= 0x20 && point < 0x7F && point != '\\') {
      out += static_cast<char>(point);
    } else {
      std::ostringstream hex;
      hex << "\\U" << std::hex << std::setw(8) << std::setfill('0') << static_cast<std::uint32_t>(point);
      out += hex.str();
    }
  }
  return out;
}

struct Compared {
  int lines = 0;
  int wrong = 0;
};

// Every line of a lines.tsv; the first few differences are shown.
Compared compare_lines(const Tokenizer& tokenizer, const std::string& name, const std::string& path) {
  std::ifstream in(path);
  Compared out;
  for (std::string line; std::getline(in, line); ++out.lines) {
    const auto parts = test::split_at(line + "\t", '\t');
    if (parts.size() < 3) {
      ADD_FAILURE() << path << ", line " << out.lines << " is not as tests/golden writes it";
      break;
    }
    const auto text = test::from_hex(parts[0]);
    const auto tokens = tokenizer.encode(text, std::stoul(parts[1]));
    std::string ids = tokens.status().message();
    if (tokens.is_ok()) {
      for (const auto id : tokens->ids) ids += (ids.empty() ? "" : " ") + std::to_string(id);
    }
    if (ids != parts[2] && ++out.wrong <= 2) {
      ADD_FAILURE() << name << ", seed " << seed() << ", line " << out.lines << ", limit " << parts[1] << ": "
                    << escaped(text) << "\nours:   " << ids << "\ntheirs: " << parts[2];
    }
  }
  return out;
}

class TokenizerFamilies : public testing::Test {
 protected:
  static constexpr int kFamilies = 14;

  static void SetUpTestSuite() {
    if (!std::filesystem::exists(test::python())) return;
    folder_ = std::make_unique<test::ScratchFolder>();
    ran_well_ = test::run_golden("tokenizer_families.py", "'" + folder_->path() + "' " + seed() + " " +
                                                              std::to_string(kFamilyLines) + " 2>'" +
                                                              folder_->path("log") + "'");
  }
  static void TearDownTestSuite() { folder_.reset(); }

  void SetUp() override {
    PICTOR_NEED(test::python());
    ASSERT_TRUE(ran_well_) << test::read_text(folder_->path("log"));
  }

  static Tokenizer parsed(const std::filesystem::path& folder) {
    auto tokenizer = Tokenizer::parse(test::read_text((folder / "tokenizer.json").string()));
    EXPECT_TRUE(tokenizer.is_ok()) << folder << ": " << tokenizer.status().to_string();
    return std::move(tokenizer).value();
  }

  static inline std::unique_ptr<test::ScratchFolder> folder_;
  static inline bool ran_well_ = false;
};

TEST_F(TokenizerFamilies, ids_equal_the_reference_on_every_line_of_each_family) {
  RecordProperty("seed", seed());
  int families = 0;
  int patchwork_lines = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder_->path())) {
    if (!entry.is_directory()) continue;
    const auto name = entry.path().filename().string();
    const auto tokenizer = parsed(entry.path());
    if (HasFatalFailure()) return;
    const auto compared = compare_lines(tokenizer, name, (entry.path() / "lines.tsv").string());
    EXPECT_EQ(compared.wrong, 0) << name;
    const int broken = std::stoi(test::read_text((entry.path() / "broken.txt").string()));
    if (name.starts_with("patchwork")) {
      patchwork_lines += compared.lines;
    } else {
      ++families;
      EXPECT_EQ(compared.lines + broken, kFamilyLines) << name;
      EXPECT_LE(broken, kFamilyLines / 100) << name << ": the reference breaks down too often for this to say anything";
    }
  }
  EXPECT_EQ(families, kFamilies);
  EXPECT_GT(patchwork_lines, kFamilyLines / 2);
}

class TokenizerGolden : public testing::Test {
 protected:
  static constexpr int kLines = 12'000;

  static void SetUpTestSuite() {
    if (!std::filesystem::exists(test::python()) || !std::filesystem::exists(tokenizer_json())) return;
    folder_ = std::make_unique<test::ScratchFolder>();
    ran_well_ = test::run_golden("tokenizer_golden.py", "'" + tokenizer_json() + "' '" + folder_->path() + "' " +
                                                            seed() + " " + std::to_string(kLines));
  }
  static void TearDownTestSuite() { folder_.reset(); }

  void SetUp() override {
    PICTOR_NEED(test::python());
    PICTOR_NEED(tokenizer_json());
    ASSERT_TRUE(ran_well_);
  }

  static std::string tokenizer_json() { return test::weights_folder() + "/lite2-minilm/tokenizer.json"; }

  static inline std::unique_ptr<test::ScratchFolder> folder_;
  static inline bool ran_well_ = false;
};

TEST_F(TokenizerGolden, ids_equal_the_reference_with_the_tokenizer_of_the_default_encoder) {
  const auto tokenizer = Tokenizer::parse(test::read_text(tokenizer_json()));
  ASSERT_TRUE(tokenizer.is_ok()) << tokenizer.status().to_string();
  const auto compared = compare_lines(*tokenizer, "lite2-minilm", folder_->path("lines.tsv"));
  EXPECT_EQ(compared.lines, kLines);
  EXPECT_EQ(compared.wrong, 0);
}

std::string from_list(const std::string& list) {
  std::string out;
  for (const auto& part : test::split_at(list, ',')) {
    unicode::append_utf8(static_cast<char32_t>(std::stoul(part, nullptr, 16)), out);
  }
  return out;
}

int flags_of(char32_t point, const std::string& text) {
  int flags = 0;
  // The reference shows tab, line feed and carriage return as blanks and not as controls.
  const bool blank_control = point == '\t' || point == '\n' || point == '\r';
  std::size_t first_end = 0;
  const auto parts = unicode::normal_form(text, unicode::Form::kNfd);
  unicode::next_point(parts, first_end);
  if (unicode::is_other(point) && !blank_control) flags |= 1;
  if (unicode::is_space(point)) flags |= 2;
  if (unicode::is_punctuation(point)) flags |= 4;
  if (unicode::is_nonspacing_mark(point) && first_end == parts.size()) flags |= 8;
  if (unicode::is_numeric(point)) flags |= 16;
  if (unicode::is_word(point)) flags |= 32;
  if (unicode::is_combining_mark(point)) flags |= 64;
  if (unicode::cluster_end("a" + text, 0) == 1 + text.size()) flags |= 128;
  return flags;
}

TEST_F(TokenizerGolden, every_code_point_has_the_properties_that_the_reference_gives_it) {
  using unicode::Form;
  std::ifstream in(folder_->path("points.tsv"));
  char32_t next = 1;
  int rows = 0;
  int wrong = 0;
  const auto compare = [&](char32_t point, int flags, const std::vector<std::string>& wanted) {
    std::string text;
    unicode::append_utf8(point, text);
    const std::vector<std::string> ours = {
        unicode::lower_case(text), unicode::normal_form(text, Form::kNfd), unicode::normal_form(text, Form::kNfc),
        unicode::normal_form(text, Form::kNfkd), unicode::normal_form(text, Form::kNfkc)};
    const bool equal = flags_of(point, text) == flags && ours == (wanted.empty() ? std::vector(5, text) : wanted);
    if (!equal && ++wrong <= 5) {
      ADD_FAILURE() << "U+" << std::hex << static_cast<std::uint32_t>(point) << ": flags " << flags_of(point, text)
                    << ", wanted " << flags;
    }
  };
  const auto plain_until = [&](char32_t end) {
    for (; next < end; ++next) {
      if ((next < 0xD800 || next >= 0xE000) && next != 0xA) compare(next, 0, {});
    }
  };
  for (std::string line; std::getline(in, line); ++rows) {
    const auto parts = test::split_at(line, '\t');
    ASSERT_EQ(parts.size(), 7U);
    const auto point = static_cast<char32_t>(std::stoul(parts[0], nullptr, 16));
    plain_until(point);
    compare(point, std::stoi(parts[1]),
            {from_list(parts[2]), from_list(parts[3]), from_list(parts[4]), from_list(parts[5]), from_list(parts[6])});
    ++next;
  }
  plain_until(0x110000);
  EXPECT_GT(rows, 100'000);
  EXPECT_EQ(wrong, 0);
}

// The runs of code points in a class, as tests/golden writes them.
std::string runs_of(const Pattern& pattern, const std::string& every) {
  const auto parts = pattern.parts(every);
  EXPECT_TRUE(parts.is_ok()) << parts.status().to_string();
  std::ostringstream out;
  char32_t last = 0;
  const auto end_run = [&] {
    if (last != 0) out << "-" << static_cast<std::uint32_t>(last);
  };
  out << std::hex;
  for (const auto& part : *parts) {
    for (std::size_t at = part.begin; part.is_match && at < part.end;) {
      const auto point = unicode::next_point(every, at);
      if (last == 0 || point != last + 1) {
        end_run();
        out << (last == 0 ? "" : " ") << static_cast<std::uint32_t>(point);
      }
      last = point;
    }
  }
  end_run();
  return out.str();
}

TEST_F(TokenizerGolden, classes_of_regular_expressions_hold_the_characters_of_the_reference) {
  std::string every;
  for (char32_t point = 1; point < 0x110000; ++point) {
    if (point < 0xD800 || point >= 0xE000) unicode::append_utf8(point, every);
  }
  std::ifstream in(folder_->path("classes.tsv"));
  int classes = 0;
  for (std::string line; std::getline(in, line); ++classes) {
    const auto parts = test::split_at(line, '\t');
    ASSERT_EQ(parts.size(), 2U);
    const auto pattern = Pattern::regex("\\" + parts[0] + "+");
    ASSERT_TRUE(pattern.is_ok()) << pattern.status().to_string();
    EXPECT_TRUE(runs_of(*pattern, every) == parts[1]) << parts[0];
  }
  EXPECT_EQ(classes, 39);
}

TEST_F(TokenizerGolden, marks_are_ordered_as_the_reference_orders_them) {
  std::ifstream in(folder_->path("order.tsv"));
  int lines = 0;
  int wrong = 0;
  for (std::string line; std::getline(in, line); ++lines) {
    const auto parts = test::split_at(line, '\t');
    ASSERT_EQ(parts.size(), 2U);
    const auto text = test::from_hex(parts[0]);
    if (unicode::normal_form(text, unicode::Form::kNfd) != test::from_hex(parts[1]) && ++wrong <= 5) {
      ADD_FAILURE() << parts[0] << " wanted " << parts[1];
    }
  }
  EXPECT_GT(lines, 100'000);
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace pictor
