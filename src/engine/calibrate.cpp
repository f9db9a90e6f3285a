// Learns how likely hits are right. Queries whose answer is known are made of the collection itself: altered copies of
// its pictures and its items' own texts, each asked with its items and without them; or a user gives them.
#include <algorithm>
#include <map>
#include <random>

#include "engine/calibrate_lanes.h"
#include "engine/engine_impl.h"
#include "engine/external.h"
#include "engine/vector_tools.h"
#include "image/image.h"
#include "measure/measure.h"

namespace pictor {
namespace {

// Items as near as this in the first space that takes pictures are right where one of them is.
constexpr double kNearDuplicate = 0.95;
constexpr std::size_t kTextsAtOnce = 8;

Status check_request(const CalibrationRequest& request) {
  if (request.pairs.size() > limits::kCalibratePairsMax) {
    return {Code::kLimit, std::to_string(request.pairs.size()) + " pairs were given, at most " +
                              std::to_string(limits::kCalibratePairsMax) + " are learnt from"};
  }
  if (request.queries > 0 && request.queries <= limits::kCalibrateQueriesMax) return Status::ok();
  return {Code::kInvalid, std::to_string(request.queries) + " queries were asked for, it must be 1 to " +
                              std::to_string(limits::kCalibrateQueriesMax)};
}

// Some of many, each as likely as the others, in one pass (Algorithm R, Vitter 1985).
class Reservoir {
 public:
  Reservoir(std::size_t wanted, std::uint64_t seed) : wanted_(wanted), random_(seed) {}
  void add(RowId row) {
    ++seen_;
    if (rows_.size() < wanted_) {
      rows_.push_back(row);
    } else if (const std::uint64_t at = random_() % seen_; at < wanted_) {
      rows_[at] = row;
    }
  }
  const std::vector<RowId>& rows() const { return rows_; }

 private:
  std::size_t wanted_;
  std::uint64_t seen_ = 0;
  std::mt19937_64 random_;
  std::vector<RowId> rows_;
};

double cosine(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size() || a.empty()) return 0;
  return static_cast<double>(kernels().dot(a.data(), b.data(), a.size()) * inverse_norm(a) * inverse_norm(b));
}

class Calibrator {
 public:
  Calibrator(const VectorToolsImpl::Parts& parts, const CalibrationRequest& request, const Collection& collection,
             const Snapshot& snapshot, std::uint64_t seed)
      : parts_(parts), request_(request), spec_(collection.spec()), snapshot_(snapshot), seed_(seed) {}

  Status run(CalibrationReport& report) {
    PICTOR_ASSIGN(card_, parts_.encoders.card(spec_.encoder));
    PICTOR_TRY(check_spaces(spec_, card_));
    PICTOR_ASSIGN(encoder_, parts_.encoders.open(spec_.encoder, EncodeFor::kQuery));
    PICTOR_TRY(open_lanes());
    if (!request_.pairs.empty()) return ask_pairs(report);
    Reservoir pictures(request_.queries, seed_), texts(request_.queries, seed_ + 1);
    PICTOR_TRY(snapshot_.scan(false, [&](const Item& item) {
      pictures.add(item.row);
      if (!item.data.text.empty()) texts.add(item.row);
      return Status::ok();
    }));
    total_ = pictures.rows().size() + 2 * texts.rows().size();
    PICTOR_TRY(ask_copies(pictures.rows(), report));
    return ask_texts(texts.rows());
  }

  Status finish(std::int64_t now_us, CalibrationReport& report, Settings& changes) const {
    for (const auto& lane : lanes_) {
      Calibration about;
      about.learnt = !request_.pairs.empty() ? "pairs" : lane.kind() == kWordQueries ? "descriptions" : "copies";
      about.made_us = now_us;
      about.seed = seed_;
      about.items = snapshot_.size();
      auto made = lane.finish(std::move(about));
      if (!made.is_ok()) {
        report.notes.push_back("head '" + spec_.spaces[lane.position()].head + "', queries by " + lane.kind() + ": " +
                               made.status().message());
        continue;
      }
      changes.merge(match_settings(*made));
      report.made.push_back(made->about);
    }
    if (!report.made.empty()) return Status::ok();
    std::string why;
    for (const auto& note : report.notes) why += (why.empty() ? "" : "; ") + note;
    return {Code::kInvalid, "there is too little to learn from: " + why};
  }

  bool cancelled() const { return request_.cancel != nullptr && request_.cancel->load(); }

