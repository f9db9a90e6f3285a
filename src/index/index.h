// The door of index: nearest rows among immutable vectors. Derived data only: answers are right without any index.
//
// Thread safety: a VectorIndex is immutable; search from any thread. A FlatScan belongs to one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/base.h"
#include "pictor/types.h"
#include "vector/vector.h"

namespace pictor {

// Vectors one after the other, with their rows. The owner keeps the memory alive. REQUIRES: rows are distinct, numbers
// finite, inverse_norms what inverse_norm() says.
struct VectorBlock {
  const float* vectors = nullptr;        // count * dim
  const RowId* rows = nullptr;           // count, in any order
  const float* inverse_norms = nullptr;  // count; needed for cosine
  std::size_t count = 0;
  std::uint32_t dim = 0;
};

// Says which rows may be returned. Called with positions inside a block, many at a time.
class RowFilter {
 public:
  virtual ~RowFilter() = default;
  // Sets out[i] = 1 when the row at position begin + i may be returned, else 0. From any thread.
  virtual void allowed(std::size_t begin, std::span<std::uint8_t> out) const = 0;
  // The same of positions anywhere: out[i] for positions[i]. An index that looks at few rows asks of those alone; a
  // filter that can answer for one row cheaply says how. REQUIRES: out.size() is positions.size().
  virtual void allowed_at(std::span<const std::uint32_t> positions, std::span<std::uint8_t> out) const {
    for (std::size_t i = 0; i < positions.size(); ++i) allowed(positions[i], out.subspan(i, 1));
  }
};

struct IndexQuery {
  std::span<const float> vector;
  Metric metric = Metric::kCosine;
  std::size_t k = 10;
  const RowFilter* filter = nullptr;  // null: every row
  // The share of the true k nearest that is wanted, as a mean over queries: above 0, at most 1. 1: exact. An index that
  // cannot promise it answers exactly.
  double recall = 1.0;
  // True: distances may come from codes, where an index has them fine enough, and no stored vector is read for them.
  // For vectors that do not fit into memory: each that is read is a page from the disk.
  bool coded_distances = false;
  bool explain = false;  // the answer says why it was found the way it was
  // The vector does not come from where rows come from, as a text's among pictures (StrangeQueries).
  bool strange = false;
};

// What every index refuses, kInvalid with the numbers seen and wanted: a vector of another dimension, a number that is
// not finite, a vector without direction for cosine, k outside 1 to limits::kQueryKMax, a recall outside (0, 1].
Status check_query(const IndexQuery& query, std::uint32_t dim);

// How an answer was found.
enum class SearchWay : std::uint8_t {
  kScan,         // the vectors of all allowed rows
  kCodes,        // the codes of all allowed rows, the vectors of those that may be among the nearest
  kGraph,        // a walk over a graph, no filter
  kGraphFilter,  // a walk over all nodes; the filter is asked of those that it follows
  kLists,        // the lists nearest to the query
};
std::string_view name_of(SearchWay way);  // "graph, then filter"

struct IndexAnswer {
  std::vector<Neighbor> neighbors;  // at most k, nearest first by (distance, row), distinct rows
  std::uint64_t distances = 0;      // how many were computed, by codes or by vectors
  bool exact = true;                // every allowed row was looked at
  SearchWay way = SearchWay::kScan;
  double share = 1;      // of the rows that the filter allows, or an estimate of it where not all were asked for
  std::string why = {};  // in words, where the query asks to explain
  // 0: distances have the bits of the flat scan. Else they came from codes, and this is the root mean square of what
  // they differ by, as measured when the index was made.
  double distance_error = 0;
};

// Its conformance suite is index_testing.h.
class VectorIndex {
 public:
  virtual ~VectorIndex() = default;
  virtual Result<IndexAnswer> search(const IndexQuery& query) const = 0;
  virtual std::size_t size() const = 0;
  virtual std::string describe() const = 0;  // "flat, 4096 x 512, f32"
};

// Exact: computes the distance of every row that the filter allows, and no other. The distance to a row has the same
// bits whatever the block, the filter and the SIMD level.
std::unique_ptr<VectorIndex> make_flat_index(const VectorBlock& block);

// Vectors to be asked with that do not lie where rows lie ("out of distribution": Jaiswal et al., "OOD-DiskANN", 2022):
// their nearest are farther, less apart, and harder to find. An index is measured with them apart, so that what it
// promises holds for those queries too that say that they are such. Others need none.
struct StrangeQueries {
  std::span<const float> vectors;  // one after the other, of the block's dimension; those of no use are passed over
};

// What a graph's file holds of each vector. The memory that searches touch is that of the file, and of the vectors only
// where a line below says so; figures are of 512 dimensions with the default degree, 60,000 rows and more.
enum class GraphCodes : std::uint32_t {
  kFull = 1,     // a byte a number, walked; the best 2 k + 12 are scored by the vectors. 656 bytes a vector
  kHalf = 2,     // 12 bits a number, which order the best as the vectors do; half of what faiss's HNSW of floats needs,
                 // and less. Vectors are read for the distances of the k answered, unless a query says coded_distances.
                 // 930 bytes a vector
  kQuarter = 3,  // 12 bits of the numbers that say most, 4 of the others, links in as few bits as can be; a quarter of
                 // faiss's. Read as for kHalf; and where more recall is wanted than these codes give, for the best
                 // 2 k + 12. 480 bytes a vector
};

// The efConstruction with which a graph over so many rows is made: few rows are found with a narrower beam.
constexpr std::uint32_t graph_ef_of(std::uint64_t rows) { return rows <= 32'768 ? 80 : 100; }

// How a graph is made (HNSW: Malkov and Yashunin, "Efficient and robust approximate nearest neighbor search using
// Hierarchical Navigable Small World graphs", TPAMI 2020).
struct GraphBuildOptions {
  std::uint32_t degree = 16;  // M: links of a node on an upper level; twice as many on the lowest
  std::uint32_t ef = 100;     // efConstruction: candidates held while a node is placed
  GraphCodes codes = GraphCodes::kFull;
  std::uint64_t owner =
      0;  // what the vectors belong to (a segment's sum), kept in the file: another's graph is refused
  StrangeQueries strange;
  // Called from the calling thread with rows placed and rows in all; false stops the build with kCancelled.
  std::function<bool(std::uint64_t done, std::uint64_t total)> progress;
};

// A graph over the block as the bytes of a file (docs/formats/graph.md). The same bytes for the same block, options and
// metric, whatever the threads and the SIMD level. `pool` may be null. kInvalid: a block without rows, or as the
// options' limits say.
Result<Bytes> build_graph_index(const VectorBlock& block, Metric metric, const GraphBuildOptions& options,
                                ThreadPool* pool);
// An index that walks the graph in `file` and scores what it found by the block's vectors. Both must stay where they
// are. Opening reads the header alone, so that a mapped file is ready at once. kCorrupt: not a graph of this block,
// metric and owner, or damaged where it was looked at. kMismatch: a file of another version.
Result<std::unique_ptr<VectorIndex>> open_graph_index(ByteView file, const VectorBlock& block, Metric metric,
                                                      std::uint64_t owner);
// What the graph in `file` holds of each vector, from its header. As open_graph_index for what is no graph.
Result<GraphCodes> graph_codes(ByteView file);
// Reads everything: sums, links within bounds, and that every node is reached from the entry. kCorrupt says which not.
Status check_graph_file(ByteView file, const VectorBlock& block, Metric metric, std::uint64_t owner);

// Told which bytes of the file or of the block's vectors are read next, so that whoever mapped them can have a disk
// fetch many at once. Called from any thread; null: nobody is told.
using WillRead = std::function<void(ByteView)>;

// How lists are made (IVFADC: Jegou, Douze, Schmid, "Product Quantization for Nearest Neighbor Search", TPAMI 2011,
// with scalar codes of rotated rests). For blocks that are too large for a graph.
struct ListBuildOptions {
  std::uint32_t lists = 0;  // 0: about 4 sqrt(rows); about as many are made
  std::uint32_t bits = 4;   // of a number's code: 4 or 8
  std::uint64_t owner = 0;  // as of a graph
  StrangeQueries strange;
  // At most so many bytes of codes are held before they are written, and as many of the sample that is clustered: with
  // less the vectors are read more often.
  std::uint64_t memory_bytes = limits::kListBuildBytesMax;
  // Told of rows some hundred kilobytes before they are read: with it a mapping needs no reading ahead of its own.
  WillRead will_read;
  // Called from the calling thread with work done and work in all, in rows; false stops the build with kCancelled.
  std::function<bool(std::uint64_t done, std::uint64_t total)> progress;
};

// Takes the bytes of a file, piece after piece.
using ByteSink = std::function<Status(ByteView)>;

// Writes lists over the block as a file (docs/formats/lists.md). The same bytes for the same block, options and metric,
// whatever the threads and the SIMD level. `pool` may be null. Memory: the options' bytes and 28 bytes a row; the
// vectors are read front to back some times. kInvalid: a block without rows, or as the options' limits say; else what
// the sink says.
Status write_list_index(const VectorBlock& block, Metric metric, const ListBuildOptions& options, ThreadPool* pool,
                        const ByteSink& sink);
Result<Bytes> build_list_index(const VectorBlock& block, Metric metric, const ListBuildOptions& options,
                               ThreadPool* pool);
// An index that looks into the lists nearest to a query and scores what it found by the block's vectors. Both must stay
// where they are. Opening reads little, so that a mapped file is ready at once. kCorrupt: not lists of this block,
// metric and owner, or damaged where it was looked at.
Result<std::unique_ptr<VectorIndex>> open_list_index(ByteView file, const VectorBlock& block, Metric metric,
                                                     std::uint64_t owner, WillRead will_read = nullptr);
// Reads everything: sums, numbers within bounds, and that every row is in one list. kCorrupt says which not.
Status check_list_file(ByteView file, const VectorBlock& block, Metric metric, std::uint64_t owner);

// About how many bytes an index of so many rows has: what a choice between them needs.
std::uint64_t expected_graph_bytes(std::uint64_t rows, std::uint32_t dim, GraphCodes codes = GraphCodes::kFull);
// Memory that making the largest of them takes at most, the vectors not counted, which are mapped: a graph of full
// codes with room in its lists, then the file of the wanted codes beside it.
std::uint64_t expected_graph_build_bytes(std::uint64_t rows, std::uint32_t dim, GraphCodes codes);
std::uint64_t expected_list_bytes(std::uint64_t rows, std::uint32_t dim, std::uint32_t bits = 4);

// The same exact search in steps, for rows that lie in several blocks or are shared out among threads.
class FlatScan {
 public:
  // As check_query. The numbers of query.vector must stay where they are; query.filter is not used: positions belong to
  // a block.
  static Result<FlatScan> start(const IndexQuery& query, std::uint32_t dim);
  // kInvalid for a block of another dimension, or without inverse norms for cosine. REQUIRES: its rows are in no block
  // added before.
  Status add(const VectorBlock& block, const RowFilter* filter);
  // The nearest of all that was added. The scan is then empty.
  IndexAnswer finish();

 private:
  FlatScan(const IndexQuery& query, std::uint32_t dim);
  void add_rows(const VectorBlock& block, std::size_t begin, std::size_t count);
  void add_allowed(const VectorBlock& block, std::size_t begin, std::span<const std::uint8_t> allowed);
  void push(const VectorBlock& block, std::size_t position, float sum);

  std::span<const float> vector_;
  Metric metric_;
  std::uint32_t dim_;
  float inverse_norm_ = 0;  // of the query, for cosine
  TopK top_;
  std::uint64_t distances_ = 0;
};

}  // namespace pictor
