#include "encode/import.h"

#include <algorithm>

#include "encode/import_networks.h"

namespace pictor {
namespace {

constexpr const char* kConfigs[] = {"config.json", "preprocessor_config.json", "tokenizer_config.json",
                                    "special_tokens_map.json", "open_clip_config.json"};
constexpr std::uint64_t kCopyBytes = 4 * limits::kMiB;
constexpr std::string_view kAsideSuffixes[] = {".part", ".made", ".quantizing"};
constexpr std::int64_t kLeftoverUs = 24LL * 3600 * 1'000'000;  // longer than any run goes without a new file there

HubFiles read_configs(Env& env, const std::string& folder) {
  HubFiles files;
  for (const char* name : kConfigs) {
    auto bytes = read_file(env, join_path(folder, name), limits::kCardBytesMax);
    if (bytes.is_ok()) {
      files[name] = std::string(as_text(*bytes));
    } else if (bytes.status().code() != Code::kNotFound) {
      throw ConfigProblem{bytes.status()};
    }
  }
  return files;
}

// One head: pictures, and texts where both towers give vectors of one length.
void add_head(const ImportRequest& request, const ImageChoice& choice, ImportedEncoder& out) {
  auto& details = out.details;
  CardHead head;
  HeadDetails sides;
  head.images = true;
  head.texts = details.text.has_value();
  head.name = head.texts ? "joint" : "visual";
  sides.images.output = choice.output;
  sides.images.pooling = choice.pooling;
  sides.images.numbers = details.image->outputs.at(choice.output).numbers;
  sides.images.full_dim = sides.texts.full_dim = sides.images.numbers;
  if (head.texts) sides.texts.numbers = details.text->dim;
  if (head.texts && sides.texts.numbers != sides.images.numbers) {
    throw ConfigProblem{Status(Code::kMismatch, "pictures give " + std::to_string(sides.images.numbers) +
                                                    " numbers and texts " + std::to_string(sides.texts.numbers) +
                                                    ": they cannot be compared")};
  }
  head.dim = request.dim == 0 ? sides.images.numbers : request.dim;
  if (head.dim > sides.images.numbers) {
    throw ConfigProblem{Status(Code::kInvalid, "--dim " + std::to_string(request.dim) +
                                                   " was asked for, the network gives " +
                                                   std::to_string(sides.images.numbers) + " numbers")};
  }
  details.card.heads.push_back(std::move(head));
  details.heads.push_back(std::move(sides));
}

ImportedEncoder import_whole(Env& env, const Runtime& runtime, const ImportRequest& request) {
  ImportedEncoder out;
  auto& card = out.details.card;
  const HubFiles files = read_configs(env, request.folder);
  const auto preprocessing = read_preprocessing(files);
  out.rule = preprocessing.rule;
  card.decode = preprocessing.decode;
  card.prepare = preprocessing.prepare;
  card.name = encoder_name_of(request.name.empty() ? file_name(request.folder) : request.name);
  card.source = request.source.empty() ? "folder " + file_name(request.folder) : request.source;
  card.licence = request.licence.empty() ? "unknown" : request.licence;
  card.description = "Imported from " + card.source + ", preprocessing of " + out.rule + ".";

  auto networks = find_networks(env, request.folder, request.variant);
  card.precision = request.variant == "fp16" ? Precision::kF16 : precision_of(env, networks.image);
  const auto network = need(describe_network(networks.image), "the image network");
  const bool both = std::ranges::any_of(network.inputs, [](const auto& port) { return port.name == "input_ids"; });
  if (both && networks.text.empty()) networks.text = networks.image;
  if (!networks.text.empty() && networks.tokenizer.empty()) {
    throw ConfigProblem{Status(Code::kNotFound, "'" + request.folder + "' has a text network but no tokenizer.json")};
  }
  const auto choice = add_image_tower(runtime, request, files, networks, out);
  if (!networks.text.empty()) {
    const auto bytes = need(read_file(env, networks.tokenizer, limits::kTokenizerBytesMax), "tokenizer.json");
    const auto tokenizer = need(Tokenizer::parse(as_text(bytes)), "tokenizer.json");
    add_text_tower(runtime, files, networks, tokenizer, out);
    // OpenCLIP fills up with 0, whatever its tokenizer's files say; the vector does not show it.
    if (out.rule == "open_clip") out.details.text->pad_id = 0;
  }
  add_head(request, choice, out);
  for (const auto& file : out.files) {
    if (!file.name.ends_with(".onnx")) continue;
    const auto finite = check_weights_finite(file.from);
    if (!finite.is_ok()) throw ConfigProblem{finite};
  }
  return out;
}

Status copy_file(Env& env, const CardFile& wanted, const std::string& from, const std::string& to) {
  PICTOR_ASSIGN(const auto source, env.open(from, OpenMode::kRead));
  PICTOR_ASSIGN(const auto target, env.open(to, OpenMode::kReadWriteCreate));
  PICTOR_TRY(target->truncate(0));
  Sha256Stream hash;
  Bytes chunk(kCopyBytes);
  std::uint64_t at = 0;
  for (;;) {
    PICTOR_ASSIGN(const auto count, source->read_at(at, chunk));
    if (count == 0) break;
    const auto bytes = ByteView(chunk).first(count);
    hash.add(bytes);
    PICTOR_TRY(target->write_at(at, bytes));
    at += count;
  }
  if (hash.finish() != wanted.hash) return {Code::kIo, "'" + from + "' changed while it was copied: try again"};
  return target->sync();
}

Status fill_aside(Env& env, const ImportedEncoder& encoder, const std::string& aside) {
  const auto& card = encoder.details.card;
  PICTOR_TRY(env.make_dirs(aside));
  for (std::size_t i = 0; i < encoder.files.size(); ++i) {
    PICTOR_TRY(copy_file(env, card.files[i], encoder.files[i].from, join_path(aside, encoder.files[i].name)));
  }
  PICTOR_TRY(write_file_atomic(env, join_path(aside, "card.json"), as_bytes(card.json)));
  return env.sync_dir(aside);
}

}  // namespace

Status hash_files(Env& env, ImportedEncoder& out) {
  for (const auto& file : out.files) {
    PICTOR_ASSIGN(const auto source, env.open(file.from, OpenMode::kRead));
    Sha256Stream hash;
    Bytes chunk(kCopyBytes);
    CardFile entry;
    entry.path = file.name;
    for (;;) {
      PICTOR_ASSIGN(const auto count, source->read_at(entry.bytes, chunk));
      if (count == 0) break;
      hash.add(ByteView(chunk).first(count));
      entry.bytes += count;
    }
    entry.hash = hash.finish();
    out.details.card.files.push_back(std::move(entry));
  }
  return Status::ok();
}

Status settle_card(ImportedEncoder& out) {
  auto parsed = parse_card_details(write_card(out.details));
  if (!parsed.is_ok()) return parsed.status().in("the card that was made");
  out.details = std::move(parsed).value();
  return Status::ok();
}

Status remove_files(Env& env, const std::string& folder) {
  const auto entries = env.list(folder);
  if (!entries.is_ok()) return entries.status().code() == Code::kNotFound ? Status::ok() : entries.status();
  for (const auto& entry : *entries) PICTOR_TRY(env.remove(join_path(folder, entry.name)));
  return env.remove(folder);
}

void remove_aside(Env& env, const std::string& folder) {
  const auto entries = env.list(folder);
  if (!entries.is_ok()) return;
  for (const auto& entry : *entries) {
    const auto path = join_path(folder, entry.name);
    (void)(entry.kind == FileKind::kFolder ? remove_files(env, path) : env.remove(path)).is_ok();
  }
  (void)env.remove(folder).is_ok();
}

void remove_leftovers(Env& env, const std::string& encoders_folder) {
  const auto entries = env.list(encoders_folder);
  if (!entries.is_ok()) return;
  for (const auto& entry : *entries) {
    const auto made_aside = [&entry](std::string_view suffix) { return entry.name.ends_with(suffix); };
    const bool aside = entry.name.starts_with('.') && std::ranges::any_of(kAsideSuffixes, made_aside);
    if (!aside || entry.kind != FileKind::kFolder) continue;
    const auto path = join_path(encoders_folder, entry.name);
    const auto info = env.info(path);
    if (info.is_ok() && env.wall_us() - info->modified_us > kLeftoverUs) remove_aside(env, path);
  }
}

std::string encoder_name_of(std::string_view text) {
  std::string name;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    const bool upper = c >= 'A' && c <= 'Z';
    if (plain || upper) {
      name += upper ? static_cast<char>(c - 'A' + 'a') : c;
    } else if (!name.empty() && name.back() != '-') {
      name += '-';
    }
  }
  while (!name.empty() && name.back() == '-') name.pop_back();
  if (name.size() > 64) name.resize(64);
  return name.empty() ? "encoder" : name;
}

