#include "encode/token_model.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "encode/tokenizer.h"

namespace pictor {
namespace {

using Json = nlohmann::json;
using Ids = std::vector<std::int64_t>;

Json tokenizer_of(const Json& model) {
  return {{"added_tokens", Json::array()},
          {"normalizer", nullptr},
          {"pre_tokenizer", nullptr},
          {"post_processor", nullptr},
          {"model", model}};
}

Json byte_pair() {
  return tokenizer_of(
      {{"type", "BPE"},
       {"unk_token", "u"},
       {"merges", {"a b", "b c", "ab c"}},
       {"vocab", {{"u", 0}, {"a", 1}, {"b", 2}, {"c", 3}, {"ab", 4}, {"bc", 5}, {"abc", 6}, {"whole", 7}}}});
}

Json unigram() {
  return tokenizer_of(Json::parse(R"({"type": "Unigram", "unk_id": 0, "vocab":
      [["u", 0.0], ["a", -1.0], ["b", -1.0], ["ab", -1.5], ["bc", -0.25], ["c", -5.0]]})"));
}

Tokenizer parsed(const Json& json) {
  auto tokenizer = Tokenizer::parse(json.dump());
  EXPECT_TRUE(tokenizer.is_ok()) << tokenizer.status().to_string();
  return std::move(tokenizer).value();
}

Ids ids_of(const Json& json, std::string_view text) {
  auto tokens = parsed(json).encode(text, limits::kTokensMax);
  EXPECT_TRUE(tokens.is_ok()) << tokens.status().to_string();
  return tokens.is_ok() ? tokens->ids : Ids{};
}

// What the parser says of a tokenizer with `value` at `pointer`.
Status refusal(Json json, const char* pointer, const Json& value) {
  json[Json::json_pointer(pointer)] = value;
  return Tokenizer::parse(json.dump()).status();
}

void expect_refused(const Json& json, const char* pointer, const Json& value, Code code, const char* words) {
  const auto status = refusal(json, pointer, value);
  EXPECT_EQ(status.code(), code) << pointer << ": " << status.to_string();
  EXPECT_NE(status.message().find(words), std::string::npos) << status.to_string();
}

Json sequence(const char* list, const Json& items) { return {{"type", "Sequence"}, {list, items}}; }

TEST(BytePair, the_first_merge_of_the_list_comes_first_wherever_it_stands) {
  EXPECT_EQ(ids_of(byte_pair(), "abc"), (Ids{6}));
  EXPECT_EQ(ids_of(byte_pair(), "bcabbc"), (Ids{5, 4, 5}));
  auto other = byte_pair();
  other["model"]["merges"] = {"b c", "a b", "ab c"};
  EXPECT_EQ(ids_of(other, "abc"), (Ids{1, 5}));
}

TEST(BytePair, unknown_characters_are_fused_passed_over_or_an_error_as_the_file_says) {
  EXPECT_EQ(ids_of(byte_pair(), "axyb"), (Ids{1, 0, 0, 2}));
  auto fused = byte_pair();
  fused["model"]["fuse_unk"] = true;
  EXPECT_EQ(ids_of(fused, "axyb"), (Ids{1, 0, 2}));
  auto silent = byte_pair();
  silent["model"]["unk_token"] = nullptr;
  EXPECT_EQ(ids_of(silent, "axyb"), (Ids{4}));
  auto broken = byte_pair();
  broken["model"]["unk_token"] = "nowhere";
  EXPECT_EQ(parsed(broken).encode("ax", 8).status().code(), Code::kUnsupported);
  EXPECT_TRUE(parsed(broken).encode("ab", 8).is_ok());
}

TEST(BytePair, bytes_stand_for_a_character_only_when_all_of_them_have_tokens) {
  auto json = byte_pair();
  json["model"]["byte_fallback"] = true;
  json["model"]["vocab"]["<0xC3>"] = 8;
  EXPECT_EQ(ids_of(json, "aé"), (Ids{1, 0}));
  json["model"]["vocab"]["<0xA9>"] = 9;
  EXPECT_EQ(ids_of(json, "aé"), (Ids{1, 8, 9}));
  // The reference lets an unknown character wait behind bytes.
  EXPECT_EQ(ids_of(json, "xéa"), (Ids{8, 9, 0, 1}));
}

TEST(BytePair, a_whole_word_is_found_without_merges_only_where_the_file_says_so) {
  EXPECT_EQ(ids_of(byte_pair(), "whole").size(), 5U);
  auto json = byte_pair();
  json["model"]["ignore_merges"] = true;
  EXPECT_EQ(ids_of(json, "whole"), (Ids{7}));
}

TEST(BytePair, hostile_models_are_refused_with_their_path) {
  const auto json = byte_pair();
  expect_refused(json, "/model/merges/1", "b z", Code::kUnreadable, "merges[1] needs 'z'");
  expect_refused(json, "/model/merges/1", "a a", Code::kUnreadable, "merges[1] needs 'aa'");
  expect_refused(json, "/model/merges/1", "b c d", Code::kUnreadable, "model.merges: item 1");
  expect_refused(json, "/model/merges/1", {"b"}, Code::kUnreadable, "model.merges: item 1");
  expect_refused(json, "/model/merges/1", {"b", 5}, Code::kUnreadable, "model.merges: item 1");
  expect_refused(json, "/model/merges", "a b", Code::kUnreadable, "model.merges");
  expect_refused(json, "/model/dropout", 0.1, Code::kUnsupported, "dropout");
  expect_refused(json, "/model/fuse_unk", 1, Code::kUnreadable, "model.fuse_unk");
  expect_refused(json, "/model/vocab/a", -1, Code::kUnreadable, "model.vocab.a");
  expect_refused(json, "/model/vocab/a", 1LL << 31, Code::kUnreadable, "model.vocab.a");
  EXPECT_TRUE(refusal(json, "/model/vocab/a", (1LL << 31) - 1).is_ok());
}

TEST(Unigram, the_best_path_wins_and_unknown_characters_in_a_row_are_one) {
  EXPECT_EQ(ids_of(unigram(), "abc"), (Ids{1, 4}));
  EXPECT_EQ(ids_of(unigram(), "ab"), (Ids{3}));
  EXPECT_EQ(ids_of(unigram(), "axyzb"), (Ids{1, 0, 2}));
  EXPECT_EQ(ids_of(unigram(), "ucu"), (Ids{0, 5, 0}));
}

TEST(Unigram, bytes_stand_for_unknown_characters_and_without_an_unknown_token_they_are_an_error) {
  auto json = unigram();
  json["model"]["byte_fallback"] = true;
  json["model"]["vocab"].push_back({"<0x78>", 0.0});
  EXPECT_EQ(ids_of(json, "axa"), (Ids{1, 6, 1}));
  EXPECT_EQ(ids_of(json, "axya"), (Ids{1, 0, 1}));
  json = unigram();
  json["model"]["unk_id"] = nullptr;
  EXPECT_EQ(parsed(json).encode("ax", 8).status().code(), Code::kUnsupported);
}

TEST(Unigram, hostile_models_are_refused_with_their_path) {
  expect_refused(unigram(), "/model/unk_id", 6, Code::kUnreadable, "model.unk_id");
  EXPECT_TRUE(refusal(unigram(), "/model/unk_id", 5).is_ok());
  expect_refused(unigram(), "/model/vocab/2", {"b", "x"}, Code::kUnreadable, "model.vocab: item 2");
  expect_refused(unigram(), "/model/vocab/2/0", 5, Code::kUnreadable, "model.vocab: item 2");
  expect_refused(unigram(), "/model/vocab", Json::array(), Code::kUnreadable, "model.vocab");
}

TEST(TokenModel, a_token_at_the_limit_of_bytes_is_read_and_one_longer_is_refused) {
  const std::string longest(limits::kTokenBytesMax, 'a');
  EXPECT_TRUE(refusal(byte_pair(), "/model/vocab",
                      {{"u", 0}, {"a", 1}, {"b", 2}, {"c", 3}, {"ab", 4}, {"bc", 5}, {"abc", 6}, {longest, 7}})
                  .is_ok());
  expect_refused(byte_pair(), "/model/vocab", {{longest + "a", 1}}, Code::kLimit, "model.vocab");
  EXPECT_TRUE(refusal(unigram(), "/model/vocab/1/0", longest).is_ok());
  expect_refused(unigram(), "/model/vocab/1/0", longest + "a", Code::kLimit, "model.vocab");
}

TEST(TokenModel, a_file_without_a_type_is_known_by_its_fields) {
  auto json = byte_pair();
  json["model"].erase("type");
  EXPECT_EQ(ids_of(json, "abc"), (Ids{6}));
  json = unigram();
  json["model"].erase("type");
  EXPECT_EQ(ids_of(json, "abc"), (Ids{1, 4}));
  EXPECT_EQ(Tokenizer::parse(tokenizer_of({{"vocab", {{"a", 1}}}}).dump()).status().code(), Code::kUnsupported);
}

TEST(Tokenizer, ids_of_tokens_are_found_by_their_text) {
  auto json = byte_pair();
  json["added_tokens"] = {{{"id", 8}, {"content", "<end>"}, {"special", true}},
                          {{"id", 9}, {"content", "cat"}, {"special", false}}};
  json["post_processor"] = {{"type", "RobertaProcessing"}, {"cls", {"a", 1}}, {"sep", {"<end>", 8}}};
  json["padding"] = {{"pad_id", 3}, {"direction", "Right"}};
  const auto tokenizer = parsed(json);
  EXPECT_EQ(tokenizer.id_of("<end>"), 8);
  EXPECT_EQ(tokenizer.id_of("cat"), 9);
  EXPECT_EQ(tokenizer.id_of("abc"), 6);
  EXPECT_EQ(tokenizer.id_of("nowhere"), std::nullopt);
  EXPECT_EQ(tokenizer.special_ids(), (Ids{1, 8}));
  EXPECT_EQ(tokenizer.special_count(), 2U);
  EXPECT_EQ(tokenizer.pad_id(), 3);
}

TEST(Tokenizer, steps_that_make_no_sense_are_refused_with_their_path) {
  const auto json = byte_pair();
  const auto replace = [](const Json& pattern) {
    return Json{{"type", "Replace"}, {"pattern", pattern}, {"content", ""}};
  };
  const auto metaspace = [](const char* mark) { return Json{{"type", "Metaspace"}, {"replacement", mark}}; };
  expect_refused(json, "/normalizer", replace({{"Regex", "(a"}}), Code::kUnreadable, "normalizer.pattern.Regex");
  expect_refused(json, "/normalizer", replace({{"Glob", "*"}}), Code::kUnreadable, "normalizer.pattern");
  expect_refused(json, "/normalizer", {{"type", "Precompiled"}, {"precompiled_charsmap", "%%"}}, Code::kUnreadable,
                 "base64");
  expect_refused(json, "/normalizer", {{"type", "Precompiled"}, {"precompiled_charsmap", "/////w=="}},
                 Code::kUnreadable, "trie");
  expect_refused(json, "/normalizer", sequence("normalizers", {{{"type", "NFC"}}, {{"type", "New"}}}),
                 Code::kUnsupported, "normalizer.normalizers[1]: 'New'");
  expect_refused(json, "/pre_tokenizer", metaspace("ab"), Code::kUnreadable, "pre_tokenizer.replacement");
  expect_refused(json, "/pre_tokenizer", {{"type", "Split"}, {"pattern", {{"String", "a"}}}, {"behavior", "Shuffled"}},
                 Code::kUnsupported, "pre_tokenizer.behavior: 'Shuffled'");
  expect_refused(json, "/post_processor",
                 sequence("processors", {{{"type", "BertProcessing"}, {"cls", {"a", 1}}, {"sep", {"a", 1}}},
                                         {{"type", "TemplateProcessing"}}}),
                 Code::kUnsupported, "post_processor.processors[1]");
}

TEST(Tokenizer, lists_of_steps_are_read_up_to_their_limits) {
  const Json step = {{"type", "NFC"}};
  EXPECT_TRUE(
      refusal(byte_pair(), "/normalizer", sequence("normalizers", Json(limits::kTokenizerStepsMax, step))).is_ok());
  expect_refused(byte_pair(), "/normalizer", sequence("normalizers", Json(limits::kTokenizerStepsMax + 1, step)),
                 Code::kLimit, "normalizer.normalizers");
  Json nested = step;
  for (std::size_t i = 0; i < limits::kTokenizerDepthMax; ++i) nested = sequence("normalizers", Json::array({nested}));
  EXPECT_TRUE(refusal(byte_pair(), "/normalizer", nested).is_ok());
  expect_refused(byte_pair(), "/normalizer", sequence("normalizers", Json::array({nested})), Code::kLimit, "deeper");
}

TEST(Tokenizer, a_hostile_text_or_pattern_ends_at_a_limit_and_not_after_hours) {
  const std::string blanks(limits::kTextQueryBytesMax, ' ');
  const std::string letters(limits::kTextQueryBytesMax, 'a');
  auto json = byte_pair();
  const auto split = [](const char* regex) {
    return Json{{"type", "Split"}, {"pattern", {{"Regex", regex}}}, {"behavior", "Isolated"}, {"invert", false}};
  };
  json["pre_tokenizer"] = split("(a+)+b");
  EXPECT_EQ(parsed(json).encode(letters, 8).status().code(), Code::kLimit);
  // What CLIP, GPT-2 and Llama 3 look for is found in any text.
  for (const char* pattern :
       {R"('s|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+)", R"(\s*[\r\n]+|\s+(?!\S)|\s+)", R"( ?\p{L}+|\s+(?!\S)|\s+)"}) {
    json["pre_tokenizer"] = split(pattern);
    for (const auto& text : {blanks, letters, std::string(blanks).replace(blanks.size() - 1, 1, "a")}) {
      EXPECT_TRUE(parsed(json).encode(text, 8).is_ok()) << pattern;
    }
  }
  json = byte_pair();
  json["normalizer"] = {{"type", "Replace"},
                        {"pattern", {{"String", "a"}}},
                        {"content", std::string(limits::kNormalisedBytesMax / limits::kTextQueryBytesMax, 'b')}};
  EXPECT_TRUE(parsed(json).encode(letters, 8).is_ok());
  json["normalizer"]["content"] = json["normalizer"]["content"].get<std::string>() + "b";
  EXPECT_EQ(parsed(json).encode(letters, 8).status().code(), Code::kLimit);
}

TEST(Tokenizer, one_word_of_the_whole_text_is_taken_apart_by_every_model) {
  const std::string letters(limits::kTextQueryBytesMax, 'a');
  auto json = byte_pair();
  json["model"]["vocab"]["aa"] = 8;
  json["model"]["vocab"]["aaaa"] = 9;
  json["model"]["merges"] = {"a a", "aa aa"};
  EXPECT_EQ(parsed(json).encode(letters, limits::kTokensMax)->ids, Ids(limits::kTokensMax, 9));
  json = unigram();
  json["model"]["vocab"].push_back({std::string(256, 'a'), -2.0});
  EXPECT_EQ(parsed(json).encode(letters, limits::kTokensMax)->ids, Ids(limits::kTextQueryBytesMax / 256, 6));
}

TEST(WordCache, words_up_to_the_limit_are_remembered_and_give_way_to_others) {
  WordCache cache;
  Ids ids;
  cache.put(std::string(limits::kCachedWordBytesMax, 'a'), Ids{1, 2});
  cache.put(std::string(limits::kCachedWordBytesMax + 1, 'a'), Ids{3});
  EXPECT_TRUE(cache.get(std::string(limits::kCachedWordBytesMax, 'a'), ids));
  EXPECT_FALSE(cache.get(std::string(limits::kCachedWordBytesMax + 1, 'a'), ids));
  EXPECT_EQ(ids, (Ids{1, 2}));
  std::size_t remembered = 0;
  for (std::int64_t i = 0; i < 3 * limits::kCachedWordsMax; ++i) cache.put("word" + std::to_string(i), Ids{i});
  for (std::int64_t i = 0; i < 3 * limits::kCachedWordsMax; ++i) {
    Ids found;
    if (!cache.get("word" + std::to_string(i), found)) continue;
    ++remembered;
    ASSERT_EQ(found, Ids{i});
  }
  EXPECT_LE(remembered, limits::kCachedWordsMax);
  EXPECT_GT(remembered, limits::kCachedWordsMax / 2);
}

TEST(Tokenizer, threads_that_share_one_get_the_same_ids) {
  auto json = byte_pair();
  json["pre_tokenizer"] = {
      {"type", "Split"}, {"pattern", {{"Regex", "z+"}}}, {"behavior", "Isolated"}, {"invert", false}};
  const auto tokenizer = parsed(json);
  const auto work = [&](std::size_t first) {
    for (std::size_t i = 0; i < 2000; ++i) {
      const std::string text = std::string((first + i) % 50, 'a') + "bc";
      const auto tokens = tokenizer.encode(text, 128);
      ASSERT_TRUE(tokens.is_ok());
      ASSERT_EQ(tokens->ids.size(), (first + i) % 50 == 0 ? 1U : (first + i) % 50);
    }
  };
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < 4; ++i) threads.emplace_back(work, 13 * i);
  for (auto& thread : threads) thread.join();
}

}  // namespace
}  // namespace pictor
