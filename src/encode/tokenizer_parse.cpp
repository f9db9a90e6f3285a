#include "encode/tokenizer_parse.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "encode/tokenizer.h"
#include "encode/unicode.h"

namespace pictor {

class TokenizerParser {
 public:
  explicit TokenizerParser(const JsonView& root) : root_(root) {}

  Tokenizer parse() {
    out_.normalizer_ = parse_normalizer(root_.field_or_null("normalizer"));
    out_.pre_tokenizer_ = parse_pre_tokenizer(root_.field_or_null("pre_tokenizer"));
    auto parsed = parse_model(root_.field("model"));
    out_.vocabulary_ = std::move(parsed.vocabulary);
    out_.model_ = std::move(parsed.model);
    out_.cache_ = std::make_unique<WordCache>();
    for (const auto& [token, id] : *out_.vocabulary_) see(id);
    added_tokens(static_cast<std::int64_t>(parsed.size));
    post_processor(root_.field_or_null("post_processor"), 0);
    truncation_and_padding();
    auto& special = out_.special_ids_;
    special.insert(special.end(), out_.before_.begin(), out_.before_.end());
    special.insert(special.end(), out_.after_.begin(), out_.after_.end());
    std::ranges::sort(special);
    special.erase(std::unique(special.begin(), special.end()), special.end());
    return std::move(out_);
  }

 private:
  struct Added {
    AddedToken token;
    bool is_special = false;
    bool is_normalised = false;
  };

  std::int64_t see(std::int64_t id) {
    out_.id_max_ = std::max(out_.id_max_, id);
    return id;
  }

  Added added_token(const JsonView& item) {
    Added added;
    const auto content = item.field("content");
    added.token.content = content.text(limits::kTokenBytesMax);
    added.token.single_word = item.flag("single_word", false);
    added.token.strip_left = item.flag("lstrip", false);
    added.token.strip_right = item.flag("rstrip", false);
    added.is_special = item.flag("special", false);
    added.is_normalised = item.flag("normalized", !added.is_special);
    item.field("id").id();
    return added;
  }

  // Ids are those that the reference gives: what the vocabulary has, else the next free one. The file's own are read,
  // but a reader of the reference never sees them.
  void added_tokens(std::int64_t model_size) {
    const auto list = root_.field_or_null("added_tokens");
    if (list.is_null()) return;
    const std::size_t count = list.list_size(limits::kAddedTokensMax);
    std::map<std::int64_t, Added> by_id;
    std::int64_t next_id = model_size;
    for (std::size_t i = 0; i < count; ++i) {
      auto added = added_token(list.at(i));
      if (added.token.content.empty()) continue;
      const auto known = out_.id_of(added.token.content);
      const std::int64_t id = see(known ? *known : next_id++);
      out_.added_ids_.insert_or_assign(added.token.content, id);
      if (added.is_special) out_.special_ids_.push_back(id);
      added.token.id = id;
      by_id.insert_or_assign(id, std::move(added));
    }
    std::vector<AddedToken> raw;
    std::vector<AddedToken> normalised;
    for (auto& [id, added] : by_id) {
      if (added.is_normalised) {
        TextOnWay text{added.token.content, 0};
        const auto done = normalise_text(out_.normalizer_, text);
        if (!done.is_ok()) list.refuse(done.code(), done.message());
        added.token.content = std::move(text.bytes);
      }
      if (!added.token.content.empty()) (added.is_normalised ? normalised : raw).push_back(std::move(added.token));
    }
    out_.raw_added_ = distinct(std::move(raw));
    out_.normalised_added_ = distinct(std::move(normalised));
  }

  // Of two that are looked for as the same text the first stands: the reference takes either.
  static AddedTokens distinct(std::vector<AddedToken> tokens) {
    std::map<std::string, AddedToken> first;
    for (auto& token : tokens) first.try_emplace(token.content, token);
    tokens.clear();
    for (auto& [content, token] : first) tokens.push_back(std::move(token));
    return AddedTokens(std::move(tokens));
  }

