// Every metric of Pictor: one row each in metrics_table.cpp, found by the number of its MetricId.
//
// To add one: an id here, its row there, and its handle below, which says its kind and its label by type. A metric that
// is not declared, of another kind, or with another label does not compile. docs/reference/metrics.md is written from
// the table (PICTOR_WRITE_DOCS=1 observe_test).
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace pictor {

enum class MetricKind : std::uint8_t { kCounter, kGauge, kHistogram };

enum class MetricId : std::uint8_t {
  kIngestPictures,
  kIngestBytes,
  kIngestStageSeconds,
  kPutBatchItems,
  kSearchQueries,
  kSearchFailures,
  kSearchSeconds,
  kQueryStageSeconds,
  kSearchSimilarity,
  kSearchDistances,
  kSearchCompared,
  kStoreCommits,
  kStoreCommitSeconds,
  kStoreSealedRows,
  kStoreFreshRows,
  kStoreSegments,
  kStoreCompactions,
  kStoreCompactedRows,
  kStoreCompactedBytes,
  kStoreDroppedRows,
  kStoreErasedRows,
  kStoreCompactionFailures,
  kEncodePictures,
  kEncodeTexts,
  kEncodeBatchRows,
  kEncodeQueueItems,
  kEncodeWaitSeconds,
  kEncodeTogether,
  kEncodeRefused,
  kEncodeNorm,
  kVectorCache,
  kVectorCacheBytes,
  kLogLinesLost,
  kTraceSpans,
  kHttpRequests,
  kHttpTooMany,
  kHttpRepeats,
  kHttpSeconds,
  kHttpOperationSeconds,
  kHttpWaitSeconds,
  kHttpConnections,
  kHttpWaiting,
  kHttpWorking,
  kHttpBodyBytes,
  kHttpLimit,
  kCollections,
  kCollectionsAgeSeconds,
  kCollectionItems,
  kCollectionFreshRows,
  kCollectionDeadRows,
  kCollectionSegments,
  kCollectionDamagedSegments,
  kCollectionBytes,
  kCollectionResidentBytes,
  kCollectionRecall,
  kCollectionRecallLow,
  kCollectionRecallQueries,
  kBuildInfo,
  kProcessResidentBytes,
  kProcessVirtualBytes,
  kProcessCpuSeconds,
  kProcessStartSeconds,
  kProcessOpenFiles,
  kProcessFilesMax,
  kCount,
};

// Values of labels; their names are in the table, in this order.
enum class NoLabel : std::uint8_t { kNone, kCount };
enum class IngestResult : std::uint8_t { kAdded, kReplaced, kUnchanged, kQuarantined, kCount };
enum class IngestStage : std::uint8_t {
  kLookUp,
  kRead,
  kHash,
  kDecode,
  kThumbnail,
  kPrepare,
  kEncode,
  kCommit,
  kCount
};
enum class QueryKind : std::uint8_t { kImage, kText, kVector, kId, kMixed, kCount };
enum class QueryStage : std::uint8_t {
  kSnapshot,
  kDecode,
  kPrepare,
  kEncode,
  kFilter,
  kCandidates,
  kRescore,
  kItems,
  kWords,
  kRank,
  kCount
};
enum class HitRank : std::uint8_t { kFirst, kTenth, kCount };

enum class QueueKind : std::uint8_t { kInteractive, kBulk, kCount };
enum class EncodeRefusal : std::uint8_t { kFull, kTooLarge, kHopeless, kLate, kCancelled, kStopped, kCount };
enum class Embedded : std::uint8_t { kPicture, kText, kCount };
enum class TraceResult : std::uint8_t { kSent, kDropped, kFailed, kCount };
enum class HttpResult : std::uint8_t { kAnswered, kRefused, kTooMany, kFailed, kCount };
enum class TooMany : std::uint8_t { kQueue, kBodies, kKey, kCount };
enum class HttpRepeat : std::uint8_t { kKept, kNotKept, kReplayed, kRunning, kOther, kCount };
enum class HttpLane : std::uint8_t { kInteractive, kBulk, kCount };
enum class HttpPlace : std::uint8_t { kWorking, kWaiting, kConnections, kBodyBytes, kCount };
enum class CacheResult : std::uint8_t { kHit, kMiss, kCount };

struct MetricRow {
  MetricId id;
  MetricKind kind;
  std::string_view name;  // as Prometheus wants it: the unit last, counters end in _total
  std::string_view unit;
  std::string_view help;
  std::string_view label;                    // empty: none
  std::span<const std::string_view> values;  // of the label
  std::span<const double> bounds;            // of a histogram's buckets, ascending, inclusive
  // Not 0: the label's values are named while the process runs, at most so many; what comes after is counted as
  // "other", or left out where it is told.
  std::uint32_t series_max = 0;
  bool told = false;              // known when somebody reads, and given then (MetricSamples)
  std::string_view label_2 = {};  // of what is told
};

std::span<const MetricRow> metrics_table();
std::string_view name_of(IngestStage stage);
std::string_view name_of(QueryStage stage);

template <typename Label>
struct Counter {
  MetricId id;
};
template <typename Label>
struct Gauge {
  MetricId id;
};
template <typename Label>
struct Histogram {
  MetricId id;
};

// Its label's values are named while the process runs: Metrics::label_of.
struct OpenHistogram {
  MetricId id;
};
// What is known when somebody reads. `kLabels`: how many labels a sample has.
template <int kLabels>
struct Told {
  MetricId id;
};

namespace metric {

inline constexpr Counter<IngestResult> kIngestPictures{MetricId::kIngestPictures};
inline constexpr Counter<NoLabel> kIngestBytes{MetricId::kIngestBytes};
inline constexpr Histogram<IngestStage> kIngestStageSeconds{MetricId::kIngestStageSeconds};
inline constexpr Histogram<NoLabel> kPutBatchItems{MetricId::kPutBatchItems};
inline constexpr Counter<QueryKind> kSearchQueries{MetricId::kSearchQueries};
inline constexpr Counter<NoLabel> kSearchFailures{MetricId::kSearchFailures};
inline constexpr Histogram<QueryKind> kSearchSeconds{MetricId::kSearchSeconds};
inline constexpr Histogram<QueryStage> kQueryStageSeconds{MetricId::kQueryStageSeconds};
inline constexpr Histogram<HitRank> kSearchSimilarity{MetricId::kSearchSimilarity};
inline constexpr Counter<NoLabel> kSearchDistances{MetricId::kSearchDistances};
inline constexpr Counter<NoLabel> kSearchCompared{MetricId::kSearchCompared};
inline constexpr Counter<NoLabel> kStoreCommits{MetricId::kStoreCommits};
inline constexpr Histogram<NoLabel> kStoreCommitSeconds{MetricId::kStoreCommitSeconds};
inline constexpr Counter<NoLabel> kStoreSealedRows{MetricId::kStoreSealedRows};
inline constexpr Gauge<NoLabel> kStoreFreshRows{MetricId::kStoreFreshRows};
inline constexpr Gauge<NoLabel> kStoreSegments{MetricId::kStoreSegments};
inline constexpr Counter<NoLabel> kStoreCompactions{MetricId::kStoreCompactions};
inline constexpr Counter<NoLabel> kStoreCompactedRows{MetricId::kStoreCompactedRows};
inline constexpr Counter<NoLabel> kStoreCompactedBytes{MetricId::kStoreCompactedBytes};
inline constexpr Counter<NoLabel> kStoreDroppedRows{MetricId::kStoreDroppedRows};
inline constexpr Counter<NoLabel> kStoreErasedRows{MetricId::kStoreErasedRows};
inline constexpr Counter<NoLabel> kStoreCompactionFailures{MetricId::kStoreCompactionFailures};
inline constexpr Counter<NoLabel> kEncodePictures{MetricId::kEncodePictures};
inline constexpr Counter<NoLabel> kEncodeTexts{MetricId::kEncodeTexts};
inline constexpr Histogram<NoLabel> kEncodeBatchRows{MetricId::kEncodeBatchRows};
inline constexpr Gauge<QueueKind> kEncodeQueueItems{MetricId::kEncodeQueueItems};
inline constexpr Histogram<QueueKind> kEncodeWaitSeconds{MetricId::kEncodeWaitSeconds};
inline constexpr Histogram<NoLabel> kEncodeTogether{MetricId::kEncodeTogether};
inline constexpr Counter<EncodeRefusal> kEncodeRefused{MetricId::kEncodeRefused};
inline constexpr Histogram<Embedded> kEncodeNorm{MetricId::kEncodeNorm};
inline constexpr Counter<CacheResult> kVectorCache{MetricId::kVectorCache};
inline constexpr Gauge<NoLabel> kVectorCacheBytes{MetricId::kVectorCacheBytes};
inline constexpr Counter<NoLabel> kLogLinesLost{MetricId::kLogLinesLost};
inline constexpr Counter<TraceResult> kTraceSpans{MetricId::kTraceSpans};
inline constexpr Counter<HttpResult> kHttpRequests{MetricId::kHttpRequests};
inline constexpr Counter<TooMany> kHttpTooMany{MetricId::kHttpTooMany};
inline constexpr Counter<HttpRepeat> kHttpRepeats{MetricId::kHttpRepeats};
inline constexpr Histogram<NoLabel> kHttpSeconds{MetricId::kHttpSeconds};
inline constexpr OpenHistogram kHttpOperationSeconds{MetricId::kHttpOperationSeconds};
inline constexpr Histogram<HttpLane> kHttpWaitSeconds{MetricId::kHttpWaitSeconds};
inline constexpr Gauge<NoLabel> kHttpConnections{MetricId::kHttpConnections};
inline constexpr Gauge<NoLabel> kHttpWaiting{MetricId::kHttpWaiting};
inline constexpr Gauge<NoLabel> kHttpWorking{MetricId::kHttpWorking};
inline constexpr Gauge<NoLabel> kHttpBodyBytes{MetricId::kHttpBodyBytes};
inline constexpr Gauge<HttpPlace> kHttpLimit{MetricId::kHttpLimit};
inline constexpr Told<0> kCollections{MetricId::kCollections};
inline constexpr Told<0> kCollectionsAgeSeconds{MetricId::kCollectionsAgeSeconds};
inline constexpr Told<1> kCollectionItems{MetricId::kCollectionItems};
inline constexpr Told<1> kCollectionFreshRows{MetricId::kCollectionFreshRows};
inline constexpr Told<1> kCollectionDeadRows{MetricId::kCollectionDeadRows};
inline constexpr Told<1> kCollectionSegments{MetricId::kCollectionSegments};
inline constexpr Told<1> kCollectionDamagedSegments{MetricId::kCollectionDamagedSegments};
inline constexpr Told<2> kCollectionBytes{MetricId::kCollectionBytes};
inline constexpr Told<1> kCollectionResidentBytes{MetricId::kCollectionResidentBytes};
inline constexpr Told<2> kCollectionRecall{MetricId::kCollectionRecall};
inline constexpr Told<2> kCollectionRecallLow{MetricId::kCollectionRecallLow};
inline constexpr Told<2> kCollectionRecallQueries{MetricId::kCollectionRecallQueries};
inline constexpr Told<2> kBuildInfo{MetricId::kBuildInfo};
inline constexpr Told<0> kProcessResidentBytes{MetricId::kProcessResidentBytes};
inline constexpr Told<0> kProcessVirtualBytes{MetricId::kProcessVirtualBytes};
inline constexpr Told<0> kProcessCpuSeconds{MetricId::kProcessCpuSeconds};
inline constexpr Told<0> kProcessStartSeconds{MetricId::kProcessStartSeconds};
inline constexpr Told<0> kProcessOpenFiles{MetricId::kProcessOpenFiles};
inline constexpr Told<0> kProcessFilesMax{MetricId::kProcessFilesMax};

}  // namespace metric
}  // namespace pictor
