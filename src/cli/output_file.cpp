#include "cli/output_file.h"

namespace pictor {
namespace {

constexpr std::size_t kBufferBytes = 1 << 20;
constexpr std::size_t kNpyHeaderBytes = 128;

std::string part_of(const std::string& path) { return path + ".part"; }

}  // namespace

Result<std::unique_ptr<OutputFile>> OutputFile::create(Env& env, const std::string& path, bool replace) {
  const Result<FileInfo> info = env.info(path);
  if (info.is_ok() && info->kind == FileKind::kFolder)
    return Status(Code::kInvalid, "'" + path + "' is a folder, not a file");
  if (info.is_ok() && !replace) return Status(Code::kExists, "file '" + path + "' exists; add --force to replace it");
  PICTOR_ASSIGN(auto file, env.open(part_of(path), OpenMode::kReadWriteCreate));
  PICTOR_TRY(file->truncate(0));
  return std::unique_ptr<OutputFile>(new OutputFile(env, path, std::move(file)));
}

OutputFile::~OutputFile() {
  if (finished_) return;
  file_.reset();
  // A part that cannot be removed does no harm: the next run writes over it.
  (void)env_.remove(part_of(path_));
}

Status OutputFile::flush() {
  PICTOR_TRY(file_->write_at(written_, as_bytes(buffer_)));
  written_ += buffer_.size();
  buffer_.clear();
  return Status::ok();
}

Status OutputFile::write(std::string_view bytes) {
  buffer_ += bytes;
  return buffer_.size() >= kBufferBytes ? flush() : Status::ok();
}

Status OutputFile::rewrite_begin(std::string_view bytes) {
  PICTOR_TRY(flush());
  return file_->write_at(0, as_bytes(bytes));
}

Status OutputFile::finish() {
  PICTOR_TRY(flush());
  PICTOR_TRY(file_->sync());
  file_.reset();
  PICTOR_TRY(env_.rename(part_of(path_), path_));
  finished_ = true;
  return Status::ok();
}

std::string npy_header(std::uint64_t rows, std::uint64_t columns) {
  std::string text = "{'descr': '<f4', 'fortran_order': False, 'shape': (" + std::to_string(rows) + ", " +
                     std::to_string(columns) + "), }";
  text.resize(kNpyHeaderBytes - 10 - 1, ' ');
  text += '\n';
  std::string header("\x93NUMPY\x01\x00", 8);
  header += static_cast<char>(text.size() & 0xFF);
  header += static_cast<char>(text.size() >> 8);
  return header + text;
}

}  // namespace pictor
