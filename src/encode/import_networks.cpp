#include "encode/import_networks.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

namespace pictor {
namespace {

constexpr std::uint64_t kScanBytes = 4 * limits::kMiB;

[[noreturn]] void fail(Code code, const std::string& message) { throw ConfigProblem{Status(code, message)}; }

bool is_file(Env& env, const std::string& path) {
  const auto info = env.info(path);
  return info.is_ok() && info->kind == FileKind::kFile;
}

const DescribedPort* find(const std::vector<DescribedPort>& ports, const std::string& name) {
  const auto found = std::ranges::find(ports, name, &DescribedPort::name);
  return found == ports.end() ? nullptr : &*found;
}

std::string names_of(const std::vector<DescribedPort>& ports) {
  std::string names;
  for (const auto& port : ports) names += (names.empty() ? "'" : ", '") + port.name + "'";
  return names;
}

// The only ONNX file of a folder, when there is one alone.
std::string only_network(Env& env, const std::string& folder) {
  const auto entries = env.list(folder);
  if (!entries.is_ok()) return "";
  std::string found;
  for (const auto& entry : *entries) {
    if (entry.kind != FileKind::kFile || !entry.name.ends_with(".onnx")) continue;
    if (!found.empty()) return "";
    found = join_path(folder, entry.name);
  }
  return found;
}

std::string network_file(Env& env, const std::string& folder, const std::string& stem, const std::string& variant) {
  const std::string name = stem + (variant.empty() ? "" : "_" + variant) + ".onnx";
  for (const auto& place : {join_path(folder, "onnx"), folder}) {
    if (is_file(env, join_path(place, name))) return join_path(place, name);
  }
  return "";
}

// A fixed picture of smooth waves and grain: a network that only works on zeros is found out.
std::vector<float> probe_picture(std::size_t numbers) {
  std::vector<float> out(numbers);
  std::uint32_t state = 12345;
  for (std::size_t i = 0; i < numbers; ++i) {
    state = state * 1664525U + 1013904223U;
    out[i] = static_cast<float>(i % 224) / 112.0F - 1.0F + static_cast<float>(state >> 16) / 65536.0F - 0.5F;
  }
  return out;
}

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text;
  for (const auto size : shape) text += (text.empty() ? "" : " x ") + std::to_string(size);
  return text;
}

void check_finite(const OutputTensor& tensor, const std::string& path) {
  const auto odd = std::ranges::find_if(tensor.values, [](float value) { return !std::isfinite(value); });
  if (odd == tensor.values.end()) return;
  fail(Code::kUnreadable, "'" + path + "': output '" + tensor.name +
                              "' has a number that is not finite: the weights "
                              "are damaged, or too large for f32");
}

// The configuration of the picture's side: a dual encoder keeps it in 'vision_config'.
std::optional<Config> vision_config(const HubFiles& files) {
  const auto config = Config::read(files, "config.json");
  if (!config) return std::nullopt;
  const auto vision = config->object("vision_config");
  return vision ? vision : config;
}

std::string model_type(const HubFiles& files) {
  const auto config = Config::read(files, "config.json");
  return config ? config->text("model_type", "") : "";
}

// What the families of the hub mean by "the vector of a picture". pooler_output of ViT is trained for nothing.
ImageChoice choose_output(const NetworkDescription& network, const HubFiles& files, bool with_texts) {
  const std::string type = model_type(files);
  const auto has = [&](const char* name) { return find(network.outputs, name) != nullptr; };
  if (has("image_embeds")) return {"image_embeds", Pooling::kNone};
  if (with_texts && has("pooler_output")) return {"pooler_output", Pooling::kNone};
  if ((type.starts_with("vit") || type.starts_with("deit") || type.starts_with("dinov2")) && has("last_hidden_state")) {
    return {"last_hidden_state", Pooling::kCls};
  }
  // EfficientNet's export pools with a window larger than its map, which OpenVINO refuses; it means the global average.
  const bool odd_pooler = type.starts_with("efficientnet") && has("last_hidden_state");
  if (has("pooler_output") && !odd_pooler) return {"pooler_output", Pooling::kNone};
  if (has("last_hidden_state")) {
    const auto rank = find(network.outputs, "last_hidden_state")->shape.size();
    return {"last_hidden_state", rank == 4 ? Pooling::kMean : Pooling::kCls};
  }
  return {network.outputs.front().name, Pooling::kNone};
}

ImageChoice chosen_output(const NetworkDescription& network, const ImportRequest& request, const HubFiles& files,
                          bool with_texts) {
  auto choice = choose_output(network, files, with_texts);
  if (!request.output.empty()) choice = {request.output, Pooling::kNone};
  if (find(network.outputs, choice.output) == nullptr) {
    fail(Code::kNotFound,
         "the image network has no output '" + choice.output + "'; it has " + names_of(network.outputs));
  }
  if (request.pooling == "cls") choice.pooling = Pooling::kCls;
  if (request.pooling == "mean") choice.pooling = Pooling::kMean;
  if (!request.pooling.empty() && request.pooling != "cls" && request.pooling != "mean") {
    fail(Code::kInvalid, "pooling is 'cls' or 'mean', not '" + request.pooling + "'");
  }
  return choice;
}

std::string image_input(const NetworkDescription& network) {
  if (find(network.inputs, "pixel_values") != nullptr) return "pixel_values";
  for (const auto& port : network.inputs) {
    if (port.shape.size() == 4) return port.name;
  }
  fail(Code::kUnsupported,
       "the image network has no input of n x 3 x height x width; it has " + names_of(network.inputs) +
           ": where the text has a network of its own, that of pictures is onnx/vision_model.onnx; is it missing?");
}

// Said here: the run time would answer a network for five channels with a page of its own words.
void check_input_shape(const NetworkDescription& network, const std::string& input, const PrepareSpec& prepare) {
  const auto& shape = find(network.inputs, input)->shape;
  const std::vector<std::int64_t> wanted = {-1, 3, prepare.height, prepare.width};
  bool fits = shape.size() == wanted.size();
  for (std::size_t i = 1; fits && i < wanted.size(); ++i) fits = shape[i] == -1 || shape[i] == wanted[i];
  if (fits) return;
  fail(Code::kUnsupported, "the image network takes '" + input + "' as " + shape_text(shape) +
                               " (-1: any size), but the preprocessing makes n x 3 x " +
                               std::to_string(prepare.height) + " x " + std::to_string(prepare.width) +
                               "; export it for that size, or mend preprocessor_config.json");
}

// Tokens that stand for no place of the picture: what is left over beside the grid of patches.
std::uint32_t prefix_of(const HubFiles& files, const PrepareSpec& prepare, std::uint32_t tokens) {
  const auto config = vision_config(files);
  const auto patch = config ? config->whole("patch_size", 0) : 0;
  if (patch == 0) return tokens > 1 ? 1 : 0;
  const std::uint64_t grid = (prepare.height / patch) * (prepare.width / patch);
  return grid < tokens ? static_cast<std::uint32_t>(tokens - grid) : 0;
}

ImageOutput image_output(const OutputTensor& tensor, const HubFiles& files, const PrepareSpec& prepare) {
  const auto size = [&](std::size_t axis) { return static_cast<std::uint32_t>(tensor.shape[axis]); };
  switch (tensor.shape.size()) {
    case 2: return {OutputKind::kVector, size(1)};
    case 3: return {OutputKind::kTokens, size(2), size(1), prefix_of(files, prepare, size(1))};
    case 4: return {OutputKind::kMap, size(1), 0, 0, size(2), size(3)};
    default: break;
  }
  fail(Code::kUnsupported, "output '" + tensor.name + "' came as " + shape_text(tensor.shape) +
                               "; n x numbers, n x tokens x numbers or n x numbers x height x width are read");
}

// Runs the network on one picture, so that the card says what really comes out.
OutputTensor probe(const Runtime& runtime, const std::string& path, const std::string& input, const std::string& output,
                   const PrepareSpec& prepare) {
  const std::vector<std::int64_t> shape = {1, 3, prepare.height, prepare.width};
  ModelOptions options;
  options.batch = 1;
  options.outputs = {output};
  options.shapes[input] = shape;
  const auto model = need(runtime.load(path, options), "the image network");
  const auto pixels = probe_picture(std::size_t{3} * prepare.height * prepare.width);
  const TensorView view{input, ElementType::kF32, shape, pixels.data()};
  auto outputs = need(model->run({&view, 1}), "'" + path + "'");
  check_finite(outputs.front(), path);
  return std::move(outputs.front());
}

// With the fewest tokens of no place that leave a grid: configurations do not always give the size of a patch.
ImageOutput grid_output(ImageOutput output, const PrepareSpec& prepare) {
  constexpr std::uint32_t kPrefixMax = 16;
  if (output.kind != OutputKind::kTokens) return output;
  for (output.prefix = 0; output.prefix < std::min(kPrefixMax, output.tokens - 1); ++output.prefix) {
    if (grid_of(prepare, output).numbers() != 0) break;
  }
  return output;
}

// What a network of this layout calls its patch grid, if the vectors come from another output; it costs nothing until
// a collection keeps tokens. Left out when it cannot be had.
void add_grid_output(const Runtime& runtime, const std::string& path, const NetworkDescription& network,
                     const HubFiles& files, const PrepareSpec& prepare, ImageTower& tower) {
  constexpr const char* kGrid = "last_hidden_state";
  if (grid_of(prepare, tower.outputs.begin()->second).numbers() != 0 || find(network.outputs, kGrid) == nullptr) return;
  try {
    const auto tensor = probe(runtime, path, tower.input, kGrid, prepare);
    const auto output = grid_output(image_output(tensor, files, prepare), prepare);
    if (grid_of(prepare, output).numbers() != 0 && !tower.outputs.contains(kGrid)) tower.outputs[kGrid] = output;
  } catch (const ConfigProblem&) {
    // Vectors do not need it.
  }
}

// Plain names in the encoder's folder; weights beside the network keep the name that it calls them by.
void add_network_files(const std::string& path, const NetworkDescription& network, std::vector<std::string>& data,
                       ImportedEncoder& out) {
  const auto add = [&out](const std::string& from) {
    std::string name = file_name(from);
    if (std::ranges::find(out.files, name, &ImportedFile::name) == out.files.end()) out.files.push_back({from, name});
    return name;
  };
  add(path);
  const auto beside = [&path](const std::string& file) { return parent_path(file) == parent_path(path); };
  const auto astray = std::ranges::find_if_not(network.external_files, beside);
  if (astray != network.external_files.end()) {
    fail(Code::kUnsupported, "'" + path + "' keeps weights in '" + *astray + "', which is not beside it");
  }
  for (const auto& file : network.external_files) data.push_back(add(file));
}

}  // namespace

