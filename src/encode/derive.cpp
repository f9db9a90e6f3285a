// Another dimension for a head: a PCA, a matrix or the first numbers, as an encoder of its own beside the first.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "encode/derive_head.h"
#include "encode/import.h"

namespace pictor {
namespace {

using Ordered = nlohmann::ordered_json;

constexpr const char* kMatrixFile = "derived";
// The largest vector in and out; a network may give more numbers than that, of which a head takes the first.
constexpr std::uint64_t kMatrixBytesMax = std::uint64_t{limits::kVectorDimMax} * limits::kVectorDimMax * sizeof(float);

Status check_request(const CardDetails& base, std::size_t head, const DeriveRequest& request) {
  const auto& sides = base.heads[head];
  const auto& card = base.card.heads[head];
  if (request.dim == 0 || request.dim > limits::kVectorDimMax) {
    return {Code::kInvalid, "--dim is " + std::to_string(request.dim) + ", 1 to " +
                                std::to_string(limits::kVectorDimMax) + " is wanted"};
  }
  for (const auto* side : {&sides.images, &sides.texts}) {
    if (side->making != HeadMaking::kConse) continue;
    return {Code::kUnsupported, "head '" + card.name + "' of encoder '" + request.name +
                                    "' is made through class scores (conse): no linear head can follow it"};
  }
  const std::uint64_t numbers = std::max(sides.images.numbers, sides.texts.numbers);
  if (request.by != DeriveBy::kTruncate && numbers * request.dim * sizeof(float) > kMatrixBytesMax) {
    return {Code::kLimit, "a matrix of " + std::to_string(numbers) + " x " + std::to_string(request.dim) +
                              " numbers would have more than " + std::to_string(kMatrixBytesMax / limits::kMiB) +
                              " MiB: give a smaller --dim"};
  }
  if (request.by == DeriveBy::kMatrix || request.dim <= card.dim) return Status::ok();
  return {Code::kInvalid, "head '" + card.name + "' has " + std::to_string(card.dim) + " numbers, " +
                              std::to_string(request.dim) +
                              " were asked for: a PCA or the first numbers only make fewer; --matrix makes more"};
}

Result<std::size_t> head_index(const CardDetails& base, const std::string& name) {
  const auto& heads = base.card.heads;
  if (name.empty()) return std::size_t{0};
  const auto found = std::ranges::find(heads, name, &CardHead::name);
  if (found != heads.end()) return static_cast<std::size_t>(found - heads.begin());
  return Status(Code::kNotFound, "encoder '" + base.card.name + "' has no head '" + name + "'");
}

Result<std::vector<float>> read_floats(Env& env, const std::string& path, std::uint64_t wanted) {
  const std::uint64_t bytes_wanted = wanted * sizeof(float);
  PICTOR_ASSIGN(const auto info, env.info(path));
  if (info.size != bytes_wanted) {
    return Status(Code::kMismatch, "'" + path + "' has " + std::to_string(info.size) + " bytes, " +
                                       std::to_string(wanted) + " f32 numbers are " + std::to_string(bytes_wanted));
  }
  PICTOR_ASSIGN(const auto bytes, read_file(env, path, bytes_wanted));
  std::vector<float> out(wanted);
  std::memcpy(out.data(), bytes.data(), bytes_wanted);
  const auto bad = std::ranges::find_if(out, [](float number) { return !std::isfinite(number); });
  if (bad == out.end()) return out;
  return Status(Code::kUnreadable, "'" + path + "': number " + std::to_string(bad - out.begin()) + " is not finite");
}

Result<LinearHead> given_matrix(Env& env, const CardHead& head, const DeriveRequest& request) {
  LinearHead out;
  out.in = head.dim;
  out.out = request.dim;
  PICTOR_ASSIGN(const auto matrix, read_floats(env, request.matrix, std::uint64_t{head.dim} * request.dim));
  out.matrix.assign(matrix.begin(), matrix.end());
  if (!request.bias.empty()) {
    PICTOR_ASSIGN(const auto bias, read_floats(env, request.bias, request.dim));
    out.bias.assign(bias.begin(), bias.end());
  }
  return out;
}

// A card's head keeps its files only while something uses them.
Ordered used_files(const Ordered& card, const std::vector<CardFile>& added) {
  Ordered using_them = Ordered::object();
  using_them["towers"] = card["towers"];
  using_them["heads"] = card["heads"];
  const std::string text = using_them.dump();
  Ordered out = Ordered::array();
  for (const auto& file : card["files"]) {
    if (text.find(file["path"].dump()) != std::string::npos) out.push_back(file);
  }
  for (const auto& file : added) {
    out.push_back({{"path", file.path}, {"sha256", file.hash.hex()}, {"bytes", file.bytes}});
  }
  return out;
}

// The base's card with the one head, changed.
struct NewCard {
  const CardDetails& base;
  std::size_t head;
  const DeriveRequest& request;
  std::string how;              // for people
  std::vector<CardFile> added;  // matrices and biases
  std::string image_matrix, image_bias, text_matrix, text_bias;

