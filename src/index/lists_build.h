// Lists in the making, with a say in the memory. Inside index/ only.
#pragma once

#include "index/index.h"

namespace pictor {

// As write_list_index, holding at most so many bytes of codes, or one list.
Status write_list_index(const VectorBlock& block, Metric metric, const ListBuildOptions& options, ThreadPool* pool,
                        const ByteSink& sink, std::uint64_t buffer_bytes);

}  // namespace pictor