 private:
  Status open_lanes() {
    for (std::size_t i = 0; i < spec_.spaces.size(); ++i) {
      const auto& space = spec_.spaces[i];
      const CardHead* head = card_.head(space.head);
      if (head == nullptr) continue;
      PICTOR_ASSIGN(auto cohort, draw_cohort(snapshot_, space, seed_));
      cohorts_.push_back(std::make_unique<MatchCohort>(std::move(cohort)));
      const auto add = [&](const char* kind) {
        lanes_.emplace_back(parts_.backend, snapshot_, space, i, kind, *cohorts_.back());
      };
      if (head->images) add(kPictureQueries);
      if (head->texts) add(kWordQueries);
      if (head->images && !first_images_) first_images_ = i;
    }
    return Status::ok();
  }

  bool is_near(const Item& a, const Item& b) const {
    if (a.data.id == b.data.id) return true;
    if (!first_images_) return false;
    return cosine(a.data.vectors[*first_images_], b.data.vectors[*first_images_]) >= kNearDuplicate;
  }

  Result<std::vector<std::vector<float>>> vectors_of_picture(ByteView file) const {
    PICTOR_ASSIGN(auto made, encode_file(*encoder_, file));
    std::vector<std::vector<float>> by_space(spec_.spaces.size());
    std::size_t at = 0;
    for (const auto& head : card_.heads) {
      if (!head.images) continue;
      for (std::size_t i = 0; i < spec_.spaces.size(); ++i) {
        if (spec_.spaces[i].head == head.name) by_space[i] = made[at];
      }
      ++at;
    }
    return by_space;
  }

  Result<Bytes> copy_of(const Item& item, std::uint64_t number) const {
    PICTOR_ASSIGN(const auto file, parts_.picture(request_.collection, item.data.id));
    if (!file.has_value()) return Status(Code::kNotFound, "no picture is kept");
    PICTOR_ASSIGN(const auto decoded, decode_image(*file, card_.decode));
    PICTOR_ASSIGN(const auto rgb8, to_rgb8(decoded.image, card_.decode));
    return altered_copy(rgb8, seed_ * 1'000'003 + number);
  }

  // Copies that cannot be made are left out: not every picture is kept.
  Status ask_copies(const std::vector<RowId>& rows, CalibrationReport& report) {
    PICTOR_ASSIGN(const auto items, snapshot_.items(rows, true));
    std::size_t unread = 0;
    Status why;
    for (std::uint32_t i = 0; i < items.size() && !cancelled(); ++i) {
      tell();
      const auto copy = copy_of(items[i], i);
      if (!copy.is_ok()) {
        ++unread;
        why = copy.status();
        continue;
      }
      PICTOR_ASSIGN(const auto vectors, vectors_of_picture(*copy));
      for (auto& lane : lanes_) {
        if (lane.kind() != kPictureQueries) continue;
        const auto is_right = [&](const Item& other) { return is_near(items[i], other); };
        PICTOR_TRY(lane.ask({vectors[lane.position()], i}, is_right, true));
      }
    }
    if (unread > 0) {
      report.notes.push_back(std::to_string(unread) + " of " + std::to_string(items.size()) +
                             " pictures could not be read (" + why.message() + ")");
    }
    return Status::ok();
  }

  Result<std::vector<float>> vectors_of_texts(std::span<const std::string> texts, const SpaceSpec& space) const {
    std::vector<float> out;
    for (std::size_t begin = 0; begin < texts.size(); begin += kTextsAtOnce) {
      const auto some = texts.subspan(begin, std::min(kTextsAtOnce, texts.size() - begin));
      PICTOR_ASSIGN(const auto made, encoder_->encode_texts(some, space.head));
      out.insert(out.end(), made.begin(), made.end());
    }
    return out;
  }

  // Half of the queries without an answer are texts whose items are taken away, half are sentences of nobody's.
  Status ask_texts(const std::vector<RowId>& rows) {
    if (rows.empty()) return Status::ok();
    PICTOR_ASSIGN(const auto items, snapshot_.items(rows, true));
    std::vector<std::string> texts;
    texts.reserve(items.size());
    for (const auto& item : items) texts.push_back(item.data.text);
    const auto sentences = calibration_sentences(texts.size() / 2, static_cast<std::uint32_t>(seed_));
    for (auto& lane : lanes_) {
      if (lane.kind() != kWordQueries) continue;
      const auto& space = spec_.spaces[lane.position()];
      PICTOR_ASSIGN(const auto vectors, vectors_of_texts(texts, space));
      PICTOR_ASSIGN(const auto strange, vectors_of_texts(sentences, space));
      for (std::uint32_t i = 0; i < items.size() && !cancelled(); ++i) {
        tell();
        const auto is_right = [&](const Item& other) {
          return other.data.text == items[i].data.text || is_near(items[i], other);
        };
        PICTOR_TRY(
            lane.ask({std::span(vectors).subspan(std::size_t{i} * space.dim, space.dim), i}, is_right, i % 2 == 0));
      }
      for (std::uint32_t i = 0; i < sentences.size() && !cancelled(); ++i) {
        tell();
        PICTOR_TRY(lane.ask_in_vain({std::span(strange).subspan(std::size_t{i} * space.dim, space.dim), i}));
      }
    }
    return Status::ok();
  }

