#include "store/collection.h"
#include "store/facets.h"
#include "store/matching.h"
#include "store/schema.h"
#include "store/words.h"

namespace pictor {
namespace {

constexpr std::int64_t kScanPageRows = 256;

class CollectionSnapshot : public Snapshot {
 public:
  CollectionSnapshot(std::shared_ptr<const CollectionStore> collection, std::shared_ptr<const State> state)
      : collection_(std::move(collection)), state_(std::move(state)) {}
  ~CollectionSnapshot() override { collection_->release(state_->sequence); }
  CollectionSnapshot(const CollectionSnapshot&) = delete;
  CollectionSnapshot& operator=(const CollectionSnapshot&) = delete;

  Sequence sequence() const override { return state_->sequence; }
  std::uint64_t size() const override { return state_->items; }
  bool whole() const override { return state_->damaged.empty(); }

  Result<std::vector<SnapshotBlock>> blocks(const SpaceId& space) const override {
    const auto position = collection_->space_position(space);
    if (!position) {
      return Status(Code::kNotFound, "collection '" + collection_->spec().name + "' has no space '" + space + "'");
    }
    std::vector<SnapshotBlock> blocks;
    for (const auto& view : state_->spaces[*position].blocks) {
      SnapshotBlock block;
      block.vectors = view.block->vectors();
      block.inverse_norms = view.block->inverse_norms();
      block.rows = view.block->rows();
      block.count = view.count;
      block.dim = view.block->dim();
      // The snapshot keeps the block: its door says that what it hands out lives as long as it does.
      block.alive = [at = state_->sequence, rows = view.block.get()](std::size_t begin, std::span<std::uint8_t> out) {
        rows->alive(at, begin, out);
      };
      block.all_alive = view.count > 0 && view.block->all_alive(state_->sequence, view.count);
      block.segment = view.block->segment().id;
      block.segment_sum = view.block->segment().footer_crc;
      block.scattered_vectors = view.block->scattered().vectors;
      block.scattered_inverse_norms = view.block->scattered().inverse_norms;
      block.scattered_rows = view.block->scattered().rows;
      if (block.segment != 0) {
        block.graph_path = collection_->index_path(block.segment, *position, IndexKind::kGraph);
        block.lists_path = collection_->index_path(block.segment, *position, IndexKind::kLists);
      }
      blocks.push_back(std::move(block));
    }
    return blocks;
  }

  Result<std::vector<Item>> items(std::span<const RowId> rows, bool with_vectors) const override {
    std::vector<Item> items;
    items.reserve(rows.size());
    PICTOR_ASSIGN(auto reader, collection_->readers().take());
    for (const RowId row : rows) {
      Use select(*reader->item_by_row);
      select->bind(0, static_cast<std::int64_t>(row));
      select->bind(1, stored_sequence());
      PICTOR_ASSIGN(const bool found, select->step());
      if (!found) {
        return Status(Code::kNotFound, "collection '" + collection_->spec().name + "' has no row " +
                                           std::to_string(row) + " in snapshot " + std::to_string(sequence()));
      }
      items.push_back(item(*select, with_vectors));
    }
    return items;
  }

  Result<std::optional<Item>> find(std::string_view id, bool with_vectors) const override {
    PICTOR_ASSIGN(auto reader, collection_->readers().take());
    Use select(*reader->item_by_id);
    select->bind(0, id);
    select->bind(1, stored_sequence());
    PICTOR_ASSIGN(const bool found, select->step());
    if (!found) return std::optional<Item>();
    return std::optional(item(*select, with_vectors));
  }

  // Page by page, so that neither a connection nor a read transaction is held while the caller works.
  Status scan(bool with_vectors, const std::function<Status(const Item&)>& visit, RowId after) const override {
    while (true) {
      PICTOR_ASSIGN(const auto page, page_after(after));
      if (page.empty()) return Status::ok();
      for (auto item : page) {
        if (with_vectors) item.data.vectors = vectors_of(*state_, item.row);
        PICTOR_TRY(visit(item));
      }
      after = page.back().row;
    }
  }

  Result<RowSet> matching(std::string_view filter) const override {
    return rows_matching(*collection_, *state_, filter);
  }

  Result<Facets> facets(const FacetRequest& request) const override {
    return count_facets(*collection_, *state_, request, [this](RowId after) { return page_after(after); });
  }

  Result<std::optional<Bytes>> blob(RowId row) const override {
    std::optional<Hash256> hash;
    {
      PICTOR_ASSIGN(auto reader, collection_->readers().take());
      Use select(*reader->blob_of);
      select->bind(0, static_cast<std::int64_t>(row));
      select->bind(1, stored_sequence());
      PICTOR_ASSIGN(const bool found, select->step());
      if (!found) {
        return Status(Code::kNotFound, "collection '" + collection_->spec().name + "' has no row " +
                                           std::to_string(row) + " in snapshot " + std::to_string(sequence()));
      }
      if (!select->is_null(0)) hash = hash_of(select->blob(0));
    }
    if (!hash) return std::optional<Bytes>();
    PICTOR_ASSIGN(auto bytes, collection_->blobs().get(*hash));
    return std::optional(std::move(bytes));
  }

  Result<std::optional<Bytes>> tokens(RowId row) const override {
    PICTOR_ASSIGN(auto reader, collection_->readers().take());
    return collection_->tokens_of(*reader.operator->(), row);
  }

  Result<std::vector<WordHit>> by_words(std::string_view words, const RowSet* allowed, std::size_t k) const override {
    PICTOR_ASSIGN(const auto terms, parse_words(words));
    PICTOR_ASSIGN(auto reader, collection_->readers().take());
    return find_words(*reader->database, terms, sequence(), allowed, k);
  }

  Result<std::vector<std::string>> words_of(RowId row, std::string_view words) const override {
    PICTOR_ASSIGN(const auto terms, parse_words(words));
    PICTOR_ASSIGN(auto reader, collection_->readers().take());
    std::vector<std::string> found;
    for (const auto& term : terms) {
      if (term.without) continue;
      PICTOR_ASSIGN(const bool has, has_word(*reader->database, term, row));
      if (has) found.push_back(term.prefix ? term.text + "*" : term.text);
    }
    return found;
  }

 private:
  std::int64_t stored_sequence() const { return static_cast<std::int64_t>(state_->sequence); }

  Item item(const Statement& statement, bool with_vectors) const {
    Item item = item_of(statement);
    item.vectors_lost = state_->is_damaged(item.row);
    if (with_vectors) item.data.vectors = vectors_of(*state_, item.row);
    return item;
  }

  Result<std::vector<Item>> page_after(RowId after) const {
    PICTOR_ASSIGN(auto reader, collection_->readers().take());
    Use select(*reader->items_after);
    select->bind(0, static_cast<std::int64_t>(after));
    select->bind(1, stored_sequence());
    select->bind(2, kScanPageRows);
    std::vector<Item> page;
    while (true) {
      PICTOR_ASSIGN(const bool found, select->step());
      if (!found) return page;
      page.push_back(item_of(*select));
    }
  }

  const std::shared_ptr<const CollectionStore> collection_;
  const std::shared_ptr<const State> state_;
};

}  // namespace

std::unique_ptr<Snapshot> make_snapshot(std::shared_ptr<const CollectionStore> collection,
                                        std::shared_ptr<const State> state) {
  return std::make_unique<CollectionSnapshot>(std::move(collection), std::move(state));
}

}  // namespace pictor
