// The door of engine: what the doors of floor 5 call. ingest.cpp and search.cpp read as the two tables of
// ARCHITECTURE.md.
//
// Thread safety: an Engine from any thread; one ingest call a collection at a time.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "pictor/backup.h"
#include "pictor/encoder_tools.h"
#include "pictor/facets.h"
#include "pictor/history.h"
#include "pictor/provenance.h"
#include "pictor/status.h"
#include "pictor/types.h"
#include "pictor/upkeep.h"
#include "pictor/vectors.h"

namespace pictor {

class Env;
// Files, clock and random numbers of this machine.
Env& real_env();

struct EngineOptions {
  std::string data_folder;
  std::string cards_folder;  // models/
  std::string weights_folder;
  std::string encoders_folder;  // encoders that were added, one folder each; made when needed
  std::string cache_folder;     // compiled models; empty: none
  std::size_t threads = 0;      // 0: all processors
  // Vectors of query pictures and texts that are remembered, so that the same bytes are embedded once; 0: none.
  std::uint64_t vector_cache_bytes = std::uint64_t{32} * 1024 * 1024;
  // Segments are merged in the background, at most so many MiB a second are written; 0: never.
  std::uint32_t merge_mib_per_second = 64;
  bool create = true;  // make the data folder when it does not exist
  // Keep to the instruction-set class of the first collection that is used, so that bits are those of the machine that
  // began it. It holds for the whole process; kUnsupported where this machine cannot, kMismatch for a second class.
  bool reproducible = false;
  // The process ends with the engine: loaded networks are left to the system, which takes their memory back in one go.
  bool leave_networks = false;
  // Queries come from several callers at once: each is embedded on one thread, as many side by side as there are
  // threads. Else all threads work on one query. The bits are the same.
  bool many_callers = false;
  std::string runtime;  // "openvino", "onnxruntime"; empty: as each encoder's card says
  std::string device;   // "cpu", "cuda", "cuda:1": cuda goes with onnxruntime; empty: the processor
};

// One picture to index.
struct IngestItem {
  std::string id;  // empty: the source
  std::string source;
  std::string metadata = "{}";
  std::string text;
  std::uint64_t modified_us = 0;
};

// Gives pictures one after the other, from a folder, an archive or a manifest (cli/ has the readers).
class IngestSource {
 public:
  virtual ~IngestSource() = default;
  struct Entry {
    IngestItem item;
    std::uint64_t bytes = 0;  // size, when known before reading
    std::int64_t modified_us = 0;
    std::function<Result<std::vector<std::byte>>()>
        read;        // called once at most, from any thread, before the next next() of an archive
    Status problem;  // not ok: quarantined at once with this cause
  };
  // false: the end.
  virtual Result<bool> next(Entry& out) = 0;
  virtual std::optional<std::uint64_t> total() const = 0;  // entries, when known
};

struct Quarantined {
  std::string source;
  Status cause;
};

enum class IngestOutcome : std::uint8_t { kAdded, kReplaced, kUnchanged, kQuarantined };

struct IngestProgress {
  std::uint64_t seen = 0, added = 0, replaced = 0, unchanged = 0, reused = 0, quarantined = 0;
  std::uint64_t bytes = 0;
  std::optional<std::uint64_t> total;
  double seconds = 0;
};

struct IngestReport {
  IngestProgress counts;
  std::vector<Quarantined> quarantine;  // at most 10,000; counts has all
  // Seconds that threads spent in each stage, added up: "read", "hash", "decode", "prepare", "encode", "commit".
  std::map<std::string, double> stage_seconds;
  std::vector<std::string> warnings;  // e.g. another instruction-set class than the collection's
  bool cancelled = false;
};

struct IngestRequest {
  std::string collection;
  std::string encoder;  // of a new collection; empty: the default, or the collection's own
  std::string keep;     // "original", "thumbnail", "reference", "none"; empty: the collection's
  // Patch tokens that a new collection keeps of every picture: "f16", "int8", "none"; empty: the collection's, or none.
  std::string tokens;
  std::uint32_t tokens_dim = 0;  // the first so many numbers of each; 0: all
  bool force = false;            // embed again what is unchanged
  std::size_t batch = 0;         // 0: chosen
  const std::atomic<bool>* cancel = nullptr;
  std::function<void(const IngestProgress&)> progress;  // at most ten times a second, one thread at a time
  std::function<void(const Quarantined&)> quarantined;  // as it happens
  // Of every item, once it is durable or refused, in the order of the source but for those that need no writing; from
  // the calling thread. `cause` is ok unless it is quarantined.
  std::function<void(const std::string& id, IngestOutcome outcome, const Status& cause)> settled;
};

struct QueryPart {
  enum class Kind : std::uint8_t { kImage, kText, kVector, kId } kind = Kind::kText;
  std::vector<std::byte> image;  // kImage: an encoded picture
  std::string text;              // kText, kId
  std::vector<float> vector;     // kVector
  double weight = 1.0;
};

// A second stage: the first hits become candidates, which a re-ranker puts into another order.
struct RerankTerms {
  // "tokens": each patch of the query finds the patch of an item that it is most like, and the mean of these cosines is
  // the score (late interaction); the query's pictures and items are compared, the collection keeps patch tokens.
  // Empty: none.
  std::string by;
  // Time for it; what is late costs no more than that, and the order of the first stage stands. 0: a second.
  std::int64_t budget_ms = 0;
};

// How the answer by words and the one by vectors become one.
enum class Fusion : std::uint8_t {
  kRanks,   // reciprocal ranks: a sum of weight / (60 + rank)
  kScores,  // a sum of weight x score, BM25 as a share of the best one
};

struct WordTerms {
  // Words of the items' texts and of the texts in their metadata, any of them: red boat, "red boat" (one after the
  // other), boat* (begins with), -sail (not one with). Empty: vectors alone. Without parts of the query: words alone.
  std::string words;
  Fusion fusion = Fusion::kRanks;
  double weight = 0.5;  // of the words, in 0..1; the vectors have the rest
};

struct Query {
  std::string collection;
  std::vector<QueryPart> parts;  // their vectors are L2-normalised, weighted, added and normalised again
  std::string head;              // empty: "joint" when a part is text, else the first head that takes images
  std::size_t k = 10;
  std::string where;  // filter, empty: none
  AsOf as_of;         // the moment of the collection that is searched
  bool with_vectors = false;
  bool explain = false;
  // The share of the true k nearest that is wanted, as a mean over queries, above 0; 1: an exact answer. What has no
  // index that promises it is answered exactly. Absent: the collection's own (VectorTools::tune), else 0.98.
  std::optional<double> recall;
  // On Env::monotonic_us; 0: none; absent: the collection's own, if it has one. A picture or text that cannot be
  // embedded by then is refused with kCancelled; a scan that cannot end by then answers with complete = false.
  std::optional<std::int64_t> deadline_us;
  // Scores may come from an index's codes where these are fine enough (graphs made for less memory than the vectors
  // take): no stored vector is read, and Hits::distance_error says how fine. False: scores have the bits of a scan.
  bool coded_scores = false;
  // Hits that are right with less than this probability are left out, and the answer says whether any is left. 0 to 1;
  // kUnsupported where nobody knows a probability: see VectorTools::calibrate.
  std::optional<double> min_probability = {};
  // Of the stages below, which begin with so many of the first hits, or with as many as are asked for if that is more;
  // 0: a hundred.
  std::size_t candidates = 0;
  WordTerms words = {};
  RerankTerms rerank = {};
  // A new score for every candidate, from its score and its metadata: "score + 0.2 * recency(added, 30)"
  // (docs/how/rank.md). Empty: none.
  std::string boost = {};
  // Above 0, at most 1: how much a hit's likeness to those before it counts against it (maximal marginal relevance).
  double diversity = 0;
  // A name in the metadata: of items that have one value there, the best `group_size` alone are hits. Empty: none.
  std::string group_by = {};
  std::size_t group_size = 1;
  // How many of the best to leave out: the next page, of one order, if `as_of` is the sequence of the first.
  // REQUIRES: offset + k is at most the number of candidates.
  std::size_t offset = 0;
};

// What one stage thought of a hit.
struct ScorePart {
  std::string name;  // "vector", "words", "fused", "tokens", "boost", a summand of the boost
  double value = 0;
  std::uint64_t rank = 0;  // in that stage's order, from 1
};

struct Hit {
  std::string id;
  Score score;  // by the last stage that judged it
  std::string source;
  std::string metadata;
  std::string text;
  std::uint32_t width = 0, height = 0;
  std::string format;
  std::vector<float> vector;
  std::optional<double> probability =
      {};  // that it is a right answer, where the collection is calibrated for the query
  // When asked to explain a query of several stages: their opinions in order, and which of the words it has.
  std::vector<ScorePart> parts = {};
  std::vector<std::string> words = {};
};

struct SearchStage {  // one row of the life of a query
  std::string room;
  std::string what;
  double ms = 0;
};

struct Hits {
  std::vector<Hit> hits;  // best first; equal scores by age
  bool complete = true;
  std::string recall;  // how it was assured: "exact", or "recall 0.98 by calibration"
  // 0: scores have the bits of a scan. Else some came from codes: the root mean square of what the distances that they
  // are made of differ by, as measured when the indexes were made.
  double distance_error = 0;
  std::string head;
  SpaceId space;
  Sequence sequence = 0;         // the moment that was read
  std::uint64_t candidates = 0;  // rows that could be returned
  std::uint64_t distances = 0;
  double ms = 0;
  std::vector<std::string> warnings;
  std::vector<SearchStage> stages;  // when asked to explain
  // Where a least probability was asked for: no hit has it.
  std::optional<bool> nothing_found = {};
  // When a re-ranker was asked for: whether the order is its own. False: the warnings say why.
  std::optional<bool> reranked = {};
};

struct StoredItem {
  std::string id;
  std::string source;
  std::string metadata;
  std::string text;
  std::string content;  // SHA-256 of the picture file, 64 hexadecimal digits; empty: there was none
  std::string format;
  std::uint32_t width = 0, height = 0;
  std::string receipt;  // a JSON object: where the vectors came from
  Sequence born = 0;
  std::int64_t created_us = 0;
  std::map<std::string, std::vector<float>> vectors;  // by head; empty unless asked for
  std::uint64_t row = 0;                              // ascends with age; where a list goes on
};

// Items of a collection, oldest first.
struct ScanRequest {
  std::string collection;
  std::string where = {};  // empty: all
  bool with_vectors = false;
  AsOf as_of = {};
  std::uint64_t after_row = 0;                      // those past this row
  std::function<void(Sequence moment)> begun = {};  // told before the first item: the moment that is read
};

struct StoredTokens {
  TokenGrid grid;
  std::string codec;           // "f16", "int8": how they are kept
  std::vector<float> numbers;  // grid.numbers(), place after place, row by row
};

struct HeadInfo {
  std::string name;
  std::uint32_t dim = 0;
  Metric metric = Metric::kCosine;
  bool images = false, texts = false;
  SpaceId space;
};

struct EncoderProgress {
  std::string file;
  std::uint64_t bytes = 0, bytes_total = 0;  // of all files
  std::size_t files_done = 0, files_total = 0;
  double bytes_per_second = 0;
};

// How far vectors of an int8 encoder are from those of the one in f32 that it was made from.
struct EncoderLoss {
  std::string head;
  std::string of;  // "pictures", "texts", or "pictures_by_text": texts that look for pictures
  std::uint64_t count = 0, among = 0;
  double cosine_mean = 0, cosine_least = 0;
  double overlap_at_10 = 0;   // of the ten nearest neighbours, how many are the same
  double nearest_agrees = 0;  // how often the nearest neighbour is the same
};

struct EncoderInfo {
  std::string name, description, licence, source, precision;
  bool ready = false;  // its weights are here
  std::string advice;  // when not ready: the command that makes it so
  std::vector<HeadInfo> heads;
  TokenGrid grid;                   // of patch tokens; none when its card names no such output
  bool added = false;               // by a user: can be removed
  std::string folder;               // of its files
  std::uint64_t bytes = 0;          // of its files
  std::string card;                 // the card, JSON
  std::string quantized_from;       // of an int8 encoder that quantize_encoder made: the one it was made from
  std::vector<EncoderLoss> losses;  // and how far it is from that one
};

// An encoder in the hub's layout, to be made one of ours.
struct EncoderRequest {
  std::string folder;     // add: where it is
  std::string hub;        // pull: "hf:owner/name" or "hf:owner/name@revision"
  std::string name;       // in Pictor; empty: from the folder's or the repository's
  std::string variant;    // "fp16", "int8", ...; empty: the plain one
  std::string output;     // of the image network; empty: by the kind of model
  std::string pooling;    // "cls", "mean"; empty: by the kind of model
  std::uint32_t dim = 0;  // only the first numbers of each vector (Matryoshka); 0: all
  std::string licence;    // empty: as the repository says
  // For pull: HF_ENDPOINT, HF_TOKEN, HF_HUB_OFFLINE.
  std::string endpoint, token;
  bool offline = false;
  const std::atomic<bool>* cancel = nullptr;
  std::function<void(const EncoderProgress&)> progress;  // of a pull; at most ten times a second
  std::function<void(const std::string&)> told;          // what a person waits for; may be null
};

struct AddedEncoder {
  EncoderInfo info;
  std::string preprocessing;       // whose: "CLIPImageProcessor", "timm", "open_clip"
  std::vector<std::string> notes;  // what a person should know of it
  std::uint64_t bytes_received = 0;
};

// A static int8 encoder to be made of one in f32.
struct QuantizeRequest {
  std::string encoder, name;       // name empty: ENCODER-int8
  std::string calibration;         // what the pictures are, for the card: "256 pictures of 'photos'"
  std::size_t images = 256;        // drawn for calibration; half as many more for evaluation
  std::vector<std::string> texts;  // empty: sentences of our own
  bool image_tower = true, text_tower = true;
  double loss_max = 0.2;  // share of the ten nearest neighbours that may change; a tenth of it for the mean cosine
  std::optional<std::size_t> keep_float;  // layers; absent: as many as it takes, up to a quarter
  const std::atomic<bool>* cancel = nullptr;
  std::function<void(const std::string&, std::size_t, std::size_t)> progress;  // what, done, of how many
};

struct QuantizedEncoder {
  EncoderInfo info;
  std::uint64_t pictures = 0, texts = 0, unreadable = 0;
  std::vector<std::string> kept_float;
};

// Recall of live queries, measured against exact answers to a share of them.
struct MeasuredRecall {
  std::size_t at = 0;         // of the first so many hits
  std::uint64_t queries = 0;  // compared
  double recall = 0;          // their mean
  double low = 0, high = 1;   // the interval that holds the true mean 95 times of 100, or more often
};

struct IndexesRequest {
  std::string collection;
  bool again = false;  // make those anew that are there and whole
  // Kept with the collection from now on. "auto": graphs where all of them fit into the memory budget, else lists;
  // "graph", "lists"; empty: as it is.
  std::string index_type;
  std::optional<std::uint64_t> memory_bytes;  // the budget; 0: half of what the machine has; absent: as it is
  const std::atomic<bool>* cancel = nullptr;
  std::function<void(std::uint64_t done, std::uint64_t total)> progress;  // rows
};

struct IndexesReport {
  std::string kind;                  // what was chosen: "graph" or "lists"
  std::string why;                   // a sentence
  std::uint64_t memory_bytes = 0;    // the budget that it was chosen by
  std::uint64_t made = 0, kept = 0;  // indexes, one a segment and head
  std::uint64_t small = 0;           // segments and heads with so few rows that they are scanned
  std::uint64_t rows = 0;            // of the indexes made
  std::uint64_t bytes = 0;           // of all indexes
  double seconds = 0;
  bool cancelled = false;
};

struct CollectionInfo {
  std::string name, encoder, isa_class, keep;
  std::vector<HeadInfo> heads;
  Sequence sequence = 0;
  std::uint64_t items = 0, rows_dead = 0, rows_fresh = 0, segments = 0;
  std::uint64_t database_bytes = 0, segment_bytes = 0, blob_bytes = 0;
  std::string tokens = "none";  // "f16", "int8"
  TokenGrid token_grid;
  std::uint64_t tokens_items = 0, tokens_bytes = 0;  // within database_bytes
  std::uint64_t tokens_item_bytes = 0;               // of one item
  std::uint64_t vectors = 0;                         // in segments
  std::uint64_t graphs = 0, graph_bytes = 0;         // whole or not: see verify
  std::uint64_t segments_damaged = 0;                // of `segments`: left out of answers
  std::uint64_t items_damaged = 0;                   // whose vectors are there
  std::uint64_t purges_begun = 0;                    // and not ended: what they erase is hidden, and still in files
  std::uint64_t lists = 0, list_bytes = 0;           // the same
  std::string index_type = "auto";                   // "auto", "graph", "lists": what segments are to get
  std::uint64_t memory_budget_bytes = 0;             // that "auto" chooses by
  bool memory_budget_given = false;                  // else it is half of what this machine has
  std::uint64_t mapped_bytes = 0;                  // of files: of them the system keeps in memory what it has room for
  std::uint64_t resident_bytes = 0;                // in memory whatever the system does
  std::vector<MeasuredRecall> recall;              // since the engine was opened; empty: nothing was compared
  std::optional<double> search_recall;             // of searches that name none, if it was written down
  std::optional<std::int64_t> search_deadline_ms;  // likewise
  bool external = false;                           // its vectors were made elsewhere: `encoder` is "external:NAME"
};

class Engine {
 public:
  // Opens (and owns, until destroyed) the data folder. Encoders are loaded when first needed.
  static Result<std::unique_ptr<Engine>> open(Env& env, const EngineOptions& options);
  virtual ~Engine() = default;
  // Another data folder with this one's encoders, threads and options, apart in all else: what it stores, remembers and
  // measures. Must not outlive this engine.
  virtual Result<std::unique_ptr<Engine>> open_beside(const std::string& data_folder) = 0;