HubNetworks find_networks(Env& env, const std::string& folder, const std::string& variant) {
  HubNetworks out;
  out.image = network_file(env, folder, "vision_model", variant);
  out.text = network_file(env, folder, "text_model", variant);
  if (out.image.empty()) out.image = network_file(env, folder, "model", variant);
  if (out.image.empty() && variant.empty()) {
    out.image = only_network(env, join_path(folder, "onnx"));
    if (out.image.empty()) out.image = only_network(env, folder);
  }
  if (out.image.empty()) {
    const std::string end = (variant.empty() ? "" : "_" + variant) + ".onnx";
    fail(Code::kNotFound, "'" + folder + "' has neither vision_model" + end + " nor model" + end +
                              ", nor in onnx/ below it; export it to ONNX first, or name another --variant");
  }
  if (is_file(env, join_path(folder, "tokenizer.json"))) out.tokenizer = join_path(folder, "tokenizer.json");
  return out;
}

Precision precision_of(Env& env, const std::string& path) {
  const auto file = need(env.open(path, OpenMode::kRead), "'" + path + "'");
  constexpr std::size_t kOverlap = 64;
  std::string window;
  Bytes chunk(kScanBytes);
  bool is_static = false;
  for (std::uint64_t at = 0;;) {
    const auto count = need(file->read_at(at, chunk), "'" + path + "'");
    if (count == 0) break;
    window.erase(0, window.size() > kOverlap ? window.size() - kOverlap : 0);
    window += as_text(ByteView(chunk).first(count));
    for (const char* name : {"DynamicQuantizeLinear", "DynamicQuantizeMatMul", "DynamicQuantizeLSTM"}) {
      if (window.find(name) != std::string::npos) return Precision::kInt8Dynamic;
    }
    is_static = is_static || window.find("DequantizeLinear") != std::string::npos;
    at += count;
  }
  return is_static ? Precision::kInt8 : Precision::kF32;
}

