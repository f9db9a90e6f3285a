#include "exchange/npy.h"

#include <charconv>

#include "exchange/rows.h"
#include "vector/vector.h"

namespace pictor {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";

// The Python dictionary of the header: three known names, each with a text, a truth or a tuple of numbers.
class HeaderText {
 public:
  explicit HeaderText(std::string_view text) : text_(text) {}

  bool take(char wanted) {
    skip_spaces();
    if (text_.empty() || text_.front() != wanted) return false;
    text_.remove_prefix(1);
    return true;
  }
  bool take(std::string_view word) {
    skip_spaces();
    if (!text_.starts_with(word)) return false;
    text_.remove_prefix(word.size());
    return true;
  }
  bool text(std::string& out) {
    skip_spaces();
    if (text_.empty() || (text_.front() != '\'' && text_.front() != '"')) return false;
    const std::size_t end = text_.find(text_.front(), 1);
    if (end == std::string_view::npos) return false;
    out = text_.substr(1, end - 1);
    text_.remove_prefix(end + 1);
    return true;
  }
  bool number(std::uint64_t& out) {
    skip_spaces();
    const auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), out);
    if (error != std::errc()) return false;
    text_.remove_prefix(static_cast<std::size_t>(end - text_.data()));
    take('L');  // of files that Python 2 wrote
    return true;
  }

 private:
  void skip_spaces() {
    const std::size_t begin = text_.find_first_not_of(" \t\n\r");
    text_.remove_prefix(begin == std::string_view::npos ? text_.size() : begin);
  }

  std::string_view text_;
};

struct Fields {
  std::string descr;
  bool fortran = false;
  std::vector<std::uint64_t> shape;
};

bool read_shape(HeaderText& text, std::vector<std::uint64_t>& shape) {
  if (!text.take('(')) return false;
  while (!text.take(')')) {
    std::uint64_t side = 0;
    if (shape.size() == 8 || !text.number(side)) return false;
    shape.push_back(side);
    if (!text.take(',')) return text.take(')');
  }
  return true;
}

bool read_fields(HeaderText text, Fields& fields) {
  if (!text.take('{')) return false;
  int seen = 0;
  while (!text.take('}')) {
    std::string name;
    if (!text.text(name) || !text.take(':')) return false;
    if (name == "descr") {
      // A structured type has a list here, which is no text: it is refused as what cannot be read.
      if (!text.text(fields.descr)) return false;
    } else if (name == "fortran_order") {
      fields.fortran = text.take("True");
      if (!fields.fortran && !text.take("False")) return false;
    } else if (name != "shape" || !read_shape(text, fields.shape)) {
      return false;
    }
    ++seen;
    if (!text.take(',')) return text.take('}') && seen == 3;
  }
  return seen == 3;
}

Result<NpyHeader> header_of(const Fields& fields, const std::string& name) {
  const std::string_view type = fields.descr;
  const bool known = type.size() == 3 && (type[1] == 'f' || type[1] == 'i' || type[1] == 'u');
  const std::uint32_t bytes = known && type[2] >= '1' && type[2] <= '8' ? static_cast<std::uint32_t>(type[2] - '0') : 0;
  const bool power = bytes == 1 || bytes == 2 || bytes == 4 || bytes == 8;
  if (!known || !power || (type[1] == 'f' && bytes == 1)) {
    return Status(Code::kUnsupported, name + " has numbers of the type '" + fields.descr +
                                          "'; float16, float32 and float64 are read: save it with .astype('<f4')");
  }
  if (bytes > 1 && type[0] != '<') {
    return Status(Code::kUnsupported, name + " has numbers of the type '" + fields.descr +
                                          "', the high byte first; little-endian ones are read: save it with "
                                          ".astype('<f4')");
  }
  if (fields.fortran && fields.shape.size() > 1) {
    return Status(Code::kUnsupported,
                  name + " lies column by column (Fortran order): save it with numpy.ascontiguousarray");
  }
  return NpyHeader{type[1], bytes, fields.shape};
}

class NpyRows final : public Rows {
 public:
  NpyRows(Cursor cursor, std::uint32_t number_bytes) : cursor_(std::move(cursor)), number_bytes_(number_bytes) {}

  Result<bool> next(VectorSource::Entry& out) override {
    if (row_ == *total) return false;
    out = {};
    out.vector.place = "row " + std::to_string(row_++);
    out.vector.numbers.resize(dim);
    if (number_bytes_ == sizeof(float)) {
      PICTOR_TRY(cursor_.read(std::as_writable_bytes(std::span(out.vector.numbers))));
      return true;
    }
    raw_.resize(std::size_t{dim} * number_bytes_);
    PICTOR_TRY(cursor_.read(raw_));
    for (std::size_t i = 0; i < dim; ++i) out.vector.numbers[i] = number(i);
    return true;
  }

 private:
  float number(std::size_t i) const {
    if (number_bytes_ == sizeof(double)) {
      double wide = 0;
      std::memcpy(&wide, raw_.data() + i * sizeof(wide), sizeof(wide));
      return static_cast<float>(wide);
    }
    std::uint16_t half = 0;
    std::memcpy(&half, raw_.data() + i * sizeof(half), sizeof(half));
    return f32_of_f16(half);
  }