  // Makes the collection when it does not exist. What cannot be read is quarantined and the run goes on; the error of
  // the result is for what stops a run: a full disk, another encoder, a missing model.
  virtual Result<IngestReport> ingest(const IngestRequest& request, IngestSource& source) = 0;
  virtual Result<Hits> search(const Query& query) = 0;

  virtual Result<std::optional<StoredItem>> get(const std::string& collection, const std::string& id,
                                                bool with_vectors) = 0;
  // get and picture of the collection as it was, and every item of it that a request names.
  virtual Result<std::optional<StoredItem>> get_as_of(const std::string& collection, const std::string& id,
                                                      bool with_vectors, const AsOf& at) = 0;
  virtual Result<std::optional<std::vector<std::byte>>> picture_as_of(const std::string& collection,
                                                                      const std::string& id, const AsOf& at) = 0;
  virtual Status scan(const ScanRequest& request, const std::function<Status(const StoredItem&)>& visit) = 0;
  // Versions of one item, newest first, the newest 10,000; kNotFound when there never was one.
  virtual Result<std::vector<StoredVersion>> history(const std::string& collection, const std::string& id) = 0;
  // The kept original or thumbnail; for keep=reference the file that the source names, if it is still there unchanged.
  virtual Result<std::optional<std::vector<std::byte>>> picture(const std::string& collection,
                                                                const std::string& id) = 0;
  // The patch tokens that are kept of an item; nothing when it does not exist or has none.
  virtual Result<std::optional<StoredTokens>> tokens(const std::string& collection, const std::string& id) = 0;
  virtual Result<std::uint64_t> remove(const std::string& collection, std::span<const std::string> ids) = 0;
  virtual Result<std::uint64_t> remove_where(const std::string& collection, const std::string& where) = 0;
  virtual Result<std::uint64_t> count(const std::string& collection, const std::string& where) = 0;
  // What values fields of the metadata have, now. kInvalid: a field that is none; kLimit: too many different values.
  virtual Result<Facets> facets(const FacetRequest& request) = 0;