Result<ImportedEncoder> import_encoder(Env& env, const Runtime& runtime, const ImportRequest& request) {
  try {
    auto out = import_whole(env, runtime, request);
    PICTOR_TRY(hash_files(env, out));
    PICTOR_TRY(settle_card(out));
    return out;
  } catch (const ConfigProblem& problem) {
    return problem.status;
  }
}

Status install_encoder(Env& env, const ImportedEncoder& encoder, const std::string& encoders_folder) {
  const auto& card = encoder.details.card;
  const std::string folder = join_path(encoders_folder, card.name);
  if (exists(env, folder)) {
    return {Code::kExists, "there is an encoder '" + card.name +
                               "' already: give this one another --name, or remove "
                               "that one first (`pictor encoder remove " +
                               card.name + "`)"};
  }
  const std::string aside = join_path(encoders_folder, "." + card.name + ".part");
  PICTOR_TRY(remove_files(env, aside));
  if (auto filled = fill_aside(env, encoder, aside); !filled.is_ok()) {
    remove_aside(env, aside);
    return filled;
  }
  PICTOR_TRY(env.rename(aside, folder));
  return env.sync_dir(encoders_folder);
}

Result<AddEncoderReport> add_encoder(Env& env, const EncoderPlaces& places, const Runtime& runtime,
                                     const AddEncoderRequest& request) {
  if (places.encoders_folder.empty()) return Status(Code::kInvalid, "no folder was given for encoders that are added");
  remove_leftovers(env, places.encoders_folder);
  PICTOR_ASSIGN(const auto imported, import_encoder(env, runtime, request));
  const auto& name = imported.details.card.name;
  PICTOR_ASSIGN(const auto cards, list_cards(env, places));
  if (std::ranges::find(cards, name, &EncoderCard::name) != cards.end()) {
    return Status(Code::kExists, "there is an encoder '" + name + "' already: give this one another --name");
  }
  PICTOR_TRY(install_encoder(env, imported, places.encoders_folder));
  return AddEncoderReport{name, imported.rule, imported.notes};
}

}  // namespace pictor
