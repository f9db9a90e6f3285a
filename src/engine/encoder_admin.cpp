// Looking after encoders: listing, adding, pulling, verifying, removing.
#include <algorithm>

#include "encode/encode.h"
#include "engine/engine_impl.h"
#include "net/net.h"

namespace pictor {
namespace {

Status remove_folder(Env& env, const std::string& folder) {
  PICTOR_ASSIGN(const auto entries, env.list(folder));
  for (const auto& entry : entries) {
    const auto path = join_path(folder, entry.name);
    PICTOR_TRY(entry.kind == FileKind::kFolder ? remove_folder(env, path) : env.remove(path));
  }
  return env.remove(folder);
}

// kMismatch: a collection in that folder needs the encoder.
Status check_unused(const DataFolder& folder, const std::string& encoder, const std::string& whose) {
  PICTOR_ASSIGN(const auto specs, folder.collections());
  for (const auto& spec : specs) {
    if (spec.encoder != encoder) continue;
    std::string message = "collection '" + spec.name + "'";
    message.append(whose).append(" was made by encoder '").append(encoder);
    return {Code::kMismatch, message.append("' and could not be searched without it: remove the collection first")};
  }
  return Status::ok();
}

// One folder a repository, revision and variant, so that an interrupted pull is found again.
std::string pull_folder(const std::string& cache, const HubRef& ref, const std::string& variant) {
  std::string name = ref.repository + "--" + ref.revision + (variant.empty() ? "" : "--" + variant);
  std::ranges::replace(name, '/', '-');
  return join_path(join_path(cache, "pulled"), name);
}

}  // namespace

EncoderInfo EngineImpl::encoder_info(const EncoderCard& card) {
  EncoderInfo info;
  info.name = card.name;
  info.description = card.description;
  info.licence = card.licence;
  info.source = card.source;
  info.precision = precision_name(card.precision);
  info.ready = true;
  info.added = encoders_.is_added(card);
  info.folder = card.folder;
  info.card = card.json;
  for (const auto& file : card.files) info.bytes += file.bytes;
  if (const auto status = encoders_.ready(card); !status.is_ok()) {
    info.ready = false;
    info.advice = status.message();
  }
  info.grid = card.grid;
  if (card.quantization) {
    info.quantized_from = card.quantization->from;
    for (const auto& loss : card.quantization->losses) {
      info.losses.push_back({loss.head, loss.of, loss.count, loss.among, loss.cosine_mean, loss.cosine_least,
                             loss.overlap_at_10, loss.nearest_agrees});
    }
  }
  for (const auto& head : card.heads) {
    info.heads.push_back({head.name, head.dim, head.metric, head.images, head.texts, head.space});
  }
  return info;
}

Result<std::vector<EncoderInfo>> EngineImpl::encoders() {
  PICTOR_ASSIGN(const auto cards, encoders_.cards());
  std::vector<EncoderInfo> out;
  out.reserve(cards.size());
  for (const auto& card : cards) out.push_back(encoder_info(card));
  return out;
}

Result<AddedEncoder> EngineImpl::add_encoder(const EncoderRequest& request) {
  AddEncoderRequest wanted;
  wanted.folder = request.folder;
  wanted.name = request.name;
  wanted.variant = request.variant;
  wanted.output = request.output;
  wanted.pooling = request.pooling;
  wanted.dim = request.dim;
  wanted.licence = request.licence;
  wanted.source = request.hub;
  PICTOR_ASSIGN(const auto report, encoders_.add(wanted));
  PICTOR_ASSIGN(const auto card, encoders_.card(report.name));
  AddedEncoder out;
  out.info = encoder_info(card);
  out.preprocessing = report.preprocessing;
  out.notes = report.notes;
  return out;
}

Result<AddedEncoder> EngineImpl::pull_encoder(const EncoderRequest& request) {
  PICTOR_ASSIGN(const auto ref, parse_hub_ref(request.hub));
  HttpOptions options;
  options.cancel = request.cancel;
  options.on_wait = [&request](const Status& why, std::int64_t wait_ms) {
    if (!request.told) return;
    request.told(why.message() + "; trying again in " + std::to_string((wait_ms + 999) / 1000) + " s");
  };
  HttpClient http(env_, options);
  PullRequest pull;
  pull.ref = ref;
  pull.variant = request.variant;
  pull.folder = pull_folder(cache_folder_, ref, request.variant);
  pull.endpoint = request.endpoint;
  pull.token = request.token;
  pull.offline = request.offline;
  pull.progress = [&request](const PullProgress& at) {
    if (!request.progress) return;
    request.progress(
        {std::string(at.file), at.bytes, at.bytes_total, at.files_done, at.files_total, at.bytes_per_second});
  };
  PICTOR_TRY(env_.make_dirs(parent_path(pull.folder)));
  PICTOR_ASSIGN(const auto pulled, pull_repository(env_, http, pull));
  auto wanted = request;
  wanted.folder = pull.folder;
  wanted.hub = "hf:" + pulled.repository + "@" + pulled.commit;
  if (wanted.name.empty()) wanted.name = file_name(pulled.repository);
  if (wanted.licence.empty()) wanted.licence = pulled.licence;
  if (request.told) request.told("every file has the hash of its listing; running the networks once");
  PICTOR_ASSIGN(auto added, add_encoder(wanted));
  added.bytes_received = pulled.bytes_received;
  PICTOR_TRY(remove_folder(env_, pull.folder));
  return added;
}

Status EngineImpl::verify_encoder(const std::string& name) { return encoders_.verify(name); }

Status EngineImpl::remove_encoder(const std::string& name) {
  PICTOR_ASSIGN(const auto card, encoders_.card(name));
  if (!encoders_.is_added(card)) {
    return {Code::kInvalid, "encoder '" + name + "' came with Pictor and was not added: it is not removed"};
  }
  PICTOR_TRY(check_unused(*folder_, name, ""));
  PICTOR_ASSIGN(const auto tenants, folder_->tenants());
  for (const std::string& tenant : tenants) {
    const auto folder = parts_->folders.open(join_path(join_path(folder_->path(), "tenants"), tenant), false);
    if (!folder.is_ok()) return folder.status().in("tenant '" + tenant + "'");
    PICTOR_TRY(check_unused(**folder, name, " of tenant '" + tenant + "'"));
  }
  encoders_.forget(name);
  return remove_folder(env_, card.folder);
}

}  // namespace pictor
