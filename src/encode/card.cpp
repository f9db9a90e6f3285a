// Reading of encoder cards; docs/reference/encoder-card.md is the description for people.

#include "encode/card.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "encode/card_fields.h"

namespace pictor {
namespace {

// Weights lie in their encoder's folder: no card reaches outside it.
std::string file_path(Fields& fields, const char* name) {
  auto path = fields.text(name);
  const bool plain = std::ranges::all_of(path, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
           c == '_';
  });
  if (!plain || path.front() == '.') {
    refuse("'" + fields.path(name) + "' is '" + path +
           "', a plain file name of letters, digits, '.', '-', '_' is wanted");
  }
  return path;
}

bool is_name(std::string_view text) {
  return text.front() != '-' && std::ranges::all_of(text, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
         });
}

const std::map<std::string, Precision>& precisions() {
  static const std::map<std::string, Precision> all = {{"f32", Precision::kF32},
                                                       {"f16", Precision::kF16},
                                                       {"int8", Precision::kInt8},
                                                       {"int8_dynamic", Precision::kInt8Dynamic}};
  return all;
}

DecodeSpec read_decode(Fields fields) {
  DecodeSpec out;
  out.orientation =
      fields.choice<Orientation>("orientation", {{"apply", Orientation::kApply}, {"ignore", Orientation::kIgnore}});
  out.icc = fields.choice<Icc>("icc", {{"to_srgb", Icc::kToSrgb}, {"ignore", Icc::kIgnore}});
  out.alpha = fields.choice<Alpha>("alpha", {{"over", Alpha::kOver}, {"drop", Alpha::kDrop}});
  if (out.alpha == Alpha::kOver) out.background = fields.three<std::uint8_t>("background", 0, 255);
  if (fields.has("dct_min_side")) {
    out.dct_min_side = static_cast<std::uint32_t>(fields.whole("dct_min_side", 0, limits::kPrepareSideMax));
  }
  fields.finish();
  return out;
}

PrepareSpec read_prepare(Fields fields) {
  PrepareSpec out;
  out.width = static_cast<std::uint32_t>(fields.whole("width", 1, limits::kPrepareSideMax));
  out.height = static_cast<std::uint32_t>(fields.whole("height", 1, limits::kPrepareSideMax));
  out.fit = fields.choice<Fit>("fit", {{"shortest_edge_crop", Fit::kShortestEdgeCrop},
                                       {"crop_then_resize", Fit::kCropThenResize},
                                       {"squash", Fit::kSquash},
                                       {"pad", Fit::kPad}});
  out.filter = fields.choice<Filter>("filter", {{"bilinear", Filter::kBilinear},
                                                {"bicubic", Filter::kBicubic},
                                                {"lanczos", Filter::kLanczos},
                                                {"nearest", Filter::kNearest},
                                                {"box", Filter::kBox},
                                                {"hamming", Filter::kHamming}});
  if (out.fit == Fit::kShortestEdgeCrop) {
    const auto longest = std::max(out.width, out.height);
    out.resize = static_cast<std::uint32_t>(fields.whole("resize", longest, limits::kPrepareSideMax));
    if (fields.has("crop_offset")) {
      out.crop_offset = fields.choice<CropOffset>(
          "crop_offset", {{"half_even", CropOffset::kHalfEven}, {"floor", CropOffset::kFloor}});
    }
  }
  if (out.fit == Fit::kCropThenResize) {
    out.crop_fraction = fields.fraction("crop_fraction");
  }
  if (out.fit == Fit::kPad) out.background = fields.three<std::uint8_t>("background", 0, 255);
  if (fields.has("rescale")) out.rescale = fields.number("rescale", 1e-9, 1e6);
  out.mean = fields.three<float>("mean", -1e6, 1e6);
  out.std = fields.three<float>("std", 1e-6, 1e6);
  fields.finish();
  return out;
}

std::size_t read_count(Fields& fields, const char* name) {
  return static_cast<std::size_t>(fields.whole(name, 0, limits::kCalibrationPicturesMax));
}

QuantizationLoss read_loss(Fields fields) {
  QuantizationLoss out;
  out.head = fields.text("head", 64);
  out.of = fields.text("of", 64);
  out.count = read_count(fields, "count");
  out.among = read_count(fields, "among");
  out.cosine_mean = fields.number("cosine_mean", -1, 1);
  out.cosine_least = fields.number("cosine_least", -1, 1);
  out.overlap_at_10 = fields.number("overlap_at_10", 0, 1);
  out.nearest_agrees = fields.number("nearest_agrees", 0, 1);
  fields.finish();
  return out;
}

