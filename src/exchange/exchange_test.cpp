#include "exchange/exchange.h"

#include <gtest/gtest.h>

#include <cmath>

#include "exchange/exchange_testing.h"

namespace pictor {
namespace {

using testing::npy;
using testing::some_numbers;

class ExchangeTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(env_.make_dirs("/in").is_ok()); }
  void write(const std::string& name, ByteView bytes) {
    ASSERT_TRUE(write_file_atomic(env_, "/in/" + name, bytes).is_ok());
  }
  void write(const std::string& name, const std::string& text) { write(name, as_bytes(text)); }
  Result<std::vector<VectorSource::Entry>> read(const std::string& name, const VectorFileOptions& options = {}) {
    PICTOR_ASSIGN(const auto file, open_vector_file(env_, "/in/" + name, options));
    std::vector<VectorSource::Entry> all;
    while (true) {
      VectorSource::Entry entry;
      PICTOR_ASSIGN(const bool more, file->next(entry));
      if (!more) return all;
      all.push_back(std::move(entry));
    }
  }
  std::string refusal(const std::string& name, const VectorFileOptions& options = {}) {
    const auto all = read(name, options);
    return all.is_ok() ? "read" : all.status().to_string();
  }
  std::string ids(const std::string& name, const VectorFileOptions& options) {
    const auto all = read(name, options);
    if (!all.is_ok()) return all.status().to_string();
    std::string text;
    for (const auto& entry : *all) text += (text.empty() ? "" : " ") + entry.vector.id;
    return text;
  }
  static bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

  SimulatedEnv env_{1};
};

// --- npy ---

TEST_F(ExchangeTest, float32_rows_come_bit_for_bit_with_row_numbers_as_ids) {
  const std::vector<float> numbers = {0.1F, -0.0F, 1e-40F, 3, 4, 5};
  for (const int version : {1, 2, 3}) {
    write("a.npy", npy("<f4", "(3, 2)", std::as_bytes(std::span(numbers)), false, version));
    const auto all = read("a.npy");
    ASSERT_TRUE(all.is_ok()) << all.status().to_string();
    ASSERT_EQ(all->size(), 3U);
    for (std::size_t i = 0; i < 3; ++i) {
      EXPECT_EQ((*all)[i].vector.id, std::to_string(i));
      EXPECT_EQ((*all)[i].vector.place, "row " + std::to_string(i));
      EXPECT_EQ(std::memcmp((*all)[i].vector.numbers.data(), numbers.data() + 2 * i, 8), 0);
    }
  }
}

TEST_F(ExchangeTest, halves_and_doubles_become_floats_and_doubles_are_told_of) {
  const std::vector<std::uint16_t> halves = {0x3C00, 0xC500, 0x7C00, 0x0001};
  write("half.npy", npy("<f2", "(2, 2)", std::as_bytes(std::span(halves))));
  auto all = read("half.npy");
  ASSERT_TRUE(all.is_ok()) << all.status().to_string();
  EXPECT_EQ((*all)[0].vector.numbers, (std::vector<float>{1, -5}));
  EXPECT_TRUE(std::isinf((*all)[1].vector.numbers[0]));
  EXPECT_EQ((*all)[1].vector.numbers[1], 5.9604644775390625e-8F);
  const std::vector<double> doubles = {0.1, 1e300};
  write("wide.npy", npy("<f8", "(1, 2)", std::as_bytes(std::span(doubles))));
  all = read("wide.npy");
  ASSERT_TRUE(all.is_ok()) << all.status().to_string();
  EXPECT_EQ((*all)[0].vector.numbers[0], 0.1F);
  EXPECT_TRUE(std::isinf((*all)[0].vector.numbers[1]));
  EXPECT_EQ((*open_vector_file(env_, "/in/wide.npy", {}))->notes().size(), 1U);
}

TEST_F(ExchangeTest, one_array_of_numbers_is_one_vector) {
  const auto numbers = some_numbers(5);
  write("one.npy", npy("<f4", "(5,)", std::as_bytes(std::span(numbers))));
  const auto all = read("one.npy");
  ASSERT_TRUE(all.is_ok()) << all.status().to_string();
  ASSERT_EQ(all->size(), 1U);
  EXPECT_EQ((*all)[0].vector.numbers, numbers);
}

