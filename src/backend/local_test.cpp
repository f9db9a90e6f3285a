// The local backend over a snapshot made by hand: several blocks, some rows dead.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <random>

#include "backend/backend.h"
#include "index/index.h"

namespace pictor {
namespace {

const SpaceId kSpace(64, 'a');

// Blocks of random vectors with ascending rows; a row is dead where dead_every divides it.
class MadeSnapshot final : public Snapshot {
 public:
  MadeSnapshot(const std::vector<std::size_t>& counts, std::uint32_t dim, std::uint64_t dead_every)
      : dim_(dim), dead_every_(dead_every) {
    std::mt19937 random(7);
    RowId row = 1;
    for (const std::size_t count : counts) {
      auto& part = parts_.emplace_back();
      for (std::size_t i = 0; i < count; ++i) {
        part.rows.push_back(row++);
        // Coarse numbers: many equal distances, so that ties cross blocks and threads.
        for (std::uint32_t j = 0; j < dim; ++j) part.vectors.push_back(static_cast<float>(random() % 3) - 0.5F);
        part.inverse_norms.push_back(inverse_norm(std::span(part.vectors).last(dim)));
      }
    }
  }

  Result<std::optional<Bytes>> tokens(RowId) const override { return std::optional<Bytes>(); }
  Result<std::vector<SnapshotBlock>> blocks(const SpaceId& space) const override {
    if (space != kSpace) return Status(Code::kNotFound, "no space " + space);
    std::vector<SnapshotBlock> blocks;
    for (const auto& part : parts_) {
      blocks.push_back({part.vectors.data(), part.inverse_norms.data(), part.rows.data(), part.rows.size(), dim_,
                        [this, &part](std::size_t begin, std::span<std::uint8_t> out) {
                          for (std::size_t i = 0; i < out.size(); ++i) out[i] = alive(part.rows[begin + i]) ? 1 : 0;
                        }});
      if (!sealed_) continue;
      blocks.back().segment = blocks.size();
      blocks.back().scattered_vectors = part.vectors.data();
      blocks.back().scattered_inverse_norms = part.inverse_norms.data();
      blocks.back().scattered_rows = part.rows.data();
    }
    return blocks;
  }
  bool alive(RowId row) const { return dead_every_ == 0 || row % dead_every_ != 0; }

  // The k nearest by the plain kernel and a full sort.
  std::vector<Neighbor> nearest(const BackendQuery& query) const {
    std::vector<Neighbor> all;
    const auto& plain = kernels(SimdLevel::kPlain);
    for (const auto& part : parts_) {
      for (std::size_t i = 0; i < part.rows.size(); ++i) {
        if (!alive(part.rows[i]) || (query.allowed != nullptr && !query.allowed->contains(part.rows[i]))) continue;
        const float* vector = part.vectors.data() + i * dim_;
        const float dot = plain.dot(query.vector.data(), vector, dim_);
        Distance distance = cosine_distance(dot, inverse_norm(query.vector), part.inverse_norms[i]);
        if (query.metric == Metric::kInnerProduct) distance.value = -dot;
        if (query.metric == Metric::kL2) distance.value = plain.l2_squared(query.vector.data(), vector, dim_);
        all.push_back({distance, part.rows[i]});
      }
    }
    std::sort(all.begin(), all.end());
    all.resize(std::min(query.k, all.size()));
    return all;
  }

  Sequence sequence() const override { return 1; }
  std::uint64_t size() const override { return 0; }
  bool whole() const override { return whole_; }
  void lose_a_part() { whole_ = false; }
  void seal() { sealed_ = true; }
  Result<std::vector<Item>> items(std::span<const RowId>, bool) const override { return unused(); }
  Result<std::optional<Item>> find(std::string_view, bool) const override { return unused(); }
  Status scan(bool, const std::function<Status(const Item&)>&, RowId) const override { return unused(); }
  Result<RowSet> matching(std::string_view) const override { return unused(); }
  Result<Facets> facets(const FacetRequest&) const override { return unused(); }
  Result<std::optional<Bytes>> blob(RowId) const override { return unused(); }
  Result<std::vector<WordHit>> by_words(std::string_view, const RowSet*, std::size_t) const override {
    return unused();
  }
  Result<std::vector<std::string>> words_of(RowId, std::string_view) const override { return unused(); }

