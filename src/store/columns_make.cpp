// Columns from the table `rows`. SQLite takes the metadata apart, so that texts and numbers are those that filters in
// SQL compare.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <unordered_map>

#include "store/columns.h"
#include "store/columns_layout.h"
#include "store/iso_time.h"

namespace pictor {
namespace {

constexpr std::uint64_t kEntryCost = 8;
constexpr std::uint64_t kValueCost = 64;  // of a value in a hash table
constexpr std::uint64_t kMembersBetweenLooks = 4096;

// Equal numbers get equal bits: 1.0 is 1, and there is one zero.
StoredNumber stored(const FilterNumber& number) {
  if (!number.is_real) return {1, std::bit_cast<std::uint64_t>(number.integer)};
  const bool whole = number.real >= -0x1p63 && number.real < 0x1p63 && std::trunc(number.real) == number.real;
  if (whole) return {1, std::bit_cast<std::uint64_t>(static_cast<std::int64_t>(number.real))};
  return {2, std::bit_cast<std::uint64_t>(number.real)};
}

FilterNumber number_of(const StoredNumber& number) {
  if (number.kind == 1) return {false, std::bit_cast<std::int64_t>(number.bits), 0.0};
  return {true, 0, std::bit_cast<double>(number.bits)};
}

struct NumberHash {
  std::size_t operator()(const StoredNumber& number) const {
    return static_cast<std::size_t>((number.bits ^ number.kind) * 0x9E3779B97F4A7C15ULL >> 16);
  }
};
struct SameNumber {
  bool operator()(const StoredNumber& a, const StoredNumber& b) const { return a.kind == b.kind && a.bits == b.bits; }
};

// One column while it is made. Values are numbered as they come; finish() puts them in order.
class ColumnMaker {
 public:
  ColumnMaker(ColumnKind kind, std::string path, std::size_t values_max)
      : kind_(kind), path_(std::move(path)), values_max_(values_max) {}

  ColumnKind kind() const { return kind_; }
  const std::string& path() const { return path_; }
  std::uint64_t cost() const { return cost_; }

  void add_fixed(std::uint32_t position, ColumnCode code) { add(position, code); }
  void add_number(std::uint32_t position, const FilterNumber& number) {
    const auto known = numbers_.emplace(stored(number), next_);
    add_value(position, known.first->second, known.second, 0);
  }
  void add_text(std::uint32_t position, std::string_view text) {
    if (dropped_) return;
    if (text.size() > limits::kColumnTextBytesMax) return drop();
    const auto known = texts_.emplace(std::string(text), next_);
    add_value(position, known.first->second, known.second, text.size());
  }
  void drop() {
    dropped_ = true;
    cost_ = 0;
    entries_ = {};
    numbers_ = {};
    texts_ = {};
  }

  ColumnsEntry finish(std::size_t rows, ByteWriter& out);

 private:
  void add(std::uint32_t position, ColumnCode code) {
    if (dropped_) return;
    entries_.emplace_back(position, code);
    cost_ += kEntryCost;
  }
  void add_value(std::uint32_t position, ColumnCode code, bool is_new, std::size_t bytes) {
    if (is_new) {
      ++next_;
      cost_ += kValueCost + bytes;
      if (next_ - kCodesFixed > values_max_) return drop();
    }
    add(position, code);
  }
  void number_in_order(std::vector<ColumnCode>& codes, ColumnsEntry& entry, ByteWriter& out) const;
  ColumnEncoding encoding_for(std::size_t rows, std::size_t code_count) const;
  template <typename Code>
  void put_dense(std::size_t rows, const std::vector<ColumnCode>& codes, ByteWriter& out) const;
  void put_lists(const std::vector<ColumnCode>& codes, ByteWriter& out);

