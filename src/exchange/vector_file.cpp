// Which format a file has, and where its rows get their ids.
#include "exchange/exchange.h"

#include "exchange/rows.h"

namespace pictor {
namespace {

constexpr std::size_t kBeginBytes = 512;

Result<std::unique_ptr<Rows>> open_rows(const SourceFile& file, const std::string& path,
                                        const VectorFileOptions& options) {
  Bytes begin(kBeginBytes);
  PICTOR_ASSIGN(const auto got, file.file->read_at(0, begin));
  begin.resize(got);
  if (!options.head.empty() && !is_json_lines(begin)) {
    return Status(Code::kInvalid, file.name +
                                      " has vectors of one head, whose name it does not say: only JSON lines "
                                      "are asked for one of theirs");
  }
  if (!options.dataset.empty() && !is_hdf5(begin)) {
    return Status(Code::kInvalid, file.name + " is no HDF5 file, and only those have data sets");
  }
  if (is_npy(begin)) return open_npy(file);
  if (is_hdf5(begin)) return open_hdf5(file, path, options.dataset);
  if (is_json_lines(begin)) return open_json_lines(file, options.head);
  if (is_faiss(begin)) return open_faiss(file);
  return Status(Code::kUnsupported, file.name + (got == 0 ? " is empty" : " is none of the formats that are read") +
                                        ": .npy, JSON lines, HDF5, or a faiss index");
}

// NAME.ids.jsonl, as `pictor export` writes it beside NAME.npy.
std::string ids_beside(Env& env, const std::string& path) {
  constexpr std::string_view kNpy = ".npy";
  if (!path.ends_with(kNpy)) return "";
  const std::string beside = path.substr(0, path.size() - kNpy.size()) + ".ids.jsonl";
  return exists(env, beside) ? beside : "";
}

Result<std::uint64_t> count_of(const SourceFile& file) {
  PICTOR_ASSIGN(const auto ids, open_ids(file));
  std::uint64_t count = 0;
  std::string id;
  while (true) {
    PICTOR_ASSIGN(const bool more, ids->next(id));
    if (!more) return count;
    ++count;
  }
}

class NamedRows final : public VectorFile {
 public:
  NamedRows(std::unique_ptr<Rows> rows, const VectorFileOptions& options)
      : rows_(std::move(rows)), prefix_(options.id_prefix) {}

  Status open_ids_file(Env& env, const std::string& path) {
    PICTOR_ASSIGN(const auto file, SourceFile::open(env, path));
    if (rows_->total.has_value()) {
      PICTOR_ASSIGN(const auto count, count_of(file));
      if (count != *rows_->total) {
        return {Code::kMismatch, file.name + " has " + std::to_string(count) + " ids for " +
                                     std::to_string(*rows_->total) + " vectors: one each is wanted"};
      }
    }
    PICTOR_ASSIGN(ids_, open_ids(file));
    ids_path_ = path;
    ids_name_ = file.name;
    return Status::ok();
  }

  Result<bool> next(Entry& out) override {
    PICTOR_ASSIGN(const bool more, rows_->next(out));
    if (!more) return false;
    auto& id = out.vector.id;
    if (ids_ != nullptr) {
      PICTOR_ASSIGN(const bool named, ids_->next(id));
      if (!named) {
        return Status(Code::kMismatch, ids_name_ + " has " + std::to_string(row_) + " ids, and there are more vectors");
      }
    }
    if (id.empty()) id = std::to_string(row_);
    ++row_;
    if (!prefix_.empty()) id = prefix_ + id;
    return true;
  }

  std::optional<std::uint64_t> total() const override { return rows_->total; }
  std::uint32_t dim() const override { return rows_->dim; }
  std::optional<Metric> metric() const override { return rows_->metric; }
  const std::string& format() const override { return rows_->format; }
  const std::vector<std::string>& notes() const override { return rows_->notes; }
  const std::string& ids_file() const override { return ids_path_; }

 private:
  const std::unique_ptr<Rows> rows_;
  const std::string prefix_;
  std::unique_ptr<Ids> ids_;
  std::string ids_path_, ids_name_;
  std::uint64_t row_ = 0;
};

}  // namespace

Result<std::unique_ptr<VectorFile>> open_vector_file(Env& env, const std::string& path,
                                                     const VectorFileOptions& options) {
  PICTOR_ASSIGN(const auto file, SourceFile::open(env, path));
  PICTOR_ASSIGN(auto rows, open_rows(file, path, options));
  auto named = std::make_unique<NamedRows>(std::move(rows), options);
  const std::string ids = options.ids.empty() ? ids_beside(env, path) : options.ids;
  if (!ids.empty()) PICTOR_TRY(named->open_ids_file(env, ids));
  return std::unique_ptr<VectorFile>(std::move(named));
}

Result<Hash256> sum_of_file(Env& env, const std::string& path,
                            const std::function<bool(std::uint64_t done, std::uint64_t total)>& tell) {
  PICTOR_ASSIGN(const auto source, SourceFile::open(env, path));
  Sha256Stream sum;
  Bytes piece(limits::kCopyPieceBytes);
  for (std::uint64_t at = 0; at < source.size;) {
    PICTOR_ASSIGN(const auto got, source.file->read_at(at, piece));
    if (got == 0) return Status(Code::kIo, source.name + " became shorter while it was read");
    sum.add(ByteView(piece).first(got));
    at += got;
    if (tell && !tell(at, source.size)) return Status(Code::kCancelled, "stopped while reading " + source.name);
  }
  return sum.finish();
}

}  // namespace pictor
