// Columns of fresh rows, in memory: each filter makes those of a few more rows, so that SQL never has many to read.
//
// Fresh rows do not change, so columns of a run of them stay right until they are sealed. Thread safety: any thread.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "store/columns.h"
#include "store/readers.h"

namespace pictor {

class FreshColumns {
 public:
  static constexpr std::uint64_t kRows = 2048;  // in one of them

  // Of runs of rows from sealed_row + 1 on, none past last_row. Makes one more if there is one to make.
  std::vector<std::shared_ptr<const Columns>> of(Readers& readers, RowId sealed_row, RowId last_row);

 private:
  std::mutex mutex_;
  RowId sealed_row_ = 0;
  std::vector<std::shared_ptr<const Columns>> known_;
};

}  // namespace pictor
