// Lists in the making: a sample clustered, every row given to its list, its rest coded, all written front to back.
//
// The block may be larger than memory, so its vectors are read in the order of the rows, again and again: once each for
// the unit (not for cosine), the lists, the calibration's truth, and once for every buffer of codes.
#include "index/lists_build.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <utility>

#include "index/graph_nodes.h"
#include "index/lists_calibrate.h"
#include "index/lists_cluster.h"
#include "index/lists_search.h"
#include "index/rows_ahead.h"

namespace pictor {
namespace {

constexpr std::size_t kSampledALists = 128;  // rows of the sample for each list
constexpr std::size_t kSampledLeast = 16'384;
constexpr std::size_t kRowsForMean = 65'536;
constexpr std::size_t kRowsAList = 32;    // a list is no shorter on average, unless it is asked for
constexpr std::size_t kLongestTimes = 8;  // a list is cut that is so many times as long as the average
constexpr std::size_t kLongestLeast = 64;
constexpr std::size_t kRowsATask = 256;
constexpr std::size_t kTasksAtOnce = 256;            // between two calls of progress
constexpr std::size_t kDrawnAhead = 2 * kRowsATask;  // drawn rows that are asked for and not read yet

std::span<const std::uint32_t> part(std::span<const std::uint32_t> all, std::size_t begin, std::size_t count) {
  begin = std::min(begin, all.size());
  return all.subspan(begin, std::min(count, all.size() - begin));
}

// SplitMix64 (Steele, Lea, Flood 2014): the same on every machine.
std::uint64_t mixed(std::uint64_t x) {
  x += 0x9E3779B97F4A7C15;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
  return x ^ (x >> 31);
}

// One row of each of `count` equal stretches, drawn within it; ascending.
std::vector<std::uint32_t> drawn_rows(std::size_t rows, std::size_t count) {
  std::vector<std::uint32_t> drawn(count);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t begin = i * rows / count;
    const std::size_t end = (i + 1) * rows / count;
    drawn[i] = static_cast<std::uint32_t>(begin + mixed(i) % (end - begin));
  }
  return drawn;
}

std::size_t lists_for(std::size_t rows, std::uint32_t asked) {
  if (asked != 0) return std::min<std::size_t>(asked, rows);
  const auto by_root = static_cast<std::size_t>(4 * std::sqrt(static_cast<double>(rows)));
  return std::clamp<std::size_t>(std::min(by_root, rows / kRowsAList), 1, limits::kListsMax);
}

Status check_options(const VectorBlock& block, Metric metric, const ListBuildOptions& options) {
  if (block.count < 1 || block.count > limits::kListRowsMax) {
    return {Code::kInvalid, "lists of " + std::to_string(block.count) + " rows are asked for, wanted 1 to " +
                                std::to_string(limits::kListRowsMax)};
  }
  if (block.dim < 1 || block.dim > limits::kVectorDimMax) {
    return {Code::kInvalid, "lists of vectors of " + std::to_string(block.dim) +
                                " numbers are asked for, wanted 1 to " + std::to_string(limits::kVectorDimMax)};
  }
  if (options.lists > limits::kListsMax) {
    return {Code::kInvalid, std::to_string(options.lists) + " lists are asked for, wanted at most " +
                                std::to_string(limits::kListsMax) + ", or 0 for as many as suit"};
  }
  if (options.bits != 4 && options.bits != 8) {
    return {Code::kInvalid, "codes of " + std::to_string(options.bits) + " bits are asked for, wanted 4 or 8"};
  }
  if (options.memory_bytes < limits::kListBuildBytesMin) {
    return {Code::kInvalid, std::to_string(options.memory_bytes) +
                                " bytes are given for the making of lists, wanted at least " +
                                std::to_string(limits::kListBuildBytesMin)};
  }
  if (metric == Metric::kCosine && block.inverse_norms == nullptr) {
    return {Code::kInvalid, "lists for the cosine metric need inverse norms, the block has none"};
  }
  return Status::ok();
}

class ListBuilder {
 public:
  ListBuilder(const VectorBlock& block, Metric metric, const ListBuildOptions& options, ThreadPool* pool,
              std::uint64_t buffer_bytes)
      : block_(block),
        metric_(metric),
        options_(options),
        pool_(pool),
        buffer_bytes_(buffer_bytes),
        ahead_(block_, options.will_read),
        space_(fit_space()) {}

