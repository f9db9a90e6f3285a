// HDF5 files: a data set of vectors with ids beside, as we write it, or "train" and "test" as ann-benchmarks has them.
//
// The library opens files by itself, by their path. What a hostile file could make it do is shut off before anything is
// read: plug-ins, other files (external storage, virtual data sets, links), pieces larger than memory is given for.
#include <hdf5.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <mutex>

#include "exchange/child_rows.h"
#include "exchange/rows.h"

namespace pictor {
namespace {

constexpr std::string_view kMagic = "\x89HDF\r\n\x1a\n";
constexpr std::uint64_t kPieceBytes = 1 * limits::kMiB;

// Closes what the library opened.
template <herr_t (*Close)(hid_t)>
class Held {
 public:
  explicit Held(hid_t id = -1) : id_(id) {}
  ~Held() {
    if (id_ >= 0) Close(id_);
  }
  Held(Held&& other) noexcept : id_(std::exchange(other.id_, -1)) {}
  Held& operator=(Held&& other) noexcept {
    std::swap(id_, other.id_);
    return *this;
  }
  hid_t operator*() const { return id_; }
  bool good() const { return id_ >= 0; }

 private:
  hid_t id_;
};
using FileId = Held<H5Fclose>;
using SetId = Held<H5Dclose>;
using SpaceId5 = Held<H5Sclose>;
using TypeId = Held<H5Tclose>;
using ListId = Held<H5Pclose>;
using AttributeId = Held<H5Aclose>;

void prepare_library() {
  static std::once_flag once;
  std::call_once(once, [] {
    H5open();
    H5dont_atexit();
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);  // it would print
    H5PLset_loading_state(0);
  });
}

// A text of a hostile length is not taken.
void* take_memory(std::size_t bytes, void*) {
  return bytes <= limits::kItemIdBytesMax + 1 ? std::malloc(std::max<std::size_t>(bytes, 1)) : nullptr;
}
void give_memory(void* memory, void*) { std::free(memory); }

struct Shape {
  std::uint64_t rows = 0, columns = 1;
  int dimensions = 0;
};

Result<Shape> shape_of(hid_t set, const std::string& name) {
  const SpaceId5 space(H5Dget_space(set));
  Shape shape;
  shape.dimensions = space.good() ? H5Sget_simple_extent_ndims(*space) : -1;
  std::array<hsize_t, 2> sides{};
  if (shape.dimensions < 1 || shape.dimensions > 2 ||
      H5Sget_simple_extent_dims(*space, sides.data(), nullptr) != shape.dimensions) {
    return Status(Code::kUnsupported,
                  name + " has " + std::to_string(shape.dimensions) + " dimensions; one of rows and columns is wanted");
  }
  shape.rows = sides[0];
  if (shape.dimensions == 2) shape.columns = sides[1];
  if (shape.rows <= limits::kVectorFileRowsMax) return shape;
  return Status(Code::kLimit, name + " has " + std::to_string(shape.rows) + " rows");
}

// Its numbers lie in this file, in pieces that fit into memory.
Status check_layout(hid_t set, const std::string& name) {
  const ListId made(H5Dget_create_plist(set));
  const H5D_layout_t layout = made.good() ? H5Pget_layout(*made) : H5D_LAYOUT_ERROR;
  if (layout == H5D_VIRTUAL || (made.good() && H5Pget_external_count(*made) > 0)) {
    return {Code::kUnsupported, name + " lies in other files: copy it into one of its own (h5repack)"};
  }
  if (layout != H5D_CHUNKED) return Status::ok();
  std::array<hsize_t, 2> sides{1, 1};
  const int dimensions = H5Pget_chunk(*made, 2, sides.data());
  const TypeId type(H5Dget_type(set));
  const std::uint64_t each = type.good() ? std::max<std::uint64_t>(H5Tget_size(*type), 1) : 1;
  const std::uint64_t most = limits::kImportBatchBytes / each;
  if (dimensions >= 1 && dimensions <= 2 && sides[0] <= most && sides[1] <= most / std::max<hsize_t>(sides[0], 1)) {
    return Status::ok();
  }
  return {Code::kLimit, name + " comes in pieces of more than " + std::to_string(limits::kImportBatchBytes) +
                            " bytes: write it in smaller ones (h5repack)"};
}

class Hdf5File {
 public:
  static Result<std::shared_ptr<Hdf5File>> open(const std::string& path, const std::string& shown) {
    prepare_library();
    auto file = std::make_shared<Hdf5File>();
    file->name_ = shown;
    file->id_ = FileId(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT));
    if (file->id_.good()) return file;
    return Status(Code::kUnreadable, shown + " cannot be read as HDF5: it is not whole, or of a newer version");
  }

