// Rows that another process reads: for a library that a damaged file can bring down, or make take all memory.
//
// The process is a copy of this one that runs nothing but `open` and the reading, with limits::kChildBytesMax more
// memory than this one has now, and sends what it reads through a pipe. It ends with the Rows, and with its parent.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "exchange/rows.h"

namespace pictor {

// `name` is how messages name the file. kUnreadable when the process ends before the rows do.
Result<std::unique_ptr<Rows>> open_in_child(const std::string& name,
                                            const std::function<Result<std::unique_ptr<Rows>>()>& open);

}  // namespace pictor