Quantization read_quantization(Fields fields) {
  Quantization out;
  out.from = fields.text("from", 64);
  out.calibration = fields.text("calibration");
  out.pictures = read_count(fields, "pictures");
  out.texts = read_count(fields, "texts");
  if (fields.has("kept_float")) {
    for (const auto& name : fields.list("kept_float", 1, limits::kCardLayersMax)) {
      if (!name.is_string()) refuse("'" + fields.path("kept_float") + "' has something that is no name");
      out.kept_float.push_back(name.get<std::string>());
    }
  }
  const auto& losses = fields.list("losses", 0, std::size_t{2} * limits::kSpacesPerCollectionMax);
  for (std::size_t i = 0; i < losses.size(); ++i) {
    out.losses.push_back(read_loss(Fields(losses[i], fields.path("losses[" + std::to_string(i) + "]"))));
  }
  fields.finish();
  return out;
}

class CardParser {
 public:
  explicit CardParser(std::string_view text) { out_.card.json = text; }

  CardDetails parse(const Json& root) {
    Fields fields(root, "");
    auto& card = out_.card;
    fields.whole("card", 1, 1);
    card.name = fields.text("name", 64);
    if (!is_name(card.name)) {
      refuse("'name' is '" + card.name + "', lower-case letters, digits, '-', '_' are wanted");
    }
    card.description = fields.text("description");
    card.licence = fields.text("licence");
    card.precision = fields.choice<Precision>("precision", precisions());
    if (fields.has("runtime")) {
      card.runtime = fields.choice<std::string>("runtime", {{"openvino", "openvino"}, {"onnxruntime", "onnxruntime"}});
    }
    read_sources(fields);
    read_files(fields);
    read_towers(fields.object("towers"));
    if (out_.image) {
      card.decode = read_decode(fields.object("decode"));
      card.prepare = read_prepare(fields.object("prepare"));
    }
    const auto& heads = fields.list("heads", 1, limits::kSpacesPerCollectionMax);
    for (std::size_t i = 0; i < heads.size(); ++i) read_head(Fields(heads[i], "heads[" + std::to_string(i) + "]"));
    if (fields.has("quantization")) card.quantization = read_quantization(fields.object("quantization"));
    fields.finish();
    for (const auto& file : card.files) {
      if (!used_.contains(file.path)) refuse("file '" + file.path + "' is used by no tower and no head");
    }
    for (std::size_t i = 0; i < card.heads.size(); ++i) card.heads[i].space = space_of(out_, i);
    set_grid(out_);
    return std::move(out_);
  }

 private:
  // Where the weights come from: for people and for tools/models, no part of a SpaceId.
  void read_sources(Fields& fields) {
    const auto& sources = fields.list("sources", 1, limits::kCardFilesMax);
    for (std::size_t i = 0; i < sources.size(); ++i) {
      Fields source(sources[i], "sources[" + std::to_string(i) + "]");
      source.text("what");
      source.text("licence");
      auto& list = out_.card.source;
      if (source.has("from")) {
        list += (list.empty() ? "" : ", ") + source.text("from");
        source.finish();
        continue;
      }
      const auto package = source.text("package");
      list += (list.empty() ? "" : ", ") + package + " " + source.text("version");
      auto download = source.object("download");
      read_file_entry(download, "file");
      if (source.has("contains")) {
        const auto& parts = source.list("contains", 1, limits::kCardFilesMax);
        for (std::size_t j = 0; j < parts.size(); ++j) {
          Fields part(parts[j], source.path("contains[" + std::to_string(j) + "]"));
          read_file_entry(part, "path");
        }
      }
      source.finish();
    }
  }

  static CardFile read_file_entry(Fields& entry, const char* name) {
    CardFile file;
    file.path = entry.text(name);
    auto hash = Hash256::from_hex(entry.text("sha256"));
    if (!hash.is_ok()) refuse("'" + entry.path("sha256") + "': " + hash.status().message());
    file.hash = *hash;
    file.bytes = entry.whole("bytes", 1, limits::kModelBytesMax);
    entry.finish();
    return file;
  }

  void read_files(Fields& fields) {
    const auto& files = fields.list("files", 1, limits::kCardFilesMax);
    for (std::size_t i = 0; i < files.size(); ++i) {
      Fields entry(files[i], "files[" + std::to_string(i) + "]");
      file_path(entry, "path");
      auto file = read_file_entry(entry, "path");
      if (out_.file(file.path) != nullptr) refuse("file '" + file.path + "' is there twice");
      out_.card.files.push_back(std::move(file));
    }
  }

  std::string known_file(Fields& fields, const char* name) {
    auto path = file_path(fields, name);
    if (out_.file(path) == nullptr) refuse("'" + fields.path(name) + "' names '" + path + "', which is not in 'files'");
    used_.insert(path);
    return path;
  }