ImageChoice add_image_tower(const Runtime& runtime, const ImportRequest& request, const HubFiles& files,
                            const HubNetworks& networks, ImportedEncoder& out) {
  const auto network = need(describe_network(networks.image), "the image network");
  if (network.outputs.empty()) fail(Code::kUnsupported, "'" + networks.image + "' has no output");
  const auto choice = chosen_output(network, request, files, !networks.text.empty());
  ImageTower tower;
  tower.file = file_name(networks.image);
  tower.input = image_input(network);
  add_network_files(networks.image, network, tower.data, out);
  const auto& prepare = out.details.card.prepare;
  check_input_shape(network, tower.input, prepare);
  const auto tensor = probe(runtime, networks.image, tower.input, choice.output, prepare);
  auto shape = image_output(tensor, files, prepare);
  ImageChoice made = choice;
  if (shape.kind == OutputKind::kVector) made.pooling = Pooling::kNone;
  if (shape.kind == OutputKind::kMap) made.pooling = Pooling::kMean;
  if (shape.kind == OutputKind::kTokens && made.pooling == Pooling::kNone) {
    fail(Code::kInvalid, "output '" + choice.output + "' is " + std::to_string(shape.tokens) +
                             " tokens: say with --pooling cls or mean how they become one vector");
  }
  if (choice.output == "logits")
    out.notes.push_back("the vectors are class scores, not features: 'logits' is all there is");
  tower.outputs[choice.output] = shape;
  if (networks.text != networks.image) {
    add_grid_output(runtime, networks.image, network, files, prepare, tower);
  }
  out.details.image = std::move(tower);
  return made;
}

