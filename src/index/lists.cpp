// The door's lists: opened, checked; and the choice between lists and a scan, query by query.
#include <algorithm>
#include <string>
#include <utility>

#include "index/lists_search.h"
#include "index/of_block.h"
#include "observe/observe.h"

namespace pictor {
namespace {

// Rows that were found allowed before.
class AllowedRows final : public RowFilter {
 public:
  explicit AllowedRows(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}
  void allowed(std::size_t begin, std::span<std::uint8_t> out) const override {
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(begin), out.size(), out.begin());
  }

 private:
  std::span<const std::uint8_t> bytes_;
};

class ListIndex final : public VectorIndex {
 public:
  ListIndex(const ListView& view, const VectorBlock& block, const ListCosts& costs, WillRead will_read)
      : view_(view),
        block_(block),
        costs_(costs),
        will_read_(std::move(will_read)),
        space_(view.header.metric, view.header.dim, view.header.unit, view.header.length,
               {view.mean.begin(), view.mean.end()}) {
    if (will_read_) will_read_(std::as_bytes(view_.centre_codes));  // every search ranks all lists
  }

  Result<IndexAnswer> search(const IndexQuery& query) const override {
    PICTOR_TRY(check_query(query, block_.dim));
    ListPlan plan;
    if (query.metric == view_.header.metric && query.recall < 1)
      plan = plan_lists(view_, query.k, query.recall, query.strange);
    if (plan.probes == 0) return scan(query, query.filter, 0);
    return query.filter == nullptr ? search_all(query, plan) : search_allowed(query, plan);
  }
  std::size_t size() const override { return block_.count; }
  std::string describe() const override {
    return "ivf, " + std::to_string(block_.count) + " x " + std::to_string(block_.dim) + ", " +
           std::to_string(view_.header.lists) + " lists, " + std::to_string(view_.header.bits) + "-bit codes";
  }

 private:
  Result<IndexAnswer> scan(const IndexQuery& query, const RowFilter* filter, std::uint64_t before) const {
    PICTOR_ASSIGN(FlatScan scan, FlatScan::start(query, block_.dim));
    PICTOR_TRY(scan.add(block_, filter));
    IndexAnswer answer = scan.finish();
    answer.distances += before;
    return answer;
  }

  // What a search costs that sees so many rows: the lists are ranked by codes too.
  double cost(const ListPlan& plan, double rows) const {
    return costs_.row * (rows + view_.header.lists) + costs_.rescored * static_cast<double>(plan.rescored);
  }

  static std::vector<Neighbor> taken(ListSearch& search, std::size_t k) {
    return timed(QueryStage::kRescore, [&] { return search.take(k); });
  }

  Result<IndexAnswer> search_all(const IndexQuery& query, const ListPlan& plan) const {
    ListSearch search(view_, space_, block_, query.vector, will_read_);
    if (cost(plan, plan.rows) >= static_cast<double>(block_.count) || !search.start()) return scan(query, nullptr, 0);
    if (query.k <= kListKs.back()) {
      search.probe(plan);
    } else if (!search.probe_on(plan, query.k, {}, block_.count)) {
      return scan(query, nullptr, search.distances());
    }
    IndexAnswer answer{taken(search, query.k), search.distances(), false, SearchWay::kLists, 1, {}};
    if (answer.neighbors.size() < std::min(query.k, block_.count)) return scan(query, nullptr, search.distances());
    if (query.explain) answer.why = std::to_string(plan.probes) + " lists promise the recall";
    return answer;
  }

  Result<IndexAnswer> search_allowed(const IndexQuery& query, const ListPlan& plan) const {
    std::vector<std::uint8_t> allowed(block_.count);
    query.filter->allowed(0, allowed);
    const AllowedRows filter(allowed);
    const auto count = static_cast<std::size_t>(
        std::count_if(allowed.begin(), allowed.end(), [](std::uint8_t byte) { return byte != 0; }));
    const auto rows = static_cast<double>(count);
    const double share = rows / static_cast<double>(block_.count);
    ListSearch search(view_, space_, block_, query.vector, will_read_);
    if (count == 0 || cost(plan, std::min(plan.rows, rows)) >= rows || !search.start()) return scan(query, &filter, 0);
    if (!search.probe_on(plan, query.k, allowed, count)) return scan(query, &filter, search.distances());
    IndexAnswer answer{taken(search, query.k), search.distances(), false, SearchWay::kLists, share, {}};
    if (query.explain)
      answer.why = std::to_string(plan.probes) + " lists promise the recall, or more where the filter takes them";
    if (answer.neighbors.size() < std::min(query.k, count)) return scan(query, &filter, search.distances());
    return answer;
  }

  ListView view_;
  VectorBlock block_;
  ListCosts costs_;
  WillRead will_read_;
  ListSpace space_;
};

Result<ListView> parse_lists_of(ByteView file, const VectorBlock& block, Metric metric, std::uint64_t owner) {
  PICTOR_ASSIGN(auto view, parse_lists(file));
  const auto& header = view.header;
  PICTOR_TRY(check_of_block("list", {header.owner, header.dim, header.rows, header.metric}, block, metric, owner));
  return view;
}

}  // namespace

// Fitted to times of lists and scans over rows of 128 to 768 numbers (docs/decisions/0018-lists.md).
ListCosts ListCosts::measured(std::uint32_t dim, std::uint32_t bits) {
  const auto numbers = static_cast<double>(dim);
  const double of_scan = 6 + 0.1 * numbers;
  return {(8 + 0.005 * bits * numbers) / of_scan, (100 + 0.3 * numbers) / of_scan};
}

Result<std::unique_ptr<VectorIndex>> open_list_index(ByteView file, const VectorBlock& block, Metric metric,
                                                     std::uint64_t owner, const ListCosts& costs, WillRead will_read) {
  PICTOR_ASSIGN(const auto view, parse_lists_of(file, block, metric, owner));
  std::unique_ptr<VectorIndex> index = std::make_unique<ListIndex>(view, block, costs, std::move(will_read));
  return index;
}

Result<std::unique_ptr<VectorIndex>> open_list_index(ByteView file, const VectorBlock& block, Metric metric,
                                                     std::uint64_t owner, WillRead will_read) {
  PICTOR_ASSIGN(const auto view, parse_lists_of(file, block, metric, owner));
  const ListCosts costs = ListCosts::measured(block.dim, view.header.bits);
  std::unique_ptr<VectorIndex> index = std::make_unique<ListIndex>(view, block, costs, std::move(will_read));
  return index;
}

Status check_list_file(ByteView file, const VectorBlock& block, Metric metric, std::uint64_t owner) {
  PICTOR_ASSIGN(const auto view, parse_lists_of(file, block, metric, owner));
  return check_list_sections(file, view);
}

}  // namespace pictor
