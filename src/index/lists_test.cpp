#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <mutex>

#include "index/index_sets.h"
#include "index/lists_build.h"
#include "index/lists_cluster.h"
#include "index/lists_testing.h"

namespace pictor {
namespace {

constexpr std::size_t kRows = 3000 / kGraphTestScale;
constexpr auto kAllMetrics = {Metric::kCosine, Metric::kInnerProduct, Metric::kL2};

Bytes built(const VectorBlock& block, Metric metric, const ListBuildOptions& options = {}, ThreadPool* pool = nullptr) {
  return build_list_index(block, metric, options, pool).value();
}

ListBuildOptions with(std::uint32_t lists, std::uint32_t bits) {
  ListBuildOptions options;
  options.lists = lists;
  options.bits = bits;
  return options;
}

TEST(Lists, their_bytes_do_not_depend_on_the_threads) {
  const ClusteredSet set(2000 / kGraphTestScale, 40, 30, 1);
  for (const Metric metric : kAllMetrics) {
    for (const std::uint32_t lists : {0U, 700U}) {  // without groups and with
      if (lists > 0 && metric != Metric::kL2) continue;
      const Bytes wanted = built(set.block(), metric, with(lists, 4));
      for (const std::size_t threads : {2, 5}) {
        ThreadPool pool(threads);
        EXPECT_TRUE(built(set.block(), metric, with(lists, 4), &pool) == wanted)
            << threads << " threads, metric " << static_cast<int>(metric);
      }
    }
  }
}

// What a disk needs to know where little memory is left: every row, before it is read, and no more than a few at once.
TEST(Lists, every_row_is_announced_a_few_at_a_time_and_the_bytes_are_the_same) {
  const ClusteredSet set(kRows, 40, 30, 1);
  const VectorBlock block = set.block();
  for (const Metric metric : {Metric::kCosine, Metric::kL2}) {
    std::mutex mutex;
    std::vector<int> times(kRows, 0);
    std::size_t most = 0;
    ListBuildOptions options;
    options.will_read = [&](ByteView part) {
      const auto* begin = reinterpret_cast<const float*>(part.data());
      if (begin < block.vectors || begin >= block.vectors + kRows * block.dim) return;  // an inverse norm
      const std::lock_guard lock(mutex);
      const std::size_t first = static_cast<std::size_t>(begin - block.vectors) / block.dim;
      const std::size_t count = part.size() / (block.dim * sizeof(float));
      ASSERT_LE(first + count, kRows);
      most = std::max(most, count);
      for (std::size_t i = first; i < first + count; ++i) ++times[i];
    };
    ThreadPool pool(2);
    EXPECT_TRUE(built(block, metric, options, &pool) == built(block, metric));
    // For the lists, the truth and the codes; for l2 the unit, too. Besides for the mean and the sample, drawn.
    EXPECT_GE(*std::min_element(times.begin(), times.end()), metric == Metric::kL2 ? 4 : 3);
    EXPECT_LE(most * block.dim * sizeof(float), limits::kMiB * 2);
  }
}

// Run at every SIMD level (index_test_plain): another sum means that files differ between machines.
TEST(Lists, their_bytes_are_the_recorded_ones) {
  const ClusteredSet set(900, 33, 12, 2);
  Sha256Stream hash;
  for (const Metric metric : kAllMetrics) {
    for (const std::uint32_t bits : {4U, 8U}) hash.add(built(set.block(), metric, with(0, bits)));
  }
  hash.add(built(set.block(), Metric::kL2, with(600, 4)));
  EXPECT_EQ(hash.finish().hex(), "22cec09854c887a2996fcaa8ef53014ef1344d82bb30e611943de02454d58500");
}

TEST(Lists, their_bytes_do_not_depend_on_the_buffer_and_come_in_pieces) {
  const ClusteredSet set(kRows, 40, 30, 1);
  const Bytes wanted = built(set.block(), Metric::kCosine);
  for (const std::uint64_t buffer : {1ULL, 5000ULL, 100'000ULL}) {
    Bytes seen;
    std::size_t largest = 0;
    const ByteSink sink = [&](ByteView bytes) {
      largest = std::max(largest, bytes.size());
      seen.insert(seen.end(), bytes.begin(), bytes.end());
      return Status::ok();
    };
    ASSERT_TRUE(write_list_index(set.block(), Metric::kCosine, {}, nullptr, sink, buffer).is_ok());
    EXPECT_TRUE(seen == wanted) << buffer;
    EXPECT_LT(largest, wanted.size());
  }
}

TEST(Lists, what_the_sink_says_ends_the_build) {
  const ClusteredSet set(500, 8, 5, 1);
  const ByteSink full = [](ByteView) { return Status(Code::kIo, "the disk is full"); };
  const Status status = write_list_index(set.block(), Metric::kL2, {}, nullptr, full);
  EXPECT_NE(status.message().find("the disk is full"), std::string::npos) << status.message();
}

struct Asked {
  Metric metric;
  std::uint32_t bits;
  std::size_t k;
  double recall;
};

double found_share(const ClusteredSet& set, const BuiltLists& lists, const Asked& asked, std::uint64_t& distances) {
  constexpr std::size_t kQueries = 100;
  const auto flat = make_flat_index(set.block());
  std::mt19937 random(5);
  double found = 0;
  for (std::size_t i = 0; i < kQueries; ++i) {
    const auto vector = set.near(i % set.clusters, random);
    const auto truth = flat->search({vector, asked.metric, asked.k, nullptr}).value().neighbors;
    const auto answer = lists.index->search({vector, asked.metric, asked.k, nullptr, asked.recall}).value();
    EXPECT_FALSE(answer.exact);
    distances += answer.distances;
    for (const auto& neighbor : answer.neighbors) {
      if (std::binary_search(truth.begin(), truth.end(), neighbor)) found += 1;
    }
  }
  return found / static_cast<double>(kQueries * asked.k);
}

TEST(Lists, what_was_promised_is_found_and_few_distances_are_computed) {
  const ClusteredSet set(kRows, 64, 40, 1);
  for (const Metric metric : kAllMetrics) {
    for (const std::uint32_t bits : {4U, 8U}) {
      if (bits == 8 && metric != Metric::kL2) continue;
      const BuiltLists lists(set.block(), metric, kListsForNothing, with(0, bits));
      for (const std::size_t k : {1, 10, 40, 100, 150}) {
        std::uint64_t distances = 0;
        EXPECT_GE(found_share(set, lists, {metric, bits, k, 0.95}, distances), 0.945)
            << "metric " << static_cast<int>(metric) << ", " << bits << " bits, k " << k;
        if (k == 10 && kGraphTestScale == 1) {
          EXPECT_LT(distances, 100 * kRows / 3);
        }
      }
    }
  }
}

TEST(Lists, a_recall_of_1_or_one_that_is_not_promised_or_another_metric_is_answered_exactly) {
  const ClusteredSet set(kRows, 40, 30, 1);
  const BuiltLists lists(set.block(), Metric::kCosine, kListsForNothing);
  const auto flat = make_flat_index(set.block());
  std::mt19937 random(6);
  const auto vector = set.near(3, random);
  for (const IndexQuery& query :
       {IndexQuery{vector, Metric::kCosine, 10, nullptr, 1.0},
        IndexQuery{vector, Metric::kCosine, 10, nullptr, 0.99999}, IndexQuery{vector, Metric::kL2, 10, nullptr, 0.9}}) {
    const auto answer = lists.index->search(query).value();
    EXPECT_TRUE(answer.exact);
    EXPECT_EQ(answer.distances, kRows);
    EXPECT_EQ(answer.neighbors, flat->search(query)->neighbors);
  }
  EXPECT_FALSE(lists.index->search({vector, Metric::kCosine, 10, nullptr, 0.9})->exact);
}

TEST(Lists, a_scan_is_taken_where_lists_cost_more) {
  const ClusteredSet set(300, 40, 5, 1);
  const BuiltLists lists(set.block(), Metric::kL2, ListCosts{1000, 1});
  std::mt19937 random(6);
  EXPECT_TRUE(lists.index->search({set.near(3, random), Metric::kL2, 10, nullptr, 0.9})->exact);
}

TEST(Lists, distances_have_the_bits_of_a_scan) {
  const ClusteredSet set(kRows, 40, 30, 1);
  const auto flat = make_flat_index(set.block());
  std::mt19937 random(6);
  for (const Metric metric : kAllMetrics) {
    const BuiltLists lists(set.block(), metric, kListsForNothing);
    const auto vector = set.near(3, random);
    const auto all = flat->search({vector, metric, kRows, nullptr})->neighbors;
    const auto answer = lists.index->search({vector, metric, 10, nullptr, 0.9}).value();
    EXPECT_FALSE(answer.exact);
    for (const auto& neighbor : answer.neighbors) {
      EXPECT_TRUE(std::binary_search(all.begin(), all.end(), neighbor)) << neighbor.row;
    }
  }
}

TEST(Lists, thousands_of_equal_vectors_are_cut_into_lists_of_a_bounded_length) {
  ClusteredSet set(kRows, 24, 20, 3);
  for (std::size_t i = 0; i < kRows; i += 2) {  // half of all rows are one vector
    std::copy_n(set.vectors.begin(), set.dim, set.vectors.begin() + static_cast<std::ptrdiff_t>(i * set.dim));
    set.inverse_norms[i] = set.inverse_norms[0];
  }
  const BuiltLists lists(set.block(), Metric::kCosine, kListsForNothing);
  EXPECT_TRUE(check_list_file(lists.file, set.block(), Metric::kCosine, 0).is_ok());
  const auto view = parse_lists(lists.file).value();
  std::uint32_t longest = 0;
  for (std::size_t i = 0; i + 1 < view.first.size(); ++i)
    longest = std::max(longest, view.first[i + 1] - view.first[i]);
  EXPECT_LE(longest, 260U);  // eight times the 32 rows of a list
  std::mt19937 random(8);
  const auto flat = make_flat_index(set.block());
  std::size_t found = 0;
  for (std::size_t i = 0; i < 50; ++i) {
    const auto vector = set.near(i % set.clusters, random);
    const auto truth = flat->search({vector, Metric::kCosine, 10, nullptr}).value().neighbors;
    const auto answer = lists.index->search({vector, Metric::kCosine, 10, nullptr, 0.95}).value();
    for (const auto& neighbor : answer.neighbors) {
      found += std::binary_search(truth.begin(), truth.end(), neighbor) ? 1 : 0;
    }
  }
  EXPECT_GE(found, 470U);
}

TEST(Lists, one_row_and_few_rows_and_rows_all_alike_are_found) {
  for (const std::size_t count : {1, 2, 3, 9, 40}) {
    for (const bool alike : {false, true}) {
      ClusteredSet set(count, 5, 2, 4);
      for (std::size_t i = 0; alike && i < set.vectors.size(); ++i) set.vectors[i] = 0.5F;
      for (std::size_t i = 0; i < count; ++i) {
        set.inverse_norms[i] = inverse_norm(std::span(set.vectors).subspan(i * set.dim, set.dim));
      }
      for (const Metric metric : kAllMetrics) {
        const BuiltLists lists(set.block(), metric, kListsForNothing, with(3, 4));
        EXPECT_TRUE(check_list_file(lists.file, set.block(), metric, 0).is_ok());
        const auto query = std::span<const float>(set.vectors).first(set.dim);
        const auto answer = lists.index->search({query, metric, 1, nullptr, 0.5}).value();
        EXPECT_EQ(answer.neighbors.size(), 1U);
      }
    }
  }
}

TEST(Lists, zeros_and_numbers_of_any_size_make_lists) {
  for (const float factor : {0.0F, 1e-38F, 3e37F}) {
    ClusteredSet set(600, 16, 5, 4, 0.3F);
    for (float& x : set.vectors) x = std::clamp(x * factor, -3e38F, 3e38F);
    std::fill_n(set.vectors.begin() + 160, 32, 0.0F);
    for (std::size_t i = 0; i < set.rows.size(); ++i) {
      set.inverse_norms[i] = inverse_norm(std::span(set.vectors).subspan(i * set.dim, set.dim));
    }
    for (const Metric metric : kAllMetrics) {
      const BuiltLists lists(set.block(), metric, kListsForNothing);
      EXPECT_TRUE(check_list_file(lists.file, set.block(), metric, 0).is_ok())
          << check_list_file(lists.file, set.block(), metric, 0).message();
      std::vector<float> query(set.vectors.begin() + 320, set.vectors.begin() + 336);
      if (factor == 0.0F) query.assign(16, 1.0F);
      const auto answer = lists.index->search({query, metric, 10, nullptr, 0.9}).value();
      EXPECT_EQ(answer.neighbors.size(), 10U);
      EXPECT_TRUE(std::is_sorted(answer.neighbors.begin(), answer.neighbors.end()));
    }
  }
}

// What is read of the codes and of the vectors was told before, so that a disk can fetch it all at once.
TEST(Lists, what_a_search_will_read_is_told_before) {
  const ClusteredSet set(kRows, 40, 30, 1);
  const Bytes file = built(set.block(), Metric::kCosine);
  const ByteView vectors = std::as_bytes(std::span(set.vectors));
  std::uint64_t of_file = 0;
  std::uint64_t of_vectors = 0;
  const auto told = [&](ByteView part) {
    const auto within = [&](ByteView all) {
      return part.data() >= all.data() && part.data() + part.size() <= all.data() + all.size();
    };
    EXPECT_TRUE(within(file) || within(vectors));
    (within(file) ? of_file : of_vectors) += part.size();
  };
  const auto index = open_list_index(file, set.block(), Metric::kCosine, 0, kListsForNothing, told).value();
  const auto view = parse_lists(file).value();
  EXPECT_EQ(of_file, view.centre_codes.size()) << "all of them are ranked by every search";
  of_file = 0;
  std::mt19937 random(6);
  const auto vector = set.near(3, random);
  const auto answer = index->search({vector, Metric::kCosine, 10, nullptr, 0.9}).value();
  ASSERT_FALSE(answer.exact);
  EXPECT_GE(of_vectors, 10 * set.dim * sizeof(float));
  const std::uint64_t rescored = of_vectors / (set.dim * sizeof(float));
  const std::uint64_t codes = (answer.distances - rescored) * list_row_bytes(40, 4);
  EXPECT_GE(of_file, codes);
  EXPECT_LE(of_file, codes + (answer.distances - rescored) * 12 + view.header.lists * 4 * 128) << "and no more";
  EXPECT_EQ(index->search({vector, Metric::kCosine, 10, nullptr, 0.9})->neighbors, answer.neighbors);
}

TEST(Lists, their_size_is_known_about_before_they_are_made) {
  const ClusteredSet set(kRows, 128, 30, 1);
  const auto bytes = static_cast<double>(built(set.block(), Metric::kCosine).size());
  EXPECT_NEAR(static_cast<double>(expected_list_bytes(kRows, 128)) / bytes, 1.0, 0.35);
}

TEST(Lists, a_query_out_of_all_proportion_is_answered_exactly) {
  const ClusteredSet set(kRows, 16, 30, 1);
  const std::vector<float> huge(16, 1e30F);
  const std::vector<float> zeros(16, 0.0F);
  const BuiltLists l2(set.block(), Metric::kL2, kListsForNothing);
  EXPECT_TRUE(l2.index->search({huge, Metric::kL2, 10, nullptr, 0.9})->exact);
  EXPECT_FALSE(l2.index->search({zeros, Metric::kL2, 10, nullptr, 0.9})->exact);
  const BuiltLists product(set.block(), Metric::kInnerProduct, kListsForNothing);
  EXPECT_TRUE(product.index->search({zeros, Metric::kInnerProduct, 10, nullptr, 0.9})->exact);
}

TEST(Lists, options_out_of_their_limits_are_refused_with_the_numbers) {
  const ClusteredSet set(50, 4, 2, 1);
  const auto refused = [&](const VectorBlock& block, Metric metric, const ListBuildOptions& options) {
    const auto file = build_list_index(block, metric, options, nullptr);
    EXPECT_FALSE(file.is_ok());
    EXPECT_EQ(file.status().code(), Code::kInvalid);
    return file.status().message();
  };
  EXPECT_NE(refused(set.block(), Metric::kL2, with(limits::kListsMax + 1, 4)).find("65537 lists"), std::string::npos);
  EXPECT_NE(refused(set.block(), Metric::kL2, with(0, 5)).find("5 bits"), std::string::npos);
  auto block = set.block();
  block.count = 0;
  EXPECT_NE(refused(block, Metric::kL2, {}).find("0 rows"), std::string::npos);
  block.count = std::size_t{limits::kListRowsMax} + 1;
  EXPECT_NE(refused(block, Metric::kL2, {}).find("268435457 rows"), std::string::npos);
  block = set.block();
  block.dim = limits::kVectorDimMax + 1;
  EXPECT_NE(refused(block, Metric::kL2, {}).find("16385"), std::string::npos);
  block = set.block();
  block.inverse_norms = nullptr;
  EXPECT_NE(refused(block, Metric::kCosine, {}).find("inverse norms"), std::string::npos);
  ListBuildOptions little;
  little.memory_bytes = limits::kListBuildBytesMin - 1;
  EXPECT_NE(refused(set.block(), Metric::kL2, little).find("16777215 bytes are given"), std::string::npos);
  // More lists than rows are as many as rows.
  EXPECT_LE(parse_lists(built(set.block(), Metric::kL2, with(limits::kListsMax, 4)))->header.lists, 50U);
}

TEST(Lists, a_build_goes_on_while_it_may_and_says_how_far_it_is) {
  const ClusteredSet set(kRows, 16, 20, 1);
  std::uint64_t before = 0;
  ListBuildOptions options;
  options.progress = [&](std::uint64_t done, std::uint64_t total) {
    EXPECT_GE(done, before);
    EXPECT_EQ(total, 4 * kRows);
    before = done;
    return true;
  };
  EXPECT_TRUE(build_list_index(set.block(), Metric::kL2, options, nullptr).is_ok());
  EXPECT_EQ(before, 4 * kRows);
  int calls = 0;
  options.progress = [&](std::uint64_t, std::uint64_t) { return ++calls < 3; };
  EXPECT_EQ(build_list_index(set.block(), Metric::kL2, options, nullptr).status().code(), Code::kCancelled);
}

TEST(Lists, say_what_they_are) {
  const ClusteredSet set(kRows, 16, 20, 1);
  const BuiltLists lists(set.block(), Metric::kL2, kListsForNothing, with(50, 8));
  EXPECT_EQ(lists.index->describe(), "ivf, " + std::to_string(kRows) + " x 16, " +
                                         std::to_string(parse_lists(lists.file)->header.lists) + " lists, 8-bit codes");
  EXPECT_EQ(lists.index->size(), kRows);
}

TEST(ListCodes, estimate_products_well_enough) {
  const std::size_t width = 256;
  std::mt19937 random(3);
  for (const std::uint32_t bits : {4U, 8U}) {
    double wrong = 0;
    double of = 0;
    for (int round = 0; round < 50; ++round) {
      std::vector<float> rest(width);
      std::vector<float> centre(width);
      ListQuery query;
      query.numbers.resize(width);
      query.codes.resize(width);
      for (std::size_t j = 0; j < width; ++j) {
        rest[j] = ClusteredSet::number(random);
        centre[j] = ClusteredSet::number(random);
        query.numbers[j] = centre[j] + ClusteredSet::number(random);
      }
      query.scale = code_numbers(query.numbers, query.codes.data());
      for (const std::int8_t code : query.codes) query.sum += code;
      std::vector<std::uint8_t> codes(width * bits / 8);
      const ListRow row = code_rest(rest, centre, bits, codes);
      const CodeTerms terms{row.scale, row.error_along};
      const std::uint8_t* codes_of_row = codes.data();
      const CodeTerms* terms_of_row = &terms;
      float likeness = 0;
      list_likenesses(query, bits, 0.0F, &codes_of_row, &terms_of_row, 1, &likeness);
      const float truth = kernels().dot(query.numbers.data(), rest.data(), width);
      wrong += static_cast<double>((likeness - truth) * (likeness - truth));
      of += static_cast<double>(kernels().dot(rest.data(), rest.data(), width));  // |q - c| is 1 a number too
    }
    EXPECT_LT(std::sqrt(wrong / of), bits == 4 ? 0.12 : 0.015) << bits << " bits";
  }
}

TEST(Centres, grouped_ones_are_found_nearly_as_well_as_by_comparing_all) {
  const ClusteredSet set(kRows, 64, 200, 9, 0.6F);
  CodedVectors rows(64, kRows);
  for (std::size_t i = 0; i < kRows; ++i) rows.set(i, std::span(set.vectors).subspan(i * 64, 64));
  const Centres centres = Centres::train(rows, 800 / kGraphTestScale + 520, nullptr);
  CodedRow row(64);
  std::size_t same = 0;
  for (std::size_t i = 0; i < kRows; ++i) {
    row.set(rows, i);
    same += nearest_of(centres.coded(), 0, centres.size(), row).index == centres.nearest(row) ? 1 : 0;
  }
  EXPECT_GE(same, kRows * 95 / 100);
}

}  // namespace
}  // namespace pictor
