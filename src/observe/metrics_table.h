// Every metric of Pictor: one row each in metrics_table.cpp, found by the number of its MetricId.
//
// To add one: an id here, its row there, and its handle below, which says its kind and its label by type. A metric that
// is not declared, of another kind, or with another label does not compile.
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
  kSearchQueries,
  kSearchFailures,
  kSearchSeconds,
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
  kVectorCache,
  kVectorCacheBytes,
  kLogLinesLost,
  kHttpRequests,
  kHttpSeconds,
  kHttpConnections,
  kHttpWaiting,
  kHttpBodyBytes,
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

enum class QueueKind : std::uint8_t { kInteractive, kBulk, kCount };
enum class EncodeRefusal : std::uint8_t { kFull, kTooLarge, kHopeless, kLate, kCancelled, kStopped, kCount };
enum class HttpResult : std::uint8_t { kAnswered, kRefused, kTooMany, kFailed, kCount };
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
};

std::span<const MetricRow> metrics_table();
std::string_view name_of(IngestStage stage);

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

namespace metric {

inline constexpr Counter<IngestResult> kIngestPictures{MetricId::kIngestPictures};
inline constexpr Counter<NoLabel> kIngestBytes{MetricId::kIngestBytes};
inline constexpr Counter<IngestStage> kIngestStageSeconds{MetricId::kIngestStageSeconds};
inline constexpr Counter<QueryKind> kSearchQueries{MetricId::kSearchQueries};
inline constexpr Counter<NoLabel> kSearchFailures{MetricId::kSearchFailures};
inline constexpr Histogram<QueryKind> kSearchSeconds{MetricId::kSearchSeconds};
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
inline constexpr Counter<CacheResult> kVectorCache{MetricId::kVectorCache};
inline constexpr Gauge<NoLabel> kVectorCacheBytes{MetricId::kVectorCacheBytes};
inline constexpr Counter<NoLabel> kLogLinesLost{MetricId::kLogLinesLost};
inline constexpr Counter<HttpResult> kHttpRequests{MetricId::kHttpRequests};
inline constexpr Histogram<NoLabel> kHttpSeconds{MetricId::kHttpSeconds};
inline constexpr Gauge<NoLabel> kHttpConnections{MetricId::kHttpConnections};
inline constexpr Gauge<NoLabel> kHttpWaiting{MetricId::kHttpWaiting};
inline constexpr Gauge<NoLabel> kHttpBodyBytes{MetricId::kHttpBodyBytes};

}  // namespace metric
}  // namespace pictor
