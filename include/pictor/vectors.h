// Vectors that were made elsewhere: how they come into a collection of their own, and what is known of them. And the
// recall that a collection is searched with when nobody names one: found by measuring.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "pictor/calibration.h"
#include "pictor/status.h"
#include "pictor/types.h"

namespace pictor {

struct ForeignVector {
  std::string id;
  std::vector<float> numbers;
  std::string metadata = "{}", text, source;
  std::string place;  // where it stands in its file, for messages and receipts: "row 17", "line 3"
};

// Gives vectors one after the other; exchange/ reads them from files.
class VectorSource {
 public:
  virtual ~VectorSource() = default;
  struct Entry {
    ForeignVector vector;
    Status problem;  // not ok: this one is refused with that cause, and the next call goes on behind it
  };
  // false: the end. An error stops the whole.
  virtual Result<bool> next(Entry& out) = 0;
  virtual std::optional<std::uint64_t> total() const = 0;  // entries, when known
  virtual std::uint32_t dim() const = 0;                   // of the vectors
  virtual std::optional<Metric> metric() const = 0;        // when the source says which one they are for
};

// What receipts say of where vectors came from.
struct VectorOrigin {
  std::string file;    // its name, without folders
  std::string format;  // "npy, float16"
  std::string sha256;  // of the file; 64 hexadecimal digits
  std::string ids;     // SHA-256 of the file that gave the ids; empty: none did
};

struct ImportProgress {
  std::uint64_t seen = 0, added = 0, replaced = 0, known = 0, refused = 0;
  std::optional<std::uint64_t> total;
  double seconds = 0;
};

struct RefusedVector {
  std::string place, id;
  Status cause;
};

struct ImportRequest {
  std::string collection;
  // Who made the vectors, as the user says; empty: nobody knows. A collection has one.
  std::string encoder_name;
  std::string head;              // empty: "vectors", or the collection's
  std::optional<Metric> metric;  // absent: the collection's, or the source's, or cosine
  VectorOrigin origin;
  bool again = false;    // also what an earlier call with this origin has imported
  bool dry_run = false;  // read and check everything, write nothing
  const std::atomic<bool>* cancel = nullptr;
  std::function<void(const ImportProgress&)> progress;  // at most ten times a second
  std::function<void(const RefusedVector&)> refused;    // as it happens
};

struct ImportReport {
  ImportProgress counts;  // known: rows of batches that an earlier call has imported; they were left as they are
  std::string encoder;    // "external:NAME"
  std::string head;
  std::uint32_t dim = 0;
  Metric metric = Metric::kCosine;
  SpaceId space;
  bool made = false;                   // the collection is new
  std::vector<RefusedVector> refused;  // at most limits::kFaultsMax; counts has all
  std::vector<std::string> notes;
  bool cancelled = false;
};

struct TuneRequest {
  std::string collection;
  std::string head;                         // empty: the first
  double recall = 0.98;                     // wanted at k, as a mean over queries
  std::optional<double> latency_ms;         // that 99 of 100 queries are to be answered within
  std::optional<std::int64_t> deadline_ms;  // to be written down with the recall; 0: none from now on
  std::size_t k = 10;
  std::size_t queries = 300;  // items drawn at random; each asks for its neighbours, itself left out
  std::uint64_t seed = 0;     // of the drawing; 0: chosen
  bool dry_run = false;       // measure, write nothing
  const std::atomic<bool>* cancel = nullptr;
  std::function<void(std::uint64_t done, std::uint64_t total)>
      progress;  // rounds: each asks all queries at all settings
};

// One recall to be asked for, and what it gave.
struct TuneSetting {
  double asked = 0;                      // 1: exact
  double recall = 0, low = 0, high = 1;  // measured; the interval that holds the true mean 95 times of 100
  double p50_ms = 0, p99_ms = 0;
  double distances = 0;    // a query, as a mean
  double exact_share = 0;  // of the queries that were answered by looking at every row
  bool meets = false;      // recall and latency
};

struct TuneReport {
  std::string head;
  std::uint64_t items = 0, queries = 0, seed = 0;
  std::vector<TuneSetting> settings;    // by what was asked
  std::optional<std::size_t> chosen;    // the fastest that meets both; none: see `why`
  std::string why;                      // why none was chosen, and which comes nearest
  std::optional<double> recall_before;  // what was written down until now
  bool written = false;
  bool cancelled = false;
};

class VectorTools {
 public:
  virtual ~VectorTools() = default;
  // Makes the collection when it does not exist; kMismatch when it is one of pictures, or of other vectors. What cannot
  // be stored is refused and the run goes on. The same call goes on where an earlier one was stopped.
  virtual Result<ImportReport> import(const ImportRequest& request, VectorSource& source) = 0;
  // Searches meanwhile make its figures worse. Nothing is written when no setting meets what was asked for.
  virtual Result<TuneReport> tune(const TuneRequest& request) = 0;
  // Learns how likely hits are right, for each space and kind of query of the collection for which there is something
  // to learn from, and writes it down: hits have a probability from then on. kInvalid: there is nothing for any.
  virtual Result<CalibrationReport> calibrate(const CalibrationRequest& request) = 0;
  // What is written down; empty: the collection is not calibrated.
  virtual Result<std::vector<Calibration>> calibrations(const std::string& collection) = 0;
};

}  // namespace pictor
