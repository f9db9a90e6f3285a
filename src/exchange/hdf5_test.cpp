#include <gtest/gtest.h>
#include <hdf5.h>

#include <filesystem>
#include <fstream>
#include <functional>

#include "exchange/exchange.h"
#include "exchange/exchange_testing.h"

namespace pictor {
namespace {

using testing::some_numbers;

class Hdf5Test : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "pictor-hdf5-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string operator/(const std::string& name) const { return folder_ + "/" + name; }

  // A file as others make them.
  std::string file(const std::string& name, const std::function<void(hid_t)>& fill) const {
    const std::string path = *this / name;
    const hid_t made = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    fill(made);
    H5Fclose(made);
    return path;
  }
  static void put(hid_t in, const char* name, hid_t type, const std::vector<hsize_t>& sides, const void* values,
                  hid_t how = H5P_DEFAULT, hid_t stored = -1) {
    const hid_t space = H5Screate_simple(static_cast<int>(sides.size()), sides.data(), nullptr);
    const hid_t set = H5Dcreate2(in, name, stored < 0 ? type : stored, space, H5P_DEFAULT, how, H5P_DEFAULT);
    ASSERT_GE(set, 0);
    if (values != nullptr) {
      ASSERT_GE(H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values), 0);
    }
    H5Dclose(set);
    H5Sclose(space);
  }
  static void put_attribute(hid_t in, const char* name, const std::string& value) {
    const hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, value.size());
    const hid_t space = H5Screate(H5S_SCALAR);
    const hid_t attribute = H5Acreate2(in, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    H5Awrite(attribute, type, value.data());
    H5Aclose(attribute);
    H5Sclose(space);
    H5Tclose(type);
  }

  static Result<std::vector<VectorSource::Entry>> read(const std::string& path, const std::string& dataset = "") {
    PICTOR_ASSIGN(const auto source, open_vector_file(Env::real(), path, {"", "", "", dataset}));
    std::vector<VectorSource::Entry> all;
    while (true) {
      VectorSource::Entry entry;
      PICTOR_ASSIGN(const bool more, source->next(entry));
      if (!more) return all;
      all.push_back(std::move(entry));
    }
  }
  static void refused(const std::string& path, Code code, const std::string& wanted, const std::string& dataset = "") {
    const auto all = read(path, dataset);
    EXPECT_EQ(all.status().code(), code) << all.status().to_string();
    EXPECT_NE(all.status().message().find(wanted), std::string::npos) << all.status().message();
  }
  std::string read_bytes(const std::string& path) const {
    const auto bytes = read_file(Env::real(), path, limits::kGiB);
    return std::string(as_text(*bytes));
  }

  std::string folder_;
};

TEST_F(Hdf5Test, what_was_written_is_read_bit_for_bit_and_equal_vectors_make_equal_files) {
  constexpr std::uint32_t kRows = 9000;
  const auto numbers = some_numbers(std::size_t{kRows} * 3);
  for (const char* name : {"a.h5", "b.h5"}) {
    const auto writer = create_hdf5(Env::real(), *this / name, {"cats", "joint", "f00", "l2", 3}, false);
    ASSERT_TRUE(writer.is_ok()) << writer.status().to_string();
    for (std::uint32_t i = 0; i < kRows; ++i) {
      ASSERT_TRUE((*writer)->add("Bild ü " + std::to_string(i), std::span(numbers).subspan(3 * i, 3)).is_ok());
    }
    EXPECT_EQ((*writer)->add("wide", std::span(numbers).first(4)).code(), Code::kMismatch);
    EXPECT_FALSE(exists(Env::real(), *this / name));
    ASSERT_TRUE((*writer)->finish().is_ok());
  }
  EXPECT_EQ(read_bytes(*this / "a.h5"), read_bytes(*this / "b.h5"));
  const auto source = open_vector_file(Env::real(), *this / "a.h5", {});
  ASSERT_TRUE(source.is_ok()) << source.status().to_string();
  EXPECT_EQ((*source)->metric(), Metric::kL2);
  EXPECT_EQ((*source)->format(), "HDF5, 'vectors', float32");
  const auto all = read(*this / "a.h5");
  ASSERT_TRUE(all.is_ok()) << all.status().to_string();
  ASSERT_EQ(all->size(), kRows);
  for (const std::uint32_t i : {0U, 1U, 4095U, 4096U, 8999U}) {
    EXPECT_EQ((*all)[i].vector.id, "Bild ü " + std::to_string(i));
    EXPECT_EQ((*all)[i].vector.numbers, std::vector<float>(numbers.begin() + 3 * i, numbers.begin() + 3 * i + 3));
  }
}

