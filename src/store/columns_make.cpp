// Columns from the table `rows`. SQLite takes the metadata apart, so that texts and numbers are those that filters in
// SQL compare.
#include <algorithm>
#include <cstring>
#include <unordered_map>

#include "store/column_maker.h"

namespace pictor {
namespace {

constexpr std::uint64_t kMembersBetweenLooks = 4096;

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
    for (const char* name : {"width", "height", "format", "id", "source"}) {
      makers_.emplace_back(ColumnKind::kBuiltIn, name, bounds_.values);
    }
    PICTOR_ASSIGN(const auto rows, prepare("SELECT row, width, height, format, id, source FROM rows WHERE row BETWEEN "
                                           "?1 AND ?2 ORDER BY row"));
    while (true) {
      PICTOR_ASSIGN(const bool found, rows->step());
      if (!found) return Status::ok();
      const auto position = position_of(*rows);
      present_[position / 64] |= std::uint64_t{1} << (position % 64);
      for (int i = 0; i < 2; ++i)
        makers_[static_cast<std::size_t>(i)].add_number(position, {false, rows->integer(i + 1), 0.0});
      for (int i = 2; i < 5; ++i) makers_[static_cast<std::size_t>(i)].add_text(position, rows->text(i + 1));
      keep_within_bounds();
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
