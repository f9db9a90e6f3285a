// A static int8 encoder from one in f32: calibrate, write, measure, and keep in float what costs too much.
//
// All is made in a folder beside the encoders, which list_cards passes over, and renamed when it is whole.
#include <algorithm>
#include <cstdio>
#include <set>

#include "encode/import.h"
#include "encode/quantize_loss.h"
#include "encode/quantize_passes.h"
#include "encode/unicode.h"
#include "encode/weights.h"

namespace pictor {
namespace {

constexpr std::size_t kTexts = 256;  // of our own, for calibration; half as many more for evaluation
constexpr std::uint32_t kTextSeed = 11, kEvaluationSeed = 12;
constexpr std::size_t kProbes = 12;         // pictures and texts by which one layer's cost is found
constexpr std::size_t kFloatShare = 4;      // at most one in so many groups is kept in float unasked
constexpr std::uint64_t kSmallShare = 100;  // a layer of one position below one in so many multiplications is small
constexpr double kAnyLoss = 1;

struct Tower {
  bool image = false;
  std::string file;  // of the new network
  std::unique_ptr<NetworkQuantizer> quantizer;
  std::vector<bool> in_float;
};

// As a card takes it: what is no UTF-8 becomes a question mark, and no character is cut.
std::string card_text(std::string text) {
  constexpr std::size_t kCharacterBytesMax = 4;
  text.resize(std::min<std::size_t>(text.size(), limits::kCardTextBytesMax + kCharacterBytesMax));
  for (std::size_t bad_at = 0; !unicode::is_utf8(text, bad_at);) text[bad_at] = '?';
  std::size_t end = std::min<std::size_t>(text.size(), limits::kCardTextBytesMax);
  while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80) --end;
  text.resize(end);
  return text;
}

Status check_count(std::size_t seen, std::size_t most, const char* what) {
  if (seen <= most) return Status::ok();
  return {Code::kLimit, std::to_string(seen) + " " + what + " were given, at most " + std::to_string(most) +
                            " are taken: give fewer"};
}

// A group of layers of one of the towers.
struct Place {
  std::size_t tower = 0, group = 0;
  double cost = 0;  // 1 - mean cosine when it alone is quantised
};

class Work {
 public:
  Work(Env& env, const EncoderPlaces& places, const Runtime& runtime, const QuantizeEncoderRequest& request)
      : env_(env), places_(places), runtime_(runtime), request_(request) {}
  ~Work() {
    if (!staging_.empty()) remove_aside(env_, staging_);
  }
  Work(const Work&) = delete;
  Work& operator=(const Work&) = delete;

  Result<Quantization> run() {
    PICTOR_TRY(begin());
    PICTOR_TRY(calibrate());
    PICTOR_ASSIGN(auto before_encoder, open_encoder(env_, places_, request_.encoder, runtime_, options()));
    PICTOR_ASSIGN(before_, loss_vectors(*before_encoder, evaluation(), looking("measuring f32")));
    keep_small();
    PICTOR_ASSIGN(auto losses, keep_asked(*before_encoder));
    if (!within(losses) && !request_.keep_float) {
      PICTOR_ASSIGN(losses, search(*before_encoder, std::move(losses)));
    }
    if (!within(losses)) return past_bound(losses);
    return finish(losses);
  }

 private:
  EncoderOptions options() const { return {request_.threads, 1, "", false}; }
  LossInputs evaluation() const { return {request_.evaluation_pictures, evaluation_texts_}; }
  bool within(const std::vector<QuantizationLoss>& losses) const {
    return request_.loss_max >= kAnyLoss || share_of_bound(losses, request_.loss_max) <= 1;
  }
  LookUp looking(const std::string& what) const {
    return [this, what](std::size_t done, std::size_t of) -> Status {
      if (request_.cancel != nullptr && *request_.cancel) {
        return {Code::kCancelled, "stopped while " + what + ": no encoder was made"};
      }
      if (request_.progress) request_.progress(what, done, of);
      return Status::ok();
    };
  }

