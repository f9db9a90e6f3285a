#include "encode/vector_causes.h"

#include <algorithm>
#include <cmath>

#include "encode/numbers.h"

namespace pictor {
namespace {

// One vector that a network's numbers could have become.
struct Candidate {
  std::string words;
  std::vector<double> numbers;
};

void add_mean(const std::string& name, const char* words, std::span<const float> rows, std::size_t count,
              std::size_t dim, std::vector<Candidate>& out) {
  if (count == 0) return;
  Candidate one{"output '" + name + "', " + words, std::vector<double>(dim)};
  mean_of_rows(rows, count, one.numbers);
  out.push_back(std::move(one));
}

void add_row(const std::string& name, const char* words, std::span<const float> rows, std::size_t row, std::size_t dim,
             std::vector<Candidate>& out) {
  const auto numbers = rows.subspan(row * dim, dim);
  out.push_back({"output '" + name + "', " + words, {numbers.begin(), numbers.end()}});
}

// 1 x tokens x dim, of a picture or a text.
void add_poolings(const OutputTensor& output, const Tokens* tokens, std::int64_t end_id, std::vector<Candidate>& out) {
  const auto count = static_cast<std::size_t>(output.shape[1]), dim = static_cast<std::size_t>(output.shape[2]);
  const std::span<const float> rows(output.values);
  if (count < 2) return add_row(output.name, "its only token", rows, 0, dim, out);
  add_row(output.name, "the first token (cls)", rows, 0, dim, out);
  add_row(output.name, "the last position", rows, count - 1, dim, out);
  add_mean(output.name, "the mean of all positions", rows, count, dim, out);
  add_mean(output.name, "the mean without the first token", rows.subspan(dim), count - 1, dim, out);
  if (tokens != nullptr) {
    const std::size_t used = std::min(tokens->ids.size(), count);
    add_mean(output.name, "the mean over the mask", rows, used, dim, out);
    if (used > 0) add_row(output.name, "the last token of the text", rows, used - 1, dim, out);
    // An output may have fewer positions than the text has tokens.
    const auto ids = std::span(tokens->ids).first(used);
    const auto end = std::ranges::find(ids, end_id);
    if (end != ids.end()) {
      add_row(output.name, "the end-of-text token", rows, static_cast<std::size_t>(end - ids.begin()), dim, out);
    }
    return;
  }
  // The first token and the mean of the others, one after the other: DINOv2's linear evaluation.
  auto joined = out[out.size() - 4].numbers;
  joined.insert(joined.end(), out.back().numbers.begin(), out.back().numbers.end());
  out.push_back({"output '" + output.name + "', the first token and the mean of the others joined", joined});
}

void add_map(const OutputTensor& output, std::vector<Candidate>& out) {
  const auto bands = static_cast<std::uint32_t>(output.shape[1]);
  const ImageOutput shape{OutputKind::kMap,
                          bands,
                          0,
                          0,
                          static_cast<std::uint32_t>(output.shape[2]),
                          static_cast<std::uint32_t>(output.shape[3])};
  Candidate mean{"output '" + output.name + "', the mean of the map", {}};
  pool_image(output.values, shape, Pooling::kMean, mean.numbers);
  out.push_back(std::move(mean));
  const std::size_t places = output.values.size() / bands;
  Candidate most{"output '" + output.name + "', the largest of the map", {}};
  for (std::size_t band = 0; band < bands; ++band) {
    const auto numbers = std::span(output.values).subspan(band * places, places);
    most.numbers.push_back(static_cast<double>(*std::ranges::max_element(numbers)));
  }
  out.push_back(std::move(most));
}

std::vector<Candidate> candidates_of(const OwnStages& stages, const Outputs& outputs, const Tokens* tokens) {
  std::vector<Candidate> out;
  const std::int64_t end_id = stages.details().text ? stages.details().text->end_id : 0;
  for (const auto& output : outputs) {
    const bool one = !output.shape.empty() && output.shape[0] == 1 && !output.values.empty();
    if (one && output.shape.size() == 2) {
      out.push_back({"output '" + output.name + "'", {output.values.begin(), output.values.end()}});
    }
    if (one && output.shape.size() == 3) add_poolings(output, tokens, end_id, out);
    if (one && output.shape.size() == 4) add_map(output, out);
  }
  return out;
}

std::vector<float> narrow(const std::vector<double>& numbers, std::size_t dim) {
  std::vector<float> out(dim);
  for (std::size_t i = 0; i < dim; ++i) out[i] = static_cast<float>(numbers[i]);
  return out;
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return out;
}

std::string trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return "";
  return std::string(text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1));
}

std::string without_punctuation(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool marks =
        (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') || (c >= '{' && c <= '~');
    if (!marks) out += c;
  }
  return out;
}

struct TextVariant {
  const char* words;
  std::string text;
};

// The text as another stack might have it before its tokenizer.
std::vector<TextVariant> text_variants(std::string_view text) {
  return {
      {"the text in lower case first", lower(text)},
      {"spaces around the text taken away first", trimmed(text)},
      {"a space put before the text", " " + std::string(text)},
      {"punctuation taken away first", without_punctuation(text)},
      {"the text in lower case, without punctuation and spaces around it", trimmed(without_punctuation(lower(text)))}};
}

// Without what fills up at the end.
std::vector<std::int64_t> unfilled(std::span<const std::int64_t> ids, std::int64_t filler) {
  std::vector<std::int64_t> out(ids.begin(), ids.end());
  while (out.size() > 1 && out.back() == filler && out[out.size() - 2] == filler) out.pop_back();
  if (!out.empty() && out.back() == filler) out.pop_back();
  return out;
}

}  // namespace

