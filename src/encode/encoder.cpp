#include <algorithm>
#include <map>
#include <mutex>

#include "encode/card.h"
#include "encode/encode.h"
#include "encode/towers.h"
#include "encode/weights.h"
#include "observe/observe.h"

namespace pictor {
namespace {

// Made when first asked for; asked for again after a failure, it is tried again.
template <typename T>
class Lazy {
 public:
  template <typename Make>
  Result<const T*> get(const Make& make) {
    const std::lock_guard lock(mutex_);
    if (!value_) {
      PICTOR_ASSIGN(value_, make());
    }
    return static_cast<const T*>(value_.get());
  }

 private:
  std::mutex mutex_;
  std::unique_ptr<T> value_;
};

class CardEncoder final : public Encoder {
 public:
  CardEncoder(Env& env, CardDetails details, std::string folder, const Runtime& runtime, const EncoderOptions& options)
      : details_(std::move(details)),
        place_{env, runtime, std::move(folder), {options.threads, options.parallel, options.cache_folder}} {}

  const EncoderCard& card() const override { return details_.card; }
  std::string isa_class() const override { return place_.runtime.isa_class(); }
  std::string runtime_name() const override { return place_.runtime.name(); }
  std::size_t pass_pictures() const override { return ImageEncoder::pass_pictures(card()); }
  Result<std::vector<std::vector<float>>> encode_images(std::span<const float> tensors, std::size_t n) const override;
  Result<EncodedImages> encode_images_with_tokens(std::span<const float> tensors, std::size_t n) const override;
  Result<std::vector<float>> encode_texts(std::span<const std::string> texts, std::string_view head) const override;
  Result<bool> text_is_cut(std::string_view text) const override;

 private:
  Result<EncodedImages> encode_all(std::span<const float> tensors, std::size_t n, bool with_tokens) const;
  Result<EncodedImages> run(const ImageEncoder& tower, std::span<const float> tensors, std::size_t n,
                            bool with_tokens) const;
  Result<const ImageEncoder*> image_tower(bool with_tokens) const;
  Status check_same_vectors(const ImageEncoder& plain, const ImageEncoder& with_grid) const;
  Result<const Tokenizer*> tokenizer() const;