namespace {

std::uint64_t tokens_max_of(const HubFiles& files, std::size_t fixed) {
  if (fixed != 0) return fixed;
  if (const auto config = Config::read(files, "tokenizer_config.json")) {
    // 1e30 is how the reference says "no limit".
    const double most = config->number("model_max_length", 1e30);
    if (most >= 3 && most <= limits::kTokensMax) return static_cast<std::uint64_t>(most);
  }
  const auto config = Config::read(files, "config.json");
  const auto text = config ? config->object("text_config") : std::nullopt;
  const auto positions = text ? text->whole("max_position_embeddings", 77) : 77;
  return std::clamp<std::uint64_t>(positions, 3, limits::kTokensMax);
}

std::int64_t pad_id_of(const HubFiles& files, const Tokenizer& tokenizer) {
  for (const char* name : {"tokenizer_config.json", "special_tokens_map.json"}) {
    const auto config = Config::read(files, name);
    if (!config || !config->has("pad_token")) continue;
    const auto* value = config->get("pad_token");
    const auto text =
        value->is_object() ? config->object("pad_token")->text("content", "") : config->text("pad_token", "");
    if (const auto id = tokenizer.id_of(text)) return *id;
    config->wrong("pad_token", "a token of tokenizer.json");
  }
  return tokenizer.pad_id();
}

void set_inputs(const NetworkDescription& network, TextTower& tower) {
  for (const auto& port : network.inputs) {
    if (port.name == "input_ids") tower.ids_input = port.name;
    if (port.name == "attention_mask") tower.mask_input = port.name;
    if (port.name == "token_type_ids") tower.types_input = port.name;
  }
  if (tower.ids_input.empty()) {
    fail(Code::kUnsupported, "the text network has no input 'input_ids'; it has " + names_of(network.inputs));
  }
}

std::string text_output(const NetworkDescription& network, bool combined) {
  for (const char* name : {"text_embeds", "pooler_output"}) {
    if (find(network.outputs, name) != nullptr && !(combined && std::string(name) == "pooler_output")) return name;
  }
  fail(Code::kUnsupported,
       "the text network has no output 'text_embeds' or 'pooler_output'; it has " + names_of(network.outputs));
}

OutputTensor probe_text(const Runtime& runtime, const std::string& path, const TextTower& tower) {
  ModelOptions options;
  options.outputs = {tower.output};
  const auto model = need(runtime.load(path, options), "the text network");
  const bool narrow = model->inputs().front().type == ElementType::kI32;
  const std::vector<std::int64_t> wide(tower.tokens_max, 1);
  const std::vector<std::int32_t> thin(tower.tokens_max, 1);
  std::vector<TensorView> views;
  for (const auto& name : {tower.ids_input, tower.mask_input, tower.types_input}) {
    if (name.empty()) continue;
    views.push_back({name,
                     narrow ? ElementType::kI32 : ElementType::kI64,
                     {1, tower.tokens_max},
                     narrow ? static_cast<const void*>(thin.data()) : wide.data()});
  }
  auto outputs = need(model->run(views), "'" + path + "'");
  check_finite(outputs.front(), path);
  return std::move(outputs.front());
}

}  // namespace

