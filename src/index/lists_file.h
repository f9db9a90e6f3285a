// List files as docs/formats/lists.md describes them: where everything lies, reading, and writing front to back.
//
// Thread safety: pure functions; a ListView looks into the bytes that it was parsed from. Parsing reads the header, the
// footer and the small sections; a position, a scale or a code that a view gives may be damaged: it is checked where it
// is used. Inside index/ only.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "base/base.h"
#include "index/index.h"
#include "index/lists_space.h"
#include "vector/vector.h"

namespace pictor {

inline constexpr std::uint32_t kListVersion = 1;
inline constexpr std::size_t kListAlignment = 64;

// Kinds of sections, in this order. Numbers are stored and never reused.
enum class ListSection : std::uint32_t {
  kMean = 1,
  kCentres = 2,
  kCentreCodes = 3,
  kFirst = 4,
  kPositions = 5,
  kCodes = 6,
  kTerms = 7,
  kLists = 8,
  kSteps = 9
};
inline constexpr std::size_t kListSections = 9;

// Numbers of neighbours that steps are measured with.
inline constexpr std::array<std::uint32_t, 2> kListKs = {10, 100};

// What was found of the true k nearest of the queries that were measured with, and what it cost.
struct ListStep {
  std::uint32_t probes = 0;    // lists looked into
  std::uint32_t rescored = 0;  // rows whose vectors were read
  float recall_low = 0;        // lower end of the 95 % interval of the mean
  float recall_mean = 0;
  float rows = 0;             // in the lists looked into, mean
  std::uint32_t strange = 0;  // 1: measured with StrangeQueries
};

struct ListCalibration {
  std::array<std::uint32_t, kListKs.size()> counts{};  // steps measured with each k
  // A list is looked into, if a filter is asked, while mean likeness of its rows + reach * lever * spread is no worse
  // than what is held.
  float reach = 0;
  // A likeness by codes and one by the vectors differ by no more than doubt * lever * spread, nearly always.
  float doubt = 0;
  std::array<std::array<ListStep, limits::kListStepsMax>, kListKs.size()> steps{};  // of strange queries the last
};

// Of one list.
struct ListTerms {
  float scale = 0;   // of its centre's code
  float rank = 0;    // likeness of its centre: product with the query + rank
  float mean = 0;    // mean likeness of its rows: product with the query + mean
  float square = 0;  // |c|^2
  float spread = 0;  // root mean square length of its rows' rests
  std::array<std::uint32_t, 3> reserved{};
};

static_assert(sizeof(ListStep) == 24 && sizeof(ListTerms) == 32 && sizeof(CodeTerms) == 8, "mapped as they are");
static_assert(sizeof(ListCalibration) == 16 + kListKs.size() * limits::kListStepsMax * sizeof(ListStep));

struct ListHeader {
  std::uint64_t owner = 0;
  Metric metric = Metric::kCosine;
  std::uint32_t dim = 0;
  std::uint32_t rows = 0;
  std::uint32_t lists = 0;
  std::uint32_t bits = 4;
  double unit = 1;  // ListSpace
  double length = 1;

  std::uint64_t section_bytes(ListSection section) const;
};

struct ListLayout {
  std::array<std::uint64_t, kListSections> offsets{};
  std::uint64_t footer = 0;
  std::uint64_t file_bytes = 0;
};
ListLayout layout_of(const ListHeader& header);

struct ListView {
  ListHeader header;
  std::span<const float> mean;                 // dim
  std::span<const float> centres;              // lists * width
  std::span<const std::uint8_t> centre_codes;  // lists * width
  std::span<const std::uint32_t> first;        // lists + 1, ascending from 0 to rows
  std::span<const std::uint32_t> positions;    // of rows in the block, list by list
  std::span<const std::uint8_t> codes;         // rows * list_row_bytes
  std::span<const CodeTerms> terms;            // rows
  std::span<const ListTerms> lists;
  const ListCalibration* calibration = nullptr;

  // Of strange queries where they were measured, else as of others.
  std::span<const ListStep> steps(std::size_t of_k, bool strange) const;
};

// kCorrupt, or kMismatch for another version.
Result<ListView> parse_lists(ByteView file);
// Sums, and every number in every section.
Status check_list_sections(ByteView file, const ListView& view);

// Writes a file front to back: all sections in order, each whole or in pieces, then finish.
class ListWriter {
 public:
  ListWriter(const ListHeader& header, const ByteSink& sink);
  Status start();
  // Bytes of a section, after those given before. REQUIRES: sections are given in order, as long as section_bytes says.
  Status add(ListSection section, ByteView bytes);
  Status finish();

 private:
  Status put(ByteView bytes);
  Status fill_to(std::uint64_t offset);

  ListHeader header_;
  ListLayout layout_;
  const ByteSink& sink_;
  std::uint64_t written_ = 0;
  std::array<std::uint32_t, kListSections> sums_{};
};

}  // namespace pictor