TEST_F(ExchangeTest, arrays_that_are_not_read_are_refused_with_what_to_do) {
  const auto numbers = some_numbers(4);
  const auto bytes = std::as_bytes(std::span(numbers));
  const auto says = [&](const Bytes& file, const std::string& wanted) {
    write("b.npy", file);
    EXPECT_TRUE(has(refusal("b.npy"), wanted)) << refusal("b.npy");
  };
  says(npy(">f4", "(2, 2)", bytes), "the high byte first");
  says(npy("<i4", "(2, 2)", bytes), "has integers");
  says(npy("<c8", "(1, 2)", bytes), "'<c8'");
  says(npy("<f4", "(2, 2)", bytes, true), "ascontiguousarray");
  says(npy("<f4", "(2, 1, 2)", bytes), "3 dimensions");
  says(npy("<f4", "(0, 16385)", {}), "16385 numbers");
  says(npy("<f4", "(4, 0)", {}), "vectors of 0 numbers");
  says(npy("<f4", "(3, 2)", bytes), "16 bytes follow: it is not whole");
  says(npy("<f4", "(1, 2)", bytes), "16 bytes follow");
  says(npy("<f4", "(4611686018427387904, 4)", bytes), "it is not whole");
  says(npy("<f4", "(99999999999999999999, 4)", bytes), "not that of one array");
  says(npy("<f4", "(2, 2)", bytes, false, 4), "version 1, 2 or 3");
  Bytes record = npy("<f4", "(2, 2)", bytes);
  const std::string was = "'<f4', 'fortran_order'";
  const std::string list = "[('a','<f4')],'fortran";
  const auto at = as_text(record).find(was);
  std::memcpy(record.data() + at, list.data(), list.size());
  says(record, "not that of one array");
  write("short.npy", as_bytes("\x93NUMPY\x01"));
  EXPECT_TRUE(has(refusal("short.npy"), "it is not whole")) << refusal("short.npy");
}

// --- ids ---