  const std::string& name() const { return name_; }
  std::string name(const std::string& set) const { return name_ + ": data set '" + set + "'"; }

  bool has(const std::string& set) const {
    H5O_info_t info{};
    // Only what lies here: a link may lead to any file.
    H5L_info_t link{};
    return H5Lget_info(*id_, set.c_str(), &link, H5P_DEFAULT) >= 0 && link.type == H5L_TYPE_HARD &&
           H5Oget_info_by_name(*id_, set.c_str(), &info, H5P_DEFAULT) >= 0 && info.type == H5O_TYPE_DATASET;
  }

  Result<SetId> set(const std::string& set) const {
    if (set.empty() || set.find('/') != std::string::npos || !has(set)) {
      return Status(Code::kNotFound, name_ + " has no data set '" + set + "'; it has: " + names());
    }
    SetId id(H5Dopen2(*id_, set.c_str(), H5P_DEFAULT));
    if (!id.good()) return Status(Code::kUnreadable, name(set) + " cannot be opened");
    PICTOR_TRY(check_layout(*id, name(set)));
    return id;
  }

  std::string names() const {
    std::string all;
    H5G_info_t group{};
    if (H5Gget_info(*id_, &group) < 0) return "none";
    for (hsize_t i = 0; i < std::min<hsize_t>(group.nlinks, 20); ++i) {
      std::array<char, 64> one{};
      if (H5Lget_name_by_idx(*id_, ".", H5_INDEX_NAME, H5_ITER_INC, i, one.data(), one.size(), H5P_DEFAULT) < 0) break;
      all += (all.empty() ? "" : ", ") + std::string(one.data());
    }
    return all.empty() ? "none" : all;
  }

  // Of the file; empty: it has none of that name.
  std::string text(const char* attribute) const {
    if (H5Aexists(*id_, attribute) <= 0) return "";
    const AttributeId id(H5Aopen(*id_, attribute, H5P_DEFAULT));
    const TypeId type(id.good() ? H5Aget_type(*id) : -1);
    if (!type.good() || H5Tget_class(*type) != H5T_STRING || H5Aget_storage_size(*id) > limits::kShortTextBytesMax) {
      return "";
    }
    const SpaceId5 space(H5Aget_space(*id));
    if (H5Sget_simple_extent_npoints(*space) != 1) return "";
    if (H5Tis_variable_str(*type) > 0) {
      char* value = nullptr;
      if (H5Aread(*id, *type, &value) < 0 || value == nullptr) return "";
      std::string out(value, ::strnlen(value, limits::kShortTextBytesMax));
      H5free_memory(value);
      return out;
    }
    std::string out(H5Tget_size(*type) + 1, '\0');
    if (H5Aread(*id, *type, out.data()) < 0) return "";
    out.resize(::strnlen(out.data(), out.size()));
    return out;
  }

 private:
  FileId id_;
  std::string name_;
};

// `count` rows from `first` on, into memory of that type.
Status read_rows(hid_t set, hid_t type, const Shape& shape, std::uint64_t first, std::uint64_t count, void* out,
                 hid_t transfer, const std::string& name) {
  const SpaceId5 all(H5Dget_space(set));
  const std::array<hsize_t, 2> begin{first, 0};
  const std::array<hsize_t, 2> sides{count, shape.columns};
  const SpaceId5 some(H5Screate_simple(shape.dimensions, sides.data(), nullptr));
  if (all.good() && some.good() &&
      H5Sselect_hyperslab(*all, H5S_SELECT_SET, begin.data(), nullptr, sides.data(), nullptr) >= 0 &&
      H5Dread(set, type, *some, *all, transfer, out) >= 0) {
    return Status::ok();
  }
  return {Code::kUnreadable, name + " cannot be read at row " + std::to_string(first) +
                                 ": it is damaged, or packed in a way that this library cannot unpack"};
}

