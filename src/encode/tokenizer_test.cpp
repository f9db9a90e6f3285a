#include "encode/tokenizer.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "encode/test_support.h"
#include "encode/unicode.h"

namespace pictor {
namespace {

using Json = nlohmann::json;
using Ids = std::vector<std::int64_t>;

Json small_tokenizer() {
  return Json::parse(R"({
    "version": "1.0", "truncation": null, "padding": null,
    "added_tokens": [{"id": 1, "content": "[CLS]", "special": true, "single_word": false, "lstrip": false,
                      "rstrip": false, "normalized": false}],
    "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null,
                   "lowercase": true},
    "pre_tokenizer": {"type": "BertPreTokenizer"},
    "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 2], "cls": ["[CLS]", 1]},
    "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
              "max_input_chars_per_word": 10,
              "vocab": {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "cat": 3, "##s": 4, "a": 5, "!": 6, "##a": 7, "猫": 8}}
  })");
}

Tokenizer parsed(const Json& json) {
  auto tokenizer = Tokenizer::parse(json.dump());
  EXPECT_TRUE(tokenizer.is_ok()) << tokenizer.status().to_string();
  return std::move(tokenizer).value();
}

Ids ids_of(const Tokenizer& tokenizer, std::string_view text, std::size_t limit = 32) {
  auto tokens = tokenizer.encode(text, limit);
  EXPECT_TRUE(tokens.is_ok()) << tokens.status().to_string();
  return tokens.is_ok() ? tokens->ids : Ids{};
}

TEST(Tokenizer, words_are_taken_apart_longest_piece_first) {
  const auto tokenizer = parsed(small_tokenizer());
  EXPECT_EQ(ids_of(tokenizer, "Cats!  a cät 猫猫"), (Ids{1, 3, 4, 6, 5, 3, 8, 8, 2}));
  EXPECT_EQ(ids_of(tokenizer, "catx"), (Ids{1, 0, 2}));
  EXPECT_EQ(ids_of(tokenizer, ""), (Ids{1, 2}));
}

TEST(Tokenizer, a_word_at_the_limit_of_characters_is_read_and_one_longer_is_unknown) {
  const auto tokenizer = parsed(small_tokenizer());
  EXPECT_EQ(ids_of(tokenizer, std::string(10, 'a')), (Ids{1, 5, 7, 7, 7, 7, 7, 7, 7, 7, 7, 2}));
  EXPECT_EQ(ids_of(tokenizer, std::string(11, 'a')), (Ids{1, 0, 2}));
}

TEST(Tokenizer, special_tokens_in_the_text_are_recognised_as_written_only) {
  const auto tokenizer = parsed(small_tokenizer());
  EXPECT_EQ(ids_of(tokenizer, "cat[CLS]cats"), (Ids{1, 3, 1, 3, 4, 2}));
  EXPECT_EQ(ids_of(tokenizer, "[cls]"), (Ids{1, 0, 0, 0, 2}));
}

TEST(Tokenizer, the_longest_added_token_wins_and_blanks_beside_it_can_be_swallowed) {
  auto json = small_tokenizer();
  json["added_tokens"].push_back(
      {{"id", 20}, {"content", "<m>"}, {"lstrip", true}, {"rstrip", true}, {"special", true}});
  json["added_tokens"].push_back({{"id", 21}, {"content", "<m>x"}, {"special", true}});
  json["added_tokens"].push_back({{"id", 22}, {"content", "ZÉBRE"}, {"normalized", true}});
  const auto tokenizer = parsed(json);
  EXPECT_EQ(ids_of(tokenizer, "a \t<m>  a<m>xa"), (Ids{1, 5, 20, 5, 21, 5, 2}));
  EXPECT_EQ(ids_of(tokenizer, "a zebre Zébre"), (Ids{1, 5, 22, 22, 2}));
  EXPECT_EQ(tokenizer.id_max(), 22);
}

