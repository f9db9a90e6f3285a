#include "store/matching.h"

#include <algorithm>

#include "store/schema.h"

namespace pictor {
namespace {

struct RowRange {
  RowId first = 0;
  RowId last = 0;
};

class Matcher {
 public:
  Matcher(const CollectionStore& collection, const State& state, FilterNode filter)
      : collection_(collection),
        state_(state),
        filter_(std::move(filter)),
        pages_(state.deaths->as_of(state.sequence)) {}

  Result<RowSet> run() {
    PICTOR_TRY(read_numbers(filter_, [this](const std::string& number) { return number_of(number); }));
    RowId next = 1;
    for (const auto& sealed : state_.sealed) {
      const auto columns = sealed.columns == nullptr ? std::nullopt : ColumnFilter::of(filter_, *sealed.columns);
      if (!columns) {
        give_up(sealed);
        continue;
      }
      leave_to_sql(next, sealed.first - 1);
      ask(*columns, sealed);
      next = sealed.last + 1;
    }
    leave_to_sql(next, state_.last_row);
    PICTOR_TRY(ask_sql());
    RowSet rows = pages_.take();
    rows.set_work(work_);
    return rows;
  }

 private:
  // As SQLite reads it, so that 19.37 here and 19.37 in metadata are one number whatever the rounding.
  Result<FilterNumber> number_of(const std::string& number) const {
    PICTOR_ASSIGN(auto reader, collection_.readers().take());
    Use select(*reader->number_of);
    select->bind(0, std::string_view(number));
    PICTOR_TRY(select->step().status());
    if (select->text(1) == "integer") return FilterNumber{false, select->integer(0), 0.0};
    return FilterNumber{true, 0, select->real(0)};
  }

  void leave_to_sql(RowId first, RowId last) {
    if (first <= last) rest_.push_back({first, last});
  }

  // Damaged columns are taken away, so that they are made anew when the collection is opened next.
  void give_up(const SealedRows& sealed) const {
    if (sealed.columns == nullptr || !sealed.columns->damaged()) return;
    const auto folder = join_path(collection_.folder(), "segments");
    static_cast<void>(collection_.env().remove(join_path(folder, columns_file_name(sealed.columns->segment().id))));
  }

  void ask(const ColumnFilter& columns, const SealedRows& sealed) {
    const std::size_t rows = sealed.last - sealed.first + 1;
    std::vector<std::uint64_t> words(std::min(rows / 64 + 1, kPageWords));
    for (std::size_t begin = 0; begin < rows; begin += kPageRows) {
      const std::size_t count = std::min(kPageRows, rows - begin);
      columns.run(begin, count, words);
      pages_.add(sealed.first + begin, count, words);
    }
    work_.rows_by_columns += rows;
  }

  Status ask_sql() {
    if (rest_.empty()) return Status::ok();
    const FilterSql sql = compile_filter(filter_, 4);
    PICTOR_ASSIGN(auto reader, collection_.readers().take());
    PICTOR_ASSIGN(
        const auto select,
        reader->database->prepare("SELECT row FROM rows WHERE row BETWEEN ?2 AND ?3 AND born <= ?1 AND died > ?1 AND " +
                                  sql.where));
    std::vector<RowId> rows;
    for (const auto& range : rest_) {
      select->reset();
      select->bind(0, static_cast<std::int64_t>(state_.sequence));
      select->bind(1, static_cast<std::int64_t>(range.first));
      select->bind(2, static_cast<std::int64_t>(range.last));
      for (std::size_t i = 0; i < sql.parameters.size(); ++i) {
        select->bind(static_cast<int>(i) + 3, std::string_view(sql.parameters[i]));
      }
      PICTOR_TRY(collect(*select, rows));
      work_.rows_by_sql += range.last - range.first + 1;
    }
    std::sort(rows.begin(), rows.end());
    for (const RowId row : rows) pages_.add(row);
    return Status::ok();
  }

  static Status collect(Statement& select, std::vector<RowId>& rows) {
    while (true) {
      PICTOR_ASSIGN(const bool found, select.step());
      if (!found) return Status::ok();
      rows.push_back(static_cast<RowId>(select.integer(0)));
    }
  }

  const CollectionStore& collection_;
  const State& state_;
  FilterNode filter_;
  RowPages pages_;
  std::vector<RowRange> rest_;
  FilterWork work_;
};

}  // namespace

Result<RowSet> rows_matching(const CollectionStore& collection, const State& state, std::string_view filter) {
  PICTOR_ASSIGN(auto parsed, parse_filter(filter));
  return Matcher(collection, state, std::move(parsed)).run();
}

}  // namespace pictor
