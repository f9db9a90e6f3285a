// Preprocessing from the files that come with an encoder; docs/reference/preprocessing-rules.md has each rule's source.
//
// The references: transformers' image processors on Pillow (the "slow" ones: their "fast" twins resize tensors and
// differ by a level here and there), timm's and OpenCLIP's evaluation transforms. All open a picture as transformers'
// load_image does: EXIF orientation applied, convert("RGB"), which drops alpha and leaves ICC profiles alone.
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "encode/hub_config.h"

namespace pictor {
namespace {

constexpr std::array<float, 3> kImageNetMean = {0.485F, 0.456F, 0.406F}, kImageNetStd = {0.229F, 0.224F, 0.225F};
constexpr std::array<float, 3> kClipMean = {0.48145466F, 0.4578275F, 0.40821073F};
constexpr std::array<float, 3> kClipStd = {0.26862954F, 0.26130258F, 0.27577711F};
constexpr std::array<float, 3> kHalf = {0.5F, 0.5F, 0.5F};
constexpr double kRescale = 1.0 / 255;

// What a processor does when its file does not say.
struct Defaults {
  Filter filter = Filter::kBicubic;
  std::array<float, 3> mean = kImageNetMean, std = kImageNetStd;
  bool center_crop = false;
  bool int_is_shortest = false;  // "size": 224 means the shortest edge
  std::uint32_t size = 224;
};

const std::map<std::string, Defaults>& processors() {
  static const std::map<std::string, Defaults> all = {
      {"CLIP", {Filter::kBicubic, kClipMean, kClipStd, true, true}},
      {"ChineseCLIP", {Filter::kBicubic, kClipMean, kClipStd, true, true}},
      {"Siglip", {Filter::kBicubic, kHalf, kHalf, false, false}},
      {"Blip", {Filter::kBicubic, kClipMean, kClipStd, false, false, 384}},
      {"ViT", {Filter::kBilinear, kHalf, kHalf, false, false}},
      {"Bit", {Filter::kBicubic, kClipMean, kClipStd, true, true}},
      {"ConvNext", {Filter::kBilinear, kHalf, kHalf, false, true, 384}},
      {"EfficientNet", {Filter::kNearest, kHalf, kHalf, false, false, 346}}};
  return all;
}

std::string without(std::string name, const std::string& end) {
  if (name.size() > end.size() && name.ends_with(end)) name.resize(name.size() - end.size());
  return name;
}

// "CLIPImageProcessor", "CLIPFeatureExtractor", "CLIPImageProcessorFast" -> "CLIP". Older files leave it to the kind of
// model.
std::string family_of(const Config& config, const HubFiles& files) {
  std::string name = config.text("image_processor_type", config.text("feature_extractor_type", ""));
  if (name.empty()) {
    static const std::map<std::string, std::string> kByModel = {{"clip", "CLIP"},
                                                                {"chinese_clip", "ChineseCLIP"},
                                                                {"siglip", "Siglip"},
                                                                {"blip", "Blip"},
                                                                {"vit", "ViT"},
                                                                {"dinov2", "Bit"},
                                                                {"convnext", "ConvNext"},
                                                                {"convnextv2", "ConvNext"},
                                                                {"resnet", "ConvNext"},
                                                                {"bit", "Bit"},
                                                                {"efficientnet", "EfficientNet"}};
    const auto model = Config::read(files, "config.json");
    const auto found = kByModel.find(model ? model->text("model_type", "") : "");
    if (found != kByModel.end()) return found->second;
    config.unsupported("neither 'image_processor_type' nor 'feature_extractor_type' says what it is for");
  }
  std::string family = without(without(without(name, "Fast"), "ImageProcessor"), "FeatureExtractor");
  if (processors().contains(family)) return family;
  std::string known;
  for (const auto& [one, unused] : processors()) known += (known.empty() ? "" : ", ") + one;
  config.unsupported("'" + name.substr(0, 64) + "' is not read; those of " + known + " are. Write a card by hand");
}

std::uint32_t side(const Config& config, const char* field, std::uint64_t value) {
  if (value < 1 || value > limits::kPrepareSideMax) {
    config.unsupported("'" + std::string(field) + "' asks for " + std::to_string(value) + " pixels, 1 to " +
                       std::to_string(limits::kPrepareSideMax) + " are made");
  }
  return static_cast<std::uint32_t>(value);
}

// A size as these files write it: 224, {"height", "width"} or {"shortest_edge"}.
struct Size {
  std::uint32_t width = 0, height = 0;
  std::uint32_t shortest = 0;  // 0: width and height count
};

Size read_size(const Config& config, const char* field, std::uint32_t otherwise, bool int_is_shortest) {
  Size size;
  const auto* value = config.get(field);
  if (value == nullptr || value->is_number()) {
    const auto one = side(config, field, config.whole(field, otherwise));
    if (int_is_shortest) return {0, 0, one};
    return {one, one, 0};
  }
  const auto object = config.object(field);
  if (object->has("longest_edge"))
    config.unsupported("'" + std::string(field) + "' has a 'longest_edge', which is not read");
  if (object->has("shortest_edge")) {
    size.shortest = side(config, field, object->whole("shortest_edge", 0));
    return size;
  }
  size.width = side(config, field, object->whole("width", 0));
  size.height = side(config, field, object->whole("height", 0));
  return size;
}

Filter filter_of(const Config& config, std::uint64_t code) {
  constexpr std::array<Filter, 6> kPillow = {Filter::kNearest, Filter::kLanczos, Filter::kBilinear,
                                             Filter::kBicubic, Filter::kBox,     Filter::kHamming};
  if (code < kPillow.size()) return kPillow[code];
  config.unsupported("'resample' is " + std::to_string(code) + ", Pillow's filters are 0 to 5");
}

Filter filter_named(const Config& config, const std::string& name) {
  static const std::map<std::string, Filter> kNames = {{"nearest", Filter::kNearest}, {"bilinear", Filter::kBilinear},
                                                       {"bicubic", Filter::kBicubic}, {"lanczos", Filter::kLanczos},
                                                       {"box", Filter::kBox},         {"hamming", Filter::kHamming}};
  const auto found = kNames.find(name);
  if (found != kNames.end()) return found->second;
  config.unsupported("'interpolation' is '" + name.substr(0, 64) + "', which is not read");
}

void set_shortest(const Config& config, std::uint32_t resize, std::uint32_t width, std::uint32_t height,
                  PrepareSpec& prepare) {
  if (std::max(width, height) > resize) {
    config.unsupported("the crop of " + std::to_string(width) + " x " + std::to_string(height) +
                       " pixels is larger than the resize to " + std::to_string(resize) + ": padding is not done");
  }
  prepare.fit = Fit::kShortestEdgeCrop;
  prepare.resize = resize;
  prepare.width = width;
  prepare.height = height;
}

void set_squash(const Config& config, const Size& size, const std::optional<Size>& crop, PrepareSpec& prepare) {
  if (crop && (crop->width != size.width || crop->height != size.height)) {
    config.unsupported("a resize to " + std::to_string(size.width) + " x " + std::to_string(size.height) +
                       " followed by another crop is not done");
  }
  prepare.fit = Fit::kSquash;
  prepare.width = size.width;
  prepare.height = size.height;
}

// ConvNext's own rule: below 384 pixels the shortest edge becomes size / crop_pct and the centre is cut out; from 384
// on the picture is squashed.
void set_convnext(const Config& config, const Size& size, PrepareSpec& prepare) {
  const std::uint32_t edge = size.shortest != 0 ? size.shortest : size.width;
  if (edge >= 384) return set_squash(config, {edge, edge, 0}, std::nullopt, prepare);
  const double crop_pct = config.number("crop_pct", 224.0 / 256);
  if (!(crop_pct > 0 && crop_pct <= 1)) config.wrong("crop_pct", "a number above 0 and at most 1");
  set_shortest(config, side(config, "size", static_cast<std::uint64_t>(edge / crop_pct)), edge, edge, prepare);
}

void set_geometry(const Config& config, const std::string& family, const Defaults& defaults, PrepareSpec& prepare) {
  if (!config.flag("do_resize", true))
    config.unsupported("'do_resize' is false: pictures of any size cannot be encoded");
  const Size size = read_size(config, "size", defaults.size, defaults.int_is_shortest);
  prepare.filter = config.has("resample") ? filter_of(config, config.whole("resample", 0)) : defaults.filter;
  if (family == "ConvNext") return set_convnext(config, size, prepare);
  std::optional<Size> crop;
  if (config.flag("do_center_crop", defaults.center_crop)) {
    crop = read_size(config, "crop_size", 224, false);
    if (crop->shortest != 0) config.wrong("crop_size", "a number, or a height and a width");
  }
  if (size.shortest == 0) return set_squash(config, size, crop, prepare);
  if (!crop) config.unsupported("a shortest edge without a crop gives pictures of many sizes");
  set_shortest(config, size.shortest, crop->width, crop->height, prepare);
}

// (x * rescale - mean) / std, step by step in f32 as there.
void set_numbers(const Config& config, const std::string& family, const Defaults& defaults, PrepareSpec& prepare) {
  prepare.rescale = config.flag("do_rescale", true) ? config.number("rescale_factor", kRescale) : 1.0;
  if (!(prepare.rescale > 0 && std::isfinite(prepare.rescale))) config.wrong("rescale_factor", "a number above 0");
  prepare.mean = {0, 0, 0};
  prepare.std = {1, 1, 1};
  if (config.flag("do_normalize", true)) {
    prepare.mean = config.three("image_mean", defaults.mean);
    prepare.std = config.three("image_std", defaults.std);
  }
  if (family == "EfficientNet") {
    if (config.flag("rescale_offset", false)) {
      for (auto& mean : prepare.mean) mean += 1;
    }
    // The original divides by the deviation twice where the top of the network is included.
    if (config.flag("include_top", true)) {
      const auto deviation = config.three("image_std", defaults.std);
      for (std::size_t i = 0; i < 3; ++i) prepare.std[i] *= deviation[i];
    }
  }
  for (const float deviation : prepare.std) {
    if (!(std::isfinite(deviation) && deviation > 0)) config.wrong("image_std", "three numbers above 0");
  }
}

HubPreprocessing read_processor(const Config& config, const HubFiles& files) {
  HubPreprocessing out;
  const std::string family = family_of(config, files);
  Defaults defaults = processors().at(family);
  out.rule = family + "ImageProcessor";
  out.prepare.crop_offset = CropOffset::kFloor;
  set_geometry(config, family, defaults, out.prepare);
  set_numbers(config, family, defaults, out.prepare);
  return out;
}

HubPreprocessing read_open_clip(const Config& config) {
  HubPreprocessing out;
  out.rule = "open_clip";
  const auto model = config.object("model_cfg");
  const auto vision = model ? model->object("vision_cfg") : std::nullopt;
  if (!vision) config.unsupported("it has no 'model_cfg' with a 'vision_cfg'");
  const Size size = read_size(*vision, "image_size", 224, false);
  const auto preprocess = config.object("preprocess_cfg").value_or(config);
  out.prepare.filter = filter_named(config, preprocess.text("interpolation", "bicubic"));
  const std::string mode = preprocess.text("resize_mode", "shortest");
  if (mode == "squash") {
    set_squash(config, size, std::nullopt, out.prepare);
  } else if (mode == "shortest" && size.width == size.height) {
    set_shortest(config, size.width, size.width, size.height, out.prepare);
  } else {
    config.unsupported("'resize_mode' '" + mode.substr(0, 64) + "' is not read for " + std::to_string(size.width) +
                       " x " + std::to_string(size.height) + " pixels; 'shortest' (square) and 'squash' are");
  }
  out.prepare.rescale = kRescale;
  out.prepare.mean = preprocess.three("mean", kClipMean);
  out.prepare.std = preprocess.three("std", kClipStd);
  return out;
}

HubPreprocessing read_timm(const Config& config) {
  HubPreprocessing out;
  out.rule = "timm";
  const auto* shape = config.get("input_size");
  const bool square = shape != nullptr && shape->is_array() && shape->size() == 3 && (*shape)[0] == 3 &&
                      (*shape)[1].is_number_unsigned() && (*shape)[1] == (*shape)[2];
  if (!square) config.unsupported("'input_size' is not [3, side, side]");
  const auto edge = side(config, "input_size", (*shape)[1].get<std::uint64_t>());
  const double crop_pct = config.number("crop_pct", 0.875);
  if (!(crop_pct > 0 && crop_pct <= 1)) config.wrong("crop_pct", "a number above 0 and at most 1");
  const auto resize = side(config, "crop_pct", static_cast<std::uint64_t>(std::floor(edge / crop_pct)));
  out.prepare.filter = filter_named(config, config.text("interpolation", "bicubic"));
  const std::string mode = config.text("crop_mode", "center");
  if (mode == "center") {
    set_shortest(config, resize, edge, edge, out.prepare);
  } else if (mode == "squash" && resize == edge) {
    set_squash(config, {edge, edge, 0}, std::nullopt, out.prepare);
  } else {
    config.unsupported("'crop_mode' '" + mode.substr(0, 64) + "' with 'crop_pct' " + std::to_string(crop_pct) +
                       " is not read");
  }
  out.prepare.rescale = kRescale;
  out.prepare.mean = config.three("mean", kImageNetMean);
  out.prepare.std = config.three("std", kImageNetStd);
  return out;
}

HubPreprocessing read_any(const HubFiles& files) {
  if (const auto config = Config::read(files, "preprocessor_config.json")) return read_processor(*config, files);
  if (const auto config = Config::read(files, "open_clip_config.json")) return read_open_clip(*config);
  if (const auto config = Config::read(files, "config.json")) {
    for (const char* field : {"pretrained_cfg", "default_cfg"}) {
      if (const auto timm = config->object(field)) return read_timm(*timm);
    }
  }
  throw ConfigProblem{Status(Code::kNotFound,
                             "nothing says how pictures are prepared: neither preprocessor_config.json nor "
                             "open_clip_config.json nor a 'pretrained_cfg' in config.json is there")};
}

}  // namespace

HubPreprocessing read_preprocessing(const HubFiles& files) {
  HubPreprocessing out = read_any(files);
  out.decode.orientation = Orientation::kApply;
  out.decode.icc = Icc::kIgnore;
  out.decode.alpha = Alpha::kDrop;
  return out;
}

}  // namespace pictor
