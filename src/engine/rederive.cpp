// Makes vectors again from their pictures and compares, bit for bit where the conditions are the same:
//   keys -> card -> weights -> for each item: receipt -> stored vectors -> picture -> vectors made again.
#include <algorithm>
#include <bit>
#include <cmath>
#include <future>
#include <random>

#include "engine/engine_impl.h"
#include "engine/external.h"
#include "engine/receipt.h"
#include "image/image.h"

namespace pictor {
namespace {

constexpr std::size_t kItemsPerThread = 8;  // read from the store at a time
constexpr double kOtherCosineMin = 0.95;    // below, no other machine explains it

constexpr const char* kAgain = "restore the data folder from a backup, or index the picture again with --force";

struct ItemCheck {
  enum class Outcome { kNotMade, kEqual, kDiffer, kOther, kNoPicture, kUnread } outcome = Outcome::kNotMade;
  ReceiptState receipt = ReceiptState::kWrong;
  std::string unknown_key;  // of kUnknownKey
  std::vector<FaultInfo> faults;
  std::vector<OtherVector> others;
};

// What all tasks share. Read-only.
struct Rederiver {
  Env& env;
  const CollectionSpec& spec;
  const Snapshot& snapshot;
  const KnownKeys keys;
  const Encoder* encoder;  // null: it cannot be opened, which is a fault already
  const std::string card;  // SHA-256; empty: it cannot be read

  ItemCheck check(const Item& item) const;