  Status write(const ByteSink& sink) {
    train();
    PICTOR_TRY(report(1, 0));
    PICTOR_TRY(assign());
    order();
    describe_lists();
    const MadeLists made{block_,          space_,   options_.bits, centres_,  codes_of_centres_,
                         terms_of_lists_, list_of_, first_,        positions_};
    ListCalibrator calibrator(made, ahead_, pool_);
    calibrator.draw(options_.strange);
    PICTOR_TRY(calibrator.find_truth([this](std::size_t rows) { return report(2, rows); }));
    ListWriter writer(header(), sink);
    PICTOR_TRY(writer.start());
    PICTOR_TRY(writer.add(ListSection::kMean, std::as_bytes(space_.mean())));
    PICTOR_TRY(writer.add(ListSection::kCentres, std::as_bytes(std::span(centres_))));
    PICTOR_TRY(writer.add(ListSection::kCentreCodes, std::as_bytes(codes_of_centres_)));
    PICTOR_TRY(writer.add(ListSection::kFirst, std::as_bytes(std::span(first_))));
    PICTOR_TRY(writer.add(ListSection::kPositions, std::as_bytes(std::span(positions_))));
    PICTOR_TRY(write_codes(made, calibrator, writer));
    spread_lists();
    const ListCosts costs = ListCosts::measured(block_.dim, options_.bits);
    const ListCalibration calibration =
        calibrator.finish([&](double rows, double rescored) { return costs.row * rows + costs.rescored * rescored; });
    PICTOR_TRY(writer.add(ListSection::kTerms, std::as_bytes(std::span(terms_))));
    PICTOR_TRY(writer.add(ListSection::kLists, std::as_bytes(std::span(terms_of_lists_))));
    PICTOR_TRY(writer.add(ListSection::kSteps, std::as_bytes(std::span(&calibration, 1))));
    return writer.finish();
  }

 private:
  // Work is counted in rows: four times all of them, for the sample, the lists, the truth and the codes.
  Status report(std::uint64_t phase, std::uint64_t rows) const {
    if (!options_.progress || options_.progress(phase * block_.count + rows, 4 * block_.count)) return Status::ok();
    return {Code::kCancelled, "making lists was stopped"};
  }

  const float* row(std::size_t position) const { return block_.vectors + position * block_.dim; }

  // A power of two that brings every number into [-1, 1].
  double unit_of_rows() const {
    if (metric_ == Metric::kCosine) return 1;
    std::vector<float> most((block_.count + kRowsATask - 1) / kRowsATask, 0.0F);
    ahead_.starting(0, kRowsATask);
    for_each_index(pool_, most.size(), [&](std::size_t task) {
      const std::size_t end = std::min(block_.count, (task + 1) * kRowsATask);
      ahead_.reading(task * kRowsATask, kRowsATask);
      for (const float* x = row(task * kRowsATask); x != row(end); ++x)
        most[task] = std::max(most[task], std::fabs(*x));
    });
    const float all = *std::max_element(most.begin(), most.end());
    return all == 0 ? 1.0 : std::ldexp(1.0, -(std::ilogb(all) + 1));
  }

  ListSpace fit_space() const {
    const double unit = unit_of_rows();
    const auto drawn = drawn_rows(block_.count, std::min(block_.count, kRowsForMean));
    std::vector<double> sums(block_.dim, 0.0);
    double squares = 0;
    ahead_.soon(part(drawn, 0, kDrawnAhead));
    for (std::size_t i = 0; i < drawn.size(); ++i) {
      if (i % kRowsATask == 0) ahead_.soon(part(drawn, i + kDrawnAhead, kRowsATask));
      const std::uint32_t position = drawn[i];
      const double factor = metric_ == Metric::kCosine ? static_cast<double>(block_.inverse_norms[position]) : unit;
      for (std::uint32_t j = 0; j < block_.dim; ++j) {
        const double number = static_cast<double>(row(position)[j]) * factor;
        sums[j] += number;
        squares += number * number;
      }
    }
    const auto count = static_cast<double>(drawn.size());
    std::vector<float> mean(block_.dim);
    for (std::uint32_t j = 0; j < block_.dim; ++j) mean[j] = static_cast<float>(sums[j] / count);
    const double length = metric_ == Metric::kInnerProduct ? std::sqrt(squares / count) : 1.0;
    return {metric_, block_.dim, unit, length, std::move(mean)};
  }

  void place(std::size_t position, std::span<float> out) const {
    space_.place_row(row(position), metric_ == Metric::kCosine ? block_.inverse_norms[position] : 0.0F, out);
  }