  void post_processor(const JsonView& part, std::size_t depth) {
    if (part.is_null()) return;
    const auto type = part.type();
    if (type == "ByteLevel") return;  // trims places in the text, which nobody asks for here
    if (type == "Sequence") {
      if (depth == limits::kTokenizerDepthMax) part.refuse(Code::kLimit, "lies too deep");
      const auto items = part.field("processors");
      const std::size_t count = items.list_size(limits::kTokenizerStepsMax);
      for (std::size_t i = 0; i < count; ++i) post_processor(items.at(i), depth + 1);
      return;
    }
    if (has_wrapped_) part.refuse(Code::kUnsupported, "is a second processor that sets tokens around a text");
    has_wrapped_ = true;
    if (type == "BertProcessing" || type == "RobertaProcessing") {
      out_.before_.push_back(pair_id(part.field("cls")));
      out_.after_.push_back(pair_id(part.field("sep")));
    } else if (type == "TemplateProcessing") {
      template_processing(part);
    } else {
      part.refuse_unsupported(type,
                              "'TemplateProcessing', 'BertProcessing', 'RobertaProcessing', 'ByteLevel', 'Sequence'");
    }
  }

  std::int64_t pair_id(const JsonView& pair) {
    if (pair.list_size(2) != 2) pair.refuse(Code::kUnreadable, "is not a pair of a token and its id");
    return see(pair.at(1).id());
  }

  void template_processing(const JsonView& part) {
    const auto steps = part.field("single");
    const std::size_t count = steps.list_size(limits::kTemplateStepsMax);
    std::size_t sequences = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const auto step = steps.at(i);
      if (step.has("Sequence")) {
        ++sequences;
        continue;
      }
      const auto name = step.field("SpecialToken").field("id").text(limits::kTokenBytesMax);
      const auto ids = part.field("special_tokens").field(name.c_str()).field("ids");
      const std::size_t ids_count = ids.list_size(limits::kTemplateStepsMax);
      for (std::size_t k = 0; k < ids_count; ++k) {
        (sequences == 0 ? out_.before_ : out_.after_).push_back(see(ids.at(k).id()));
      }
    }
    if (sequences != 1) {
      steps.refuse(Code::kUnsupported,
                   "a template with one sequence is wanted, this one has " + std::to_string(sequences));
    }
  }

  // How long a text may be is the card's to say; here only the side that is cut or filled, and what fills up.
  void truncation_and_padding() {
    for (const char* name : {"truncation", "padding"}) {
      const auto part = root_.field_or_null(name);
      if (part.is_null()) continue;
      const auto direction = part.field_or_null("direction");
      if (direction.is_null()) continue;
      const auto side = direction.text(limits::kShortTextBytesMax);
      if (side != "Right") direction.refuse_unsupported(side, "'Right'");
    }
    const auto padding = root_.field_or_null("padding");
    if (!padding.is_null() && padding.has("pad_id")) out_.pad_id_ = see(padding.field("pad_id").id());
  }

  const JsonView& root_;
  Tokenizer out_;
  bool has_wrapped_ = false;
};

Result<Tokenizer> Tokenizer::parse(std::string_view json) {
  if (json.size() > limits::kTokenizerBytesMax) {
    return Status(Code::kLimit, "tokenizer: " + std::to_string(json.size()) + " bytes, at most " +
                                    std::to_string(limits::kTokenizerBytesMax) + " are read");
  }
  try {
    const auto document = nlohmann::json::parse(json);
    const JsonView root(&document, "");
    if (!document.is_object()) root.refuse(Code::kUnreadable, "the document is not a JSON object");
    return TokenizerParser(root).parse();
  } catch (const Refused& refused) {
    return refused.status;
  } catch (const nlohmann::json::exception& error) {
    return Status(Code::kUnreadable, std::string("tokenizer: ") + error.what());
  }
}

}  // namespace pictor