// Ids beside the vectors: texts or integers.
class Hdf5Ids {
 public:
  static Result<std::unique_ptr<Hdf5Ids>> open(const Hdf5File& file, const std::string& set, std::uint64_t rows) {
    auto ids = std::make_unique<Hdf5Ids>();
    ids->name_ = file.name(set);
    PICTOR_ASSIGN(ids->set_, file.set(set));
    PICTOR_ASSIGN(ids->shape_, shape_of(*ids->set_, ids->name_));
    if (ids->shape_.dimensions != 1 || ids->shape_.rows != rows) {
      return Status(Code::kMismatch, ids->name_ + " has " + std::to_string(ids->shape_.rows) + " ids for " +
                                         std::to_string(rows) + " vectors: one each is wanted");
    }
    ids->type_ = TypeId(H5Dget_type(*ids->set_));
    const H5T_class_t kind = H5Tget_class(*ids->type_);
    ids->is_text_ = kind == H5T_STRING;
    ids->varies_ = ids->is_text_ && H5Tis_variable_str(*ids->type_) > 0;
    ids->each_ = H5Tget_size(*ids->type_);
    if ((kind != H5T_INTEGER && kind != H5T_STRING) || (ids->is_text_ && ids->each_ > limits::kItemIdBytesMax)) {
      return Status(Code::kUnsupported, ids->name_ + " has neither texts nor integers that could be ids");
    }
    ids->transfer_ = ListId(H5Pcreate(H5P_DATASET_XFER));
    H5Pset_vlen_mem_manager(*ids->transfer_, take_memory, nullptr, give_memory, nullptr);
    return ids;
  }

  Status read(std::uint64_t first, std::uint64_t count, std::vector<std::string>& out) const {
    out.assign(count, {});
    if (!is_text_) return read_integers(first, out);
    return varies_ ? read_varying(first, out) : read_fixed(first, out);
  }

 private:
  Status read_integers(std::uint64_t first, std::vector<std::string>& out) const {
    std::vector<std::int64_t> values(out.size());
    PICTOR_TRY(read_rows(*set_, H5T_NATIVE_INT64, shape_, first, out.size(), values.data(), *transfer_, name_));
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = std::to_string(values[i]);
    return Status::ok();
  }
  Status read_fixed(std::uint64_t first, std::vector<std::string>& out) const {
    std::string values(out.size() * each_, '\0');
    PICTOR_TRY(read_rows(*set_, *type_, shape_, first, out.size(), values.data(), *transfer_, name_));
    for (std::size_t i = 0; i < out.size(); ++i) {
      out[i] = values.substr(i * each_, ::strnlen(values.data() + i * each_, each_));
    }
    return Status::ok();
  }
  Status read_varying(std::uint64_t first, std::vector<std::string>& out) const {
    std::vector<char*> values(out.size());
    Status read = read_rows(*set_, *type_, shape_, first, out.size(), values.data(), *transfer_, name_);
    if (!read.is_ok()) return read;  // what was taken until then goes with the process
    for (std::size_t i = 0; i < out.size(); ++i) {
      if (values[i] != nullptr) out[i] = values[i];
      give_memory(values[i], nullptr);
    }
    return Status::ok();
  }

  SetId set_;
  TypeId type_;
  ListId transfer_;
  Shape shape_;
  std::string name_;
  bool is_text_ = false, varies_ = false;
  std::size_t each_ = 0;
};