TEST(Tokenizer, a_long_text_is_cut_at_its_end_and_says_so) {
  const auto tokenizer = parsed(small_tokenizer());
  const auto whole = tokenizer.encode("a cat a", 5);
  ASSERT_TRUE(whole.is_ok());
  EXPECT_FALSE(whole->is_cut);
  EXPECT_EQ(whole->ids, (Ids{1, 5, 3, 5, 2}));
  const auto cut = tokenizer.encode("a cat a cat", 5);
  ASSERT_TRUE(cut.is_ok());
  EXPECT_TRUE(cut->is_cut);
  EXPECT_EQ(cut->ids, whole->ids);
  EXPECT_EQ(tokenizer.encode("a", 1).status().code(), Code::kInvalid);
}

TEST(Tokenizer, text_that_is_not_utf8_is_refused_with_the_place) {
  const auto tokenizer = parsed(small_tokenizer());
  for (const std::string bad : {"cat\xff", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "caf\xe9", "\xe2\x82"}) {
    const auto tokens = tokenizer.encode(bad, 8);
    ASSERT_FALSE(tokens.is_ok());
    EXPECT_EQ(tokens.status().code(), Code::kInvalid);
  }
  EXPECT_NE(tokenizer.encode("cat\xff", 8).status().message().find("at byte 3 of 4"), std::string::npos);
}

TEST(Tokenizer, a_text_at_the_limit_of_bytes_is_read_and_one_longer_is_refused) {
  const auto tokenizer = parsed(small_tokenizer());
  EXPECT_TRUE(tokenizer.encode(std::string(limits::kTextQueryBytesMax, ' '), 8).is_ok());
  EXPECT_EQ(tokenizer.encode(std::string(limits::kTextQueryBytesMax + 1, ' '), 8).status().code(), Code::kLimit);
}

TEST(Tokenizer, parts_that_this_build_does_not_read_are_refused_by_name) {
  const auto refused = [](const char* pointer, const Json& value, Code code, const char* word) {
    auto json = small_tokenizer();
    json[Json::json_pointer(pointer)] = value;
    const auto tokenizer = Tokenizer::parse(json.dump());
    ASSERT_FALSE(tokenizer.is_ok()) << pointer;
    EXPECT_EQ(tokenizer.status().code(), code) << tokenizer.status().to_string();
    EXPECT_NE(tokenizer.status().message().find(word), std::string::npos) << tokenizer.status().to_string();
  };
  refused("/model/type", "BPE", Code::kUnsupported, "BPE");
  refused("/normalizer/type", "NFC", Code::kUnsupported, "NFC");
  refused("/normalizer", nullptr, Code::kUnsupported, "null");
  refused("/pre_tokenizer/type", "ByteLevel", Code::kUnsupported, "ByteLevel");
  refused("/post_processor/type", "RobertaProcessing", Code::kUnsupported, "RobertaProcessing");
  refused("/added_tokens/0/single_word", true, Code::kUnsupported, "single_word");
  refused("/truncation", {{"direction", "Left"}}, Code::kUnsupported, "direction");
  refused("/model/unk_token", "[WHAT]", Code::kUnreadable, "[WHAT]");
  refused("/model/vocab/cat", -1, Code::kUnreadable, "cat");
  refused("/model/vocab/cat", "x", Code::kUnreadable, "cat");
  refused("/model/vocab", Json::array(), Code::kUnreadable, "vocab");
  refused("/model/max_input_chars_per_word", limits::kWordCharsMax + 1, Code::kUnreadable, "max_input_chars_per_word");
  refused("/normalizer/lowercase", "yes", Code::kUnreadable, "lowercase");
  EXPECT_EQ(Tokenizer::parse("{").status().code(), Code::kUnreadable);
  EXPECT_EQ(Tokenizer::parse("[]").status().code(), Code::kUnreadable);
}

// --- against the reference ---

class TokenizerGolden : public testing::Test {
 protected:
  static constexpr int kSeed = 20260401;
  static constexpr int kLines = 12'000;

