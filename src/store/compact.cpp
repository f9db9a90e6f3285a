// Compaction: neighbouring segments into one, without what nobody may ask for any more.
//
// The heavy work (checking the old files, writing the new one) is done beside writers and readers; only putting the new
// segment in the place of the old ones is a writer's work, one short transaction. Rows are forgotten after the vectors:
// a vector without a row would come back to life.
#include <algorithm>

#include "observe/observe.h"
#include "store/collection.h"
#include "store/compact_plan.h"
#include "store/schema.h"

namespace pictor {
namespace {

constexpr std::int64_t kPauseUs = 50'000;                    // between two looks at whether to stop
constexpr std::uint64_t kFreeBytesKept = 64 * limits::kMiB;  // of the disk, for those who commit

// No faster than was asked for, and no longer than it is wanted.
class Pace {
 public:
  Pace(Env& env, const CompactOptions& options, std::uint64_t total)
      : env_(env), options_(options), total_(total), begun_us_(env.monotonic_us()) {}

  Status step(std::uint64_t bytes) {
    done_ += bytes;
    PICTOR_TRY(told());
    if (options_.mib_per_second == 0) return Status::ok();
    const double seconds = static_cast<double>(done_) / (static_cast<double>(options_.mib_per_second) * limits::kMiB);
    const std::int64_t due_us = begun_us_ + static_cast<std::int64_t>(seconds * 1e6);
    for (std::int64_t now = env_.monotonic_us(); now < due_us; now = env_.monotonic_us()) {
      env_.wait_us(std::min(due_us - now, kPauseUs));
      PICTOR_TRY(told());
    }
    return Status::ok();
  }

  Status told() const {
    if (options_.progress == nullptr || options_.progress(std::min(done_, total_), total_)) return Status::ok();
    return {Code::kCancelled, "compaction was stopped"};
  }

