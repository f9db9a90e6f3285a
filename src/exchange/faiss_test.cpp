#include "exchange/faiss.h"

#include <gtest/gtest.h>

#include "exchange/exchange.h"
#include "exchange/exchange_testing.h"

namespace pictor {
namespace {

using testing::FaissWriter;
using testing::some_numbers;

class FaissTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(env_.make_dirs("/in").is_ok()); }
  Result<std::unique_ptr<VectorFile>> open(const Bytes& bytes) {
    if (const Status made = write_file_atomic(env_, "/in/index", bytes); !made.is_ok()) return made;
    return open_vector_file(env_, "/in/index", {});
  }
  Status refusal(const Bytes& bytes) {
    const auto file = open(bytes);
    if (!file.is_ok()) return file.status();
    while (true) {
      VectorSource::Entry entry;
      const auto more = (*file)->next(entry);
      if (!more.is_ok()) return more.status();
      if (!*more) return Status::ok();
    }
  }
  // "id: number number; ..."
  std::string rows(const Bytes& bytes) {
    const auto file = open(bytes);
    if (!file.is_ok()) return file.status().to_string();
    std::string text;
    while (true) {
      VectorSource::Entry entry;
      const auto more = (*file)->next(entry);
      if (!more.is_ok()) return more.status().to_string();
      if (!*more) return text;
      text += (text.empty() ? "" : "; ") + entry.vector.id + ":";
      for (const float number : entry.vector.numbers) text += " " + std::to_string(number).substr(0, 5);
      if (!entry.problem.is_ok()) text += "(" + entry.problem.message() + ")";
    }
  }

  SimulatedEnv env_{1};
  const std::vector<FaissWriter::List> lists_ = {{{1, 2}, {7}}, {{}, {}}, {{3, 4, 5, 6}, {0, 2}}};
};

TEST_F(FaissTest, flat_indexes_give_rows_and_their_metric) {
  EXPECT_EQ(rows(FaissWriter().flat(2, some_numbers(4)).bytes()), "0: -3.00 -2.75; 1: -2.50 -2.25");
  const auto file = open(FaissWriter().flat(2, some_numbers(4), true).bytes());
  ASSERT_TRUE(file.is_ok()) << file.status().to_string();
  EXPECT_EQ((*file)->metric(), Metric::kInnerProduct);
  EXPECT_EQ((*file)->total(), 2U);
  EXPECT_EQ((*file)->dim(), 2U);
  EXPECT_EQ((*file)->format(), "faiss IndexFlatIP");
}

TEST_F(FaissTest, an_id_map_gives_the_ids_of_what_is_within) {
  for (const char* code : {"IxMp", "IxM2"}) {
    FaissWriter out;
    out.code(code).header(2, 3, 1).hnsw(2, some_numbers(6)).vector<std::int64_t>({5, -6, 1'000'000'000'000});
    EXPECT_EQ(rows(out.bytes()), "5: -3.00 -2.75; -6: -2.50 -2.25; 1000000000000: -2.00 -1.75");
  }
}

TEST_F(FaissTest, the_graph_of_hnsw_is_passed_over_and_said_to_be) {
  const auto file = open(FaissWriter().hnsw(2, some_numbers(6)).bytes());
  ASSERT_TRUE(file.is_ok()) << file.status().to_string();
  EXPECT_EQ((*file)->total(), 3U);
  ASSERT_EQ((*file)->notes().size(), 1U);
  EXPECT_NE((*file)->notes()[0].find("graph"), std::string::npos);
}

TEST_F(FaissTest, inverted_lists_are_read_full_and_sparse_with_every_direct_map) {
  for (const bool sparse : {false, true}) {
    for (const std::uint8_t direct_map : {0, 1, 2}) {
      EXPECT_EQ(rows(FaissWriter().ivf(lists_, sparse, direct_map).bytes()),
                "7: 1.000 2.000; 0: 3.000 4.000; 2: 5.000 6.000");
    }
  }
}

TEST_F(FaissTest, ids_of_lists_within_an_id_map_are_numbers_of_its_rows) {
  FaissWriter good;
  std::vector<FaissWriter::List> lists = lists_;
  lists[0].ids = {1};
  good.code("IxM2").header(2, 3, 1).ivf(lists, false).vector<std::int64_t>({50, 51, 52});
  EXPECT_EQ(rows(good.bytes()), "51: 1.000 2.000; 50: 3.000 4.000; 52: 5.000 6.000");
  FaissWriter bad;
  bad.code("IxM2").header(2, 3, 1).ivf(lists_, false).vector<std::int64_t>({50, 51, 52});
  EXPECT_EQ(rows(bad.bytes()), "0: 1.000 2.000(has the number 7 among 3 ids); 50: 3.000 4.000; 52: 5.000 6.000");
}