double cosine_of(std::span<const float> a, std::span<const float> b) {
  if (a.size() != b.size()) return -2;
  double ab = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    ab += static_cast<double>(a[i]) * static_cast<double>(b[i]);
    aa += static_cast<double>(a[i]) * static_cast<double>(a[i]);
    bb += static_cast<double>(b[i]) * static_cast<double>(b[i]);
  }
  const double lengths = std::sqrt(aa * bb);
  return lengths > 0 && std::isfinite(lengths) ? ab / lengths : -2;
}

std::vector<std::string> cause_in_network(const OwnStages& stages, const Outputs& outputs, const Tokens* tokens,
                                          std::size_t head, std::span<const float> theirs) {
  const auto& sides = stages.details().heads[head];
  const auto& side = tokens == nullptr ? sides.images : sides.texts;
  const auto& maker = tokens == nullptr ? stages.picture_maker(head) : stages.text_maker(head);
  const bool projected = side.making != HeadMaking::kOutput;
  std::vector<double> scratch;
  for (const auto& candidate : candidates_of(stages, outputs, tokens)) {
    const auto& numbers = candidate.numbers;
    if (projected && numbers.size() == side.numbers) {
      auto pooled = numbers;
      std::vector<float> made(maker.dim());
      const bool same = maker.make(pooled, scratch, made).is_ok() && cosine_of(made, theirs) >= kSameCosine;
      if (same) return {candidate.words + ", through the card's head"};
    }
    if (numbers.size() < theirs.size()) continue;
    if (cosine_of(narrow(numbers, theirs.size()), theirs) < kSameCosine) continue;
    std::vector<std::string> words = {candidate.words};
    if (projected) words.front() += ", before the card's projection";
    if (numbers.size() > theirs.size()) {
      words.push_back("only its first " + std::to_string(theirs.size()) + " of " + std::to_string(numbers.size()) +
                      " numbers");
    } else if (!projected && numbers.size() != stages.details().card.heads[head].dim) {
      words.push_back("all its " + std::to_string(numbers.size()) + " numbers, where the head has " +
                      std::to_string(stages.details().card.heads[head].dim));
    }
    return words;
  }
  return {};
}

std::vector<std::string> cause_in_picture(const OwnStages& stages, const PictureInput& input, const Wanted& theirs) {
  DecodeMemo memo;
  for (const auto& variant : picture_variants(stages.details().card, input, 1, true)) {
    if (variant.changes.empty()) continue;
    const auto tensor = prepare_variant(input, variant, &memo);
    if (!tensor.is_ok()) continue;
    const auto outputs = stages.outputs_of(*tensor);
    if (!outputs.is_ok()) continue;
    if (!theirs.output.empty()) {
      const auto* output = find_output(*outputs, theirs.output);
      if (output != nullptr && cosine_of(output->values, theirs.numbers) >= kSameCosine) return variant.changes;
      continue;
    }
    const auto vector = stages.vector_of(*outputs, theirs.head);
    if (vector.is_ok() && cosine_of(*vector, theirs.numbers) >= kSameCosine) return variant.changes;
  }
  return {};
}

std::vector<std::string> cause_of_tokens(const OwnStages& stages, std::string_view text,
                                         std::span<const std::int64_t> theirs) {
  const auto own = stages.tokens_of(text);
  if (!own.is_ok() || theirs.empty()) return {};
  const auto without = unfilled(theirs, theirs.back());
  const auto ours = unfilled(own->ids, stages.pad_id());
  if (theirs.size() >= 2 && without == unfilled(own->ids, theirs.back())) {
    return {"filled up with " + std::to_string(theirs.back()) + " instead of " + std::to_string(stages.pad_id())};
  }
  for (const auto& variant : text_variants(text)) {
    if (variant.text == text) continue;
    const auto tokens = stages.tokens_of(variant.text);
    if (!tokens.is_ok()) continue;
    for (const auto& filled : {stages.padded(tokens->ids), tokens->ids}) {
      if (std::ranges::equal(filled, theirs)) return {variant.words};
    }
    if (unfilled(tokens->ids, stages.pad_id()) == without) return {variant.words, "filled up otherwise"};
  }
  const auto inside = [](const std::vector<std::int64_t>& all, std::span<const std::int64_t> some) {
    return !some.empty() && std::search(all.begin(), all.end(), some.begin(), some.end()) != all.end();
  };
  if (inside(own->ids, theirs) || (inside(own->ids, without) && without.size() + 2 >= own->ids.size())) {
    return {"without the special tokens around the text"};
  }
  const auto same = std::ranges::mismatch(ours, without);
  const auto equal = static_cast<std::size_t>(same.in1 - ours.begin());
  if (equal + 1 >= std::min(ours.size(), without.size()) && equal > 1 && ours.size() != without.size()) {
    return {"cut at " + std::to_string(theirs.size()) + " tokens instead of " +
            std::to_string(stages.details().text->tokens_max)};
  }
  return {};
}

std::vector<std::string> cause_in_text(const OwnStages& stages, std::string_view text, const Wanted& theirs) {
  for (const auto& variant : text_variants(text)) {
    if (variant.text == text) continue;
    const auto tokens = stages.tokens_of(variant.text);
    if (!tokens.is_ok()) continue;
    const auto outputs = stages.outputs_of(*tokens);
    if (!outputs.is_ok()) continue;
    const auto vector = stages.vector_of(*outputs, *tokens, theirs.head);
    if (vector.is_ok() && cosine_of(*vector, theirs.numbers) >= kSameCosine) return {variant.words};
  }
  return {};
}

}  // namespace pictor
