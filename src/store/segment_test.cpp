#include "store/segment.h"

#include <gtest/gtest.h>

#include <random>

#include "base/base.h"
#include "store/store_testing.h"

namespace pictor {
namespace {

using testing::must;

struct Fixture {
  std::vector<RowId> rows = {3, 5, 6};
  std::vector<Sequence> born = {1, 2, 2};
  std::vector<float> norms = {0.5F, 0.25F, 0.125F};
  std::vector<float> vectors = {1, -0.0F, 1e-45F, 4, 5, 6};  // a negative zero and a denormal: bits must stay

  SegmentContent content() const {
    SegmentContent content;
    content.id = 9;
    content.first_row = 2;
    content.last_row = 7;
    // In two pieces, and a space without any row.
    content.spaces.push_back({"visual-space",
                              2,
                              {{rows.data(), born.data(), norms.data(), vectors.data(), 2},
                               {rows.data() + 2, born.data() + 2, norms.data() + 2, vectors.data() + 4, 1}}});
    content.spaces.push_back({"joint-space", 4, {}});
    return content;
  }
};

Bytes written(const SegmentContent& content) {
  SimulatedEnv env(1);
  must(write_segment(env, "/s.seg", content));
  return must(read_file(env, "/s.seg", limits::kMiB));
}

bool same_bits(std::span<const float> a, std::span<const float> b) {
  return std::ranges::equal(std::as_bytes(a), std::as_bytes(b));
}

TEST(Segment, what_was_written_reads_back_bit_for_bit) {
  const Fixture fixture;
  const Bytes file = written(fixture.content());
  const auto view = must(parse_segment(file));
  must(check_segment(file, view));
  EXPECT_EQ(view.id, 9U);
  EXPECT_EQ(view.first_row, 2U);
  EXPECT_EQ(view.last_row, 7U);
  ASSERT_EQ(view.spaces.size(), 2U);
  const auto& space = view.spaces[0];
  EXPECT_EQ(space.id, "visual-space");
  EXPECT_EQ(space.dim, 2U);
  EXPECT_TRUE(std::ranges::equal(space.rows, fixture.rows));
  EXPECT_TRUE(std::ranges::equal(space.born, fixture.born));
  EXPECT_TRUE(same_bits(space.inverse_norms, fixture.norms));
  EXPECT_TRUE(same_bits(space.vectors, fixture.vectors));
  EXPECT_TRUE(view.spaces[1].rows.empty());
}

TEST(Segment, sections_start_at_multiples_of_64_bytes) {
  const Bytes file = written(Fixture().content());
  const auto view = must(parse_segment(file));
  const auto offset = [&](const void* p) { return static_cast<const std::byte*>(p) - file.data(); };
  EXPECT_EQ(offset(view.spaces[0].vectors.data()) % 64, 0);
  EXPECT_EQ(offset(view.spaces[0].rows.data()) % 64, 0);
}

TEST(Segment, a_change_of_any_byte_that_is_used_is_found) {
  const Bytes file = written(Fixture().content());
  std::size_t unnoticed = 0;
  for (std::size_t i = 0; i < file.size(); ++i) {
    Bytes damaged = file;
    damaged[i] ^= std::byte{0x40};
    const auto view = parse_segment(damaged);
    if (view.is_ok() && check_segment(damaged, *view).is_ok()) ++unnoticed;
  }
  // Padding between sections, and four bytes at the end, carry nothing.
  std::size_t used = 64 + 10 * 32 + 24 + 10 * 4 - 4;
  for (const auto& space : must(parse_segment(file)).spaces) {
    used += space.id.size() + space.rows.size_bytes() + space.born.size_bytes() + space.inverse_norms.size_bytes() +
            space.vectors.size_bytes();
  }
  EXPECT_EQ(unnoticed, file.size() - used);
}

TEST(Segment, a_shortened_file_is_refused_at_every_length) {
  const Bytes file = written(Fixture().content());
  for (std::size_t size = 0; size < file.size(); ++size) {
    const Bytes part(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(size));
    ASSERT_EQ(parse_segment(part).status().code(), Code::kCorrupt) << size;
  }
}

TEST(Segment, rows_out_of_order_are_found_by_the_full_check) {
  Fixture fixture;
  fixture.rows = {5, 3, 6};
  const Bytes file = written(fixture.content());
  const auto view = must(parse_segment(file));
  EXPECT_EQ(check_segment(file, view).code(), Code::kCorrupt);
}

TEST(Segment, a_newer_version_is_told_from_damage) {
  Bytes file = written(Fixture().content());
  file[8] = std::byte{2};
  const auto status = parse_segment(file).status();
  EXPECT_EQ(status.code(), Code::kMismatch);
  EXPECT_NE(status.message().find("version 2, this build reads 1"), std::string::npos) << status.message();
}

TEST(Segment, random_changes_with_repaired_sums_never_leave_the_bytes) {
  const Bytes file = written(Fixture().content());
  std::mt19937 random(99);
  const std::size_t table_end = 64 + 10 * 32;
  const std::size_t footer = file.size() - (24 + 40);
  for (int round = 0; round < 20'000; ++round) {
    Bytes damaged = file;
    for (int i = 0; i < 3; ++i)
      damaged[random() % table_end] = static_cast<std::byte>(random() % 4 == 0 ? 0xFF : random());
    const auto put = [&](std::size_t at, std::uint32_t value) { std::memcpy(damaged.data() + at, &value, 4); };
    put(footer + 8, crc32c(ByteView(damaged).first(table_end)));
    put(file.size() - 8, crc32c(ByteView(damaged).subspan(footer, 16 + 40)));
    const auto view = parse_segment(damaged);  // ASan watches
    if (view.is_ok()) static_cast<void>(check_segment(damaged, *view));
  }
}

TEST(Segment, a_full_disk_is_told_and_leaves_no_segment) {
  SimulatedEnv env(1);
  env.set_free_bytes(200);
  EXPECT_EQ(write_segment(env, "/s.seg", Fixture().content()).code(), Code::kLimit);
  EXPECT_FALSE(exists(env, "/s.seg"));
}

}  // namespace
}  // namespace pictor