 private:
  std::optional<Receipt> check_receipt_of(const Item& item, ItemCheck& check) const;
  Result<std::optional<Bytes>> picture_of(const Item& item) const;
  void compare(const Item& item, const std::optional<Receipt>& receipt, std::span<const std::vector<float>> made,
               ItemCheck& check) const;
  void fault(const Item& item, const std::string& what, ItemCheck& check) const {
    check.faults.push_back({spec.name, "item '" + item.data.id + "'", what, kAgain});
  }
};

std::optional<Receipt> Rederiver::check_receipt_of(const Item& item, ItemCheck& check) const {
  auto receipt = parse_receipt(item.data.receipt);
  if (!receipt.is_ok()) {
    fault(item, receipt.status().message(), check);
    return std::nullopt;
  }
  const auto checked = check_receipt(item.data.receipt, keys);
  check.receipt = checked.state;
  if (checked.state == ReceiptState::kUnknownKey) check.unknown_key = receipt->key;
  if (checked.state == ReceiptState::kWrong) fault(item, checked.problem.message(), check);
  if (!receipt->input.empty() && receipt->input != item.data.content.hex()) {
    fault(item, "its content has SHA-256 " + item.data.content.hex() + ", its receipt says " + receipt->input, check);
  }
  // The card of another version of Pictor may say the same in other words: its spaces decide.
  if (!receipt->card.empty() && !card.empty() && receipt->card != card && receipt->code == "pictor " + version_text()) {
    fault(item,
          "the card of encoder '" + spec.encoder + "' has SHA-256 " + card + ", its receipt says " + receipt->card +
              ": the card was changed",
          check);
  }
  const Status vectors = check_vectors(*receipt, spec, item.data.vectors);
  if (!vectors.is_ok()) fault(item, vectors.message(), check);
  return std::move(receipt).value();
}

// None: not at hand. An error: kept, and not as it was.
Result<std::optional<Bytes>> Rederiver::picture_of(const Item& item) const {
  std::optional<Bytes> none;
  if (spec.keep == Keep::kReference) {
    auto bytes = read_file(env, item.data.source, limits::kImageFileBytesMax);
    if (!bytes.is_ok()) return none;
    if (const auto seen = sha256(*bytes); seen != item.data.content) {
      return Status(Code::kCorrupt, "its picture '" + item.data.source + "' has SHA-256 " + seen.hex() +
                                        ", the item's content is " + item.data.content.hex() +
                                        ": it was changed since, index it again");
    }
    return std::optional(std::move(bytes).value());
  }
  if (spec.keep != Keep::kOriginal) return none;
  PICTOR_ASSIGN(auto blob, snapshot.blob(item.row));
  if (!blob.has_value()) return none;
  if (const auto seen = sha256(*blob); seen != item.data.content) {
    return Status(Code::kCorrupt,
                  "its kept picture has SHA-256 " + seen.hex() + ", the item's content is " + item.data.content.hex());
  }
  return blob;
}

double cosine(std::span<const float> a, std::span<const float> b) {
  double dot = 0;
  double aa = 0;
  double bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    dot += static_cast<double>(a[i]) * static_cast<double>(b[i]);
    aa += static_cast<double>(a[i]) * static_cast<double>(a[i]);
    bb += static_cast<double>(b[i]) * static_cast<double>(b[i]);
  }
  return aa > 0 && bb > 0 ? dot / std::sqrt(aa * bb) : 0;
}

bool same_bits(std::span<const float> a, std::span<const float> b) {
  return std::ranges::equal(std::as_bytes(a), std::as_bytes(b));
}

void Rederiver::compare(const Item& item, const std::optional<Receipt>& receipt,
                        std::span<const std::vector<float>> made, ItemCheck& check) const {
  // What a receipt does not say is not the same.
  const bool same_conditions = receipt.has_value() && receipt->isa == encoder->isa_class() &&
                               receipt->runtime == encoder->runtime_name() && receipt->decoders == decoder_versions();
  check.outcome = ItemCheck::Outcome::kEqual;
  for (std::size_t i = 0; i < spec.spaces.size() && i < item.data.vectors.size(); ++i) {
    const auto& stored = item.data.vectors[i];
    if (stored.empty()) continue;
    std::size_t position = 0;
    for (const auto& head : encoder->card().heads) {
      if (head.name == spec.spaces[i].head) break;
      position += head.images ? 1 : 0;
    }
    const std::string named = "the vector of head '" + spec.spaces[i].head + "'";
    if (position >= made.size() || made[position].size() != stored.size()) {
      check.outcome = ItemCheck::Outcome::kDiffer;
      fault(item, named + " has " + std::to_string(stored.size()) + " numbers, the encoder makes none like it", check);
      continue;
    }
    if (same_bits(stored, made[position])) continue;
    const double near = cosine(stored, made[position]);
    if (same_conditions || near < kOtherCosineMin) {
      check.outcome = ItemCheck::Outcome::kDiffer;
      fault(item,
            named + " is made again with SHA-256 " + vector_hash(made[position]) + ", stored is " +
                vector_hash(stored) + " (cosine " + std::to_string(near) + ")",
            check);
      continue;
    }
    if (check.outcome == ItemCheck::Outcome::kEqual) check.outcome = ItemCheck::Outcome::kOther;
    check.others.push_back({item.data.id, spec.spaces[i].head, receipt.has_value() ? receipt->isa : "",
                            receipt.has_value() ? receipt->runtime : "", near});
  }
}

ItemCheck Rederiver::check(const Item& item) const {
  ItemCheck check;
  const auto receipt = check_receipt_of(item, check);
  const auto picture = picture_of(item);
  if (!picture.is_ok()) {
    fault(item, picture.status().message(), check);
    check.outcome = ItemCheck::Outcome::kUnread;
    return check;
  }
  if (!picture->has_value()) {
    check.outcome = ItemCheck::Outcome::kNoPicture;
    return check;
  }
  if (encoder == nullptr) return check;
  const auto made = encode_file(*encoder, **picture);
  if (made.is_ok()) {
    compare(item, receipt, *made, check);
    return check;
  }
  fault(item, "its picture cannot be made a vector again: " + made.status().message(), check);
  check.outcome = ItemCheck::Outcome::kUnread;
  return check;
}

void add(ItemCheck check, RederiveReport& report) {
  ++report.items;
  report.signed_count += check.receipt == ReceiptState::kSigned ? 1 : 0;
  report.unsigned_count += check.receipt == ReceiptState::kUnsigned ? 1 : 0;
  report.unknown_key += check.receipt == ReceiptState::kUnknownKey ? 1 : 0;
  const bool is_named = std::ranges::find(report.unknown_keys, check.unknown_key) != report.unknown_keys.end();
  if (!check.unknown_key.empty() && !is_named && report.unknown_keys.size() < limits::kFaultsMax) {
    report.unknown_keys.push_back(check.unknown_key);
  }
  switch (check.outcome) {
    case ItemCheck::Outcome::kNotMade: break;
    case ItemCheck::Outcome::kEqual: ++report.equal; break;
    case ItemCheck::Outcome::kDiffer: ++report.differ; break;
    case ItemCheck::Outcome::kOther: ++report.other; break;
    case ItemCheck::Outcome::kNoPicture: ++report.no_picture; break;
    case ItemCheck::Outcome::kUnread: ++report.unread; break;
  }
  for (auto& fault : check.faults) {
    if (report.faults.size() < limits::kFaultsMax) report.faults.push_back(std::move(fault));
  }
  for (auto& other : check.others) {
    if (report.others.size() < limits::kFaultsMax) report.others.push_back(std::move(other));
  }
}

// All rows alive, or `sample` of them, in their order.
Result<std::vector<RowId>> rows_to_check(const Snapshot& snapshot, std::uint64_t sample, std::uint64_t seed) {
  std::vector<RowId> rows;
  rows.reserve(snapshot.size());
  PICTOR_TRY(snapshot.scan(false, [&rows](const Item& item) {
    rows.push_back(item.row);
    return Status::ok();
  }));
  if (sample == 0 || sample >= rows.size()) return rows;
  std::mt19937_64 random(seed);
  for (std::size_t i = 0; i < sample; ++i) std::swap(rows[i], rows[i + random() % (rows.size() - i)]);
  rows.resize(sample);
  std::ranges::sort(rows);
  return rows;
}

Status check_rows(const Rederiver& rederiver, const RederiveRequest& request, ThreadPool& pool,
                  std::span<const RowId> rows, RederiveReport& report) {
  const std::size_t step = kItemsPerThread * pool.threads();
  for (std::size_t begin = 0; begin < rows.size(); begin += step) {
    report.cancelled = request.cancel != nullptr && request.cancel->load();
    if (report.cancelled) return Status::ok();
    const auto some = rows.subspan(begin, std::min(step, rows.size() - begin));
    PICTOR_ASSIGN(const auto items, rederiver.snapshot.items(some, true));
    std::vector<std::future<ItemCheck>> running;
    for (const auto& item : items) {
      const auto task =
          std::make_shared<std::packaged_task<ItemCheck()>>([&rederiver, &item] { return rederiver.check(item); });
      running.push_back(task->get_future());
      pool.submit([task] { (*task)(); });
    }
    for (auto& one : running) add(one.get(), report);
    if (request.progress) request.progress(begin + some.size(), rows.size());
  }
  return Status::ok();
}

// What makes vectors again.
struct Maker {
  std::shared_ptr<const Encoder> encoder;  // null: there is none, or it cannot be opened, which is a fault
  std::string card;                        // SHA-256
};

Maker maker_of(Encoders& encoders, const CollectionSpec& spec,
               const std::function<void(const std::string& where, const Status&)>& fault) {
  // Vectors from elsewhere have nothing to be made again with: their receipts and sums are checked alone.
  if (is_external(spec)) return {};
  Maker maker;
  const auto card = encoders.card(spec.encoder);
  if (card.is_ok()) maker.card = sha256(as_bytes(card->json)).hex();
  const Status fits = card.is_ok() ? check_spaces(spec, *card) : card.status();
  if (!fits.is_ok()) fault("the card of encoder '" + spec.encoder + "'", fits);
  const Status weights = card.is_ok() ? encoders.verify(spec.encoder) : Status::ok();
  if (!weights.is_ok()) fault("the weights of encoder '" + spec.encoder + "'", weights);
  if (!fits.is_ok() || !weights.is_ok()) return maker;
  // Tried before the items, so that a network that cannot run is one fault and not one of each picture.
  auto opened = encoders.open(spec.encoder, EncodeFor::kBulk);
  const Status runs = opened.is_ok() ? try_encoder(**opened, {}) : opened.status();
  if (runs.is_ok()) maker.encoder = std::move(opened).value();
  if (!runs.is_ok()) fault("encoder '" + spec.encoder + "'", runs);
  return maker;
}

}  // namespace

