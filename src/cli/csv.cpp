#include "cli/csv.h"

#include "cli/text.h"

namespace pictor {
namespace {

constexpr std::size_t kReadBytes = 64 * limits::kKiB;

std::string too_long() { return "is longer than " + bytes_text(limits::kManifestLineBytesMax); }

}  // namespace

LetterReader::LetterReader(std::unique_ptr<File> file) : file_(std::move(file)), buffer_(kReadBytes) {
  fill();
  constexpr std::string_view kMark = "\xEF\xBB\xBF";
  if (as_text(ByteView(buffer_).first(filled_)).starts_with(kMark)) position_ = kMark.size();
}

void LetterReader::fill() {
  position_ = filled_ = 0;
  if (!status_.is_ok()) return;
  const auto got = file_->read_at(offset_, buffer_);
  if (!got.is_ok()) {
    status_ = got.status();
    return;
  }
  filled_ = got.value();
  offset_ += filled_;
}

int LetterReader::peek() {
  if (position_ == filled_) fill();
  return position_ == filled_ ? -1 : static_cast<int>(buffer_[position_]);
}

int LetterReader::get() {
  const int letter = peek();
  if (letter < 0) return letter;
  ++position_;
  if (letter == '\n') ++line_;
  return letter;
}

Read read_line(LetterReader& in, std::string& line, Status& problem) {
  line.clear();
  if (in.peek() < 0) return Read::kEnd;
  bool fits = true;
  for (int letter = in.get(); letter >= 0 && letter != '\n'; letter = in.get()) {
    fits = fits && line.size() < limits::kManifestLineBytesMax;
    if (fits) line += static_cast<char>(letter);
  }
  if (!line.empty() && line.back() == '\r') line.pop_back();
  if (fits) return Read::kRecord;
  problem = {Code::kLimit, too_long()};
  return Read::kBad;
}

// Consumes LF, CRLF or a lone CR.
bool CsvReader::take_line_end() {
  if (in_.peek() == '\r') {
    in_.get();
    if (in_.peek() == '\n') in_.get();
    return true;
  }
  if (in_.peek() != '\n') return false;
  in_.get();
  return true;
}

Read CsvReader::bad(std::string why, Status& problem) {
  problem = {bytes_ > limits::kManifestLineBytesMax ? Code::kLimit : Code::kUnreadable, std::move(why)};
  // Quotes cannot be trusted any more: the next line end is taken as the record's end.
  while (in_.peek() >= 0 && !take_line_end()) in_.get();
  return Read::kBad;
}

// After the opening quote, up to the closing one. kRecord: well.
Read CsvReader::quoted(std::string& cell, Status& problem) {
  for (;;) {
    const int letter = in_.get();
    if (letter < 0) return bad("has a quote that is never closed", problem);
    if (++bytes_ > limits::kManifestLineBytesMax) return bad(too_long(), problem);
    if (letter != '"') {
      cell += static_cast<char>(letter);
    } else if (in_.peek() == '"') {
      cell += static_cast<char>(in_.get());
    } else {
      break;
    }
  }
  const int after = in_.peek();
  if (after < 0 || after == separator_ || after == '\r' || after == '\n') return Read::kRecord;
  return bad("has letters between a closing quote and the next separator", problem);
}

Read CsvReader::next(std::vector<std::string>& cells, Status& problem) {
  cells.clear();
  bytes_ = 0;
  while (take_line_end()) {
  }
  first_line_ = in_.line();
  if (in_.peek() < 0) return Read::kEnd;
  std::string cell;
  bool begin = true;
  for (;;) {
    if (begin && in_.peek() == '"') {
      in_.get();
      if (quoted(cell, problem) == Read::kBad) return Read::kBad;
    }
    begin = false;
    const bool end = in_.peek() < 0 || take_line_end();
    if (end || in_.peek() == separator_) {
      if (cells.size() == limits::kManifestColumnsMax) {
        if (end) {
          problem = {Code::kLimit, "has more than " + std::to_string(limits::kManifestColumnsMax) + " columns"};
          return Read::kBad;
        }
        return bad("has more than " + std::to_string(limits::kManifestColumnsMax) + " columns", problem);
      }
      cells.push_back(std::move(cell));
      cell.clear();
      if (end) return Read::kRecord;
      in_.get();
      begin = true;
    } else {
      if (++bytes_ > limits::kManifestLineBytesMax) return bad(too_long(), problem);
      cell += static_cast<char>(in_.get());
    }
  }
}

}  // namespace pictor
