// Vectors and ids of a faiss file, in the order in which they lie there.
#include "exchange/faiss.h"
#include "exchange/rows.h"

namespace pictor {
namespace {

class FlatRows final : public Rows {
 public:
  FlatRows(const SourceFile& file, const FaissLayout& layout)
      : layout_(layout), vectors_(file, layout.vectors_at), ids_(file, layout.id_map_at.value_or(0)) {}

  Result<bool> next(VectorSource::Entry& out) override {
    if (row_ == layout_.rows) return false;
    out = {};
    out.vector.place = "row " + std::to_string(row_++);
    out.vector.numbers.resize(layout_.dim);
    PICTOR_TRY(vectors_.read(std::as_writable_bytes(std::span(out.vector.numbers))));
    if (!layout_.id_map_at.has_value()) return true;
    std::int64_t id = 0;
    PICTOR_TRY(ids_.get(id));
    out.vector.id = std::to_string(id);
    return true;
  }

 private:
  const FaissLayout layout_;
  Cursor vectors_, ids_;
  std::uint64_t row_ = 0;
};

class ListRows final : public Rows {
 public:
  ListRows(const SourceFile& file, const FaissLayout& layout)
      : layout_(layout),
        sizes_(file, layout.lists->sizes_at),
        vectors_(file, layout.lists->at),
        ids_(file),
        map_(file),
        next_list_at_(layout.lists->at) {}

  Result<bool> next(VectorSource::Entry& out) override {
    while (left_ == 0) {
      PICTOR_ASSIGN(const bool more, begin_list());
      if (!more) return false;
    }
    --left_;
    out = {};
    out.vector.place = "row " + std::to_string(row_++);
    out.vector.numbers.resize(layout_.dim);
    PICTOR_TRY(vectors_.read(std::as_writable_bytes(std::span(out.vector.numbers))));
    std::int64_t id = 0;
    PICTOR_TRY(ids_.get(id));
    if (!layout_.id_map_at.has_value()) {
      out.vector.id = std::to_string(id);
      return true;
    }
    if (id < 0 || static_cast<std::uint64_t>(id) >= layout_.rows) {
      out.problem = {Code::kUnreadable,
                     "has the number " + std::to_string(id) + " among " + std::to_string(layout_.rows) + " ids"};
      return true;
    }
    map_.seek(*layout_.id_map_at + static_cast<std::uint64_t>(id) * sizeof(id));
    PICTOR_TRY(map_.get(id));
    out.vector.id = std::to_string(id);
    return true;
  }

 private:
  Result<bool> begin_list() {
    const FaissLists& lists = *layout_.lists;
    if (list_ == lists.sizes) return false;
    ++list_;
    if (lists.sparse) PICTOR_TRY(sizes_.get(left_));  // the list's number
    PICTOR_TRY(sizes_.get(left_));
    const std::uint64_t vectors_bytes = left_ * layout_.dim * sizeof(float);
    vectors_.seek(next_list_at_);
    ids_.seek(next_list_at_ + vectors_bytes);
    next_list_at_ += vectors_bytes + left_ * sizeof(std::int64_t);
    return true;
  }

  const FaissLayout layout_;
  Cursor sizes_, vectors_, ids_, map_;
  std::uint64_t next_list_at_;
  std::uint64_t list_ = 0, left_ = 0, row_ = 0;
};

}  // namespace

Result<std::unique_ptr<Rows>> open_faiss(const SourceFile& file) {
  PICTOR_ASSIGN(const auto layout, parse_faiss(file));
  std::unique_ptr<Rows> rows;
  if (layout.lists.has_value()) {
    rows = std::make_unique<ListRows>(file, layout);
  } else {
    rows = std::make_unique<FlatRows>(file, layout);
  }
  rows->dim = layout.dim;
  rows->total = layout.rows;
  rows->metric = layout.metric;
  rows->format = "faiss " + layout.kind;
  if (layout.has_graph) rows->notes.emplace_back("the graph of the faiss index is not read: Pictor makes its own");
  if (layout.lists.has_value()) {
    rows->notes.emplace_back("vectors come list by list, as they lie in the faiss index; its lists are not read");
  }
  return rows;
}

}  // namespace pictor
