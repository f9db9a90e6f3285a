#include <algorithm>
#include <nlohmann/json.hpp>

#include "encode/tokenizer.h"
#include "encode/unicode.h"

namespace pictor {
namespace {

using Json = nlohmann::json;

// Stops the parse with a Status; caught in Tokenizer::parse.
struct Refused {
  Status status;
};

[[noreturn]] void refuse(Code code, const std::string& message) {
  throw Refused{Status(code, "tokenizer: " + message)};
}

const Json& field(const Json& object, const char* name) {
  if (!object.is_object() || !object.contains(name)) refuse(Code::kUnreadable, std::string("no field '") + name + "'");
  return object.at(name);
}

// The field, or null when there is none.
const Json& field_or_null(const Json& object, const char* name) {
  static const Json kNull;
  return object.contains(name) ? object.at(name) : kNull;
}

std::string text_of(const Json& value, const std::string& name) {
  if (!value.is_string()) refuse(Code::kUnreadable, "'" + name + "' is " + value.type_name() + ", a string is wanted");
  return value.get<std::string>();
}

bool flag_of(const Json& object, const char* name, bool fallback) {
  const auto& value = field_or_null(object, name);
  if (value.is_null()) return fallback;
  if (!value.is_boolean()) {
    refuse(Code::kUnreadable, std::string("'") + name + "' is " + value.type_name() + ", true or false is wanted");
  }
  return value.get<bool>();
}

std::int64_t id_of(const Json& value, const std::string& name) {
  if (!value.is_number_unsigned() || value.get<std::uint64_t>() > INT32_MAX) {
    refuse(Code::kUnreadable, "the id of '" + name + "' is not a whole number from 0 to " + std::to_string(INT32_MAX));
  }
  return value.get<std::int64_t>();
}

void want_type(const Json& object, const char* part, const char* wanted) {
  const std::string type = object.is_null() ? "null" : text_of(field(object, "type"), std::string(part) + ".type");
  if (type != wanted) {
    refuse(Code::kUnsupported, std::string(part) + " is '" + type + "', this build reads '" + wanted + "'");
  }
}

}  // namespace

class TokenizerParser {
 public:
  explicit TokenizerParser(const Json& root) : root_(root) {}

  Tokenizer parse() {
    normaliser();
    want_type(field(root_, "pre_tokenizer"), "pre_tokenizer", "BertPreTokenizer");
    model();
    added_tokens();
    post_processor();
    truncation_and_padding();
    return std::move(out_);
  }

 private:
  void normaliser() {
    const auto& part = field(root_, "normalizer");
    want_type(part, "normalizer", "BertNormalizer");
    out_.clean_text_ = flag_of(part, "clean_text", true);
    out_.set_ideographs_apart_ = flag_of(part, "handle_chinese_chars", true);
    out_.lower_case_ = flag_of(part, "lowercase", true);
    out_.strip_accents_ = flag_of(part, "strip_accents", out_.lower_case_);
  }

  void model() {
    const auto& part = field(root_, "model");
    want_type(part, "model", "WordPiece");
    const auto prefix = text_of(field(part, "continuing_subword_prefix"), "continuing_subword_prefix");
    const auto& chars = field(part, "max_input_chars_per_word");
    if (!chars.is_number_unsigned() || chars.get<std::uint64_t>() == 0 ||
        chars.get<std::uint64_t>() > limits::kWordCharsMax) {
      refuse(Code::kUnreadable, "'max_input_chars_per_word' is not from 1 to " + std::to_string(limits::kWordCharsMax));
    }
    out_.word_chars_max_ = chars.get<std::size_t>();
    const auto& vocabulary = field(part, "vocab");
    if (!vocabulary.is_object() || vocabulary.empty()) refuse(Code::kUnreadable, "'vocab' is not a table of tokens");
    for (const auto& [token, value] : vocabulary.items()) {
      const auto id = id_of(value, token);
      out_.starts_.emplace(token, id);
      if (token.starts_with(prefix)) out_.continuations_.emplace(token.substr(prefix.size()), id);
      out_.token_bytes_max_ = std::max(out_.token_bytes_max_, token.size());
      out_.id_max_ = std::max(out_.id_max_, id);
    }
    out_.unknown_id_ = id_in_vocabulary(text_of(field(part, "unk_token"), "unk_token"));
  }

  std::int64_t id_in_vocabulary(const std::string& token) const {
    const auto found = out_.starts_.find(token);
    if (found == out_.starts_.end()) refuse(Code::kUnreadable, "the vocabulary has no '" + token + "'");
    return found->second;
  }

