// The door of encode: pictures and texts to vectors, by the encoder that a card describes.
//
// A card (models/NAME.json) is all that is known of an encoder: towers, source, licence, file hashes, preprocessing,
// pooling, heads, fingerprints. A SpaceId names, for one head, exactly what decides a vector's bits.
//
// Thread safety: Encoder's methods are const and callable from any thread. Determinism: same card, same pixels or text
// and same ISA class give the same bits, whatever the batch, the threads and the neighbours in the batch.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/base.h"
#include "encode/batcher.h"
#include "encode/hub.h"
#include "image/image.h"
#include "infer/infer.h"
#include "pictor/encoder_tools.h"
#include "pictor/types.h"

namespace pictor {

struct CardFile {
  std::string path;  // relative to the encoder's folder of weights
  Hash256 hash;      // SHA-256 of the file
  std::uint64_t bytes = 0;
};

struct CardHead {
  std::string name;  // "visual", "joint"
  std::uint32_t dim = 0;
  Metric metric = Metric::kCosine;
  bool images = false;  // the image tower gives vectors in this head
  bool texts = false;   // the text tower gives vectors in this head
  SpaceId space;        // computed, never read from the file
};

inline constexpr double kQuantizationLossMax = 0.2;

// Of an encoder's networks. kInt8: static scales. kInt8Dynamic: scales of each forward pass, so it takes one picture or
// text a pass, or a vector would depend on its neighbours.
enum class Precision : std::uint8_t { kF32, kF16, kInt8, kInt8Dynamic };

// "f32", "f16", "int8", "int8_dynamic", as cards and reports say it.
std::string precision_name(Precision precision);

// How far vectors of an int8 encoder are from those of the encoder that it was made from, for the same input.
struct QuantizationLoss {
  std::string head;
  std::string of;         // "pictures", "texts", or "pictures_by_text": texts that look for pictures
  std::size_t count = 0;  // vectors that were compared, each with its counterpart
  std::size_t among = 0;  // vectors among which each looked for its neighbours
  double cosine_mean = 0, cosine_least = 0;
  double overlap_at_10 = 0;   // of the ten nearest neighbours, how many are the same
  double nearest_agrees = 0;  // how often the nearest neighbour is the same
};

// How an encoder that quantize_encoder made came about: for people, no part of a SpaceId.
struct Quantization {
  std::string name;                     // of the encoder that was made; not in the card, which has it elsewhere
  std::string from;                     // name of the encoder
  std::string calibration;              // what the pictures and texts were, in words
  std::size_t pictures = 0, texts = 0;  // of the calibration
  std::vector<std::string> kept_float;  // layers
  std::vector<QuantizationLoss> losses;
};

struct EncoderCard {
  std::string name;  // "lite2-minilm", "lite2-minilm-int8"
  std::string description;
  std::string licence;
  std::string source;  // package and version the weights come from
  Precision precision = Precision::kF32;
  std::string runtime;  // "openvino", "onnxruntime": what it is best run on; empty: nothing is said
  std::vector<CardFile> files;
  DecodeSpec decode;
  PrepareSpec prepare;
  std::vector<CardHead> heads;
  TokenGrid grid;  // of patch tokens; none when no output of the image network has places
  std::optional<Quantization> quantization;
  std::string json;    // the card as it was read
  std::string folder;  // where its files are; empty when the card was not read from its place