void add_text_tower(const Runtime& runtime, const HubFiles& files, const HubNetworks& networks,
                    const Tokenizer& tokenizer, ImportedEncoder& out) {
  const auto network = need(describe_network(networks.text), "the text network");
  const bool combined = networks.text == networks.image;
  TextTower tower;
  tower.file = file_name(networks.text);
  add_network_files(networks.text, network, tower.data, out);
  set_inputs(network, tower);
  tower.output = text_output(network, combined);
  const auto& ids = find(network.inputs, tower.ids_input)->shape;
  const std::size_t fixed = ids.size() == 2 && ids[1] > 0 ? static_cast<std::size_t>(ids[1]) : 0;
  tower.tokens_max = static_cast<std::uint32_t>(tokens_max_of(files, fixed));
  tower.pad_id = pad_id_of(files, tokenizer);
  // SigLIP was trained on texts that are filled up to its limit, without a mask.
  const bool filled = fixed != 0 || tower.mask_input.empty() || model_type(files).starts_with("siglip");
  tower.padding = filled ? Padding::kMax : Padding::kBucket;
  tower.pooling = Pooling::kNone;
  tower.together = false;
  tower.tokenizer = "tokenizer.json";
  out.files.push_back({networks.tokenizer, tower.tokenizer});
  const auto tensor = probe_text(runtime, networks.text, tower);
  if (tensor.shape.size() != 2) {
    fail(Code::kUnsupported, "output '" + tower.output + "' of the text network came as " + shape_text(tensor.shape) +
                                 "; n x numbers is read");
  }
  tower.dim = static_cast<std::uint32_t>(tensor.shape[1]);
  out.details.text = std::move(tower);
}

}  // namespace pictor