  void read_towers(Fields fields) {
    if (fields.has("image")) read_image(fields.object("image"));
    if (fields.has("text")) read_text(fields.object("text"));
    fields.finish();
  }

  std::vector<std::string> read_data(Fields& fields) {
    std::vector<std::string> data;
    if (!fields.has("data")) return data;
    const auto& names = fields.list("data", 1, limits::kCardFilesMax);
    for (std::size_t i = 0; i < names.size(); ++i) {
      const Json entry = {{"path", names[i]}};
      Fields one(entry, fields.path("data[" + std::to_string(i) + "]"));
      data.push_back(known_file(one, "path"));
    }
    return data;
  }

  static ImageOutput read_output(Fields& outputs, const std::string& name) {
    ImageOutput out;
    const auto& value = outputs.get(name.c_str());
    if (!value.is_object()) {
      out.numbers = static_cast<std::uint32_t>(outputs.whole(name.c_str(), 1, limits::kCardOutputMax));
      return out;
    }
    Fields fields = outputs.object(name.c_str());
    out.numbers = static_cast<std::uint32_t>(fields.whole("numbers", 1, limits::kCardOutputMax));
    out.kind = fields.has("tokens") ? OutputKind::kTokens : OutputKind::kMap;
    if (out.kind == OutputKind::kTokens) {
      out.tokens = static_cast<std::uint32_t>(fields.whole("tokens", 1, limits::kImageTokensMax));
      out.prefix = static_cast<std::uint32_t>(fields.whole("prefix", 0, out.tokens - 1));
    } else {
      out.height = static_cast<std::uint32_t>(fields.whole("height", 1, limits::kPrepareSideMax));
      out.width = static_cast<std::uint32_t>(fields.whole("width", 1, limits::kPrepareSideMax));
    }
    fields.finish();
    return out;
  }

  void read_image(Fields fields) {
    ImageTower tower;
    tower.file = known_file(fields, "file");
    tower.data = read_data(fields);
    tower.input = fields.text("input");
    auto outputs = fields.object("outputs");
    for (const auto& name : outputs.names(limits::kSpacesPerCollectionMax)) {
      tower.outputs[name] = read_output(outputs, name);
    }
    fields.finish();
    out_.image = std::move(tower);
  }

  void read_text(Fields fields) {
    TextTower tower;
    tower.file = known_file(fields, "file");
    tower.data = read_data(fields);
    tower.tokenizer = known_file(fields, "tokenizer");
    tower.tokens_max = static_cast<std::uint32_t>(fields.whole("max_tokens", 3, limits::kTokensMax));
    tower.pooling = fields.choice<Pooling>("pooling", {{"mean", Pooling::kMean},
                                                       {"none", Pooling::kNone},
                                                       {"cls", Pooling::kCls},
                                                       {"last", Pooling::kLast},
                                                       {"end_of_text", Pooling::kEndOfText}});
    if (tower.pooling == Pooling::kEndOfText) {
      tower.end_id = static_cast<std::int64_t>(fields.whole("end_id", 0, limits::kTokenIdMax));
    }
    if (fields.has("padding")) {
      tower.padding = fields.choice<Padding>("padding", {{"bucket", Padding::kBucket}, {"max", Padding::kMax}});
    }
    if (fields.has("pad_id")) tower.pad_id = static_cast<std::int64_t>(fields.whole("pad_id", 0, limits::kTokenIdMax));
    if (fields.has("together")) tower.together = fields.flag("together");
    tower.dim = static_cast<std::uint32_t>(fields.whole("dim", 1, limits::kVectorDimMax));
    auto inputs = fields.object("inputs");
    tower.ids_input = inputs.text("ids");
    if (inputs.has("mask")) tower.mask_input = inputs.text("mask");
    if (inputs.has("types")) tower.types_input = inputs.text("types");
    inputs.finish();
    tower.output = fields.text("output");
    fields.finish();
    out_.text = std::move(tower);
  }

  void read_head(Fields fields) {
    CardHead head;
    HeadDetails details;
    head.name = fields.text("name", 64);
    if (!is_name(head.name))
      refuse("'" + fields.path("name") + "' is '" + head.name + "', a lower-case name is wanted");
    if (out_.card.head(head.name) != nullptr) refuse("head '" + head.name + "' is there twice");
    head.dim = static_cast<std::uint32_t>(fields.whole("dim", 1, limits::kVectorDimMax));
    std::uint32_t full = head.dim;
    if (fields.has("truncated_from")) {
      full = static_cast<std::uint32_t>(fields.whole("truncated_from", head.dim, limits::kVectorDimMax));
    }
    head.metric = fields.choice<Metric>(
        "metric", {{"cosine", Metric::kCosine}, {"inner_product", Metric::kInnerProduct}, {"l2", Metric::kL2}});
    fields.choice<int>("norm", {{"l2", 0}});
    details.images.full_dim = details.texts.full_dim = full;
    head.images = fields.has("images");
    if (head.images) read_image_side(fields.object("images"), head, details.images);
    head.texts = fields.has("texts");
    if (head.texts) read_text_side(fields.object("texts"), head, details.texts);
    fields.finish();
    if (!head.images && !head.texts) refuse("head '" + head.name + "' takes neither images nor texts");
    out_.card.heads.push_back(std::move(head));
    out_.heads.push_back(std::move(details));
  }