  CardDetails details_;
  TowerPlace place_;
  mutable Lazy<ImageEncoder> image_, image_with_grid_;
  mutable Lazy<TextEncoder> text_;
  mutable Lazy<Tokenizer> tokenizer_;
};

Result<std::vector<std::vector<float>>> CardEncoder::encode_images(std::span<const float> tensors,
                                                                   std::size_t n) const {
  PICTOR_ASSIGN(auto out, encode_all(tensors, n, false));
  return std::move(out.heads);
}

Result<EncodedImages> CardEncoder::encode_images_with_tokens(std::span<const float> tensors, std::size_t n) const {
  if (card().grid.numbers() != 0) return encode_all(tensors, n, true);
  return Status(Code::kUnsupported,
                "encoder '" + card().name + "' has no patch tokens: no output that its card names is tokens or a map");
}

Result<EncodedImages> CardEncoder::encode_all(std::span<const float> tensors, std::size_t n, bool with_tokens) const {
  if (!details_.image) return Status(Code::kInvalid, "encoder '" + card().name + "' takes no pictures");
  const auto& prepare = card().prepare;
  const std::size_t size = std::size_t{3} * prepare.width * prepare.height;
  if (tensors.size() != n * size) {
    return Status(Code::kInvalid, std::to_string(n) + " pictures for encoder '" + card().name + "' are " +
                                      std::to_string(n * size) + " numbers, " + std::to_string(tensors.size()) +
                                      " were given");
  }
  PICTOR_ASSIGN(const auto* tower, image_tower(with_tokens));
  PICTOR_ASSIGN(auto out, run(*tower, tensors, n, with_tokens));
  Metrics::global().add(metric::kEncodePictures, static_cast<double>(n));
  return out;
}

Result<const ImageEncoder*> CardEncoder::image_tower(bool with_tokens) const {
  auto plain = image_.get([this] { return ImageEncoder::load(place_, details_); });
  if (!plain.is_ok() || !with_tokens || details_.is_read(details_.grid_output)) return plain;
  return image_with_grid_.get([&]() -> Result<std::unique_ptr<ImageEncoder>> {
    PICTOR_ASSIGN(auto tower, ImageEncoder::load(place_, details_, true));
    PICTOR_TRY(check_same_vectors(**plain, *tower));
    return tower;
  });
}

// One more output is another network to the run time, and it may join other operations together. A SpaceId does not
// know of tokens, so the vectors must have the same bits with and without: tried on a few pictures.
Status CardEncoder::check_same_vectors(const ImageEncoder& plain, const ImageEncoder& with_grid) const {
  constexpr std::size_t kProbes = 4;
  const auto& prepare = card().prepare;
  std::vector<float> tensors(kProbes * 3 * prepare.width * prepare.height);
  std::uint32_t state = 1;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    state = state * 1664525U + 1013904223U;
    tensors[i] = static_cast<float>(state >> 16) / 32768.0F - 1.0F;
    if (i % 64 != 0) tensors[i] = tensors[i] / 4 + tensors[i - 1] * 3 / 4;  // neighbours are alike, as in pictures
  }
  PICTOR_ASSIGN(const auto wanted, run(plain, tensors, kProbes, false));
  PICTOR_ASSIGN(const auto seen, run(with_grid, tensors, kProbes, true));
  if (seen.heads == wanted.heads) return Status::ok();
  return {Code::kUnsupported, "encoder '" + card().name + "' makes other vectors when its output '" +
                                  details_.grid_output + "' is asked for too: tokens cannot be kept beside them"};
}

Result<EncodedImages> CardEncoder::run(const ImageEncoder& tower, std::span<const float> tensors, std::size_t n,
                                       bool with_tokens) const {
  const std::size_t size = n == 0 ? 0 : tensors.size() / n;
  EncodedImages out;
  for (const auto& head : card().heads) {
    if (head.images) out.heads.emplace_back(n * head.dim);
  }
  if (with_tokens) out.tokens.resize(n * card().grid.numbers());
  const std::size_t pass = pass_pictures();
  for (std::size_t first = 0; first < n; first += pass) {
    const std::size_t count = std::min(pass, n - first);
    Metrics::global().observe(metric::kEncodeBatchRows, static_cast<double>(count));
    PICTOR_TRY(tower.encode(tensors.subspan(first * size, count * size), count, first, out.heads, out.tokens));
  }
  return out;
}

Result<const Tokenizer*> CardEncoder::tokenizer() const {
  return tokenizer_.get([this]() -> Result<std::unique_ptr<Tokenizer>> {
    PICTOR_ASSIGN(const auto bytes, read_weights(place_.env, *details_.file(details_.text->tokenizer), place_.folder));
    PICTOR_ASSIGN(auto parsed, Tokenizer::parse(as_text(bytes)));
    return std::make_unique<Tokenizer>(std::move(parsed));
  });
}

Result<std::vector<float>> CardEncoder::encode_texts(std::span<const std::string> texts,
                                                     std::string_view head_name) const {
  const auto* head = card().head(head_name);
  if (head == nullptr || !head->texts) {
    return Status(head == nullptr ? Code::kNotFound : Code::kInvalid,
                  "encoder '" + card().name + "' has no head '" + std::string(head_name) + "' that takes texts");
  }
  PICTOR_ASSIGN(const auto* words, tokenizer());
  std::vector<Tokens> tokens(texts.size());
  std::map<std::size_t, std::vector<std::size_t>> buckets;  // padded length -> texts
  for (std::size_t i = 0; i < texts.size(); ++i) {
    auto encoded = words->encode(texts[i], details_.text->tokens_max);
    if (!encoded.is_ok()) return encoded.status().in("text " + std::to_string(i));
    tokens[i] = std::move(encoded).value();
    buckets[TextEncoder::bucket_of(tokens[i].ids.size(), *details_.text)].push_back(i);
  }
  struct Pass {
    std::size_t bucket;
    std::span<const std::size_t> texts;
  };
  std::vector<Pass> passes;
  for (const auto& [bucket, members] : buckets) {
    const std::size_t batch = TextEncoder::pass_texts(bucket, details_);
    for (std::size_t i = 0; i < members.size(); i += batch) {
      passes.push_back({bucket, std::span(members).subspan(i, std::min(batch, members.size() - i))});
    }
  }
  PICTOR_ASSIGN(const auto* tower, text_.get([this] { return TextEncoder::load(place_, details_); }));
  std::vector<float> out(texts.size() * head->dim);
  const auto at = static_cast<std::size_t>(head - card().heads.data());
  for (const auto& pass : passes) {
    Metrics::global().observe(metric::kEncodeBatchRows, static_cast<double>(pass.texts.size()));
    std::vector<const Tokens*> some;
    std::vector<float*> places;
    for (const auto i : pass.texts) {
      some.push_back(&tokens[i]);
      places.push_back(out.data() + i * head->dim);
    }
    PICTOR_TRY(tower->encode(some, pass.bucket, words->pad_id(), at, places));
  }
  Metrics::global().add(metric::kEncodeTexts, static_cast<double>(texts.size()));
  return out;
}

Result<bool> CardEncoder::text_is_cut(std::string_view text) const {
  if (!details_.text) return Status(Code::kInvalid, "encoder '" + card().name + "' takes no texts");
  PICTOR_ASSIGN(const auto* words, tokenizer());
  PICTOR_ASSIGN(const auto tokens, words->encode(text, details_.text->tokens_max));
  return tokens.is_cut;
}

// --- finding encoders ---

constexpr std::string_view kCardSuffix = ".json";
constexpr const char* kAddedCard = "card.json";

// Where a card and its files are.
struct CardPlace {
  std::string name;
  std::string card;
  std::string folder;
};

// Cards of models/, then those of encoders that were added; the first of a name counts.
Result<std::vector<CardPlace>> card_places(Env& env, const EncoderPlaces& places) {
  const auto entries = env.list(places.cards_folder);
  if (!entries.is_ok()) return entries.status().in("the folder of encoder cards");
  std::vector<CardPlace> out;
  for (const auto& entry : *entries) {
    if (entry.kind != FileKind::kFile || !entry.name.ends_with(kCardSuffix)) continue;
    const auto name = entry.name.substr(0, entry.name.size() - kCardSuffix.size());
    // No card's name has a dot: NAME.scales.json and the like belong to tools/models.
    if (name.find('.') != std::string::npos) continue;
    out.push_back({name, join_path(places.cards_folder, entry.name), join_path(places.weights_folder, name)});
  }
  if (places.encoders_folder.empty() || !exists(env, places.encoders_folder)) return out;
  PICTOR_ASSIGN(const auto added, env.list(places.encoders_folder));
  for (const auto& entry : added) {
    const auto folder = join_path(places.encoders_folder, entry.name);
    if (entry.name.front() == '.' || !exists(env, join_path(folder, kAddedCard))) continue;
    if (std::ranges::find(out, entry.name, &CardPlace::name) != out.end()) continue;
    out.push_back({entry.name, join_path(folder, kAddedCard), folder});
  }
  return out;
}

Result<CardDetails> read_card(Env& env, const CardPlace& place) {
  auto bytes = read_file(env, place.card, limits::kCardBytesMax);
  if (!bytes.is_ok()) return bytes.status();
  auto details = parse_card_details(as_text(*bytes));
  if (!details.is_ok()) return details.status().in("'" + place.card + "'");
  details->card.folder = place.folder;
  if (details->card.name == place.name) return details;
  return Status(Code::kUnreadable, "'" + place.card + "': the card's name is '" + details->card.name +
                                       "', by its place it is '" + place.name + "'");
}

}  // namespace