 private:
  Env& env_;
  const CompactOptions& options_;
  const std::uint64_t total_;
  const std::int64_t begun_us_;
  std::uint64_t done_ = 0;
};

Status check_options(const CompactOptions& options) {
  if (options.rows_max == 0 || options.rows_max > limits::kSegmentRowsMax) {
    return {Code::kInvalid, "a segment of " + std::to_string(options.rows_max) + " rows was asked for; wanted 1 to " +
                                std::to_string(limits::kSegmentRowsMax)};
  }
  const bool is_share = options.dropped_share_min >= 0 && options.dropped_share_min <= 1;
  if (is_share) return Status::ok();
  return {Code::kInvalid, "the share of rows that makes a segment worth rewriting is " +
                              std::to_string(options.dropped_share_min) + "; wanted 0 to 1"};
}

bool is_among(const SegmentName& name, std::span<const SegmentEntry> entries) {
  return std::ranges::any_of(entries, [&](const auto& entry) { return entry.name.id == name.id; });
}

// A run that reaches over the place of a damaged segment is cut there.
std::vector<SegmentRun> cut_at_damaged(const std::vector<SegmentRun>& runs, const State& state) {
  std::vector<SegmentRun> cut;
  const auto& segments = state.segments;
  for (const auto& run : runs) {
    cut.push_back(run);
    for (std::size_t i = run.begin + 1; i < run.end; ++i) {
      const bool parted = std::ranges::any_of(state.damaged, [&](const auto& damaged) {
        return segments[i - 1].last_row < damaged.first_row && damaged.last_row < segments[i].first_row;
      });
      if (!parted) continue;
      cut.back().end = i;
      cut.push_back({i, run.end});
    }
  }
  return cut;
}

// What each segment would have, and lose.
std::vector<SegmentRows> count_rows(const State& state, const LeftOut& left_out) {
  std::vector<SegmentRows> counts(state.segments.size());
  for (const auto& space : state.spaces) {
    std::size_t at = 0;
    for (std::size_t b = 0; b < space.sealed; ++b) {
      while (state.segments[at].name.id != space.blocks[b].block->segment().id) ++at;
      SegmentRows& rows = counts[at];
      const SegmentRows seen{space.blocks[b].count, count_left_out(space.blocks[b], left_out)};
      rows.rows = std::max(rows.rows, seen.rows);
      rows.left_out = std::max(rows.left_out, seen.left_out);
    }
  }
  for (auto& rows : counts) rows.left_out = std::min(rows.left_out, rows.rows);
  return counts;
}

std::uint64_t bytes_of(std::span<const SegmentEntry> segments) {
  std::uint64_t bytes = 0;
  for (const auto& segment : segments) bytes += segment.mapping->bytes().size();
  return bytes;
}

// The new block of a space stands where the first of the old ones stood.
void replace_blocks(SpaceState& space, std::span<const SegmentEntry> from, const BlockView* made) {
  std::vector<BlockView> old;
  std::vector<BlockView> blocks;
  std::size_t place = 0;
  for (const auto& view : space.blocks) {
    if (!is_among(view.block->segment(), from)) {
      blocks.push_back(view);
      continue;
    }
    if (old.empty()) place = blocks.size();
    old.push_back(view);
  }
  space.sealed -= old.size();
  if (made != nullptr) {
    copy_deaths(old, *made);
    blocks.insert(blocks.begin() + static_cast<std::ptrdiff_t>(place), *made);
    ++space.sealed;
  }
  space.blocks = std::move(blocks);
}

}  // namespace

Result<CompactReport> CollectionStore::compact(const CompactOptions& options) {
  PICTOR_TRY(check_options(options));
  const std::lock_guard one(compacting_);
  const bool drop = options.drop_history.has_value() || options.drop_history_us.has_value();
  if (drop) PICTOR_TRY(begin_history(options));
  if (drop || options.everything) PICTOR_TRY(seal());  // fresh rows have history, too
  const auto before = state();
  const LeftOut left_out{before->history_from, {}};
  CompactReport report;
  report.segments_before = before->segments.size();
  report.bytes_before = bytes_of(before->segments);

  std::vector<std::vector<SegmentEntry>> runs;
  std::uint64_t bytes = 0;
  for (const auto& run : cut_at_damaged(plan_compaction(count_rows(*before, left_out), options, drop), *before)) {
    runs.emplace_back(before->segments.begin() + static_cast<std::ptrdiff_t>(run.begin),
                      before->segments.begin() + static_cast<std::ptrdiff_t>(run.end));
    bytes += bytes_of(runs.back());
  }
  Pace pace(env_, options, bytes);
  const SegmentStep step = [&pace](std::uint64_t written) { return pace.step(written); };
  for (auto& run : runs) {
    Status status = pace.told();
    if (status.is_ok()) status = replace_segments(rewrite_of(std::move(run), *state(), left_out), step, report);
    report.stopped = status.code() == Code::kCancelled;
    if (report.stopped) break;
    PICTOR_TRY(status);
  }
  if (left_out.died_by > 0 && !report.stopped && (drop || !runs.empty() || !swept_)) {
    PICTOR_ASSIGN(const Swept swept, sweep("SELECT row, blob FROM rows WHERE died < 9223372036854775807 AND died <= ?2 "
                                           "AND row > ?1 ORDER BY row LIMIT 512",
                                           left_out.died_by));
    PICTOR_TRY(remove_doomed_blobs().status());
    report.rows_dropped = swept.rows;
    report.blobs_dropped = swept.blobs;
    swept_ = true;
    Metrics::global().add(metric::kStoreDroppedRows, static_cast<double>(swept.rows));
  }
  PICTOR_TRY(drop_damaged());
  make_columns();
  const auto after = state();
  report.segments_after = after->segments.size();
  report.bytes_after = bytes_of(after->segments);
  report.history_from = after->history_from;
  return report;
}

// Readers know where history begins before anything of it goes; what they hold already is kept for them.
Status CollectionStore::begin_history(const CompactOptions& options) {
  const std::lock_guard lock(writing_);
  Sequence wanted = options.drop_history.value_or(0);
  if (options.drop_history_us.has_value()) {
    PICTOR_ASSIGN(const auto moment,
                  writer_.database->prepare("SELECT ifnull(max(sequence), 0) FROM commits WHERE time_us < ?1"));
    moment->bind(0, *options.drop_history_us);
    PICTOR_TRY(moment->step().status());
    wanted = std::max(wanted, static_cast<Sequence>(moment->integer(0)));
  }
  std::shared_ptr<const State> next;
  {
    const std::lock_guard state_lock(state_mutex_);
    wanted = std::min(wanted, state_->sequence);
    if (!held_.empty()) wanted = std::min(wanted, *held_.begin());
    if (wanted <= state_->history_from) return Status::ok();
    auto copy = std::make_shared<State>(*state_);
    copy->history_from = wanted;
    next = copy;
    state_ = next;
  }
  PICTOR_ASSIGN(auto transaction, Transaction::begin(*writer_.database));
  PICTOR_TRY(set_state(*next));
  return transaction.commit();
}

CollectionStore::Rewrite CollectionStore::rewrite_of(std::vector<SegmentEntry> from, const State& now,
                                                     const LeftOut& left_out) const {
  Rewrite rewrite;
  rewrite.content.first_row = from.front().first_row;
  rewrite.content.last_row = from.back().last_row;
  for (std::size_t i = 0; i < spec_.spaces.size(); ++i) {
    SegmentSpaceContent space{spec_.spaces[i].id, spec_.spaces[i].dim, {}};
    for (std::size_t b = 0; b < now.spaces[i].sealed; ++b) {
      const BlockView& view = now.spaces[i].blocks[b];
      if (is_among(view.block->segment(), from)) rewrite.rows += add_pieces(view, left_out, space.pieces);
    }
    rewrite.content.spaces.push_back(std::move(space));
  }
  rewrite.from = std::move(from);
  return rewrite;
}

Status CollectionStore::replace_segments(Rewrite rewrite, const SegmentStep& step, CompactReport& report) {
  const std::string folder = join_path(folder_, "segments");
  for (const auto& segment : rewrite.from) {
    // Else a damaged vector would get a fresh sum, and nobody would ever find it.
    const std::string path = join_path(folder, segment_file_name(segment.name.id));
    PICTOR_ASSIGN(const auto view, parse_segment(segment.mapping->bytes()));
    const Status sound = check_segment(segment.mapping->bytes(), view);
    if (!sound.is_ok())
      return {sound.code(), "'" + path + "': " + sound.message() + ": `pictor verify --quarantine` leaves it out"};
  }
  const std::uint64_t bytes = bytes_of(rewrite.from);
  PICTOR_ASSIGN(const std::uint64_t room, env_.free_bytes(folder));
  if (room < bytes + kFreeBytesKept) {
    return {Code::kLimit, "compaction needs " + std::to_string(bytes + kFreeBytesKept) + " bytes beside '" + folder +
                              "', " + std::to_string(room) + " are free: make room, then compact again"};
  }
  std::optional<OpenSegment> made;
  if (rewrite.rows > 0) {
    {
      // A fresh number for each attempt, as for sealing.
      const std::lock_guard lock(writing_);
      rewrite.content.id = writer_.next_segment++;
    }
    const std::string path = join_path(folder, segment_file_name(rewrite.content.id));
    PICTOR_TRY(write_segment(env_, path, rewrite.content, step));
    PICTOR_ASSIGN(made, open_segment(env_, path));
  }
  PICTOR_TRY(switch_segments(rewrite, made.has_value() ? &*made : nullptr).status());
  std::set<std::uint64_t> gone;
  for (const auto& segment : rewrite.from) gone.insert(segment.name.id);
  remove_segment_files(gone);  // those who have them mapped keep what they see

  const std::uint64_t written = made.has_value() ? made->mapping->bytes().size() : 0;
  report.merged += rewrite.from.size();
  report.bytes_written += written;
  Metrics::global().add(metric::kStoreCompactions);
  Metrics::global().add(metric::kStoreCompactedRows, static_cast<double>(rewrite.rows));
  Metrics::global().add(metric::kStoreCompactedBytes, static_cast<double>(written));
  return Status::ok();
}

// Deaths that came while the file was written are in the old blocks, and go into the new ones here.
Result<std::shared_ptr<const State>> CollectionStore::switch_segments(const Rewrite& rewrite, const OpenSegment* made) {
  State only_made;
  only_made.spaces.resize(spec_.spaces.size());
  if (made != nullptr) PICTOR_TRY(add_segment(*made, spec_, only_made));
  const std::lock_guard lock(writing_);
  auto next = std::make_shared<State>(*state());
  const auto first = std::find_if(next->segments.begin(), next->segments.end(),
                                  [&](const auto& s) { return s.name.id == rewrite.from.front().name.id; });
  const auto place = next->segments.erase(first, first + static_cast<std::ptrdiff_t>(rewrite.from.size()));
  next->segments.insert(place, only_made.segments.begin(), only_made.segments.end());
  for (std::size_t i = 0; i < next->spaces.size(); ++i) {
    const auto& blocks = only_made.spaces[i].blocks;
    replace_blocks(next->spaces[i], rewrite.from, blocks.empty() ? nullptr : &blocks.front());
  }
  PICTOR_ASSIGN(auto transaction, Transaction::begin(*writer_.database));
  for (const auto& segment : rewrite.from) {
    Use forget(*writer_.forget_segment);
    forget->bind(0, static_cast<std::int64_t>(segment.name.id));
    PICTOR_TRY(forget->step().status());
  }
  if (made != nullptr) PICTOR_TRY(name_segment(rewrite.content, *made));
  PICTOR_TRY(transaction.commit());
  publish(next);
  return std::shared_ptr<const State>(std::move(next));
}

}  // namespace pictor