  static void SetUpTestSuite() {
    if (!std::filesystem::exists(test::python()) || !std::filesystem::exists(tokenizer_json())) return;
    folder_ = std::make_unique<test::ScratchFolder>();
    ran_well_ = test::run_golden("tokenizer_golden.py", "'" + tokenizer_json() + "' '" + folder_->path() + "' " +
                                                            std::to_string(kSeed) + " " + std::to_string(kLines));
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

TEST_F(TokenizerGolden, ids_equal_the_reference_on_thousands_of_lines_of_mixed_scripts) {
  const auto tokenizer = Tokenizer::parse(test::read_text(tokenizer_json()));
  ASSERT_TRUE(tokenizer.is_ok()) << tokenizer.status().to_string();
  std::ifstream in(folder_->path("lines.tsv"));
  int lines = 0;
  int wrong = 0;
  for (std::string line; std::getline(in, line); ++lines) {
    const auto parts = test::split_at(line, '\t');
    ASSERT_EQ(parts.size(), 3U);
    const auto text = test::from_hex(parts[0]);
    const auto tokens = tokenizer->encode(text, std::stoul(parts[1]));
    ASSERT_TRUE(tokens.is_ok()) << tokens.status().to_string();
    std::string ids;
    for (const auto id : tokens->ids) ids += (ids.empty() ? "" : " ") + std::to_string(id);
    if (ids != parts[2] && ++wrong <= 5) {
      ADD_FAILURE() << "seed " << kSeed << ", line " << lines << ": " << text << "\nours:   " << ids
                    << "\ntheirs: " << parts[2];
    }
  }
  EXPECT_EQ(lines, kLines);
  EXPECT_EQ(wrong, 0);
}

std::u32string from_list(const std::string& list) {
  std::u32string out;
  for (const auto& part : test::split_at(list, ','))
    out.push_back(static_cast<char32_t>(std::stoul(part, nullptr, 16)));
  return out;
}

int flags_of(char32_t point) {
  int flags = 0;
  // The reference shows tab, line feed and carriage return as blanks and not as controls.
  const bool blank_control = point == '\t' || point == '\n' || point == '\r';
  if (unicode::is_other(point) && !blank_control) flags |= 1;
  if (unicode::is_space(point)) flags |= 2;
  if (unicode::is_punctuation(point)) flags |= 4;
  if (unicode::is_nonspacing_mark(point) && unicode::decomposed(std::u32string(1, point)).size() == 1) flags |= 8;
  return flags;
}

TEST_F(TokenizerGolden, every_code_point_has_the_properties_that_the_reference_gives_it) {
  std::ifstream in(folder_->path("points.tsv"));
  char32_t next = 1;
  int rows = 0;
  int wrong = 0;
  const auto compare = [&](char32_t point, int flags, const std::u32string& small, const std::u32string& decomposed) {
    const std::u32string text(1, point);
    const bool equal =
        flags_of(point) == flags && unicode::lower_case(text) == small && unicode::decomposed(text) == decomposed;
    if (!equal && ++wrong <= 5) {
      ADD_FAILURE() << "U+" << std::hex << static_cast<std::uint32_t>(point) << ": flags " << flags_of(point)
                    << ", wanted " << flags;
    }
  };
  const auto plain_until = [&](char32_t end) {
    for (; next < end; ++next) {
      if (next < 0xD800 || next >= 0xE000) compare(next, 0, std::u32string(1, next), std::u32string(1, next));
    }
  };
  for (std::string line; std::getline(in, line); ++rows) {
    const auto parts = test::split_at(line, '\t');
    ASSERT_EQ(parts.size(), 4U);
    const auto point = static_cast<char32_t>(std::stoul(parts[0], nullptr, 16));
    plain_until(point);
    compare(point, std::stoi(parts[1]), from_list(parts[2]), from_list(parts[3]));
    ++next;
  }
  plain_until(0x110000);
  EXPECT_GT(rows, 100'000);
  EXPECT_EQ(wrong, 0);
}

TEST_F(TokenizerGolden, marks_are_ordered_as_the_reference_orders_them) {
  std::ifstream in(folder_->path("order.tsv"));
  int lines = 0;
  int wrong = 0;
  for (std::string line; std::getline(in, line); ++lines) {
    const auto parts = test::split_at(line, '\t');
    ASSERT_EQ(parts.size(), 2U);
    std::size_t bad_at = 0;
    const auto text = unicode::from_utf8(test::from_hex(parts[0]), bad_at);
    ASSERT_TRUE(text.has_value());
    if (unicode::to_utf8(unicode::decomposed(*text)) != test::from_hex(parts[1]) && ++wrong <= 5) {
      ADD_FAILURE() << parts[0] << " wanted " << parts[1];
    }
  }
  EXPECT_GT(lines, 100'000);
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace pictor