 private:
  static Status unused() { return {Code::kInternal, "the backend searches vectors only"}; }

  struct Part {
    std::vector<float> vectors;
    std::vector<RowId> rows;
    std::vector<float> inverse_norms;
  };
  std::uint32_t dim_;
  std::uint64_t dead_every_;
  bool whole_ = true;
  bool sealed_ = false;
  std::vector<Part> parts_;
};

// The machine, but with a clock that moves by one step whenever it is read.
class SteppingClock final : public Env {
 public:
  std::int64_t monotonic_us() override { return ++now_; }

  Result<std::unique_ptr<File>> open(const std::string& p, OpenMode m) override { return real().open(p, m); }
  Result<FileInfo> info(const std::string& p) override { return real().info(p); }
  Result<std::vector<DirEntry>> list(const std::string& p) override { return real().list(p); }
  Status rename(const std::string& a, const std::string& b) override { return real().rename(a, b); }
  Status remove(const std::string& p) override { return real().remove(p); }
  Status make_dirs(const std::string& p) override { return real().make_dirs(p); }
  Status sync_dir(const std::string& p) override { return real().sync_dir(p); }
  Result<std::unique_ptr<FileLock>> lock(const std::string& p) override { return real().lock(p); }
  Result<std::uint64_t> free_bytes(const std::string& p) override { return real().free_bytes(p); }
  void will_read(ByteView part) override { real().will_read(part); }
  std::int64_t wall_us() override { return real().wall_us(); }
  void wait_us(std::int64_t us) override { real().wait_us(us); }
  void random(std::span<std::byte> out) override { real().random(out); }

