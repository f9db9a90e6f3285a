#include "store/matching.h"

#include <algorithm>
#include <bit>

#include "store/schema.h"

namespace pictor {
namespace {

// One row by its number takes SQL as long as so many one after the other.
constexpr std::uint64_t kRowsAsFastAsOne = 8;

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
        pages_(state.is_past ? RowSet() : state.deaths->as_of(state.sequence)) {}

  Result<RowSet> run() {
    PICTOR_TRY(read_numbers(filter_, [this](const std::string& number) { return number_of(number); }));
    RowId next = 1;
    if (!state_.is_past) ask_columns(next);
    leave_to_sql(next, state_.last_row);
    PICTOR_TRY(ask_sql());
    RowSet rows = pages_.take();
    rows.set_work(work_);
    return rows;
  }

 private:
  void ask_columns(RowId& next) {
    for (const auto& sealed : state_.segments) {
      if (sealed.columns != nullptr) try_columns(*sealed.columns, next);
    }
    for (const auto& fresh : collection_.fresh_columns(state_)) try_columns(*fresh, next);
  }

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

  // Rows from `next` up to these columns have none.
  void try_columns(const Columns& columns, RowId& next) {
    const ColumnFilter filter(filter_, columns);
    if (columns.damaged()) forget(columns);
    std::vector<std::uint64_t> words((columns.rows() + 63) / 64);
    filter.run(words);
    const RowId first = columns.segment().first_row;
    if (filter.exact()) {
      pages_.add(first, columns.rows(), words);
    } else if (!note_candidates(first, words)) {
      return;
    }
    work_.rows_by_columns += columns.rows();
    leave_to_sql(next, first - 1);
    next = columns.segment().last_row + 1;
  }

  // Rows that may pass, for SQL to say; false when they are so many that all of them are asked as fast.
  bool note_candidates(RowId first, std::span<const std::uint64_t> words) {
    std::uint64_t count = 0;
    for (const auto word : words) count += static_cast<std::uint64_t>(std::popcount(word));
    if (count * kRowsAsFastAsOne > words.size() * 64) return false;
    for (std::size_t i = 0; i < words.size(); ++i) {
      for (std::uint64_t word = words[i]; word != 0; word &= word - 1) {
        const RowId row = first + i * 64 + static_cast<std::uint64_t>(std::countr_zero(word));
        rest_.push_back({row, row});
      }
    }
    return true;
  }

  // Damaged columns are taken away, so that they are made anew when the collection is opened next.
  void forget(const Columns& columns) const {
    const auto folder = join_path(collection_.folder(), "segments");
    static_cast<void>(collection_.env().remove(join_path(folder, columns_file_name(columns.segment().id))));
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

std::string describe(const FilterWork& work) {
  if (work.rows_by_sql == 0) return "columns";
  if (work.rows_by_columns == 0) return "SQL";
  return "columns over " + std::to_string(work.rows_by_columns) + " rows, SQL over " + std::to_string(work.rows_by_sql);
}

Result<RowSet> rows_matching(const CollectionStore& collection, const State& state, std::string_view filter) {
  PICTOR_ASSIGN(auto parsed, parse_filter(filter));
  return Matcher(collection, state, std::move(parsed)).run();
}

}  // namespace pictor
