#include "index/graph_file.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <string>

namespace pictor {
namespace {

constexpr std::uint64_t kMagic = 0x4850524752544350;  // "PCTRGRPH"
constexpr std::size_t kHeaderBytes = 144;
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
  writer.put(static_cast<std::uint32_t>(header.codes));
  writer.put(header.unit);
  writer.put(header.length);
  for (const auto nodes : header.level_nodes) writer.put(nodes);
  writer.put(header.distance_error);
  writer.put(header.front);
  writer.put(std::uint32_t{0});
  return writer.take();
}

struct StoredEnums {
  std::uint32_t metric = 0;
  std::uint32_t codes = 0;
};

bool get_header(ByteReader& reader, GraphHeader& header, StoredEnums& enums) {
  bool whole = reader.get(header.owner) && reader.get(enums.metric) && reader.get(header.dim) &&
               reader.get(header.rows) && reader.get(header.nodes) && reader.get(header.degree) &&
               reader.get(header.ef) && reader.get(header.steps) && reader.get(enums.codes) &&
               reader.get(header.unit) && reader.get(header.length);
  for (auto& nodes : header.level_nodes) whole = whole && reader.get(nodes);
  return whole && reader.get(header.distance_error) && reader.get(header.front);
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

Status check_planes(const GraphHeader& header) {
  const std::uint32_t wanted = graph_front(header.dim, header.codes);
  if (header.front != wanted) return corrupt(seen_wanted("number of front numbers", header.front, wanted));
  if (header.distance_error >= 0 && std::isfinite(header.distance_error)) return Status::ok();
  return corrupt("has an error of distances that is none");
}

Status check_header(const GraphHeader& header, const StoredEnums& enums) {
  if (enums.metric < 1 || enums.metric > 3) {
    return corrupt("has metric " + std::to_string(enums.metric) + ", wanted 1 to 3");
  }
  if (enums.codes < 1 || enums.codes > 3) {
    return corrupt("has codes of kind " + std::to_string(enums.codes) + ", wanted 1 to 3");
  }
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
  PICTOR_TRY(check_planes(header));
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
  StoredEnums enums;
  if (!get_header(reader, header, enums)) return corrupt("ends within its header");
  std::uint32_t sum = 0;
  std::memcpy(&sum, file.data() + kTableEnd, sizeof(sum));
  const std::uint32_t seen = crc32c(file.first(kTableEnd));
  if (seen != sum) return corrupt(seen_wanted("sum of the header", seen, sum));
  header.codes = static_cast<GraphCodes>(enums.codes);
  PICTOR_TRY(check_header(header, enums));
  header.metric = static_cast<Metric>(enums.metric);
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

Status check_lists(const LinkSource& links, std::size_t level) {
  LinkBuffer buffer;
  for (std::uint32_t node = 0; node < links.nodes(); ++node) {
    bool ended = false;
    for (const std::uint32_t link : links.of(node, buffer)) {
      if (link == kNoLink) ended = true;
      if (link == kNoLink || (!ended && link < links.nodes() && link != node)) continue;
      return corrupt("has a link of node " + std::to_string(node) + " on level " + std::to_string(level) + " to " +
                     std::to_string(link) + ", wanted another one below " + std::to_string(links.nodes()));
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

std::size_t GraphHeader::walked_bytes() const {
  return codes == GraphCodes::kFull ? code_bytes(dim) : planes().front_bytes();
}

// All bits of a link that is none are ones, and no node has that number.
std::uint32_t GraphHeader::link_bits() const {
  return codes == GraphCodes::kQuarter ? static_cast<std::uint32_t>(std::bit_width(nodes)) : 32;
}

std::size_t GraphHeader::link_bytes() const { return (link_stride(0) * link_bits() + 7) / 8; }

std::uint32_t graph_front(std::uint32_t dim, GraphCodes codes) {
  if (codes == GraphCodes::kFull) return 0;
  if (codes == GraphCodes::kHalf) return dim;
  const std::uint32_t quarter = (dim + 2 * kGraphAlignment) / (4 * kGraphAlignment) * kGraphAlignment;
  return std::min<std::uint32_t>(dim, std::clamp<std::uint32_t>(quarter, kGraphAlignment, 4 * kGraphAlignment));
}

std::uint64_t GraphHeader::section_bytes(GraphSection section) const {
  std::uint64_t upper = 0;
  for (std::size_t level = 1; level < kGraphLevels; ++level) upper += level_nodes[level];
  switch (section) {
    case GraphSection::kSteps: return limits::kGraphStepsMax * sizeof(GraphStep);
    case GraphSection::kCentre: return std::uint64_t{dim} * sizeof(float);
    case GraphSection::kCodes: return nodes * walked_bytes();
    case GraphSection::kTerms: return std::uint64_t{nodes} * sizeof(CodeTerms);
    case GraphSection::kLinks: return nodes * link_bytes() + (link_bits() < 32 ? kLinkSlack : 0);
    case GraphSection::kUpperLinks: return upper * link_stride(1) * sizeof(std::uint32_t);
    case GraphSection::kFirst: return nodes == rows ? 0 : (std::uint64_t{nodes} + 1) * sizeof(std::uint32_t);
    case GraphSection::kPositions: return std::uint64_t{rows} * sizeof(std::uint32_t);
    default: break;
  }
  if (codes == GraphCodes::kFull) return 0;
  switch (section) {
    case GraphSection::kReflections: return front < dim ? std::uint64_t{front} * dim * sizeof(float) : 0;
    case GraphSection::kRest: return nodes * planes().rest_bytes();
    case GraphSection::kFine: return nodes * planes().fine_bytes();
    case GraphSection::kRestScales: return std::uint64_t{nodes} * sizeof(float);
    default: break;
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

LinkSource GraphView::links(std::uint32_t level) const {
  const std::uint32_t nodes = header.level_nodes[level];
  if (level == 0) return {link_table.data(), header.link_stride(0), header.link_bits(), nodes};
  std::size_t before = 0;
  for (std::uint32_t below = 1; below < level; ++below) before += header.level_nodes[below];
  return {upper_link_table.data() + before * header.link_stride(level), header.link_stride(level), nullptr, nodes};
}

PlaneRow GraphView::plane_row(std::uint32_t node) const {
  const PlaneShape shape = header.planes();
  return {codes.data() + node * shape.front_bytes(),
          rest.data() + node * shape.rest_bytes(),
          fine.data() + node * shape.fine_bytes(),
          {terms[node], rest_scales[node]}};
}

std::span<const GraphStep> GraphView::steps_for(bool strange) const {
  const auto of_strange = std::find_if(steps.begin(), steps.end(),
                                       [](const GraphStep& step) { return step.asked == GraphAsked::kStrange; });
  const auto of_rows = static_cast<std::size_t>(of_strange - steps.begin());
  return strange && of_strange != steps.end() ? steps.subspan(of_rows) : steps.first(of_rows);
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
  view.link_table = typed<std::uint8_t>(file, header, GraphSection::kLinks);
  view.upper_link_table = typed<std::uint32_t>(file, header, GraphSection::kUpperLinks);
  view.first = typed<std::uint32_t>(file, header, GraphSection::kFirst);
  view.positions = typed<std::uint32_t>(file, header, GraphSection::kPositions);
  view.reflections = typed<float>(file, header, GraphSection::kReflections);
  view.rest = typed<std::uint8_t>(file, header, GraphSection::kRest);
  view.fine = typed<std::uint8_t>(file, header, GraphSection::kFine);
  view.rest_scales = typed<float>(file, header, GraphSection::kRestScales);
  if (header.codes != GraphCodes::kFull) view.planes.emplace(view.space, header.planes(), view.reflections);
  return view;
}

Result<GraphView> parse_graph(ByteView file) {
  if (reinterpret_cast<std::uintptr_t>(file.data()) % alignof(std::uint64_t) != 0) {
    return Status(Code::kInternal, "graph bytes are not aligned in memory");
  }
  PICTOR_ASSIGN(const auto header, parse_header(file));
  PICTOR_TRY(check_table(file, header));
  PICTOR_TRY(check_sum(file, 0));
  GraphView view = view_graph(file, header);
  GraphAsked asked = GraphAsked::kRows;
  for (const GraphStep& step : view.steps) {
    if (step.asked != asked && step.asked != GraphAsked::kStrange) {
      return corrupt("has a step of queries of kind " + std::to_string(static_cast<unsigned>(step.asked)));
    }
    asked = step.asked;
    if (step.ranking == GraphRanking::kVectors) continue;
    if (step.ranking != GraphRanking::kCodes || header.codes == GraphCodes::kFull) {
      return corrupt("has a step that ranks by " + std::to_string(static_cast<unsigned>(step.ranking)));
    }
  }
  return view;
}

Result<GraphCodes> graph_codes(ByteView file) {
  PICTOR_ASSIGN(const auto header, parse_header(file));
  return header.codes;
}

Status check_graph_sections(ByteView file, const GraphView& view) {
  for (std::size_t i = 0; i < kGraphSections; ++i) PICTOR_TRY(check_sum(file, i));
  for (const CodeTerms& terms : view.terms) {
    if (!std::isfinite(terms.scale) || !std::isfinite(terms.bias)) return corrupt("has a scale that is not finite");
  }
  for (const float scale : view.rest_scales) {
    if (!std::isfinite(scale)) return corrupt("has a scale of a rest that is not finite");
  }
  for (std::uint32_t level = 0; level < view.header.levels(); ++level) {
    PICTOR_TRY(check_lists(view.links(level), level));
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
