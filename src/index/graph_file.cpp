#include "index/graph_file.h"

#include <algorithm>
#include <cmath>
#include <string>

namespace pictor {
namespace {

constexpr std::uint64_t kMagic = 0x4850524752544350;  // "PCTRGRPH"
constexpr std::size_t kHeaderBytes = 128;
constexpr std::size_t kEntryBytes = 24;
constexpr std::size_t kTableEnd = kHeaderBytes + kGraphSections * kEntryBytes;
constexpr std::size_t kFrameBytes = kTableEnd + 2 * sizeof(std::uint32_t);  // with the sum and a zero

static_assert(sizeof(GraphStep) == 16 && sizeof(CodeTerms) == 8, "sections are mapped as they are");

Status corrupt(const std::string& what) { return {Code::kCorrupt, "graph file " + what}; }

std::string seen_wanted(const char* what, std::uint64_t seen, std::uint64_t wanted) {
  return std::string(what) + " is " + std::to_string(seen) + ", wanted " + std::to_string(wanted);
}

std::uint64_t aligned(std::uint64_t offset) {
  return (offset + kGraphAlignment - 1) / kGraphAlignment * kGraphAlignment;
}

struct Entry {
  std::uint32_t kind = 0;
  std::uint32_t sum = 0;
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
};

Bytes header_bytes(const GraphHeader& header, std::uint64_t file_bytes) {
  ByteWriter writer;
  writer.put(kMagic);
  writer.put(kGraphVersion);
  writer.put(static_cast<std::uint32_t>(kGraphSections));
  writer.put(file_bytes);
  writer.put(header.owner);
  writer.put(static_cast<std::uint32_t>(header.metric));
  writer.put(header.dim);
  writer.put(header.rows);
  writer.put(header.nodes);
  writer.put(header.degree);
  writer.put(header.ef);
  writer.put(header.steps);
  writer.put(std::uint32_t{0});
  writer.put(header.unit);
  writer.put(header.length);
  for (const auto nodes : header.level_nodes) writer.put(nodes);
  return writer.take();
}

bool get_header(ByteReader& reader, GraphHeader& header, std::uint32_t& metric) {
  std::uint32_t reserved = 0;
  bool whole = reader.get(header.owner) && reader.get(metric) && reader.get(header.dim) && reader.get(header.rows) &&
               reader.get(header.nodes) && reader.get(header.degree) && reader.get(header.ef) &&
               reader.get(header.steps) && reader.get(reserved) && reader.get(header.unit) && reader.get(header.length);
  for (auto& nodes : header.level_nodes) whole = whole && reader.get(nodes);
  return whole;
}

Status check_levels(const GraphHeader& header) {
  if (header.level_nodes[0] != header.nodes) {
    return corrupt(seen_wanted("number of nodes on level 0", header.level_nodes[0], header.nodes));
  }
  for (std::size_t level = 1; level < kGraphLevels; ++level) {
    if (header.level_nodes[level] <= header.level_nodes[level - 1]) continue;
    return corrupt("has more nodes on level " + std::to_string(level) + " than below it");
  }
  return Status::ok();
}

Status check_header(const GraphHeader& header, std::uint32_t metric) {
  if (metric < 1 || metric > 3) return corrupt("has metric " + std::to_string(metric) + ", wanted 1 to 3");
  if (header.dim < 1 || header.dim > limits::kVectorDimMax) {
    return corrupt("has vectors of " + std::to_string(header.dim) + " numbers");
  }
  if (header.rows < 1 || header.rows > limits::kSegmentRowsMax) {
    return corrupt("has " + std::to_string(header.rows) + " rows");
  }
  if (header.nodes < 1 || header.nodes > header.rows) {
    return corrupt("has " + std::to_string(header.nodes) + " nodes for " + std::to_string(header.rows) + " rows");
  }
  if (header.degree < limits::kGraphDegreeMin || header.degree > limits::kGraphDegreeMax) {
    return corrupt("has degree " + std::to_string(header.degree));
  }
  if (header.steps > limits::kGraphStepsMax) return corrupt("has " + std::to_string(header.steps) + " steps");
  if (!(header.unit > 0 && std::isfinite(header.unit) && header.length >= 0 && std::isfinite(header.length))) {
    return corrupt("has a unit or a length that is no number of its kind");
  }
  return check_levels(header);
}

Result<GraphHeader> parse_header(ByteView file) {
  ByteReader reader(file);
  std::uint64_t magic = 0;
  std::uint32_t version = 0;
  std::uint32_t sections = 0;
  std::uint64_t file_bytes = 0;
  if (!reader.get(magic) || magic != kMagic) return corrupt("does not start as one (too short, or overwritten)");
  if (!reader.get(version) || !reader.get(sections) || !reader.get(file_bytes) || file.size() < kFrameBytes) {
    return corrupt("ends within its header, after " + std::to_string(file.size()) + " bytes");
  }
  if (version != kGraphVersion) {
    return Status(Code::kMismatch, "graph file has version " + std::to_string(version) + ", this build reads " +
                                       std::to_string(kGraphVersion) + ": build the graph again");
  }
  if (file_bytes != file.size()) return corrupt(seen_wanted("size", file.size(), file_bytes));
  if (sections != kGraphSections) return corrupt(seen_wanted("number of sections", sections, kGraphSections));
  GraphHeader header;
  std::uint32_t metric = 0;
  if (!get_header(reader, header, metric)) return corrupt("ends within its header");
  std::uint32_t sum = 0;
  std::memcpy(&sum, file.data() + kTableEnd, sizeof(sum));
  const std::uint32_t seen = crc32c(file.first(kTableEnd));
  if (seen != sum) return corrupt(seen_wanted("sum of the header", seen, sum));
  PICTOR_TRY(check_header(header, metric));
  header.metric = static_cast<Metric>(metric);
  return header;
}

Entry entry_at(ByteView file, std::size_t i) {
  Entry entry;
  const std::byte* at = file.data() + kHeaderBytes + i * kEntryBytes;
  std::memcpy(&entry.kind, at, 4);
  std::memcpy(&entry.sum, at + 4, 4);
  std::memcpy(&entry.offset, at + 8, 8);
  std::memcpy(&entry.bytes, at + 16, 8);
  return entry;
}

ByteView section_of(ByteView file, const Entry& entry) { return file.subspan(entry.offset, entry.bytes); }

Status check_table(ByteView file, const GraphHeader& header) {
  const GraphLayout layout = layout_of(header);
  if (layout.file_bytes != file.size()) return corrupt(seen_wanted("size", file.size(), layout.file_bytes));
  for (std::size_t i = 0; i < kGraphSections; ++i) {
    const Entry entry = entry_at(file, i);
    if (entry.kind == i + 1 && entry.offset == layout.offsets[i] &&
        entry.bytes == header.section_bytes(static_cast<GraphSection>(i + 1))) {
      continue;
    }
    return corrupt("has section " + std::to_string(i) + " of kind " + std::to_string(entry.kind) + " at " +
                   std::to_string(entry.offset) + ", wanted at " + std::to_string(layout.offsets[i]));
  }
  return Status::ok();
}

Status check_sum(ByteView file, std::size_t i) {
  const Entry entry = entry_at(file, i);
  const std::uint32_t seen = crc32c(section_of(file, entry));
  if (seen == entry.sum) return Status::ok();
  return corrupt("section " + std::to_string(i + 1) + " is damaged: " + seen_wanted("its sum", seen, entry.sum));
}

template <typename T>
std::span<const T> typed(ByteView file, const GraphHeader& header, GraphSection section) {
  const auto offset = layout_of(header).offsets[static_cast<std::size_t>(section) - 1];
  return {reinterpret_cast<const T*>(file.data() + offset), header.section_bytes(section) / sizeof(T)};
}

Status check_lists(std::span<const std::uint32_t> table, std::size_t stride, std::uint32_t nodes, std::size_t level) {
  for (std::size_t node = 0; node < nodes; ++node) {
    bool ended = false;
    for (const std::uint32_t link : table.subspan(node * stride, stride)) {
      if (link == kNoLink) ended = true;
      if (link == kNoLink || (!ended && link < nodes && link != node)) continue;
      return corrupt("has a link of node " + std::to_string(node) + " on level " + std::to_string(level) + " to " +
                     std::to_string(link) + ", wanted another one below " + std::to_string(nodes));
    }
  }
  return Status::ok();
}

Status check_positions(const GraphView& view) {
  const GraphHeader& header = view.header;
  if (!view.first.empty() && (view.first.front() != 0 || view.first.back() != header.rows)) {
    return corrupt("has rows that no node has");
  }
  for (std::size_t i = 1; i < view.first.size(); ++i) {
    if (view.first[i] <= view.first[i - 1]) return corrupt("has no row for node " + std::to_string(i - 1));
  }
  std::vector<bool> seen(header.rows, false);
  for (const std::uint32_t position : view.positions) {
    if (position >= header.rows || seen[position]) {
      return corrupt("has position " + std::to_string(position) + " twice or past its " + std::to_string(header.rows) +
                     " rows");
    }
    seen[position] = true;
  }
  return Status::ok();
}

}  // namespace

std::uint32_t GraphHeader::levels() const {
  std::uint32_t count = 1;
  while (count < kGraphLevels && level_nodes[count] > 0) ++count;
  return count;
}

std::uint64_t GraphHeader::section_bytes(GraphSection section) const {
  std::uint64_t upper = 0;
  for (std::size_t level = 1; level < kGraphLevels; ++level) upper += level_nodes[level];
  switch (section) {
    case GraphSection::kSteps: return limits::kGraphStepsMax * sizeof(GraphStep);
    case GraphSection::kCentre: return std::uint64_t{dim} * sizeof(float);
    case GraphSection::kCodes: return nodes * code_bytes(dim);
    case GraphSection::kTerms: return std::uint64_t{nodes} * sizeof(CodeTerms);
    case GraphSection::kLinks: return nodes * link_stride(0) * sizeof(std::uint32_t);
    case GraphSection::kUpperLinks: return upper * link_stride(1) * sizeof(std::uint32_t);
    case GraphSection::kFirst: return nodes == rows ? 0 : (std::uint64_t{nodes} + 1) * sizeof(std::uint32_t);
    case GraphSection::kPositions: return std::uint64_t{rows} * sizeof(std::uint32_t);
  }
  return 0;
}

GraphLayout layout_of(const GraphHeader& header) {
  GraphLayout layout;
  std::uint64_t end = kFrameBytes;
  for (std::size_t i = 0; i < kGraphSections; ++i) {
    layout.offsets[i] = aligned(end);
    end = layout.offsets[i] + header.section_bytes(static_cast<GraphSection>(i + 1));
  }
  layout.file_bytes = aligned(end);
  return layout;
}

std::span<const std::uint32_t> GraphView::links(std::uint32_t level, std::uint32_t node) const {
  const std::size_t stride = header.link_stride(level);
  if (level == 0) return link_table.subspan(node * stride, stride);
  std::size_t before = 0;
  for (std::uint32_t below = 1; below < level; ++below) before += header.level_nodes[below];
  return upper_link_table.subspan((before + node) * stride, stride);
}

std::span<const std::uint32_t> GraphView::positions_of(std::uint32_t node) const {
  if (first.empty()) return positions.subspan(node, 1);
  const std::size_t begin = std::min<std::size_t>(first[node], positions.size());
  const std::size_t end = std::clamp<std::size_t>(first[node + 1], begin, positions.size());
  return positions.subspan(begin, end - begin);
}

GraphView view_graph(ByteView file, const GraphHeader& header) {
  GraphView view;
  view.header = header;
  view.space = {header.metric, header.dim, header.unit, header.length,
                typed<float>(file, header, GraphSection::kCentre)};
  view.steps = typed<GraphStep>(file, header, GraphSection::kSteps).first(header.steps);
  view.codes = typed<std::uint8_t>(file, header, GraphSection::kCodes);
  view.terms = typed<CodeTerms>(file, header, GraphSection::kTerms);
  view.link_table = typed<std::uint32_t>(file, header, GraphSection::kLinks);
  view.upper_link_table = typed<std::uint32_t>(file, header, GraphSection::kUpperLinks);
  view.first = typed<std::uint32_t>(file, header, GraphSection::kFirst);
  view.positions = typed<std::uint32_t>(file, header, GraphSection::kPositions);
  return view;
}

Result<GraphView> parse_graph(ByteView file) {
  if (reinterpret_cast<std::uintptr_t>(file.data()) % alignof(std::uint64_t) != 0) {
    return Status(Code::kInternal, "graph bytes are not aligned in memory");
  }
  PICTOR_ASSIGN(const auto header, parse_header(file));
  PICTOR_TRY(check_table(file, header));
  PICTOR_TRY(check_sum(file, 0));
  return view_graph(file, header);
}

Status check_graph_sections(ByteView file, const GraphView& view) {
  for (std::size_t i = 0; i < kGraphSections; ++i) PICTOR_TRY(check_sum(file, i));
  for (const CodeTerms& terms : view.terms) {
    if (!std::isfinite(terms.scale) || !std::isfinite(terms.bias)) return corrupt("has a scale that is not finite");
  }
  const GraphHeader& header = view.header;
  PICTOR_TRY(check_lists(view.link_table, header.link_stride(0), header.nodes, 0));
  std::size_t before = 0;
  for (std::uint32_t level = 1; level < header.levels(); ++level) {
    const std::size_t stride = header.link_stride(level);
    PICTOR_TRY(check_lists(view.upper_link_table.subspan(before * stride), stride, header.level_nodes[level], level));
    before += header.level_nodes[level];
  }
  return check_positions(view);
}

void finish_graph_file(const GraphHeader& header, std::span<std::byte> file) {
  const GraphLayout layout = layout_of(header);
  ByteWriter writer;
  writer.put(header_bytes(header, layout.file_bytes));
  for (std::size_t i = 0; i < kGraphSections; ++i) {
    const Entry entry{0, 0, layout.offsets[i], header.section_bytes(static_cast<GraphSection>(i + 1))};
    writer.put(static_cast<std::uint32_t>(i + 1));
    writer.put(crc32c(section_of(file, entry)));
    writer.put(entry.offset);
    writer.put(entry.bytes);
  }
  writer.put(crc32c(writer.bytes()));
  std::copy(writer.bytes().begin(), writer.bytes().end(), file.begin());
}

}  // namespace pictor
