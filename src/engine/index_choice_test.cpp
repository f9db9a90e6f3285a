#include "engine/index_choice.h"

#include <gtest/gtest.h>

#include <array>

#include "index/index.h"

namespace pictor {
namespace {

constexpr std::uint64_t kMachine = 8 * limits::kGiB;
constexpr std::array kMillion = {IndexedVectors{1'000'000, 512}};

// What the first million rows of a space take, with the vectors where the codes need them.
std::uint64_t needed(GraphCodes codes, std::uint32_t dim = 512) {
  const std::uint64_t vectors = codes == GraphCodes::kFull ? std::uint64_t{1'000'000} * dim * sizeof(float) : 0;
  return expected_graph_bytes(1'000'000, dim, codes) + vectors;
}

TEST(IndexChoice, the_quickest_graph_is_made_that_fits_into_the_budget_with_all_it_reads) {
  struct Case {
    std::uint64_t budget;
    IndexKind kind;
    GraphCodes codes;
  };
  for (const Case& one : {Case{needed(GraphCodes::kFull), IndexKind::kGraph, GraphCodes::kFull},
                          Case{needed(GraphCodes::kFull) - 1, IndexKind::kGraph, GraphCodes::kHalf},
                          Case{needed(GraphCodes::kHalf), IndexKind::kGraph, GraphCodes::kHalf},
                          Case{needed(GraphCodes::kHalf) - 1, IndexKind::kGraph, GraphCodes::kQuarter},
                          Case{needed(GraphCodes::kQuarter), IndexKind::kGraph, GraphCodes::kQuarter},
                          Case{needed(GraphCodes::kQuarter) - 1, IndexKind::kLists, GraphCodes::kQuarter}}) {
    const auto choice = choose_index({IndexKind::kAuto, one.budget}, kMillion, kMachine);
    EXPECT_EQ(choice.kind, one.kind) << choice.why;
    if (one.kind == IndexKind::kGraph) {
      EXPECT_EQ(choice.codes, one.codes) << choice.why;
    }
    EXPECT_EQ(choice.budget_bytes, one.budget);
  }
}

TEST(IndexChoice, the_graphs_of_all_spaces_count) {
  const std::array two = {IndexedVectors{1'000'000, 512}, IndexedVectors{1'000'000, 384}};
  const std::uint64_t first = needed(GraphCodes::kFull);
  EXPECT_EQ(choose_index({IndexKind::kAuto, first}, kMillion, kMachine).codes, GraphCodes::kFull);
  EXPECT_EQ(choose_index({IndexKind::kAuto, first}, two, kMachine).codes, GraphCodes::kHalf);
}

TEST(IndexChoice, without_a_budget_half_of_the_machine_is_taken_and_said) {
  const auto choice = choose_index({}, kMillion, kMachine);
  EXPECT_EQ(choice.budget_bytes, kMachine / 2);
  EXPECT_EQ(choice.kind, IndexKind::kGraph);
  EXPECT_EQ(
      choice.why,
      "1000000 vectors of 512 numbers and graphs over them take about 2.5 GiB, within the memory budget of 4.0 GiB "
      "(half of what this machine has)");
  const auto small = choose_index({IndexKind::kAuto, 512 * limits::kMiB}, kMillion, kMachine);
  EXPECT_EQ(small.codes, GraphCodes::kQuarter);
  EXPECT_EQ(small.why,
            "1000000 vectors of 512 numbers and graphs over them take about 2.5 GiB, more than the memory budget of "
            "512 MiB; graphs that rank without the vectors, by 12 bits a number, "
            "about 874 MiB; by 12 bits of the numbers that say most and 4 of the others, about 462 MiB, which fits");
  const auto least = choose_index({}, kMillion, limits::kGiB / 2);
  EXPECT_EQ(least.kind, IndexKind::kLists);
  EXPECT_TRUE(least.why.ends_with("; none of them fits")) << least.why;
}

// Seen: a million rows, a budget of half a gigabyte, and a group of processes that may have no more: killed.
TEST(IndexChoice, no_graph_is_chosen_that_the_machine_has_no_memory_to_make) {
  const IndexPolicy policy{IndexKind::kAuto, needed(GraphCodes::kQuarter)};
  const std::uint64_t making = expected_graph_build_bytes(1'000'000, 512, GraphCodes::kQuarter);
  EXPECT_GT(making, 2 * needed(GraphCodes::kQuarter));
  EXPECT_EQ(choose_index(policy, kMillion, making * 8 / 7 + 8).kind, IndexKind::kGraph);
  const auto choice = choose_index(policy, kMillion, making);
  EXPECT_EQ(choice.kind, IndexKind::kLists);
  EXPECT_EQ(choice.segment_rows_max, limits::kSegmentRowsMax);
  EXPECT_TRUE(
      choice.why.ends_with("which fits, but making it takes about 1.1 GiB of the 1.1 GiB that this machine has"))
      << choice.why;
  EXPECT_EQ(choose_index({IndexKind::kGraph, policy.memory_bytes}, kMillion, making).kind, IndexKind::kGraph) << "told";
  // Segments are made one after the other, whatever there is in all.
  EXPECT_EQ(expected_graph_build_bytes(50'000'000, 512, GraphCodes::kQuarter),
            expected_graph_build_bytes(limits::kSegmentMergeRowsMax, 512, GraphCodes::kQuarter));
}

TEST(IndexChoice, what_the_collection_is_told_to_have_is_made_whatever_the_budget) {
  const auto lists = choose_index({IndexKind::kLists, 0}, kMillion, kMachine);
  EXPECT_EQ(lists.kind, IndexKind::kLists);
  EXPECT_TRUE(lists.why.starts_with("the collection is told to have lists; 1000000 vectors")) << lists.why;
  const auto graph = choose_index({IndexKind::kGraph, limits::kMemoryBudgetBytesMin}, kMillion, kMachine);
  EXPECT_EQ(graph.kind, IndexKind::kGraph);
  EXPECT_EQ(graph.codes, GraphCodes::kQuarter) << "the smallest, when none fits";
  EXPECT_NE(graph.why.find("more than the memory budget of 64 MiB"), std::string::npos) << graph.why;
}

TEST(IndexChoice, segments_of_lists_grow_longer) {
  EXPECT_EQ(choose_index({IndexKind::kLists, 0}, kMillion, kMachine).segment_rows_max, limits::kSegmentRowsMax);
  EXPECT_EQ(choose_index({IndexKind::kGraph, 0}, kMillion, kMachine).segment_rows_max, limits::kSegmentMergeRowsMax);
}

TEST(IndexChoice, nothing_stored_needs_nothing) {
  const auto choice = choose_index({}, {}, kMachine);
  EXPECT_EQ(choice.kind, IndexKind::kGraph);
  EXPECT_NE(choice.why.find("0 vectors and graphs over them take about 0 MiB"), std::string::npos) << choice.why;
}

TEST(IndexChoice, types_have_names_and_no_other_is_taken) {
  for (const IndexKind kind : {IndexKind::kAuto, IndexKind::kGraph, IndexKind::kLists}) {
    EXPECT_EQ(parse_index_type(index_type_name(kind)).value(), kind);
  }
  const auto refused = parse_index_type("hnsw");
  EXPECT_EQ(refused.status().code(), Code::kInvalid);
  EXPECT_EQ(refused.status().message(), "an index type is 'auto', 'graph' or 'lists', not 'hnsw'");
}

}  // namespace
}  // namespace pictor