  void train() {
    const std::size_t lists = lists_for(block_.count, options_.lists);
    const std::size_t affordable = std::max<std::size_t>(lists, options_.memory_bytes / space_.width());
    const std::size_t wanted = std::max(kSampledLeast, lists * kSampledALists);
    const auto drawn = drawn_rows(block_.count, std::min({block_.count, wanted, affordable}));
    CodedVectors sample(space_.width(), drawn.size());
    ahead_.soon(part(drawn, 0, kDrawnAhead));
    for_each_index(pool_, (drawn.size() + kRowsATask - 1) / kRowsATask, [&](std::size_t task) {
      std::vector<float> placed(space_.width());
      ahead_.soon(part(drawn, task * kRowsATask + kDrawnAhead, kRowsATask));
      const std::size_t end = std::min(drawn.size(), (task + 1) * kRowsATask);
      for (std::size_t i = task * kRowsATask; i < end; ++i) {
        place(drawn[i], placed);
        sample.set(i, placed);
      }
    });
    trained_ = Centres::train(sample, lists, pool_);
  }

  Status assign() {
    list_of_.resize(block_.count);
    ahead_.starting(0, kRowsATask);
    constexpr std::size_t kStretch = kRowsATask * kTasksAtOnce;
    for (std::size_t begin = 0; begin < block_.count; begin += kStretch) {
      const std::size_t end = std::min(block_.count, begin + kStretch);
      for_each_index(pool_, (end - begin + kRowsATask - 1) / kRowsATask, [&](std::size_t task) {
        std::vector<float> placed(space_.width());
        CodedRow coded(space_.width());
        const std::size_t from = begin + task * kRowsATask;
        ahead_.reading(from, kRowsATask);
        for (std::size_t i = from; i < std::min(end, from + kRowsATask); ++i) {
          place(i, placed);
          coded.set(placed);
          list_of_[i] = trained_.nearest(coded);
        }
      });
      PICTOR_TRY(report(1, end));
    }
    return Status::ok();
  }

  // Leaves out lists without rows and cuts those that are far too long into pieces with the same centre; then rows list
  // by list, ascending.
  void order() {
    std::vector<std::uint32_t> sizes(trained_.size(), 0);
    for (const std::uint32_t list : list_of_) ++sizes[list];
    const std::size_t longest = std::max(kLongestLeast, kLongestTimes * block_.count / trained_.size());
    std::vector<std::uint32_t> pieces(sizes.size());
    std::vector<std::uint32_t> piece_first(sizes.size() + 1, 0);
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      pieces[i] = static_cast<std::uint32_t>((sizes[i] + longest - 1) / longest);
      piece_first[i + 1] = piece_first[i] + pieces[i];
    }
    std::vector<std::uint32_t> met(sizes.size(), 0);
    first_.assign(std::size_t{piece_first.back()} + 1, 0);
    for (std::uint32_t& list : list_of_) {
      const std::uint64_t piece = std::uint64_t{met[list]++} * pieces[list] / sizes[list];
      list = piece_first[list] + static_cast<std::uint32_t>(piece);
      ++first_[list + 1];
    }
    std::partial_sum(first_.begin(), first_.end(), first_.begin());
    positions_.resize(block_.count);
    slot_of_.resize(block_.count);
    auto next = first_;
    for (std::size_t i = 0; i < list_of_.size(); ++i) {
      slot_of_[i] = next[list_of_[i]]++;
      positions_[slot_of_[i]] = static_cast<std::uint32_t>(i);
    }
    trained_ = trained_.repeated(pieces);
  }

  void describe_lists() {
    codes_of_centres_ = trained_.coded().all_codes();
    centres_ = trained_.vectors();
    terms_of_lists_.resize(trained_.size());
    for (std::size_t i = 0; i < trained_.size(); ++i) {
      const auto centre = trained_.vector(i);
      ListTerms& terms = terms_of_lists_[i];
      terms.scale = trained_.coded().terms(i).scale;
      terms.square = kernels().dot(centre.data(), centre.data(), centre.size());
      terms.mean = space_.bias_of(centre);
      // The nearest centre, but for an inner product the one of the largest.
      terms.rank = metric_ == Metric::kInnerProduct ? terms.mean : -0.5F * terms.square;
    }
  }

  void spread_lists() {
    for (std::size_t i = 0; i < terms_of_lists_.size(); ++i) {
      double sum = 0;
      for (std::uint32_t slot = first_[i]; slot < first_[i + 1]; ++slot) sum += static_cast<double>(squares_[slot]);
      const double mean = sum / static_cast<double>(first_[i + 1] - first_[i]);
      terms_of_lists_[i].spread = static_cast<float>(std::sqrt(mean));
      if (metric_ == Metric::kL2) terms_of_lists_[i].mean -= static_cast<float>(0.5 * mean);
    }
  }

