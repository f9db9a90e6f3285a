#include "exchange/faiss.h"

#include <algorithm>

#include "exchange/rows.h"

namespace pictor {
namespace {

struct Kind {
  std::string_view code;  // the first four bytes of an index
  std::string_view name;
};
constexpr Kind kRead[] = {{"IxF2", "IndexFlatL2"}, {"IxFI", "IndexFlatIP"},   {"IxMp", "IndexIDMap"},
                          {"IxM2", "IndexIDMap2"}, {"IHNf", "IndexHNSWFlat"}, {"IwFl", "IndexIVFFlat"}};
// Those that are known and not read: codes instead of vectors, vectors that were changed, or files without them.
constexpr Kind kNotRead[] = {{"IxFl", "IndexFlat of another metric"},
                             {"IxPq", "IndexPQ"},
                             {"IxPo", "IndexPQ"},
                             {"IxPT", "IndexPreTransform"},
                             {"IxSQ", "IndexScalarQuantizer"},
                             {"IxHE", "IndexLSH"},
                             {"IxHe", "IndexLSH"},
                             {"IxRF", "IndexRefine"},
                             {"IxRq", "IndexResidualQuantizer"},
                             {"IxLS", "IndexLocalSearchQuantizer"},
                             {"IxPR", "IndexProductResidualQuantizer"},
                             {"IxLt", "IndexLattice"},
                             {"IxFS", "IndexPQFastScan"},
                             {"IxPf", "IndexPQFastScan"},
                             {"IxNN", "IndexNNDescent"},
                             {"INNf", "IndexNNDescentFlat"},
                             {"INSf", "IndexNSGFlat"},
                             {"INSp", "IndexNSGPQ"},
                             {"INSs", "IndexNSGSQ"},
                             {"IHNp", "IndexHNSWPQ"},
                             {"IHNs", "IndexHNSWSQ"},
                             {"IHN2", "IndexHNSW2Level"},
                             {"IHNc", "IndexHNSWCagra"},
                             {"Ix2L", "Index2Layer"},
                             {"IwPQ", "IndexIVFPQ"},
                             {"IvPQ", "IndexIVFPQ of an old faiss"},
                             {"IwQR", "IndexIVFPQR"},
                             {"IwSq", "IndexIVFScalarQuantizer"},
                             {"IwSQ", "IndexIVFScalarQuantizer"},
                             {"IwPf", "IndexIVFPQFastScan"},
                             {"IvFl", "IndexIVFFlat of an old faiss"},
                             {"IvFL", "IndexIVFFlat of an old faiss"},
                             {"IwFd", "IndexIVFFlatDedup"},
                             {"ISqH", "IndexIVFSpectralHash"},
                             {"IwSh", "IndexIVFSpectralHash"},
                             {"IxSh", "IndexShards"},
                             {"IVRQ", "IndexIVFResidualQuantizer"},
                             {"IxBF", "IndexBinaryFlat"},
                             {"IBxF", "IndexBinaryFlat"},
                             {"IBwF", "IndexBinaryIVF"},
                             {"IBHf", "IndexBinaryHNSW"},
                             {"IBMp", "IndexBinaryIDMap"},
                             {"IBM2", "IndexBinaryIDMap2"},
                             {"IxIF", "IndexIVFIndependentQuantizer"},
                             {"IwIQ", "IndexIVFIndependentQuantizer"},
                             {"IwRr", "IndexIVFRaBitQ"},
                             {"Ixrq", "IndexRaBitQ"},
                             {"Iwrq", "IndexIVFRaBitQ"}};

template <std::size_t N>
const Kind* find_kind(const Kind (&kinds)[N], std::string_view code) {
  const auto found =
      std::find_if(std::begin(kinds), std::end(kinds), [&](const Kind& kind) { return kind.code == code; });
  return found == std::end(kinds) ? nullptr : &*found;
}

std::string shown(std::string_view code) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const char c : code) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7F) {
      text += c;
    } else {
      text += std::string("\\x") + kDigits[byte >> 4] + kDigits[byte & 15];
    }
  }
  return text;
}

struct Header {
  std::uint32_t dim = 0;
  std::uint64_t rows = 0;
  std::int32_t metric = 0;
};

class Parser {
 public:
  explicit Parser(const SourceFile& file) : in_(file) {}

  Result<FaissLayout> parse() {
    PICTOR_ASSIGN(auto layout, index(0));
    if (in_.remaining() == 0) return layout;
    return bad("goes on for " + std::to_string(in_.remaining()) + " bytes after its index");
  }

 private:
  Status bad(const std::string& what) const {
    return {Code::kUnreadable, in_.file().name + " " + what + ": it is not whole, or not what faiss writes"};
  }
  Status unsupported(const std::string& what, const std::string& advice) const {
    return {Code::kUnsupported, in_.file().name + " " + what + ": " + advice};
  }