  Status begin();
  Status check_request() const;
  Status calibrate();
  Status calibrate_tower(bool image);
  Result<std::unique_ptr<NetworkQuantizer>> calibrated(bool image, const CalibrateRequest& wanted);
  void keep_small();
  Result<std::vector<QuantizationLoss>> keep_asked(const Encoder& before);
  Result<std::vector<Place>> rank(const Encoder& before);
  Result<std::vector<QuantizationLoss>> search(const Encoder& before, std::vector<QuantizationLoss> losses);
  Result<std::vector<QuantizationLoss>> measure(const std::string& what);
  Status past_bound(const std::vector<QuantizationLoss>& losses) const;
  Result<Quantization> finish(const std::vector<QuantizationLoss>& losses);
  Status stage(const std::vector<std::vector<bool>>& in_float);
  CardDetails new_details() const;
  void keep(const Place& place) { towers_[place.tower].in_float[place.group] = true; }
  std::vector<std::vector<bool>> chosen() const;
  std::size_t groups() const;

  Env& env_;
  const EncoderPlaces& places_;
  const Runtime& runtime_;
  const QuantizeEncoderRequest& request_;
  std::string name_, staging_, calibration_;
  CardDetails parent_;
  std::vector<std::string> texts_, evaluation_texts_;
  std::vector<Tower> towers_;
  std::vector<HeadVectors> before_;
  ImportedEncoder staged_;
};

Status Work::check_request() const {
  const auto& card = parent_.card;
  if (card.precision != Precision::kF32) {
    return {Code::kUnsupported, "encoder '" + card.name + "' is in " + precision_name(card.precision) +
                                    ", f32 is wanted: quantise the encoder that it was made from"};
  }
  if (exists(env_, join_path(places_.encoders_folder, name_))) {
    return {Code::kExists, "there is an encoder '" + name_ +
                               "' already: give this one another --name, or remove that " +
                               "one first (`pictor encoder remove " + name_ + "`)"};
  }
  const std::size_t size = picture_numbers(card.prepare);
  const bool odd = request_.pictures.size() % size != 0 || request_.evaluation_pictures.size() % size != 0;
  if (parent_.image && (odd || request_.pictures.empty() || request_.evaluation_pictures.empty())) {
    return {Code::kInvalid, "pictures of " + std::to_string(size) +
                                " prepared numbers each are wanted, for calibration " + "and for evaluation"};
  }
  PICTOR_TRY(check_count(request_.pictures.size() / size, limits::kCalibrationPicturesMax, "pictures"));
  PICTOR_TRY(check_count(request_.evaluation_pictures.size() / size, limits::kCalibrationPicturesMax,
                         "pictures for evaluation"));
  PICTOR_TRY(check_count(request_.texts.size(), limits::kCalibrationTextsMax, "texts"));
  return check_count(request_.evaluation_texts.size(), limits::kCalibrationTextsMax, "texts for evaluation");
}

Status Work::begin() {
  if (places_.encoders_folder.empty()) return {Code::kInvalid, "no folder was given for encoders that are added"};
  PICTOR_ASSIGN(parent_, find_card(env_, places_, request_.encoder));
  name_ = encoder_name_of(request_.name.empty() ? request_.encoder + "-int8" : request_.name);
  PICTOR_TRY(check_request());
  PICTOR_ASSIGN(const auto cards, list_cards(env_, places_));
  if (std::ranges::find(cards, name_, &EncoderCard::name) != cards.end()) {
    return {Code::kExists, "there is an encoder '" + name_ + "' already: give this one another --name"};
  }
  PICTOR_TRY(check_weights(env_, parent_.card, parent_.card.folder, true, false));
  staging_ = join_path(places_.encoders_folder, "." + name_ + ".quantizing");
  remove_leftovers(env_, places_.encoders_folder);
  remove_aside(env_, staging_);
  PICTOR_TRY(env_.make_dirs(staging_));
  texts_ = request_.texts.empty() ? calibration_sentences(kTexts, kTextSeed) : request_.texts;
  evaluation_texts_ = request_.evaluation_texts.empty() ? calibration_sentences(kTexts / 2, kEvaluationSeed)
                                                        : request_.evaluation_texts;
  calibration_ = card_text(request_.calibration);
  if (calibration_.empty()) {
    const std::size_t pictures = request_.pictures.size() / picture_numbers(parent_.card.prepare);
    calibration_ = parent_.image ? std::to_string(pictures) + " pictures" : std::to_string(texts_.size()) + " texts";
  }
  return Status::ok();
}

Status Work::calibrate() {
  if (parent_.image && request_.image_tower) PICTOR_TRY(calibrate_tower(true));
  if (parent_.text && request_.text_tower) PICTOR_TRY(calibrate_tower(false));
  if (!towers_.empty()) return Status::ok();
  return {Code::kInvalid, "encoder '" + request_.encoder + "' has no such tower: nothing would be quantised"};
}

Result<std::unique_ptr<NetworkQuantizer>> Work::calibrated(bool image, const CalibrateRequest& wanted) {
  if (image) {
    const auto look = looking("calibrating pictures");
    return calibrate_network(runtime_, wanted, PicturePasses(parent_, request_.pictures, look));
  }
  const auto& tower = *parent_.text;
  PICTOR_ASSIGN(const auto bytes, read_weights(env_, *parent_.file(tower.tokenizer), parent_.card.folder));
  PICTOR_ASSIGN(const auto tokenizer, Tokenizer::parse(as_text(bytes)));
  PICTOR_ASSIGN(const auto network, describe_network(wanted.path));
  const auto ids = std::ranges::find(network.inputs, tower.ids_input, &DescribedPort::name);
  const bool narrow = ids != network.inputs.end() && ids->type == "i32";
  const auto look = looking("calibrating texts");
  PICTOR_ASSIGN(const auto passes,
                TextPasses::make(tower, narrow ? ElementType::kI32 : ElementType::kI64, tokenizer, texts_, look));
  return calibrate_network(runtime_, wanted, passes);
}

Status Work::calibrate_tower(bool image) {
  Tower tower;
  tower.image = image;
  const bool shared = parent_.image && parent_.text && parent_.image->file == parent_.text->file;
  tower.file =
      shared ? (image ? "vision_model.onnx" : "text_model.onnx") : (image ? parent_.image->file : parent_.text->file);
  CalibrateRequest wanted;
  wanted.path = join_path(parent_.card.folder, image ? parent_.image->file : parent_.text->file);
  wanted.work_file = join_path(staging_, "watched.onnx");
  wanted.options.threads = request_.threads;
  if (image) {
    const auto& prepare = parent_.card.prepare;
    for (const auto& [output, unused] : parent_.image->outputs) wanted.options.outputs.push_back(output);
    wanted.options.shapes[parent_.image->input] = {1, 3, prepare.height, prepare.width};
  } else {
    wanted.options.outputs = {parent_.text->output};
  }
  auto quantizer = calibrated(image, wanted);
  PICTOR_TRY(quantizer.status());
  tower.quantizer = std::move(quantizer).value();
  tower.in_float.resize(tower.quantizer->groups().size());
  towers_.push_back(std::move(tower));
  return Status::ok();
}

// Layers of one position (a last projection, the gates of squeeze-and-excite) cost nothing in float and much in eight
// bits.
void Work::keep_small() {
  for (auto& tower : towers_) {
    std::uint64_t all = 0;
    for (const auto& group : tower.quantizer->groups()) all += group.multiplications;
    for (std::size_t i = 0; i < tower.in_float.size(); ++i) {
      const auto& group = tower.quantizer->groups()[i];
      tower.in_float[i] = group.single && group.multiplications < all / kSmallShare;
    }
  }
}

std::vector<std::vector<bool>> Work::chosen() const {
  std::vector<std::vector<bool>> out;
  for (const auto& tower : towers_) out.push_back(tower.in_float);
  return out;
}

std::size_t Work::groups() const {
  std::size_t count = 0;
  for (const auto& tower : towers_) count += tower.in_float.size();
  return count;
}

// The parent's card, with other networks.
CardDetails Work::new_details() const {
  CardDetails out = parent_;
  out.card.name = name_;
  out.card.precision = Precision::kInt8;
  out.card.description = "Static int8 of " + request_.encoder + ": " + parent_.card.description;
  out.card.source = request_.encoder + ", quantised over " + calibration_ + " (" + parent_.card.source + ")";
  for (auto* text : {&out.card.description, &out.card.source}) *text = card_text(std::move(*text));
  out.card.files.clear();
  out.card.quantization.reset();
  for (const auto& tower : towers_) {
    auto& file = tower.image ? out.image->file : out.text->file;
    file = tower.file;
    (tower.image ? out.image->data : out.text->data).clear();
  }
  return out;
}

// Writes the networks and the card to the staging folder, as an encoder that can be opened there.
Status Work::stage(const std::vector<std::vector<bool>>& in_float) {
  staged_ = {};
  staged_.details = new_details();
  std::set<std::string> names;
  const auto add = [&](const std::string& from, const std::string& name) {
    if (!name.empty() && names.insert(name).second) staged_.files.push_back({from, name});
  };
  for (std::size_t i = 0; i < towers_.size(); ++i) {
    const auto path = join_path(staging_, towers_[i].file);
    PICTOR_TRY(towers_[i].quantizer->write(path, in_float[i]));
    add(path, towers_[i].file);
  }
  const auto take = [&](const std::string& name) { add(join_path(parent_.card.folder, name), name); };
  const auto& details = staged_.details;
  if (details.image) {
    take(details.image->file);
    for (const auto& name : details.image->data) take(name);
  }
  if (details.text) {
    take(details.text->file);
    take(details.text->tokenizer);
    for (const auto& name : details.text->data) take(name);
  }
  for (const auto& head : details.heads) {
    for (const auto* side : {&head.images, &head.texts}) {
      take(side->matrix);
      take(side->bias);
    }
  }
  PICTOR_TRY(hash_files(env_, staged_));
  PICTOR_TRY(settle_card(staged_));
  PICTOR_TRY(remove_files(env_, join_path(staging_, name_)));
  PICTOR_TRY(install_encoder(env_, staged_, staging_));
  for (const auto& tower : towers_) PICTOR_TRY(env_.remove(join_path(staging_, tower.file)));
  return Status::ok();
}

Result<std::vector<QuantizationLoss>> Work::measure(const std::string& what) {
  PICTOR_TRY(stage(chosen()));
  PICTOR_ASSIGN(const auto encoder, open_encoder(env_, {places_.cards_folder, places_.weights_folder, staging_}, name_,
                                                 runtime_, options()));
  PICTOR_ASSIGN(const auto after, loss_vectors(*encoder, evaluation(), looking(what)));
  return losses_of(encoder->card(), before_, after);
}

// What each group costs when it alone is quantised, dearest first.
Result<std::vector<Place>> Work::rank(const Encoder& before) {
  const std::size_t size = picture_numbers(parent_.card.prepare);
  const auto some = [](auto all, std::size_t count) { return all.first(std::min(count, all.size())); };
  const LossInputs probes = {some(std::span<const float>(request_.pictures), kProbes * size),
                             some(std::span<const std::string>(texts_), kProbes)};
  PICTOR_ASSIGN(const auto wanted, loss_vectors(before, probes, looking("measuring f32")));
  std::vector<Place> out;
  std::size_t done = 0;
  const auto look = looking("finding the layers that cost most");
  for (std::size_t t = 0; t < towers_.size(); ++t) {
    for (std::size_t g = 0; g < towers_[t].in_float.size(); ++g) {
      PICTOR_TRY(look(done++, groups()));
      if (towers_[t].in_float[g]) continue;
      std::vector<std::vector<bool>> alone;
      for (const auto& tower : towers_) alone.emplace_back(tower.in_float.size(), true);
      alone[t][g] = false;
      PICTOR_TRY(stage(alone));
      PICTOR_ASSIGN(const auto encoder, open_encoder(env_, {places_.cards_folder, places_.weights_folder, staging_},
                                                     name_, runtime_, options()));
      PICTOR_ASSIGN(const auto after,
                    loss_vectors(*encoder, probes, [](std::size_t, std::size_t) { return Status::ok(); }));
      Place place{t, g, 0};
      for (const auto& loss : losses_of(encoder->card(), wanted, after)) {
        place.cost = std::max(place.cost, 1 - loss.cosine_mean);
      }
      out.push_back(place);
    }
  }
  std::ranges::stable_sort(out, std::greater(), &Place::cost);
  return out;
}

Result<std::vector<QuantizationLoss>> Work::keep_asked(const Encoder& before) {
  if (request_.keep_float.value_or(0) > 0) {
    PICTOR_ASSIGN(const auto ranked, rank(before));
    for (std::size_t i = 0; i < std::min(*request_.keep_float, ranked.size()); ++i) keep(ranked[i]);
  }
  return measure("measuring int8");
}

// Keeps the dearest 1, 2, 4, ... groups in float, until the loss is within its bound or too many were kept.
Result<std::vector<QuantizationLoss>> Work::search(const Encoder& before, std::vector<QuantizationLoss> losses) {
  PICTOR_ASSIGN(const auto ranked, rank(before));
  const std::size_t most = groups() / kFloatShare;
  std::size_t kept = 0;
  for (std::size_t wanted = 1; kept < std::min(most, ranked.size()) && !within(losses); wanted *= 2) {
    for (; kept < std::min({wanted, most, ranked.size()}); ++kept) keep(ranked[kept]);
    PICTOR_ASSIGN(losses, measure("measuring int8 with " + std::to_string(kept) + " layers in float"));
  }
  return losses;
}

Status Work::past_bound(const std::vector<QuantizationLoss>& losses) const {
  std::string seen;
  for (const auto& loss : losses) {
    char text[160];
    std::snprintf(text, sizeof(text), "%s of head '%.60s': mean cosine %.4f, overlap@10 %.3f", loss.of.c_str(),
                  loss.head.c_str(), loss.cosine_mean, loss.overlap_at_10);
    seen += (seen.empty() ? "" : "; ") + std::string(text);
  }
  char bound[100];
  std::snprintf(bound, sizeof(bound), "mean cosine %.4f and overlap@10 %.3f", 1 - request_.loss_max / 10,
                1 - request_.loss_max);
  return {
      Code::kMismatch,
      "int8 loses too much, no encoder was made: " + seen + "; at least " + bound +
          " are wanted. Try more or other pictures (--images), more layers in float (--keep-float), or allow more " +
          "(--max-loss)"};
}

Result<Quantization> Work::finish(const std::vector<QuantizationLoss>& losses) {
  Quantization out;
  out.name = name_;
  out.from = request_.encoder;
  out.calibration = calibration_;
  out.losses = losses;
  for (const auto& tower : towers_) {
    if (tower.image) out.pictures = request_.pictures.size() / picture_numbers(parent_.card.prepare);
    if (!tower.image) out.texts = texts_.size();
    for (std::size_t i = 0; i < tower.in_float.size(); ++i) {
      if (tower.in_float[i]) out.kept_float.push_back(tower.quantizer->groups()[i].name);
    }
  }
  PICTOR_TRY(looking("writing the encoder")(0, 1));
  staged_.details.card.quantization = out;
  PICTOR_TRY(settle_card(staged_));
  const auto folder = join_path(staging_, name_);
  PICTOR_TRY(write_file_atomic(env_, join_path(folder, "card.json"), as_bytes(staged_.details.card.json)));
  PICTOR_TRY(env_.rename(folder, join_path(places_.encoders_folder, name_)));
  PICTOR_TRY(env_.sync_dir(places_.encoders_folder));
  return out;
}

}  // namespace

Result<Quantization> quantize_encoder(Env& env, const EncoderPlaces& places, const Runtime& runtime,
                                      const QuantizeEncoderRequest& request) {
  return Work(env, places, runtime, request).run();
}

}  // namespace pictor
