// Reading of encoder cards; docs/formats/card.md is the description for people.

#include "encode/card.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

namespace pictor {
namespace {

using Json = nlohmann::json;

// Stops the parse with a Status; caught in parse_card_details.
struct Refused {
  Status status;
};

[[noreturn]] void refuse(const std::string& message) { throw Refused{Status(Code::kUnreadable, "card: " + message)}; }

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

// The fields of one JSON object. What was never asked for is unknown, and finish() refuses it.
class Fields {
 public:
  Fields(const Json& object, std::string where) : object_(object), where_(std::move(where)) {
    if (!object.is_object()) refuse("'" + where_ + "' is " + object.type_name() + ", an object is wanted");
  }

  bool has(const char* name) {
    known_.insert(name);
    return object_.contains(name);
  }
  const Json& get(const char* name) {
    if (!has(name)) refuse("field '" + path(name) + "' is missing");
    return object_.at(name);
  }
  std::string text(const char* name, std::size_t bytes_max = limits::kCardTextBytesMax) {
    const auto& value = get(name);
    if (!value.is_string()) wrong(name, value, "a string");
    auto text = value.get<std::string>();
    if (text.empty() || text.size() > bytes_max) {
      refuse("'" + path(name) + "' has " + std::to_string(text.size()) + " bytes, 1 to " + std::to_string(bytes_max) +
             " are wanted");
    }
    return text;
  }
  // All names of an object that is a table; each is then asked for.
  std::vector<std::string> names(std::size_t count_max) const {
    if (object_.empty() || object_.size() > count_max) {
      refuse("'" + where_ + "' has " + std::to_string(object_.size()) + " entries, 1 to " + std::to_string(count_max) +
             " are wanted");
    }
    std::vector<std::string> names;
    for (const auto& [name, unused] : object_.items()) names.push_back(name);
    return names;
  }
  std::uint64_t whole(const char* name, std::uint64_t min, std::uint64_t max) {
    const auto& value = get(name);
    if (!value.is_number_unsigned() || value.get<std::uint64_t>() < min || value.get<std::uint64_t>() > max) {
      wrong(name, value, "a whole number from " + std::to_string(min) + " to " + std::to_string(max));
    }
    return value.get<std::uint64_t>();
  }
  // [numerator, denominator], above 0 and at most 1: written so, it is the same double everywhere.
  double fraction(const char* name) {
    const auto& parts = list(name, 2, 2);
    const auto whole_part = [&](std::size_t i) -> std::uint64_t {
      if (!parts[i].is_number_unsigned() || parts[i] == 0 || parts[i].get<std::uint64_t>() > limits::kPrepareSideMax) {
        wrong(name, parts, "[numerator, denominator] from 1 to " + std::to_string(limits::kPrepareSideMax));
      }
      return parts[i].get<std::uint64_t>();
    };
    const auto numerator = whole_part(0);
    const auto denominator = whole_part(1);
    if (numerator > denominator) wrong(name, parts, "a fraction of at most 1");
    return static_cast<double>(numerator) / static_cast<double>(denominator);
  }
  template <typename T>
  T choice(const char* name, const std::map<std::string, T>& choices) {
    const auto& value = get(name);
    const auto found = value.is_string() ? choices.find(value.get<std::string>()) : choices.end();
    if (found != choices.end()) return found->second;
    std::string list;
    for (const auto& [known, unused] : choices) list += (list.empty() ? "'" : ", '") + known + "'";
    wrong(name, value, "one of " + list);
  }
  const Json& list(const char* name, std::size_t size_min, std::size_t size_max) {
    const auto& value = get(name);
    if (!value.is_array() || value.size() < size_min || value.size() > size_max) {
      wrong(name, value, "a list of " + std::to_string(size_min) + " to " + std::to_string(size_max));
    }
    return value;
  }
  template <typename T>
  std::array<T, 3> three(const char* name, double min, double max) {
    std::array<T, 3> out{};
    const auto& values = list(name, 3, 3);
    for (std::size_t i = 0; i < 3; ++i) {
      const bool right = values[i].is_number() && (std::is_floating_point_v<T> || values[i].is_number_integer()) &&
                         values[i].get<double>() >= min && values[i].get<double>() <= max;
      if (!right) wrong(name, values[i], "three numbers from " + shown(min) + " to " + shown(max));
      out[i] = values[i].get<T>();
    }
    return out;
  }
  Fields object(const char* name) { return {get(name), path(name)}; }
  std::string path(const std::string& name) const { return where_.empty() ? name : where_ + "." + name; }

  void finish() const {
    for (const auto& field : object_.items()) {
      if (known_.contains(field.key())) continue;
      const std::string name = field.key().substr(0, 64);
      const auto distance = [&](const std::string& known) { return edit_distance(known, name); };
      const auto nearest = std::ranges::min_element(known_, {}, distance);
      refuse("field '" + path(name) + "' is unknown" +
             (nearest == known_.end() ? "" : "; the nearest that is known is '" + path(*nearest) + "'"));
    }
  }

 private:
  [[noreturn]] void wrong(const char* name, const Json& value, const std::string& wanted) const {
    auto seen = value.dump(-1, ' ', false, Json::error_handler_t::replace);
    if (seen.size() > 64) seen = seen.substr(0, 64) + "...";
    refuse("'" + path(name) + "' is " + seen + ", " + wanted + " is wanted");
  }
  static std::string shown(double value) {
    auto text = std::to_string(value);
    text.erase(text.find_last_not_of('0') + 1);
    if (text.back() == '.') text.pop_back();
    return text;
  }

