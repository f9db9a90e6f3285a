// libFuzzer: bytes up to the first zero byte are a tokenizer.json (when empty: a small good one), the rest is a text.
#include <algorithm>
#include <cstdlib>

#include "encode/tokenizer.h"
#include "encode/unicode.h"

namespace {

constexpr std::string_view kGood = R"({
  "version": "1.0",
  "added_tokens": [{"id": 1, "content": "[CLS]", "special": true}, {"id": 9, "content": "zé", "normalized": true},
                   {"id": 8, "content": "<m>", "special": true, "lstrip": true, "rstrip": true}],
  "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "lowercase": true},
  "pre_tokenizer": {"type": "BertPreTokenizer"},
  "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 2], "cls": ["[CLS]", 1]},
  "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 10,
            "vocab": {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "cat": 3, "##s": 4, "a": 5, "!": 6, "##a": 7}}})";

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  const auto zero = std::min(all.find('\0'), all.size());
  const auto json = zero == 0 ? kGood : all.substr(0, zero);
  const auto text = zero < all.size() ? all.substr(zero + 1) : std::string_view();
  const auto tokenizer = pictor::Tokenizer::parse(json);
  if (!tokenizer.is_ok()) {
    if (zero == 0) std::abort();
    return 0;
  }
  constexpr std::size_t kLimit = 64;
  const auto tokens = tokenizer->encode(text, kLimit);
  std::size_t bad_at = 0;
  if (tokens.is_ok()) {
    if (tokens->ids.size() > kLimit || tokens->ids.size() < tokenizer->special_count()) std::abort();
    for (const auto id : tokens->ids) {
      if (id < 0 || id > tokenizer->id_max()) std::abort();
    }
  } else if (tokenizer->special_count() <= kLimit && pictor::unicode::from_utf8(text, bad_at) &&
             text.size() <= pictor::limits::kTextQueryBytesMax) {
    std::abort();
  }
  return 0;
}
