#include <gtest/gtest.h>

#include <random>
#include <set>

#include "store/row_pages.h"

namespace pictor {
namespace {

// Rows of a shape: a few, many in a run, and every so many of them, over several pages.
std::set<RowId> random_rows(std::mt19937_64& random) {
  std::set<RowId> rows;
  const RowId begin = random() % 3 == 0 ? random() : random() % 300'000;
  for (std::size_t run = random() % 4 + 1; run > 0; --run) {
    const RowId first = begin / 2 + random() % 200'000;
    const std::size_t count = random() % 3 == 0 ? 5 : random() % 30'000;
    const std::size_t step = random() % 20 + 1;
    for (std::size_t i = 0; i < count; ++i) rows.insert(first + i * step);
  }
  return rows;
}

std::vector<RowId> list(const std::set<RowId>& rows) { return {rows.begin(), rows.end()}; }

void expect_same(const RowSet& seen, const std::set<RowId>& wanted, std::mt19937_64& random) {
  ASSERT_EQ(seen.size(), wanted.size());
  std::set<RowId> asked;
  for (const RowId row : wanted) {
    if (random() % 3 == 0) asked.insert(row);
    if (random() % 50 == 0) asked.insert(row + random() % 70'000);
  }
  asked.insert({0, 1, UINT64_MAX});
  const auto rows = list(asked);
  std::vector<std::uint8_t> marks(rows.size(), 7);
  seen.mark(rows, marks);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    ASSERT_EQ(marks[i], wanted.count(rows[i])) << rows[i];
    ASSERT_EQ(seen.contains(rows[i]), wanted.count(rows[i]) == 1) << rows[i];
  }
}

TEST(RowSetTest, holds_what_it_was_made_of) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 20; ++round) {
    const auto rows = random_rows(random);
    auto given = list(rows);
    if (round % 2 == 0) std::shuffle(given.begin(), given.end(), random);
    expect_same(RowSet::of(given), rows, random);
  }
  expect_same(RowSet(), {}, random);
  expect_same(RowSet::of({}), {}, random);
}

TEST(RowSetTest, words_at_any_place_and_other_sets_are_added_and_the_dead_left_out) {
  std::mt19937_64 random(8);
  for (int round = 0; round < 20; ++round) {
    auto wanted = random_rows(random);
    const auto dead = random_rows(random);
    RowPages pages(round % 2 == 0 ? RowSet::of(list(dead)) : RowSet());
    pages.add(RowSet::of(list(wanted)));
    const RowId first = *wanted.begin() + random() % 200'000;
    const std::size_t count = random() % 70'000 + 1;
    std::vector<std::uint64_t> words(count / 64 + 1);
    for (std::size_t i = 0; i < count; i += random() % 9 + 1) {
      words[i / 64] |= std::uint64_t{1} << (i % 64);
      wanted.insert(first + i);
    }
    pages.add(first, count, words);
    if (round % 2 == 0) {
      for (const RowId row : dead) wanted.erase(row);
    }
    expect_same(pages.take(), wanted, random);
  }
}

TEST(RowSetTest, deaths_are_seen_from_their_number_on) {
  Deaths deaths(RowSet::of(std::vector<RowId>{3}));
  deaths.add(10, 5);
  deaths.add(8, 5);
  deaths.add(70'000, 7);
  const auto rows_at = [&](Sequence at) { return deaths.as_of(at).size(); };
  EXPECT_EQ(rows_at(4), 1U);
  EXPECT_EQ(rows_at(5), 3U);
  EXPECT_EQ(rows_at(6), 3U);
  EXPECT_EQ(rows_at(7), 4U);
  EXPECT_TRUE(deaths.as_of(9).contains(70'000));
  EXPECT_EQ(rows_at(5), 3U) << "older snapshots stay as they were";
  deaths.add(1, 8);
  EXPECT_EQ(rows_at(8), 5U);
  EXPECT_EQ(rows_at(4), 1U);
}

TEST(RowSet, rows_after_a_row_come_in_order_a_page_at_a_time) {
  std::vector<RowId> rows;
  for (RowId row = 3; row < 40'000; row += 3) rows.push_back(row);         // a page of words
  for (RowId row = 65'535; row < 65'540; ++row) rows.push_back(row);       // across two pages
  for (RowId row = 700'000; row < 700'010; row += 2) rows.push_back(row);  // a page of few
  const RowSet set = RowSet::of(rows);
  for (const std::size_t page : {1U, 7U, 64U, 20'000U}) {
    std::vector<RowId> all, some(page);
    RowId after = 0;
    while (const std::size_t count = set.after(after, some)) {
      all.insert(all.end(), some.begin(), some.begin() + static_cast<std::ptrdiff_t>(count));
      after = some[count - 1];
    }
    EXPECT_EQ(all, rows) << page;
  }
  std::vector<RowId> one(1);
  EXPECT_EQ(set.after(700'008, one), 0U);
  EXPECT_EQ(RowSet().after(0, one), 0U);
}

}  // namespace
}  // namespace pictor
