#include "engine/matching.h"

#include <algorithm>
#include <queue>
#include <sstream>

#include "engine/external.h"

namespace pictor {
namespace {

constexpr std::size_t kSpaceDigits = 16;  // of the space's id, in names of settings
constexpr int kVersion = 1;

std::string name_of(const SpaceId& space, const std::string& kind, const char* what) {
  return "match." + space.substr(0, kSpaceDigits) + "." + kind + "." + what;
}

const std::string* value_of(const Settings& settings, const std::string& name) {
  const auto found = settings.find(name);
  return found == settings.end() ? nullptr : &found->second;
}

std::string about_text(const Calibration& about) {
  std::ostringstream out;
  out.imbue(std::locale::classic());
  out.precision(6);
  out << kVersion << ' ' << about.learnt << ' ' << about.made_us << ' ' << about.seed << ' ' << about.items << ' '
      << about.queries << ' ' << about.pairs << ' ' << about.held_out << ' ' << about.calibration_error << ' '
      << about.auroc << ' ' << about.threshold << ' ' << about.refused << ' ' << about.lost;
  return out.str();
}

Result<Calibration> read_about(const std::string& text) {
  std::istringstream in(text);
  in.imbue(std::locale::classic());
  int version = 0;
  Calibration about;
  in >> version >> about.learnt >> about.made_us >> about.seed >> about.items >> about.queries >> about.pairs >>
      about.held_out >> about.calibration_error >> about.auroc >> about.threshold >> about.refused >> about.lost;
  if (!in.fail() && version == kVersion) return about;
  return Status(Code::kUnreadable,
                "a calibration is not readable, or of another version of Pictor: run `pictor calibrate` again");
}

// What a single part asks for; empty: nothing that is calibrated.
std::string kind_of(const Query& query) {
  if (query.parts.size() != 1 || !(query.parts[0].weight > 0)) return "";
  switch (query.parts[0].kind) {
    case QueryPart::Kind::kText: return kWordQueries;
    case QueryPart::Kind::kImage:
    case QueryPart::Kind::kId: return kPictureQueries;
    case QueryPart::Kind::kVector: return "";
  }
  return "";
}

Status not_calibrated(const Query& query, const CollectionSpec& spec, const SpaceSpec& space, const std::string& kind) {
  if (kind.empty()) {
    return {Code::kUnsupported,
            "a least probability was asked for, and it is known only for a query of one picture, one item or one text"};
  }
  return {Code::kUnsupported, "a least probability was asked for, and collection '" + spec.name +
                                  "' is not calibrated for queries by " + kind + " in head '" + space.head +
                                  "': run `pictor calibrate -c " + query.collection + "`"};
}

// SplitMix64's mixing (Steele, Lea, Flood 2014).
std::uint64_t mixed(std::uint64_t z) {
  z += 0x9E3779B97F4A7C15U;
  z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9U;
  z = (z ^ (z >> 27U)) * 0x94D049BB133111EBU;
  return z ^ (z >> 31U);
}

struct Ticket {
  std::uint64_t number = 0;
  RowId row = 0;
  const float* vector = nullptr;
  friend bool operator<(const Ticket& a, const Ticket& b) {
    return a.number != b.number ? a.number < b.number : a.row < b.row;
  }
};

// Those with the smallest numbers.
class Lottery {
 public:
  explicit Lottery(std::uint64_t seed) : seed_(mixed(seed)) {}
  void add(const SnapshotBlock& block) {
    std::vector<std::uint8_t> alive(block.count, 1);
    if (!block.all_alive) block.alive(0, alive);
    for (std::size_t i = 0; i < block.count; ++i) {
      if (alive[i] == 0) continue;
      const Ticket ticket{mixed(block.rows[i] ^ seed_), block.rows[i], block.vectors + i * block.dim};
      if (held_.size() == limits::kMatchCohort && !(ticket < held_.top())) continue;
      held_.push(ticket);
      if (held_.size() > limits::kMatchCohort) held_.pop();
    }
  }
  std::vector<Ticket> by_row() {
    std::vector<Ticket> out;
    for (; !held_.empty(); held_.pop()) out.push_back(held_.top());
    std::ranges::sort(out, {}, &Ticket::row);
    return out;
  }

