#include <gtest/gtest.h>

#include <cstring>

#include "index/graph_file.h"
#include "index/graph_testing.h"

namespace pictor {
namespace {

constexpr std::size_t kTable = 144;
constexpr std::size_t kFrameEnd = kTable + kGraphSections * 24;

class GraphToDamage : public ::testing::Test {
 protected:
  GraphToDamage(std::uint32_t dim, GraphCodes codes) : set_(500, dim, 8, 1) {
    for (std::uint32_t j = 0; j < dim; ++j) set_.vectors[dim * 400 + j] = set_.vectors[dim * 300 + j];
    set_.inverse_norms[400] = set_.inverse_norms[300];  // one pair of copies, so that all sections have something
    GraphBuildOptions options;
    options.owner = 77;
    options.codes = codes;
    good_ = build_graph_index(set_.block(), Metric::kCosine, options, nullptr).value();
    layout_ = layout_of(parse_graph(good_)->header);
  }

  Status opened(const Bytes& file, std::uint64_t owner = 77) const {
    return open_graph_index(file, set_.block(), Metric::kCosine, owner).status();
  }
  Status checked(const Bytes& file) const { return check_graph_file(file, set_.block(), Metric::kCosine, 77); }
  // Sums of all sections and the frame, as if the file had been written so.
  static void repair(Bytes& file) {
    for (std::size_t i = 0; i < kGraphSections; ++i) {
      std::uint64_t offset = 0, bytes = 0;
      std::memcpy(&offset, file.data() + kTable + i * 24 + 8, 8);
      std::memcpy(&bytes, file.data() + kTable + i * 24 + 16, 8);
      const std::uint32_t sum = crc32c(ByteView(file).subspan(offset, bytes));
      std::memcpy(file.data() + kTable + i * 24 + 4, &sum, 4);
    }
    const std::uint32_t sum = crc32c(ByteView(file).first(kFrameEnd));
    std::memcpy(file.data() + kFrameEnd, &sum, 4);
  }
  template <typename T>
  static void put(Bytes& file, std::size_t at, T value) {
    std::memcpy(file.data() + at, &value, sizeof(value));
  }
  void search(const Bytes& file) const {
    const auto index = open_graph_index(file, set_.block(), Metric::kCosine, 77, kWalksForNothing);
    if (!index.is_ok()) return;
    std::mt19937 random(3);
    const auto vector = set_.near(1, random);
    for (const bool coded_distances : {false, true}) {
      const auto answer = (*index)->search({vector, Metric::kCosine, 10, nullptr, 0.5, coded_distances});
      ASSERT_TRUE(answer.is_ok());
      for (std::size_t i = 1; i < answer->neighbors.size(); ++i) {
        EXPECT_LT(answer->neighbors[i - 1], answer->neighbors[i]);
      }
    }
  }
  static void expect_words(const Status& status, const char* words) {
    EXPECT_EQ(status.code(), Code::kCorrupt);
    EXPECT_NE(status.message().find(words), std::string::npos) << status.message();
  }

