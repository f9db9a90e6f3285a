#include "store/facets.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>
#include <unordered_map>

#include "store/matching.h"

namespace pictor {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMarkRows = 4096;  // that are looked up at once

std::string json_of(std::string_view text) {
  return Json(std::string(text)).dump(-1, ' ', false, Json::error_handler_t::replace);
}

// As columns keep them: what is whole and fits is an integer, so that 1 and 1.0 are one value.
std::string json_of(const FilterNumber& number) {
  return number.is_real ? Json(number.real).dump() : std::to_string(number.integer);
}

FilterNumber number_of(const Json& value) {
  constexpr double kWholeMax = 9.2e18;
  if (value.is_number_unsigned() && value.get<std::uint64_t>() > INT64_MAX) return {true, 0, value.get<double>()};
  if (value.is_number_integer()) return {false, value.get<std::int64_t>(), 0};
  const double real = value.get<double>();
  const bool whole = std::abs(real) < kWholeMax && real == static_cast<double>(static_cast<std::int64_t>(real));
  return whole ? FilterNumber{false, static_cast<std::int64_t>(real), 0} : FilterNumber{true, 0, real};
}

double as_double(const FilterNumber& number) {
  return number.is_real ? number.real : static_cast<double>(number.integer);
}

// The counts of one field.
class Counter {
 public:
  Counter(std::string name, FilterField field) : name_(std::move(name)), field_(std::move(field)) {}

  // False: the columns do not tell.
  bool count(const Columns& columns, std::span<const std::uint64_t> rows) {
    if (!field_.built_in.empty()) {
      const auto found = columns.find(ColumnKind::kBuiltIn, field_.built_in);
      if (!found.known || found.column == nullptr) return false;
      add_column(*found.column, rows, nullptr);
      return true;
    }
    std::string path;
    for (std::size_t i = 0; i < field_.path.size(); ++i) {
      if (field_.path[i].is_index) return false;
      path += (i == 0 ? std::string() : std::string(1, '\0')) + field_.path[i].name;
    }
    const auto value = columns.find(ColumnKind::kValue, path);
    const auto elements = columns.find(ColumnKind::kElements, path);
    if (!value.known || !elements.known) return false;
    std::vector<std::uint64_t> having(rows.size(), 0);
    if (value.column != nullptr) add_column(*value.column, rows, &having);
    if (elements.column != nullptr) add_column(*elements.column, rows, &having);
    for (const std::uint64_t word : having) items_ += static_cast<std::uint64_t>(std::popcount(word));
    return true;
  }

  void count(const Item& item) {
    if (!field_.built_in.empty()) return count_built_in(item.data);
    const Json metadata = Json::parse(item.data.metadata, nullptr, false);
    const Json* value = &metadata;
    for (const FilterStep& step : field_.path) {
      value = child(*value, step);
      if (value == nullptr) return;
    }
    std::set<std::string> seen;  // an element that stands there twice counts once
    if (value->is_array()) {
      for (const Json& element : *value) note(element, seen);
    } else {
      note(*value, seen);
    }
    for (const std::string& one : seen) ++counts_[one];
    items_ += seen.empty() ? 0 : 1;
  }

  Status check() const {
    if (counts_.size() <= limits::kFacetDistinctMax) return Status::ok();
    return {Code::kLimit, "'" + name_ + "' has more than " + std::to_string(limits::kFacetDistinctMax) +
                              " different values: too many to be counted; a filter makes them fewer"};
  }

  Facet take(std::size_t most) const {
    Facet facet;
    facet.field = name_;
    facet.distinct = counts_.size();
    facet.items = items_;
    facet.least = least_;
    facet.greatest = greatest_;
    for (const auto& [value, items] : counts_) facet.values.push_back({value, items});
    const auto before = [](const FacetValue& a, const FacetValue& b) {
      return a.items != b.items ? a.items > b.items : a.value < b.value;
    };
    const auto end = facet.values.begin() + static_cast<std::ptrdiff_t>(std::min(most, facet.values.size()));
    std::partial_sort(facet.values.begin(), end, facet.values.end(), before);
    facet.values.erase(end, facet.values.end());
    return facet;
  }

 private:
  static const Json* child(const Json& value, const FilterStep& step) {
    if (!step.is_index) {
      const auto found = value.is_object() ? value.find(step.name) : value.end();
      return found == value.end() ? nullptr : &*found;
    }
    if (!value.is_array()) return nullptr;
    const auto size = static_cast<std::int64_t>(value.size());
    const std::int64_t at = step.index < 0 ? size + step.index : step.index;
    return at < 0 || at >= size ? nullptr : &value[static_cast<std::size_t>(at)];
  }

