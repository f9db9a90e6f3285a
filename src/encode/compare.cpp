#include "encode/compare.h"

#include <algorithm>
#include <cmath>

namespace pictor {
namespace {

constexpr std::size_t kDepartedKept = 4;
constexpr double kUnitTolerance = 1e-3;

bool is_vector(const ForeignRecord& record) { return record.stage == kVectorStage || record.stage == kUnitStage; }

bool is_output(const ForeignRecord& record) {
  const auto stages = {kDecodedStage, kTensorStage, kTokensStage, kFileTokensStage,
                       kMaskStage,    kVectorStage, kUnitStage};
  return std::ranges::find(stages, record.stage) == stages.end();
}

// In the order of the work.
int rank_of(const StageReport& row) {
  const int kind = row.kind == "pictures" ? 0 : 10;
  if (row.stage == kDecodedStage) return kind;
  if (row.stage == kTensorStage || row.stage == kTokensStage) return kind + 1;
  return kind + (row.stage == kVectorStage ? 3 : 2);
}

bool same_pooling(const HeadSide& side, const std::string& pool) {
  switch (side.pooling) {
    case Pooling::kNone: return pool == "none";
    case Pooling::kCls: return pool == "cls";
    case Pooling::kMean: return pool == "mean" || pool == "space";
    default: return false;
  }
}

// A level of 255 that rounded the other way here and there is within rounding; one everywhere is not.
bool tensors_are_close(const PrepareSpec& prepare, std::span<const float> ours, std::span<const float> theirs) {
  const std::size_t plane = ours.size() / 3;
  for (std::size_t c = 0; c < 3; ++c) {
    const double level = (prepare.rescale > 0 ? prepare.rescale : 1) / static_cast<double>(prepare.std[c]);
    double sum = 0;
    for (std::size_t i = c * plane; i < (c + 1) * plane; ++i) {
      const double levels = std::fabs(static_cast<double>(ours[i]) - static_cast<double>(theirs[i])) / std::fabs(level);
      if (!(levels <= 1.001)) return false;
      sum += levels * levels;
    }
    if (sum > 0.0625 * static_cast<double>(plane)) return false;
  }
  return true;
}

}  // namespace

template <typename T>
Comparison::Beside Comparison::beside(std::span<const T> ours, std::span<const T> theirs) {
  Beside out;
  out.ours = ours.size();
  out.theirs = theirs.size();
  const std::size_t both = std::min(ours.size(), theirs.size());
  double ab = 0, aa = 0, bb = 0;
  out.first = both;
  for (std::size_t i = 0; i < both; ++i) {
    const auto a = static_cast<double>(ours[i]), b = static_cast<double>(theirs[i]);
    if (a != b && out.first == both) out.first = i;
    const double apart = std::fabs(a - b);
    if (!(apart <= out.max_abs)) out.max_abs = apart;
    ab += a * b;
    aa += a * a;
    bb += b * b;
  }
  out.equal = ours.size() == theirs.size() && out.first == both;
  if (out.equal) out.first = 0;
  out.cosine = out.equal ? 1 : aa > 0 && bb > 0 ? ab / std::sqrt(aa * bb) : 0;
  return out;
}

void Comparison::note(const std::string& text) {
  if (std::ranges::find(notes_, text) == notes_.end() && notes_.size() < 20) notes_.push_back(text);
}

void Comparison::add(const ItemState& state, const ForeignRecord& record, const std::string& stage,
                     const std::string& head, const Beside& beside) {
  const std::string kind = state.item->is_picture ? "pictures" : "texts";
  auto row = std::ranges::find_if(rows_, [&](const Row& one) {
    return one.report.kind == kind && one.report.stage == stage && one.report.head == head;
  });
  if (row == rows_.end()) {
    rows_.emplace_back();
    row = rows_.end() - 1;
    row->report.kind = kind;
    row->report.stage = stage;
    row->report.head = head;
  }
  auto& report = row->report;
  ++report.items;
  ++(beside.equal ? report.equal : beside.close ? report.close : report.differ);
  if (!beside.equal && !beside.close && row->departed.size() < kDepartedKept) {
    row->departed.push_back({state.item, &record});
  }
  const bool worse = beside.ours != beside.theirs || beside.max_abs > report.max_abs || report.worst.empty();
  if (beside.equal || !worse || report.numbers_ours != report.numbers_theirs) return;
  report.worst = state.item->name;
  report.max_abs = beside.max_abs;
  report.cosine = beside.cosine;
  report.first_index = beside.first;
  report.numbers_ours = beside.ours;
  report.numbers_theirs = beside.theirs;
}

// Theirs is gone on from when it has height, width and three bands.
Result<bool> Comparison::begin_picture(const ForeignItem& item, ItemState& state, bool with_rows) {
  state.item = &item;
  const auto& card = stages_.details().card;
  auto file = read_file(env_, item.file, limits::kImageFileBytesMax);
  if (!file.is_ok()) return file.status().in("picture '" + item.name + "'");
  state.file = std::move(file).value();
  const auto decoded = decode_image(state.file, card.decode);
  if (!decoded.is_ok()) {
    note("picture '" + item.name + "' is left out: " + decoded.status().message());
    return false;
  }
  if (decoded->image.bits == 16) {
    note("picture '" + item.name + "' is left out: it has 16 bits a band, which Pillow clips and Pictor scales");
    return false;
  }
  PICTOR_ASSIGN(state.pixels, to_rgb8(decoded->image, card.decode));
  if (const auto* record = item.find(kDecodedStage)) {
    auto theirs = pixels_of(env_, *record);
    if (!theirs.is_ok()) return theirs.status().in("item '" + item.name + "'");
    auto seen = beside<std::uint8_t>(state.pixels.u8, *theirs);
    const bool shaped = record->shape.size() == 3 && record->shape[2] == 3 && record->shape[0] > 0 &&
                        record->shape[1] > 0 &&
                        record->shape[0] * record->shape[1] * 3 == static_cast<std::int64_t>(theirs->size());
    seen.close = seen.ours == seen.theirs && seen.max_abs <= 1;
    if (with_rows) add(state, *record, std::string(kDecodedStage), "", seen);
    if (shaped) {
      state.pixels.height = static_cast<std::uint32_t>(record->shape[0]);
      state.pixels.width = static_cast<std::uint32_t>(record->shape[1]);
    }
    if (shaped || seen.ours == seen.theirs) {
      state.pixels.u8 = std::move(theirs).value();
      state.their_pixels = true;
    }
  }
  PICTOR_ASSIGN(const bool is_prepared, compare_tensor(item, state, with_rows));
  if (!is_prepared) return false;
  const bool needs_network =
      std::ranges::any_of(item.records, is_vector) || std::ranges::any_of(item.records, is_output);
  if (needs_network) {
    PICTOR_ASSIGN(state.outputs, stages_.outputs_of(state.tensor));
  }
  return true;
}

Result<bool> Comparison::compare_tensor(const ForeignItem& item, ItemState& state, bool with_rows) {
  const auto& card = stages_.details().card;
  PictureVariant own{card.decode, card.prepare, true, false, {}};
  auto made = prepare_variant(state.input(), own);
  if (!made.is_ok()) {
    note("picture '" + item.name + "' is left out: " + made.status().message());
    return false;
  }
  state.tensor = std::move(made).value();
  const auto* record = item.find(kTensorStage);
  if (record == nullptr) return true;
  auto theirs = floats_of(env_, *record);
  if (!theirs.is_ok()) return theirs.status().in("item '" + item.name + "'");
  auto seen = beside<float>(state.tensor, *theirs);
  seen.close = seen.ours == seen.theirs && tensors_are_close(card.prepare, state.tensor, *theirs);
  if (with_rows) add(state, *record, std::string(kTensorStage), "", seen);
  if (seen.ours != seen.theirs) return true;
  state.tensor = std::move(theirs).value();
  state.their_tensor = true;
  return true;
}

// Without what they are filled up with. Ids that no network can take leave ours in their place.
Status Comparison::take_tokens(const ForeignItem& item, const ForeignRecord& record, ItemState& state) {
  PICTOR_ASSIGN(auto ids, integers_of(env_, record));
  std::size_t used = ids.size();
  if (const auto* mask = item.find(kMaskStage)) {
    PICTOR_ASSIGN(const auto ones, integers_of(env_, *mask));
    used = std::max<std::size_t>(static_cast<std::size_t>(std::ranges::count(ones, 1)), 1);
  }
  ids.resize(std::min<std::size_t>({used, ids.size(), stages_.details().text->tokens_max}));
  // A network looks its table of tokens up by them.
  const auto known = [this](auto id) { return id >= 0 && id <= stages_.id_max(); };
  if (!ids.empty() && std::ranges::all_of(ids, known)) {
    state.tokens.ids = std::move(ids);
    return Status::ok();
  }
  note("text '" + item.name + "' has " +
       (ids.empty() ? "no token"
                    : "token " + std::to_string(*std::ranges::find_if_not(ids, known)) + ", where ours are 0 to " +
                          std::to_string(stages_.id_max()) + ",") +
       " in its 'token_ids': what comes after is made from ours");
  return Status::ok();
}

// Their ids may be filled up or not, ours likewise.
Result<bool> Comparison::begin_text(const ForeignItem& item, ItemState& state, bool with_rows) {
  state.item = &item;
  PICTOR_ASSIGN(state.tokens, stages_.tokens_of(item.text));
  const auto* record = item.find(kTokensStage);
  const auto* of_file = item.find(kFileTokensStage);
  const auto* shown = of_file != nullptr ? of_file : record;
  if (shown != nullptr) {
    PICTOR_ASSIGN(const auto theirs, integers_of(env_, *shown));
    auto ours = state.tokens.ids;
    if (ours.size() < theirs.size()) ours.resize(theirs.size(), stages_.pad_id());
    const auto seen = beside<std::int64_t>(ours, theirs);
    if (with_rows) add(state, *shown, std::string(kTokensStage), "", seen);
    // Not the tokenizer's file but the reference's own tokenizer made what comes after.
    if (record != nullptr && (!seen.equal || of_file != nullptr)) PICTOR_TRY(take_tokens(item, *record, state));
    state.their_tokens = true;
  }
  const bool needs_network =
      std::ranges::any_of(item.records, is_vector) || std::ranges::any_of(item.records, is_output);
  if (!needs_network) return true;
  auto outputs = stages_.outputs_of(state.tokens);
  if (!outputs.is_ok()) return outputs.status().in("text '" + item.name + "'");
  state.outputs = std::move(outputs).value();
  return true;
}

Status Comparison::compare_outputs(const ItemState& state) {
  for (const auto& record : state.item->records) {
    if (!is_output(record)) continue;
    const auto* ours = find_output(state.outputs, record.stage);
    if (ours == nullptr) {
      note("output '" + record.stage + "' is none that this encoder's network gives here: not compared");
      continue;
    }
    PICTOR_ASSIGN(const auto theirs, floats_of(env_, record));
    std::span<const float> mine(ours->values), other(theirs);
    // Of a text's positions those that it fills: what stands behind them means nothing.
    if (!state.item->is_picture && ours->shape.size() == 3) {
      const auto numbers = static_cast<std::size_t>(ours->shape[2]) * state.tokens.ids.size();
      mine = mine.first(std::min(mine.size(), numbers));
      other = other.first(std::min(other.size(), numbers));
    }
    auto seen = beside<float>(mine, other);
    seen.close = seen.ours == seen.theirs && seen.cosine >= kSameCosine;
    add(state, record, "output " + record.stage, "", seen);
  }
  return Status::ok();
}

int Comparison::head_of(const ForeignRecord& record, bool pictures) {
  const auto& details = stages_.details();
  const auto takes = [&](std::size_t i) {
    return pictures ? details.card.heads[i].images : details.card.heads[i].texts;
  };
  const auto named = [&](const std::string& name) {
    for (std::size_t i = 0; i < details.heads.size(); ++i) {
      if (takes(i) && (name.empty() || details.card.heads[i].name == name)) return static_cast<int>(i);
    }
    return -1;
  };
  if (!request_.head.empty()) return named(request_.head);
  for (const auto& head : theirs_.heads) {
    if (head.name != record.head || (head.tower == "image") != pictures) continue;
    const auto of_tower = std::ranges::count(theirs_.heads, head.tower, &ForeignHead::tower);
    if (!pictures || of_tower == 1) return named("");  // they have one, so it is that
    for (std::size_t i = 0; i < details.heads.size(); ++i) {
      const auto& side = details.heads[i].images;
      if (takes(i) && side.output == head.output && same_pooling(side, head.pool)) return static_cast<int>(i);
    }
    note("their head '" + record.head + "' (" + head.output + ", " + head.pool +
         ") is none of the card's: not compared");
    return -1;
  }
  const int found = named(record.head);
  if (found < 0) note("the card has no head '" + record.head + "' that takes such items: not compared");
  return found;
}

Status Comparison::compare_vectors(const ItemState& state) {
  for (const auto& record : state.item->records) {
    if (!is_vector(record)) continue;
    const int head = head_of(record, state.item->is_picture);
    if (head < 0) continue;
    const auto at = static_cast<std::size_t>(head);
    PICTOR_ASSIGN(const auto theirs, floats_of(env_, record));
    const auto ours = state.item->is_picture ? stages_.vector_of(state.outputs, at)
                                             : stages_.vector_of(state.outputs, state.tokens, at);
    if (!ours.is_ok()) {
      // What they recorded may make no vector: ids without the end token, numbers that are not finite.
      if (!state.their_tensor && !state.their_tokens) return ours.status().in("item '" + state.item->name + "'");
      note("the vector of '" + state.item->name + "' is not compared: from what they recorded before it none can be " +
           "made: " + ours.status().message());
      continue;
    }
    double length = 0;
    for (const float number : theirs) length += static_cast<double>(number) * static_cast<double>(number);
    length = std::sqrt(length);
    std::vector<float> unit(theirs);
    if (length > 0 && std::fabs(length - 1) > kUnitTolerance) {
      if (record.stage == kVectorStage) {
        note("their vectors are not of length 1 (that of '" + state.item->name + "' is " + std::to_string(length) +
             "), ours are: the directions are compared");
      }
      for (float& number : unit) number = static_cast<float>(static_cast<double>(number) / length);
    }
    auto seen = beside<float>(*ours, unit);
    seen.close = seen.ours == seen.theirs && seen.cosine >= kSameCosine;
    add(state, record, std::string(kVectorStage), stages_.details().card.heads[at].name, seen);
  }
  return Status::ok();
}

Status Comparison::compare_picture(const ForeignItem& item) {
  if (!stages_.details().image) {
    note("pictures are left out: the encoder takes none");
    return Status::ok();
  }
  ItemState state;
  PICTOR_ASSIGN(const bool goes_on, begin_picture(item, state, true));
  if (!goes_on) return Status::ok();
  PICTOR_TRY(compare_outputs(state));
  return compare_vectors(state);
}

Status Comparison::compare_text(const ForeignItem& item) {
  if (!stages_.details().text) {
    note("texts are left out: the encoder takes none");
    return Status::ok();
  }
  ItemState state;
  PICTOR_ASSIGN(const bool goes_on, begin_text(item, state, true));
  if (!goes_on) return Status::ok();
  PICTOR_TRY(compare_outputs(state));
  return compare_vectors(state);
}

Result<ForeignReport> Comparison::run() {
  if (!request_.head.empty() && stages_.details().card.head(request_.head) == nullptr) {
    return Status(Code::kNotFound, "encoder '" + request_.name + "' has no head '" + request_.head + "'");
  }
  for (const auto& item : theirs_.items) {
    if (item.records.empty()) continue;
    PICTOR_TRY(item.is_picture ? compare_picture(item) : compare_text(item));
  }
  std::ranges::stable_sort(rows_, {}, [](const Row& row) { return rank_of(row.report); });
  ForeignReport report;
  report.encoder = request_.name;
  for (const auto& row : rows_) report.stages.push_back(row.report);
  find_causes(report);
  report.notes = notes_;
  if (!report.stages.empty()) return report;
  return Status(Code::kNotFound, "'" + request_.against + "' has nothing that encoder '" + request_.name +
                                     "' can be compared with" + (notes_.empty() ? "" : ": " + notes_.front()));
}

Result<ForeignReport> compare_encoder(Env& env, const EncoderPlaces& places, const Runtime& runtime,
                                      const std::string& cache_folder, const ForeignRequest& request) {
  PICTOR_ASSIGN(auto details, read_card_details(env, places, request.name));
  PICTOR_ASSIGN(const auto theirs, read_foreign(env, request.against));
  PICTOR_ASSIGN(const auto stages, OwnStages::open(env, std::move(details), runtime, cache_folder));
  return Comparison(env, *stages, theirs, request).run();
}

}  // namespace pictor
