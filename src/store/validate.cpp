#include "store/validate.h"

#include <unordered_set>

#include "store/metadata.h"
#include "vector/vector.h"

namespace pictor {
namespace {

bool is_letter_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

Status too_long(const std::string& what, std::size_t seen, std::size_t wanted) {
  return {Code::kLimit,
          what + " has " + std::to_string(seen) + " bytes, at most " + std::to_string(wanted) + " are kept"};
}

Status check_text(const std::string& what, std::string_view text, std::size_t bytes_max) {
  if (text.size() > bytes_max) return too_long(what, text.size(), bytes_max);
  if (text.find('\0') != std::string_view::npos) return {Code::kInvalid, what + " contains a zero byte"};
  return Status::ok();
}

Status check_name(std::string_view name) {
  if (name.size() > limits::kCollectionNameBytesMax) {
    return too_long("the collection's name", name.size(), limits::kCollectionNameBytesMax);
  }
  bool good = !name.empty() && is_letter_or_digit(name[0]);
  for (const char c : name) good = good && (is_letter_or_digit(c) || c == '-' || c == '_' || c == '.');
  if (good) return Status::ok();
  return {Code::kInvalid, "collection name '" + std::string(name) +
                              "' must be letters, digits, '-', '_' or '.', and start with a letter or digit"};
}

// Long or binary ids would make the message worse than useless.
std::string shown(std::string_view id) {
  std::string text = "'";
  for (const char c : id.substr(0, 80)) text.push_back(static_cast<unsigned char>(c) < 0x20 ? '?' : c);
  return text + (id.size() > 80 ? "...'" : "'");
}

Status check_id(std::string_view id) {
  if (id.empty()) return {Code::kInvalid, "an item has no id: give each item an id that is not empty"};
  return check_text("item id " + shown(id), id, limits::kItemIdBytesMax);
}

Status check_vectors(const CollectionSpec& spec, const ItemWrite& item) {
  if (item.vectors.size() != spec.spaces.size()) {
    return {Code::kMismatch, "has " + std::to_string(item.vectors.size()) + " vectors, collection '" + spec.name +
                                 "' has " + std::to_string(spec.spaces.size()) +
                                 " spaces (leave one empty where there is none)"};
  }
  for (std::size_t i = 0; i < spec.spaces.size(); ++i) {
    const auto& vector = item.vectors[i];
    const auto& space = spec.spaces[i];
    if (vector.empty()) continue;
    if (vector.size() != space.dim) {
      return {Code::kMismatch, "vector has " + std::to_string(vector.size()) + " numbers, collection '" + spec.name +
                                   "' space '" + space.head + "' takes " + std::to_string(space.dim)};
    }
    const Status finite = check_finite(vector);
    if (!finite.is_ok()) return finite.in("vector of space '" + space.head + "'");
  }
  return Status::ok();
}

Status check_tokens(const CollectionSpec& spec, const ItemWrite& item) {
  const std::size_t wanted = packed_tokens_bytes(spec.tokens.codec, spec.tokens.grid);
  if (item.tokens.empty() || item.tokens.size() == wanted) return Status::ok();
  return {Code::kMismatch, "tokens have " + std::to_string(item.tokens.size()) + " bytes, collection '" + spec.name +
                               "' keeps " + std::to_string(wanted) + " of each item"};
}

Status check_item(const CollectionSpec& spec, const ItemWrite& item, CheckedJson& json) {
  PICTOR_TRY(check_text("source", item.source, limits::kItemSourceBytesMax));
  PICTOR_TRY(check_text("text", item.text, limits::kItemTextBytesMax));
  PICTOR_TRY(check_text("format", item.format, limits::kShortTextBytesMax));
  auto metadata = checked_json_object(item.metadata);
  if (!metadata.is_ok()) return {metadata.status().code(), "metadata " + metadata.status().message()};
  auto receipt = checked_json_object(item.receipt);
  if (!receipt.is_ok()) return {receipt.status().code(), "receipt " + receipt.status().message()};
  if (item.source_bytes > INT64_MAX) return {Code::kInvalid, "source_bytes is out of range"};
  json.metadata = std::move(metadata).value();
  json.receipt = std::move(receipt).value();
  PICTOR_TRY(check_tokens(spec, item));
  return check_vectors(spec, item);
}

std::uint64_t bytes_of(const ItemWrite& item) {
  std::uint64_t bytes = item.id.size() + item.source.size() + item.metadata.size() + item.text.size() +
                        item.receipt.size() + item.tokens.size() + item.blob.size();
  for (const auto& vector : item.vectors) bytes += vector.size() * sizeof(float);
  return bytes;
}

}  // namespace

namespace {

Status check_tokens_spec(const TokensSpec& tokens) {
  const bool none = tokens.codec == TokenCodec::kNone;
  if (none && tokens.grid == TokenGrid{}) return Status::ok();
  if (none || tokens.codec > TokenCodec::kInt8 || tokens.grid.numbers() == 0) {
    return {Code::kInvalid, "tokens want a codec, a height, a width and a dim, or none of them"};
  }
  if (tokens.grid.places() <= limits::kTokenNumbersMax && tokens.grid.numbers() <= limits::kTokenNumbersMax) {
    return Status::ok();
  }
  return {Code::kLimit, "tokens of one picture have " + std::to_string(tokens.grid.numbers()) + " numbers, at most " +
                            std::to_string(limits::kTokenNumbersMax) + " are kept"};
}

}  // namespace

Status check_spec(const CollectionSpec& spec) {
  PICTOR_TRY(check_name(spec.name));
  const std::string where = "collection '" + spec.name + "'";
  PICTOR_TRY(check_text(where + ": encoder", spec.encoder, limits::kShortTextBytesMax));
  PICTOR_TRY(check_text(where + ": isa_class", spec.isa_class, limits::kShortTextBytesMax));
  if (spec.keep < Keep::kOriginal || spec.keep > Keep::kNone) return {Code::kInvalid, where + ": unknown keep"};
  PICTOR_TRY(check_tokens_spec(spec.tokens).in(where));
  if (spec.spaces.empty() || spec.spaces.size() > limits::kSpacesPerCollectionMax) {
    return {Code::kInvalid, where + " has " + std::to_string(spec.spaces.size()) + " spaces, wanted 1 to " +
                                std::to_string(limits::kSpacesPerCollectionMax)};
  }
  std::unordered_set<std::string> ids;
  std::unordered_set<std::string> heads;
  for (const auto& space : spec.spaces) {
    PICTOR_TRY(check_text(where + ": space id", space.id, limits::kShortTextBytesMax));
    PICTOR_TRY(check_text(where + ": head", space.head, limits::kShortTextBytesMax));
    if (space.id.empty() || space.head.empty()) return {Code::kInvalid, where + " has a space without an id or a head"};
    if (!ids.insert(space.id).second || !heads.insert(space.head).second) {
      return {Code::kInvalid, where + " has the space '" + space.head + "' twice"};
    }
    if (space.dim == 0 || space.dim > limits::kVectorDimMax) {
      return {Code::kLimit, where + ": space '" + space.head + "' has " + std::to_string(space.dim) +
                                " dimensions, wanted 1 to " + std::to_string(limits::kVectorDimMax)};
    }
    if (space.metric < Metric::kCosine || space.metric > Metric::kL2)
      return {Code::kInvalid, where + ": unknown metric"};
  }
  return Status::ok();
}

Result<std::vector<CheckedJson>> check_batch(const CollectionSpec& spec, const Batch& batch) {
  if (batch.id.empty()) return Status(Code::kInvalid, "the batch has no id");
  PICTOR_TRY(check_text("the batch's id", batch.id, limits::kShortTextBytesMax));
  const std::size_t items = batch.puts.size() + batch.deletes.size();
  if (items > limits::kBatchItemsMax) {
    return Status(Code::kLimit, "the batch has " + std::to_string(items) + " items, at most " +
                                    std::to_string(limits::kBatchItemsMax) + " go at once: send several batches");
  }
  std::unordered_set<std::string_view> ids;
  std::uint64_t bytes = 0;
  std::vector<CheckedJson> json(batch.puts.size());
  for (std::size_t i = 0; i < batch.puts.size(); ++i) {
    const ItemWrite& item = batch.puts[i];
    PICTOR_TRY(check_id(item.id));
    if (!ids.insert(item.id).second)
      return Status(Code::kInvalid, "item id " + shown(item.id) + " is twice in one batch");
    const Status status = check_item(spec, item, json[i]);
    if (!status.is_ok()) return status.in("item " + shown(item.id));
    bytes += bytes_of(item);
  }
  for (const auto& id : batch.deletes) {
    PICTOR_TRY(check_id(id));
    if (!ids.insert(id).second) return Status(Code::kInvalid, "item id " + shown(id) + " is twice in one batch");
  }
  if (bytes <= limits::kBatchBytesMax) return json;
  return Status(Code::kLimit, "the batch has " + std::to_string(bytes) + " bytes, at most " +
                                  std::to_string(limits::kBatchBytesMax) + " go at once: send several batches");
}

}  // namespace pictor