  void added_tokens() {
    const auto& list = field_or_null(root_, "added_tokens");
    if (list.is_null()) return;
    if (!list.is_array() || list.size() > limits::kAddedTokensMax) {
      refuse(Code::kUnreadable,
             "'added_tokens' is not a list of at most " + std::to_string(limits::kAddedTokensMax) + " tokens");
    }
    for (const auto& item : list) {
      const auto content = text_of(field(item, "content"), "added_tokens.content");
      if (content.empty()) continue;
      if (flag_of(item, "single_word", false)) {
        refuse(Code::kUnsupported, "added token '" + content + "' wants single_word, which this build does not read");
      }
      Tokenizer::AddedToken token;
      token.id = id_of(field(item, "id"), content);
      token.strip_left = flag_of(item, "lstrip", false);
      token.strip_right = flag_of(item, "rstrip", false);
      const bool special = flag_of(item, "special", false);
      const bool normalised = flag_of(item, "normalized", !special);
      std::size_t bad_at = 0;
      const auto points = unicode::from_utf8(content, bad_at);
      if (!points) refuse(Code::kUnreadable, "an added token is not UTF-8");
      token.content = normalised ? out_.normalise(*points) : *points;
      out_.id_max_ = std::max(out_.id_max_, token.id);
      if (token.content.empty()) continue;
      (normalised ? out_.normalised_added_ : out_.raw_added_).push_back(std::move(token));
    }
  }

  void post_processor() {
    const auto& part = field(root_, "post_processor");
    if (part.is_null()) return;
    const auto type = text_of(field(part, "type"), "post_processor.type");
    if (type == "BertProcessing") {
      out_.before_.push_back(pair_id(part, "cls"));
      out_.after_.push_back(pair_id(part, "sep"));
    } else if (type == "TemplateProcessing") {
      template_processing(part);
    } else {
      refuse(Code::kUnsupported,
             "post_processor is '" + type + "', this build reads 'TemplateProcessing' and 'BertProcessing'");
    }
  }

  std::int64_t pair_id(const Json& part, const char* name) {
    const auto& pair = field(part, name);
    if (!pair.is_array() || pair.size() != 2) refuse(Code::kUnreadable, std::string("'") + name + "' is not a pair");
    const auto id = id_of(pair[1], name);
    out_.id_max_ = std::max(out_.id_max_, id);
    return id;
  }

  void template_processing(const Json& part) {
    const auto& steps = field(part, "single");
    if (!steps.is_array() || steps.size() > limits::kTemplateStepsMax) {
      refuse(Code::kUnreadable,
             "'single' is not a list of at most " + std::to_string(limits::kTemplateStepsMax) + " steps");
    }
    std::size_t sequences = 0;
    for (const auto& step : steps) {
      if (step.is_object() && step.contains("Sequence")) {
        ++sequences;
        continue;
      }
      const auto name = text_of(field(field(step, "SpecialToken"), "id"), "SpecialToken.id");
      const auto& ids = field(field(field(part, "special_tokens"), name.c_str()), "ids");
      if (!ids.is_array() || ids.size() > limits::kTemplateStepsMax) {
        refuse(Code::kUnreadable, "the ids of special token '" + name + "' are not a short list");
      }
      for (const auto& id : ids) {
        (sequences == 0 ? out_.before_ : out_.after_).push_back(id_of(id, name));
        out_.id_max_ = std::max(out_.id_max_, id.get<std::int64_t>());
      }
    }
    if (sequences != 1) {
      refuse(Code::kUnsupported, "a template with one sequence is wanted, this one has " + std::to_string(sequences));
    }
  }

  // How long a text may be is the card's to say; here only the side that is cut, and what fills up.
  void truncation_and_padding() {
    const auto& truncation = field_or_null(root_, "truncation");
    if (truncation.is_object() && truncation.contains("direction") && truncation.at("direction") != "Right") {
      refuse(Code::kUnsupported, "truncation.direction is not 'Right'");
    }
    const auto& padding = field_or_null(root_, "padding");
    if (padding.is_object() && padding.contains("pad_id")) {
      out_.pad_id_ = id_of(padding.at("pad_id"), "[PAD]");
      out_.id_max_ = std::max(out_.id_max_, out_.pad_id_);
    }
  }

  const Json& root_;
  Tokenizer out_;
};

Result<Tokenizer> Tokenizer::parse(std::string_view json) {
  if (json.size() > limits::kTokenizerBytesMax) {
    return Status(Code::kLimit, "tokenizer: " + std::to_string(json.size()) + " bytes, at most " +
                                    std::to_string(limits::kTokenizerBytesMax) + " are read");
  }
  try {
    const auto root = Json::parse(json);
    if (!root.is_object()) refuse(Code::kUnreadable, "the document is not a JSON object");
    return TokenizerParser(root).parse();
  } catch (const Refused& refused) {
    return refused.status;
  } catch (const nlohmann::json::exception& error) {
    return Status(Code::kUnreadable, std::string("tokenizer: ") + error.what());
  }
}

}  // namespace pictor