  const Json& object_;
  std::string where_;
  std::set<std::string> known_;
};

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
  out.filter = fields.choice<Filter>(
      "filter", {{"bilinear", Filter::kBilinear}, {"bicubic", Filter::kBicubic}, {"lanczos", Filter::kLanczos}});
  if (out.fit == Fit::kShortestEdgeCrop) {
    const auto longest = std::max(out.width, out.height);
    out.resize = static_cast<std::uint32_t>(fields.whole("resize", longest, limits::kPrepareSideMax));
  }
  if (out.fit == Fit::kCropThenResize) {
    out.crop_fraction = fields.fraction("crop_fraction");
  }
  if (out.fit == Fit::kPad) out.background = fields.three<std::uint8_t>("background", 0, 255);
  out.mean = fields.three<float>("mean", -1e6, 1e6);
  out.std = fields.three<float>("std", 1e-6, 1e6);
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
    card.precision = fields.choice<Precision>("precision", {{"f32", Precision::kF32}, {"int8", Precision::kInt8}});
    read_sources(fields);
    read_files(fields);
    read_towers(fields.object("towers"));
    if (out_.image) {
      card.decode = read_decode(fields.object("decode"));
      card.prepare = read_prepare(fields.object("prepare"));
    }
    const auto& heads = fields.list("heads", 1, limits::kSpacesPerCollectionMax);
    for (std::size_t i = 0; i < heads.size(); ++i) read_head(Fields(heads[i], "heads[" + std::to_string(i) + "]"));
    fields.finish();
    for (const auto& file : card.files) {
      if (!used_.contains(file.path)) refuse("file '" + file.path + "' is used by no tower and no head");
    }
    for (std::size_t i = 0; i < card.heads.size(); ++i) card.heads[i].space = space_of(out_, i);
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

  void read_image(Fields fields) {
    ImageTower tower;
    tower.file = known_file(fields, "file");
    tower.input = fields.text("input");
    auto outputs = fields.object("outputs");
    for (const auto& name : outputs.names(limits::kSpacesPerCollectionMax)) {
      tower.outputs[name] = static_cast<std::uint32_t>(outputs.whole(name.c_str(), 1, limits::kCardOutputMax));
    }
    fields.finish();
    out_.image = std::move(tower);
  }

  void read_text(Fields fields) {
    TextTower tower;
    tower.file = known_file(fields, "file");
    tower.tokenizer = known_file(fields, "tokenizer");
    tower.tokens_max = static_cast<std::uint32_t>(fields.whole("max_tokens", 3, limits::kTokensMax));
    tower.pooling = fields.choice<Pooling>("pooling", {{"mean", Pooling::kMean}});
    tower.dim = static_cast<std::uint32_t>(fields.whole("dim", 1, limits::kVectorDimMax));
    auto inputs = fields.object("inputs");
    tower.ids_input = inputs.text("ids");
    tower.mask_input = inputs.text("mask");
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
    head.metric = fields.choice<Metric>(
        "metric", {{"cosine", Metric::kCosine}, {"inner_product", Metric::kInnerProduct}, {"l2", Metric::kL2}});
    fields.choice<int>("norm", {{"l2", 0}});
    head.images = fields.has("images");
    if (head.images) details = read_image_side(fields.object("images"), head);
    head.texts = fields.has("texts");
    if (head.texts) read_text_side(fields.object("texts"), head);
    fields.finish();
    if (!head.images && !head.texts) refuse("head '" + head.name + "' takes neither images nor texts");
    out_.card.heads.push_back(std::move(head));
    out_.heads.push_back(std::move(details));
  }

  HeadDetails read_image_side(Fields fields, const CardHead& head) {
    if (!out_.image) refuse("head '" + head.name + "' takes images, but the card has no image tower");
    HeadDetails details;
    details.output = fields.text("from");
    const auto output = out_.image->outputs.find(details.output);
    if (output == out_.image->outputs.end()) {
      refuse("'" + fields.path("from") + "' is '" + details.output + "', which is no output of the image tower");
    }
    details.numbers = output->second;
    std::uint64_t dim = details.numbers;
    if (fields.has("through")) {
      details.making = fields.choice<HeadMaking>("through", {{"conse", HeadMaking::kConse}});
      details.matrix = known_file(fields, "matrix");
      dim = out_.file(details.matrix)->bytes / (sizeof(float) * details.numbers);
      if (dim * sizeof(float) * details.numbers != out_.file(details.matrix)->bytes) dim = 0;
    }
    fields.finish();
    if (dim == head.dim) return details;
    refuse("head '" + head.name + "' has dim " + std::to_string(head.dim) + ", but output '" + details.output +
           "' with " + std::to_string(details.numbers) + " numbers" +
           (details.matrix.empty() ? "" : " through '" + details.matrix + "'") + " gives " + std::to_string(dim));
  }

  void read_text_side(Fields fields, const CardHead& head) const {
    if (!out_.text) refuse("head '" + head.name + "' takes texts, but the card has no text tower");
    fields.choice<int>("from", {{"text", 0}});
    fields.finish();
    if (out_.text->dim != head.dim) {
      refuse("head '" + head.name + "' has dim " + std::to_string(head.dim) + ", the text tower gives " +
             std::to_string(out_.text->dim));
    }
  }

  CardDetails out_;
  std::set<std::string> used_;
};

}  // namespace

std::string precision_name(Precision precision) { return precision == Precision::kF32 ? "f32" : "int8"; }

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