  const CardHead* head(std::string_view name) const;
};

// kUnreadable when it is not a card; every field is checked, unknown ones are refused by name.
Result<EncoderCard> parse_card(std::string_view json);

struct EncoderOptions {
  std::size_t threads = 1;   // threads of one forward pass
  std::size_t parallel = 1;  // calls that run at once, each passes one after the other; more wait
  std::string cache_folder;  // compiled models
  bool check_hashes = true;  // read the weights once and compare with the card
};

struct EncodedImages {
  std::vector<std::vector<float>> heads;  // as encode_images
  std::vector<float> tokens;              // n * card().grid.numbers()
};

class Encoder {
 public:
  virtual ~Encoder() = default;
  virtual const EncoderCard& card() const = 0;
  virtual std::string isa_class() const = 0;
  virtual std::string runtime_name() const = 0;
  // Pictures of one forward pass (decisions/0006). Any number may be encoded; whoever has a choice gives multiples of
  // this, since fewer at the end may be another shape, which the run time prepares for anew.
  virtual std::size_t pass_pictures() const = 0;
  // `tensors` holds n prepared pictures, one after the other. Returns for each head with `images`, in the card's order,
  // n * dim numbers; one forward pass for all heads.
  virtual Result<std::vector<std::vector<float>>> encode_images(std::span<const float> tensors,
                                                                std::size_t n) const = 0;
  // The same vectors, and the patch tokens from the same forward pass. kUnsupported when the card has no grid.
  virtual Result<EncodedImages> encode_images_with_tokens(std::span<const float> tensors, std::size_t n) const = 0;
  // Returns n * dim numbers in `head`, which must have `texts`. Long texts are cut at the card's token limit.
  virtual Result<std::vector<float>> encode_texts(std::span<const std::string> texts, std::string_view head) const = 0;
  // True when the text had more tokens than the encoder reads.
  virtual Result<bool> text_is_cut(std::string_view text) const = 0;
};

// Finds cards in `cards_folder` (models/) with weights in `weights_folder`/NAME/, and encoders that were added in
// `encoders_folder`/NAME/, card.json and weights together; that one need not exist.
struct EncoderPlaces {
  std::string cards_folder;
  std::string weights_folder;
  std::string encoders_folder = {};
};
Result<std::vector<EncoderCard>> list_cards(Env& env, const EncoderPlaces& places);
// One of them, whatever the others are like. kNotFound names the known encoders.
Result<EncoderCard> read_encoder_card(Env& env, const EncoderPlaces& places, std::string_view name);
// kNotFound names the known encoders, or the missing weights; kCorrupt names the file, the hash seen and wanted, and
// the command that mends it. Towers are loaded when first used. `env` and `runtime` must outlive the encoder.
Result<std::unique_ptr<Encoder>> open_encoder(Env& env, const EncoderPlaces& places, std::string_view name,
                                              const Runtime& runtime, const EncoderOptions& options);
// An encoder as the hub has it, made one of ours: preprocessing, pooling, token limits and padding come from the
// folder's own files, the networks are looked at and run once.
struct AddEncoderRequest {
  std::string folder;   // with config.json; the networks lie in it or in its onnx/
  std::string name;     // of the encoder; empty: made from the folder's
  std::string variant;  // "": vision_model.onnx; "fp16": vision_model_fp16.onnx; ...
  std::string source;   // where it came from, for the card; empty: the folder
  std::string licence;  // empty: "unknown"
  // For what the configuration does not say; empty, 0: as it says.
  std::string output;     // of the image network
  std::string pooling;    // "cls", "mean"
  std::uint32_t dim = 0;  // the first so many numbers (Matryoshka)
};
struct AddEncoderReport {
  std::string name;
  std::string preprocessing;       // whose rules: "CLIPImageProcessor", "timm", "open_clip"
  std::vector<std::string> notes;  // what a person should know of it
};
// Copies it to places.encoders_folder/NAME/, whole or not at all. kExists: there is one of that name.
Result<AddEncoderReport> add_encoder(Env& env, const EncoderPlaces& places, const Runtime& runtime,
                                     const AddEncoderRequest& request);

// Sentences as people search for pictures: of nobody's collection, always the same for a seed. Quantising and measuring
// indexes use them.
std::vector<std::string> calibration_sentences(std::size_t count, std::uint32_t seed);

// A static int8 encoder from one in f32: see infer's NetworkQuantizer for how.
struct QuantizeEncoderRequest {
  std::string encoder;  // f32
  std::string name;     // of the new one; empty: ENCODER-int8
  // Prepared as the encoder's card says, one after the other. Those for evaluation are others than those for
  // calibration, or the loss is flattered. Both empty for an encoder that takes no pictures.
  std::vector<float> pictures, evaluation_pictures;
  std::vector<std::string> texts, evaluation_texts;  // empty: sentences of our own
  std::string calibration;                           // what they are, for the card
  bool image_tower = true, text_tower = true;        // which are quantised; the other is taken as it is
  // The share of the ten nearest neighbours that may change; the mean cosine may be a tenth of it below 1. Above 1:
  // any.
  double loss_max = kQuantizationLossMax;
  // Layers that stay in f32, those that cost most; absent: as many as it takes to keep the loss, up to a quarter.
  std::optional<std::size_t> keep_float;
  std::size_t threads = 1;
  const std::atomic<bool>* cancel = nullptr;                                   // kCancelled soon after it is set
  std::function<void(const std::string&, std::size_t, std::size_t)> progress;  // what, done, of how many; may be null
};
// The encoder is in places.encoders_folder afterwards, or nothing is. kMismatch: the loss is past its bound, and by how
// much. kUnsupported: not an f32 encoder, or nothing in it to quantise. kExists: the name is taken. Same request and
// instruction-set class, same bytes.
Result<Quantization> quantize_encoder(Env& env, const EncoderPlaces& places, const Runtime& runtime,
                                      const QuantizeEncoderRequest& request);

// Reads all weights of the encoder and compares them with its card. (open_encoder does not read again what it once
// found right and has kept its size and time of change.)
Status verify_weights(Env& env, const EncoderPlaces& places, std::string_view name);

// Our stages beside those that another stack recorded.
Result<ForeignReport> compare_encoder(Env& env, const EncoderPlaces& places, const Runtime& runtime,
                                      const std::string& cache_folder, const ForeignRequest& request);

// An encoder with one head of another dimension: see DeriveRequest.
Result<DerivedEncoder> derive_encoder(Env& env, const EncoderPlaces& places, const Runtime& runtime,
                                      const DeriveRequest& request);

}  // namespace pictor
