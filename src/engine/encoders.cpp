#include "engine/encoders.h"

#include <atomic>

namespace pictor {
namespace {

#ifdef PICTOR_INSTALLED
constexpr const char* kAdvice = ": install a package that carries it, or name its folder with --weights";
#else
constexpr const char* kAdvice = ": run `tools/setup models` in Pictor's folder";
#endif

}  // namespace

Encoders::Encoders(Env& env, EncoderPlaces places, std::string cache_folder, std::size_t threads, RuntimeChoice runtime,
                   bool many_callers, bool leave_networks)
    : env_(env),
      places_(std::move(places)),
      cache_folder_(std::move(cache_folder)),
      threads_(threads),
      many_callers_(many_callers),
      leave_networks_(leave_networks),
      loaded_(std::make_unique<Loaded>(std::move(runtime))) {}

Encoders::~Encoders() {
  if (!leave_networks_) return;
  batchers_.clear();  // ends their threads
  // One after the other from here, so that a search for leaks finds them.
  static std::atomic<Loaded*> left = nullptr;
  Loaded* const mine = loaded_.release();
  mine->left_before = left.exchange(mine);
}

Result<const Runtime*> Encoders::runtime_of(const std::string& name) {
  PICTOR_ASSIGN(const auto card, read_encoder_card(env_, places_, name));
  return loaded_->runtimes.get(card.runtime);
}

Result<AddEncoderReport> Encoders::add(const AddEncoderRequest& request) {
  PICTOR_ASSIGN(const auto* runtime, loaded_->runtimes.get(""));
  return add_encoder(env_, places_, *runtime, request);
}

Result<Quantization> Encoders::quantize(const QuantizeEncoderRequest& request) {
  PICTOR_ASSIGN(const auto* runtime, loaded_->runtimes.get(""));
  return quantize_encoder(env_, places_, *runtime, request);
}

Result<std::shared_ptr<const Encoder>> Encoders::open(const std::string& name, EncodeFor purpose) {
  const std::lock_guard lock(mutex_);
  return open_locked(name, purpose);
}

Result<std::shared_ptr<const Encoder>> Encoders::open_locked(const std::string& name, EncodeFor purpose) {
  auto& slot = loaded_->open[{name, purpose}];
  if (slot != nullptr) return slot;
  PICTOR_ASSIGN(const auto* runtime, runtime_of(name));
  EncoderOptions options;
  const bool side_by_side = purpose == EncodeFor::kBulk || many_callers_;
  options.threads = side_by_side ? 1 : threads_;
  options.parallel = side_by_side ? threads_ : 1;
  options.cache_folder = cache_folder_;
  PICTOR_ASSIGN(auto encoder, open_encoder(env_, places_, name, *runtime, options));
  slot = std::move(encoder);
  return slot;
}

Result<std::shared_ptr<Batcher>> Encoders::batcher(const std::string& name) {
  // One lock over both: between them `forget` would leave a batcher of an encoder that is removed.
  const std::lock_guard lock(mutex_);
  PICTOR_ASSIGN(auto encoder, open_locked(name, EncodeFor::kQuery));
  auto& slot = batchers_[name];
  BatcherOptions options;
  options.streams = many_callers_ ? threads_ : 1;
  if (slot == nullptr) slot = std::make_shared<Batcher>(env_, std::move(encoder), options);
  return slot;
}

// Of one that is loaded, its own: reading all cards took a quarter of a query by id. Nobody waits for one that is being
// loaded now.
Result<EncoderCard> Encoders::card(const std::string& name) {
  if (const std::unique_lock lock(mutex_, std::try_to_lock); lock.owns_lock()) {
    const auto found = loaded_->open.find({name, EncodeFor::kQuery});
    if (found != loaded_->open.end() && found->second != nullptr) return found->second->card();
  }
  PICTOR_ASSIGN(auto all, cards());
  std::string known;
  for (auto& card : all) {
    if (card.name == name) return std::move(card);
    known += (known.empty() ? "" : ", ") + card.name;
  }
  return Status(Code::kNotFound, "encoder '" + name + "' is not known; known are: " +
                                     (known.empty() ? "none (is --models right?)" : known));
}

Status Encoders::keep_to_class(const std::string& name, const std::string& isa_class) {
  PICTOR_ASSIGN(const auto* runtime, runtime_of(name));
  const std::lock_guard lock(mutex_);
  if (runtime->isa_class() == isa_class) return Status::ok();
  // Only OpenVINO can be kept to a class, and only to one of its own.
  const bool limited = runtime->name().starts_with("openvino") && !isa_class.ends_with("/onnxruntime");
  if (limited) PICTOR_TRY(limit_isa_class(isa_class));
  if (runtime->isa_class() == isa_class) return Status::ok();
  return {Code::kUnsupported, "instruction-set class " + isa_class + " is wanted, " + runtime->name() + " runs under " +
                                  runtime->isa_class() + " and cannot be kept to another"};
}

bool Encoders::is_added(const EncoderCard& card) const {
  return !places_.encoders_folder.empty() && parent_path(card.folder) == places_.encoders_folder;
}

void Encoders::forget(const std::string& name) {
  const std::lock_guard lock(mutex_);
  batchers_.erase(name);
  std::erase_if(loaded_->open, [&name](const auto& one) { return one.first.first == name; });
}

Result<std::vector<EncoderCard>> Encoders::cards() { return list_cards(env_, places_); }

Status Encoders::ready(const EncoderCard& card) {
  for (const auto& file : card.files) {
    const auto path = join_path(card.folder, file.path);
    const auto info = env_.info(path);
    if (!info.is_ok() || info->size != file.bytes) {
      return {Code::kNotFound, "'" + path + "' is " + (info.is_ok() ? "incomplete" : "missing") + kAdvice};
    }
  }
  return Status::ok();
}

}  // namespace pictor
