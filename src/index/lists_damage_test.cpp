#include <gtest/gtest.h>

#include <cstring>

#include "index/lists_testing.h"

namespace pictor {
namespace {

constexpr std::size_t kHeader = 128;
constexpr std::size_t kSummed = 124;

class DamagedLists : public ::testing::Test {
 protected:
  DamagedLists() : set_(700, 12, 8, 1) {
    ListBuildOptions options;
    options.owner = 77;
    good_ = build_list_index(set_.block(), Metric::kCosine, options, nullptr).value();
    layout_ = layout_of(parse_lists(good_)->header);
  }

  Status opened(const Bytes& file, std::uint64_t owner = 77) const {
    return open_list_index(file, set_.block(), Metric::kCosine, owner).status();
  }
  Status checked(const Bytes& file) const { return check_list_file(file, set_.block(), Metric::kCosine, 77); }
  // Sums of header, sections and footer, as if the file had been written so.
  void repair(Bytes& file) const {
    put(file, kSummed, crc32c(ByteView(file).first(kSummed)));
    const auto header = parse_lists(good_)->header;
    for (std::size_t i = 0; i < kListSections; ++i) {
      const auto bytes = header.section_bytes(static_cast<ListSection>(i + 1));
      put(file, layout_.footer + 8 + 4 * i, crc32c(ByteView(file).subspan(layout_.offsets[i], bytes)));
    }
    const std::size_t summed = 8 + 4 * kListSections;
    put(file, layout_.footer + summed, crc32c(ByteView(file).subspan(layout_.footer, summed)));
  }
  template <typename T>
  static void put(Bytes& file, std::size_t at, T value) {
    std::memcpy(file.data() + at, &value, sizeof(value));
  }
  void search(const Bytes& file) const {
    const auto index = open_list_index(file, set_.block(), Metric::kCosine, 77, kListsForNothing);
    if (!index.is_ok()) return;
    std::mt19937 random(3);
    for (const std::size_t k : {1, 10, 300}) {
      const auto answer = (*index)->search({set_.near(1, random), Metric::kCosine, k, nullptr, 0.5});
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
  std::uint64_t at(ListSection section) const { return layout_.offsets[static_cast<std::size_t>(section) - 1]; }

  ClusteredSet set_;
  Bytes good_;
  ListLayout layout_;
};

TEST_F(DamagedLists, whole_ones_open_and_pass) {
  EXPECT_TRUE(opened(good_).is_ok());
  EXPECT_TRUE(checked(good_).is_ok()) << checked(good_).message();
}

TEST_F(DamagedLists, those_of_another_block_owner_or_metric_are_refused) {
  expect_words(opened(good_, 78), "its owner is 77, wanted 78");
  auto block = set_.block();
  block.count = 699;
  expect_words(open_list_index(good_, block, Metric::kCosine, 77).status(), "number of rows is 700, wanted 699");
  block = set_.block();
  block.dim = 11;
  expect_words(open_list_index(good_, block, Metric::kCosine, 77).status(), "dimensions is 12, wanted 11");
  expect_words(open_list_index(good_, set_.block(), Metric::kL2, 77).status(), "metric is 1, wanted 3");
  Bytes newer = good_;
  put(newer, 8, 2U);
  EXPECT_EQ(opened(newer).code(), Code::kMismatch);
}

TEST_F(DamagedLists, no_byte_of_header_or_footer_may_change_and_no_end_may_miss) {
  const std::size_t footer_end = layout_.footer + 8 + 4 * kListSections + 4;
  for (std::size_t i = 0; i < footer_end; i = i + 1 == kHeader ? layout_.footer : i + 1) {
    Bytes file = good_;
    file[i] ^= std::byte{1};
    EXPECT_FALSE(opened(file).is_ok()) << "byte " << i;
  }
  for (const std::size_t size : {std::size_t{0}, std::size_t{7}, std::size_t{100}, kHeader, good_.size() - 1}) {
    EXPECT_FALSE(opened(Bytes(good_.begin(), good_.begin() + static_cast<std::ptrdiff_t>(size))).is_ok());
  }
}

TEST_F(DamagedLists, a_byte_of_any_section_is_found_by_the_check) {
  for (const std::uint64_t offset : layout_.offsets) {
    Bytes file = good_;
    file[offset + 1] ^= std::byte{4};
    EXPECT_FALSE(checked(file).is_ok()) << "at " << offset;
    search(file);
  }
}

TEST_F(DamagedLists, what_cannot_be_is_found_when_opened_or_checked_and_passed_over_by_a_search) {
  struct Case {
    std::uint64_t at;
    std::uint32_t value;
    bool opens;
    const char* words;
  };
  const std::uint32_t nan = 0x7FC00000;
  for (const Case& c : {Case{at(ListSection::kMean), nan, false, "mean that is not finite"},
                        Case{at(ListSection::kCentres) + 8, nan, true, "centre that is not finite"},
                        Case{at(ListSection::kFirst), 1, false, "in no list"},
                        Case{at(ListSection::kFirst) + 4, 0x7FFFFFFF, false, "before the one before it"},
                        Case{at(ListSection::kPositions), 700, true, "position 700"},
                        Case{at(ListSection::kPositions) + 8, 0xFFFFFFFF, true, "position 4294967295"},
                        Case{at(ListSection::kTerms), nan, true, "scale that is not finite"},
                        Case{at(ListSection::kTerms) + 4, nan, true, "scale that is not finite"},
                        Case{at(ListSection::kLists) + 8, nan, false, "numbers of a list"},
                        Case{at(ListSection::kSteps), 65, false, "65 steps"},
                        Case{at(ListSection::kSteps) + 8, nan, false, "reach or a doubt"}}) {
    Bytes file = good_;
    put(file, c.at, c.value);
    repair(file);
    EXPECT_EQ(opened(file).is_ok(), c.opens) << c.words;
    expect_words(checked(file), c.words);
    search(file);
  }
}

TEST_F(DamagedLists, steps_of_any_numbers_give_an_answer) {
  for (std::size_t i = 0; i < 30; ++i) {
    for (const std::uint32_t value : {0U, 1U, 0xFFFFFFFFU, 0x7FC00000U, 0x7F800000U}) {
      Bytes file = good_;
      put(file, at(ListSection::kSteps) + 12 + 4 * i, value);
      repair(file);
      search(file);
    }
  }
}

TEST_F(DamagedLists, noise_in_every_section_gives_an_answer_in_order_or_an_error) {
  std::mt19937 random(1);
  for (int round = 0; round < 200; ++round) {
    Bytes file = good_;
    for (int i = 0; i < 1 << (round % 12); ++i) {
      file[kHeader + random() % (layout_.footer - kHeader)] = static_cast<std::byte>(random());
    }
    repair(file);
    static_cast<void>(checked(file));
    search(file);
  }
}

TEST_F(DamagedLists, headers_that_claim_the_impossible_are_refused_also_with_good_sums) {
  for (std::size_t i = 12; i < kSummed; i += 4) {
    for (const std::uint32_t value : {0U, 1U, 0x7FFFFFFFU, 0xFFFFFFFFU}) {
      Bytes file = good_;
      put(file, i, value);
      put(file, kSummed, crc32c(ByteView(file).first(kSummed)));
      static_cast<void>(checked(file));
      search(file);
    }
  }
}

}  // namespace
}  // namespace pictor