TEST_F(Hdf5Test, a_writer_that_did_not_finish_leaves_nothing_and_no_file_is_replaced_unasked) {
  { ASSERT_TRUE(create_hdf5(Env::real(), *this / "a.h5", {"c", "h", "s", "l2", 2}, false).is_ok()); }
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
  const auto writer = create_hdf5(Env::real(), *this / "a.h5", {"c", "h", "s", "l2", 2}, false);
  ASSERT_TRUE((*writer)->finish().is_ok());
  EXPECT_EQ(create_hdf5(Env::real(), *this / "a.h5", {"c", "h", "s", "l2", 2}, false).status().code(), Code::kExists);
  EXPECT_TRUE(create_hdf5(Env::real(), *this / "a.h5", {"c", "h", "s", "l2", 2}, true).is_ok());
  EXPECT_EQ(create_hdf5(Env::real(), *this / "no/a.h5", {"c", "h", "s", "l2", 2}, true).status().code(), Code::kIo);
  EXPECT_TRUE(read(*this / "a.h5")->empty());
}

TEST_F(Hdf5Test, files_of_ann_benchmarks_are_read_and_their_distance_is_known) {
  const auto numbers = some_numbers(12);
  const std::vector<double> wide = {0.1, 1};
  const auto path = file("ann.hdf5", [&](hid_t made) {
    put(made, "train", H5T_NATIVE_FLOAT, {4, 3}, numbers.data());
    put(made, "test", H5T_NATIVE_DOUBLE, {1, 2}, wide.data());
    put_attribute(made, "distance", "angular");
  });
  const auto source = open_vector_file(Env::real(), path, {});
  ASSERT_TRUE(source.is_ok()) << source.status().to_string();
  EXPECT_EQ((*source)->metric(), Metric::kCosine);
  EXPECT_EQ((*source)->total(), 4U);
  EXPECT_EQ((*read(path))[3].vector.numbers, std::vector<float>(numbers.begin() + 9, numbers.end()));
  EXPECT_EQ((*read(path))[3].vector.id, "3");
  EXPECT_EQ((*read(path, "test"))[0].vector.numbers, (std::vector<float>{0.1F, 1}));
  refused(path, Code::kNotFound, "it has: test, train", "neighbors");
}

TEST_F(Hdf5Test, ids_may_be_integers_or_texts_of_one_length) {
  const auto numbers = some_numbers(4);
  const std::vector<std::int32_t> integers = {-5, 7};
  const hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, 3);
  const auto whole = file("i.h5", [&](hid_t made) {
    put(made, "vectors", H5T_NATIVE_FLOAT, {2, 2}, numbers.data());
    put(made, "ids", H5T_NATIVE_INT32, {2}, integers.data());
  });
  EXPECT_EQ((*read(whole))[0].vector.id + (*read(whole))[1].vector.id, "-57");
  const auto texts = file("t.h5", [&](hid_t made) {
    put(made, "vectors", H5T_NATIVE_FLOAT, {2, 2}, numbers.data());
    put(made, "ids", type, {2}, "abcd\0\0");
  });
  EXPECT_EQ((*read(texts))[0].vector.id + "," + (*read(texts))[1].vector.id, "abc,d");
  H5Tclose(type);
}

TEST_F(Hdf5Test, what_is_not_read_is_refused_with_its_name) {
  const auto numbers = some_numbers(8);
  const auto made = [&](const std::string& name, const std::vector<hsize_t>& sides, hid_t type) {
    return file(name, [&](hid_t in) { put(in, "vectors", type, sides, nullptr); });
  };
  refused(made("3d.h5", {2, 2, 2}, H5T_NATIVE_FLOAT), Code::kUnsupported, "3 dimensions");
  refused(made("1d.h5", {8}, H5T_NATIVE_FLOAT), Code::kUnsupported, "rows and columns");
  refused(made("int.h5", {2, 2}, H5T_NATIVE_INT), Code::kUnsupported, "floating-point");
  refused(made("wide.h5", {1, 16385}, H5T_NATIVE_FLOAT), Code::kLimit, "16385 numbers");
  refused(file("none.h5", [](hid_t) {}), Code::kNotFound, "it has: none");
  const auto few = file("few.h5", [&](hid_t in) {
    put(in, "vectors", H5T_NATIVE_FLOAT, {4, 2}, numbers.data());
    put(in, "ids", H5T_NATIVE_INT, {3}, nullptr);
  });
  refused(few, Code::kMismatch, "3 ids for 4 vectors");
}

