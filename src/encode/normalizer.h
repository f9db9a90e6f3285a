// The normalizers of a tokenizer.json: each a value, a list of them applied one after the other.
//
// Thread safety: values; applying is const. Cost: linear in the text, which may grow to limits::kNormalisedBytesMax.
#pragma once

#include <span>
#include <string>
#include <variant>

#include "base/base.h"
#include "encode/charsmap.h"
#include "encode/pattern.h"
#include "encode/unicode.h"

namespace pictor {

// A text on its way, and how many of its first bytes come from the first character of what the user sent: a Metaspace
// that is prepended only at the start wants to know. Composition and reordering across that first character count as
// if they stayed within it.
struct TextOnWay {
  std::string bytes;
  std::size_t head_bytes = 0;
};

namespace normalizers {
struct Bert {
  bool clean_text = true;
  bool set_ideographs_apart = true;
  bool strip_accents = true;
  bool lower_case = true;
};
struct Strip {
  bool left = true;
  bool right = true;
};
struct StripAccents {};
struct ToForm {
  unicode::Form form = unicode::Form::kNfc;
};
struct Lowercase {};
struct Nmt {};  // SentencePiece's own: controls out, odd blanks to a blank
struct Precompiled {
  Charsmap map;
};
struct Replace {
  Pattern pattern;
  std::string content;
};
struct Prepend {
  std::string content;
};
struct ByteLevel {};
}  // namespace normalizers

using NormalizerStep =
    std::variant<normalizers::Bert, normalizers::Strip, normalizers::StripAccents, normalizers::ToForm,
                 normalizers::Lowercase, normalizers::Nmt, normalizers::Precompiled, normalizers::Replace,
                 normalizers::Prepend, normalizers::ByteLevel>;

// kLimit when the text grows too long, or a pattern needs too many steps.
Status normalise_text(std::span<const NormalizerStep> steps, TextOnWay& text);

// The printable character that stands for each byte in byte-level tokenizers, appended as UTF-8.
void append_byte_level(std::string_view bytes, std::string& out);

}  // namespace pictor