Result<CardDetails> find_card(Env& env, const EncoderPlaces& places, std::string_view name) {
  PICTOR_ASSIGN(const auto all, card_places(env, places));
  const auto found = std::ranges::find(all, name, &CardPlace::name);
  if (found != all.end()) return read_card(env, *found);
  std::string known;
  for (const auto& place : all) known += (known.empty() ? "'" : ", '") + place.name + "'";
  return Status(Code::kNotFound, "encoder '" + std::string(name) + "' is unknown; known are " +
                                     (known.empty() ? "none" : known) + " (cards in '" + places.cards_folder + "')");
}

Result<std::vector<EncoderCard>> list_cards(Env& env, const EncoderPlaces& places) {
  PICTOR_ASSIGN(const auto all, card_places(env, places));
  std::vector<EncoderCard> cards;
  for (const auto& place : all) {
    PICTOR_ASSIGN(auto details, read_card(env, place));
    cards.push_back(std::move(details.card));
  }
  return cards;
}

Result<CardDetails> read_card_details(Env& env, const EncoderPlaces& places, std::string_view name) {
  return find_card(env, places, name);
}

Result<EncoderCard> read_encoder_card(Env& env, const EncoderPlaces& places, std::string_view name) {
  PICTOR_ASSIGN(auto details, find_card(env, places, name));
  return std::move(details.card);
}

Status verify_weights(Env& env, const EncoderPlaces& places, std::string_view name) {
  PICTOR_ASSIGN(const auto details, find_card(env, places, name));
  return check_weights(env, details.card, details.card.folder, true, true).in("encoder '" + std::string(name) + "'");
}

Result<std::unique_ptr<Encoder>> open_encoder(Env& env, const EncoderPlaces& places, std::string_view name,
                                              const Runtime& runtime, const EncoderOptions& options) {
  if (options.threads == 0 || options.parallel == 0 || options.threads * options.parallel > limits::kThreadsMax) {
    return Status(Code::kInvalid, "threads x parallel of an encoder is " +
                                      std::to_string(options.threads * options.parallel) + ", 1 to " +
                                      std::to_string(limits::kThreadsMax) + " are wanted");
  }
  PICTOR_ASSIGN(auto details, find_card(env, places, name));
  const auto folder = details.card.folder;
  const auto weights = check_weights(env, details.card, folder, options.check_hashes, false);
  if (!weights.is_ok()) return weights.in("encoder '" + std::string(name) + "'");
  return std::unique_ptr<Encoder>(std::make_unique<CardEncoder>(env, std::move(details), folder, runtime, options));
}

}  // namespace pictor
