// Every limit of Pictor, one row each: what it bounds and why it has that size. Tested at the limit and past it.
//
// A limit that a user may raise is the default of an option of the same name; the others are fixed.
#pragma once

#include <cstddef>
#include <cstdint>

namespace pictor::limits {

inline constexpr std::uint64_t kKiB = 1024;
inline constexpr std::uint64_t kMiB = 1024 * kKiB;
inline constexpr std::uint64_t kGiB = 1024 * kMiB;

// --- pictures (image/) ---
inline constexpr std::uint64_t kImageFileBytesMax = 256 * kMiB;  // one encoded picture file
inline constexpr std::uint64_t kImagePixelsMax = 104'000'000;  // width x height; the largest cameras, within 2 s a file
inline constexpr std::uint32_t kImageSideMax = 65'500;         // one side, in pixels
inline constexpr std::uint64_t kImageDecodedBytesMax = 512 * kMiB;   // pixels x bands x bytes a band, while decoding
inline constexpr std::uint32_t kImageBandsMax = 64;                  // bands a pixel
inline constexpr std::uint32_t kImageIccBytesMax = 4 * kMiB;         // embedded ICC profile
inline constexpr std::uint32_t kImageExifBytesMax = 1 * kMiB;        // EXIF block that is searched for an orientation
inline constexpr std::uint32_t kPrepareSideMax = 4096;               // encoder input side, in pixels
inline constexpr std::uint32_t kImageScansMax = 500;                 // passes over a progressive JPEG
inline constexpr std::uint64_t kImageScanPixelsMax = 2'560'000'000;  // passes x pixels of a progressive JPEG
inline constexpr std::uint64_t kImageThinBytesMax = 64 * kMiB;       // a JPEG that is thinned before it is shrunk
inline constexpr double kImageAspectMax = 2000.0;                    // longer side / shorter side that is still resized

// --- vectors, index, queries ---
inline constexpr std::uint32_t kVectorDimMax = 16'384;       // numbers in one vector
inline constexpr std::uint32_t kQueryKMax = 10'000;          // results one query may ask for
inline constexpr std::uint32_t kQueryPartsMax = 16;          // weighted parts of one query
inline constexpr std::uint32_t kFilterBytesMax = 64 * 1024;  // text of one filter
inline constexpr std::uint32_t kFilterDepthMax = 32;         // nesting of one filter
inline constexpr std::uint32_t kFilterTermsMax = 1024;       // comparisons in one filter

inline constexpr std::uint32_t kGraphRowsMin = 8192;    // rows of a segment below which a scan is as quick as a graph
inline constexpr std::uint32_t kGraphDegreeMin = 4;     // links of a graph's node on an upper level
inline constexpr std::uint32_t kGraphDegreeMax = 64;    // the same; twice as many on the lowest
inline constexpr std::uint32_t kGraphEfMax = 16'384;    // candidates one walk of a graph holds
inline constexpr std::uint32_t kGraphStepsMax = 32;     // measured pairs of candidates and recall in a graph file
inline constexpr std::uint32_t kGraphScratchKept = 16;  // memories of walks that an idle graph keeps for the next

inline constexpr std::uint32_t kListRowsMax = 268'435'456;      // rows of one block that lists are made of
inline constexpr std::uint32_t kListsMax = 65'536;              // lists of one block
inline constexpr std::uint32_t kListStepsMax = 64;              // measured pairs of probes and recall, for one k
inline constexpr std::uint64_t kListBuildBytesMin = 16 * kMiB;  // codes held before they are written; of little use
inline constexpr std::uint64_t kListBuildBytesMax = 1 * kGiB;   // the same; more would be of no use

inline constexpr std::uint64_t kMemoryBudgetBytesMin = 64 * kMiB;           // that a collection's indexes are chosen by
inline constexpr std::uint64_t kMemoryBudgetBytesMax = kKiB * kKiB * kGiB;  // the same

inline constexpr std::uint32_t kLiveRecallOneOf = 100;  // queries by an index, of which one is answered exactly as well
inline constexpr double kLiveRecallCpuShare = 0.05;     // of the time that passes, for those exact answers
inline constexpr std::int64_t kLiveRecallUsMax = 20'000'000;  // one of them; past it nothing was compared

inline constexpr std::int64_t kQueryDeadlineMsMax = 86'400'000;  // from now to the deadline of a query: a day

// --- second stages (rank/, engine) ---
inline constexpr std::uint32_t kCandidatesDefault = 100;  // hits of the first stage that a second one is given
inline constexpr std::uint32_t kCandidatesMax = 1000;     // the same, when more are asked for
inline constexpr std::int64_t kRerankMsDefault = 1000;    // that a re-ranker has
inline constexpr std::int64_t kRerankMsMax = 60'000;      // the same, when more is asked for
inline constexpr std::uint32_t kRerankersLateMax = 4;     // that are past their time and still at work
inline constexpr std::int64_t kRerankersLateMs = 10'000;  // that an engine which ends waits for them
inline constexpr std::uint32_t kWordsBytesMax = 4096;     // words of one query
inline constexpr std::uint32_t kWordsMax = 64;            // how many
inline constexpr std::uint32_t kGroupNameBytesMax = 256;  // a name in metadata that hits are grouped by
inline constexpr std::uint32_t kBoostBytesMax = 4096;     // an expression over metadata and score
inline constexpr std::uint32_t kBoostNodesMax = 256;      // numbers, columns and operations of it
inline constexpr std::uint32_t kBoostDepthMax = 32;       // operations within operations

// --- items, store ---
inline constexpr std::uint32_t kItemIdBytesMax = 1024;               // an item's external id
inline constexpr std::uint32_t kItemMetadataBytesMax = 256 * 1024;   // an item's metadata as JSON
inline constexpr std::uint32_t kItemTextBytesMax = 256 * 1024;       // an item's text
inline constexpr std::uint32_t kMetadataDepthMax = 32;               // nesting of metadata
inline constexpr std::uint32_t kCollectionNameBytesMax = 128;        // a collection's name
inline constexpr std::uint32_t kSpacesPerCollectionMax = 16;         // spaces in one collection
inline constexpr std::uint32_t kBatchItemsMax = 4096;                // items in one batch
inline constexpr std::uint64_t kBatchBytesMax = 256 * kMiB;          // bytes in one batch, blobs included
inline constexpr std::uint32_t kFreshRowsMax = 16'384;               // rows not yet sealed into a segment
inline constexpr std::uint64_t kFreshBytesMax = 256 * kMiB;          // vectors of those rows in memory
inline constexpr std::uint32_t kSegmentRowsMax = 4'194'304;          // rows in one segment file
inline constexpr std::uint32_t kSegmentMergeRowsMax = 1'048'576;     // rows in a segment that compaction makes
inline constexpr std::uint32_t kPurgeIdsMax = 100'000;               // ids one erasure takes
inline constexpr std::uint64_t kCertificateBytesMax = 16 * kMiB;     // a certificate of erasure that is checked
inline constexpr std::uint32_t kCollectionsOpenMax = 256;            // collections open at once in one process
inline constexpr std::uint32_t kWriterQueueBatchesMax = 8;           // batches waiting for a collection's writer
inline constexpr std::uint32_t kItemSourceBytesMax = 16 * 1024;      // where an item came from
inline constexpr std::uint32_t kColumnsMax = 512;                    // columns beside one segment, two a path at most
inline constexpr std::uint32_t kColumnValuesMax = 1'048'576;         // different values of one path in one segment
inline constexpr std::uint32_t kColumnTextBytesMax = 1024;           // one text in a column
inline constexpr std::uint64_t kColumnsMakingBytesMax = 256 * kMiB;  // memory while a segment's columns are made
inline constexpr std::uint64_t kColumnsBytesMax = 8 * kGiB;          // one file of columns
inline constexpr std::uint32_t kFacetFieldsMax = 32;                 // fields whose values are counted at once
inline constexpr std::uint32_t kFacetValuesMax = 1000;               // values of a field that are listed
inline constexpr std::uint32_t kFacetDistinctMax = 1'048'576;        // different values of a field that are counted
inline constexpr std::uint32_t kShortTextBytesMax = 256;     // names of spaces, heads, encoders, formats, batches
inline constexpr std::uint32_t kBatchesRemembered = 65'536;  // batch ids that are answered as the first time
inline constexpr std::uint32_t kReadersKept = 8;             // idle database connections a collection keeps
inline constexpr std::uint32_t kFaultsMax = 1000;            // faults one verify reports
inline constexpr std::uint32_t kReceiptBytesMax = 65'536;    // a receipt that is checked
inline constexpr std::uint32_t kVersionsListedMax = 10'000;  // versions of an item that its history lists
inline constexpr std::uint32_t kSettingsMax = 64;            // settings of one collection; each has a short text

// --- backup (store/) ---
inline constexpr std::uint64_t kBackupManifestBytesMax = 64 * kMiB;  // a backup.json
inline constexpr std::uint32_t kBackupFilesMax = 100'000;            // files that it names; blobs are named elsewhere
inline constexpr std::uint32_t kBackupPlacesMax = 1000;              // places of backups that a data folder remembers
inline constexpr std::uint64_t kCopyPieceBytes = 1 * kMiB;           // read and written at once: what a stop waits for
inline constexpr std::uint64_t kCopyRateBytesMin = 64 * kKiB;        // the slowest rate of a copy, a second
inline constexpr std::uint64_t kKeyFileBytesMax = 64 * kKiB;         // a file of keys/

// --- text and encoders ---
inline constexpr std::uint32_t kTextQueryBytesMax = 64 * 1024;     // a text to embed, before tokens are cut
inline constexpr std::uint32_t kCardBytesMax = 4 * 1024 * 1024;    // an encoder card
inline constexpr std::uint32_t kCardTextBytesMax = 4096;           // one string of a card
inline constexpr std::uint32_t kCardFilesMax = 64;                 // weight files of one card
inline constexpr std::uint32_t kCardLayersMax = 100'000;           // layers that a card names
inline constexpr std::uint64_t kCalibrationBytesMax = 2 * kGiB;    // prepared pictures that a quantisation holds
inline constexpr std::uint32_t kCalibrationPicturesMax = 8192;     // pictures that a quantisation draws
inline constexpr std::uint32_t kCalibrationTextsMax = 8192;        // texts of its file that it reads
inline constexpr std::uint32_t kDeriveTextsMax = 1'000'000;        // texts that a PCA is fitted on
inline constexpr std::uint32_t kCardOutputMax = 100'000;           // numbers a picture in one output of a network
inline constexpr std::uint32_t kImageTokensMax = 65'536;           // tokens a picture in one output of a network
inline constexpr std::uint64_t kTokenIdMax = 0x7fffffff;           // a token's number
inline constexpr std::uint64_t kTokenizerBytesMax = 64 * kMiB;     // a tokenizer.json
inline constexpr std::uint64_t kModelBytesMax = 8 * kGiB;          // one weight file
inline constexpr std::uint64_t kModelTensorBytesMax = 4 * kGiB;    // one tensor of fixed size that goes in or out
inline constexpr std::uint32_t kModelNodesMax = 300'000;           // operations of one network
inline constexpr std::uint32_t kModelTensorsMax = 300'000;         // constants of one network
inline constexpr std::uint32_t kModelNamesMax = 2'000'000;         // names of tensors that operations take and give
inline constexpr std::uint32_t kModelNameBytesMax = 4096;          // one name in a network
inline constexpr std::uint32_t kModelDimensionsMax = 32;           // dimensions of one tensor
inline constexpr std::uint32_t kModelDepthMax = 8;                 // networks within networks (branches and loops)
inline constexpr std::uint32_t kCompiledModelsMax = 16;            // compiled networks kept in one cache folder
inline constexpr std::uint32_t kEncodeBatchMax = 256;              // pictures in one forward pass
inline constexpr std::uint32_t kEncodeQueueItemsMax = 4096;        // pictures or texts of one priority that wait
inline constexpr std::uint64_t kEncodeQueueBytesMax = 512 * kMiB;  // tensors and texts of one priority that wait
inline constexpr std::uint32_t kEncodeTextsMax = 32;               // texts that are computed together
inline constexpr std::uint64_t kTokenNumbersMax = 8'000'000;       // of the patch tokens of one picture
inline constexpr std::uint64_t kVectorCacheBytesMax = 32 * kMiB;   // vectors of pictures and texts that are remembered
inline constexpr std::uint32_t kFormerKeysMax = 1000;              // public keys a data folder had
inline constexpr std::uint32_t kFingerprintMax = 1'000'000;        // generated inputs of one fingerprint
inline constexpr std::uint32_t kTokensMax = 8192;                  // tokens of one text
inline constexpr std::uint32_t kWordCharsMax = 1000;            // characters of one word that a tokenizer takes apart
inline constexpr std::uint32_t kAddedTokensMax = 65'536;        // added tokens of a tokenizer
inline constexpr std::uint32_t kTemplateStepsMax = 16;          // special tokens around a text
inline constexpr std::uint32_t kTokenBytesMax = 1024;           // one token: each is looked for at every character
inline constexpr std::uint32_t kTokenizerStepsMax = 64;         // normalizers, pre-tokenizers, processors in one list
inline constexpr std::uint32_t kTokenizerDepthMax = 8;          // lists in lists of them
inline constexpr std::uint64_t kNormalisedBytesMax = 4 * kMiB;  // what a text to embed may grow to in a normalizer
inline constexpr std::uint64_t kPatternStepsPerByte = 64;       // steps back of a regular expression, a byte of text
inline constexpr std::uint32_t kPatternStackMax = 1'000'000;    // places a regular expression may come back to
inline constexpr std::uint32_t kPatternBytesMax = 16 * 1024;    // a regular expression of a tokenizer
inline constexpr std::uint32_t kVocabularyMax = 4'000'000;      // tokens of a tokenizer without the added ones
inline constexpr std::uint32_t kMergesMax = 4'000'000;          // merges of byte-pair encoding
inline constexpr std::uint32_t kCachedWordsMax = 16'384;        // words whose ids a tokenizer remembers
inline constexpr std::uint32_t kCachedWordBytesMax = 64;        // the longest of them

inline constexpr std::uint64_t kTokenBytesTogetherMax = 256 * kMiB;  // patch tokens in f32 that one thread holds
inline constexpr std::uint32_t kForeignItemsMax = 10'000;            // pictures and texts of another stack's records
inline constexpr std::uint32_t kForeignRecordsMax = 200'000;         // their records

// --- ingest (engine, cli) ---
inline constexpr std::uint64_t kArchiveEntriesMax = 10'000'000;     // entries read from one archive
inline constexpr std::uint64_t kArchiveBytesMax = 1024 * kGiB;      // bytes unpacked from one archive, in all
inline constexpr std::uint32_t kArchiveRatioMax = 1000;             // unpacked bytes to packed bytes, per archive
inline constexpr std::uint64_t kManifestLineBytesMax = 1 * kMiB;    // one line of a manifest
inline constexpr std::uint32_t kManifestColumnsMax = 512;           // columns of a CSV manifest
inline constexpr std::uint32_t kFolderDepthMax = 64;                // folders below the one that is indexed
inline constexpr std::uint32_t kPathBytesMax = 4096;                // a file's path
inline constexpr std::uint64_t kIngestInFlightBytesMax = 1 * kGiB;  // file bytes and pixels held while indexing
inline constexpr std::uint32_t kGlobFilesMax = 1'000'000;           // files one pattern may name
inline constexpr std::uint32_t kIngestIdsMax = 16'777'216;          // ids remembered in a run to find repeats
inline constexpr std::uint32_t kQuarantineListMax = 10'000;         // causes kept in one report; all are counted
inline constexpr std::uint32_t kThreadsMax = 256;                   // threads of the pool
inline constexpr std::uint64_t kJsonBytesMax = 64 * kMiB;           // one JSON document from outside

// --- vectors from elsewhere (exchange/, engine) ---
inline constexpr std::uint64_t kVectorFileRowsMax = 1'000'000'000'000;  // rows of one file
inline constexpr std::uint32_t kNpyHeaderBytesMax = 64 * 1024;          // header of a .npy
inline constexpr std::uint64_t kVectorLineBytesMax = 4 * kMiB;          // a line of JSON with a vector and metadata
inline constexpr std::uint32_t kVectorJsonDepthMax = 32;                // nesting of it
inline constexpr std::uint32_t kFaissDepthMax = 4;                      // indexes within indexes of a faiss file
inline constexpr std::uint64_t kFaissListsMax = 1 << 26;                // inverted lists of one
inline constexpr std::uint64_t kChildBytesMax = 1 * kGiB;               // memory of a process that reads a file
inline constexpr std::uint32_t kImportBatchRows = 2048;                 // rows of one batch: what an interruption costs
inline constexpr std::uint64_t kImportBatchBytes = 32 * kMiB;           // bytes of one, if that is less
inline constexpr std::uint32_t kImportNameBytesMax = 128;               // the name of an encoder that a user declares
inline constexpr std::uint32_t kTuneQueriesMax = 100'000;               // items that are asked for their neighbours

// --- calibrated scores (match/, engine) ---
inline constexpr std::uint32_t kMatchCohort = 512;             // items of a collection that scores are held against
inline constexpr std::uint32_t kMatchCohortMin = 16;           // fewer say nothing of what is usual
inline constexpr std::uint32_t kMatchPairsMin = 20;            // right pairs, and wrong ones, to learn from
inline constexpr std::uint32_t kCalibrateQueriesMax = 10'000;  // items that are asked for by altered copies
inline constexpr std::uint32_t kCalibratePairsMax = 100'000;   // pairs that a user gives
inline constexpr std::uint64_t kCalibratePairsFileBytesMax = 64 * kMiB;  // the file of them

// --- db ---
inline constexpr std::uint64_t kDatabaseValueBytesMax = 64 * kMiB;  // one value or one row
inline constexpr std::uint64_t kDatabaseSqlBytesMax = 1'000'000;    // text of one statement
inline constexpr std::uint64_t kDatabaseLogBytesMax = 64 * kMiB;    // log file kept after a checkpoint, for reuse

// --- net ---
inline constexpr std::uint32_t kHttpUrlBytesMax = 8 * 1024;         // one address, a redirect's included
inline constexpr std::uint32_t kHttpHeadBytesMax = 256 * 1024;      // all headers of one answer
inline constexpr std::uint32_t kHttpUnwantedBytesMax = 64 * 1024;   // body of an answer that is only a status
inline constexpr std::uint32_t kHttpRedirectsMax = 8;               // addresses one request may be sent on to
inline constexpr std::uint32_t kHttpAttemptsMax = 1000;             // tries for one file, however much each brought
inline constexpr std::uint32_t kHttpProgressBytesMin = 1024;        // a try that brought as much was not in vain
inline constexpr std::uint32_t kHttpTokenBytesMax = 4096;           // an access token
inline constexpr std::uint32_t kHttpReachHostsMax = 256;            // hosts that a list of them may name
inline constexpr std::uint64_t kRemoteAnswerBytesMax = 256 * kMiB;  // an answer of a Pictor server to its own client

// --- serve ---
inline constexpr std::uint32_t kServerHeadBytesMax = 16 * 1024;       // request line and fields of one request
inline constexpr std::int64_t kServerLingerMs = 3000;                 // for a refused client to stop sending
inline constexpr std::uint64_t kServerLingerBytesMax = 64 * kMiB;     // that it sends meanwhile, thrown away
inline constexpr std::uint32_t kServerJsonDepthMax = 64;              // nesting of a request in JSON
inline constexpr std::uint32_t kServerPartsMax = 1024;                // parts of one multipart body
inline constexpr std::uint32_t kServerEmbedInputsMax = 256;           // texts and pictures of one request for vectors
inline constexpr std::uint32_t kServerPageItemsMax = 1000;            // items of one page
inline constexpr std::uint32_t kServerThumbnailSideMax = 2048;        // of a picture that is asked for smaller
inline constexpr std::uint32_t kServerSmallBodyBytesMax = 64 * 1024;  // of a request about keys and the like
inline constexpr std::uint32_t kServerBatchItems = 64;                // puts of several clients that are one batch
inline constexpr std::int64_t kPictureFetchMsMax = 30'000;            // for a picture that is fetched from its address
inline constexpr std::uint32_t kPictureRedirectsMax = 3;              // that such an address may be sent on
inline constexpr std::uint32_t kPictureFetchThreads = 4;              // of one request, that fetch pictures for it
inline constexpr std::uint32_t kPictureFetchTogether = 8;             // pictures that a bulk upload fetches at once
inline constexpr std::uint64_t kServerBatchBytes = 16 * kMiB;         // pictures of a bulk upload that are put at once
inline constexpr std::uint64_t kServerPieceBytes = 1 * kMiB;          // of a bulk upload, that is read at once
inline constexpr std::uint64_t kServerResultsBytesMax = 32 * kMiB;    // of the lines that answer a bulk upload
inline constexpr std::uint32_t kServerPackedBytesMin = 1024;          // a smaller answer is not packed
inline constexpr std::uint64_t kServerUnpackedRatioMax = 200;         // unpacked bytes to packed ones, of a body beyond
inline constexpr std::uint64_t kServerUnpackedBytesMin = 64 * kMiB;   // this
inline constexpr std::uint32_t kJobsMax = 1000;                       // jobs of a data folder that are remembered
inline constexpr std::uint32_t kJobsWaitingMax = 64;                  // jobs that wait for the one that runs
inline constexpr std::uint64_t kJobsFileBytesMax = 16 * kMiB;         // the file that remembers them

// --- context packs (engine/) ---
inline constexpr std::uint64_t kContextTokensMax = 1'000'000;         // a pack's budget
inline constexpr std::uint32_t kContextItemsMax = 100;                // entries of a pack
inline constexpr std::uint32_t kContextCandidatesMax = 500;           // hits that are looked at for one
inline constexpr std::uint32_t kContextSideMax = 768;                 // a picture of it, in pixels
inline constexpr std::uint64_t kContextPictureBytesMax = 512 * kKiB;  // one such picture
inline constexpr std::uint32_t kContextCaptionBytesMax = 16 * 1024;   // the description of one entry
inline constexpr std::uint32_t kContextNamesMax = 64;                 // names in one list of a request: fields, words
inline constexpr std::uint32_t kContextNameBytesMax = 256;            // one of them
inline constexpr std::uint32_t kContextUrlBytesMax = 2048;            // where its links begin
inline constexpr std::uint32_t kContextJsonDepthMax = 16;             // nesting of a request for one

// --- mcp ---
inline constexpr std::uint64_t kMcpMessageBytesMax = 32 * kMiB;  // one message of a client
inline constexpr std::uint32_t kMcpJsonDepthMax = 64;            // nesting of it
inline constexpr std::uint32_t kMcpWaitingMax = 256;             // requests that wait for the one that is worked on
inline constexpr std::uint32_t kMcpHitsMax = 100;                // hits of one call
inline constexpr std::uint32_t kMcpPageItems = 100;              // resources of one page
inline constexpr std::uint32_t kMcpPictureSide = 512;            // of a picture that a call shows, in pixels
inline constexpr std::uint64_t kMcpPictureBytesMax = 8 * kMiB;   // a picture that is read as a resource

// --- govern ---
inline constexpr std::uint32_t kKeysMax = 10'000;                          // keys of a data folder, old ones included
inline constexpr std::uint32_t kKeyNameBytesMax = 200;                     // a key's name
inline constexpr std::uint32_t kKeyCollectionsMax = 100;                   // names of collections of one key
inline constexpr std::uint32_t kKeyRequestsPerSecondMax = 1'000'000;       // that a key may be given
inline constexpr std::uint64_t kKeyRequestsPerDayMax = 1'000'000'000'000;  // likewise
inline constexpr std::int64_t kKeyOverlapSecondsMax = std::int64_t{90} * 86'400;  // that a rotated key goes on
inline constexpr std::uint32_t kTenantsMax = 1000;                                // tenants of a data folder
inline constexpr std::uint32_t kTenantsOpenMax = 64;                              // that are open at once
inline constexpr std::uint32_t kTenantNameBytesMax = 64;                          // a tenant's name
inline constexpr std::uint64_t kTenantItemsMax = 1'000'000'000'000;               // items that a tenant may be given
inline constexpr std::uint32_t kAuditWaitingMax = 8192;                           // lines of the audit log that wait
inline constexpr std::uint32_t kAuditTextBytesMax = 1024;                         // one text of such a line
inline constexpr std::uint32_t kAuditPageMax = 1000;                              // lines of one answer
inline constexpr std::uint32_t kAuditItemsNamed = 32;                             // items that a line names one by one
inline constexpr std::uint32_t kAuditRefusalsPerSecond = 20;        // refused requests that are written down
inline constexpr std::uint32_t kAuditRefusalsPerHour = 10'000;      // likewise: some 100 MB a day at most
inline constexpr std::uint32_t kRepeatKeyBytesMax = 255;            // an Idempotency-Key
inline constexpr std::int64_t kRepeatSeconds = 86'400;              // that an answer is kept for a repeat
inline constexpr std::uint64_t kRepeatAnswerBytesMax = 256 * kKiB;  // of an answer that is kept
inline constexpr std::uint32_t kRepeatsMax = 100'000;               // answers that are kept for one tenant
inline constexpr std::uint64_t kRepeatBytesMax = 64 * kMiB;         // of them, together
inline constexpr std::uint32_t kRepeatsDroppedAtOnce = 1000;        // old ones, while one is kept

// --- measure ---
inline constexpr std::uint64_t kMeasureFileBytesMax = 512 * kMiB;   // judgements, a run or queries: one file
inline constexpr std::uint32_t kMeasureLinesMax = 5'000'000;        // lines of one
inline constexpr std::uint32_t kMeasureQueriesMax = 1'000'000;      // queries of one
inline constexpr std::uint32_t kMeasureFaultsTold = 20;             // faults of one that are told one by one
inline constexpr std::int32_t kGradeMax = 100;                      // of a judgement; the least is its negative
inline constexpr std::uint32_t kMeasuresMax = 32;                   // metrics that are computed at once
inline constexpr std::uint32_t kMeasureCutoffMax = kQueryKMax;      // the k of recall@k and its like
inline constexpr std::uint32_t kSlicesMax = 16;                     // columns that queries are told apart by
inline constexpr std::uint32_t kSliceValuesMax = 200;               // values of one of them
inline constexpr std::uint32_t kBootstrapSamplesMin = 100;          // samples that an interval is made of
inline constexpr std::uint32_t kBootstrapSamplesMax = 100'000;      // likewise
inline constexpr std::uint64_t kBootstrapDrawsMax = 4'000'000'000;  // samples x queries: some minutes
inline constexpr std::uint32_t kAlteredItemsMax = 10'000;           // items that pictor eval auto draws
inline constexpr std::uint32_t kEvalHistoryRowsMax = 1000;          // runs that a data folder remembers
inline constexpr std::uint64_t kEvalHistoryBytesMax = 16 * kMiB;    // the file that remembers them

// --- hub ---
inline constexpr std::uint32_t kHubListingBytesMax = 4 * 1024 * 1024;  // a repository's listing
inline constexpr std::uint32_t kHubListingFilesMax = 20'000;           // files in it
inline constexpr std::uint32_t kHubJsonDepthMax = 32;                  // nesting of it
inline constexpr std::uint32_t kHubNameBytesMax = 96;                  // an owner, a repository
inline constexpr std::uint32_t kHubRevisionBytesMax = 256;             // a branch, a tag, a commit
inline constexpr std::uint32_t kHubPathBytesMax = 1024;                // a file's path in a repository
inline constexpr std::uint32_t kHubFilesMax = 64;                      // files of one encoder that are pulled
inline constexpr std::uint64_t kHubEncoderBytesMax = 32 * kGiB;        // bytes of them in all

// --- observe ---
inline constexpr std::uint32_t kLogTextBytesMax = 4096;  // one text of a log line

}  // namespace pictor::limits
