// Where things lie in a file that faiss wrote, for the kinds of indexes that keep the vectors as they were added:
// IndexFlatL2 and IndexFlatIP, IndexHNSWFlat (its graph is passed over), IndexIVFFlat with its lists in the file, and
// IndexIDMap and IndexIDMap2 around one of them. docs/formats/vector-files.md has the bytes.
//
// Everything is checked against the length of the file; nothing is allocated by a number from it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "exchange/cursor.h"
#include "pictor/types.h"

namespace pictor {

// The inverted lists of an IndexIVFFlat, one after the other: the vectors of a list, then its ids.
struct FaissLists {
  std::uint64_t count = 0;     // of lists, empty ones included
  std::uint64_t sizes_at = 0;  // 8 bytes a list; sparse: its number and its size, 8 bytes each
  std::uint64_t sizes = 0;     // entries there
  bool sparse = false;
  std::uint64_t at = 0;  // of the first list
};

struct FaissLayout {
  std::string kind;  // "IndexIDMap of IndexFlatL2"
  std::uint32_t dim = 0;
  std::uint64_t rows = 0;
  Metric metric = Metric::kL2;
  std::uint64_t vectors_at = 0;            // rows * dim floats, where there are no lists
  std::optional<FaissLists> lists;         // of IndexIVFFlat
  std::optional<std::uint64_t> id_map_at;  // rows ids of 8 bytes
  bool has_graph = false;
};

// kUnsupported names the kind that is not read, and what to do.
Result<FaissLayout> parse_faiss(const SourceFile& file);

}  // namespace pictor