  Result<CardDetails> make() const;

 private:
  void set_side(Ordered& side, const std::string& matrix, const std::string& bias) const {
    if (matrix.empty()) return;
    side["through"] = "linear";
    side["matrix"] = matrix;
    side.erase("bias");
    if (!bias.empty()) side["bias"] = bias;
  }
};

Result<CardDetails> NewCard::make() const {
  auto card = Ordered::parse(base.card.json);
  card["name"] = request.new_name;
  card["description"] = "Encoder '" + base.card.name + "', head '" + base.card.heads[head].name + "' " + how + ".";
  Ordered changed = card["heads"][head];
  const auto full = changed.contains("truncated_from") ? changed["truncated_from"] : changed["dim"];
  changed["dim"] = request.dim;
  changed.erase("truncated_from");
  if (request.by == DeriveBy::kTruncate && full != changed["dim"]) changed["truncated_from"] = full;
  if (changed.contains("images")) set_side(changed["images"], image_matrix, image_bias);
  if (changed.contains("texts")) set_side(changed["texts"], text_matrix, text_bias);
  card["heads"] = Ordered::array({changed});
  card.erase("quantization");  // what the base's heads lost in eight bits; this head was not measured
  const auto& card_head = base.card.heads[head];
  if (!card_head.texts) card["towers"].erase("text");
  if (card_head.images) {
    const auto output = changed["images"]["from"].get<std::string>();
    auto& outputs = card["towers"]["image"]["outputs"];
    Ordered one = Ordered::object();
    one[output] = outputs[output];
    outputs = std::move(one);
  } else {
    card["towers"].erase("image");
    card.erase("decode");
    card.erase("prepare");
  }
  card["files"] = used_files(card, added);
  return parse_card_details(card.dump(2) + "\n");
}

CardFile file_of(const std::string& name, const std::vector<float>& numbers) {
  const auto bytes = std::as_bytes(std::span(numbers));
  return {name, sha256(bytes), bytes.size()};
}

// What is written besides the base's own files.
struct MadeFile {
  CardFile file;
  std::vector<float> numbers;
};

class Deriving {
 public:
  Deriving(Env& env, const EncoderPlaces& places, const CardDetails& base, std::size_t head,
           const DeriveRequest& request)
      : env_(env), places_(places), base_(base), head_(head), request_(request) {}

  // Composes `linear` with what the head does already, once a side, and installs the encoder.
  Status install(const LinearHead& linear, const std::string& how);

 private:
  Status compose(const HeadSide& side, const std::string& suffix, const LinearHead& linear, std::string& matrix,
                 std::string& bias);
  std::string keep(const std::string& name, std::vector<float> numbers);
  Status write(CardDetails card);