  void note_number(const FilterNumber& number) {
    const double value = as_double(number);
    least_ = least_ ? std::min(*least_, value) : value;
    greatest_ = greatest_ ? std::max(*greatest_, value) : value;
  }

  void note(const Json& value, std::set<std::string>& seen) {
    if (value.is_structured()) return;
    if (value.is_number()) {
      const FilterNumber number = number_of(value);
      note_number(number);
      seen.insert(json_of(number));
    } else {
      seen.insert(value.dump(-1, ' ', false, Json::error_handler_t::replace));
    }
  }

  void count_built_in(const ItemWrite& item) {
    ++items_;
    const std::string& name = field_.built_in;
    if (name == "width" || name == "height") {
      const FilterNumber number{false, name == "width" ? item.width : item.height, 0};
      note_number(number);
      ++counts_[json_of(number)];
      return;
    }
    ++counts_[json_of(name == "id"       ? item.id
                      : name == "source" ? item.source
                      : name == "text"   ? item.text
                                         : item.format)];
  }

  std::string text_of(const Column& column, ColumnCode code) {
    if (code == kCodeNull) return "null";
    if (code == kCodeFalse) return "false";
    if (code == kCodeTrue) return "true";
    if (code >= column.first_text()) return json_of(column.text(code - column.first_text()));
    const FilterNumber number = column.number(code - kCodesFixed);
    note_number(number);
    return json_of(number);
  }

  static bool counts(ColumnCode code) { return code != kCodeAbsent && code != kCodeArray && code != kCodeObject; }

  // `having`: gets the rows that have one of the values; null: `items_` counts each row.
  void add_column(const Column& column, std::span<const std::uint64_t> rows, std::vector<std::uint64_t>* having) {
    std::vector<std::uint64_t> counts(column.code_count(), 0);
    std::vector<std::uint64_t> own;
    if (having == nullptr) own.assign(rows.size(), 0);
    std::vector<std::uint64_t>& marked = having == nullptr ? own : *having;
    switch (column.encoding) {
      case ColumnEncoding::kDense8:
        add_dense(static_cast<const std::uint8_t*>(column.codes), rows, counts, marked);
        break;
      case ColumnEncoding::kDense16:
        add_dense(static_cast<const std::uint16_t*>(column.codes), rows, counts, marked);
        break;
      case ColumnEncoding::kDense32:
        add_dense(static_cast<const std::uint32_t*>(column.codes), rows, counts, marked);
        break;
      default: add_lists(column, rows, counts, marked);
    }
    for (ColumnCode code = 0; code < counts.size(); ++code) {
      if (counts[code] > 0) counts_[text_of(column, code)] += counts[code];
    }
    for (const std::uint64_t word : own) items_ += static_cast<std::uint64_t>(std::popcount(word));
  }

  template <typename Code>
  static void add_dense(const Code* codes, std::span<const std::uint64_t> rows, std::vector<std::uint64_t>& counts,
                        std::vector<std::uint64_t>& marked) {
    for (std::size_t i = 0; i < rows.size(); ++i) {
      for (std::uint64_t word = rows[i]; word != 0; word &= word - 1) {
        const Code code = codes[i * 64 + static_cast<std::size_t>(std::countr_zero(word))];
        if (!Counter::counts(code)) continue;
        ++counts[code];
        marked[i] |= word & (~word + 1);
      }
    }
  }

  static void add_lists(const Column& column, std::span<const std::uint64_t> rows, std::vector<std::uint64_t>& counts,
                        std::vector<std::uint64_t>& marked) {
    for (ColumnCode code = 1; code < counts.size(); ++code) {
      if (!Counter::counts(code)) continue;
      const std::uint32_t begin = column.list_ends[code - 1];
      for (const auto position : column.positions.subspan(begin, column.list_ends[code] - begin)) {
        const std::uint64_t bit = std::uint64_t{1} << (position % 64);
        if ((rows[position / 64] & bit) == 0) continue;
        ++counts[code];
        marked[position / 64] |= bit;
      }
    }
  }

  std::string name_;
  FilterField field_;
  std::unordered_map<std::string, std::uint64_t> counts_;
  std::uint64_t items_ = 0;
  std::optional<double> least_, greatest_;
};

struct Rest {  // rows whose fields no columns tell
  RowId first = 0, last = 0;
  std::vector<std::size_t> fields;
  bool uncounted = false;  // they are not among Facets::items yet
};

class FacetLine {
 public:
  FacetLine(const CollectionStore& collection, const State& state, const ItemPages& pages)
      : collection_(collection), state_(state), pages_(pages) {}

