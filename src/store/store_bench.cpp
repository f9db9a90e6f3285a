// What a commit, an opening, a look-up and a filter cost, on a real folder: items of 1280 + 384 numbers.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>
#include <numeric>

#include "store/store.h"

namespace pictor {
namespace {

CollectionSpec bench_spec() {
  CollectionSpec spec;
  spec.name = "bench";
  spec.spaces = {{std::string(64, 'a'), "visual", 1280, Metric::kCosine},
                 {std::string(64, 'b'), "joint", 384, Metric::kCosine}};
  return spec;
}

template <typename T>
T good(Result<T> result) {
  if (!result.is_ok()) std::abort();
  return std::move(result).value();
}

class Folder {
 public:
  Folder() {
    path_ = (std::filesystem::temp_directory_path() / "pictor-bench-XXXXXX").string();
    if (::mkdtemp(path_.data()) == nullptr) std::abort();
    open();
    collection_ = good(data_->create_collection(bench_spec()));
  }
  ~Folder() {
    collection_.reset();
    data_.reset();
    std::filesystem::remove_all(path_);
  }
  void open() { data_ = good(DataFolder::open(Env::real(), path_)); }
  void reopen() {
    collection_.reset();
    data_.reset();
    open();
    collection_ = good(data_->collection("bench"));
  }
  void put(std::size_t count, bool with_vectors) {
    Batch batch;
    batch.id = std::to_string(++batches_);
    for (std::size_t i = 0; i < count; ++i) {
      ItemWrite item;
      item.id = std::to_string(next_);
      item.source = "/photos/" + item.id + ".jpg";
      item.metadata = R"({"brand": "Acme", "price": )" + std::to_string(next_ % 100) + R"(, "tags": ["a", "b"]})";
      item.content = sha256(as_bytes(item.id));
      item.vectors =
          with_vectors ? std::vector<std::vector<float>>{std::vector<float>(1280, 0.5F), std::vector<float>(384, 0.5F)}
                       : std::vector<std::vector<float>>(2);
      batch.puts.push_back(std::move(item));
      ++next_;
    }
    good(collection_->commit(batch));
  }
  Collection& collection() { return *collection_; }

 private:
  std::string path_;
  std::unique_ptr<DataFolder> data_;
  std::shared_ptr<Collection> collection_;
  std::size_t next_ = 0;
  std::size_t batches_ = 0;
};

Folder& full_folder() {
  static Folder folder;
  static const bool filled = [] {
    for (int i = 0; i < 100; ++i) folder.put(1000, i < 10);
    return true;
  }();
  static_cast<void>(filled);
  return folder;
}

void commit_256_items(benchmark::State& state) {
  Folder folder;
  for (auto _ : state) folder.put(256, true);
  state.SetItemsProcessed(state.iterations() * 256);
}
BENCHMARK(commit_256_items)->Unit(benchmark::kMillisecond)->Iterations(100);

void open_100k_items(benchmark::State& state) {
  auto& folder = full_folder();
  for (auto _ : state) folder.reopen();
}
BENCHMARK(open_100k_items)->Unit(benchmark::kMillisecond);

void items_of_10_rows(benchmark::State& state) {
  const auto snapshot = good(full_folder().collection().snapshot());
  const std::vector<RowId> rows = {5, 77777, 1234, 9999, 50000, 3, 61, 99999, 31415, 27182};
  for (auto _ : state) benchmark::DoNotOptimize(good(snapshot->items(rows, false)));
}
BENCHMARK(items_of_10_rows)->Unit(benchmark::kMicrosecond);

void filter_100k_items(benchmark::State& state) {
  const auto snapshot = good(full_folder().collection().snapshot());
  for (auto _ : state) benchmark::DoNotOptimize(good(snapshot->matching("brand = 'Acme' and price < 20")));
}
BENCHMARK(filter_100k_items)->Unit(benchmark::kMillisecond);

// A million items without vectors, sealed: what a filter costs by itself.
Folder& million_folder() {
  static Folder folder;
  static const bool filled = [] {
    for (int i = 0; i < 250; ++i) folder.put(4000, false);
    return folder.collection().seal().is_ok();
  }();
  static_cast<void>(filled);
  return folder;
}

void filter_1m_items(benchmark::State& state, const char* filter) {
  const auto snapshot = good(million_folder().collection().snapshot());
  std::uint64_t rows = 0;
  std::uint64_t by_sql = 0;
  for (auto _ : state) {
    const auto found = good(snapshot->matching(filter));
    rows = found.size();
    by_sql = found.work().rows_by_sql;
  }
  state.counters["rows"] = static_cast<double>(rows);
  state.counters["rows_by_sql"] = static_cast<double>(by_sql);
}
BENCHMARK_CAPTURE(filter_1m_items, one_percent, "price = 7")->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(filter_1m_items, half, "brand = 'Acme' and price < 50")->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(filter_1m_items, tag, "tags contains 'b' and price < 50")->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(filter_1m_items, one_percent_by_sql, "price = 7 and @text contains ''")
    ->Unit(benchmark::kMicrosecond);

void mark_1m_rows(benchmark::State& state) {
  const auto snapshot = good(million_folder().collection().snapshot());
  const auto found = good(snapshot->matching("price < " + std::to_string(state.range(0))));
  std::vector<RowId> rows(1'000'000);
  std::iota(rows.begin(), rows.end(), RowId{1});
  std::vector<std::uint8_t> marks(rows.size());
  for (auto _ : state) {
    found.mark(rows, marks);
    benchmark::DoNotOptimize(marks.data());
  }
}
BENCHMARK(mark_1m_rows)->Arg(1)->Arg(50)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace pictor
