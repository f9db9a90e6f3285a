// What a person does with one encoder besides indexing: measure it, warm it, hold it against another stack, derive
// another from it.
//
// Thread safety: all calls from any thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "pictor/status.h"

namespace pictor {

struct EncoderBenchRequest {
  std::string name;
  double seconds = 10;                        // of measuring, over all rows; loading comes on top
  const std::atomic<bool>* cancel = nullptr;  // kCancelled soon after it is set
};

// One way of asking: `batch` pictures or texts a call, `threads` threads in all.
struct EncoderBenchRow {
  std::string what;  // "pictures", "texts"
  std::size_t batch = 0, threads = 0;
  std::uint64_t calls = 0;
  double per_second = 0;      // pictures or texts
  double per_cpu_second = 0;  // ... for each second of processor time of the whole process
  double cpu_seconds = 0;
  double p50_ms = 0, p99_ms = 0;  // of one call
  bool bits_equal = false;        // every vector as when it was alone, on one thread
};

struct EncoderBench {
  std::string encoder, precision, runtime, isa_class;
  // Opening to the first vector, files in the system's memory: with no compiled model, and with one. warm_ms is 0 when
  // no folder for compiled models was given.
  double cold_ms = 0, warm_ms = 0;
  std::vector<EncoderBenchRow> rows;
  std::vector<std::string> notes;
};

struct WarmedEncoder {
  std::string encoder, runtime;
  double seconds = 0;
  std::size_t compiled = 0;    // networks compiled now
  std::uint64_t bytes = 0;     // of them in the cache
  std::uint64_t kept = 0;      // compiled networks in the cache now, of all encoders
  std::uint64_t kept_max = 0;  // more are not kept: the oldest go
};

// One stage of all pictures, or of all texts, beside what another stack recorded of it.
struct StageReport {
  std::string kind;   // "pictures", "texts"
  std::string stage;  // "decoded", "tensor", "token_ids", "output NAME", "vector"
  std::string head;   // of a vector: ours
  std::uint64_t items = 0;
  std::uint64_t equal = 0;   // bit for bit (tokens: id for id)
  std::uint64_t close = 0;   // within rounding: see docs/how/compare-your-stack.md
  std::uint64_t differ = 0;  // more
  // Of the item that differs most, in numbers of that stage.
  std::string worst;
  double max_abs = 0;
  double cosine = 1;
  std::uint64_t first_index = 0;  // the first number that differs
  std::uint64_t numbers_ours = 0, numbers_theirs = 0;
};

struct DepartureCause {
  std::string kind, stage;
  std::vector<std::string> changes;        // what they do otherwise; empty: not found by trying
  std::uint64_t tried = 0, explained = 0;  // items that differ, and those that the changes account for
};

struct ForeignRequest {
  std::string name;     // of the encoder
  std::string against;  // manifest.json, JSON lines, or a folder
  std::string head;     // ours, that their vectors are of; empty: as they say, or the first that fits
};

struct ForeignReport {
  std::string encoder;
  std::vector<StageReport> stages;  // in the order of the work, pictures first
  // The first stage that differs of each kind, with why, where it can be found by trying.
  std::vector<DepartureCause> departures;
  std::vector<std::string> notes;
};

enum class DeriveBy : std::uint8_t {
  kPca,       // the directions in which the vectors of pictures (and texts) spread most
  kTruncate,  // the first numbers (Matryoshka)
  kMatrix     // a matrix of the caller's
};

// Another dimension for a head, as an encoder of its own.
struct DeriveRequest {
  std::string name;  // of the encoder that is there
  std::string new_name;
  std::string head;  // empty: its first
  std::uint32_t dim = 0;
  DeriveBy by = DeriveBy::kTruncate;
  // kMatrix: little-endian f32, a row of `dim` numbers for each number of the head; and `dim` numbers that are added.
  std::string matrix, bias;  // paths; bias empty: none
  // kPca: four of five pictures are fitted on, the fifth is measured on. Else all are measured on. Gives one picture
  // file a call, in the same order every time; false: the end. Null: none.
  std::function<Result<bool>(std::vector<std::byte>&)> next_picture;
  std::vector<std::string> texts;             // kPca of a head that takes texts: fitted on too
  const std::atomic<bool>* cancel = nullptr;  // kCancelled soon after it is set, nothing is made
};

struct DerivedEncoder {
  std::string encoder, head;
  std::uint32_t dim_before = 0, dim = 0;
  std::uint64_t pictures_fitted = 0, texts_fitted = 0, pictures_measured = 0, pictures_unreadable = 0;
  double kept = 0;  // kPca: share of the spread (of the squared length, where nothing was centred) that is kept
  // Of the nearest `neighbours` of each measured picture among the others, the share that is the same before and after.
  std::uint32_t neighbours = 0;  // 0: not measured, too few pictures
  double overlap = 0;
  std::vector<std::string> notes;
};

class EncoderTools {
 public:
  virtual ~EncoderTools() = default;
  // kBusy: another one measures with the same cache folder, and each would slow the other.
  virtual Result<EncoderBench> bench(const EncoderBenchRequest& request) = 0;
  // Makes one vector in every way that indexing and searching do, so that compiled networks are in the cache.
  // kInvalid when no cache folder was given; kUnsupported when the run time keeps none.
  virtual Result<WarmedEncoder> warm(const std::string& name) = 0;
  // Loads what queries need, so that the first does not wait for it.
  virtual Status preload(const std::string& name) = 0;
  // Stage by stage, each of ours made from theirs of the stage before where that was recorded.
  virtual Result<ForeignReport> compare(const ForeignRequest& request) = 0;
  // Copies the encoder's networks beside the new card, whole or not at all. kExists: there is one of that name.
  virtual Result<DerivedEncoder> derive(const DeriveRequest& request) = 0;
};

}  // namespace pictor