  Env& env_;
  const EncoderPlaces& places_;
  const CardDetails& base_;
  std::size_t head_;
  const DeriveRequest& request_;
  std::vector<MadeFile> made_;
};

std::string Deriving::keep(const std::string& name, std::vector<float> numbers) {
  const auto file = file_of(name, numbers);
  const auto known = std::ranges::find_if(made_, [&](const MadeFile& one) { return one.file.hash == file.hash; });
  if (known != made_.end()) return known->file.path;  // both sides of a head share one matrix
  made_.push_back({file, std::move(numbers)});
  return name;
}

Status Deriving::compose(const HeadSide& side, const std::string& suffix, const LinearHead& linear, std::string& matrix,
                         std::string& bias) {
  PICTOR_ASSIGN(const auto whole, compose_heads(env_, base_, side, linear));
  std::string stem = kMatrixFile;
  // A derived encoder may be derived from again.
  while (base_.file(stem + ".f32") != nullptr || base_.file(stem + suffix + ".f32") != nullptr) stem += "-again";
  matrix = keep(stem + (made_.empty() ? "" : suffix) + ".f32", to_floats(whole.matrix));
  if (!whole.bias.empty()) bias = keep(matrix.substr(0, matrix.size() - 4) + "-bias.f32", to_floats(whole.bias));
  return Status::ok();
}

Status Deriving::install(const LinearHead& linear, const std::string& how) {
  NewCard card{base_, head_, request_, how, {}, "", "", "", ""};
  const auto& sides = base_.heads[head_];
  if (request_.by != DeriveBy::kTruncate) {
    const auto& head = base_.card.heads[head_];
    if (head.images) PICTOR_TRY(compose(sides.images, "-images", linear, card.image_matrix, card.image_bias));
    if (head.texts) PICTOR_TRY(compose(sides.texts, "-texts", linear, card.text_matrix, card.text_bias));
  }
  for (const auto& made : made_) card.added.push_back(made.file);
  auto details = card.make();
  if (!details.is_ok()) return details.status().in("the card that was made");
  return write(std::move(details).value());
}

Status Deriving::write(CardDetails card) {
  const auto aside = join_path(places_.encoders_folder, "." + request_.new_name + ".made");
  PICTOR_TRY(env_.make_dirs(aside));
  ImportedEncoder whole;
  whole.details = std::move(card);
  Status status;
  for (const auto& file : whole.details.card.files) {
    const auto made = std::ranges::find_if(made_, [&](const MadeFile& one) { return one.file.path == file.path; });
    const bool ours = made != made_.end();
    const auto from = join_path(ours ? aside : base_.card.folder, file.path);
    if (ours && status.is_ok()) status = write_file_atomic(env_, from, std::as_bytes(std::span(made->numbers)));
    whole.files.push_back({from, file.path});
  }
  if (status.is_ok()) status = install_encoder(env_, whole, places_.encoders_folder);
  remove_aside(env_, aside);
  return status;
}

Status check_name(Env& env, const EncoderPlaces& places, const std::string& name) {
  if (places.encoders_folder.empty()) return {Code::kInvalid, "no folder was given for encoders that are added"};
  if (name.empty() || encoder_name_of(name) != name) {
    return {Code::kInvalid, "--name is '" + name + "', lower-case letters, digits, '-', '_' are wanted"};
  }
  PICTOR_ASSIGN(const auto cards, list_cards(env, places));
  if (std::ranges::find(cards, name, &EncoderCard::name) == cards.end()) return Status::ok();
  return {Code::kExists, "there is an encoder '" + name + "' already: give this one another --name"};
}

std::string words_of(const DeriveRequest& request, const DerivedEncoder& report) {
  const auto dims = std::to_string(report.dim_before) + " to " + std::to_string(report.dim) + " numbers";
  switch (request.by) {
    case DeriveBy::kTruncate: return "cut from " + dims;
    case DeriveBy::kMatrix: return "from " + dims + " by a matrix";
    case DeriveBy::kPca: break;
  }
  return "from " + dims + " by the principal components of " + std::to_string(report.pictures_fitted) + " pictures" +
         (report.texts_fitted == 0 ? "" : " and " + std::to_string(report.texts_fitted) + " texts");
}

}  // namespace

Result<DerivedEncoder> derive_encoder(Env& env, const EncoderPlaces& places, const Runtime& runtime,
                                      const DeriveRequest& request) {
  PICTOR_ASSIGN(const auto base, read_card_details(env, places, request.name));
  PICTOR_ASSIGN(const auto head, head_index(base, request.head));
  PICTOR_TRY(check_name(env, places, request.new_name));
  PICTOR_TRY(check_request(base, head, request));
  remove_leftovers(env, places.encoders_folder);
  DerivedEncoder report;
  report.encoder = request.new_name;
  report.head = base.card.heads[head].name;
  report.dim_before = base.card.heads[head].dim;
  report.dim = request.dim;
  LinearHead linear;
  DeriveVectors vectors;
  if (request.by == DeriveBy::kMatrix) {
    PICTOR_ASSIGN(linear, given_matrix(env, base.card.heads[head], request));
  }
  if (request.by == DeriveBy::kPca || request.next_picture) {
    PICTOR_ASSIGN(vectors, collect_vectors(env, base, head, runtime, request, report));
  }
  if (request.by == DeriveBy::kPca) {
    PICTOR_ASSIGN(linear, fit_pca(vectors, base.card.heads[head], request, report));
  }
  PICTOR_TRY(go_on(request));
  Deriving deriving(env, places, base, head, request);
  PICTOR_TRY(deriving.install(linear, words_of(request, report)));
  measure_overlap(vectors, linear, request, report);
  return report;
}

}  // namespace pictor