 private:
  std::atomic<std::int64_t> now_{0};
};

std::vector<float> query_vector(std::uint32_t dim) {
  std::vector<float> vector(dim);
  for (std::uint32_t i = 0; i < dim; ++i) vector[i] = static_cast<float>(i % 5) - 1.7F;
  return vector;
}

RowSet every_nth_row(RowId n, RowId last) {
  std::vector<RowId> rows;
  for (RowId row = n; row <= last; row += n) rows.push_back(row);
  return RowSet::of(rows);
}

constexpr Metric kMetrics[] = {Metric::kCosine, Metric::kInnerProduct, Metric::kL2};

TEST(LocalBackend, finds_the_nearest_rows_alive_over_all_blocks) {
  const MadeSnapshot snapshot({700, 1, 0, 1300}, 12, 3);
  const auto vector = query_vector(12);
  const auto backend = make_local_backend(Env::real(), nullptr);
  for (const Metric metric : kMetrics) {
    const BackendQuery query{kSpace, vector, metric, 50, nullptr, 0};
    const auto found = backend->search(snapshot, query);
    ASSERT_TRUE(found.is_ok()) << found.status().to_string();
    EXPECT_EQ(found->neighbors, snapshot.nearest(query));
    EXPECT_TRUE(found->complete);
    EXPECT_TRUE(found->exact);
    EXPECT_EQ(found->distances, 2001U - 2001U / 3);
  }
}

TEST(LocalBackend, finds_only_rows_of_the_set_and_computes_no_other_distance) {
  const MadeSnapshot snapshot({900, 1100}, 12, 7);
  const auto vector = query_vector(12);
  const auto backend = make_local_backend(Env::real(), nullptr);
  for (const RowId n : {RowId{2}, RowId{100}, RowId{5000}}) {
    const RowSet allowed = every_nth_row(n, 2000);
    const BackendQuery query{kSpace, vector, Metric::kCosine, 30, &allowed, 0};
    const auto found = backend->search(snapshot, query);
    ASSERT_TRUE(found.is_ok()) << found.status().to_string();
    EXPECT_EQ(found->neighbors, snapshot.nearest(query)) << n;
    EXPECT_LE(found->distances, allowed.size());
    EXPECT_TRUE(found->complete);
  }
}

// 12 MB of vectors: enough to be shared out.
TEST(LocalBackend, the_answer_does_not_depend_on_the_threads) {
  const MadeSnapshot snapshot({9000, 40'000, 11'000}, 50, 11);
  const auto vector = query_vector(50);
  const RowSet third = every_nth_row(3, 60'000);
  for (const Metric metric : kMetrics) {
    for (const RowSet* allowed : {static_cast<const RowSet*>(nullptr), &third}) {
      const BackendQuery query{kSpace, vector, metric, 100, allowed, 0};
      const auto wanted = snapshot.nearest(query);
      const auto alone = make_local_backend(Env::real(), nullptr)->search(snapshot, query).value();
      EXPECT_EQ(alone.neighbors, wanted);
      for (const std::size_t threads : {1, 2, 5}) {
        ThreadPool pool(threads);
        const auto found = make_local_backend(Env::real(), &pool)->search(snapshot, query).value();
        EXPECT_EQ(found.neighbors, wanted) << threads << " threads";
        EXPECT_EQ(found.distances, alone.distances);
        EXPECT_TRUE(found.complete);
      }
    }
  }
}

TEST(LocalBackend, nor_on_whether_anybody_waits_for_it) {
  MadeSnapshot snapshot({9000, 40'000, 11'000}, 50, 11);
  const auto vector = query_vector(50);
  for (const bool sealed : {false, true}) {
    if (sealed) snapshot.seal();
    for (const Metric metric : kMetrics) {
      BackendQuery query{kSpace, vector, metric, 100};
      query.alone = true;
      const auto found = make_local_backend(Env::real(), nullptr)->search(snapshot, query).value();
      EXPECT_EQ(found.neighbors, snapshot.nearest(query));
    }
  }
}

TEST(LocalBackend, a_deadline_that_passes_gives_the_nearest_of_what_was_seen_and_says_so) {
  const MadeSnapshot snapshot({6000, 54'000}, 50, 0);
  const auto vector = query_vector(50);
  ThreadPool pool(2);
  for (ThreadPool* threads : {static_cast<ThreadPool*>(nullptr), &pool}) {
    SteppingClock clock;
    BackendQuery query{kSpace, vector, Metric::kL2, 10, nullptr, 4};  // three ranges are begun before step 4
    const auto backend = make_local_backend(clock, threads);
    const auto found = backend->search(snapshot, query).value();
    EXPECT_FALSE(found.complete);
    EXPECT_EQ(found.neighbors.size(), 10U);
    EXPECT_GT(found.distances, 0U);
    EXPECT_LT(found.distances, 60'000U);
    query.deadline_us = 1'000'000;
    EXPECT_TRUE(backend->search(snapshot, query)->complete);
    query.deadline_us = 1;  // passed before anything was done
    const auto late = backend->search(snapshot, query).value();
    EXPECT_FALSE(late.complete);
    EXPECT_TRUE(late.neighbors.empty());
  }
}

TEST(LocalBackend, refuses_an_unknown_space_and_a_query_that_cannot_be_searched) {
  const MadeSnapshot snapshot({100}, 8, 0);
  const auto backend = make_local_backend(Env::real(), nullptr);
  const auto good = query_vector(8);
  const auto code = [&](const BackendQuery& query) { return backend->search(snapshot, query).status().code(); };
  EXPECT_EQ(code({kSpace, good, Metric::kCosine, 5, nullptr, 0}), Code::kOk);
  EXPECT_EQ(code({"other", good, Metric::kCosine, 5, nullptr, 0}), Code::kNotFound);
  EXPECT_EQ(code({kSpace, good, Metric::kCosine, 0, nullptr, 0}), Code::kInvalid);
  const auto longer = query_vector(9);
  const auto wrong = backend->search(snapshot, {kSpace, longer, Metric::kCosine, 5, nullptr, 0});
  EXPECT_NE(wrong.status().message().find("has 9 numbers, the vectors searched have 8"), std::string::npos);
  const RowSet none;
  EXPECT_EQ(code({kSpace, longer, Metric::kCosine, 5, &none, 0}), Code::kInvalid) << "also when no row is allowed";
  std::vector<float> nan = good;
  nan[0] = std::nanf("");
  EXPECT_EQ(code({kSpace, nan, Metric::kCosine, 5, nullptr, 0}), Code::kInvalid);
}

TEST(LocalBackend, an_empty_collection_answers_with_nothing) {
  const auto vector = query_vector(8);
  const auto backend = make_local_backend(Env::real(), nullptr);
  for (const auto& counts : {std::vector<std::size_t>{}, {0}}) {
    const MadeSnapshot snapshot(counts, 8, 0);
    const auto found = backend->search(snapshot, {kSpace, vector, Metric::kCosine, 5, nullptr, 0});
    ASSERT_TRUE(found.is_ok()) << found.status().to_string();
    EXPECT_TRUE(found->neighbors.empty());
    EXPECT_TRUE(found->complete);
  }
}

TEST(LocalBackend, an_answer_from_a_damaged_collection_is_not_complete) {
  MadeSnapshot snapshot({100}, 8, 0);
  const std::vector<float> vector(8, 0.5F);
  const auto backend = make_local_backend(Env::real(), nullptr);
  BackendQuery query{kSpace, vector, Metric::kCosine, 5};
  EXPECT_TRUE(backend->search(snapshot, query)->complete);
  snapshot.lose_a_part();
  const auto found = backend->search(snapshot, query);
  EXPECT_FALSE(found->complete);
  EXPECT_EQ(found->neighbors.size(), 5U);
}

TEST(LocalBackend, says_what_it_is) {
  EXPECT_EQ(make_local_backend(Env::real(), nullptr)->describe(),
            "local, graphs, lists and scans, " + std::string(simd_name(best_simd())));
}

class CountingCollection final : public Collection {
 public:
  Result<CommitResult> commit(const Batch& batch) override {
    CommitResult result;
    result.added = batch.puts.size();
    result.deleted = batch.deletes.size();
    return result;
  }
  const CollectionSpec& spec() const override { return spec_; }
  Result<std::unique_ptr<Snapshot>> snapshot() const override { return unused(); }
  Result<std::unique_ptr<Snapshot>> snapshot_as_of(const AsOf&) const override { return unused(); }
  Result<std::vector<Version>> versions(std::string_view) const override { return unused(); }
  Status seal() override { return unused(); }
  Result<PurgeReport> purge(std::span<const std::string>, const PurgeOptions&) override { return unused(); }
  Result<std::optional<std::int64_t>> erased(std::string_view) const override { return unused(); }
  Result<CompactReport> compact(const CompactOptions&) override { return unused(); }
  Result<CollectionStats> stats() const override { return unused(); }
  Result<std::vector<Fault>> verify(const std::function<void(std::uint64_t, std::uint64_t)>&) const override {
    return unused();
  }
  Result<std::optional<KnownVectors>> vectors_of_content(const Hash256&) const override { return unused(); }
  Result<std::optional<Bytes>> tokens_of_content(const Hash256&) const override { return unused(); }
  Result<std::uint64_t> quarantine() override { return unused(); }
  Status index_words(bool) override { return unused(); }
  IndexPolicy index_policy() const override { return {}; }
  Status set_index_policy(const IndexPolicy&) override { return unused(); }
  Status write_index(std::uint64_t, std::size_t, IndexKind, const IndexWriter&) override { return unused(); }
  Result<std::optional<CommitResult>> applied(const std::string&) const override { return unused(); }
  std::shared_ptr<const Settings> settings() const override { return std::make_shared<const Settings>(); }
  Status set(const Settings&) override { return unused(); }

 private:
  static Status unused() { return {Code::kInternal, "the backend only commits"}; }
  CollectionSpec spec_;
};

TEST(LocalBackend, applying_a_batch_is_the_collections_commit) {
  CountingCollection collection;
  Batch batch;
  batch.puts.resize(3);
  batch.deletes.resize(2);
  const auto result = make_local_backend(Env::real(), nullptr)->apply(collection, batch);
  ASSERT_TRUE(result.is_ok());
  EXPECT_EQ(result->added, 3U);
  EXPECT_EQ(result->deleted, 2U);
}

}  // namespace
}  // namespace pictor