class Hdf5Rows final : public Rows {
 public:
  static Result<std::unique_ptr<Rows>> open(std::shared_ptr<Hdf5File> file, const std::string& set) {
    auto rows = std::make_unique<Hdf5Rows>();
    rows->name_ = file->name(set);
    PICTOR_ASSIGN(rows->set_, file->set(set));
    PICTOR_ASSIGN(rows->shape_, shape_of(*rows->set_, rows->name_));
    const TypeId type(H5Dget_type(*rows->set_));
    if (rows->shape_.dimensions != 2 || H5Tget_class(*type) != H5T_FLOAT) {
      return Status(Code::kUnsupported, rows->name_ + " is to have rows and columns of floating-point numbers");
    }
    if (rows->shape_.columns == 0 || rows->shape_.columns > limits::kVectorDimMax) {
      return Status(Code::kLimit, rows->name_ + " has vectors of " + std::to_string(rows->shape_.columns) +
                                      " numbers, wanted 1 to " + std::to_string(limits::kVectorDimMax));
    }
    const std::size_t bits = 8 * H5Tget_size(*type);
    rows->dim = static_cast<std::uint32_t>(rows->shape_.columns);
    rows->total = rows->shape_.rows;
    rows->format = "HDF5, '" + set + "', float" + std::to_string(bits);
    if (bits > 32) rows->notes.emplace_back("float64 numbers are rounded to float32");
    rows->metric = metric_in(*file);
    if (set == "vectors" && file->has("ids")) {
      PICTOR_ASSIGN(rows->ids_, Hdf5Ids::open(*file, "ids", rows->shape_.rows));
    }
    rows->file_ = std::move(file);
    return std::unique_ptr<Rows>(std::move(rows));
  }

  Result<bool> next(VectorSource::Entry& out) override {
    if (row_ == shape_.rows) return false;
    if (row_ == held_from_ + held_count_) PICTOR_TRY(fill());
    const std::size_t at = static_cast<std::size_t>(row_ - held_from_);
    out = {};
    out.vector.place = "row " + std::to_string(row_++);
    const auto begin = numbers_.begin() + static_cast<std::ptrdiff_t>(at * dim);
    out.vector.numbers.assign(begin, begin + static_cast<std::ptrdiff_t>(dim));
    if (ids_ != nullptr) out.vector.id = std::move(held_ids_[at]);
    return true;
  }

 private:
  // Ours, and what ann-benchmarks calls its distances.
  static std::optional<Metric> metric_in(const Hdf5File& file) {
    const std::string own = file.text("metric");
    const std::string theirs = file.text("distance");
    if (own == "cosine" || theirs == "angular") return Metric::kCosine;
    if (own == "l2" || theirs == "euclidean") return Metric::kL2;
    if (own == "inner_product" || theirs == "ip" || theirs == "dot") return Metric::kInnerProduct;
    return std::nullopt;
  }

  Status fill() {
    held_from_ = row_;
    held_count_ = std::clamp<std::uint64_t>(kPieceBytes / (std::uint64_t{dim} * sizeof(float)), 1, shape_.rows - row_);
    numbers_.resize(static_cast<std::size_t>(held_count_) * dim);
    PICTOR_TRY(read_rows(*set_, H5T_NATIVE_FLOAT, shape_, row_, held_count_, numbers_.data(), H5P_DEFAULT, name_));
    return ids_ == nullptr ? Status::ok() : ids_->read(row_, held_count_, held_ids_);
  }

  std::shared_ptr<Hdf5File> file_;
  SetId set_;
  std::unique_ptr<Hdf5Ids> ids_;
  Shape shape_;
  std::string name_;
  std::uint64_t row_ = 0, held_from_ = 0, held_count_ = 0;
  std::vector<float> numbers_;
  std::vector<std::string> held_ids_;
};

}  // namespace

bool is_hdf5(ByteView begin) { return as_text(begin).starts_with(kMagic); }

namespace {

Result<std::unique_ptr<Rows>> open_here(const std::string& name, const std::string& path, const std::string& dataset) {
  PICTOR_ASSIGN(auto opened, Hdf5File::open(path, name));
  std::string set = dataset;
  for (const char* usual : {"vectors", "train"}) {
    if (set.empty() && opened->has(usual)) set = usual;
  }
  if (!set.empty()) return Hdf5Rows::open(std::move(opened), set);
  return Status(Code::kNotFound, name +
                                     " has neither a data set 'vectors' nor one 'train': name one with --dataset; "
                                     "it has: " +
                                     opened->names());
}

}  // namespace

// In a process of its own: a changed byte in a heap of texts is enough to bring version 1.10.8 of the library down.
Result<std::unique_ptr<Rows>> open_hdf5(const SourceFile& file, const std::string& path, const std::string& dataset) {
  return open_in_child(file.name, [&] { return open_here(file.name, path, dataset); });
}

}  // namespace pictor
