// A card's text from its parts: what card.cpp reads back to the same.
#include <cmath>
#include <nlohmann/json.hpp>

#include "encode/card.h"

namespace pictor {
namespace {

using Ordered = nlohmann::ordered_json;

Ordered json_of(const DecodeSpec& decode) {
  Ordered out = {{"orientation", decode.orientation == Orientation::kApply ? "apply" : "ignore"},
                 {"icc", decode.icc == Icc::kToSrgb ? "to_srgb" : "ignore"},
                 {"alpha", decode.alpha == Alpha::kOver ? "over" : "drop"}};
  if (decode.alpha == Alpha::kOver) out["background"] = decode.background;
  if (decode.dct_min_side != 0) out["dct_min_side"] = decode.dct_min_side;
  return out;
}

const char* name_of(Filter filter) {
  switch (filter) {
    case Filter::kBilinear: return "bilinear";
    case Filter::kBicubic: return "bicubic";
    case Filter::kLanczos: return "lanczos";
    case Filter::kNearest: return "nearest";
    case Filter::kBox: return "box";
    case Filter::kHamming: return "hamming";
  }
  return "bicubic";
}

// As short as reads back to the same float: a JSON number that a person recognises.
double shortest(float value) {
  char text[32];
  for (int digits = 6; digits <= 9; ++digits) {
    std::snprintf(text, sizeof(text), "%.*g", digits, static_cast<double>(value));
    if (std::strtof(text, nullptr) == value) break;
  }
  return std::strtod(text, nullptr);
}

Ordered three(const std::array<float, 3>& values) {
  return {shortest(values[0]), shortest(values[1]), shortest(values[2])};
}

// The quotient of least numbers that is this very double.
Ordered fraction(double value) {
  for (std::uint32_t denominator = 1; denominator <= limits::kPrepareSideMax; ++denominator) {
    const double numerator = std::nearbyint(value * denominator);
    if (numerator / denominator == value) return {static_cast<std::uint32_t>(numerator), denominator};
  }
  return {1, 1};
}

Ordered json_of(const PrepareSpec& prepare) {
  Ordered out = {{"width", prepare.width}, {"height", prepare.height}};
  if (prepare.fit == Fit::kShortestEdgeCrop) {
    out["fit"] = "shortest_edge_crop";
    out["resize"] = prepare.resize;
    out["crop_offset"] = prepare.crop_offset == CropOffset::kFloor ? "floor" : "half_even";
  } else {
    out["fit"] = prepare.fit == Fit::kPad ? "pad" : prepare.fit == Fit::kSquash ? "squash" : "crop_then_resize";
  }
  if (prepare.fit == Fit::kCropThenResize) out["crop_fraction"] = fraction(prepare.crop_fraction);
  out["filter"] = name_of(prepare.filter);
  if (prepare.fit == Fit::kPad) out["background"] = prepare.background;
  if (prepare.rescale > 0) out["rescale"] = prepare.rescale;
  out["mean"] = three(prepare.mean);
  out["std"] = three(prepare.std);
  return out;
}

Ordered json_of(const ImageOutput& output) {
  switch (output.kind) {
    case OutputKind::kVector: break;
    case OutputKind::kTokens:
      return {{"numbers", output.numbers}, {"tokens", output.tokens}, {"prefix", output.prefix}};
    case OutputKind::kMap: return {{"numbers", output.numbers}, {"height", output.height}, {"width", output.width}};
  }
  return output.numbers;
}

const char* name_of(Pooling pooling) {
  switch (pooling) {
    case Pooling::kMean: return "mean";
    case Pooling::kNone: return "none";
    case Pooling::kCls: return "cls";
    case Pooling::kLast: return "last";
    case Pooling::kEndOfText: return "end_of_text";
  }
  return "none";
}

Ordered json_of(const ImageTower& tower) {
  Ordered out = {{"file", tower.file}};
  if (!tower.data.empty()) out["data"] = tower.data;
  out["input"] = tower.input;
  for (const auto& [name, output] : tower.outputs) out["outputs"][name] = json_of(output);
  return out;
}

Ordered json_of(const TextTower& tower) {
  Ordered out = {{"file", tower.file}};
  if (!tower.data.empty()) out["data"] = tower.data;
  out["inputs"]["ids"] = tower.ids_input;
  if (!tower.mask_input.empty()) out["inputs"]["mask"] = tower.mask_input;
  if (!tower.types_input.empty()) out["inputs"]["types"] = tower.types_input;
  out["output"] = tower.output;
  out["dim"] = tower.dim;
  out["tokenizer"] = tower.tokenizer;
  out["max_tokens"] = tower.tokens_max;
  out["pooling"] = name_of(tower.pooling);
  if (tower.pooling == Pooling::kEndOfText) out["end_id"] = tower.end_id;
  if (tower.padding == Padding::kMax) out["padding"] = "max";
  if (tower.pad_id >= 0) out["pad_id"] = tower.pad_id;
  if (!tower.together) out["together"] = false;
  return out;
}

void add_making(const HeadSide& side, Ordered& out) {
  if (side.making == HeadMaking::kOutput) return;
  out["through"] = side.making == HeadMaking::kConse ? "conse" : "linear";
  out["matrix"] = side.matrix;
  if (!side.bias.empty()) out["bias"] = side.bias;
}

Ordered json_of(const CardHead& head, const HeadDetails& details) {
  Ordered out = {{"name", head.name}, {"dim", head.dim}};
  const std::uint32_t full = head.images ? details.images.full_dim : details.texts.full_dim;
  if (full != head.dim) out["truncated_from"] = full;
  out["metric"] = head.metric == Metric::kCosine ? "cosine" : head.metric == Metric::kL2 ? "l2" : "inner_product";
  out["norm"] = "l2";
  if (head.images) {
    out["images"]["from"] = details.images.output;
    if (details.images.pooling != Pooling::kNone) out["images"]["pooling"] = name_of(details.images.pooling);
    add_making(details.images, out["images"]);
  }
  if (head.texts) {
    out["texts"]["from"] = "text";
    add_making(details.texts, out["texts"]);
  }
  return out;
}

// Rounded to what is worth reading.
double rounded(double value) { return std::nearbyint(value * 1e6) / 1e6; }

Ordered json_of(const Quantization& quantization) {
  Ordered out = {{"from", quantization.from},
                 {"calibration", quantization.calibration},
                 {"pictures", quantization.pictures},
                 {"texts", quantization.texts}};
  if (!quantization.kept_float.empty()) out["kept_float"] = quantization.kept_float;
  out["losses"] = Ordered::array();
  for (const auto& loss : quantization.losses) {
    out["losses"].push_back({{"head", loss.head},
                             {"of", loss.of},
                             {"count", loss.count},
                             {"among", loss.among},
                             {"cosine_mean", rounded(loss.cosine_mean)},
                             {"cosine_least", rounded(loss.cosine_least)},
                             {"overlap_at_10", rounded(loss.overlap_at_10)},
                             {"nearest_agrees", rounded(loss.nearest_agrees)}});
  }
  return out;
}

}  // namespace

std::string write_card(const CardDetails& details) {
  const auto& card = details.card;
  Ordered out = {{"card", 1},
                 {"name", card.name},
                 {"description", card.description},
                 {"licence", card.licence},
                 {"precision", precision_name(card.precision)}};
  if (!card.runtime.empty()) out["runtime"] = card.runtime;
  out["sources"] = Ordered::array({{{"what", card.description}, {"licence", card.licence}, {"from", card.source}}});
  for (const auto& file : card.files) {
    out["files"].push_back({{"path", file.path}, {"sha256", file.hash.hex()}, {"bytes", file.bytes}});
  }
  if (details.image) out["towers"]["image"] = json_of(*details.image);
  if (details.text) out["towers"]["text"] = json_of(*details.text);
  if (details.image) {
    out["decode"] = json_of(card.decode);
    out["prepare"] = json_of(card.prepare);
  }
  for (std::size_t i = 0; i < card.heads.size(); ++i) out["heads"].push_back(json_of(card.heads[i], details.heads[i]));
  if (card.quantization) out["quantization"] = json_of(*card.quantization);
  return out.dump(2, ' ', false, Ordered::error_handler_t::replace) + "\n";
}

}  // namespace pictor
