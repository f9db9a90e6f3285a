#include "encode/tokenizer.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

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
  // The reference goes on where the vocabulary ends, whatever the file says.
  EXPECT_EQ(ids_of(tokenizer, "a \t<m>  a<m>xa"), (Ids{1, 5, 9, 5, 10, 5, 2}));
  EXPECT_EQ(ids_of(tokenizer, "a zebre Zébre"), (Ids{1, 5, 11, 11, 2}));
  EXPECT_EQ(tokenizer.id_max(), 11);
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
  refused("/model/type", "WordLevel", Code::kUnsupported, "WordLevel");
  refused("/normalizer/type", "NFX", Code::kUnsupported, "normalizer: 'NFX'");
  refused("/pre_tokenizer/type", "UnicodeScripts", Code::kUnsupported, "UnicodeScripts");
  refused("/post_processor/type", "PairProcessing", Code::kUnsupported, "PairProcessing");
  refused("/truncation", {{"direction", "Left"}}, Code::kUnsupported, "truncation.direction");
  refused("/padding", {{"direction", "Left"}, {"pad_id", 0}}, Code::kUnsupported, "padding.direction");
  refused("/model/unk_token", "[WHAT]", Code::kUnreadable, "[WHAT]");
  refused("/model/vocab/cat", -1, Code::kUnreadable, "model.vocab.cat");
  refused("/model/vocab/cat", "x", Code::kUnreadable, "model.vocab.cat");
  refused("/model/vocab/cat", 1ULL << 40, Code::kUnreadable, "model.vocab.cat");
  refused("/model/vocab", Json::array(), Code::kUnreadable, "model.vocab");
  refused("/model/max_input_chars_per_word", limits::kWordCharsMax + 1, Code::kUnreadable, "max_input_chars_per_word");
  refused("/normalizer/lowercase", "yes", Code::kUnreadable, "normalizer.lowercase");
  refused("/added_tokens/0/content", 5, Code::kUnreadable, "added_tokens[0].content");
  refused("/added_tokens/0/id", -5, Code::kUnreadable, "added_tokens[0].id");
  EXPECT_EQ(Tokenizer::parse("{").status().code(), Code::kUnreadable);
  EXPECT_EQ(Tokenizer::parse("[]").status().code(), Code::kUnreadable);
}

}  // namespace
}  // namespace pictor
