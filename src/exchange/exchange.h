// The door of exchange: files of vectors that others write and read.
//
// .npy, JSON lines, HDF5 and a stated subset of what faiss writes (docs/formats/vector-files.md). Whatever the file's
// size, memory is bounded; sizes that a file claims are checked against its length before anything is read by them.
// Thread safety: one source belongs to one thread; free functions from any.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/base.h"
#include "pictor/vectors.h"

namespace pictor {

struct VectorFileOptions {
  // A file of ids, one for each row: .npy of integers, .jsonl (strings, integers, or objects with "id"), else text, one
  // a line. Empty: NAME.ids.jsonl beside NAME.npy if it is there, else the file's own ids, else row numbers from 0.
  std::string ids;
  std::string id_prefix;
  std::string head;     // of JSON lines that have "vectors" by head; empty: the first one's only head
  std::string dataset;  // of HDF5; empty: "vectors", else "train"
};

class VectorFile : public VectorSource {
 public:
  virtual const std::string& format() const = 0;              // "npy, float32", "faiss IndexIDMap of IndexFlatL2"
  virtual const std::vector<std::string>& notes() const = 0;  // what a person should know: "the graph is not read"
  virtual const std::string& ids_file() const = 0;            // that gives the ids; empty: none does
};

// By the file's first bytes, whatever its name. kUnreadable: it is none of the formats, or not whole; kUnsupported: a
// good file of a kind that is not read; both say what to do.
Result<std::unique_ptr<VectorFile>> open_vector_file(Env& env, const std::string& path,
                                                     const VectorFileOptions& options);

// SHA-256 of a file of any size. `tell` is called about every MiB; false stops with kCancelled.
Result<Hash256> sum_of_file(Env& env, const std::string& path,
                            const std::function<bool(std::uint64_t done, std::uint64_t total)>& tell);

// What an HDF5 file says of its vectors.
struct VectorFileAbout {
  std::string collection, head, space;
  std::string metric;  // "cosine", "l2", "inner_product"
  std::uint32_t dim = 0;
};

// A file that is written aside, and has its name only when finish() returned ok.
class VectorWriter {
 public:
  virtual ~VectorWriter() = default;  // not finished: nothing is left
  virtual Status add(std::string_view id, std::span<const float> numbers) = 0;
  virtual Status finish() = 0;
};

// Data sets "vectors" (float32, rows and columns) and "ids" (UTF-8). Equal vectors and ids make equal files.
Result<std::unique_ptr<VectorWriter>> create_hdf5(Env& env, const std::string& path, const VectorFileAbout& about,
                                                  bool replace);

}  // namespace pictor
