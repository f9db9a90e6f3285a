// Graphs and lists of a real collection: made, used, left out, damaged, merged away.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

#include "backend/backend.h"

namespace pictor {
namespace {

const SpaceId kVisual(64, 'a');
constexpr std::uint32_t kDim = 16;
constexpr std::size_t kItems = limits::kGraphRowsMin + 500;

template <typename T>
T must(Result<T> result) {
  if (!result.is_ok()) {
    ADD_FAILURE() << result.status().to_string();
    std::abort();
  }
  return std::move(result).value();
}

// Around one of 40 centres, so that there are neighbours to find.
std::vector<float> point(std::uint32_t seed) {
  std::mt19937 random(seed);
  std::mt19937 centre(seed % 40);
  std::vector<float> vector(kDim);
  const auto number = [](std::mt19937& from) {
    return static_cast<float>(static_cast<std::int32_t>(from())) * 0x1p-31F;
  };
  for (float& x : vector) x = number(centre) + 0.3F * number(random);
  return vector;
}

class IndexesTest : public ::testing::Test {
 protected:
  IndexesTest() : pool_(2) {
    std::string name = (std::filesystem::temp_directory_path() / "pictor-graphs-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
    open();
    CollectionSpec spec;
    spec.name = "shop";
    spec.spaces = {{kVisual, "visual", kDim, Metric::kCosine}};
    collection_ = must(folder_->create_collection(spec));
    for (std::size_t begin = 0; begin < kItems; begin += limits::kBatchItemsMax) {
      put(begin, std::min<std::size_t>(begin + limits::kBatchItemsMax, kItems));
    }
  }
  ~IndexesTest() override {
    collection_ = nullptr;
    folder_ = nullptr;
    std::filesystem::remove_all(path_);
  }

  void open() { folder_ = must(DataFolder::open(Env::real(), path_ + "/data")); }
  void put(std::size_t begin, std::size_t end) {
    Batch batch;
    batch.id = "batch" + std::to_string(begin);
    for (std::size_t i = begin; i < end; ++i) {
      ItemWrite item;
      item.id = "item" + std::to_string(i);
      item.vectors = {point(static_cast<std::uint32_t>(i))};
      batch.puts.push_back(std::move(item));
    }
    ASSERT_TRUE(collection_->commit(batch).is_ok());
  }
  IndexReport build(Backend& backend, bool again = false, IndexKind kind = IndexKind::kGraph,
                    GraphCodes codes = GraphCodes::kFull) {
    return must(backend.build_indexes(*collection_, {again, kind, codes, 0, {}}));
  }
  std::vector<std::filesystem::path> files_that_end(const std::string& ending) const {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(path_)) {
      if (entry.path().extension() == ending) files.push_back(entry.path());
    }
    return files;
  }
  std::vector<std::filesystem::path> graph_files() const { return files_that_end(".graph"); }
  std::vector<std::filesystem::path> list_files() const { return files_that_end(".lists"); }
  Candidates search(const Backend& backend, std::uint32_t seed, double recall, const RowSet* allowed = nullptr) const {
    const auto vector = point(seed);
    const auto snapshot = must(collection_->snapshot());
    return must(backend.search(*snapshot, {kVisual, vector, Metric::kCosine, 10, allowed, 0, recall}));
  }
  // Of `queries` queries that are no items.
  double mean_recall(const Backend& backend, int queries, double recall, const RowSet* allowed = nullptr) const {
    double sum = 0;
    for (int i = 0; i < queries; ++i) {
      const auto seed = static_cast<std::uint32_t>(1'000'000 + i);
      const auto found = search(backend, seed, recall, allowed).neighbors;
      const auto truth = search(backend, seed, 1, allowed).neighbors;
      for (const auto& neighbor : truth) sum += std::count(found.begin(), found.end(), neighbor) > 0 ? 1 : 0;
    }
    return sum / (10.0 * queries);
  }