  ClusteredSet set_;
  Bytes good_;
  GraphLayout layout_;
};

class DamagedGraph : public GraphToDamage {
 protected:
  DamagedGraph() : GraphToDamage(12, GraphCodes::kFull) {}
};

class DamagedGraphOfEachKind : public GraphToDamage, public ::testing::WithParamInterface<GraphCodes> {
 protected:
  DamagedGraphOfEachKind() : GraphToDamage(GetParam() == GraphCodes::kFull ? 12 : 80, GetParam()) {}
};

INSTANTIATE_TEST_SUITE_P(Codes, DamagedGraphOfEachKind,
                         ::testing::Values(GraphCodes::kFull, GraphCodes::kHalf, GraphCodes::kQuarter),
                         [](const auto& info) { return std::to_string(static_cast<int>(info.param)); });

TEST_P(DamagedGraphOfEachKind, a_whole_one_opens_and_passes) {
  EXPECT_TRUE(opened(good_).is_ok());
  EXPECT_TRUE(checked(good_).is_ok()) << checked(good_).message();
}

TEST_F(DamagedGraph, one_of_another_block_owner_or_metric_is_refused) {
  expect_words(opened(good_, 78), "its owner is 77, wanted 78");
  auto block = set_.block();
  block.count = 499;
  expect_words(open_graph_index(good_, block, Metric::kCosine, 77).status(), "number of rows is 500, wanted 499");
  block = set_.block();
  block.dim = 11;
  expect_words(open_graph_index(good_, block, Metric::kCosine, 77).status(), "dimensions is 12, wanted 11");
  expect_words(open_graph_index(good_, set_.block(), Metric::kL2, 77).status(), "metric is 1, wanted 3");
}

TEST_P(DamagedGraphOfEachKind, no_byte_of_the_frame_may_change_and_no_end_may_miss) {
  for (std::size_t i = 0; i < kFrameEnd + 4; ++i) {
    Bytes file = good_;
    file[i] ^= std::byte{1};
    EXPECT_FALSE(opened(file).is_ok()) << "byte " << i;
  }
  for (const std::size_t size : {std::size_t{0}, std::size_t{7}, std::size_t{100}, kFrameEnd, good_.size() - 1}) {
    EXPECT_FALSE(opened(Bytes(good_.begin(), good_.begin() + static_cast<std::ptrdiff_t>(size))).is_ok());
  }
}

TEST_P(DamagedGraphOfEachKind, a_byte_of_any_section_is_found_by_the_check) {
  const GraphHeader header = parse_graph(good_)->header;
  for (std::size_t i = 0; i < kGraphSections; ++i) {
    if (header.section_bytes(static_cast<GraphSection>(i + 1)) == 0) continue;
    const std::uint64_t offset = layout_.offsets[i];
    Bytes file = good_;
    file[offset + 1] ^= std::byte{4};
    EXPECT_FALSE(checked(file).is_ok()) << "at " << offset;
    search(file);
  }
}

TEST_F(DamagedGraph, a_node_that_nothing_leads_to_is_found_by_the_check) {
  Bytes file = good_;
  std::vector<std::uint32_t> links(500 * 32);
  const std::size_t nodes = parse_graph(good_)->header.nodes;
  std::memcpy(links.data(), file.data() + layout_.offsets[4], nodes * 32 * 4);
  for (std::size_t node = 0; node < nodes; ++node) {  // nobody links to node 200 any more
    const auto begin = links.begin() + static_cast<std::ptrdiff_t>(node * 32);
    const auto end = std::remove(begin, begin + 32, 200U);
    std::fill(end, begin + 32, kNoLink);
  }
  std::memcpy(file.data() + layout_.offsets[4], links.data(), nodes * 32 * 4);
  repair(file);
  EXPECT_TRUE(opened(file).is_ok());
  expect_words(checked(file), "1 of 499 nodes on level 0 that nothing leads to");
}

TEST_F(DamagedGraph, links_positions_and_terms_that_cannot_be_are_found_by_the_check_and_passed_over_by_a_search) {
  struct Case {
    std::size_t section;
    std::uint32_t value;
    const char* words;
  };
  for (const Case& c : {Case{4, 499, "link of node 0 on level 0 to 499"}, Case{4, 0xFFFFFFFE, "link of node 0"},
                        Case{4, 0, "link of node 0 on level 0 to 0"}, Case{5, 0x80000000, "on level 1"},
                        Case{6, 5, "rows that no node has"}, Case{7, 500, "position 500"},
                        Case{7, 0xFFFFFFFF, "position 4294967295"}, Case{3, 0x7FC00000, "not finite"}}) {
    Bytes file = good_;
    put(file, layout_.offsets[c.section], c.value);
    repair(file);
    EXPECT_TRUE(opened(file).is_ok());
    expect_words(checked(file), c.words);
    search(file);
  }
}

TEST_F(DamagedGraph, steps_that_rank_by_codes_which_are_not_there_are_refused) {
  Bytes file = good_;
  put(file, layout_.offsets[0] + 2, std::uint16_t{1});
  repair(file);
  expect_words(opened(file), "a step that ranks by 1");
}

TEST_P(DamagedGraphOfEachKind, noise_in_every_section_gives_an_answer_in_order_or_an_error) {
  std::mt19937 random(1);
  for (int round = 0; round < 200; ++round) {
    Bytes file = good_;
    for (int i = 0; i < 1 << (round % 12); ++i) {
      const std::size_t at = kFrameEnd + 8 + random() % (file.size() - kFrameEnd - 8);
      file[at] = static_cast<std::byte>(random());
    }
    repair(file);
    static_cast<void>(checked(file));
    search(file);
  }
}

TEST_P(DamagedGraphOfEachKind, headers_that_claim_the_impossible_are_refused_also_with_good_sums) {
  for (std::size_t at = 12; at < kFrameEnd; at += 4) {
    for (const std::uint32_t value : {0U, 1U, 0x7FFFFFFFU, 0xFFFFFFFFU}) {
      Bytes file = good_;
      put(file, at, value);
      const std::uint32_t sum = crc32c(ByteView(file).first(kFrameEnd));
      put(file, kFrameEnd, sum);
      static_cast<void>(checked(file));
      search(file);
    }
  }
}

}  // namespace
}  // namespace pictor