  ColumnKind kind_;
  std::string path_;
  std::size_t values_max_;
  bool dropped_ = false;
  std::uint64_t cost_ = 0;
  ColumnCode next_ = kCodesFixed;
  std::vector<std::pair<std::uint32_t, ColumnCode>> entries_;
  std::unordered_map<StoredNumber, ColumnCode, NumberHash, SameNumber> numbers_;
  std::unordered_map<std::string, ColumnCode> texts_;
};

// Writes numbers, times and ends of texts, and which code each value has from now on.
void ColumnMaker::number_in_order(std::vector<ColumnCode>& codes, ColumnsEntry& entry, ByteWriter& out) const {
  std::vector<std::pair<StoredNumber, ColumnCode>> numbers(numbers_.begin(), numbers_.end());
  std::sort(numbers.begin(), numbers.end(),
            [](const auto& a, const auto& b) { return compare(number_of(a.first), number_of(b.first)) < 0; });
  std::vector<std::pair<std::string_view, ColumnCode>> texts(texts_.begin(), texts_.end());
  std::sort(texts.begin(), texts.end());
  ColumnCode code = kCodesFixed;
  for (const auto& [number, old] : numbers) {
    out.put(number.kind);
    out.put(number.bits);
    codes[old] = code++;
  }
  std::vector<std::int64_t> times;
  for (const auto& text : texts) times.push_back(iso_time_us(text.first).value_or(kNoTime));
  if (std::all_of(times.begin(), times.end(), [](auto time) { return time == kNoTime; })) times.clear();
  for (const auto time : times) out.put(time);
  for (const auto& [text, old] : texts) {
    entry.text_bytes += static_cast<std::uint32_t>(text.size());
    out.put(entry.text_bytes);
    codes[old] = code++;
  }
  entry.numbers = static_cast<std::uint32_t>(numbers.size());
  entry.times = static_cast<std::uint32_t>(times.size());
  entry.texts = static_cast<std::uint32_t>(texts.size());
}

ColumnEncoding ColumnMaker::encoding_for(std::size_t rows, std::size_t code_count) const {
  if (kind_ == ColumnKind::kElements) return ColumnEncoding::kLists;
  const auto dense = code_count <= 0x100     ? ColumnEncoding::kDense8
                     : code_count <= 0x10000 ? ColumnEncoding::kDense16
                                             : ColumnEncoding::kDense32;
  const std::size_t lists = (entries_.size() + code_count) * sizeof(std::uint32_t);
  return lists < rows * code_bytes(dense) ? ColumnEncoding::kLists : dense;
}

template <typename Code>
void ColumnMaker::put_dense(std::size_t rows, const std::vector<ColumnCode>& codes, ByteWriter& out) const {
  std::vector<Code> dense(rows, Code{kCodeAbsent});
  for (const auto& [position, code] : entries_) dense[position] = static_cast<Code>(codes[code]);
  out.put(std::as_bytes(std::span(dense)));
}

// A value that an array has twice is listed once.
void ColumnMaker::put_lists(const std::vector<ColumnCode>& codes, ByteWriter& out) {
  for (auto& [position, code] : entries_) code = codes[code];
  std::sort(entries_.begin(), entries_.end(), [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second < b.second : a.first < b.first;
  });
  entries_.erase(std::unique(entries_.begin(), entries_.end()), entries_.end());
  std::size_t end = 0;
  for (ColumnCode code = 0; code < next_; ++code) {
    while (end < entries_.size() && entries_[end].second == code) ++end;
    out.put(static_cast<std::uint32_t>(end));
  }
  for (const auto& entry : entries_) out.put(entry.first);
}

ColumnsEntry ColumnMaker::finish(std::size_t rows, ByteWriter& out) {
  ColumnsEntry entry;
  entry.kind = static_cast<std::uint32_t>(kind_);
  entry.path_bytes = static_cast<std::uint32_t>(path_.size());
  if (dropped_) return entry;
  std::vector<ColumnCode> codes(next_);
  for (ColumnCode code = 0; code < kCodesFixed; ++code) codes[code] = code;
  number_in_order(codes, entry, out);
  const auto encoding = encoding_for(rows, next_);
  entry.encoding = static_cast<std::uint32_t>(encoding);
  switch (encoding) {
    case ColumnEncoding::kDense8: put_dense<std::uint8_t>(rows, codes, out); break;
    case ColumnEncoding::kDense16: put_dense<std::uint16_t>(rows, codes, out); break;
    case ColumnEncoding::kDense32: put_dense<std::uint32_t>(rows, codes, out); break;
    default: put_lists(codes, out); break;
  }
  entry.count = static_cast<std::uint32_t>(encoding == ColumnEncoding::kLists ? entries_.size() : rows);
  std::vector<std::string_view> texts;
  for (const auto& text : texts_) texts.push_back(text.first);
  std::sort(texts.begin(), texts.end());
  for (const auto text : texts) out.put(as_bytes(text));
  return entry;
}

// All columns of a segment while they are made: a tree of names, whose nodes know their columns.
class ColumnsMaker {
 public:
  ColumnsMaker(Database& database, const ColumnsSegment& segment, const ColumnsBounds& bounds)
      : database_(database),
        segment_(segment),
        bounds_(bounds),
        rows_(segment.last_row - segment.first_row + 1),
        present_((rows_ + 63) / 64) {}