TEST_F(ExchangeTest, ids_come_from_text_json_lines_or_integers) {
  const auto numbers = some_numbers(6);
  write("a.npy", npy("<f4", "(3, 2)", std::as_bytes(std::span(numbers))));
  write("ids.txt", "cat.jpg\r\ndog bark\nC\n");
  EXPECT_EQ(ids("a.npy", {"/in/ids.txt", "", "", ""}), "cat.jpg dog bark C");
  EXPECT_EQ(ids("a.npy", {"/in/ids.txt", "x/", "", ""}), "x/cat.jpg x/dog bark x/C");
  write("ids.jsonl", "\"a\\n\"\n-7\n{\"id\": \"c\", \"more\": 1}\n");
  EXPECT_EQ(ids("a.npy", {"/in/ids.jsonl", "", "", ""}), "a\n -7 c");
  const std::vector<std::int32_t> integers = {-1, 0, 2'000'000'000};
  write("ids.npy", npy("<i4", "(3,)", std::as_bytes(std::span(integers))));
  EXPECT_EQ(ids("a.npy", {"/in/ids.npy", "", "", ""}), "-1 0 2000000000");
  const std::vector<std::uint64_t> large = {UINT64_MAX, 1, 2};
  write("large.npy", npy("<u8", "(3,)", std::as_bytes(std::span(large))));
  EXPECT_EQ(ids("a.npy", {"/in/large.npy", "", "", ""}), "18446744073709551615 1 2");
}

TEST_F(ExchangeTest, ids_beside_a_npy_are_taken_and_named) {
  const auto numbers = some_numbers(4);
  write("a.npy", npy("<f4", "(2, 2)", std::as_bytes(std::span(numbers))));
  write("a.ids.jsonl", "\"p\"\n\"q\"\n");
  EXPECT_EQ(ids("a.npy", {}), "p q");
  EXPECT_EQ((*open_vector_file(env_, "/in/a.npy", {}))->ids_file(), "/in/a.ids.jsonl");
}

TEST_F(ExchangeTest, a_file_of_too_few_or_too_many_ids_is_refused_before_anything_is_read) {
  const auto numbers = some_numbers(4);
  write("a.npy", npy("<f4", "(2, 2)", std::as_bytes(std::span(numbers))));
  write("few.txt", "a\n");
  write("many.txt", "a\nb\n\n");
  write("bad.jsonl", "\"a\"\n[1]\n");
  for (const char* file : {"few.txt", "many.txt"}) {
    const auto opened = open_vector_file(env_, "/in/a.npy", {std::string("/in/") + file, "", "", ""});
    EXPECT_EQ(opened.status().code(), Code::kMismatch);
    EXPECT_TRUE(has(opened.status().message(), "ids for 2 vectors")) << opened.status().message();
  }
  EXPECT_TRUE(has(ids("a.npy", {"/in/bad.jsonl", "", "", ""}), "line 2"))
      << ids("a.npy", {"/in/bad.jsonl", "", "", ""});
}

// --- JSON lines ---

TEST_F(ExchangeTest, json_lines_bring_ids_vectors_metadata_text_and_source) {
  write("a.jsonl",
        "\xEF\xBB\xBF{\"id\": \"a\", \"vector\": [0.1, -2, 3e0], \"metadata\": {\"y\": 1, \"x\": [null]}, \"text\": "
        "\"t\", "
        "\"source\": \"s\", \"other\": {}}\n\n{\"id\": 12, \"vectors\": {\"joint\": [1, 2, 3]}}\r\n{\"vector\": "
        "[4,5,6]}");
  const auto all = read("a.jsonl");
  ASSERT_TRUE(all.is_ok()) << all.status().to_string();
  ASSERT_EQ(all->size(), 3U);
  const auto& first = (*all)[0].vector;
  EXPECT_EQ(first.id, "a");
  EXPECT_EQ(first.numbers, (std::vector<float>{0.1F, -2, 3}));
  EXPECT_EQ(first.metadata, R"({"x":[null],"y":1})");
  EXPECT_EQ(first.text + first.source + first.place, "tsline 1");
  EXPECT_EQ((*all)[1].vector.id, "12");
  EXPECT_EQ((*all)[1].vector.place, "line 3");
  EXPECT_EQ((*all)[2].vector.id, "2");
}

TEST_F(ExchangeTest, a_bad_line_is_refused_by_itself) {
  write("a.jsonl",
        "{\"vector\": [1]}\nrubbish\n{\"id\": [1], \"vector\": [1]}\n{\"vector\": [null]}\n{\"vector\": 3}\n"
        "{\"id\": 1.5, \"vector\": [1]}\n{\"vector\": [1], \"metadata\": []}\n{\"id\": \"x\"}\n[1]\n"
        "{\"vector\": [1], \"text\": 5}\n{\"vector\": [2]}\n{\"vector\": [1e999]}\n");
  const auto all = read("a.jsonl");
  ASSERT_TRUE(all.is_ok()) << all.status().to_string();
  ASSERT_EQ(all->size(), 12U);
  for (std::size_t i = 0; i < all->size(); ++i) {
    EXPECT_EQ((*all)[i].problem.is_ok(), i == 0 || i == 10) << i << " " << (*all)[i].problem.to_string();
  }
  EXPECT_EQ((*all)[3].problem.message(), "has a vector whose number 0 is null, not a number");
}

TEST_F(ExchangeTest, lines_that_nest_too_deep_or_are_too_long_are_refused_and_the_rest_goes_on) {
  const std::string deep(limits::kVectorJsonDepthMax + 1, '[');
  const std::string longer(limits::kVectorLineBytesMax, ' ');
  write("a.jsonl", "{\"vector\": [1], \"text\": \"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"{{{{\"}\n{\"vector\": " +
                       deep + "\n{\"vector\": [1]" + longer + "}\n{\"vector\": [3]}\n");
  const auto all = read("a.jsonl");
  ASSERT_TRUE(all.is_ok()) << all.status().to_string();
  ASSERT_EQ(all->size(), 4U);
  EXPECT_TRUE((*all)[0].problem.is_ok());
  EXPECT_EQ((*all)[1].problem.code(), Code::kLimit);
  EXPECT_EQ((*all)[2].problem.code(), Code::kLimit);
  EXPECT_EQ((*all)[3].vector.numbers, std::vector<float>{3});
}

TEST_F(ExchangeTest, one_of_several_heads_is_to_be_named) {
  write("a.jsonl", "{\"id\": \"a\", \"vectors\": {\"joint\": [1], \"visual\": [2, 3]}}\n");
  EXPECT_TRUE(has(refusal("a.jsonl"), "(joint, visual): name one with --head")) << refusal("a.jsonl");
  const auto all = read("a.jsonl", {"", "", "visual", ""});
  ASSERT_TRUE(all.is_ok()) << all.status().to_string();
  EXPECT_EQ((*all)[0].vector.numbers, (std::vector<float>{2, 3}));
  EXPECT_TRUE(has(refusal("a.jsonl", {"", "", "none", ""}), "no vector of head 'none'"));
  const auto numbers = some_numbers(1);
  write("a.npy", npy("<f4", "(1, 1)", std::as_bytes(std::span(numbers))));
  EXPECT_TRUE(has(refusal("a.npy", {"", "", "visual", ""}), "only JSON lines"))
      << refusal("a.npy", {"", "", "visual", ""});
}

// --- files ---

TEST_F(ExchangeTest, what_is_none_of_the_formats_is_refused_by_its_name) {
  write("empty", "");
  write("text", "hello, these are no vectors");
  EXPECT_TRUE(has(refusal("empty"), "'/in/empty' is empty"));
  EXPECT_TRUE(has(refusal("text"), "none of the formats"));
  EXPECT_TRUE(has(refusal("nothing"), "not_found"));
  EXPECT_TRUE(has(open_vector_file(env_, "/in", {}).status().message(), "is no file"));
}

TEST_F(ExchangeTest, the_sum_of_a_file_is_that_of_its_bytes_and_can_be_stopped) {
  const Bytes bytes(3 * limits::kCopyPieceBytes / 2, std::byte{7});
  write("large", bytes);
  std::uint64_t told = 0;
  const auto sum = sum_of_file(env_, "/in/large", [&told](std::uint64_t, std::uint64_t) { return ++told > 0; });
  ASSERT_TRUE(sum.is_ok());
  EXPECT_EQ(*sum, sha256(bytes));
  EXPECT_EQ(told, 2U);
  EXPECT_EQ(sum_of_file(env_, "/in/large", [](std::uint64_t, std::uint64_t) { return false; }).status().code(),
            Code::kCancelled);
}

}  // namespace
}  // namespace pictor