 private:
  std::uint64_t seed_;
  std::priority_queue<Ticket> held_;
};

// The hits that features are made of: those of `neighbors` that the query does not name itself.
struct Seen {
  std::vector<MatchHit> hits;
  std::vector<std::string> ids;
  std::vector<std::uint64_t> named;
};

Result<Seen> seen_of(const Answered& answered) {
  std::vector<RowId> rows;
  for (const auto& neighbor : answered.neighbors) rows.push_back(neighbor.row);
  PICTOR_ASSIGN(auto items, answered.snapshot.items(rows, true));
  Seen out;
  for (auto& item : items) {
    const bool is_named = std::ranges::any_of(answered.query.parts, [&](const QueryPart& part) {
      return part.kind == QueryPart::Kind::kId && part.text == item.data.id;
    });
    if (is_named) {
      out.named.push_back(item.row);
      continue;
    }
    out.hits.push_back({item.row, std::move(item.data.vectors[answered.position])});
    out.ids.push_back(std::move(item.data.id));
  }
  return out;
}

void warn_if_changed(const Snapshot& snapshot, const StoredMatch& match, Hits& hits) {
  if (snapshot.size() <= 2 * match.about.items && match.about.items <= 2 * snapshot.size()) return;
  hits.warnings.push_back("the collection has " + std::to_string(snapshot.size()) + " items and had " +
                          std::to_string(match.about.items) + " when it was calibrated: run `pictor calibrate` again");
}

}  // namespace

Result<std::optional<StoredMatch>> stored_match(const Settings& settings, const SpaceSpec& space,
                                                const std::string& kind) {
  const auto* weights = value_of(settings, name_of(space.id, kind, "weights"));
  const auto* steps = value_of(settings, name_of(space.id, kind, "steps"));
  const auto* about = value_of(settings, name_of(space.id, kind, "about"));
  if (weights == nullptr || steps == nullptr || about == nullptr) return std::optional<StoredMatch>();
  StoredMatch out;
  PICTOR_ASSIGN(out.about, read_about(*about));
  PICTOR_ASSIGN(out.model, read_match_model(*weights, *steps));
  out.about.head = space.head;
  out.about.space = space.id;
  out.about.kind = kind;
  return std::optional(std::move(out));
}

Settings match_settings(const StoredMatch& match) {
  const auto& about = match.about;
  return {{name_of(about.space, about.kind, "weights"), match.model.weights_text()},
          {name_of(about.space, about.kind, "steps"), match.model.steps_text()},
          {name_of(about.space, about.kind, "about"), about_text(about)}};
}

Result<std::optional<StoredMatch>> match_for(const Query& query, const CollectionSpec& spec, const Settings& settings,
                                             const SpaceSpec& space) {
  const auto& least = query.min_probability;
  if (least.has_value() && !(*least >= 0 && *least <= 1)) {
    return Status(Code::kInvalid, "the least probability is " + std::to_string(*least) + ", it must be 0 to 1");
  }
  const std::string kind = kind_of(query);
  auto found = kind.empty() ? Result<std::optional<StoredMatch>>(std::optional<StoredMatch>())
                            : stored_match(settings, space, kind);
  if (!least.has_value()) return found.is_ok() ? std::move(found) : std::optional<StoredMatch>();
  if (found.is_ok() && !found->has_value()) return not_calibrated(query, spec, space, kind);
  return found;
}

Result<MatchCohort> draw_cohort(const Snapshot& snapshot, const SpaceSpec& space, std::uint64_t seed) {
  PICTOR_ASSIGN(const auto blocks, snapshot.blocks(space.id));
  Lottery lottery(seed);
  for (const auto& block : blocks) lottery.add(block);
  std::vector<float> vectors;
  std::vector<std::uint64_t> rows;
  for (const auto& ticket : lottery.by_row()) {
    vectors.insert(vectors.end(), ticket.vector, ticket.vector + space.dim);
    rows.push_back(ticket.row);
  }
  return MatchCohort::of(vectors, std::move(rows), space.dim);
}

Result<std::shared_ptr<const MatchCohort>> Cohorts::of(const Collection& collection, const SpaceSpec& space,
                                                       std::uint64_t seed) {
  PICTOR_ASSIGN(const auto snapshot, collection.snapshot());
  const std::uint64_t items = snapshot->size();
  const std::lock_guard lock(mutex_);
  auto& drawn = drawn_[collection.spec().name + "/" + space.id];
  const bool fits =
      drawn.cohort != nullptr && drawn.seed == seed && items >= drawn.items && items - drawn.items <= drawn.items / 10;
  if (fits) return drawn.cohort;
  PICTOR_ASSIGN(auto made, draw_cohort(*snapshot, space, seed));
  drawn = {seed, items, std::make_shared<const MatchCohort>(std::move(made))};
  return drawn.cohort;
}

Status grade_hits(const Answered& answered, const StoredMatch& match, Cohorts& cohorts, Hits& hits) {
  const auto& space = answered.collection.spec().spaces[answered.position];
  const auto& least = answered.query.min_probability;
  PICTOR_ASSIGN(const auto seen, seen_of(answered));
  if (!seen.hits.empty()) {
    PICTOR_ASSIGN(const auto cohort, cohorts.of(answered.collection, space, match.about.seed));
    PICTOR_ASSIGN(const auto features, match_features(*cohort, answered.vector, seen.hits, seen.named));
    for (Hit& hit : hits.hits) {
      const auto at = std::ranges::find(seen.ids, hit.id);
      if (at == seen.ids.end()) continue;
      hit.probability = match.model.probability(features[static_cast<std::size_t>(at - seen.ids.begin())]);
    }
  }
  warn_if_changed(answered.snapshot, match, hits);
  if (!least.has_value()) return Status::ok();
  std::erase_if(hits.hits, [&](const Hit& hit) { return hit.probability.value_or(0) < *least; });
  hits.nothing_found = hits.hits.empty();
  return Status::ok();
}

}  // namespace pictor
