#include "observe/metrics_table.h"

namespace pictor {
namespace {

constexpr std::string_view kResults[] = {"added", "replaced", "unchanged", "quarantined"};
constexpr std::string_view kStages[] = {"look_up",   "read",    "hash",   "decode",
                                        "thumbnail", "prepare", "encode", "commit"};
constexpr std::string_view kQueryKinds[] = {"image", "text", "vector", "id", "mixed"};
constexpr std::string_view kQueues[] = {"interactive", "bulk"};
constexpr std::string_view kRefusals[] = {"full", "too_large", "hopeless", "late", "cancelled", "stopped"};
constexpr std::string_view kCacheResults[] = {"hit", "miss"};
constexpr double kWaits[] = {0.00001, 0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 10};
constexpr double kSeconds[] = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10};
constexpr double kRows[] = {1, 2, 4, 8, 16, 32, 64, 128, 256};

constexpr auto C = MetricKind::kCounter;
constexpr auto G = MetricKind::kGauge;
constexpr auto H = MetricKind::kHistogram;

constexpr MetricRow kTable[] = {
    {MetricId::kIngestPictures,
     C,
     "pictor_ingest_pictures_total",
     "pictures",
     "Pictures offered, by what became of them.",
     "result",
     kResults,
     {}},
    {MetricId::kIngestBytes, C, "pictor_ingest_bytes_total", "bytes", "Bytes of picture files read.", "", {}, {}},
    {MetricId::kIngestStageSeconds,
     C,
     "pictor_ingest_stage_seconds_total",
     "seconds",
     "Time in each stage of ingest, summed over threads.",
     "stage",
     kStages,
     {}},
    {MetricId::kSearchQueries,
     C,
     "pictor_search_queries_total",
     "queries",
     "Queries answered, by what was asked with.",
     "kind",
     kQueryKinds,
     {}},
    {MetricId::kSearchFailures,
     C,
     "pictor_search_failures_total",
     "queries",
     "Queries that ended with an error.",
     "",
     {},
     {}},
    {MetricId::kSearchSeconds, H, "pictor_search_seconds", "seconds", "Time from a query to its answer.", "kind",
     kQueryKinds, kSeconds},
    {MetricId::kSearchDistances,
     C,
     "pictor_search_distances_total",
     "distances",
     "Distances computed for queries.",
     "",
     {},
     {}},
    {MetricId::kStoreCommits, C, "pictor_store_commits_total", "batches", "Batches made durable.", "", {}, {}},
    {MetricId::kStoreCommitSeconds,
     H,
     "pictor_store_commit_seconds",
     "seconds",
     "Time to make a batch durable.",
     "",
     {},
     kSeconds},
    {MetricId::kStoreSealedRows, C, "pictor_store_sealed_rows_total", "rows", "Rows moved into segments.", "", {}, {}},
    {MetricId::kStoreFreshRows,
     G,
     "pictor_store_fresh_rows",
     "rows",
     "Rows not yet in a segment, all open collections.",
     "",
     {},
     {}},
    {MetricId::kStoreSegments, G, "pictor_store_segments", "segments", "Segments of all open collections.", "", {}, {}},
    {MetricId::kEncodePictures, C, "pictor_encode_pictures_total", "pictures", "Pictures embedded.", "", {}, {}},
    {MetricId::kEncodeTexts, C, "pictor_encode_texts_total", "texts", "Texts embedded.", "", {}, {}},
    {MetricId::kEncodeBatchRows,
     H,
     "pictor_encode_batch_rows",
     "rows",
     "Pictures or texts in one forward pass.",
     "",
     {},
     kRows},
    {MetricId::kEncodeQueueItems,
     G,
     "pictor_encode_queue_items",
     "items",
     "Pictures and texts that wait for an encoder.",
     "queue",
     kQueues,
     {}},
    {MetricId::kEncodeWaitSeconds, H, "pictor_encode_wait_seconds", "seconds",
     "Time from a request to the start of its computing.", "queue", kQueues, kWaits},
    {MetricId::kEncodeTogether,
     H,
     "pictor_encode_together_items",
     "items",
     "Pictures or texts of all callers that one turn of an encoder took.",
     "",
     {},
     kRows},
    {MetricId::kEncodeRefused,
     C,
     "pictor_encode_refused_total",
     "requests",
     "Requests that were not answered, by the cause.",
     "cause",
     kRefusals,
     {}},
    {MetricId::kVectorCache,
     C,
     "pictor_vector_cache_total",
     "look-ups",
     "Vectors of a picture or text looked up by its hash.",
     "result",
     kCacheResults,
     {}},
    {MetricId::kVectorCacheBytes,
     G,
     "pictor_vector_cache_bytes",
     "bytes",
     "Memory of the vectors that are remembered.",
     "",
     {},
     {}},
    {MetricId::kLogLinesLost,
     C,
     "pictor_log_lines_lost_total",
     "lines",
     "Log lines that could not be written.",
     "",
     {},
     {}},
};
static_assert(std::size(kTable) == static_cast<std::size_t>(MetricId::kCount), "one row for each id");

}  // namespace

std::span<const MetricRow> metrics_table() { return kTable; }

std::string_view name_of(IngestStage stage) { return kStages[static_cast<std::size_t>(stage)]; }

}  // namespace pictor
