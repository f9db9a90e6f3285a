#include "engine/upkeep.h"

#include "engine/certificate.h"
#include "engine/index_choice.h"
#include "observe/observe.h"

namespace pictor {
namespace {

constexpr std::int64_t kDayUs = std::int64_t{24} * 3600 * 1'000'000;
constexpr std::uint32_t kDaysMax = 36'500;

}  // namespace

Result<Compaction> UpkeepImpl::compact(const CompactionRequest& request) {
  if (request.older_than_days > kDaysMax) {
    return Status(Code::kInvalid, "history older than " + std::to_string(request.older_than_days) +
                                      " days was asked for; wanted 0 to " + std::to_string(kDaysMax));
  }
  PICTOR_ASSIGN(const auto collection, parts_.folder.collection(request.collection));
  parts_.merger.leave(request.collection);
  CompactOptions options;
  options.everything = request.everything;
  PICTOR_ASSIGN(const auto choice, choose_index(*collection));
  options.rows_max = choice.segment_rows_max;
  options.mib_per_second = request.mib_per_second;
  if (request.drop_history && request.older_than_days == 0) options.drop_history = UINT64_MAX;
  if (request.drop_history && request.older_than_days > 0) {
    options.drop_history_us = parts_.env.wall_us() - kDayUs * request.older_than_days;
  }
  options.progress = [&request](std::uint64_t done, std::uint64_t total) {
    if (request.progress) request.progress(done, total);
    return request.cancel == nullptr || !*request.cancel;
  };
  PICTOR_ASSIGN(const auto report, collection->compact(options));
  Compaction compaction;
  compaction.segments_before = report.segments_before;
  compaction.segments_after = report.segments_after;
  compaction.bytes_before = report.bytes_before;
  compaction.bytes_after = report.bytes_after;
  compaction.bytes_written = report.bytes_written;
  compaction.rows_dropped = report.rows_dropped;
  compaction.blobs_dropped = report.blobs_dropped;
  compaction.history_from = report.history_from;
  compaction.stopped = report.stopped;
  return compaction;
}

// The key first: without one there would be a deletion that nobody can certify.
Result<Purge> UpkeepImpl::purge(const PurgeRequest& request) {
  PICTOR_ASSIGN(const auto collection, parts_.folder.collection(request.collection));
  PICTOR_ASSIGN(const auto key, parts_.signing_key());
  parts_.merger.leave(request.collection);
  PurgeOptions options;
  options.progress = [&request](std::uint64_t done, std::uint64_t total) {
    if (request.progress) request.progress(done, total);
    return true;
  };
  PICTOR_ASSIGN(const auto report, collection->purge(request.ids, options));
  parts_.vectors.forget(report.contents);
  Purge purge;
  purge.erased = report.erased.size();
  purge.unknown = report.unknown;
  purge.rows = report.rows;
  purge.segments = report.segments;
  purge.blobs = report.blobs;
  purge.snapshots_held = report.snapshots_held;
  if (report.erased.empty()) return purge;
  PICTOR_ASSIGN(purge.certificate, make_certificate(parts_.env, request.collection, report, key));
  log(LogLevel::kInfo, "purged",
      {{"collection", request.collection}, {"items", purge.erased}, {"rows", purge.rows}, {"blobs", purge.blobs}});
  renew_backups(request.collection, purge);
  return purge;
}

// A backup that is made again in its place has what is there now, and files of before are removed.
void UpkeepImpl::renew_backups(const std::string& collection, Purge& purge) {
  const auto places = parts_.folder.backups();
  if (!places.is_ok()) {
    purge.backups_left.push_back({"", places.status()});
    return;
  }
  for (const auto& place : *places) {
    if (!place.collection.empty() && place.collection != collection) continue;
    // A folder that is not there is not made: it may be a disk that is not mounted.
    const Status there = parts_.env.info(join_path(place.path, "backup.json")).status();
    const Status made = there.is_ok() ? parts_.renew_backup(place) : there;
    if (made.is_ok()) {
      purge.backups_renewed.push_back(place.path);
    } else {
      purge.backups_left.push_back({place.path, made});
    }
  }
}

Result<std::optional<std::int64_t>> UpkeepImpl::erased(const std::string& collection, const std::string& id) {
  PICTOR_ASSIGN(const auto found, parts_.folder.collection(collection));
  return found->erased(id);
}

CheckedCertificate UpkeepImpl::check(std::string_view certificate) {
  return check_certificate(certificate, read_known_keys(parts_.env, parts_.folder.path()));
}

}  // namespace pictor
