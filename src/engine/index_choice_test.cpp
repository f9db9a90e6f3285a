#include "engine/index_choice.h"

#include <gtest/gtest.h>

#include <array>

#include "index/index.h"

namespace pictor {
namespace {

constexpr std::uint64_t kMachine = 8 * limits::kGiB;
constexpr std::array kMillion = {IndexedVectors{1'000'000, 512}};

TEST(IndexChoice, graphs_are_made_as_long_as_all_of_them_fit_into_the_budget) {
  const std::uint64_t needed = expected_graph_bytes(1'000'000, 512);
  for (const std::uint64_t budget : {needed, needed - 1}) {
    const auto choice = choose_index({IndexKind::kAuto, budget}, kMillion, kMachine);
    EXPECT_EQ(choice.kind, budget == needed ? IndexKind::kGraph : IndexKind::kLists);
    EXPECT_EQ(choice.budget_bytes, budget);
  }
}

TEST(IndexChoice, the_graphs_of_all_spaces_count) {
  const std::array two = {IndexedVectors{1'000'000, 512}, IndexedVectors{1'000'000, 384}};
  const std::uint64_t first = expected_graph_bytes(1'000'000, 512);
  EXPECT_EQ(choose_index({IndexKind::kAuto, first}, kMillion, kMachine).kind, IndexKind::kGraph);
  EXPECT_EQ(choose_index({IndexKind::kAuto, first}, two, kMachine).kind, IndexKind::kLists);
}

TEST(IndexChoice, without_a_budget_half_of_the_machine_is_taken_and_said) {
  const auto choice = choose_index({}, kMillion, kMachine);
  EXPECT_EQ(choice.budget_bytes, kMachine / 2);
  EXPECT_EQ(choice.kind, IndexKind::kGraph);
  EXPECT_EQ(
      choice.why,
      "graphs over 1000000 vectors of 512 numbers take about 626 MiB, within the memory budget of 4.0 GiB (half of "
      "what this machine has)");
  const auto small = choose_index({}, kMillion, limits::kGiB);
  EXPECT_EQ(small.kind, IndexKind::kLists);
  EXPECT_EQ(
      small.why,
      "graphs over 1000000 vectors of 512 numbers take about 626 MiB, more than the memory budget of 512 MiB (half "
      "of what this machine has)");
}

TEST(IndexChoice, what_the_collection_is_told_to_have_is_made_whatever_the_budget) {
  const auto lists = choose_index({IndexKind::kLists, 0}, kMillion, kMachine);
  EXPECT_EQ(lists.kind, IndexKind::kLists);
  EXPECT_TRUE(lists.why.starts_with("the collection is told to have lists; graphs over 1000000")) << lists.why;
  const auto graph = choose_index({IndexKind::kGraph, limits::kMemoryBudgetBytesMin}, kMillion, kMachine);
  EXPECT_EQ(graph.kind, IndexKind::kGraph);
  EXPECT_NE(graph.why.find("more than the memory budget of 64 MiB"), std::string::npos) << graph.why;
}

TEST(IndexChoice, segments_of_lists_grow_longer) {
  EXPECT_EQ(choose_index({IndexKind::kLists, 0}, kMillion, kMachine).segment_rows_max, limits::kSegmentRowsMax);
  EXPECT_EQ(choose_index({IndexKind::kGraph, 0}, kMillion, kMachine).segment_rows_max, limits::kSegmentMergeRowsMax);
}

TEST(IndexChoice, nothing_stored_needs_nothing) {
  const auto choice = choose_index({}, {}, kMachine);
  EXPECT_EQ(choice.kind, IndexKind::kGraph);
  EXPECT_NE(choice.why.find("0 vectors take about 0 MiB"), std::string::npos) << choice.why;
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