  ListHeader header() const {
    ListHeader header;
    header.owner = options_.owner;
    header.metric = metric_;
    header.dim = block_.dim;
    header.rows = static_cast<std::uint32_t>(block_.count);
    header.lists = static_cast<std::uint32_t>(terms_of_lists_.size());
    header.bits = options_.bits;
    header.unit = space_.unit();
    header.length = space_.length();
    return header;
  }

  Status write_codes(const MadeLists& made, ListCalibrator& calibrator, ListWriter& writer) {
    const std::size_t row_bytes = list_row_bytes(block_.dim, options_.bits);
    terms_.resize(block_.count);
    squares_.resize(block_.count);
    std::vector<std::uint8_t> buffer;
    for (std::size_t begin = 0; begin < terms_of_lists_.size();) {
      std::size_t end = begin + 1;
      while (end < terms_of_lists_.size() && (first_[end + 1] - first_[begin]) * row_bytes <= buffer_bytes_) ++end;
      buffer.resize((first_[end] - first_[begin]) * row_bytes);
      PICTOR_TRY(code_lists(made, begin, end, buffer));
      calibrator.count(begin, end, buffer.data(), terms_.data() + first_[begin]);
      PICTOR_TRY(writer.add(ListSection::kCodes, std::as_bytes(std::span(buffer))));
      begin = end;
    }
    return Status::ok();
  }

  Status code_lists(const MadeLists& made, std::size_t begin, std::size_t end, std::span<std::uint8_t> buffer) {
    const std::size_t row_bytes = list_row_bytes(block_.dim, options_.bits);
    const std::uint64_t rows = first_[end] - first_[begin];
    ahead_.starting(0, kRowsATask);
    constexpr std::size_t kStretch = kRowsATask * kTasksAtOnce;
    for (std::size_t from = 0; from < block_.count; from += kStretch) {
      const std::size_t to = std::min(block_.count, from + kStretch);
      for_each_index(pool_, (to - from + kRowsATask - 1) / kRowsATask, [&](std::size_t task) {
        const std::size_t at = from + task * kRowsATask;
        ahead_.reading(at, kRowsATask);
        for (std::size_t i = at; i < std::min(to, at + kRowsATask); ++i) {
          if (list_of_[i] < begin || list_of_[i] >= end) continue;
          const std::size_t slot = slot_of_[i];
          terms_[slot] =
              code_row(made, i, buffer.subspan((slot - first_[begin]) * row_bytes, row_bytes), squares_[slot]);
        }
      });
      PICTOR_TRY(report(3, first_[begin] + rows * to / block_.count));
    }
    return Status::ok();
  }

  const VectorBlock& block_;
  Metric metric_;
  const ListBuildOptions& options_;
  ThreadPool* pool_;
  std::uint64_t buffer_bytes_;
  RowsAhead ahead_;
  ListSpace space_;
  Centres trained_;
  std::span<const float> centres_;
  std::span<const std::uint8_t> codes_of_centres_;
  std::vector<ListTerms> terms_of_lists_;
  std::vector<std::uint32_t> list_of_;    // of a position
  std::vector<std::uint32_t> slot_of_;    // of a position
  std::vector<std::uint32_t> first_;      // slots of a list
  std::vector<std::uint32_t> positions_;  // of a slot
  std::vector<CodeTerms> terms_;          // of a slot
  std::vector<float> squares_;            // of a slot's rest
};

}  // namespace

Status write_list_index(const VectorBlock& block, Metric metric, const ListBuildOptions& options, ThreadPool* pool,
                        const ByteSink& sink, std::uint64_t buffer_bytes) {
  PICTOR_TRY(check_options(block, metric, options));
  return ListBuilder(block, metric, options, pool, buffer_bytes).write(sink);
}

Status write_list_index(const VectorBlock& block, Metric metric, const ListBuildOptions& options, ThreadPool* pool,
                        const ByteSink& sink) {
  return write_list_index(block, metric, options, pool, sink, options.memory_bytes);
}

Result<Bytes> build_list_index(const VectorBlock& block, Metric metric, const ListBuildOptions& options,
                               ThreadPool* pool) {
  Bytes file;
  PICTOR_TRY(write_list_index(block, metric, options, pool, [&](ByteView bytes) {
    file.insert(file.end(), bytes.begin(), bytes.end());
    return Status::ok();
  }));
  return file;
}

}  // namespace pictor