Result<RederiveReport> EngineImpl::rederive(const RederiveRequest& request) {
  PICTOR_ASSIGN(const auto collection, folder_->collection(request.collection));
  const auto& spec = collection->spec();
  PICTOR_TRY(keep_to_class_of(spec));
  PICTOR_ASSIGN(const auto snapshot, collection->snapshot());
  RederiveReport report;
  const auto fault = [&](const std::string& where, const Status& status, const std::string& advice) {
    report.faults.push_back({spec.name, where, status.message(), advice});
  };
  auto keys = read_known_keys(env_, folder_->path());
  for (const auto& problem : keys.problems) fault("the keys of receipts", problem, "");

  const auto maker =
      maker_of(encoders_, spec, [&fault](const std::string& where, const Status& status) { fault(where, status, ""); });
  const Rederiver rederiver{env_, spec, *snapshot, std::move(keys), maker.encoder.get(), maker.card};
  const auto seed = request.seed != 0 ? request.seed : (random_seed() >> 11 | 1);  // JSON's numbers hold 53 bits
  if (request.sample != 0) report.seed = seed;
  // What was found so far is told whatever stops the rest.
  const auto rows = rows_to_check(*snapshot, request.sample, seed);
  const Status read = rows.is_ok() ? check_rows(rederiver, request, pool_, *rows, report) : rows.status();
  if (!read.is_ok()) fault("the items after the first " + std::to_string(report.items), read, kAgain);
  return report;
}

