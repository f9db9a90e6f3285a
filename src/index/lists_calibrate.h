// Measures what recall lists give, with how many of them and how many re-scored rows, while a file is written: the
// codes are seen once, list after list, and are not kept. Inside index/ only.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "index/lists_file.h"
#include "index/lists_space.h"
#include "index/rows_ahead.h"

namespace pictor {

// Lists in the making: everything but the codes.
struct MadeLists {
  const VectorBlock& block;
  const ListSpace& space;
  std::uint32_t bits;
  std::span<const float> centres;
  std::span<const std::uint8_t> centre_codes;
  std::span<const ListTerms> lists;
  std::span<const std::uint32_t> list_of;  // of a position
  std::span<const std::uint32_t> first;
  std::span<const std::uint32_t> positions;

  std::span<const float> centre(std::size_t list) const { return centres.subspan(list * space.width(), space.width()); }
};

// Codes of the row at a position; `square` is the squared length of its rest.
CodeTerms code_row(const MadeLists& made, std::size_t position, std::span<std::uint8_t> out, float& square);
float likeness_of_row(const MadeLists& made, const ListQuery& query, std::size_t position);

// The same numbers whatever the threads. Call draw, find_truth, count for all lists, finish.
class ListCalibrator {
 public:
  ListCalibrator(const MadeLists& made, const RowsAhead& ahead, ThreadPool* pool)
      : made_(made), ahead_(ahead), pool_(pool) {}

  // Queries near rows of the block, which are then no answers of theirs; and those of `strange` that can be asked with.
  void draw(const StrangeQueries& strange);
  // Their true nearest; after(rows done) is called now and then and may say that it is enough, which this then returns.
  Status find_truth(const std::function<Status(std::size_t rows)>& after);
  // Rows of the lists from `begin` to `end`, whose codes and terms start at those of list `begin`.
  void count(std::size_t begin, std::size_t end, const std::uint8_t* codes, const CodeTerms* terms);
  // REQUIRES: lists have their spreads and means now.
  ListCalibration finish(const std::function<double(double rows, double rescored)>& cost) const;

 private:
  static constexpr std::uint32_t kNoPosition = UINT32_MAX;
  struct Looked {
    std::uint32_t list = 0;
    std::uint32_t stage = 0;
  };
  struct Wanted {
    float likeness = 0;       // by codes
    float truly = 0;          // by its numbers
    std::uint32_t stage = 0;  // at which its list is looked into
    std::uint32_t list = 0;
  };
  struct Drawn {
    std::vector<float> vector;
    float inverse_norm = 0;
    std::uint32_t position = 0;  // of the row it was made of; kNoPosition of a strange one
    bool strange() const { return position == kNoPosition; }
    ListQuery query;
    std::vector<Neighbor> truth;        // rows are positions
    std::vector<Wanted> wanted;         // of truth, in its order
    std::vector<float> likeness;        // of truth, ascending
    std::vector<Looked> looked;         // lists, ascending
    std::vector<double> rows_at;        // in the lists up to a stage
    std::vector<std::uint32_t> better;  // [stage][how many of `likeness` are below]: rows
  };
  struct Sums {
    double recall = 0;
    double squares = 0;
  };

  void add_strange(const StrangeQueries& strange);
  bool can_ask(Drawn& drawn) const;
  Drawn mix(std::uint32_t position, std::uint32_t other) const;
  void scan(std::size_t begin, std::size_t count, std::span<const float> worst,
            std::vector<std::vector<Neighbor>>& found) const;
  void prepare(Drawn& drawn) const;
  void count_list(Drawn& drawn, const Looked& looked, const std::uint8_t* codes, const CodeTerms* terms) const;
  // Of queries drawn from rows, or of strange ones; a step is kept when it closes `gain` of what the one before left
  // open.
  std::vector<ListStep> steps_of(std::size_t k, bool strange, double gain,
                                 const std::function<double(double, double)>& cost) const;
  void add_recalls(const Drawn& drawn, std::size_t k, std::vector<Sums>& sums) const;
  double lever_and_spread(const Drawn& drawn, const Wanted& wanted, float product) const;
  float reach() const;
  float doubt() const;

  const MadeLists& made_;
  const RowsAhead& ahead_;
  ThreadPool* pool_;
  std::vector<std::uint32_t> stages_;  // numbers of lists looked into that are tried
  std::vector<Drawn> drawn_;
};

}  // namespace pictor