  // `side` has its pooled numbers; adds what they go through, and checks what comes out.
  void read_making(Fields& fields, const CardHead& head, const std::string& from, HeadSide& side) {
    std::uint64_t dim = side.numbers;
    if (fields.has("through")) {
      side.making =
          fields.choice<HeadMaking>("through", {{"conse", HeadMaking::kConse}, {"linear", HeadMaking::kLinear}});
      side.matrix = known_file(fields, "matrix");
      dim = numbers_of(side.matrix) / side.numbers;
      if (dim * side.numbers * sizeof(float) != out_.file(side.matrix)->bytes) dim = 0;
    }
    if (side.making == HeadMaking::kLinear && fields.has("bias")) {
      side.bias = known_file(fields, "bias");
      if (dim != 0 && numbers_of(side.bias) != dim) {
        refuse("'" + fields.path("bias") + "' has " + std::to_string(numbers_of(side.bias)) + " numbers, " +
               std::to_string(dim) + " are wanted");
      }
    }
    fields.finish();
    if (dim == side.full_dim) return;
    refuse("head '" + head.name + "' has dim " + std::to_string(head.dim) +
           (side.full_dim == head.dim ? "" : " of " + std::to_string(side.full_dim)) + ", but " + from + " with " +
           std::to_string(side.numbers) + " numbers" + (side.matrix.empty() ? "" : " through '" + side.matrix + "'") +
           " gives " + std::to_string(dim));
  }
  std::uint64_t numbers_of(const std::string& file) const { return out_.file(file)->bytes / sizeof(float); }

  void read_image_side(Fields fields, const CardHead& head, HeadSide& side) {
    if (!out_.image) refuse("head '" + head.name + "' takes images, but the card has no image tower");
    side.output = fields.text("from");
    const auto output = out_.image->outputs.find(side.output);
    if (output == out_.image->outputs.end()) {
      refuse("'" + fields.path("from") + "' is '" + side.output + "', which is no output of the image tower");
    }
    const auto kind = output->second.kind;
    side.numbers = output->second.numbers;
    if (kind == OutputKind::kTokens) {
      side.pooling = fields.choice<Pooling>("pooling", {{"mean", Pooling::kMean}, {"cls", Pooling::kCls}});
    }
    if (kind == OutputKind::kMap) side.pooling = fields.choice<Pooling>("pooling", {{"mean", Pooling::kMean}});
    read_making(fields, head, "output '" + side.output + "'", side);
  }

  void read_text_side(Fields fields, const CardHead& head, HeadSide& side) {
    if (!out_.text) refuse("head '" + head.name + "' takes texts, but the card has no text tower");
    fields.choice<int>("from", {{"text", 0}});
    side.numbers = out_.text->dim;
    read_making(fields, head, "the text tower", side);
  }

  CardDetails out_;
  std::set<std::string> used_;
};

}  // namespace

std::string precision_name(Precision precision) {
  for (const auto& [name, value] : precisions()) {
    if (value == precision) return name;
  }
  return "f32";
}

const CardHead* EncoderCard::head(std::string_view head_name) const {
  const auto found = std::ranges::find(heads, head_name, &CardHead::name);
  return found == heads.end() ? nullptr : &*found;
}

const CardFile* CardDetails::file(std::string_view path) const {
  const auto found = std::ranges::find(card.files, path, &CardFile::path);
  return found == card.files.end() ? nullptr : &*found;
}

Result<CardDetails> parse_card_details(std::string_view json) {
  if (json.size() > limits::kCardBytesMax) {
    return Status(Code::kLimit, "card: " + std::to_string(json.size()) + " bytes, at most " +
                                    std::to_string(limits::kCardBytesMax) + " are read");
  }
  try {
    return CardParser(json).parse(Json::parse(json));
  } catch (const Refused& refused) {
    return refused.status;
  } catch (const nlohmann::json::exception& error) {
    return Status(Code::kUnreadable, std::string("card: ") + error.what());
  }
}

Result<EncoderCard> parse_card(std::string_view json) {
  PICTOR_ASSIGN(auto details, parse_card_details(json));
  return std::move(details.card);
}

}  // namespace pictor