  virtual Result<std::vector<CollectionInfo>> collections() = 0;
  virtual Result<CollectionInfo> stats(const std::string& collection) = 0;
  virtual Status drop(const std::string& collection) = 0;
  // Moves fresh rows into a segment when there are enough for an index, merges segments where that is worth its
  // writing, and makes the indexes that are missing or damaged. Searches go on meanwhile. What was made stays when it
  // is stopped.
  virtual Result<IndexesReport> build_indexes(const IndexesRequest& request) = 0;
  // Reads what searches touch of all collections, indexes before vectors, into memory: up to half of what this machine
  // (or control group) has, until `stop` is true; on the calling thread. How many bytes. Without it, queries after a
  // start wait for the disk, page by page.
  virtual Result<std::uint64_t> warm(const std::atomic<bool>& stop) = 0;
  // Reads everything and compares: checksums, database integrity, items against vectors. Empty: all is well.
  virtual Result<std::vector<FaultInfo>> verify(const std::string& collection,
                                                const std::function<void(std::uint64_t, std::uint64_t)>& progress) = 0;
  // Moves segments that are not what was written aside, as N.seg.damaged, and says how many. From then on answers leave
  // their vectors out and are not `complete`; indexing their pictures again makes them whole.
  virtual Result<std::uint64_t> quarantine(const std::string& collection) = 0;
  // A whole copy of the collections while others search and index. kCancelled: the same call goes on from there.
  virtual Result<CopyReport> backup(const BackupRequest& request) = 0;
  virtual Result<std::vector<BackupPlace>> backups() = 0;
  virtual Status forget_backup(const std::string& path) = 0;
  // Makes the vectors of items again from their pictures and compares; also checks receipts, their signatures, keys,
  // weights and card. What stands in the report's faults is no error of the call.
  virtual Result<RederiveReport> rederive(const RederiveRequest& request) = 0;
  // kNotFound when there is no such item.
  virtual Result<CheckedReceipt> receipt(const std::string& collection, const std::string& id) = 0;
  // EngineOptions::reproducible for what names no collection: embed_texts, embed_picture, fingerprint.
  virtual Status keep_to_class_of(const std::string& collection) = 0;
  virtual Result<std::vector<EncoderInfo>> encoders() = 0;
  // One SHA-256 a head over the vectors of generated pictures or texts, compared with those that are known.
  virtual Result<FingerprintReport> fingerprint(const FingerprintRequest& request) = 0;
  // Reads the folder, runs its networks once, and copies it to EngineOptions::encoders_folder, whole or not at all.
  // kExists: there is one of that name. kUnsupported, kUnreadable: what is not read, and where.
  virtual Result<AddedEncoder> add_encoder(const EncoderRequest& request) = 0;
  // Fetches a repository, verifies each file against its listing, then adds it. The same call goes on where an earlier
  // one was interrupted.
  virtual Result<AddedEncoder> pull_encoder(const EncoderRequest& request) = 0;
  // Makes a static int8 encoder of one in f32, with pictures drawn from `pictures`; `evaluation` may be null: then the
  // loss is measured on pictures of the same source that calibration did not see. kMismatch: the loss is past its
  // bound, and nothing was made.
  virtual Result<QuantizedEncoder> quantize_encoder(const QuantizeRequest& request, IngestSource& pictures,
                                                    IngestSource* evaluation) = 0;
  // Reads all its files and compares them with the card's hashes.
  virtual Status verify_encoder(const std::string& name) = 0;
  // kMismatch while a collection uses it, be it a tenant's; kInvalid when it came with Pictor.
  virtual Status remove_encoder(const std::string& name) = 0;
  // Measuring, warming, comparing and deriving; lives as long as the engine.
  virtual EncoderTools& encoder_tools() = 0;
  // Compaction and deleting for good; lives as long as the engine.
  virtual Upkeep& upkeep() = 0;
  // Importing vectors, and finding the recall to search with; lives as long as the engine.
  virtual VectorTools& vector_tools() = 0;
  // Vectors of pictures or texts without storing anything: n * dim numbers. For `bench`, `embed` and foreign tools.
  // `encoder` empty: the default one; `head` empty: its first that takes what is given.
  virtual Result<std::vector<float>> embed_texts(const std::string& encoder, const std::string& head,
                                                 std::span<const std::string> texts) = 0;
  virtual Result<std::vector<float>> embed_picture(const std::string& encoder, const std::string& head,
                                                   std::span<const std::byte> file) = 0;
};

// "0.1.0", and what it was built with, one line each: for `pictor version`, receipts and bug reports.
std::string version_text();
std::vector<std::string> build_details();

}  // namespace pictor