  Result<Bytes> make() {
    PICTOR_TRY(read_built_ins());
    PICTOR_TRY(read_metadata());
    return written();
  }

 private:
  static constexpr int kNoNode = -1;
  struct Node {
    std::string path;
    std::unordered_map<std::string, int> children;
    int value = kNoNode;
    int elements = kNoNode;
  };
  struct Above {  // an object or array whose members come now
    std::int64_t id = 0;
    int node = kNoNode;
    bool is_array = false;
  };

  Result<std::unique_ptr<Statement>> prepare(std::string_view sql) {
    PICTOR_ASSIGN(auto statement, database_.prepare(sql));
    statement->bind(0, static_cast<std::int64_t>(segment_.first_row));
    statement->bind(1, static_cast<std::int64_t>(segment_.last_row));
    return statement;
  }

  Status read_built_ins() {
    for (const char* name : {"width", "height", "format"})
      makers_.emplace_back(ColumnKind::kBuiltIn, name, bounds_.values);
    PICTOR_ASSIGN(const auto rows, prepare("SELECT row, width, height, format FROM rows WHERE row BETWEEN ?1 AND ?2 "
                                           "ORDER BY row"));
    while (true) {
      PICTOR_ASSIGN(const bool found, rows->step());
      if (!found) return Status::ok();
      const auto position = position_of(*rows);
      present_[position / 64] |= std::uint64_t{1} << (position % 64);
      makers_[0].add_number(position, {false, rows->integer(1), 0.0});
      makers_[1].add_number(position, {false, rows->integer(2), 0.0});
      makers_[2].add_text(position, rows->text(3));
    }
  }

  std::uint32_t position_of(const Statement& statement) const {
    return static_cast<std::uint32_t>(static_cast<RowId>(statement.integer(0)) - segment_.first_row);
  }

  Status read_metadata() {
    nodes_.emplace_back();
    PICTOR_ASSIGN(const auto members,
                  prepare("SELECT r.row, t.id, t.parent, t.key, t.type, t.atom, typeof(t.atom) FROM rows r, "
                          "json_tree(r.metadata) t WHERE r.row BETWEEN ?1 AND ?2 ORDER BY r.row"));
    std::vector<Above> above;
    while (true) {
      PICTOR_ASSIGN(const bool found, members->step());
      if (!found) return Status::ok();
      if (members->is_null(2)) {
        above.assign({{members->integer(1), 0, false}});
        continue;
      }
      while (!above.empty() && above.back().id != members->integer(2)) above.pop_back();
      if (above.empty()) return {Code::kInternal, "metadata was not read from the outside in"};
      read_member(*members, above);
      keep_within_bounds();
    }
  }

  void read_member(const Statement& member, std::vector<Above>& above) {
    const Above parent = above.back();
    const std::string_view type = member.text(4);
    int node = kNoNode;
    int maker = kNoNode;
    if (parent.node != kNoNode && parent.is_array) {
      maker = elements_of(parent.node);
    } else if (parent.node != kNoNode) {
      node = child_of(parent.node, member.text(3));
      if (node != kNoNode) maker = nodes_[static_cast<std::size_t>(node)].value;
    }
    if (maker != kNoNode) add(makers_[static_cast<std::size_t>(maker)], member, type);
    if (type == "object" || type == "array") above.push_back({member.integer(1), node, type == "array"});
  }

  void add(ColumnMaker& maker, const Statement& member, std::string_view type) const {
    const auto position = position_of(member);
    if (type == "text") return maker.add_text(position, member.text(5));
    if (type == "integer" || type == "real") {
      const bool whole = member.text(6) == "integer";
      return maker.add_number(
          position, whole ? FilterNumber{false, member.integer(5), 0.0} : FilterNumber{true, 0, member.real(5)});
    }
    const ColumnCode code = type == "null"    ? kCodeNull
                            : type == "false" ? kCodeFalse
                            : type == "true"  ? kCodeTrue
                            : type == "array" ? kCodeArray
                                              : kCodeObject;
    maker.add_fixed(position, code);
  }

  // Names that no filter can say have no column.
  static bool can_be_said(std::string_view name) {
    return !name.empty() && std::none_of(name.begin(), name.end(),
                                         [](char c) { return c == '"' || static_cast<unsigned char>(c) < 0x20; });
  }

