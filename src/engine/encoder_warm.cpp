// pictor encoder warm: the networks of an encoder compiled before anybody waits for them.
#include <algorithm>
#include <set>

#include "engine/encoder_tools.h"
#include "image/image.h"
#include "observe/observe.h"

namespace pictor {
namespace {

constexpr std::string_view kCompiledSuffix = ".compiled";
constexpr std::uint32_t kSampleWidth = 320, kSampleHeight = 240;

std::set<std::string> compiled_in(Env& env, const std::string& folder) {
  std::set<std::string> names;
  const auto entries = env.list(folder);
  if (!entries.is_ok()) return names;
  for (const auto& entry : *entries) {
    if (entry.name.ends_with(kCompiledSuffix)) names.insert(entry.name);
  }
  return names;
}

Image sample_image(std::uint32_t number) {
  Image image;
  image.width = kSampleWidth;
  image.height = kSampleHeight;
  image.bands = 3;
  image.u8.resize(std::size_t{kSampleWidth} * kSampleHeight * 3);
  std::uint32_t state = 2463534242U + number * 7919U;
  for (auto& value : image.u8) {  // xorshift32 (Marsaglia 2003)
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    value = static_cast<std::uint8_t>(state >> 24);
  }
  return image;
}

}  // namespace

Result<std::vector<float>> sample_tensors(const EncoderCard& card, std::size_t count) {
  const std::size_t size = prepared_size(card.prepare);
  std::vector<float> tensors(count * size);
  for (std::size_t i = 0; i < count; ++i) {
    PICTOR_TRY(prepare_image(sample_image(static_cast<std::uint32_t>(i)), card.decode, card.prepare,
                             std::span(tensors).subspan(i * size, size)));
  }
  return tensors;
}

std::vector<std::string> sample_texts(std::size_t count) {
  const char* const things[] = {"a red car", "two dogs", "an old wooden house", "a bowl of fruit"};
  const char* const places[] = {"", " on a beach", " in front of a mountain at sunset",
                                " beside a long road that leads through a forest in autumn"};
  std::vector<std::string> texts;
  texts.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    texts.push_back(std::string(things[i % 4]) + places[i / 4 % 4] + ", number " + std::to_string(i));
  }
  return texts;
}

Status encode_once(const Encoder& encoder) {
  const auto& heads = encoder.card().heads;
  if (std::ranges::any_of(heads, &CardHead::images)) {
    const std::size_t count = encoder.pass_pictures();
    PICTOR_ASSIGN(const auto tensors, sample_tensors(encoder.card(), count));
    PICTOR_TRY(encoder.encode_images(tensors, count).status());
  }
  const auto texts = std::ranges::find_if(heads, &CardHead::texts);
  if (texts == heads.end()) return Status::ok();
  return encoder.encode_texts(sample_texts(1), texts->name).status();
}

Result<std::unique_ptr<Encoder>> EncoderToolsImpl::open_for(const std::string& name, EncodeFor purpose,
                                                            std::size_t threads, const std::string& cache_folder) {
  PICTOR_ASSIGN(const auto* runtime, encoders_.runtime_of(name));
  EncoderOptions options;
  options.threads = purpose == EncodeFor::kBulk ? 1 : threads;
  options.parallel = purpose == EncodeFor::kBulk ? threads : 1;
  options.cache_folder = cache_folder;
  return open_encoder(env_, encoders_.places(), name, *runtime, options);
}

Status EncoderToolsImpl::preload(const std::string& name) {
  PICTOR_ASSIGN(const auto batcher, encoders_.batcher(name));
  return encode_once(batcher->encoder());
}

Result<WarmedEncoder> EncoderToolsImpl::warm(const std::string& name) {
  if (cache_folder_.empty()) return Status(Code::kInvalid, "no folder for compiled models was given");
  PICTOR_ASSIGN(const auto* runtime, encoders_.runtime_of(name));
  WarmedEncoder out;
  out.encoder = name;
  out.runtime = runtime->name();
  if (!out.runtime.starts_with("openvino")) {
    return Status(Code::kUnsupported,
                  out.runtime + " keeps no compiled networks: encoder '" + name + "' is not to be warmed under it");
  }
  const auto before = compiled_in(env_, cache_folder_);
  const Stopwatch stopwatch(env_);
  for (const auto purpose : {EncodeFor::kBulk, EncodeFor::kQuery}) {
    PICTOR_ASSIGN(const auto encoder, open_for(name, purpose, threads_, cache_folder_));
    PICTOR_TRY(encode_once(*encoder));
  }
  out.seconds = stopwatch.wall_seconds();
  const auto after = compiled_in(env_, cache_folder_);
  for (const auto& entry : after) {
    if (before.contains(entry)) continue;
    ++out.compiled;
    if (const auto info = env_.info(join_path(cache_folder_, entry)); info.is_ok()) out.bytes += info->size;
  }
  out.kept = after.size();
  out.kept_max = limits::kCompiledModelsMax;
  return out;
}

}  // namespace pictor