TEST_F(Hdf5Test, no_file_makes_another_one_be_read) {
  const std::string secret = *this / "secret";
  ASSERT_TRUE(write_file_atomic(Env::real(), secret, Bytes(64, std::byte{1})).is_ok());
  const auto external = file("external.h5", [&](hid_t in) {
    const hid_t how = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_external(how, secret.c_str(), 0, H5F_UNLIMITED);
    put(in, "vectors", H5T_NATIVE_FLOAT, {4, 4}, nullptr, how);
    H5Pclose(how);
  });
  refused(external, Code::kUnsupported, "lies in other files");
  const auto numbers = some_numbers(4);
  const auto other = file("other.h5", [&](hid_t in) { put(in, "vectors", H5T_NATIVE_FLOAT, {2, 2}, numbers.data()); });
  const auto linked = file("linked.h5", [&](hid_t in) {
    H5Lcreate_external(other.c_str(), "vectors", in, "vectors", H5P_DEFAULT, H5P_DEFAULT);
  });
  refused(linked, Code::kNotFound, "neither a data set 'vectors'");
  const auto virtual_set = file("virtual.h5", [&](hid_t in) {
    const hid_t how = H5Pcreate(H5P_DATASET_CREATE);
    const std::vector<hsize_t> sides = {2, 2};
    const hid_t space = H5Screate_simple(2, sides.data(), nullptr);
    H5Pset_virtual(how, space, other.c_str(), "vectors", space);
    put(in, "vectors", H5T_NATIVE_FLOAT, sides, nullptr, how);
    H5Sclose(space);
    H5Pclose(how);
  });
  refused(virtual_set, Code::kUnsupported, "lies in other files");
}

TEST_F(Hdf5Test, pieces_and_texts_larger_than_memory_is_given_for_are_refused) {
  const auto pieces = file("pieces.h5", [&](hid_t in) {
    const hid_t how = H5Pcreate(H5P_DATASET_CREATE);
    const std::vector<hsize_t> piece = {1'000'000, 100};
    H5Pset_chunk(how, 2, piece.data());
    const std::vector<hsize_t> sides = {1'000'000, 100};
    put(in, "vectors", H5T_NATIVE_FLOAT, sides, nullptr, how);
    H5Pclose(how);
  });
  refused(pieces, Code::kLimit, "in smaller ones");
  const auto numbers = some_numbers(4);
  const hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, H5T_VARIABLE);
  const std::string longest(limits::kItemIdBytesMax, 'x');
  const auto with_ids = [&](const std::string& name, const std::string& id) {
    return file(name, [&](hid_t in) {
      put(in, "vectors", H5T_NATIVE_FLOAT, {2, 2}, numbers.data());
      const std::vector<const char*> ids = {"short", id.c_str()};
      put(in, "ids", type, {2}, ids.data());
    });
  };
  EXPECT_EQ((*read(with_ids("fit.h5", longest)))[1].vector.id, longest);
  refused(with_ids("long.h5", std::string(100'000, 'x')), Code::kUnreadable, "cannot be read at row 0");
  H5Tclose(type);
}

TEST_F(Hdf5Test, beginnings_of_a_file_and_changed_ones_are_rows_or_an_error) {
  const auto numbers = some_numbers(600);
  {
    const auto writer = create_hdf5(Env::real(), *this / "good.h5", {"c", "h", "s", "cosine", 3}, false);
    for (std::size_t i = 0; i < 200; ++i) {
      ASSERT_TRUE((*writer)->add("id" + std::to_string(i), std::span(numbers).subspan(3 * i, 3)).is_ok());
    }
    ASSERT_TRUE((*writer)->finish().is_ok());
  }
  const auto good = *read_file(Env::real(), *this / "good.h5", limits::kMiB);
  const auto tried = [&](ByteView bytes) {
    std::ofstream(*this / "bad.h5", std::ios::binary) << as_text(bytes);
    return read(*this / "bad.h5").status();
  };
  std::uint32_t refusals = 0;
  for (std::size_t size = 8; size < good.size(); size += good.size() / 20) {
    refusals += tried(ByteView(good).first(size)).is_ok() ? 0U : 1U;
  }
  EXPECT_GT(refusals, 10U);
  // Some of these bring the library down, which is an error here like any other.
  for (std::size_t at = 8; at < good.size(); at += good.size() / 60) {
    Bytes bad = good;
    bad[at] ^= std::byte{0x5A};
    const Status status = tried(bad);
    EXPECT_TRUE(status.is_ok() || !status.message().empty());
  }
}

}  // namespace
}  // namespace pictor