  Result<Facets> run(const FacetRequest& request) {
    PICTOR_TRY(read_fields(request));
    if (!request.where.empty()) {
      PICTOR_ASSIGN(allowed_, rows_matching(collection_, state_, request.where));
    } else if (!state_.is_past) {
      dead_ = state_.deaths->as_of(state_.sequence);
    }
    RowId next = 1;
    if (!state_.is_past) PICTOR_TRY(ask_columns(next));
    leave(next, state_.last_row, all_fields(), true);
    for (const Rest& rest : rest_) PICTOR_TRY(ask_items(rest));
    Facets facets;
    facets.items = items_;
    for (const Counter& counter : counters_) facets.facets.push_back(counter.take(request.most));
    return facets;
  }

 private:
  Status read_fields(const FacetRequest& request) {
    if (request.fields.empty() || request.fields.size() > limits::kFacetFieldsMax) {
      return {Code::kInvalid, std::to_string(request.fields.size()) + " fields are asked for, wanted 1 to " +
                                  std::to_string(limits::kFacetFieldsMax)};
    }
    for (const std::string& field : request.fields) {
      auto parsed = parse_filter("exists " + field);
      if (!parsed.is_ok() || parsed->op != FilterOp::kExists) {
        return {Code::kInvalid,
                "'" + field + "' is no field, wanted one as filters name it: brand, size.w, tags or @format"};
      }
      counters_.emplace_back(field, std::move(parsed->field));
    }
    return Status::ok();
  }

  std::vector<std::size_t> all_fields() const {
    std::vector<std::size_t> all(counters_.size());
    std::iota(all.begin(), all.end(), std::size_t{0});
    return all;
  }

  void leave(RowId first, RowId last, std::vector<std::size_t> fields, bool uncounted) {
    if (first <= last) rest_.push_back({first, last, std::move(fields), uncounted});
  }

  Status ask_columns(RowId& next) {
    for (const auto& sealed : state_.segments) {
      if (sealed.columns != nullptr) PICTOR_TRY(ask(*sealed.columns, next));
    }
    for (const auto& fresh : collection_.fresh_columns(state_)) PICTOR_TRY(ask(*fresh, next));
    return Status::ok();
  }

  Status ask(const Columns& columns, RowId& next) {
    const RowId first = columns.segment().first_row;
    const RowId last = columns.segment().last_row;
    const auto rows = rows_of(columns);
    for (const std::uint64_t word : rows) items_ += static_cast<std::uint64_t>(std::popcount(word));
    std::vector<std::size_t> untold;
    for (std::size_t i = 0; i < counters_.size(); ++i) {
      if (!counters_[i].count(columns, rows)) untold.push_back(i);
      PICTOR_TRY(counters_[i].check());
    }
    leave(next, first - 1, all_fields(), true);
    if (!untold.empty()) leave(first, last, std::move(untold), false);
    next = last + 1;
    return Status::ok();
  }

  // A bit for each row of the columns: alive, and allowed.
  std::vector<std::uint64_t> rows_of(const Columns& columns) const {
    std::vector<std::uint64_t> words(columns.present().begin(), columns.present().end());
    std::vector<RowId> rows(kMarkRows);
    std::vector<std::uint8_t> marks(kMarkRows);
    for (std::size_t begin = 0; begin < columns.rows(); begin += kMarkRows) {
      const std::size_t count = std::min(kMarkRows, columns.rows() - begin);
      std::iota(rows.begin(), rows.end(), columns.segment().first_row + begin);
      const std::span<const RowId> asked(rows.data(), count);
      (allowed_ ? *allowed_ : dead_).mark(asked, std::span(marks).first(count));
      for (std::size_t i = 0; i < count; ++i) {
        if ((marks[i] == 1) == allowed_.has_value()) continue;
        words[(begin + i) / 64] &= ~(std::uint64_t{1} << ((begin + i) % 64));
      }
    }
    return words;
  }

  Status ask_items(const Rest& rest) {
    RowId after = rest.first - 1;
    while (true) {
      PICTOR_ASSIGN(const auto page, pages_(after));
      for (const Item& item : page) {
        if (item.row > rest.last) return Status::ok();
        if (allowed_ && !allowed_->contains(item.row)) continue;
        items_ += rest.uncounted ? 1 : 0;
        for (const std::size_t field : rest.fields) counters_[field].count(item);
      }
      for (const std::size_t field : rest.fields) PICTOR_TRY(counters_[field].check());
      if (page.empty()) return Status::ok();
      after = page.back().row;
    }
  }

  const CollectionStore& collection_;
  const State& state_;
  const ItemPages& pages_;
  std::vector<Counter> counters_;
  std::optional<RowSet> allowed_;
  RowSet dead_;
  std::vector<Rest> rest_;
  std::uint64_t items_ = 0;
};

}  // namespace

Result<Facets> count_facets(const CollectionStore& collection, const State& state, const FacetRequest& request,
                            const ItemPages& pages) {
  return FacetLine(collection, state, pages).run(request);
}

}  // namespace pictor
