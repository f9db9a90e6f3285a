// Graph files as docs/formats/graph.md describes them: where everything lies, reading and the frame of writing.
//
// Nodes are numbered by level, the highest first, so the nodes of level l are the first level_nodes[l] and node 0 is
// the entry of every level. Rows whose codes are the same share a node. Thread safety: pure functions; a GraphView
// looks into the bytes that it was parsed from. Parsing reads the header, the table and the steps; what a view gives
// afterwards may be damaged: a link or a position is checked where it is used. Inside index/ only.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/base.h"
#include "index/graph_walk.h"
#include "index/index.h"
#include "vector/vector.h"

namespace pictor {

inline constexpr std::uint32_t kGraphVersion = 2;
inline constexpr std::size_t kGraphAlignment = 64;
inline constexpr std::size_t kGraphLevels = 12;    // of 4^11 rows one is on level 11, at the smallest degree
inline constexpr std::uint32_t kCalibratedK = 10;  // neighbours that the steps were measured with

// Kinds of sections, in this order. Numbers are stored and never reused.
enum class GraphSection : std::uint32_t {
  kSteps = 1,
  kCentre = 2,
  kCodes = 3,
  kTerms = 4,
  kLinks = 5,
  kUpperLinks = 6,
  kFirst = 7,
  kPositions = 8,
  kReflections = 9,
  kRest = 10,
  kFine = 11,
  kRestScales = 12
};
inline constexpr std::size_t kGraphSections = 12;

// Whose distances put what a walk found in order.
enum class GraphRanking : std::uint8_t { kVectors = 0, kCodes = 1 };
// Whose queries were asked with: those drawn from rows, or those that StrangeQueries says.
enum class GraphAsked : std::uint8_t { kRows = 0, kStrange = 1 };

// What a walk that held `ef` candidates found of the true 10 nearest of the queries, and what it cost.
struct GraphStep {
  std::uint16_t ef = 0;
  GraphRanking ranking = GraphRanking::kVectors;
  GraphAsked asked = GraphAsked::kRows;
  float recall_low = 0;  // promised: the lower end of the 95 % interval of the mean, or as GraphCalibration says
  float recall_mean = 0;
  float distances = 0;  // a query, mean
};

static_assert(sizeof(GraphStep) == 16, "mapped as it is");

struct GraphHeader {
  std::uint64_t owner = 0;
  Metric metric = Metric::kCosine;
  std::uint32_t dim = 0;
  std::uint32_t rows = 0;
  std::uint32_t nodes = 0;
  std::uint32_t degree = 0;
  std::uint32_t ef = 0;
  std::uint32_t steps = 0;
  double unit = 1;  // CodeSpace
  double length = 1;
  std::array<std::uint32_t, kGraphLevels> level_nodes{};  // not increasing; [0] is nodes; 0 past the highest level
  GraphCodes codes = GraphCodes::kFull;
  std::uint32_t front = 0;    // PlaneShape; 0 for full codes, which have no planes
  double distance_error = 0;  // of distances by codes, root mean square; 0 for full codes

  std::uint32_t levels() const;  // how many have nodes, at least 1
  std::size_t link_stride(std::uint32_t level) const { return level == 0 ? 2 * degree : degree; }
  std::size_t walked_bytes() const;  // of a node's codes that walks look at
  PlaneShape planes() const { return {dim, front}; }
  std::uint32_t link_bits() const;  // of a link on level 0
  std::size_t link_bytes() const;   // of a node's links on level 0
  std::uint64_t section_bytes(GraphSection section) const;
};
// Numbers at the front of turned rows.
std::uint32_t graph_front(std::uint32_t dim, GraphCodes codes);

struct GraphLayout {
  std::array<std::uint64_t, kGraphSections> offsets{};
  std::uint64_t file_bytes = 0;
};
GraphLayout layout_of(const GraphHeader& header);

struct GraphView {
  GraphHeader header;
  CodeSpace space;
  std::span<const GraphStep> steps;                 // of queries drawn from rows, then of strange ones
  std::span<const std::uint8_t> codes;              // nodes * walked_bytes(): of the whole row, or of its front
  std::span<const CodeTerms> terms;                 // nodes
  std::span<const std::uint8_t> link_table;         // of level 0
  std::span<const std::uint32_t> upper_link_table;  // level 1, then 2, ...
  std::span<const std::uint32_t> first;             // nodes + 1, or none when every node has one row
  std::span<const std::uint32_t> positions;         // of rows in the block, node by node
  std::span<const float> reflections;               // of the turn
  std::span<const std::uint8_t> rest;               // of rows behind the front
  std::span<const std::uint8_t> fine;
  std::span<const float> rest_scales;
  std::optional<Planes> planes;  // none for full codes

  LinkSource links(std::uint32_t level) const;
  // REQUIRES: not full codes.
  PlaneRow plane_row(std::uint32_t node) const;
  // Of strange queries where they were measured, else as of others.
  std::span<const GraphStep> steps_for(bool strange) const;
  // Positions of a node's rows; each may be past the end in a damaged file.
  std::span<const std::uint32_t> positions_of(std::uint32_t node) const;
};

// kCorrupt, or kMismatch for another version.
Result<GraphView> parse_graph(ByteView file);
// A view of a file in the making. REQUIRES: file.size() == layout_of(header).file_bytes.
GraphView view_graph(ByteView file, const GraphHeader& header);
// Sums, and every number in every section but whether all nodes are reached.
Status check_graph_sections(ByteView file, const GraphView& view);
// Writes header, table and sums over a file whose sections are in place.
void finish_graph_file(const GraphHeader& header, std::span<std::byte> file);

template <typename T>
std::span<T> graph_section(std::span<std::byte> file, const GraphHeader& header, GraphSection section) {
  const auto offset = layout_of(header).offsets[static_cast<std::size_t>(section) - 1];
  return {reinterpret_cast<T*>(file.data() + offset), header.section_bytes(section) / sizeof(T)};
}

}  // namespace pictor
