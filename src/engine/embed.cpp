// Vectors of what is asked with: a picture or a text is looked up by its hash, else it is embedded by the encoder's
// batcher, before whatever is indexed meanwhile.
#include "engine/engine_impl.h"
#include "image/image.h"
#include "observe/observe.h"

namespace pictor {
namespace {

VectorMaker maker_of(const Encoder& encoder, const CardHead& head) {
  return {head.space, encoder.isa_class(), encoder.runtime_name()};
}

Result<std::vector<float>> tensor_of(const EncoderCard& card, ByteView file) {
  PICTOR_ASSIGN(const auto decoded,
                timed(QueryStage::kDecode, [&] { return decode_image(file, card.decode, &card.prepare); }));
  const QueryStageTimer timer(QueryStage::kPrepare);
  std::vector<float> tensor(prepared_size(card.prepare));
  PICTOR_TRY(prepare_image(decoded.image, card.decode, card.prepare, tensor));
  return tensor;
}

}  // namespace

Result<std::vector<float>> QueryEmbedder::picture(ByteView file, std::string_view head) const {
  const auto& card = batcher.encoder().card();
  const auto* wanted = card.head(head);
  if (wanted == nullptr || !wanted->images) {
    return Status(wanted == nullptr ? Code::kNotFound : Code::kMismatch,
                  "encoder '" + card.name + "' has no head '" + std::string(head) + "' for pictures");
  }
  const auto content = cache.is_on() ? sha256(file) : Hash256{};
  auto known = cache.find(maker_of(batcher.encoder(), *wanted), VectorOf::kPicture, content);
  if (known) return std::move(*known);
  PICTOR_ASSIGN(const auto tensor, tensor_of(card, file));
  PICTOR_ASSIGN(auto vectors, timed(QueryStage::kEncode, [&] {
                  return batcher.encode_images(tensor, 1, {EncodePriority::kInteractive, deadline_us});
                }));
  std::vector<float> answer;
  std::size_t i = 0;
  for (const auto& one : card.heads) {
    if (!one.images) continue;
    if (&one == wanted) answer = vectors[i];
    cache.add(maker_of(batcher.encoder(), one), VectorOf::kPicture, content, std::move(vectors[i++]));
  }
  return answer;
}

// Not by the batcher, which knows vectors alone.
Result<std::vector<float>> QueryEmbedder::picture_tokens(ByteView file) const {
  const auto& card = batcher.encoder().card();
  PICTOR_ASSIGN(const auto tensor, tensor_of(card, file));
  PICTOR_ASSIGN(auto made,
                timed(QueryStage::kEncode, [&] { return batcher.encoder().encode_images_with_tokens(tensor, 1); }));
  if (!cache.is_on()) return std::move(made.tokens);
  const auto content = sha256(file);
  std::size_t i = 0;
  for (const auto& head : card.heads) {
    if (head.images) {
      cache.add(maker_of(batcher.encoder(), head), VectorOf::kPicture, content, std::move(made.heads[i++]));
    }
  }
  return std::move(made.tokens);
}

Result<std::vector<float>> QueryEmbedder::texts(std::span<const std::string> all, std::string_view head) const {
  const EncodeTerms terms{EncodePriority::kInteractive, deadline_us};
  const auto encoded = [&](std::span<const std::string> some) {
    return timed(QueryStage::kEncode, [&] { return batcher.encode_texts(some, head, terms); });
  };
  const auto* wanted = batcher.encoder().card().head(head);
  if (wanted == nullptr || !wanted->texts || !cache.is_on()) return encoded(all);
  const auto maker = maker_of(batcher.encoder(), *wanted);
  std::vector<float> out(all.size() * wanted->dim);
  std::vector<Hash256> hashes;
  std::vector<std::size_t> places;
  std::vector<std::string> unknown;
  for (std::size_t i = 0; i < all.size(); ++i) {
    hashes.push_back(sha256(as_bytes(all[i])));
    const auto known = cache.find(maker, VectorOf::kText, hashes.back());
    if (known) {
      std::ranges::copy(*known, out.begin() + static_cast<std::ptrdiff_t>(i * wanted->dim));
    } else {
      places.push_back(i);
      unknown.push_back(all[i]);
    }
  }
  if (unknown.empty()) return out;
  PICTOR_ASSIGN(const auto made, encoded(unknown));
  for (std::size_t j = 0; j < places.size(); ++j) {
    const auto begin = made.begin() + static_cast<std::ptrdiff_t>(j * wanted->dim);
    std::vector<float> one(begin, begin + wanted->dim);
    std::ranges::copy(one, out.begin() + static_cast<std::ptrdiff_t>(places[j] * wanted->dim));
    cache.add(maker, VectorOf::kText, hashes[places[j]], std::move(one));
  }
  return out;
}

Result<std::vector<float>> EngineImpl::embed_texts(const std::string& encoder, const std::string& head,
                                                   std::span<const std::string> texts) {
  PICTOR_ASSIGN(const auto batcher, encoders_.batcher(encoder.empty() ? kDefaultEncoder : encoder));
  const QueryEmbedder embedder{*batcher, vectors_, 0};
  for (const auto& known : batcher->encoder().card().heads) {
    if (head.empty() && known.texts) return embedder.texts(texts, known.name);
  }
  return embedder.texts(texts, head);
}

Result<std::vector<float>> EngineImpl::embed_picture(const std::string& encoder, const std::string& head,
                                                     std::span<const std::byte> file) {
  PICTOR_ASSIGN(const auto batcher, encoders_.batcher(encoder.empty() ? kDefaultEncoder : encoder));
  const QueryEmbedder embedder{*batcher, vectors_, 0};
  for (const auto& known : batcher->encoder().card().heads) {
    if (head.empty() && known.images) return embedder.picture(file, known.name);
  }
  return embedder.picture(file, head);
}

Result<std::vector<std::vector<float>>> encode_file(const Encoder& encoder, ByteView file) {
  PICTOR_ASSIGN(const auto tensor, tensor_of(encoder.card(), file));
  return encoder.encode_images(tensor, 1);
}

}  // namespace pictor
