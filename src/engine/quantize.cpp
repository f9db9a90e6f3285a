// Making a static int8 encoder: pictures are drawn and prepared here, encode does the rest.
#include <algorithm>
#include <numeric>

#include "engine/engine_impl.h"
#include "image/image.h"

namespace pictor {
namespace {

constexpr std::size_t kCalibrationLeast = 10;
constexpr std::size_t kEvaluationLeast = 20;  // ten neighbours among fewer say nothing

// The order in which entries are tried: the same for the same folder, on every machine.
std::vector<std::size_t> drawn_order(std::size_t count) {
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), 0);
  std::uint64_t state = 20;
  for (std::size_t i = count; i > 1; --i) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    std::swap(order[i - 1], order[(state >> 33) % i]);
  }
  return order;
}

struct Drawn {
  std::vector<float> numbers;
  std::size_t count = 0;
  std::uint64_t unreadable = 0;
};

class PictureDraw {
 public:
  PictureDraw(const QuantizeRequest& request, const EncoderCard& card) : request_(request), card_(card) {}

  // At most `wanted` pictures of the source, in the order in which they were drawn.
  Result<Drawn> draw(IngestSource& source, std::size_t wanted) const {
    std::vector<IngestSource::Entry> entries;
    for (;;) {
      IngestSource::Entry entry;
      PICTOR_ASSIGN(const bool more, source.next(entry));
      if (!more) break;
      if (entries.size() == limits::kIngestIdsMax) {
        return Status(Code::kLimit, "the folder of pictures has more than " + std::to_string(limits::kIngestIdsMax) +
                                        " files: name one of its folders");
      }
      entries.push_back(std::move(entry));
    }
    const std::size_t size = prepared_size(card_.prepare);
    if (wanted * size * sizeof(float) > limits::kCalibrationBytesMax) {
      return Status(Code::kLimit, std::to_string(wanted) + " prepared pictures take " +
                                      std::to_string(wanted * size * sizeof(float)) + " bytes, at most " +
                                      std::to_string(limits::kCalibrationBytesMax) + " are held: give fewer --images");
    }
    Drawn out;
    for (const auto index : drawn_order(entries.size())) {
      if (out.count == wanted) break;
      if (request_.cancel != nullptr && *request_.cancel) {
        return Status(Code::kCancelled, "stopped while reading pictures: no encoder was made");
      }
      if (request_.progress) request_.progress("reading pictures", out.count, std::min(wanted, entries.size()));
      out.numbers.resize((out.count + 1) * size);
      if (prepare(entries[index], std::span(out.numbers).last(size)).is_ok()) {
        ++out.count;
      } else {
        ++out.unreadable;
      }
    }
    out.numbers.resize(out.count * size);
    return out;
  }

 private:
  Status prepare(const IngestSource::Entry& entry, std::span<float> out) const {
    PICTOR_TRY(entry.problem);
    PICTOR_ASSIGN(const auto file, entry.read());
    PICTOR_ASSIGN(const auto decoded, decode_image(file, card_.decode, &card_.prepare));
    return prepare_image(decoded.image, card_.decode, card_.prepare, out);
  }

  const QuantizeRequest& request_;
  const EncoderCard& card_;
};

Status too_few(std::size_t seen, std::size_t wanted, const char* what) {
  return {Code::kInvalid, std::to_string(seen) + " readable pictures are there for " + what + ", at least " +
                              std::to_string(wanted) + " are wanted"};
}

// Fills in the pictures; returns how many could not be read.
Result<std::uint64_t> draw_pictures(const PictureDraw& draw, const QuantizeRequest& request, std::size_t size,
                                    IngestSource& pictures, IngestSource* evaluation, QuantizeEncoderRequest& out) {
  const std::size_t held_out = std::max(request.images / 2, kEvaluationLeast);
  PICTOR_ASSIGN(auto drawn, draw.draw(pictures, request.images + (evaluation == nullptr ? held_out : 0)));
  std::uint64_t unreadable = drawn.unreadable;
  std::size_t calibration = drawn.count;
  if (evaluation == nullptr) {
    // Of a folder with fewer pictures than asked for, a third is held out.
    const std::size_t held = std::clamp(drawn.count / 3, std::min(kEvaluationLeast, drawn.count), held_out);
    calibration = drawn.count - held;
    out.evaluation_pictures.assign(drawn.numbers.begin() + static_cast<std::ptrdiff_t>(calibration * size),
                                   drawn.numbers.end());
    drawn.numbers.resize(calibration * size);
  } else {
    PICTOR_ASSIGN(auto others, draw.draw(*evaluation, held_out));
    unreadable += others.unreadable;
    out.evaluation_pictures = std::move(others.numbers);
  }
  out.pictures = std::move(drawn.numbers);
  if (calibration < kCalibrationLeast) return too_few(calibration, kCalibrationLeast, "calibration");
  const std::size_t seen = out.evaluation_pictures.size() / size;
  if (seen < kEvaluationLeast) return too_few(seen, kEvaluationLeast, "evaluation");
  return unreadable;
}

}  // namespace

Result<QuantizedEncoder> EngineImpl::quantize_encoder(const QuantizeRequest& request, IngestSource& pictures,
                                                      IngestSource* evaluation) {
  if (request.images == 0 || request.images > limits::kCalibrationPicturesMax) {
    return Status(Code::kInvalid, std::to_string(request.images) + " pictures were asked for, 1 to " +
                                      std::to_string(limits::kCalibrationPicturesMax) + " are taken");
  }
  if (request.texts.size() > limits::kCalibrationTextsMax) {
    return Status(Code::kLimit, std::to_string(request.texts.size()) + " texts were given, at most " +
                                    std::to_string(limits::kCalibrationTextsMax) + " are taken: give fewer");
  }
  PICTOR_ASSIGN(const auto parent, encoders_.card(request.encoder));
  // Found out before pictures are read, too, since that takes a while.
  if (const auto name = request.name.empty() ? request.encoder + "-int8" : request.name; encoders_.card(name).is_ok()) {
    return Status(Code::kExists, "there is an encoder '" + name + "' already: give this one another --name");
  }
  QuantizeEncoderRequest wanted;
  wanted.encoder = request.encoder;
  wanted.name = request.name;
  wanted.texts = request.texts;
  wanted.image_tower = request.image_tower;
  wanted.text_tower = request.text_tower;
  wanted.loss_max = request.loss_max;
  wanted.keep_float = request.keep_float;
  wanted.threads = pool_.threads();
  wanted.cancel = request.cancel;
  wanted.progress = request.progress;
  QuantizedEncoder out;
  const bool takes_pictures = std::ranges::any_of(parent.heads, [](const auto& head) { return head.images; });
  if (takes_pictures) {
    PICTOR_ASSIGN(out.unreadable, draw_pictures(PictureDraw(request, parent), request, prepared_size(parent.prepare),
                                                pictures, evaluation, wanted));
    const auto count = wanted.pictures.size() / prepared_size(parent.prepare);
    wanted.calibration = std::to_string(count) + " pictures of " + request.calibration;
  }
  PICTOR_ASSIGN(const auto made, encoders_.quantize(wanted));
  PICTOR_ASSIGN(const auto card, encoders_.card(made.name));
  out.info = encoder_info(card);
  out.pictures = made.pictures;
  out.texts = made.texts;
  out.kept_float = made.kept_float;
  return out;
}

}  // namespace pictor