  Cursor cursor_;
  const std::uint32_t number_bytes_;
  std::uint64_t row_ = 0;
  Bytes raw_;
};

class NpyIds final : public Ids {
 public:
  NpyIds(Cursor cursor, NpyHeader header) : cursor_(std::move(cursor)), header_(std::move(header)) {}

  Result<bool> next(std::string& id) override {
    if (row_ == header_.shape[0]) return false;
    ++row_;
    std::uint64_t bits = 0;
    PICTOR_TRY(cursor_.read(std::as_writable_bytes(std::span(&bits, 1)).first(header_.bytes)));
    if (header_.kind == 'u') {
      id = std::to_string(bits);
      return true;
    }
    const unsigned unused = 64 - 8 * header_.bytes;
    id = std::to_string(static_cast<std::int64_t>(bits << unused) >> unused);
    return true;
  }

 private:
  Cursor cursor_;
  const NpyHeader header_;
  std::uint64_t row_ = 0;
};

// The numbers that the header promises, and no other bytes.
Status check_length(const Cursor& cursor, std::uint64_t rows, std::uint64_t row_bytes) {
  const std::uint64_t there = cursor.remaining();
  if (rows <= limits::kVectorFileRowsMax && rows * row_bytes == there) return Status::ok();
  return {Code::kUnreadable, cursor.file().name + " says that it has " + std::to_string(rows) + " rows of " +
                                 std::to_string(row_bytes) + " bytes, and " + std::to_string(there) +
                                 " bytes follow: it is not whole"};
}

}  // namespace

bool is_npy(ByteView begin) { return as_text(begin).starts_with(kMagic); }

Status check_dim(const SourceFile& file, std::uint64_t dim) {
  if (dim > 0 && dim <= limits::kVectorDimMax) return Status::ok();
  return {Code::kLimit, file.name + " has vectors of " + std::to_string(dim) + " numbers, wanted 1 to " +
                            std::to_string(limits::kVectorDimMax)};
}

Result<NpyHeader> read_npy_header(Cursor& cursor) {
  std::array<char, 8> begin{};
  PICTOR_TRY(cursor.read(std::as_writable_bytes(std::span(begin))));
  const std::string& name = cursor.file().name;
  const int version = static_cast<unsigned char>(begin[6]);
  if (std::string_view(begin.data(), kMagic.size()) != kMagic || version < 1 || version > 3) {
    return Status(Code::kUnsupported, name + " is no .npy file of version 1, 2 or 3");
  }
  std::uint32_t length = 0;
  PICTOR_TRY(cursor.read(std::as_writable_bytes(std::span(&length, 1)).first(version == 1 ? 2 : 4)));
  if (length > limits::kNpyHeaderBytesMax) {
    return Status(Code::kLimit, name + " has a header of " + std::to_string(length) + " bytes, at most " +
                                    std::to_string(limits::kNpyHeaderBytesMax) + " are read");
  }
  std::string text(length, '\0');
  PICTOR_TRY(cursor.read(std::as_writable_bytes(std::span(text))));
  Fields fields;
  if (!read_fields(HeaderText(text), fields)) {
    return Status(Code::kUnsupported, name + " has a header that is not that of one array of plain numbers");
  }
  return header_of(fields, name);
}

Result<std::unique_ptr<Rows>> open_npy(const SourceFile& file) {
  Cursor cursor(file);
  PICTOR_ASSIGN(const auto header, read_npy_header(cursor));
  if (header.kind != 'f') {
    return Status(Code::kUnsupported, file.name +
                                          " has integers; float16, float32 and float64 are read: save it with "
                                          ".astype('<f4')");
  }
  if (header.shape.empty() || header.shape.size() > 2) {
    return Status(Code::kUnsupported, file.name + " has an array of " + std::to_string(header.shape.size()) +
                                          " dimensions; one of rows and columns is wanted");
  }
  const bool one = header.shape.size() == 1;  // one vector
  PICTOR_TRY(check_dim(file, header.shape.back()));
  const std::uint64_t rows_count = one ? 1 : header.shape[0];
  PICTOR_TRY(check_length(cursor, rows_count, header.shape.back() * header.bytes));
  auto rows = std::make_unique<NpyRows>(cursor, header.bytes);
  rows->dim = static_cast<std::uint32_t>(header.shape.back());
  rows->total = rows_count;
  rows->format = "npy, float" + std::to_string(8 * header.bytes);
  if (header.bytes == 8) rows->notes.emplace_back("float64 numbers are rounded to float32");
  return std::unique_ptr<Rows>(std::move(rows));
}

Result<std::unique_ptr<Ids>> open_npy_ids(const SourceFile& file) {
  Cursor cursor(file);
  PICTOR_ASSIGN(auto header, read_npy_header(cursor));
  if (header.kind == 'f' || header.shape.size() != 1) {
    return Status(Code::kUnsupported, file.name + " is to give ids: one row of integers is wanted");
  }
  PICTOR_TRY(check_length(cursor, header.shape[0], header.bytes));
  return std::unique_ptr<Ids>(std::make_unique<NpyIds>(cursor, std::move(header)));
}

}  // namespace pictor
