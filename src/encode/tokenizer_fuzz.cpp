// libFuzzer: what begins with '{' is, up to the first zero byte, a tokenizer.json, and the rest is a text. Of anything
// else the first byte chooses a good tokenizer, one of every kind of model, which reads the rest.
#include <algorithm>
#include <array>
#include <cstdlib>

#include "encode/tokenizer.h"
#include "encode/unicode.h"

namespace {

using pictor::Tokenizer;

constexpr std::string_view kWordPiece = R"({
  "added_tokens": [{"id": 1, "content": "[CLS]", "special": true}, {"id": 9, "content": "zé", "normalized": true},
                   {"id": 8, "content": "<m>", "special": true, "lstrip": true, "rstrip": true, "single_word": true}],
  "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "lowercase": true},
  "pre_tokenizer": {"type": "BertPreTokenizer"},
  "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 2], "cls": ["[CLS]", 1]},
  "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 10,
            "vocab": {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "cat": 3, "##s": 4, "a": 5, "!": 6, "##a": 7}}})";

constexpr std::string_view kClip = R"({
  "added_tokens": [{"id": 9, "content": "<|end|>", "special": true}],
  "normalizer": {"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "Lowercase"},
                 {"type": "Replace", "pattern": {"Regex": "\\s+"}, "content": " "}]},
  "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
    {"type": "Split", "pattern": {"Regex": "'s|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+"}, "behavior": "Removed", "invert": true},
    {"type": "ByteLevel", "add_prefix_space": false}]},
  "post_processor": {"type": "RobertaProcessing", "sep": ["<|end|>", 8], "cls": ["<|end|>", 8]},
  "model": {"type": "BPE", "unk_token": "u", "end_of_word_suffix": "</w>", "merges": ["a b</w>", "a a", "aa ab</w>"],
            "vocab": {"u": 0, "a": 1, "b": 2, "b</w>": 3, "ab</w>": 4, "aa": 5, "aaab</w>": 6, "a</w>": 7}}})";

constexpr std::string_view kBytes = R"({
  "normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"}, {"type": "NFKD"}, {"type": "StripAccents"},
                 {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}, {"type": "Nmt"}]},
  "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": true}, {"type": "Punctuation"},
                    {"type": "Whitespace"}, {"type": "FixedLength", "length": 3}]},
  "post_processor": {"type": "TemplateProcessing", "single": [{"Sequence": {"id": "A", "type_id": 0}},
                     {"SpecialToken": {"id": "e", "type_id": 0}}], "special_tokens": {"e": {"id": "e", "ids": [0], "tokens": ["e"]}}},
  "model": {"type": "BPE", "unk_token": "u", "fuse_unk": true, "byte_fallback": true, "ignore_merges": true, "merges": [["a", "b"]],
            "vocab": {"u": 0, "a": 1, "b": 2, "ab": 3, "<0x41>": 4, "<0xC3>": 5, "<0xA9>": 6}}})";

// The map of characters takes "a" to "X" and drops U+0001.
constexpr std::string_view kUnigram = R"({
  "normalizer": {"type": "Sequence", "normalizers": [{"type": "Strip", "strip_left": true, "strip_right": false},
                 {"type": "NFKC"}, {"type": "Precompiled", "precompiled_charsmap": "CHARSMAP"}]},
  "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": true},
  "model": {"type": "Unigram", "unk_id": 0, "byte_fallback": true,
            "vocab": [["u", 0.0], ["▁", -2.5], ["X", -3.25], ["▁X", -1.5], ["XX", -4.0], ["<0x62>", -9.0]]}})";

// A trie of 512 units with one entry, "a", that points to "X".
std::string charsmap() {
  std::array<std::uint32_t, 512> units{};
  units[0] = 1U << 10;
  units['a' ^ 1] = 2U << 10 | 256U | 'a';
  units['a' ^ 1 ^ 2] = 1U << 31;
  std::string bytes;
  const auto put = [&](std::uint32_t value) {
    for (int i = 0; i < 4; ++i) bytes.push_back(static_cast<char>(value >> 8 * i & 0xFF));
  };
  put(4 * units.size());
  for (const auto unit : units) put(unit);
  bytes += std::string("X\0", 2);
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  bytes.append((3 - bytes.size() % 3) % 3, '\0');
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const auto byte = [&](std::size_t k) {
      return static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[i + k]));
    };
    const std::uint32_t bits = byte(0) << 16 | byte(1) << 8 | byte(2);
    for (int shift = 18; shift >= 0; shift -= 6) out.push_back(kDigits[bits >> shift & 63]);
  }
  return out;
}

std::vector<Tokenizer> good_tokenizers() {
  std::string unigram(kUnigram);
  unigram.replace(unigram.find("CHARSMAP"), 8, charsmap());
  std::vector<Tokenizer> out;
  for (const std::string_view json : {kWordPiece, kClip, kBytes, std::string_view(unigram)}) {
    auto tokenizer = Tokenizer::parse(json);
    if (!tokenizer.is_ok()) std::abort();
    out.push_back(std::move(tokenizer).value());
  }
  return out;
}

void encode(const Tokenizer& tokenizer, std::string_view text, bool is_good) {
  constexpr std::size_t kLimit = 64;
  const auto tokens = tokenizer.encode(text, kLimit);
  std::size_t bad_at = 0;
  if (tokens.is_ok()) {
    if (tokens->ids.size() > kLimit || tokens->ids.size() < tokenizer.special_count()) std::abort();
    for (const auto id : tokens->ids) {
      if (id < 0 || id > tokenizer.id_max()) std::abort();
    }
    // What is remembered of the first time must not change the second.
    const auto again = tokenizer.encode(text, kLimit);
    if (!again.is_ok() || again->ids != tokens->ids || again->is_cut != tokens->is_cut) std::abort();
  } else if (is_good && pictor::unicode::is_utf8(text, bad_at) && text.size() <= pictor::limits::kTextQueryBytesMax) {
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto kGood = good_tokenizers();
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  if (all.empty()) return 0;
  if (all[0] != '{') {
    encode(kGood[static_cast<unsigned char>(all[0]) % kGood.size()], all.substr(1), true);
    return 0;
  }
  const auto zero = std::min(all.find('\0'), all.size());
  const auto tokenizer = Tokenizer::parse(all.substr(0, zero));
  if (tokenizer.is_ok()) encode(*tokenizer, zero < all.size() ? all.substr(zero + 1) : std::string_view(), false);
  return 0;
}
