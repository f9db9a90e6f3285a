#include <bit>

#include "encode/card.h"

namespace pictor {
namespace {

// Fields go in with their names and lengths, so that no two cards give the same bytes by chance.
class SpaceHash {
 public:
  void add(std::string_view name, std::string_view value) {
    hash_.add_field(name);
    hash_.add_field(value);
  }
  void add(std::string_view name, std::uint64_t value) { add(name, std::to_string(value)); }
  void add_bits(std::string_view name, double value) { add(name, std::bit_cast<std::uint64_t>(value)); }
  template <typename T>
  void add_three(std::string_view name, const std::array<T, 3>& values) {
    for (const auto value : values) add_bits(name, static_cast<double>(value));
  }
  SpaceId finish() { return hash_.finish().hex(); }

 private:
  Sha256Stream hash_;
};

void add_file(SpaceHash& hash, std::string_view name, const CardDetails& details, std::string_view path) {
  const auto* file = details.file(path);
  hash.add(name, file == nullptr ? std::string() : file->hash.hex());
}

void add_decode(SpaceHash& hash, const DecodeSpec& decode) {
  hash.add("decode.orientation", static_cast<std::uint64_t>(decode.orientation));
  hash.add("decode.icc", static_cast<std::uint64_t>(decode.icc));
  hash.add("decode.alpha", static_cast<std::uint64_t>(decode.alpha));
  hash.add_three("decode.background", decode.background);
  hash.add("decode.dct_min_side", decode.dct_min_side);
}

// What came later is hashed only where it is used, so that the spaces of cards that do not use it stay what they were.
void add_prepare(SpaceHash& hash, const PrepareSpec& prepare) {
  hash.add("prepare.width", prepare.width);
  hash.add("prepare.height", prepare.height);
  hash.add("prepare.fit", static_cast<std::uint64_t>(prepare.fit));
  hash.add("prepare.filter", static_cast<std::uint64_t>(prepare.filter));
  hash.add("prepare.resize", prepare.resize);
  hash.add_bits("prepare.crop_fraction", prepare.crop_fraction);
  hash.add_three("prepare.mean", prepare.mean);
  hash.add_three("prepare.std", prepare.std);
  hash.add_three("prepare.background", prepare.background);
  if (prepare.crop_offset != CropOffset::kHalfEven) hash.add("prepare.crop_offset", "floor");
  if (prepare.rescale > 0) hash.add_bits("prepare.rescale", prepare.rescale);
}

void add_data(SpaceHash& hash, std::string_view name, const CardDetails& details,
              const std::vector<std::string>& data) {
  for (const auto& file : data) add_file(hash, name, details, file);
}

void add_linear(SpaceHash& hash, const CardDetails& details, const HeadSide& side) {
  if (side.making != HeadMaking::kLinear) return;
  add_file(hash, "head.matrix", details, side.matrix);
  if (!side.bias.empty()) add_file(hash, "head.bias", details, side.bias);
}

void add_image_side(SpaceHash& hash, const CardDetails& details, const HeadSide& side) {
  add_decode(hash, details.card.decode);
  add_prepare(hash, details.card.prepare);
  add_file(hash, "image.file", details, details.image->file);
  add_data(hash, "image.data", details, details.image->data);
  hash.add("image.input", details.image->input);
  hash.add("head.making", static_cast<std::uint64_t>(side.making));
  hash.add("head.output", side.output);
  hash.add("head.numbers", side.numbers);
  if (side.making == HeadMaking::kConse) add_file(hash, "head.matrix", details, side.matrix);
  add_linear(hash, details, side);
  if (side.pooling == Pooling::kNone) return;
  const auto& output = details.image->outputs.at(side.output);
  hash.add("head.pooling", static_cast<std::uint64_t>(side.pooling));
  hash.add("head.prefix", output.prefix);
}

void add_text_side(SpaceHash& hash, const CardDetails& details, const HeadSide& side) {
  const auto& text = *details.text;
  add_file(hash, "text.file", details, text.file);
  add_data(hash, "text.data", details, text.data);
  add_file(hash, "text.tokenizer", details, text.tokenizer);
  hash.add("text.tokens_max", text.tokens_max);
  hash.add("text.pooling", static_cast<std::uint64_t>(text.pooling));
  hash.add("text.ids_input", text.ids_input);
  hash.add("text.mask_input", text.mask_input);
  hash.add("text.types_input", text.types_input);
  hash.add("text.output", text.output);
  if (text.pooling == Pooling::kEndOfText) hash.add("text.end_id", static_cast<std::uint64_t>(text.end_id));
  if (text.padding != Padding::kBucket) hash.add("text.padding", static_cast<std::uint64_t>(text.padding));
  if (text.pad_id >= 0) hash.add("text.pad_id", static_cast<std::uint64_t>(text.pad_id));
  if (!text.together) hash.add("text.together", "no");
  if (side.making != HeadMaking::kOutput) hash.add("text.making", static_cast<std::uint64_t>(side.making));
  add_linear(hash, details, side);
}

}  // namespace

SpaceId space_of(const CardDetails& details, std::size_t index) {
  const auto& head = details.card.heads[index];
  SpaceHash hash;
  hash.add("semantics", kEncodeSemanticsVersion);
  hash.add("precision", precision_name(details.card.precision));
  hash.add("dim", head.dim);
  hash.add("norm", "l2");
  hash.add("images", head.images ? 1 : 0);
  hash.add("texts", head.texts ? 1 : 0);
  const auto& sides = details.heads[index];
  const std::uint32_t full = head.images ? sides.images.full_dim : sides.texts.full_dim;
  if (full != head.dim) hash.add("truncated_from", full);
  if (head.images) add_image_side(hash, details, sides.images);
  if (head.texts) add_text_side(hash, details, sides.texts);
  return hash.finish();
}

}  // namespace pictor