  Status ask_pairs(CalibrationReport& report) {
    std::map<std::pair<bool, std::string>, std::vector<const MatchPair*>> queries;
    for (const auto& pair : request_.pairs) queries[{pair.is_words, pair.query}].push_back(&pair);
    total_ = queries.size();
    std::uint32_t number = 0;
    for (const auto& [name, pairs] : queries) {
      if (cancelled()) return Status::ok();
      tell();
      PICTOR_TRY(ask_judged(pairs, number++).in("query '" + name.second + "'"));
    }
    report.notes.push_back(std::to_string(queries.size()) + " queries with " + std::to_string(request_.pairs.size()) +
                           " pairs were given");
    return Status::ok();
  }

  Status ask_judged(const std::vector<const MatchPair*>& pairs, std::uint32_t number) {
    std::map<std::string, bool> judged;
    std::vector<std::string> ids;
    for (const auto* pair : pairs) {
      judged[pair->item] = pair->right;
      ids.push_back(pair->item);
    }
    const auto& first = *pairs.front();
    std::vector<std::vector<float>> of_picture;
    if (!first.is_words) {
      PICTOR_ASSIGN(of_picture, vectors_of_picture(first.image));
    }
    for (auto& lane : lanes_) {
      if ((lane.kind() == kWordQueries) != first.is_words) continue;
      std::vector<float> vector;
      if (first.is_words) {
        PICTOR_ASSIGN(vector, vectors_of_texts(std::span(&first.text, 1), spec_.spaces[lane.position()]));
      } else {
        vector = of_picture[lane.position()];
      }
      PICTOR_TRY(lane.ask_judged({vector, number}, ids, [&](const std::string& id) -> std::optional<bool> {
        const auto found = judged.find(id);
        return found == judged.end() ? std::nullopt : std::optional(found->second);
      }));
    }
    return Status::ok();
  }

  void tell() {
    ++done_;
    if (request_.progress) request_.progress(std::min(done_, total_), total_);
  }

  const VectorToolsImpl::Parts& parts_;
  const CalibrationRequest& request_;
  const CollectionSpec& spec_;
  const Snapshot& snapshot_;
  const std::uint64_t seed_;
  EncoderCard card_;
  std::shared_ptr<const Encoder> encoder_;
  std::vector<std::unique_ptr<MatchCohort>> cohorts_;
  std::vector<CalibrationLane> lanes_;
  std::optional<std::size_t> first_images_;
  std::uint64_t done_ = 0, total_ = 0;
};

std::uint64_t seed_of(Env& env, std::uint64_t wanted) {
  if (wanted != 0) return wanted;
  std::uint64_t drawn = 0;
  env.random(std::as_writable_bytes(std::span(&drawn, 1)));
  return drawn >> 11 | 1;  // JSON's numbers hold 53 bits
}

}  // namespace

Result<CalibrationReport> VectorToolsImpl::calibrate(const CalibrationRequest& request) {
  PICTOR_TRY(check_request(request));
  const std::int64_t begin = parts_.env.monotonic_us();
  PICTOR_ASSIGN(const auto collection, parts_.folder.collection(request.collection));
  if (is_external(collection->spec())) {
    return without_encoder(collection->spec(), "calibrated", "calibration embeds pictures and words");
  }
  PICTOR_ASSIGN(const auto snapshot, collection->snapshot());
  CalibrationReport report;
  report.seed = seed_of(parts_.env, request.seed);
  Calibrator calibrator(parts_, request, *collection, *snapshot, report.seed);
  PICTOR_TRY(calibrator.run(report));
  report.cancelled = calibrator.cancelled();
  if (report.cancelled) return report;
  Settings changes;
  PICTOR_TRY(calibrator.finish(parts_.env.wall_us(), report, changes));
  PICTOR_TRY(collection->set(changes));
  report.seconds = static_cast<double>(parts_.env.monotonic_us() - begin) * 1e-6;
  return report;
}

Result<std::vector<Calibration>> VectorToolsImpl::calibrations(const std::string& collection) {
  PICTOR_ASSIGN(const auto found, parts_.folder.collection(collection));
  const auto settings = found->settings();
  std::vector<Calibration> out;
  for (const auto& space : found->spec().spaces) {
    for (const char* kind : {kPictureQueries, kWordQueries}) {
      PICTOR_ASSIGN(const auto match, stored_match(*settings, space, kind));
      if (match.has_value()) out.push_back(match->about);
    }
  }
  return out;
}

}  // namespace pictor