  std::string path_;
  ThreadPool pool_;
  std::unique_ptr<DataFolder> folder_;
  std::shared_ptr<Collection> collection_;
};

TEST_F(IndexesTest, a_sealed_segment_gets_a_graph_and_a_search_walks_it) {
  const auto backend = make_local_backend(Env::real(), &pool_);
  EXPECT_EQ(build(*backend).made, 0U) << "all rows are fresh";
  ASSERT_TRUE(collection_->seal().is_ok());
  EXPECT_TRUE(search(*backend, 1, 0.95).exact) << "there is no graph yet";
  const auto report = build(*backend);
  EXPECT_EQ(report.made, 1U);
  EXPECT_EQ(report.rows, kItems);
  EXPECT_GT(report.bytes, kItems * kDim);
  EXPECT_EQ(graph_files().size(), 1U);
  const auto walked = search(*backend, 1, 0.95);
  EXPECT_FALSE(walked.exact);
  EXPECT_LT(walked.distances, kItems);
  EXPECT_TRUE(search(*backend, 1, 1).exact);
  EXPECT_GE(mean_recall(*backend, 100, 0.95), 0.94);
  EXPECT_EQ(build(*backend).kept, 1U) << "it is there";
  EXPECT_EQ(build(*backend, true).made, 1U) << "again was asked for";
}

TEST_F(IndexesTest, what_searches_touch_is_read_up_to_a_bound_and_until_told_to_stop) {
  const auto backend = make_local_backend(Env::real(), &pool_);
  ASSERT_TRUE(collection_->seal().is_ok());
  build(*backend);
  const auto snapshot = must(collection_->snapshot());
  const SpaceSpec space = collection_->spec().spaces.at(0);
  const auto warmed = [&](WarmPart part, std::uint64_t bytes_max, bool stop) {
    return must(backend->warm(*snapshot, space, part, bytes_max, [stop] { return stop; }));
  };
  EXPECT_EQ(warmed(WarmPart::kVectors, UINT64_MAX, false), kItems * kDim * sizeof(float));
  EXPECT_EQ(warmed(WarmPart::kIndexes, UINT64_MAX, false), std::filesystem::file_size(graph_files().at(0)));
  EXPECT_EQ(warmed(WarmPart::kVectors, 100'000, false), 100'000U);
  EXPECT_EQ(warmed(WarmPart::kVectors, 0, false), 0U);
  EXPECT_EQ(warmed(WarmPart::kVectors, UINT64_MAX, true), 0U);
}

TEST_F(IndexesTest, a_graph_that_takes_more_memory_than_is_wanted_is_made_anew) {
  const auto backend = make_local_backend(Env::real(), &pool_);
  ASSERT_TRUE(collection_->seal().is_ok());
  const auto codes_there = [&] {
    const auto file = must(Env::real().open(graph_files().at(0).string(), OpenMode::kRead));
    return must(graph_codes(must(file->map())->bytes()));
  };
  for (const GraphCodes codes : {GraphCodes::kFull, GraphCodes::kHalf, GraphCodes::kQuarter}) {
    EXPECT_EQ(build(*backend, false, IndexKind::kGraph, codes).made, 1U);
    EXPECT_EQ(codes_there(), codes);
    EXPECT_FALSE(search(*backend, 1, 0.9).exact);
    EXPECT_GE(mean_recall(*backend, 100, 0.95), 0.94) << "hits and their distances are those of the scan";
  }
  EXPECT_EQ(build(*backend, false, IndexKind::kGraph, GraphCodes::kHalf).kept, 1U) << "it takes less";
  EXPECT_EQ(codes_there(), GraphCodes::kQuarter);
  EXPECT_EQ(build(*backend, true).made, 1U);
  EXPECT_EQ(codes_there(), GraphCodes::kFull);
}

TEST_F(IndexesTest, distances_come_from_codes_where_that_is_allowed_and_say_so) {
  const auto backend = make_local_backend(Env::real(), &pool_);
  ASSERT_TRUE(collection_->seal().is_ok());
  const auto vector = point(1'000'000);
  const auto asked = [&](bool coded) {
    BackendQuery query{kVisual, vector, Metric::kCosine, 10, nullptr, 0, 0.95};
    query.coded_distances = coded;
    return must(backend->search(*must(collection_->snapshot()), query));
  };
  build(*backend);
  EXPECT_EQ(asked(true).distance_error, 0) << "full codes are too coarse";
  build(*backend, true, IndexKind::kGraph, GraphCodes::kHalf);
  EXPECT_EQ(asked(false).distance_error, 0);
  const auto coded = asked(true);
  EXPECT_GT(coded.distance_error, 0);
  EXPECT_LT(coded.distance_error, 1e-3);
  const auto exactly = asked(false);
  EXPECT_NEAR(coded.neighbors[0].distance.value, exactly.neighbors[0].distance.value, 1e-2);
  EXPECT_NE(coded.neighbors, exactly.neighbors) << "not the same bits";
}

TEST_F(IndexesTest, fresh_rows_deaths_and_filters_are_right_beside_a_graph) {
  const auto backend = make_local_backend(Env::real(), &pool_);
  ASSERT_TRUE(collection_->seal().is_ok());
  build(*backend);
  put(kItems, kItems + 300);  // fresh
  Batch batch;
  batch.id = "deletes";
  for (std::size_t i = 0; i < kItems; i += 3) {
    if (batch.deletes.size() < limits::kBatchItemsMax) batch.deletes.push_back("item" + std::to_string(i));
  }
  ASSERT_TRUE(collection_->commit(batch).is_ok());
  EXPECT_GE(mean_recall(*backend, 100, 0.95), 0.94);
  std::vector<RowId> rows;
  for (RowId row = 1; row <= kItems + 300; row += 7) rows.push_back(row);
  const RowSet allowed = RowSet::of(rows);
  EXPECT_GE(mean_recall(*backend, 100, 0.95, &allowed), 0.94);
  for (int i = 0; i < 20; ++i) {
    const auto found = search(*backend, static_cast<std::uint32_t>(i), 0.95, &allowed);
    for (const auto& neighbor : found.neighbors) {
      EXPECT_TRUE(allowed.contains(neighbor.row));
      const bool deleted = neighbor.row <= kItems && (neighbor.row - 1) % 3 == 0;
      EXPECT_FALSE(deleted) << "row " << neighbor.row;
    }
  }
}

TEST_F(IndexesTest, every_answer_is_right_without_the_file_and_with_a_damaged_one) {
  ASSERT_TRUE(collection_->seal().is_ok());
  build(*make_local_backend(Env::real(), &pool_));
  const auto file = graph_files().at(0);
  {
    std::fstream out(file, std::ios::in | std::ios::out | std::ios::binary);
    out.seekp(20);
    out.put('\x7f');
  }
  const auto backend = make_local_backend(Env::real(), &pool_);
  EXPECT_TRUE(search(*backend, 1, 0.95).exact) << "a damaged header is not followed";
  const auto faults = must(backend->verify_indexes(*collection_));
  ASSERT_EQ(faults.size(), 1U);
  EXPECT_EQ(faults[0].where, file.string());
  EXPECT_EQ(faults[0].advice, "pictor rebuild -c shop");
  EXPECT_EQ(build(*backend).made, 1U) << "a damaged one is made anew";
  EXPECT_TRUE(must(backend->verify_indexes(*collection_)).empty());
  EXPECT_FALSE(search(*backend, 1, 0.95).exact) << "at once, without opening anything again";
  std::filesystem::remove(file);
  EXPECT_TRUE(must(backend->verify_indexes(*collection_)).empty()) << "a missing one is no fault";
  const auto other = make_local_backend(Env::real(), &pool_);
  EXPECT_TRUE(search(*other, 1, 0.95).exact);
}

TEST_F(IndexesTest, a_graph_of_another_segment_is_refused) {
  ASSERT_TRUE(collection_->seal().is_ok());
  const auto backend = make_local_backend(Env::real(), &pool_);
  build(*backend);
  for (std::size_t begin = kItems; begin < 2 * kItems; begin += limits::kBatchItemsMax) {
    put(begin, std::min<std::size_t>(begin + limits::kBatchItemsMax, 2 * kItems));
  }
  ASSERT_TRUE(collection_->seal().is_ok());
  build(*backend);
  auto files = graph_files();
  ASSERT_EQ(files.size(), 2U);
  std::filesystem::copy_file(files[0], files[1], std::filesystem::copy_options::overwrite_existing);
  const auto after = make_local_backend(Env::real(), &pool_);
  EXPECT_EQ(must(after->verify_indexes(*collection_)).size(), 1U);
  EXPECT_GE(mean_recall(*after, 50, 0.95), 0.94) << "that segment is scanned";
}

TEST_F(IndexesTest, a_build_that_is_stopped_says_so_and_is_made_by_the_next) {
  ASSERT_TRUE(collection_->seal().is_ok());
  const auto backend = make_local_backend(Env::real(), &pool_);
  std::uint64_t total = 0;
  const auto report = must(backend->build_indexes(
      *collection_, {false, IndexKind::kGraph, GraphCodes::kFull, 0, [&](const IndexProgress& progress) {
                       total = progress.rows_total;
                       return false;
                     }}));
  EXPECT_TRUE(report.cancelled);
  EXPECT_EQ(report.made, 0U);
  EXPECT_EQ(total, kItems);
  EXPECT_TRUE(graph_files().empty());
  EXPECT_EQ(build(*backend).made, 1U);
}

TEST_F(IndexesTest, searches_go_on_while_graphs_are_made_again_and_again) {
  ASSERT_TRUE(collection_->seal().is_ok());
  const auto backend = make_local_backend(Env::real(), &pool_);
  std::atomic<bool> stop = false;
  std::atomic<int> wrong = 0;
  std::thread searcher([&] {
    for (std::uint32_t i = 0; !stop; ++i) wrong += search(*backend, i, 0.95).neighbors.size() == 10 ? 0 : 1;
  });
  for (int i = 0; i < 2; ++i) build(*backend, true);
  stop = true;
  searcher.join();
  EXPECT_EQ(wrong, 0);
}

TEST_F(IndexesTest, a_graph_is_not_kept_for_a_segment_that_is_not_there) {
  ASSERT_TRUE(collection_->seal().is_ok());
  const auto write = [](const IndexSink& sink) { return sink(Bytes(100)); };
  EXPECT_EQ(collection_->write_index(77, 0, IndexKind::kGraph, write).code(), Code::kNotFound);
  EXPECT_EQ(collection_->write_index(0, 0, IndexKind::kGraph, write).code(), Code::kNotFound) << "fresh rows have none";
  EXPECT_TRUE(graph_files().empty());
}

TEST_F(IndexesTest, stats_count_graphs) {
  ASSERT_TRUE(collection_->seal().is_ok());
  EXPECT_EQ(must(collection_->stats()).graphs, 0U);
  const auto report = build(*make_local_backend(Env::real(), &pool_));
  EXPECT_EQ(must(collection_->stats()).graphs, 1U);
  EXPECT_EQ(must(collection_->stats()).graph_bytes, report.bytes);
}

TEST_F(IndexesTest, lists_are_asked_where_they_are_wanted) {
  const auto backend = make_local_backend(Env::real(), &pool_);
  ASSERT_TRUE(collection_->seal().is_ok());
  const auto report = build(*backend, false, IndexKind::kLists);
  EXPECT_EQ(report.made, 1U);
  EXPECT_EQ(report.rows, kItems);
  ASSERT_EQ(list_files().size(), 1U);
  EXPECT_EQ(report.bytes, std::filesystem::file_size(list_files()[0]));
  const auto found = search(*backend, 1, 0.95);
  EXPECT_FALSE(found.exact);
  EXPECT_LT(found.distances, kItems);
  EXPECT_TRUE(search(*backend, 1, 1).exact);
  EXPECT_GE(mean_recall(*backend, 100, 0.95), 0.94);
  EXPECT_EQ(build(*backend, false, IndexKind::kLists).kept, 1U) << "they are there";
  const auto other = make_local_backend(Env::real(), nullptr);
  EXPECT_EQ(search(*other, 1, 0.95).neighbors, found.neighbors) << "opened anew, by one thread";
}

TEST_F(IndexesTest, lists_take_the_place_of_a_graph_and_give_it_back_only_when_all_is_made_anew) {
  const auto backend = make_local_backend(Env::real(), &pool_);
  ASSERT_TRUE(collection_->seal().is_ok());
  build(*backend);
  const auto walked = search(*backend, 1, 0.95).distances;
  EXPECT_EQ(build(*backend, false, IndexKind::kLists).made, 1U) << "a graph takes memory that is not to be taken";
  EXPECT_TRUE(graph_files().empty());
  EXPECT_EQ(list_files().size(), 1U);
  EXPECT_NE(search(*backend, 1, 0.95).distances, walked) << "at once, without opening anything again";
  EXPECT_FALSE(search(*backend, 1, 0.95).exact);
  EXPECT_EQ(build(*backend).kept, 1U) << "lists are good enough";
  EXPECT_EQ(build(*backend, true).made, 1U);
  EXPECT_EQ(graph_files().size(), 1U);
  EXPECT_TRUE(list_files().empty());
}

TEST_F(IndexesTest, fresh_rows_deaths_and_filters_are_right_beside_lists) {
  const auto backend = make_local_backend(Env::real(), &pool_);
  ASSERT_TRUE(collection_->seal().is_ok());
  build(*backend, false, IndexKind::kLists);
  put(kItems, kItems + 300);  // fresh
  Batch batch;
  batch.id = "deletes";
  for (std::size_t i = 0; i < kItems; i += 3) {
    if (batch.deletes.size() < limits::kBatchItemsMax) batch.deletes.push_back("item" + std::to_string(i));
  }
  ASSERT_TRUE(collection_->commit(batch).is_ok());
  EXPECT_GE(mean_recall(*backend, 100, 0.95), 0.94);
  std::vector<RowId> rows;
  for (RowId row = 1; row <= kItems + 300; row += 7) rows.push_back(row);
  const RowSet allowed = RowSet::of(rows);
  EXPECT_GE(mean_recall(*backend, 100, 0.95, &allowed), 0.94);
  for (int i = 0; i < 20; ++i) {
    const auto found = search(*backend, static_cast<std::uint32_t>(i), 0.95, &allowed);
    for (const auto& neighbor : found.neighbors) {
      EXPECT_TRUE(allowed.contains(neighbor.row));
      const bool deleted = neighbor.row <= kItems && (neighbor.row - 1) % 3 == 0;
      EXPECT_FALSE(deleted) << "row " << neighbor.row;
    }
  }
}

TEST_F(IndexesTest, damaged_lists_are_not_followed_are_told_and_made_anew) {
  ASSERT_TRUE(collection_->seal().is_ok());
  build(*make_local_backend(Env::real(), &pool_), false, IndexKind::kLists);
  const auto file = list_files().at(0);
  {
    std::fstream out(file, std::ios::in | std::ios::out | std::ios::binary);
    out.seekp(20);
    out.put('\x7f');
  }
  const auto backend = make_local_backend(Env::real(), &pool_);
  EXPECT_TRUE(search(*backend, 1, 0.95).exact) << "a damaged header is not followed";
  const auto faults = must(backend->verify_indexes(*collection_));
  ASSERT_EQ(faults.size(), 1U);
  EXPECT_EQ(faults[0].where, file.string());
  EXPECT_EQ(faults[0].advice, "pictor rebuild -c shop");
  EXPECT_EQ(build(*backend, false, IndexKind::kLists).made, 1U);
  EXPECT_TRUE(must(backend->verify_indexes(*collection_)).empty());
  EXPECT_FALSE(search(*backend, 1, 0.95).exact);
}

TEST_F(IndexesTest, lists_that_are_stopped_say_so_and_leave_no_file) {
  ASSERT_TRUE(collection_->seal().is_ok());
  const auto backend = make_local_backend(Env::real(), &pool_);
  std::uint64_t last = 0;
  int calls = 0;
  const auto report =
      must(backend->build_indexes(*collection_, {false, IndexKind::kLists, GraphCodes::kFull,
                                                 limits::kListBuildBytesMin, [&](const IndexProgress& progress) {
                                                   EXPECT_GE(progress.rows, last);
                                                   EXPECT_LE(progress.rows, progress.rows_total);
                                                   last = progress.rows;
                                                   return ++calls < 3;
                                                 }}));
  EXPECT_TRUE(report.cancelled);
  EXPECT_EQ(report.made, 0U);
  EXPECT_TRUE(list_files().empty());
  EXPECT_TRUE(files_that_end(".tmp").empty());
}

}  // namespace
}  // namespace pictor