  int child_of(int parent, std::string_view name) {
    if (!can_be_said(name)) return kNoNode;
    const auto known = nodes_[static_cast<std::size_t>(parent)].children.find(std::string(name));
    if (known != nodes_[static_cast<std::size_t>(parent)].children.end()) return known->second;
    std::string path = nodes_[static_cast<std::size_t>(parent)].path;
    if (parent != 0) path.push_back('\0');
    path.append(name);
    const int value = new_maker(ColumnKind::kValue, path);
    if (value == kNoNode) return kNoNode;
    const int node = static_cast<int>(nodes_.size());
    nodes_[static_cast<std::size_t>(parent)].children.emplace(name, node);
    nodes_.push_back({std::move(path), {}, value, kNoNode});
    return node;
  }

  int elements_of(int node) {
    Node& array = nodes_[static_cast<std::size_t>(node)];
    if (array.elements == kNoNode) array.elements = new_maker(ColumnKind::kElements, array.path);
    return array.elements;
  }

  int new_maker(ColumnKind kind, const std::string& path) {
    if (makers_.size() >= bounds_.columns || path.size() > limits::kColumnTextBytesMax) {
      complete_ = false;
      return kNoNode;
    }
    makers_.emplace_back(kind, path, bounds_.values);
    return static_cast<int>(makers_.size()) - 1;
  }

  // Memory is bounded: the largest column goes. Looked at now and then, as it is a walk over all of them.
  void keep_within_bounds() {
    if (++members_ % kMembersBetweenLooks != 0) return;
    std::uint64_t sum = 0;
    for (const auto& maker : makers_) sum += maker.cost();
    while (sum > bounds_.making_bytes) {
      auto& largest = *std::max_element(makers_.begin(), makers_.end(),
                                        [](const auto& a, const auto& b) { return a.cost() < b.cost(); });
      sum -= largest.cost();
      largest.drop();
    }
  }

  Bytes written() {
    std::sort(makers_.begin(), makers_.end(), [](const auto& a, const auto& b) {
      return a.kind() != b.kind() ? a.kind() < b.kind() : a.path() < b.path();
    });
    ByteWriter paths;
    for (const auto& maker : makers_) paths.put(as_bytes(maker.path()));
    const std::size_t table_end = kColumnsHeaderBytes + makers_.size() * sizeof(ColumnsEntry) +
                                  present_.size() * sizeof(std::uint64_t) + paths.bytes().size();
    Bytes file(table_end);
    std::vector<ColumnsEntry> table;
    for (auto& maker : makers_) {
      ByteWriter column;
      ColumnsEntry entry = maker.finish(rows_, column);
      maker.drop();
      file.resize(aligned_column(file.size()));
      entry.offset = file.size();
      entry.crc = crc32c(column.bytes());
      file.insert(file.end(), column.bytes().begin(), column.bytes().end());
      table.push_back(entry);
    }
    ByteWriter middle;
    middle.put(std::as_bytes(std::span(table)));
    middle.put(std::as_bytes(std::span(present_)));
    middle.put(ByteView(paths.bytes()));
    std::memcpy(file.data() + kColumnsHeaderBytes, middle.bytes().data(), middle.bytes().size());
    ColumnsHeader header;
    header.columns = static_cast<std::uint32_t>(table.size());
    header.file_bytes = file.size();
    header.segment = segment_.id;
    header.first_row = segment_.first_row;
    header.last_row = segment_.last_row;
    header.segment_sum = segment_.sum;
    header.flags = complete_ ? kColumnsComplete : 0;
    header.table_crc = crc32c(middle.bytes());
    const auto bytes = std::as_bytes(std::span(&header, 1));
    header.header_crc = crc32c(bytes.first(kColumnsHeaderBytes - sizeof(header.header_crc)));
    std::memcpy(file.data(), &header, sizeof(header));
    return file;
  }

  Database& database_;
  ColumnsSegment segment_;
  ColumnsBounds bounds_;
  std::size_t rows_;
  std::vector<std::uint64_t> present_;
  std::vector<ColumnMaker> makers_;
  std::vector<Node> nodes_;
  bool complete_ = true;
  std::uint64_t members_ = 0;
};

}  // namespace

Result<Bytes> make_columns(Database& database, const ColumnsSegment& segment, const ColumnsBounds& bounds) {
  if (segment.last_row < segment.first_row || segment.last_row - segment.first_row >= limits::kSegmentRowsMax) {
    return Status(Code::kInvalid, "columns are made of 1 to " + std::to_string(limits::kSegmentRowsMax) +
                                      " rows, not of " + std::to_string(segment.first_row) + " to " +
                                      std::to_string(segment.last_row));
  }
  return ColumnsMaker(database, segment, bounds).make();
}

}  // namespace pictor
