// Patch tokens: which a collection keeps, how they come out of the encoder, and how they are given back.
#include <algorithm>

#include "engine/engine_impl.h"
#include "engine/generated.h"
#include "image/image.h"
#include "observe/observe.h"
#include "vector/vector.h"

namespace pictor {
namespace {

// Encoders of this installation whose cards have a grid.
std::string with_tokens(const std::vector<EncoderCard>& cards) {
  std::string names;
  for (const auto& card : cards) {
    if (card.grid.numbers() != 0) names += (names.empty() ? "'" : ", '") + card.name + "'";
  }
  return names.empty() ? "none of the encoders here has" : "here have " + names;
}

std::string text_of(const TokensSpec& tokens) {
  if (tokens.codec == TokenCodec::kNone) return "no tokens";
  return "tokens as " + codec_name(tokens.codec) + ", " + std::to_string(tokens.grid.dim) + " numbers each";
}

}  // namespace

std::string codec_name(TokenCodec codec) {
  switch (codec) {
    case TokenCodec::kNone: return "none";
    case TokenCodec::kF16: return "f16";
    case TokenCodec::kInt8: return "int8";
  }
  return "none";
}

Result<TokensSpec> tokens_asked(const IngestRequest& request, const EncoderCard& card,
                                const std::vector<EncoderCard>& all) {
  TokensSpec spec;
  for (const auto codec : {TokenCodec::kNone, TokenCodec::kF16, TokenCodec::kInt8}) {
    if (codec_name(codec) == request.tokens) spec.codec = codec;
  }
  const bool none = request.tokens.empty() || request.tokens == "none";
  if (none && request.tokens_dim != 0) return Status(Code::kInvalid, "tokens_dim is for tokens: f16 or int8");
  if (none) return spec;
  if (spec.codec == TokenCodec::kNone) {
    return Status(Code::kInvalid, "tokens are 'none', 'f16' or 'int8', not '" + request.tokens + "'");
  }
  if (card.grid.numbers() == 0) {
    return Status(Code::kUnsupported, "encoder '" + card.name +
                                          "' has no patch tokens to keep: no output that its card names is tokens or a "
                                          "map; " +
                                          with_tokens(all));
  }
  spec.grid = card.grid;
  if (request.tokens_dim > card.grid.dim) {
    return Status(Code::kInvalid, "tokens of encoder '" + card.name + "' have " + std::to_string(card.grid.dim) +
                                      " numbers, " + std::to_string(request.tokens_dim) + " were asked for");
  }
  if (request.tokens_dim != 0) spec.grid.dim = request.tokens_dim;
  return spec;
}

Status check_tokens(const IngestRequest& request, const CollectionSpec& spec, const EncoderCard& card) {
  if (!request.tokens.empty() || request.tokens_dim != 0) {
    IngestRequest wanted = request;
    if (request.tokens.empty()) wanted.tokens = codec_name(spec.tokens.codec);
    PICTOR_ASSIGN(const auto asked, tokens_asked(wanted, card, {}));
    if (asked != spec.tokens) {
      return {Code::kMismatch, "collection '" + spec.name + "' keeps " + text_of(spec.tokens) + ", not " +
                                   text_of(asked) + ": that is decided when it is made; index into another collection"};
    }
  }
  return check_grid(spec, card);
}

Status check_grid(const CollectionSpec& spec, const EncoderCard& card) {
  const auto& grid = spec.tokens.grid;
  const bool fits = grid.height == card.grid.height && grid.width == card.grid.width && grid.dim <= card.grid.dim;
  if (spec.tokens.codec == TokenCodec::kNone || fits) return Status::ok();
  return {Code::kMismatch, "collection '" + spec.name + "' keeps tokens of " + std::to_string(grid.height) + " x " +
                               std::to_string(grid.width) + " places, by its card encoder '" + card.name + "' makes " +
                               std::to_string(card.grid.height) + " x " + std::to_string(card.grid.width) +
                               ": put the former card back"};
}

std::size_t pictures_together(const TokensSpec& kept, const TokenGrid& made, std::size_t pass) {
  if (kept.codec == TokenCodec::kNone || made.numbers() == 0) return limits::kEncodeBatchMax;
  const std::uint64_t fit = limits::kTokenBytesTogetherMax / (made.numbers() * sizeof(float));
  const auto most = static_cast<std::size_t>(std::clamp<std::uint64_t>(fit, 1, limits::kEncodeBatchMax));
  return most > pass ? most - most % pass : most;
}

Result<EncodedImages> encode_for(const Encoder& encoder, const TokensSpec& tokens, std::span<const float> tensors,
                                 std::size_t n) {
  if (tokens.codec != TokenCodec::kNone) return encoder.encode_images_with_tokens(tensors, n);
  PICTOR_ASSIGN(auto heads, encoder.encode_images(tensors, n));
  return EncodedImages{std::move(heads), {}};
}

Status keep_tokens(const EncodedImages& made, const Encoder& encoder, const TokensSpec& tokens, std::size_t picture,
                   Bytes& out) {
  if (tokens.codec == TokenCodec::kNone) return Status::ok();
  const auto& grid = encoder.card().grid;
  const auto own = std::span(made.tokens).subspan(picture * grid.numbers(), grid.numbers());
  PICTOR_ASSIGN(out, pack_tokens(tokens.codec, tokens.grid, own, grid.dim));
  return Status::ok();
}

Result<bool> reuse_tokens(const Collection& collection, ItemWrite& write) {
  if (collection.spec().tokens.codec == TokenCodec::kNone) return true;
  auto known = collection.tokens_of_content(write.content);
  if (known.status().code() == Code::kCorrupt) {
    log(LogLevel::kWarning, "tokens_not_reused", {{"source", write.source}, {"cause", known.status().message()}});
    return false;
  }
  PICTOR_TRY(known.status());
  if (!known->has_value()) return false;
  write.tokens = std::move(**known);
  return true;
}

Status try_encoder(const Encoder& encoder, const TokensSpec& tokens) {
  const auto& card = encoder.card();
  std::vector<float> tensor(prepared_size(card.prepare));
  PICTOR_TRY(prepare_image(generated_image(0), card.decode, card.prepare, tensor));
  return encode_for(encoder, tokens, tensor, 1).status();
}

Result<std::optional<StoredTokens>> EngineImpl::tokens(const std::string& collection, const std::string& id) {
  PICTOR_ASSIGN(const auto found, folder_->collection(collection));
  PICTOR_ASSIGN(const auto snapshot, found->snapshot());
  PICTOR_ASSIGN(const auto item, snapshot->find(id, false));
  if (!item.has_value()) return std::optional<StoredTokens>();
  PICTOR_ASSIGN(const auto packed, snapshot->tokens(item->row));
  if (!packed.has_value()) return std::optional<StoredTokens>();
  const auto& spec = found->spec().tokens;
  StoredTokens out{spec.grid, codec_name(spec.codec), {}};
  PICTOR_ASSIGN(out.numbers, unpack_tokens(spec.codec, spec.grid, *packed));
  return std::optional(std::move(out));
}

}  // namespace pictor
