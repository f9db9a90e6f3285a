#include "encode/picture_causes.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>

#include "encode/plain_resize.h"

namespace pictor {
namespace {

// One way to go apart: what it is called, and what it does to a preparation.
struct Change {
  std::string words;
  std::function<void(PictureVariant&)> apply;
};
using Axis = std::vector<Change>;  // changes that exclude each other

struct NamedScale {
  const char* name;
  std::array<float, 3> mean, std;  // of pixels from 0 to 1
};
constexpr NamedScale kScales[] = {
    {"mean and std of CLIP", {0.48145466F, 0.4578275F, 0.40821073F}, {0.26862954F, 0.26130258F, 0.27577711F}},
    {"mean and std of ImageNet", {0.485F, 0.456F, 0.406F}, {0.229F, 0.224F, 0.225F}},
    {"mean 0.5 and std 0.5 (-1 to 1)", {0.5F, 0.5F, 0.5F}, {0.5F, 0.5F, 0.5F}},
    {"mean 0 and std 1 (0 to 1: rescaled, not normalised)", {0, 0, 0}, {1, 1, 1}},
    {"no rescaling (0 to 255)", {0, 0, 0}, {1 / 255.F, 1 / 255.F, 1 / 255.F}}};

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

std::string name_of(const PrepareSpec& prepare) {
  std::string size = std::to_string(prepare.width) + " x " + std::to_string(prepare.height);
  switch (prepare.fit) {
    case Fit::kShortestEdgeCrop: return "the shorter edge to " + std::to_string(prepare.resize) + ", then the centre";
    case Fit::kCropThenResize: {
      char share[16];
      std::snprintf(share, sizeof(share), "%.4g", prepare.crop_fraction);
      return "the centre square of " + std::string(share) + ", then resized";
    }
    case Fit::kSquash: return "squashed to " + size;
    case Fit::kPad: return "padded to " + size;
  }
  return size;
}

Axis filter_axis(const EncoderCard& card) {
  const std::string instead = std::string(" instead of ") + name_of(card.prepare.filter);
  Axis axis;
  for (const auto filter :
       {Filter::kBilinear, Filter::kBicubic, Filter::kLanczos, Filter::kNearest, Filter::kBox, Filter::kHamming}) {
    if (filter == card.prepare.filter) continue;
    axis.push_back({name_of(filter) + instead, [filter](auto& variant) { variant.prepare.filter = filter; }});
  }
  for (const auto filter : {Filter::kBilinear, Filter::kBicubic}) {
    axis.push_back({std::string(name_of(filter)) + " without antialias" +
                        (filter == card.prepare.filter ? "" : instead + " with it"),
                    [filter](auto& variant) {
                      variant.prepare.filter = filter;
                      variant.antialias = false;
                    }});
  }
  return axis;
}

Axis fit_axis(const EncoderCard& card) {
  Axis axis;
  const auto add = [&](const std::function<void(PrepareSpec&)>& change, const std::string& note = "") {
    auto changed = card.prepare;
    change(changed);
    const auto words = name_of(changed) + note;
    if (words == name_of(card.prepare)) return;
    axis.push_back({words + " instead of " + name_of(card.prepare), [change](auto& v) { change(v.prepare); }});
  };
  add([](PrepareSpec& p) { p.fit = Fit::kSquash; });
  const std::uint32_t longer = std::max(card.prepare.width, card.prepare.height);
  const auto enlarged = static_cast<std::uint32_t>(std::lround(longer / 0.875));
  for (const auto size : {longer, enlarged, longer + 32, static_cast<std::uint32_t>(std::lround(longer / 0.9))}) {
    if (size > limits::kPrepareSideMax) continue;
    add([size](PrepareSpec& p) {
      p.fit = Fit::kShortestEdgeCrop;
      p.resize = size;
    });
  }
  add([](PrepareSpec& p) {
    p.fit = Fit::kCropThenResize;
    p.crop_fraction = 0.875;
  });
  for (const int value : {0, 255}) {
    add(
        [value](PrepareSpec& p) {
          p.fit = Fit::kPad;
          p.background.fill(static_cast<std::uint8_t>(value));
        },
        value == 0 ? " with black" : " with white");
  }
  return axis;
}

Axis offset_axis(const EncoderCard& card) {
  if (card.prepare.fit != Fit::kShortestEdgeCrop) return {};
  const bool floor = card.prepare.crop_offset == CropOffset::kFloor;
  return {{floor ? "the crop's offset rounded half to even instead of down"
                 : "the crop's offset rounded down instead of half to even",
           [floor](auto& v) { v.prepare.crop_offset = floor ? CropOffset::kHalfEven : CropOffset::kFloor; }}};
}

// Ways of decoding that this file makes possible.
std::vector<Axis> decode_axes(const EncoderCard& card, ByteView file) {
  std::vector<Axis> axes;
  const auto info = read_image_info(file);
  if (!info.is_ok()) return axes;
  if (info->orientation != 1) {
    const bool applied = card.decode.orientation == Orientation::kApply;
    axes.push_back(
        {{applied ? "the EXIF orientation was not applied" : "the EXIF orientation was applied",
          [applied](auto& v) { v.decode.orientation = applied ? Orientation::kIgnore : Orientation::kApply; }}});
  }
  if (info->has_icc) {
    const bool used = card.decode.icc == Icc::kToSrgb;
    axes.push_back({{used ? "the ICC profile was not applied" : "the ICC profile was applied",
                     [used](auto& v) { v.decode.icc = used ? Icc::kIgnore : Icc::kToSrgb; }}});
  }
  if (info->bands == 2 || info->bands >= 4 || info->format == ImageFormat::kPng) {
    Axis axis;
    if (card.decode.alpha != Alpha::kDrop) {
      axis.push_back({"transparency was dropped", [](auto& v) { v.decode.alpha = Alpha::kDrop; }});
    }
    for (const int value : {0, 255}) {
      axis.push_back({std::string("transparency was put over ") + (value == 0 ? "black" : "white"), [value](auto& v) {
                        v.decode.alpha = Alpha::kOver;
                        v.decode.background.fill(static_cast<std::uint8_t>(value));
                      }});
    }
    axes.push_back(std::move(axis));
  }
  if (card.decode.dct_min_side != 0) {
    axes.push_back({{"the JPEG was decoded in full", [](auto& v) { v.decode.dct_min_side = 0; }}});
  }
  return axes;
}

Axis scale_axis() {
  Axis axis;
  for (const auto& scale : kScales) {
    axis.push_back({scale.name, [&scale](auto& v) {
                      v.prepare.rescale = 1 / 255.0;
                      v.prepare.mean = scale.mean;
                      v.prepare.std = scale.std;
                    }});
  }
  return axis;
}

void swap_channels(std::vector<float>& tensor) {
  const auto plane = static_cast<std::ptrdiff_t>(tensor.size() / 3);
  std::swap_ranges(tensor.begin(), tensor.begin() + plane, tensor.begin() + 2 * plane);
}

// Pixels from 0 to 255 as they lie in the tensor.
PictureVariant unscaled(PictureVariant variant) {
  variant.prepare.rescale = 0;
  variant.prepare.mean = {0, 0, 0};
  variant.prepare.std = {1, 1, 1};
  return variant;
}

struct Line {
  double scale = 0, offset = 0;
  double most = 0;    // the largest departure from the line, in levels
  double spread = 0;  // of the pixels, in levels
};

// The line that takes ours to theirs with the least squares.
Line fit_line(std::span<const float> ours, std::span<const float> theirs) {
  const auto n = static_cast<double>(ours.size());
  double x = 0, y = 0, xx = 0, xy = 0;
  for (std::size_t i = 0; i < ours.size(); ++i) {
    x += static_cast<double>(ours[i]);
    y += static_cast<double>(theirs[i]);
  }
  x /= n;
  y /= n;
  for (std::size_t i = 0; i < ours.size(); ++i) {
    const double dx = static_cast<double>(ours[i]) - x;
    xx += dx * dx;
    xy += dx * (static_cast<double>(theirs[i]) - y);
  }
  Line line;
  line.spread = std::sqrt(xx / n);
  if (xx <= 0 || xy == 0 || !std::isfinite(xy)) return line;
  line.scale = xy / xx;
  line.offset = y - line.scale * x;
  for (std::size_t i = 0; i < ours.size(); ++i) {
    const double made = line.scale * static_cast<double>(ours[i]) + line.offset;
    line.most = std::max(line.most, std::fabs(made - static_cast<double>(theirs[i])) / std::fabs(line.scale));
  }
  return line;
}

constexpr double kExactLevels = 0.02, kNearLevels = 1.01;  // a level that was rounded the other way is near
constexpr double kSpreadMin = 2;                           // a picture of one colour proves nothing

// What the card makes of a pixel of channel c: scale * pixel + offset.
std::array<double, 2> card_line(const PrepareSpec& prepare, std::size_t c) {
  const double by = prepare.rescale > 0 ? prepare.rescale : 1;
  const auto mean = static_cast<double>(prepare.mean[c]), std = static_cast<double>(prepare.std[c]);
  return {by / std, -mean / std};
}

bool near_line(double scale, double offset, double wanted_scale, double wanted_offset) {
  // Over all pixels, a tenth of a level.
  return std::fabs(scale - wanted_scale) * 255 + std::fabs(offset - wanted_offset) < 0.1 * std::fabs(wanted_scale);
}

// How mean and std of theirs are called; empty when they are the card's. `bgr`: theirs has its channels turned round.
std::string scale_words(const PrepareSpec& prepare, const TensorCause& cause, bool bgr) {
  const auto all = [&](const std::function<std::array<double, 2>(std::size_t)>& line) {
    for (std::size_t c = 0; c < 3; ++c) {
      const auto wanted = line(c);
      if (!near_line(cause.scale[c], cause.offset[c], wanted[0], wanted[1])) return false;
    }
    return true;
  };
  if (all([&](std::size_t c) { return card_line(prepare, c); })) return "";
  if (bgr && all([&](std::size_t c) { return card_line(prepare, 2 - c); })) return "";
  for (const auto& known : kScales) {
    for (const bool turned : {false, true}) {
      const auto line = [&](std::size_t c) -> std::array<double, 2> {
        const auto from = turned ? 2 - c : c;
        const auto std = static_cast<double>(known.std[from]);
        return {1 / (255 * std), -static_cast<double>(known.mean[from]) / std};
      };
      if ((!turned || bgr) && all(line)) return std::string(known.name) + " instead of the card's";
    }
  }
  char text[160];
  const auto mean = [&](std::size_t c) { return -cause.offset[c] / cause.scale[c] / 255; };
  const auto std = [&](std::size_t c) { return 1 / cause.scale[c] / 255; };
  std::snprintf(text, sizeof(text), "mean %.4f %.4f %.4f and std %.4f %.4f %.4f instead of the card's", mean(0),
                mean(1), mean(2), std(0), std(1), std(2));
  return text;
}

// Both orders of channels; the departure in levels, or infinity.
double try_variant(const PictureVariant& variant, std::vector<float> ours, std::span<const float> theirs, bool bgr,
                   TensorCause& out) {
  if (bgr) swap_channels(ours);
  const std::size_t plane = ours.size() / 3;
  double most = 0;
  for (std::size_t c = 0; c < 3; ++c) {
    const auto line =
        fit_line(std::span<const float>(ours).subspan(c * plane, plane), theirs.subspan(c * plane, plane));
    if (line.scale <= 0 || line.spread < kSpreadMin) return INFINITY;
    most = std::max(most, line.most);
    out.scale[c] = line.scale;
    out.offset[c] = line.offset;
  }
  out.variant = variant;
  out.variant.bgr = bgr;
  return most;
}

bool same_decode(const DecodeSpec& a, const DecodeSpec& b) {
  return a.orientation == b.orientation && a.icc == b.icc && a.alpha == b.alpha && a.background == b.background &&
         a.dct_min_side == b.dct_min_side;
}

}  // namespace

std::vector<PictureVariant> picture_variants(const EncoderCard& card, const PictureInput& input,
                                             std::size_t changes_max, bool with_scales) {
  std::vector<Axis> axes = {filter_axis(card), fit_axis(card), offset_axis(card)};
  if (input.pixels == nullptr) {
    for (auto& axis : decode_axes(card, input.file)) axes.push_back(std::move(axis));
  }
  if (with_scales) axes.push_back(scale_axis());
  PictureVariant own;
  own.decode = card.decode;
  own.prepare = card.prepare;
  std::vector<PictureVariant> out = {own};
  const auto changed = [](PictureVariant variant, const Change& change) {
    change.apply(variant);
    variant.changes.push_back(change.words);
    return variant;
  };
  for (const auto& axis : axes) {
    for (const auto& change : axis) out.push_back(changed(own, change));
  }
  if (with_scales) {
    out.push_back(own);
    out.back().bgr = true;
    out.back().changes = {"channels in the order BGR instead of RGB"};
  }
  for (std::size_t a = 0; changes_max > 1 && a < axes.size(); ++a) {
    for (std::size_t b = a + 1; b < axes.size(); ++b) {
      for (const auto& one : axes[a]) {
        for (const auto& other : axes[b]) out.push_back(changed(changed(own, one), other));
      }
    }
  }
  return out;
}

Result<std::vector<float>> prepare_variant(const PictureInput& input, const PictureVariant& variant, DecodeMemo* memo) {
  DecodeMemo own;
  if (memo == nullptr) memo = &own;
  const Image* image = input.pixels;
  if (image == nullptr) {
    // A decoder that shrinks does so by the crop that is used: that is no other variant's picture.
    if (!memo->spec || !same_decode(*memo->spec, variant.decode) || variant.decode.dct_min_side != 0) {
      PICTOR_ASSIGN(auto made, decode_image(input.file, variant.decode, &variant.prepare));
      memo->image = std::move(made.image);
      memo->spec = variant.decode;
    }
    image = &memo->image;
  }
  std::vector<float> out;
  if (variant.antialias) {
    out.resize(prepared_size(variant.prepare));
    PICTOR_TRY(prepare_image(*image, variant.decode, variant.prepare, out));
  } else {
    PICTOR_ASSIGN(const auto rgb, to_rgb8(*image, variant.decode));
    PICTOR_ASSIGN(out, prepare_plain(rgb, variant.decode, variant.prepare));
  }
  if (variant.bgr) swap_channels(out);
  return out;
}

std::optional<TensorCause> cause_of_tensor(const EncoderCard& card, const PictureInput& input,
                                           std::span<const float> theirs) {
  std::optional<TensorCause> best;
  double least = kNearLevels;
  DecodeMemo memo;
  for (const auto& variant : picture_variants(card, input, 2, false)) {
    const auto ours = prepare_variant(input, unscaled(variant), &memo);
    if (!ours.is_ok() || ours->size() != theirs.size()) continue;
    for (const bool bgr : {false, true}) {
      TensorCause cause;
      const double most = try_variant(variant, *ours, theirs, bgr, cause);
      if (most > least) continue;
      least = most;
      best = cause;
    }
    if (best && least <= kExactLevels) break;  // fewest changes come first
  }
  if (!best) return best;
  best->changes = best->variant.changes;
  if (best->variant.bgr) best->changes.push_back("channels in the order BGR instead of RGB");
  const auto scale = scale_words(card.prepare, *best, best->variant.bgr);
  if (!scale.empty()) best->changes.push_back(scale);
  if (best->changes.empty()) best->changes = {"single levels that were rounded otherwise"};
  return best;
}

std::vector<std::string> cause_of_pixels(const EncoderCard& card, ByteView file, std::span<const std::uint8_t> theirs) {
  constexpr int kDecoderLevels = 3;  // between JPEG decoders, by their inverse DCT and their colours
  auto decode_only = card;
  decode_only.decode.dct_min_side = 0;
  std::vector<PictureVariant> variants = {{decode_only.decode, card.prepare, true, false, {}}};
  const auto axes = decode_axes(decode_only, file);
  for (const auto& axis : axes) {
    for (const auto& change : axis) {
      auto variant = variants.front();
      change.apply(variant);
      variant.changes.push_back(change.words);
      variants.push_back(std::move(variant));
    }
  }
  for (const int levels : {0, kDecoderLevels}) {
    for (const auto& variant : variants) {
      const auto decoded = decode_image(file, variant.decode);
      if (!decoded.is_ok()) continue;
      const auto rgb = to_rgb8(decoded->image, variant.decode);
      if (!rgb.is_ok() || rgb->u8.size() != theirs.size()) continue;
      for (const bool bgr : {false, true}) {
        bool same = true;
        for (std::size_t i = 0; same && i < theirs.size(); ++i) {
          const std::size_t from = bgr ? i - i % 3 + 2 - i % 3 : i;
          same = std::abs(int{rgb->u8[from]} - int{theirs[i]}) <= levels;
        }
        if (!same) continue;
        auto changes = variant.changes;
        if (bgr) changes.emplace_back("channels in the order BGR instead of RGB");
        if (levels > 0) changes.push_back("another decoder: at most " + std::to_string(levels) + " levels apart");
        return changes;
      }
    }
  }
  return {};
}

}  // namespace pictor
