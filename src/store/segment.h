// Segment files: vectors that no longer change, as docs/formats/segment.md describes them, mapped into memory.
//
// Thread safety: pure functions. A SegmentView looks into the bytes that it was parsed from and must not outlive them.
// Parsing checks every number it uses, so that no bytes whatever make a reader leave them; it does not read the
// vectors.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/base.h"
#include "pictor/types.h"

namespace pictor {

inline constexpr std::uint32_t kSegmentVersion = 1;
inline constexpr std::size_t kSegmentAlignment = 64;

// Kinds of sections. Numbers are stored and never reused.
enum class SectionKind : std::uint32_t { kSpaceId = 1, kRows = 2, kBorn = 3, kInverseNorms = 4, kVectors = 5 };

struct SegmentSpaceView {
  SpaceId id;
  std::uint32_t dim = 0;
  std::span<const RowId> rows;  // ascending
  std::span<const Sequence> born;
  std::span<const float> inverse_norms;
  std::span<const float> vectors;  // rows.size() * dim
};

struct SegmentView {
  std::uint64_t id = 0;
  RowId first_row = 0;  // the rows it is responsible for, whether they have vectors or not
  RowId last_row = 0;
  std::uint32_t footer_crc = 0;  // of the footer, which holds the sums of all else
  std::vector<SegmentSpaceView> spaces;
};

// Checks header, table, bounds and their sums. kCorrupt says what was seen and wanted.
Result<SegmentView> parse_segment(ByteView file);
// Reads everything: the sum of every section, rows in order and within the segment.
Status check_segment(ByteView file, const SegmentView& view);

// A run of vectors in memory, to be written. All pointers hold `count` entries.
struct SegmentPiece {
  const RowId* rows = nullptr;
  const Sequence* born = nullptr;
  const float* inverse_norms = nullptr;
  const float* vectors = nullptr;
  std::size_t count = 0;
};

struct SegmentSpaceContent {
  SpaceId id;
  std::uint32_t dim = 0;
  std::vector<SegmentPiece> pieces;
};

struct SegmentContent {
  std::uint64_t id = 0;
  RowId first_row = 0;
  RowId last_row = 0;
  std::vector<SegmentSpaceContent> spaces;
};

// Called after each piece of the file, of kSegmentStepBytes at most, with its bytes. An error stops the writing.
using SegmentStep = std::function<Status(std::uint64_t bytes)>;
inline constexpr std::size_t kSegmentStepBytes = std::size_t{1} * limits::kMiB;

// Written aside, synced, renamed, folder synced: when this returns ok, `path` is durable. On error no file is left,
// unless that cannot be done either.
Status write_segment(Env& env, const std::string& path, const SegmentContent& content,
                     const SegmentStep& step = nullptr);

}  // namespace pictor
