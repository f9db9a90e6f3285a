#include "serve/put_in.h"

#include <nlohmann/json.hpp>

#include "engine/engine.h"
#include "net/net.h"
#include "serve/json_reader.h"
#include "serve/picture_in.h"

namespace pictor {
namespace {

Status too_long(std::string_view what, std::size_t seen, std::size_t wanted) {
  return {Code::kLimit,
          std::string(what) + " has " + std::to_string(seen) + " bytes, wanted at most " + std::to_string(wanted)};
}

bool has_zero(const nlohmann::json& value) {
  if (value.is_string()) return value.get_ref<const std::string&>().find('\0') != std::string::npos;
  if (!value.is_structured()) return false;
  for (const auto& [name, inner] : value.items()) {
    if ((value.is_object() && name.find('\0') != std::string::npos) || has_zero(inner)) return true;
  }
  return false;
}

}  // namespace

std::string_view outcome_name(IngestOutcome outcome) {
  switch (outcome) {
    case IngestOutcome::kAdded: return "added";
    case IngestOutcome::kReplaced: return "replaced";
    case IngestOutcome::kUnchanged: return "unchanged";
    case IngestOutcome::kQuarantined: return "refused";
  }
  return "refused";
}

PutTarget put_target(const Call& call) {
  PutTarget target;
  target.collection = call.at("collection");
  target.encoder = call.parameter("encoder").value_or("");
  target.keep = call.parameter("keep").value_or("");
  target.tokens = call.parameter("tokens").value_or("");
  return target;
}

Result<PutItem> item_of_json(const nlohmann::json& value, std::uint64_t bytes_max) {
  JsonReader json(value, "");
  PutItem put;
  put.item.id = json.text("id").value_or("");
  put.item.source = json.text("source").value_or("");
  put.item.text = json.text("text").value_or("");
  const auto* metadata = json.any("metadata");
  if (metadata != nullptr && !metadata->is_object()) json.refuse("metadata", "an object");
  const auto image = json.text("image");
  PICTOR_TRY(json.status());
  if (metadata != nullptr) put.item.metadata = metadata->dump();
  if (image) {
    PICTOR_ASSIGN(auto given, picture_of_text(*image, bytes_max));
    put.picture = std::move(given.bytes);
    put.address = std::move(given.address);
  }
  return put;
}

std::vector<Status> fetch_pictures(const Call& call, std::span<PutItem* const> items) {
  std::vector<WantedPicture> wanted;
  for (const PutItem* put : items) {
    if (!put->address.empty()) wanted.push_back({put->address});
  }
  FetchTerms terms{call.options};
  terms.lane = Lane::kBulk;
  terms.deadline_us = call.api.env.monotonic_us() + call.options.deadline_ms * 1000;
  call.api.pictures.fetch(wanted, terms);
  std::vector<Status> statuses(items.size());
  auto fetched = wanted.begin();
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (items[i]->address.empty()) continue;
    items[i]->picture = std::move(fetched->bytes);
    statuses[i] = (fetched++)->status;
  }
  return statuses;
}

Status complete(PutItem& put) {
  IngestItem& item = put.item;
  if (put.picture.empty()) return {Code::kInvalid, "there is no picture: wanted its bytes, or 'image' as base64"};
  if (item.id.empty()) item.id = sha256(put.picture).hex();
  if (item.source.empty()) item.source = put.address.empty() ? item.id : shown_url(put.address);
  if (item.id.size() > limits::kItemIdBytesMax) return too_long("the id", item.id.size(), limits::kItemIdBytesMax);
  if (item.source.size() > limits::kItemSourceBytesMax) {
    return too_long("'source'", item.source.size(), limits::kItemSourceBytesMax);
  }
  if (item.text.size() > limits::kItemTextBytesMax)
    return too_long("'text'", item.text.size(), limits::kItemTextBytesMax);
  if (item.metadata.size() > limits::kItemMetadataBytesMax) {
    return too_long("'metadata'", item.metadata.size(), limits::kItemMetadataBytesMax);
  }
  for (const auto& [name, text] :
       {std::pair("the id", &item.id), std::pair("'source'", &item.source), std::pair("'text'", &item.text)}) {
    if (text->find('\0') != std::string::npos) return {Code::kInvalid, std::string(name) + " has a zero byte"};
  }
  const Status fit = check_json_object(item.metadata);
  if (!fit.is_ok()) return {Code::kInvalid, "'metadata' " + fit.message()};
  if (has_zero(nlohmann::json::parse(item.metadata, nullptr, false))) {
    return {Code::kInvalid, "'metadata' has the character U+0000"};
  }
  return Status::ok();
}

Status check_room(const Call& call) {
  const auto tenant = call.api.governor.tenant(call.caller.tenant);
  if (!tenant || tenant->items_max == 0) return Status::ok();
  PICTOR_ASSIGN(const auto collections, call.tenant.engine.collections());
  std::uint64_t items = 0;
  for (const CollectionInfo& info : collections) items += info.items;
  if (items < tenant->items_max) return Status::ok();
  return {Code::kLimit, "tenant '" + tenant->name + "' holds " + std::to_string(items) + " items, and may hold " +
                            std::to_string(tenant->items_max) + ": delete some, or have an admin raise its limit"};
}

}  // namespace pictor