TEST_F(FaissTest, what_is_not_in_the_subset_is_named_with_what_to_do) {
  const auto says = [&](const Bytes& bytes, const std::string& wanted) {
    const Status status = refusal(bytes);
    EXPECT_EQ(status.code(), Code::kUnsupported) << wanted;
    EXPECT_NE(status.message().find(wanted), std::string::npos) << status.message();
  };
  says(FaissWriter().code("IxPq").header(2, 3, 1).bytes(), "is a faiss index of the kind IndexPQ 'IxPq'");
  says(FaissWriter().code("IxPq").header(2, 3, 1).bytes(), "numpy.save");
  says(FaissWriter().code("IHNs").header(2, 3, 1).bytes(), "IndexHNSWSQ");
  says(FaissWriter().code("IwPQ").header(2, 3, 1).bytes(), "IndexIVFPQ");
  says(FaissWriter().code("Ix\x01\x02").bytes(), "'Ix\\x01\\x02', which is not known here");
  says(FaissWriter().code("IxMp").header(2, 3, 1).code("IxSQ").bytes(),
       "has within it an index of the kind IndexScalarQuantizer");
  says(FaissWriter().code("IxF2").header(2, 0, 4).bytes(), "metric 4");
  FaissWriter twice;
  twice.code("IxMp").header(2, 1, 1).code("IxMp").header(2, 1, 1).flat(2, some_numbers(2));
  says(twice.vector<std::int64_t>({1}).vector<std::int64_t>({1}).bytes(), "around another one with ids");
  FaissWriter on_disk;
  on_disk.code("IwFl").header(2, 0, 1).number<std::uint64_t>(1).number<std::uint64_t>(1).flat(2, some_numbers(2));
  on_disk.number<std::uint8_t>(0).vector<std::int64_t>({}).code("ilod");
  says(on_disk.bytes(), "OnDiskInvertedLists");
}

TEST_F(FaissTest, every_beginning_of_a_good_file_is_refused) {
  FaissWriter map;
  map.code("IxM2").header(2, 3, 1).ivf(lists_, true, 2).vector<std::int64_t>({5, 6, 7});
  for (const Bytes& good : {map.bytes(), FaissWriter().hnsw(2, some_numbers(6)).bytes()}) {
    for (std::size_t size = 4; size < good.size(); ++size) {
      const Status status = refusal(Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size)));
      EXPECT_EQ(status.code(), Code::kUnreadable) << size << ": " << status.to_string();
    }
    Bytes longer = good;
    longer.push_back(std::byte{0});
    EXPECT_NE(refusal(longer).message().find("goes on for 1 bytes"), std::string::npos);
  }
}

TEST_F(FaissTest, numbers_that_do_not_agree_are_refused_before_anything_is_read_by_them) {
  const auto refused = [&](FaissWriter& out, const std::string& wanted) {
    const Status status = refusal(out.bytes());
    EXPECT_FALSE(status.is_ok());
    EXPECT_NE(status.message().find(wanted), std::string::npos) << status.message();
  };
  FaissWriter rows;
  refused(rows.code("IxF2").header(2, 4, 1).vector(some_numbers(6)), "6 numbers for 4 vectors of 2");
  FaissWriter negative;
  refused(negative.code("IxF2").header(2, -4, 1).vector(some_numbers(6)), "-4 vectors");
  FaissWriter wide;
  refused(wide.code("IxF2").header(1 << 20, 0, 1).vector(some_numbers(0)), "1048576 numbers");
  FaissWriter flat;
  refused(flat.code("IxF2").header(16384, 1'000'000'000'000, 1).number<std::uint64_t>(16384'000'000'000'000), "left");
  FaissWriter huge;
  refused(huge.code("IHNf").header(2, 3, 1).number(UINT64_MAX), "things of 8 bytes");
  FaissWriter ids;
  refused(ids.code("IxMp").header(2, 3, 1).flat(2, some_numbers(6)).vector<std::int64_t>({1, 2}), "2 ids for 3");
  FaissWriter inner;
  refused(inner.code("IxMp").header(2, 4, 1).flat(2, some_numbers(6)), "within it 3 of 2");
  FaissWriter deep;
  for (int i = 0; i < 100; ++i) deep.code("IxMp").header(2, 3, 1);
  refused(deep, "too deep");
  FaissWriter lists;
  lists.code("IwFl").header(2, 3, 1).number<std::uint64_t>(1).number<std::uint64_t>(1).flat(2, some_numbers(2));
  lists.number<std::uint8_t>(0).vector<std::int64_t>({}).code("ilar").number<std::uint64_t>(1).number<std::uint64_t>(8);
  refused(lists.code("full").vector<std::uint64_t>({UINT64_MAX / 8}), "things of 16 bytes");
}

}  // namespace
}  // namespace pictor