  Result<std::string> code() {
    std::array<char, 4> bytes{};
    PICTOR_TRY(in_.read(std::as_writable_bytes(std::span(bytes))));
    return std::string(bytes.data(), bytes.size());
  }

  Status refuse(const std::string& code, bool inside) const {
    const Kind* known = find_kind(kNotRead, code);
    const std::string what =
        std::string(inside ? "has within it an index of the kind " : "is a faiss index of the kind ") +
        (known == nullptr ? "" : std::string(known->name) + " ") + "'" + shown(code) +
        (known == nullptr ? "', which is not known here" : "'");
    return unsupported(what,
                       "its vectors are not there as they were added. IndexFlatL2, IndexFlatIP, IndexHNSWFlat, "
                       "IndexIVFFlat, and IndexIDMap of one of them are read; else save the vectors that it was "
                       "made of with numpy.save");
  }

  Result<Header> header() {
    Header header;
    std::int32_t dim = 0;
    std::int64_t rows = 0;
    std::int64_t unused = 0;
    std::uint8_t is_trained = 0;
    PICTOR_TRY(in_.get(dim));
    PICTOR_TRY(in_.get(rows));
    PICTOR_TRY(in_.get(unused));
    PICTOR_TRY(in_.get(unused));
    PICTOR_TRY(in_.get(is_trained));
    PICTOR_TRY(in_.get(header.metric));
    if (dim <= 0) return bad("has vectors of " + std::to_string(dim) + " numbers");
    PICTOR_TRY(check_dim(in_.file(), static_cast<std::uint64_t>(dim)));
    if (rows < 0 || static_cast<std::uint64_t>(rows) > limits::kVectorFileRowsMax) {
      return bad("has " + std::to_string(rows) + " vectors");
    }
    if (header.metric != 0 && header.metric != 1) {
      return unsupported("is for metric " + std::to_string(header.metric) + " of faiss",
                         "METRIC_INNER_PRODUCT and METRIC_L2 are read; else save its vectors with numpy.save");
    }
    header.dim = static_cast<std::uint32_t>(dim);
    header.rows = static_cast<std::uint64_t>(rows);
    return header;
  }

  FaissLayout layout_of(std::string_view kind, const Header& header) const {
    FaissLayout layout;
    layout.kind = kind;
    layout.dim = header.dim;
    layout.rows = header.rows;
    layout.metric = header.metric == 0 ? Metric::kInnerProduct : Metric::kL2;
    return layout;
  }

  // What faiss writes of a std::vector: how many, then they.
  Status skip_vector(std::uint64_t each) {
    std::uint64_t count = 0;
    PICTOR_TRY(in_.get(count));
    return in_.skip(count, each);
  }

  Result<FaissLayout> index(std::uint32_t depth) {
    if (depth > limits::kFaissDepthMax) return bad("has indexes within each other, too deep");
    PICTOR_ASSIGN(const auto name, code());
    const Kind* kind = find_kind(kRead, name);
    if (kind == nullptr) return refuse(name, depth > 0);
    PICTOR_ASSIGN(const auto about, header());
    auto layout = layout_of(kind->name, about);
    if (name == "IxF2" || name == "IxFI") return flat(std::move(layout));
    if (name == "IxMp" || name == "IxM2") return id_map(layout, depth);
    if (name == "IHNf") return hnsw(std::move(layout), depth);
    return ivf(std::move(layout), depth);
  }

  Result<FaissLayout> flat(FaissLayout layout) {
    std::uint64_t numbers = 0;
    PICTOR_TRY(in_.get(numbers));
    if (numbers != layout.rows * layout.dim) {
      return bad("has " + std::to_string(numbers) + " numbers for " + std::to_string(layout.rows) + " vectors of " +
                 std::to_string(layout.dim));
    }
    layout.vectors_at = in_.position();
    PICTOR_TRY(in_.skip(numbers, sizeof(float)));
    return layout;
  }

  Result<FaissLayout> within(const FaissLayout& outer, std::uint32_t depth) {
    PICTOR_ASSIGN(auto inner, index(depth + 1));
    if (inner.dim == outer.dim && inner.rows == outer.rows) return inner;
    return bad("has " + std::to_string(outer.rows) + " vectors of " + std::to_string(outer.dim) +
               " numbers, and within it " + std::to_string(inner.rows) + " of " + std::to_string(inner.dim));
  }

  Result<FaissLayout> id_map(const FaissLayout& layout, std::uint32_t depth) {
    PICTOR_ASSIGN(auto inner, within(layout, depth));
    if (inner.id_map_at.has_value()) {
      return unsupported("is an index with ids around another one with ids", "save the inner one by itself");
    }
    std::uint64_t count = 0;
    PICTOR_TRY(in_.get(count));
    if (count != layout.rows) {
      return bad("has " + std::to_string(count) + " ids for " + std::to_string(layout.rows) + " vectors");
    }
    inner.id_map_at = in_.position();
    PICTOR_TRY(in_.skip(count, sizeof(std::int64_t)));
    inner.kind = layout.kind + " of " + inner.kind;
    return inner;
  }

