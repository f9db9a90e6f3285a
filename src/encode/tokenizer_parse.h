// The parts of a tokenizer.json, each read on its own: what Tokenizer::parse puts together.
//
// All of them throw Refused (tokenizer_json.h).
#pragma once

#include <memory>
#include <vector>

#include "encode/normalizer.h"
#include "encode/pre_tokenizer.h"
#include "encode/token_model.h"
#include "encode/tokenizer_json.h"

namespace pictor {

std::vector<NormalizerStep> parse_normalizer(const JsonView& part);
std::vector<PreTokenizerStep> parse_pre_tokenizer(const JsonView& part);

struct ParsedModel {
  SharedVocabulary vocabulary;
  std::size_t size = 0;  // as the reference counts: added tokens that the vocabulary lacks get the ids from here on
  std::unique_ptr<TokenModel> model;
};
ParsedModel parse_model(const JsonView& part);

}  // namespace pictor
