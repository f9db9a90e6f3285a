// What another stack recorded of its own stages, for some pictures and texts: a manifest with raw files, JSON lines, or
// files beside pictures. docs/formats/golden.md and docs/how/compare-your-stack.md describe the three.
//
// Everything is checked as hostile input is; numbers are read when they are asked for.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/base.h"

namespace pictor {

inline constexpr std::string_view kDecodedStage = "decoded";
inline constexpr std::string_view kTensorStage = "tensor";
inline constexpr std::string_view kTokensStage = "token_ids";
// What tokenizer.json gives, where the reference's own tokenizer departs from it.
inline constexpr std::string_view kFileTokensStage = "token_ids_json";
inline constexpr std::string_view kMaskStage = "attention_mask";
inline constexpr std::string_view kVectorStage = "vector";
inline constexpr std::string_view kUnitStage = "vector_unit";

enum class NumberType : std::uint8_t { kU8, kF32, kI64 };

struct ForeignRecord {
  std::string stage;  // one of the above, or the name of a network's output
  std::string head;   // of a vector; empty: not said
  NumberType type = NumberType::kF32;
  std::vector<std::int64_t> shape;  // empty: not said
  std::string file;                 // empty: the numbers are in `given`
  std::uint64_t offset = 0, bytes = 0;
  std::vector<double> given;
};

// A head as they call it, and what of their network it is.
struct ForeignHead {
  std::string name, tower, output, pool;
};

struct ForeignItem {
  std::string name;
  bool is_picture = false;
  std::string file;  // of a picture: path
  std::string text;
  std::vector<ForeignRecord> records;

  const ForeignRecord* find(std::string_view stage) const;
};

struct ForeignSet {
  std::vector<ForeignHead> heads;
  std::vector<ForeignItem> items;
};

// `path`: a manifest.json, a JSON lines file, or a folder with one of them, or with pictures and raw files beside them.
// kUnreadable, kLimit: says which line or entry and why.
Result<ForeignSet> read_foreign(Env& env, const std::string& path);

// kMismatch when the record has other numbers than are asked for.
Result<std::vector<float>> floats_of(Env& env, const ForeignRecord& record);
Result<std::vector<std::int64_t>> integers_of(Env& env, const ForeignRecord& record);
Result<std::vector<std::uint8_t>> pixels_of(Env& env, const ForeignRecord& record);

}  // namespace pictor
