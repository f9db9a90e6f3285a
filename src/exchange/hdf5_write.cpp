// An HDF5 file of vectors and their ids, written aside and given its name when it is whole.
#include <hdf5.h>

#include <algorithm>
#include <array>

#include "exchange/exchange.h"

namespace pictor {
namespace {

constexpr std::uint64_t kPieceBytes = 1 * limits::kMiB;
constexpr std::size_t kPieceRowsMax = 4096;

class Hdf5Writer final : public VectorWriter {
 public:
  Hdf5Writer(Env& env, std::string path, std::uint32_t dim)
      : env_(env),
        path_(std::move(path)),
        dim_(dim),
        rows_together_(std::clamp<std::size_t>(kPieceBytes / (std::size_t{dim} * sizeof(float)), 1, kPieceRowsMax)) {}
  ~Hdf5Writer() override {
    close();
    // A part that cannot be removed does no harm: the next run writes over it.
    if (!finished_) static_cast<void>(env_.remove(part()));
  }

  Status begin(const VectorFileAbout& about) {
    H5open();
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);  // it would print
    file_ = H5Fcreate(part().c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    if (file_ < 0) return failed("made");
    text_type_ = H5Tcopy(H5T_C_S1);
    bool good = H5Tset_size(text_type_, H5T_VARIABLE) >= 0 && H5Tset_cset(text_type_, H5T_CSET_UTF8) >= 0;
    good = good && put_text("format", "pictor-vectors-1") && put_text("collection", about.collection) &&
           put_text("head", about.head) && put_text("space", about.space) && put_text("metric", about.metric);
    vectors_ = make("vectors", H5T_IEEE_F32LE, 2);
    ids_ = make("ids", text_type_, 1);
    return good && vectors_ >= 0 && ids_ >= 0 ? Status::ok() : failed("written");
  }

  Status add(std::string_view id, std::span<const float> numbers) override {
    if (numbers.size() != dim_) {
      return {Code::kMismatch,
              "a vector has " + std::to_string(numbers.size()) + " numbers, the file has " + std::to_string(dim_)};
    }
    held_ids_.emplace_back(id);
    held_.insert(held_.end(), numbers.begin(), numbers.end());
    return held_ids_.size() < rows_together_ ? Status::ok() : flush();
  }

  Status finish() override {
    PICTOR_TRY(flush());
    if (H5Fflush(file_, H5F_SCOPE_GLOBAL) < 0) return failed("written");
    close();
    {
      PICTOR_ASSIGN(const auto file, env_.open(part(), OpenMode::kReadWrite));
      PICTOR_TRY(file->sync());
    }
    PICTOR_TRY(env_.rename(part(), path_));
    finished_ = true;
    return Status::ok();
  }

 private:
  std::string part() const { return path_ + ".part"; }
  Status failed(const std::string& what) const {
    return {Code::kIo,
            "'" + part() + "' could not be " + what + ": is the disk full, or the folder not to be written?"};
  }

  bool put_text(const char* name, const std::string& text) const {
    const hid_t space = H5Screate(H5S_SCALAR);
    const hid_t attribute = H5Acreate2(file_, name, text_type_, space, H5P_DEFAULT, H5P_DEFAULT);
    const char* value = text.c_str();
    const bool good = attribute >= 0 && H5Awrite(attribute, text_type_, static_cast<const void*>(&value)) >= 0;
    if (attribute >= 0) H5Aclose(attribute);
    H5Sclose(space);
    return good;
  }

  // Rows without end, in pieces. No times are kept, so that equal vectors make equal files.
  hid_t make(const char* name, hid_t type, int dimensions) const {
    const std::array<hsize_t, 2> none{0, dim_};
    const std::array<hsize_t, 2> endless{H5S_UNLIMITED, dim_};
    const std::array<hsize_t, 2> piece{rows_together_, dim_};
    const hid_t space = H5Screate_simple(dimensions, none.data(), endless.data());
    const hid_t how = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(how, dimensions, piece.data());
    H5Pset_obj_track_times(how, false);
    const hid_t set = H5Dcreate2(file_, name, type, space, H5P_DEFAULT, how, H5P_DEFAULT);
    H5Pclose(how);
    H5Sclose(space);
    return set;
  }

  bool append(hid_t set, hid_t type, int dimensions, const void* values, std::uint64_t count) const {
    const std::array<hsize_t, 2> now{rows_ + count, dim_};
    if (H5Dset_extent(set, now.data()) < 0) return false;
    const hid_t all = H5Dget_space(set);
    const std::array<hsize_t, 2> first{rows_, 0};
    const std::array<hsize_t, 2> sides{count, dim_};
    const hid_t some = H5Screate_simple(dimensions, sides.data(), nullptr);
    const bool good = H5Sselect_hyperslab(all, H5S_SELECT_SET, first.data(), nullptr, sides.data(), nullptr) >= 0 &&
                      H5Dwrite(set, type, some, all, H5P_DEFAULT, values) >= 0;
    H5Sclose(some);
    H5Sclose(all);
    return good;
  }

  Status flush() {
    if (held_ids_.empty()) return Status::ok();
    std::vector<const char*> texts;
    for (const std::string& id : held_ids_) texts.push_back(id.c_str());
    if (!append(vectors_, H5T_NATIVE_FLOAT, 2, held_.data(), held_ids_.size()) ||
        !append(ids_, text_type_, 1, static_cast<const void*>(texts.data()), held_ids_.size())) {
      return failed("written");
    }
    rows_ += held_ids_.size();
    held_ids_.clear();
    held_.clear();
    return Status::ok();
  }

  void close() {
    if (ids_ >= 0) H5Dclose(ids_);
    if (vectors_ >= 0) H5Dclose(vectors_);
    if (text_type_ >= 0) H5Tclose(text_type_);
    if (file_ >= 0) H5Fclose(file_);
    ids_ = vectors_ = text_type_ = file_ = -1;
  }

  Env& env_;
  const std::string path_;
  const std::uint32_t dim_;
  const std::size_t rows_together_;
  hid_t file_ = -1, text_type_ = -1, vectors_ = -1, ids_ = -1;
  std::uint64_t rows_ = 0;
  std::vector<std::string> held_ids_;
  std::vector<float> held_;
  bool finished_ = false;
};

}  // namespace

Result<std::unique_ptr<VectorWriter>> create_hdf5(Env& env, const std::string& path, const VectorFileAbout& about,
                                                  bool replace) {
  const auto info = env.info(path);
  if (info.is_ok() && info->kind == FileKind::kFolder) {
    return Status(Code::kInvalid, "'" + path + "' is a folder, not a file");
  }
  if (info.is_ok() && !replace) return Status(Code::kExists, "file '" + path + "' exists; add --force to replace it");
  auto writer = std::make_unique<Hdf5Writer>(env, path, about.dim);
  PICTOR_TRY(writer->begin(about));
  return std::unique_ptr<VectorWriter>(std::move(writer));
}

}  // namespace pictor
