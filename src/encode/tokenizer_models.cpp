// Reads the model of a tokenizer.json.
#include "encode/tokenizer_parse.h"

namespace pictor {
namespace {

// Files of the first years have no type: the fields tell.
std::string model_type(const JsonView& part) {
  if (part.has("type")) return part.type();
  if (part.has("merges")) return "BPE";
  if (part.has("max_input_chars_per_word")) return "WordPiece";
  if (part.has("vocab") && part.field("vocab").is_list()) return "Unigram";
  part.refuse(Code::kUnsupported, "has no field 'type' and is none of 'BPE', 'WordPiece', 'Unigram'");
}

std::string text_or_empty(const JsonView& view) { return view.is_null() ? "" : view.text(limits::kTokenBytesMax); }

ParsedModel word_piece(const JsonView& part) {
  WordPieceParts parts;
  parts.unknown = part.field("unk_token").text(limits::kTokenBytesMax);
  parts.continuing_prefix = part.field("continuing_subword_prefix").text(limits::kTokenBytesMax);
  parts.word_chars_max =
      static_cast<std::size_t>(part.field("max_input_chars_per_word").whole(1, limits::kWordCharsMax));
  ParsedModel out;
  out.vocabulary = std::make_shared<const Vocabulary>(part.field("vocab").vocabulary());
  out.size = out.vocabulary->size();
  out.model = accepted(make_word_piece(out.vocabulary, parts), part);
  return out;
}

ParsedModel byte_pair(const JsonView& part) {
  const auto dropout = part.field_or_null("dropout");
  if (!dropout.is_null() && dropout.number() != 0.0) {
    dropout.refuse(Code::kUnsupported, "makes ids a matter of chance: a tokenizer with 'dropout' is not read");
  }
  BytePairParts parts;
  parts.continuing_prefix = text_or_empty(part.field_or_null("continuing_subword_prefix"));
  parts.end_of_word_suffix = text_or_empty(part.field_or_null("end_of_word_suffix"));
  const auto unknown = part.field_or_null("unk_token");
  if (!unknown.is_null()) parts.unknown = unknown.text(limits::kTokenBytesMax);
  parts.fuse_unknown = part.flag("fuse_unk", false);
  parts.byte_fallback = part.flag("byte_fallback", false);
  parts.ignore_merges = part.flag("ignore_merges", false);
  parts.merges = part.field("merges").merges();
  ParsedModel out;
  out.vocabulary = std::make_shared<const Vocabulary>(part.field("vocab").vocabulary());
  out.size = out.vocabulary->size();
  out.model = accepted(make_byte_pair(out.vocabulary, std::move(parts)), part);
  return out;
}

ParsedModel unigram(const JsonView& part) {
  UnigramParts parts;
  parts.pieces = part.field("vocab").scored_texts();
  parts.byte_fallback = part.flag("byte_fallback", false);
  if (parts.pieces.empty()) part.field("vocab").refuse(Code::kUnreadable, "has no tokens");
  const auto unknown = part.field_or_null("unk_id");
  if (!unknown.is_null()) {
    parts.unknown = static_cast<std::size_t>(unknown.whole(0, static_cast<std::int64_t>(parts.pieces.size()) - 1));
  }
  auto vocabulary = std::make_shared<Vocabulary>();
  for (std::size_t id = 0; id < parts.pieces.size(); ++id) {
    vocabulary->insert_or_assign(parts.pieces[id].first, static_cast<std::int64_t>(id));
  }
  ParsedModel out;
  out.vocabulary = vocabulary;
  out.size = parts.pieces.size();
  out.model = make_unigram(out.vocabulary, parts);
  return out;
}

}  // namespace

ParsedModel parse_model(const JsonView& part) {
  const auto type = model_type(part);
  if (type == "WordPiece") return word_piece(part);
  if (type == "BPE") return byte_pair(part);
  if (type == "Unigram") return unigram(part);
  part.refuse_unsupported(type, "'BPE', 'WordPiece', 'Unigram'");
}

}  // namespace pictor