Result<CheckedReceipt> EngineImpl::receipt(const std::string& collection, const std::string& id) {
  PICTOR_ASSIGN(const auto found, folder_->collection(collection));
  PICTOR_ASSIGN(const auto snapshot, found->snapshot());
  PICTOR_ASSIGN(const auto item, snapshot->find(id, true));
  if (!item.has_value()) {
    return Status(Code::kNotFound, "collection '" + collection + "' has no item '" + id + "'");
  }
  CheckedReceipt checked{ReceiptState::kWrong, item->data.receipt, Status::ok()};
  const auto parsed = parse_receipt(item->data.receipt);
  if (!parsed.is_ok()) {
    checked.problem = parsed.status();
    return checked;
  }
  if (parsed->signature.has_value()) {
    checked = check_receipt(item->data.receipt, read_known_keys(env_, folder_->path()));
    if (!checked.problem.is_ok()) return checked;
  }
  checked.problem = check_vectors(*parsed, found->spec(), item->data.vectors);
  checked.state = !checked.problem.is_ok()        ? ReceiptState::kWrong
                  : parsed->signature.has_value() ? ReceiptState::kSigned
                                                  : ReceiptState::kUnsigned;
  return checked;
}

Status EngineImpl::keep_to_class_of(const CollectionSpec& spec) {
  if (!reproducible_ || is_external(spec)) return Status::ok();
  return encoders_.keep_to_class(spec.encoder, spec.isa_class).in("collection '" + spec.name + "'");
}

Status EngineImpl::keep_to_class_of(const std::string& collection) {
  PICTOR_ASSIGN(const auto found, folder_->collection(collection));
  return keep_to_class_of(found->spec());
}

std::uint64_t EngineImpl::random_seed() {
  std::array<std::byte, 8> bytes{};
  env_.random(bytes);
  return std::bit_cast<std::uint64_t>(bytes);
}

}  // namespace pictor
