// The comparison behind `pictor encoder verify NAME --against`: each item's stages beside ours, then why they depart.
// Internal to compare.cpp and compare_causes.cpp.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "encode/foreign_records.h"
#include "encode/own_stages.h"
#include "encode/vector_causes.h"

namespace pictor {

// What one item is, stage by stage: theirs where it was recorded and can be gone on from, else ours.
struct ItemState {
  const ForeignItem* item = nullptr;
  Bytes file;    // of a picture
  Image pixels;  // theirs when `their_pixels`, else ours
  bool their_pixels = false;
  std::vector<float> tensor;  // theirs when `their_tensor`
  bool their_tensor = false;
  Tokens tokens;  // of a text: theirs when `their_tokens`
  bool their_tokens = false;
  Outputs outputs;  // of that tensor, or those tokens; empty when nothing recorded needs them

  PictureInput input() const { return {file, their_pixels ? &pixels : nullptr}; }
};

// A stage of an item that is not ours.
struct Departed {
  const ForeignItem* item = nullptr;
  const ForeignRecord* record = nullptr;
};

class Comparison {
 public:
  Comparison(Env& env, const OwnStages& stages, const ForeignSet& theirs, const ForeignRequest& request)
      : env_(env), stages_(stages), theirs_(theirs), request_(request) {}

  Result<ForeignReport> run();

 private:
  struct Row {
    StageReport report;
    std::vector<Departed> departed;
  };
  struct Beside {
    bool equal = false, close = false;
    double max_abs = 0, cosine = 1;
    std::size_t first = 0, ours = 0, theirs = 0;
  };
  template <typename T>
  static Beside beside(std::span<const T> ours, std::span<const T> theirs);

  // Ok and no state when the item cannot be compared; a note says why.
  Status compare_picture(const ForeignItem& item);
  Status compare_text(const ForeignItem& item);
  Result<bool> begin_picture(const ForeignItem& item, ItemState& state, bool with_rows);
  Result<bool> begin_text(const ForeignItem& item, ItemState& state, bool with_rows);
  Status take_tokens(const ForeignItem& item, const ForeignRecord& record, ItemState& state);
  Result<bool> compare_tensor(const ForeignItem& item, ItemState& state, bool with_rows);
  Status compare_outputs(const ItemState& state);
  Status compare_vectors(const ItemState& state);
  int head_of(const ForeignRecord& record, bool pictures);  // -1: none of ours; a note says so
  void add(const ItemState& state, const ForeignRecord& record, const std::string& stage, const std::string& head,
           const Beside& beside);
  void note(const std::string& text);

  // compare_causes.cpp
  void find_causes(ForeignReport& report);
  DepartureCause cause_of(const Row& row);
  std::vector<std::string> cause_of_one(const Row& row, const Departed& departed);
  std::vector<std::string> cause_of_numbers(const Row& row, const ItemState& state, const ForeignRecord& record);

  Env& env_;
  const OwnStages& stages_;
  const ForeignSet& theirs_;
  const ForeignRequest& request_;
  std::vector<Row> rows_;
  std::vector<std::string> notes_;
};

}  // namespace pictor