  Result<FaissLayout> hnsw(FaissLayout layout, std::uint32_t depth) {
    // assign_probas, cum_nneighbor_per_level, levels, offsets, neighbors; then five numbers of 4 bytes.
    for (const std::uint64_t each : {8, 4, 4, 8, 4}) PICTOR_TRY(skip_vector(each));
    PICTOR_TRY(in_.skip(5, 4));
    PICTOR_ASSIGN(const auto storage, within(layout, depth));
    if (storage.lists.has_value() || storage.id_map_at.has_value()) return bad("keeps its vectors in another index");
    layout.vectors_at = storage.vectors_at;
    layout.has_graph = true;
    return layout;
  }

  Result<FaissLayout> ivf(FaissLayout layout, std::uint32_t depth) {
    std::uint64_t lists = 0;
    std::uint64_t probes = 0;
    PICTOR_TRY(in_.get(lists));
    PICTOR_TRY(in_.get(probes));
    PICTOR_TRY(index(depth + 1).status());  // the quantizer
    std::uint8_t direct_map = 0;
    PICTOR_TRY(in_.get(direct_map));
    PICTOR_TRY(skip_vector(8));
    if (direct_map == 2) PICTOR_TRY(skip_vector(16));
    if (direct_map > 2) return bad("has a direct map of type " + std::to_string(direct_map));
    PICTOR_ASSIGN(layout.lists, inverted_lists(layout, lists));
    return layout;
  }

  Result<FaissLists> inverted_lists(const FaissLayout& layout, std::uint64_t wanted) {
    PICTOR_ASSIGN(const auto kind, code());
    if (kind == "il00") {
      return unsupported("has no inverted lists in it", "write the index together with them");
    }
    if (kind == "ilod") {
      return unsupported("has its inverted lists in another file (OnDiskInvertedLists)",
                         "read it with faiss, bring them into memory (ArrayInvertedLists) and write it again");
    }
    if (kind != "ilar") return refuse(kind, true);
    FaissLists lists;
    std::uint64_t code_bytes = 0;
    PICTOR_TRY(in_.get(lists.count));
    PICTOR_TRY(in_.get(code_bytes));
    if (lists.count != wanted || lists.count > limits::kFaissListsMax ||
        code_bytes != std::uint64_t{layout.dim} * sizeof(float)) {
      return bad("has " + std::to_string(lists.count) + " lists of " + std::to_string(code_bytes) +
                 " bytes a vector, wanted " + std::to_string(wanted) + " of " +
                 std::to_string(layout.dim * sizeof(float)));
    }
    PICTOR_ASSIGN(const auto form, code());
    if (form != "full" && form != "sprs") return bad("has lists of the form '" + form + "'");
    lists.sparse = form == "sprs";
    std::uint64_t numbers = 0;
    PICTOR_TRY(in_.get(numbers));
    lists.sizes_at = in_.position();
    lists.sizes = lists.sparse ? numbers / 2 : numbers;
    if (lists.sizes > lists.count || (lists.sparse && numbers % 2 != 0) || (!lists.sparse && numbers != lists.count)) {
      return bad("has " + std::to_string(numbers) + " numbers for the sizes of " + std::to_string(lists.count) +
                 " lists");
    }
    Cursor sizes = in_;
    PICTOR_TRY(in_.skip(numbers, 8));
    lists.at = in_.position();
    PICTOR_TRY(pass_lists(sizes, lists, layout));
    return lists;
  }

  // Sizes are added up against the bytes that are there and the number of vectors that was promised.
  Status pass_lists(Cursor& sizes, const FaissLists& lists, const FaissLayout& layout) {
    std::uint64_t rows = 0;
    for (std::uint64_t i = 0; i < lists.sizes; ++i) {
      std::uint64_t size = 0;
      if (lists.sparse) PICTOR_TRY(sizes.get(size));  // the list's number
      PICTOR_TRY(sizes.get(size));
      PICTOR_TRY(in_.skip(size, std::uint64_t{layout.dim} * sizeof(float) + sizeof(std::int64_t)));
      rows += size;
    }
    if (rows == layout.rows) return Status::ok();
    return bad("has " + std::to_string(rows) + " vectors in its lists and says that it has " +
               std::to_string(layout.rows));
  }

  Cursor in_;
};

}  // namespace

bool is_faiss(ByteView begin) {
  if (begin.size() < 4) return false;
  const std::string_view code = as_text(begin.first(4));
  return find_kind(kRead, code) != nullptr || find_kind(kNotRead, code) != nullptr || code.starts_with("Ix") ||
         code.starts_with("Iw") || code.starts_with("IH") || code.starts_with("IN") || code.starts_with("IB") ||
         code.starts_with("Iv");
}

Result<FaissLayout> parse_faiss(const SourceFile& file) { return Parser(file).parse(); }

}  // namespace pictor
